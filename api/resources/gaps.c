/* SPDX-License-Identifier: Apache-2.0 */
/* Gaps: pairs of an event and a subscription that it never arrived at, and why. The statements are
 * in gaps.sql beside this file. */
#include "api/http/export.h"
#include "api/resources/gaps.sql.h"
#include "api/resources/resources.h"

#define FILTERS                                                                                    \
    {.name = "app_id", .type = QUERY_ID}, {.name = "subscription_id", .type = QUERY_ID},           \
        {.name = "reason", .type = QUERY_TEXT}, {.name = "since", .type = QUERY_TIME},             \
    {                                                                                              \
        .name = "until", .type = QUERY_TIME                                                        \
    }

static const struct query_field list_query[] = {FILTERS, {0}};

static const struct query_field export_query[] = {
    FILTERS,
    {.name = "format", .type = QUERY_CHOICE, .choices = "ndjson|csv"},
    {0},
};

const struct route gaps_routes[] = {
    {
        .method = "GET",
        .path = "/v1/gaps",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .is_search = true,
        .query = list_query,
        .reads_log = true,
        .stmt = &stmt_gap_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?app_id", "?subscription_id", "?reason",
                 "?since", "?until"},
    },
    {
        .method = "GET",
        .path = "/v1/gaps/hours",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .is_search = true,
        .query = list_query,
        .reads_log = true,
        .stmt = &stmt_gap_hours,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?app_id", "?subscription_id", "?reason",
                 "?since", "?until"},
    },
    {
        .method = "GET",
        .path = "/v1/gaps/export",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .reads_log = true,
        .stmt = &stmt_gap_export,
        .bind = {"tenant", "partner", "=cursor", "?app_id", "?subscription_id", "?reason", "?since",
                 "?until", "?format"},
    },
    {0},
};
