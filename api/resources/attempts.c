/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts of a message. The statements are in attempts.sql beside this file. */
#include "api/resources/attempts.sql.h"
#include "api/resources/resources.h"

const struct route attempts_routes[] = {
    {
        .method = "GET",
        .path = "/v1/messages/:message_id/attempts",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_attempt_list,
        .bind = {"tenant", "partner", ":message_id", "?limit", "?cursor"},
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
