/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts of a message. The statements are in attempts.sql beside this file. */
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

const struct route attempts_routes[] = {
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
        .path = "/v1/messages/:message_id/attempts/:attempt_no",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_attempt_get,
        .bind = {"tenant", "partner", ":message_id", ":attempt_no"},
    },
    {0},
};
