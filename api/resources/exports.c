/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports: all messages, or all attempts, that a query finds, as one reply however long it is. The
 * statements are in exports.sql beside this file.
 */
#include "api/http/export.h"
#include "api/resources/exports.sql.h"
#include "api/resources/resources.h"

static const struct query_field export_query[] = {
    {.name = "format", .type = QUERY_CHOICE, .choices = "ndjson|csv"},
    {.name = "q", .type = QUERY_LOG},
    {0},
};

const struct route exports_routes[] = {
    {
        .method = "GET",
        .path = "/v1/messages/export",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .reads_log = true,
        .stmt = &stmt_message_export,
        .bind = {"tenant", "partner", "=cursor", "?format", "?q"},
    },
    {
        .method = "GET",
        .path = "/v1/attempts/export",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .reads_log = true,
        .stmt = &stmt_attempt_export,
        .bind = {"tenant", "partner", "=cursor", "?format", "?q"},
    },
    {0},
};
