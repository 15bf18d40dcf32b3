/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/checks.h - checks of single strings of a body, for `check` of struct body_field.
 * Pure. Each answers HK_OK, or HK_INVALID_BODY with a sentence in `reterr->detail`.
 */
#ifndef API_RESOURCES_CHECKS_H
#define API_RESOURCES_CHECKS_H

#include "hk/err.h"

/* Syntax only: whether http:// is allowed is the tenant's business, and SQL asks it. */
enum hk_code check_url(struct hk_str value, struct hk_error *reterr);

/* An https URL of a host, with nothing behind it but a slash: links of envelopes begin with it. */
enum hk_code check_base_url(struct hk_str value, struct hk_error *reterr);

/* RFC 3339 with a date that exists, as PostgreSQL's timestamptz takes it. */
enum hk_code check_timestamp(struct hk_str value, struct hk_error *reterr);

/* One network as hk_networks_parse() has them. */
/* A place in payloads: "$.person.iban", "$.lines[*].note", "$.people.*.name". */
enum { MAX_SENSITIVE_PATHS = 20 };
enum hk_code check_sensitive_path(struct hk_str value, struct hk_error *reterr);

enum hk_code check_network(struct hk_str value, struct hk_error *reterr);

/* A UUID. */
enum hk_code check_id(struct hk_str value, struct hk_error *reterr);

/* [A-Za-z][A-Za-z0-9_]{0,63} */
enum hk_code check_field_key(struct hk_str value, struct hk_error *reterr);

/* Where an attribute stands in a payload: $.order.lines[0].id, at most 128 bytes. */
enum hk_code check_attribute_path(struct hk_str value, struct hk_error *reterr);

/* [A-Za-z0-9_.-]{1,128}, alphanumeric at both ends: kebab-case is legal (AL-02). */
enum hk_code check_event_type(struct hk_str value, struct hk_error *reterr);

/* The same for one of the tenant's own: names below "hookline." are operational events. */
enum hk_code check_own_event_type(struct hk_str value, struct hk_error *reterr);

/* What HTTP Basic can carry (RFC 7617): no control characters; a user name has no colon. */
enum hk_code check_username(struct hk_str value, struct hk_error *reterr);
enum hk_code check_password(struct hk_str value, struct hk_error *reterr);
/* One "@" with something on both sides, no blanks: whether mail arrives, only mail can tell. */
enum hk_code check_email(struct hk_str value, struct hk_error *reterr);

/* As many bytes as struct caller has room for. */
enum hk_code check_partner_size(struct hk_str value, struct hk_error *reterr);

#endif
