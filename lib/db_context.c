/* SPDX-License-Identifier: Apache-2.0 */
/* db_context.c - what sets the context of a transaction, in front of its statement. */
#include "db_connection.h"

static const struct hk_stmt stmt_set_context = {
    "set_context",
    "SELECT set_config('hookline.tenant_id', $1, true), set_config('hookline.actor', $2, true),"
    " set_config('hookline.request_id', $3, true), set_config('hookline.sees_all', $4, true)",
    4,
    "lib/db_context.c",
};

/*
 * The same; ends the transaction when the tenant is not in this cell. The fence is asked behind the
 * tenant's setting, because its policy shows a tenant its own.
 */
static const struct hk_stmt stmt_set_context_here = {
    "set_context_here",
    "SELECT set_config('hookline.tenant_id', $1::text, true),"
    " set_config('hookline.actor', $2, true), set_config('hookline.request_id', $3, true),"
    " set_config('hookline.sees_all', $4, true),"
    " CASE WHEN EXISTS (SELECT FROM tenant_away a WHERE a.tenant_id = $1::text::uuid)"
    " THEN tenant_fence() END",
    4,
    "lib/db_context.c",
};

const struct hk_stmt *db_context_stmt(const struct hk_db *db)
{
    return db->options.asks_away ? &stmt_set_context_here : &stmt_set_context;
}
