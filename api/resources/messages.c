/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: events addressed to subscriptions. The statements are in messages.sql beside this file.
 */
#include "api/resources/messages.sql.h"
#include "api/resources/resources.h"

static const struct body_field message_resend_body[] = {
    {.name = "values", .type = BODY_STRING, .max = 16, .choices = "original|current"},
    {.name = "webhook_id", .type = BODY_STRING, .max = 16, .choices = "same|new"},
    {0},
};

/* Also of a count. */
static const struct query_field message_list_query[] = {
    {.name = "q", .type = QUERY_LOG},
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

const struct route messages_routes[] = {
    {
        .method = "GET",
        .path = "/v1/messages",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .is_search = true,
        .query = message_list_query,
        .reads_log = true,
        .stmt = &stmt_message_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?event_id", "?subscription_id",
                 "?app_id", "?company", "?status", "?event_type", "?since", "?until", "?q"},
    },
    {
        .method = "GET",
        .path = "/v1/messages/count",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_search = true,
        .query = message_list_query,
        .reads_log = true,
        .stmt = &stmt_message_count,
        .bind = {"tenant", "partner", "?event_id", "?subscription_id", "?app_id", "?company",
                 "?status", "?event_type", "?since", "?until", "?q"},
    },
    {
        .method = "GET",
        .path = "/v1/messages/:message_id",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_message_get,
        .bind = {"tenant", "partner", ":message_id"},
    },
    {
        .method = "POST",
        .path = "/v1/messages/:message_id/retry",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 202,
        .stmt = &stmt_message_retry,
        .bind = {"tenant", "partner", ":message_id"},
    },
    {
        .method = "POST",
        .path = "/v1/messages/:message_id/resend",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 202,
        .body = message_resend_body,
        .body_is_optional = true,
        .stmt = &stmt_message_resend,
        .bind = {"tenant", "partner", ":message_id", "body"},
    },
    {0},
};
