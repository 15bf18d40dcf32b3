/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/authenticate.h"

#include <h2o.h>
#include <stdio.h>

#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/http/cookie.h"
#include "api/http/server.h"
#include "api/limits/limit.h"
#include "hk/clock.h"

/* What is behind "Authorization: Bearer "; .p is NULL when there is no such header. */
static struct hk_str bearer_proof(const h2o_req_t *req)
{
    static const char scheme[] = "Bearer ";
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
    struct hk_str value;

    if (at < 0)
        return HK_STR_NULL;
    value =
        (struct hk_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
    if (value.n < sizeof(scheme) || strncasecmp(value.p, scheme, sizeof(scheme) - 1) != 0)
        return HK_STR_NULL;
    return (struct hk_str){value.p + sizeof(scheme) - 1, value.n - (sizeof(scheme) - 1)};
}

/* The session's cookie; .p is NULL when there is none. */
static struct hk_str session_proof(const h2o_req_t *req)
{
    struct hk_str found = HK_STR_NULL;

    for (ssize_t at = -1; found.p == NULL;) {
        at = h2o_find_header(&req->headers, H2O_TOKEN_COOKIE, at);
        if (at < 0)
            break;
        found = cookie_find((struct hk_str){req->headers.entries[at].value.base,
                                            req->headers.entries[at].value.len},
                            HK_STR(SESSION_COOKIE_NAME));
    }
    return found;
}

bool authenticate_take_caller(struct call *call, const char *kind,
                              const struct hk_db_result *result, unsigned row)
{
    struct caller *caller = &call->caller;
    struct hk_str partner, scopes;

    if (result->code != HK_OK || row >= result->n_rows || hk_db_value(result, row, 0).p == NULL) {
        if (result->code == HK_OK)
            auth_cache_drop(call->thread->auth_cache, call->key_sha256);
        call_fail_code(call, result->code == HK_OK ? HK_UNAUTHENTICATED : result->code,
                       HK_STR_NULL);
        return false;
    }
    partner = hk_db_value(result, row, 2);
    scopes = hk_db_value(result, row, 3);
    (void)snprintf(caller->actor, sizeof(caller->actor), "%s:%s", kind,
                   hk_db_value(result, row, 0).p);
    (void)snprintf(caller->partner, sizeof(caller->partner), "%s",
                   partner.p == NULL ? "" : partner.p);
    caller->role = auth_role_from_name(hk_db_value(result, row, 1));
    caller->scopes = scopes.p == NULL ? auth_role_scopes(caller->role)
                                      : auth_scopes_from_names(scopes, caller->role);
    limit_set_caller(caller, call->thread->config, result, row, 4);
    auth_cache_put(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), caller);
    auth_guard_trust(call);
    call_act_for(call, &caller->tenant_id);
    return true;
}

enum stage_result authenticate_stage(struct call *call)
{
    struct hk_str proof, session;

    if (call->match.route->scope == SCOPE_PUBLIC)
        return STAGE_NEXT; /* a busy process is alive */
    if (call->thread->n_calls > (unsigned)call->thread->config->api_max_pending_requests)
        return call_stage_fail(call, HK_BUSY);
    session = session_proof(call->req);
    call->has_proof = true;
    if (session.p != NULL && call_header(call, "authorization").p == NULL)
        return authenticate_session(call, session);
    proof = bearer_proof(call->req);
    call->has_proof = proof.n > 0;
    if (proof.n > 0 && memchr(proof.p, '.', proof.n) != NULL)
        return authenticate_tenant_header(call).p == NULL ? authenticate_token(call, proof)
                                                          : authenticate_issuer(call, proof);
    return authenticate_key(call, proof);
}
