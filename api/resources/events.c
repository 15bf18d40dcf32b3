/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, for reading; POST /v1/events is in api/ingest.c. The statements are in events.sql beside
 * this file.
 */
#include "api/resources/events.sql.h"
#include "api/resources/resources.h"

static const struct query_field event_list_query[] = {
    {.name = "company", .type = QUERY_TEXT},     {.name = "event_type", .type = QUERY_TEXT},
    {.name = "external_id", .type = QUERY_TEXT}, {.name = "since", .type = QUERY_TIME},
    {.name = "until", .type = QUERY_TIME},       {0},
};

const struct route events_routes[] = {
    {
        .method = "GET",
        .path = "/v1/events",
        .scope = SCOPE_EVENTS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = event_list_query,
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
    {0},
};
