/* SPDX-License-Identifier: Apache-2.0 */
/* cursor_key.c - read by the first list that needs it, and by one list in a minute after that. */
#include "api/auth/cursor_key.h"

#include "api/auth/cursor_key.sql.h"
#include "api/http/server.h"
#include "hk/clock.h"

enum { ASK_AGAIN_MS = 60000 };

static hk_db_done_fn on_key_read;

enum stage_result cursor_key_stage(struct call *call)
{
    /* The installation's row, whoever calls: the caller's own context is set again below. */
    static const struct hk_db_context installation = {
        .tenant_id = {"00000000-0000-0000-0000-000000000000", 36},
        .actor = {"", 0},
        .request_id = {"", 0}};
    const struct api_cell *home = call->thread->home;
    struct cursor_key *key = &call->thread->cursor_key;
    int64_t now_ms = hk_mono_ms();

    if (!call->match.route->is_list ||
        (key->is_known && (now_ms - key->asked_at_ms < ASK_AGAIN_MS || !cell_is_up(home))))
        return STAGE_NEXT;
    key->asked_at_ms = now_ms; /* while this one asks, the others go on with what is known */
    call->query = (struct hk_db_query){
        .stmt = &stmt_cursor_key_get,
        .wants_binary_result = true,
        .context = &installation,
        .done = on_key_read,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(home->db, &call->query) == HK_OK ? STAGE_WAIT
                                                         : call_stage_fail(call, HK_BUSY);
}

/* Completes the stage. */
static void on_key_read(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct cursor_key *key = &call->thread->cursor_key;
    struct hk_str secret =
        result->code == HK_OK && result->n_rows == 1 ? hk_db_value(result, 0, 0) : HK_STR_NULL;

    if (secret.n != sizeof(key->bytes)) {
        key->asked_at_ms = 0;
        call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    memcpy(key->bytes, secret.p, sizeof(key->bytes));
    key->is_known = true;
    call->stage++;
    call_run(call);
}
