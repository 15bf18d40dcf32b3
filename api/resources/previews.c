/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Previews: the request that a subscription would get, shown and not sent. The statement is in
 * preview.sql; api/receivers/preview.c builds the request.
 */
#include "api/http/call.h"
#include "api/receivers/preview.h"
#include "api/receivers/preview.sql.h"
#include "api/resources/checks.h"
#include "api/resources/profile_fields.h"
#include "api/resources/resources.h"

enum { MAX_PAYLOAD_BYTES = 1 << 20 };

static const struct body_field preview_body[] = {
    {.name = "event_id", .type = BODY_STRING, .max = 36, .check = check_id},
    {.name = "event_type",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = 128,
     .check = check_event_type},
    {.name = "payload", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_PAYLOAD_BYTES},
    {.name = "company", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_EXTERNAL_ID},
    {.name = "profile", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = 64},
    {.name = "overrides",
     .type = BODY_OBJECT,
     .flags = BODY_NULLABLE,
     .fields = subscription_overrides_body},
    {0},
};

/* Whoever may see subscriptions may not see events yet, nor sign what a receiver would believe. */
static enum hk_code prepare(struct call *call, struct hk_error *reterr)
{
    bool may_sign = auth_may(&call->caller, SCOPE_TESTS_SEND);

    call_set_param(call, "=may_sign", may_sign ? HK_STR("true") : HK_STR("false"));
    if (call_body_json(call, "event_id").p != NULL && !auth_may(&call->caller, SCOPE_EVENTS_READ))
        return hk_fail(reterr, HK_FORBIDDEN, "", "A stored event takes the scope events:read.");
    return HK_OK;
}

const struct route previews_routes[] = {
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/preview",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .body = preview_body,
        .stmt = &stmt_preview_plan,
        .bind = {"tenant", "partner", ":subscription_id", "body", "=may_sign"},
        .prepare = prepare,
        .work = preview_stage,
    },
    {0},
};
