/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts, of a message and of all. The statements are in attempts.sql beside this file. */
#include "api/http/call.h"
#include "api/receivers/preview.h"
#include "api/receivers/preview.sql.h"
#include "api/resources/attempts.sql.h"
#include "api/resources/resources.h"

static const struct query_field attempt_list_query[] = {
    {.name = "outcome",
     .type = QUERY_CHOICE,
     .choices = "succeeded|http_status|timeout|dns|connect|tls|reset|blocked_address|protocol|"
                "request_invalid|proxy|credentials"},
    {.name = "status_code", .type = QUERY_STATUS},
    {0},
};

static const struct query_field attempt_diff_query[] = {
    {.name = "from", .type = QUERY_TEXT},
    {.name = "to", .type = QUERY_TEXT},
    {0},
};

/* Whoever may see messages may not see payloads yet, nor sign what a receiver would believe. */
static enum hk_code prepare_curl(struct call *call, struct hk_error *reterr)
{
    bool may_sign = auth_may(&call->caller, SCOPE_TESTS_SEND);

    call_set_param(call, "=may_sign", may_sign ? HK_STR("true") : HK_STR("false"));
    if (!auth_may(&call->caller, SCOPE_EVENTS_READ))
        return hk_fail(reterr, HK_FORBIDDEN, "", "A stored event takes the scope events:read.");
    return HK_OK;
}

static const struct query_field attempt_search_query[] = {
    {.name = "q", .type = QUERY_LOG},
    {0},
};

const struct route attempts_routes[] = {
    {
        .method = "GET",
        .path = "/v1/attempts",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .is_search = true,
        .query = attempt_search_query,
        .reads_log = true,
        .stmt = &stmt_attempt_search,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?q"},
    },
    {
        .method = "GET",
        .path = "/v1/messages/:message_id/attempts",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .query = attempt_list_query,
        .stmt = &stmt_attempt_list,
        .bind = {"tenant", "partner", ":message_id", "?limit", "?cursor", "?outcome",
                 "?status_code"},
    },
    {
        .method = "GET",
        .path = "/v1/messages/:message_id/attempts/diff", /* before a number */
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .query = attempt_diff_query,
        .stmt = &stmt_attempt_diff,
        .bind = {"tenant", "partner", ":message_id", "?from", "?to"},
    },
    {
        .method = "GET",
        .path = "/v1/messages/:message_id/attempts/:attempt_no/curl",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_attempt_curl_plan,
        .bind = {"tenant", "partner", ":message_id", ":attempt_no", "=may_sign"},
        .prepare = prepare_curl,
        .work = attempt_curl_stage,
    },
    {
        .method = "GET",
        .path = "/v1/messages/:message_id/attempts/:attempt_no",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_attempt_get,
        .bind = {"tenant", "partner", ":message_id", ":attempt_no"},
    },
    {0},
};
