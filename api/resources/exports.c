/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports: all messages, or all attempts, that a query finds, as one reply however long it is. The
 * statements are in exports.sql beside this file.
 */
#include "api/export.h"
#include "api/resources/exports.sql.h"
#include "api/resources/resources.h"

static const struct query_field export_query[] = {
    {.name = "format", .type = QUERY_CHOICE, .choices = "ndjson|csv"},
    {.name = "event_id", .type = QUERY_ID},
    {.name = "subscription_id", .type = QUERY_ID},
    {.name = "app_id", .type = QUERY_ID},
    {.name = "company", .type = QUERY_TEXT},
    {.name = "event_type", .type = QUERY_TEXT},
    {.name = "since", .type = QUERY_TIME},
    {.name = "until", .type = QUERY_TIME},
    {.name = "status",
     .type = QUERY_CHOICE,
     .choices = "pending|sending|succeeded|failed|cancelled|held"},
    {0},
};

#define EXPORT_BIND                                                                                \
    {                                                                                              \
        "tenant", "partner", "=cursor", "?format", "?event_id", "?subscription_id", "?app_id",     \
            "?company", "?status", "?event_type", "?since", "?until"                               \
    }

const struct route exports_routes[] = {
    {
        .method = "GET",
        .path = "/v1/messages/export",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .stmt = &stmt_message_export,
        .bind = EXPORT_BIND,
    },
    {
        .method = "GET",
        .path = "/v1/attempts/export",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .stmt = &stmt_attempt_export,
        .bind = EXPORT_BIND,
    },
    {0},
};
