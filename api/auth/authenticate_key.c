/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_key.c - API keys: asked of the cache, then of the database, together with those that
 * others have come with meanwhile.
 */
#include "api/auth/auth.sql.h"
#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/cells/tenant_cell.h"
#include "api/http/server.h"
#include "api/publish/batcher.h"
#include "hk/clock.h"

/* A key that is looked up; in its call's pool. */
struct finding {
    struct batch_item item;
    struct call *call;
};

enum stage_result authenticate_key(struct call *call, struct hk_str proof)
{
    struct auth_key *key = &server_connection(call->req)->key;
    bool is_key = auth_key_parse_again(proof, key);
    enum stage_result entered;
    struct finding *finding;

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
    finding = call_alloc(call, sizeof(*finding));
    finding->call = call;
    batcher_add(call->cell->batcher, &key_find_kind, &finding->item);
    return STAGE_WAIT;
}

static void add_key(struct batch_item *item, struct batch_rows *rows)
{
    const struct call *call = HK_CONTAINER_OF(item, struct finding, item)->call;

    hk_pgarray_add_id(&rows->arrays[0], &call->caller.tenant_id);
    hk_pgarray_add_str(&rows->arrays[1],
                       (struct hk_str){(const char *)call->key_sha256, HK_SHA256_SIZE});
    rows->n++;
}

/* Completes the stage. */
static void on_found(struct batch_item *item, const struct hk_db_result *result, unsigned row)
{
    enum { COLUMN_IS_AWAY = 9 };
    struct call *call = HK_CONTAINER_OF(item, struct finding, item)->call;

    if (hk_str_eq(hk_db_value(result, row, COLUMN_IS_AWAY), HK_STR("1"))) {
        call_fail_code(call, HK_TENANT_MOVING, HK_STR_NULL);
        return;
    }
    if (!authenticate_take_caller(call, "key", result, row))
        return;
    call->stage++;
    call_run(call);
}

static void on_not_found(struct batch_item *item, enum hk_code code, bool is_refused)
{
    (void)is_refused;
    call_fail_code(HK_CONTAINER_OF(item, struct finding, item)->call, code, HK_STR_NULL);
}

static const struct batch_shape find_shape = {
    .stmt = &stmt_keys_authenticate, .n_arrays = 2, .types = {HK_PG_UUID, HK_PG_BYTEA}};

const struct batch_kind key_find_kind = {
    .shape = &find_shape, .add = add_key, .stored = on_found, .failed = on_not_found};
