/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, for reading; POST /v1/events is in api/publish/ingest.c. The statements are in events.sql
 * beside this file.
 */
#include "api/http/call.h"
#include "api/resources/events.sql.h"
#include "api/resources/resources.h"

static const struct query_field event_list_query[] = {
    {.name = "company", .type = QUERY_TEXT},     {.name = "event_type", .type = QUERY_TEXT},
    {.name = "external_id", .type = QUERY_TEXT}, {.name = "since", .type = QUERY_TIME},
    {.name = "until", .type = QUERY_TIME},       {0},
};

static const struct query_field event_explain_query[] = {
    {.name = "app_id", .type = QUERY_ID},
    {.name = "subscription_id", .type = QUERY_ID},
    {0},
};

/* Whoever may see subscriptions may not see events yet. */
static enum hk_code prepare_explain(struct call *call, struct hk_error *reterr)
{
    if (!auth_may(&call->caller, SCOPE_EVENTS_READ))
        return hk_fail(reterr, HK_FORBIDDEN, "", "A stored event takes the scope events:read.");
    return HK_OK;
}

const struct route events_routes[] = {
    {
        .method = "GET",
        .path = "/v1/events",
        .scope = SCOPE_EVENTS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = event_list_query,
        .reads_log = true,
        .stmt = &stmt_event_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?company", "?event_type",
                 "?external_id", "?since", "?until"},
    },
    {
        .method = "GET",
        .path = "/v1/events/:event_id",
        .scope = SCOPE_EVENTS_READ,
        .ok_status = 200,
        .stmt = &stmt_event_get,
        .bind = {"tenant", "partner", ":event_id"},
    },
    {
        .method = "GET",
        .path = "/v1/events/:event_id/explain",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .has_head = true,
        .query = event_explain_query,
        .reads_log = true,
        .stmt = &stmt_event_explain,
        .bind = {"tenant", "partner", ":event_id", "?limit", "?cursor", "?app_id",
                 "?subscription_id"},
        .prepare = prepare_explain,
    },
    {0},
};
