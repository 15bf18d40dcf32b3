/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REST hooks, as Zapier and its like subscribe (standards 2.11): one URL, one event, the payload as
 * it is. A hook is a subscription of profile basekit. The statements are in hooks.sql beside this
 * file.
 */
#include "api/http/call.h"
#include "api/receivers/verification.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/hooks.sql.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"
#include "api/resources/subscriptions.sql.h"
#include "hk/url.h"

static const struct body_field hook_create_body[] = {
    {.name = "target_url",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = HK_URL_MAX_BYTES,
     .check = check_url},
    {.name = "event",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 128,
     .check = check_event_type},
    {.name = "app_id", .type = BODY_STRING, .max = 36, .check = check_id},
    VERIFICATION_FIELD(0),
    {0},
};

static const struct query_field hook_samples_query[] = {
    {.name = "event", .type = QUERY_TEXT},
    {0},
};

static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    secrets_set_subscription(call, "");
    subscription_set_url_fault(call, "target_url");
    return HK_OK;
}

const struct route hooks_routes[] = {
    {
        .method = "POST",
        .path = "/v1/hooks",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 201,
        .location = "/v1/subscriptions/",
        .body = hook_create_body,
        .stmt = &stmt_hook_create,
        .bind = {"tenant", "partner", "body", "=secrets", "=url_fault"},
        .prepare = prepare_create,
        .on_ok = verification_on_ok,
    },
    {
        .method = "GET",
        .path = "/v1/hooks",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_hook_list,
        .bind = {"tenant", "partner", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/hooks/samples",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .query = hook_samples_query,
        .stmt = &stmt_hook_samples,
        .bind = {"tenant", "?event"},
    },
    {
        .method = "DELETE",
        .path = "/v1/hooks/:hook_id",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_subscription_archive,
        .bind = {"tenant", "partner", ":hook_id"},
    },
    {0},
};
