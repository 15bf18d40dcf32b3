/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics, from the roll-ups that workers keep: docs/adr/0032-roll-ups.md. The statements are in
 * stats.sql beside this file. */
#include "api/resources/resources.h"
#include "api/resources/stats.sql.h"

static const struct query_field stats_query[] = {
    {.name = "interval", .type = QUERY_CHOICE, .choices = "minute|hour|day"},
    {.name = "since", .type = QUERY_TIME},
    {.name = "until", .type = QUERY_TIME},
    {.name = "group_by", .type = QUERY_CHOICE, .choices = "app|subscription|event_type"},
    {.name = "groups", .type = QUERY_TEXT},
    {.name = "app_id", .type = QUERY_ID},
    {.name = "subscription_id", .type = QUERY_ID},
    {.name = "event_type", .type = QUERY_TEXT},
    {.name = "outcome", .type = QUERY_CHOICE, .choices = "succeeded|failed"},
    {0},
};

const struct route stats_routes[] = {
    {
        .method = "GET",
        .path = "/v1/stats",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .query = stats_query,
        .reads_log = true,
        .stmt = &stmt_stat_report,
        .bind = {"tenant", "partner", "?interval", "?since", "?until", "?group_by", "?app_id",
                 "?subscription_id", "?event_type", "?outcome", "?groups"},
    },
    {0},
};
