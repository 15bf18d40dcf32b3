/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_session.c - the cookie of a user who has signed in: asked of the cache, then of the
 * database. What changes something needs the session's CSRF token as well.
 */
#include "api/auth/auth.sql.h"
#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/cells/tenant_cell.h"
#include "api/http/cookie.h"
#include "api/http/server.h"
#include "hk/clock.h"

static hk_db_done_fn on_session_found;

static bool is_safe(const h2o_req_t *req)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS"};
    struct hk_str method = {req->method.base, req->method.len};

    for (size_t i = 0; i < HK_COUNTOF(methods); i++) {
        if (hk_str_eq(method, hk_str(methods[i])))
            return true;
    }
    return false;
}

bool authenticate_is_same_origin(const struct call *call)
{
    const h2o_req_t *req = call->req;

    return origin_is_ours(call_header(call, "origin"), call_header(call, "sec-fetch-site"),
                          (struct hk_str){req->authority.base, req->authority.len});
}

/* Whether a page of ours sent the request, and not another site through the user's browser. */
static bool is_wanted(const struct call *call)
{
    return is_safe(call->req) ||
           (csrf_token_is_valid(call->session_token, call_header(call, "x-csrf-token")) &&
            authenticate_is_same_origin(call));
}

enum stage_result authenticate_session(struct call *call, struct hk_str token)
{
    enum stage_result entered;
    struct hk_id tenant_id;

    if (!session_token_parse(token, &tenant_id, call->key_sha256))
        return auth_guard_refuses(call) ? STAGE_REPLIED : call_stage_fail(call, HK_UNAUTHENTICATED);
    call->session_token = token;
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    if (auth_cache_find(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller)) {
        call_act_for(call, &call->caller.tenant_id);
        return is_wanted(call) ? tenant_cell_enter(call) : call_stage_fail(call, HK_CSRF_FAILED);
    }
    if (auth_guard_refuses(call))
        return STAGE_REPLIED;
    call->caller.tenant_id = tenant_id;
    call_act_for(call, &tenant_id);
    entered = tenant_cell_enter(call);
    if (entered != STAGE_NEXT)
        return entered;
    call->query = (struct hk_db_query){
        .stmt = &stmt_session_authenticate,
        .params = {hk_str(call->tenant_id), hk_str(call->key_sha256_hex),
                   call_number(call, call->thread->config->api_session_idle_s)},
        .context = &call->context,
        .done = on_session_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

/* Completes the stage. */
static void on_session_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (!authenticate_take_caller(call, "user", result, 0))
        return;
    if (!is_wanted(call)) {
        call_fail_code(call, HK_CSRF_FAILED, HK_STR_NULL);
        return;
    }
    call->stage++;
    call_run(call);
}
