/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/delivery_checks.h - checks of single strings that say what is sent where and when:
 * the counterpart of checks.h for subscriptions and profiles. Pure.
 */
#ifndef API_RESOURCES_DELIVERY_CHECKS_H
#define API_RESOURCES_DELIVERY_CHECKS_H

#include "hk/err.h"

/* An event type's name, "prefix.*" or "*". That a name exists, SQL asks. */
enum hk_code check_event_pattern(struct hk_str value, struct hk_error *reterr);

/* hk/schedule.h: the delays between attempts. */
enum hk_code check_schedule(struct hk_str value, struct hk_error *reterr);

/* hk/responses.h: a status, a class or "error", and what follows from it. */
enum hk_code check_response_key(struct hk_str value, struct hk_error *reterr);
enum hk_code check_response(struct hk_str value, struct hk_error *reterr);

/* [a-z0-9][a-z0-9_-]{0,63} */
enum hk_code check_profile_name(struct hk_str value, struct hk_error *reterr);

/* The name of a header field that a subscription may add: a token (RFC 9110, 5.6.2) that is not
 * ours, HTTP's or a proxy's. */
enum hk_code check_header_name(struct hk_str value, struct hk_error *reterr);

/* Up to 4096 bytes without control characters, which libcurl would send as they are. */
enum hk_code check_header_value(struct hk_str value, struct hk_error *reterr);

/* A bearer token: visible ASCII (RFC 6750 allows less, its issuers more). */
enum hk_code check_bearer_token(struct hk_str value, struct hk_error *reterr);

/* RFC 6749, 3.3: words of visible ASCII but for quotes and backslashes, single blanks between. */
enum hk_code check_token_scope(struct hk_str value, struct hk_error *reterr);

/* hk/certificate.h: each by itself; that they belong together, SQL is told. */
enum hk_code check_client_certificate(struct hk_str value, struct hk_error *reterr);
enum hk_code check_client_key(struct hk_str value, struct hk_error *reterr);

/* A signing secret of either kind, as hk/sign.h has them; padding may be missing. */
enum hk_code check_signing_secret(struct hk_str value, struct hk_error *reterr);

/* How a receiver may be asked whether it agrees, for `choices`: see api/receivers/handshake.h. */
#define VERIFICATION_CHOICES "none|challenge_get|cloudevents_options|echo_secret|url_verification"
#define VERIFICATION_FIELD(flags_)                                                                 \
    {                                                                                              \
        .name = "verification", .type = BODY_STRING, .flags = (flags_), .max = 32,                 \
        .choices = VERIFICATION_CHOICES                                                            \
    }

#endif
