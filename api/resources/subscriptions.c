/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions: the URLs that apps get their events at. The statements are in subscriptions.sql
 * beside this file.
 */
#include "api/http/call.h"
#include "api/receivers/verification.h"
#include "api/receivers/verification.sql.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/profile_fields.h"
#include "api/resources/resources.h"
#include "api/resources/sealed_body.h"
#include "api/resources/secrets.h"
#include "api/resources/subscriptions.sql.h"
#include "hk/certificate.h"
#include "hk/filter.h"
#include "hk/url.h"

enum { MAX_EVENT_TYPES = 100, MAX_RATE = 1000, MAX_IN_FLIGHT = 1000 };

/* A user name and a password, a token, or where to get one: SQL asks for one of them. */
const struct body_field credentials_body[] = {
    {.name = "username",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 256,
     .check = check_username},
    {.name = "password", .type = BODY_STRING, .max = 256, .check = check_password},
    {.name = "token",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 1024,
     .check = check_bearer_token},
    {.name = "token_url",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = HK_URL_MAX_BYTES,
     .check = check_url},
    {.name = "client_id",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 256,
     .check = check_bearer_token},
    {.name = "client_secret",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 256,
     .check = check_password},
    {.name = "scope",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 1024,
     .check = check_token_scope},
    {0},
};

static const struct body_field client_certificate_body[] = {
    {.name = "certificate",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = HK_CERTIFICATE_MAX_BYTES,
     .check = check_client_certificate},
    {.name = "private_key",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = HK_CERTIFICATE_KEY_MAX_BYTES,
     .check = check_client_key},
    {0},
};

const struct body_field subscription_overrides_body[] = {
    PROFILE_REQUEST_FIELDS(BODY_NULLABLE),
    PROFILE_POLICY_FIELDS(BODY_NULLABLE),
    {0},
};

/* What a new subscription must have is all that differs from a change of one. */
#define SUBSCRIPTION_FIELDS(required)                                                              \
    {.name = "url",                                                                                \
     .type = BODY_STRING,                                                                          \
     .flags = (required) | BODY_NONEMPTY,                                                          \
     .max = HK_URL_MAX_BYTES,                                                                      \
     .check = check_url},                                                                          \
        {.name = "event_types",                                                                    \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = (required) | BODY_NONEMPTY,                                                      \
         .max = MAX_EVENT_TYPES,                                                                   \
         .check = check_event_pattern},                                                            \
        {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},                      \
        {.name = "filter",                                                                         \
         .type = BODY_STRING,                                                                      \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = HK_FILTER_MAX_BYTES,                                                               \
         .check = hk_filter_check},                                                                \
        {.name = "profile", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = 64},               \
        {.name = "overrides",                                                                      \
         .type = BODY_OBJECT,                                                                      \
         .flags = BODY_NULLABLE,                                                                   \
         .fields = subscription_overrides_body},                                                   \
        {.name = "timeout_ms",                                                                     \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = MIN_TIMEOUT_MS,                                                                    \
         .max = MAX_TIMEOUT_MS},                                                                   \
        {.name = "headers",                                                                        \
         .type = BODY_STRING_MAP,                                                                  \
         .flags = BODY_NULLABLE,                                                                   \
         .max = MAX_HEADERS,                                                                       \
         .check = check_header_value,                                                              \
         .check_name = check_header_name},                                                         \
        {.name = "credentials",                                                                    \
         .type = BODY_OBJECT,                                                                      \
         .flags = BODY_NULLABLE,                                                                   \
         .fields = credentials_body},                                                              \
        {.name = "client_certificate",                                                             \
         .type = BODY_OBJECT,                                                                      \
         .flags = BODY_NULLABLE,                                                                   \
         .fields = client_certificate_body},                                                       \
        {.name = "rate_per_second",                                                                \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = MAX_RATE},                                                                         \
        {.name = "max_in_flight",                                                                  \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = MAX_IN_FLIGHT},                                                                    \
        {.name = "ordered", .type = BODY_BOOLEAN}, VERIFICATION_FIELD(BODY_NULLABLE),              \
    {                                                                                              \
        .name = "ordered_on_failure", .type = BODY_STRING, .max = 8, .choices = "hold|skip"        \
    }

