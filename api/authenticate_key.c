/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate_key.c - API keys: asked of the cache, then of the database. */
#include <stdio.h>

#include "api/auth.sql.h"
#include "api/auth_cache.h"
#include "api/authenticate.h"
#include "api/limit.h"
#include "api/server.h"
#include "hk/clock.h"

static hk_db_done_fn on_key_found;

enum stage_result authenticate_key(struct call *call, struct hk_str proof)
{
    struct hk_id tenant_id;

    if (!auth_key_parse(proof, &tenant_id, call->key_sha256))
        return call_stage_fail(call, HK_UNAUTHENTICATED);
    if (auth_cache_find(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller)) {
        call_act_for(call, &call->caller.tenant_id);
        return STAGE_NEXT;
    }
    call->caller.tenant_id = tenant_id;
    call_act_for(call, &tenant_id);
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    call->query = (struct hk_db_query){
        .stmt = &stmt_key_authenticate,
        .params = {hk_str(call->tenant_id), hk_str(call->key_sha256_hex)},
        .context = &call->context,
        .done = on_key_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->thread->db, &call->query) == HK_OK ? STAGE_WAIT
                                                                 : call_stage_fail(call, HK_BUSY);
}

static void set_caller(struct caller *caller, const struct hk_db_result *result)
{
    struct hk_str partner = hk_db_value(result, 0, 2);

    (void)snprintf(caller->actor, sizeof(caller->actor), "key:%s", hk_db_value(result, 0, 0).p);
    caller->role = auth_role_from_name(hk_db_value(result, 0, 1));
    caller->scopes = auth_role_scopes(caller->role);
    (void)snprintf(caller->partner, sizeof(caller->partner), "%s",
                   partner.p == NULL ? "" : partner.p);
}

/* Completes the stage. */
static void on_key_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    if (result->n_rows != 1) {
        auth_cache_drop(call->thread->auth_cache, call->key_sha256);
        call_fail_code(call, HK_UNAUTHENTICATED, HK_STR_NULL);
        return;
    }
    set_caller(&call->caller, result);
    limit_set_caller(&call->caller, call->thread->config, result, 3);
    auth_cache_put(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller);
    call_act_for(call, &call->caller.tenant_id);
    call->stage++;
    call_run(call);
}
