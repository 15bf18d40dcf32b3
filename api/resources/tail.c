/* SPDX-License-Identifier: Apache-2.0 */
/* The live tail. Its statements are in ../tail.sql. */
#include "api/live/tail.h"

#include "api/live/tail.sql.h"
#include "api/resources/resources.h"

static const struct query_field tail_query[] = {{.name = "q", .type = QUERY_LOG}, {0}};

const struct route tail_routes[] = {
    {
        .method = "GET",
        .path = "/v1/tail",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .gives = "text/event-stream",
        .query = tail_query,
        .work = tail_run,
        .stmt = &stmt_tail_open,
        .bind = {"tenant", "partner", "?q"},
    },
    {0},
};
