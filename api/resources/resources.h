/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/resources.h - the route tables of the API's nouns. X.c has the tables of X: what a
 * body may hold, which parameters a query knows, the routes; X.sql beside it has the statements.
 * Nothing in this folder does I/O: api/http/call.c does, for all of them.
 */
#ifndef API_RESOURCES_RESOURCES_H
#define API_RESOURCES_RESOURCES_H

#include "api/http/route.h"

/* Each ends with a zero row. */
extern const struct route tenants_routes[];
extern const struct route tenant_secrets_routes[];
extern const struct route keys_routes[];
extern const struct route clients_routes[];
extern const struct route issuers_routes[];
extern const struct route signing_keys_routes[];
extern const struct route users_routes[];
extern const struct route sessions_routes[];
extern const struct route audit_log_routes[];
extern const struct route apps_routes[];
extern const struct route custom_fields_routes[];
extern const struct route companies_routes[];
extern const struct route connections_routes[];
extern const struct route backfills_routes[];
extern const struct route event_types_routes[];
extern const struct route profiles_routes[];
extern const struct route subscriptions_routes[];
extern const struct route subscription_secrets_routes[];
extern const struct route events_routes[];
extern const struct route exports_routes[];
extern const struct route tail_routes[];
extern const struct route messages_routes[];
extern const struct route attempts_routes[];
extern const struct route replays_routes[];
extern const struct route basiq_routes[];
extern const struct route hooks_routes[];
extern const struct route flows_routes[];
extern const struct route runs_routes[];
extern const struct route gaps_routes[];
extern const struct route stats_routes[];
extern const struct route test_messages_routes[];
extern const struct route previews_routes[];
extern const struct route payloads_routes[];

/* Bodies that are also part of the body that registers an app. */
extern const struct body_field custom_field_create_body[];
extern const struct body_field subscription_create_body[];
extern const struct body_field subscription_overrides_body[];
extern const struct body_field credentials_body[];
extern const struct body_field backfill_body[];

/*
 * Sets "=url_fault": why a tenant that does not allow http:// cannot have the URL at `path` of the
 * body (call_body_string()), NULL when it can. Which tenant it is, the statement knows.
 */
void subscription_set_url_fault(struct call *call, const char *path);

/* For `prepare` of routes whose body is a subscription's with its URL at "url": sets "=secrets"
 * (when it is made) and "=url_fault", and seals what is secret in it. */
enum hk_code subscription_prepare_create(struct call *call, struct hk_error *reterr);
enum hk_code subscription_prepare_update(struct call *call, struct hk_error *reterr);

/* For `prepare` of operators' routes below /v1/tenants/:tenant_id: acts for that tenant. */
enum hk_code tenant_prepare_one(struct call *call, struct hk_error *reterr);

/* Limits that more than one table names; characters unless said otherwise. */
enum {
    MAX_NAME = 200,
    MAX_EXTERNAL_ID = 128,
    MAX_PARTNER = 128, /* also the size of struct caller's */
    MAX_DESCRIPTION = 2000,
    MAX_EMAIL = 254, /* RFC 5321 */
    MAX_CUSTOM_FIELDS = 50,
    MAX_HEADERS = 32, /* of a subscription, of a test */
    MAX_CHOICES = 50,
    MAX_FIELD_EVENT_TYPES = 50,
    MAX_BOUND_BYTES = 64, /* of a minimum, of a maximum */
    MAX_ATTRIBUTES = 20,  /* of an event type */
    MAX_IMPORT = 1000,    /* rows of one request */
    MAX_OPENAPI_BYTES = 1 << 20,
    MAX_JSON_BYTES = 32768, /* of a schema, of a sample: a page has 250 */
};

/* How many requests a key or tenant may make; null is the installation's default. */
#define REQUEST_LIMIT_FIELDS                                                                       \
    {.name = "requests_per_second", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = 1000000}, \
    {                                                                                              \
        .name = "requests_burst", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .min = 1,          \
        .max = 1000000                                                                             \
    }

#endif
