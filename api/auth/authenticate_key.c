/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate_key.c - API keys: asked of the cache, then of the database. */
#include "api/auth/auth.sql.h"
#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/cells/tenant_cell.h"
#include "api/http/server.h"
#include "hk/clock.h"

static hk_db_done_fn on_key_found;

enum stage_result authenticate_key(struct call *call, struct hk_str proof)
{
    struct auth_key *key = &server_connection(call->req)->key;
    bool is_key = auth_key_parse_again(proof, key);
    enum stage_result entered;

    memcpy(call->key_sha256, key->sha256, sizeof(call->key_sha256));
    if (is_key &&
        auth_cache_find(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller)) {
        call_act_for(call, &call->caller.tenant_id);
        return tenant_cell_enter(call);
    }
    if (auth_guard_refuses(call))
        return STAGE_REPLIED;
    if (!is_key)
        return call_stage_fail(call, HK_UNAUTHENTICATED);
    call->caller.tenant_id = key->tenant_id;
    call_act_for(call, &key->tenant_id);
    entered = tenant_cell_enter(call);
    if (entered != STAGE_NEXT)
        return entered;
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    call->query = (struct hk_db_query){
        .stmt = &stmt_key_authenticate,
        .params = {hk_str(call->tenant_id), hk_str(call->key_sha256_hex)},
        .context = &call->context,
        .done = on_key_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

/* Completes the stage. */
static void on_key_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (!authenticate_take_caller(call, "key", result))
        return;
    call->stage++;
    call_run(call);
}