const struct body_field subscription_create_body[] = {SUBSCRIPTION_FIELDS(BODY_REQUIRED), {0}};
static const struct body_field subscription_update_body[] = {
    SUBSCRIPTION_FIELDS(0),
    {.name = "keep_credentials", .type = BODY_BOOLEAN},
    {.name = "backfill", .type = BODY_OBJECT, .fields = backfill_body},
    {0},
};

static const struct body_field subscription_revive_body[] = {
    {.name = "messages", .type = BODY_BOOLEAN},
    {.name = "missed", .type = BODY_BOOLEAN},
    {.name = "since", .type = BODY_STRING, .max = 64, .check = check_timestamp},
    {0},
};

static const struct query_field subscription_missed_query[] = {
    {.name = "since", .type = QUERY_TIME},
    {0},
};

static const struct query_field subscription_list_query[] = {
    {.name = "app_id", .type = QUERY_ID},
    {.name = "state",
     .type = QUERY_CHOICE,
     .choices = "pending|active|paused|held|unsubscribed|disabled|archived"},
    {.name = "event_type", .type = QUERY_TEXT},
    {0},
};

/* The body's check has judged it as if http were allowed: here is what is wrong if it is not. */
void subscription_set_url_fault(struct call *call, const char *path)
{
    struct hk_str url = call_body_string(call, path);
    struct hk_error error = {.code = HK_OK};

    if (url.p != NULL && hk_url_check(url, false, &error) != HK_OK)
        call_set_param(call, "=url_fault", hk_str(error.detail));
}

enum hk_code subscription_prepare_create(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    secrets_set_subscription(call, "");
    subscription_set_url_fault(call, "url");
    return HK_OK;
}

enum hk_code subscription_prepare_update(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    sealed_body_subscription(call, "", call_path_param(call, "subscription_id"));
    subscription_set_url_fault(call, "url");
    return HK_OK;
}

const struct route subscriptions_routes[] = {
    {
        .method = "POST",
        .path = "/v1/apps/:app_id/subscriptions",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 201,
        .location = "/v1/subscriptions/",
        .body = subscription_create_body,
        .stmt = &stmt_subscription_create,
        .bind = {"tenant", "partner", ":app_id", "body", "=secrets", "=url_fault"},
        .prepare = subscription_prepare_create,
        .on_ok = verification_on_ok,
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = subscription_list_query,
        .stmt = &stmt_subscription_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?app_id", "?state", "?event_type"},
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_subscription_get,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id/health",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_subscription_health,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id/delivery",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_subscription_delivery,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id/missed",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .query = subscription_missed_query,
        .stmt = &stmt_subscription_missed,
        .bind = {"tenant", "partner", ":subscription_id", "?since"},
    },
    {
        .method = "PATCH",
        .path = "/v1/subscriptions/:subscription_id",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .body = subscription_update_body,
        .stmt = &stmt_subscription_update,
        .bind = {"tenant", "partner", ":subscription_id", "body", "=url_fault", "if_match"},
        .prepare = subscription_prepare_update,
        .on_ok = verification_on_ok,
    },
    {
        .method = "DELETE",
        .path = "/v1/subscriptions/:subscription_id",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_subscription_archive,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/pause",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_subscription_pause,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/hold",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_subscription_hold,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/resume",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_subscription_resume,
        .bind = {"tenant", "partner", ":subscription_id"},
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/revive",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .body = subscription_revive_body,
        .body_is_optional = true,
        .stmt = &stmt_subscription_revive,
        .bind = {"tenant", "partner", ":subscription_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/verify",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_verification_plan,
        .bind = {"tenant", "partner", ":subscription_id", "=is_asked"},
        .work = verification_stage,
    },
    {0},
};
