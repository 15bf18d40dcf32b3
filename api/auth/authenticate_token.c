/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_token.c - access tokens of our own, in the order in which it runs:
 *
 *     authenticate_token [-> on_keys_ready] -> judge -> on_client_found
 *
 * A token alone is not enough: its client must still live, and that is asked as often as for a key.
 */
#include <stdio.h>

#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/auth/client_id.h"
#include "api/auth/oauth.sql.h"
#include "api/auth/signing_keys.h"
#include "api/cells/tenant_cell.h"
#include "api/http/server.h"
#include "api/limits/limit.h"
#include "hk/clock.h"
#include "hk/log.h"

/* Of a call that waits; lives in the request's pool. */
struct token_proof {
    struct hk_str token;     /* borrowed from the request */
    bool has_asked;          /* for the signing keys */
    int64_t keys_read_at_ms; /* those that the signature was checked with: before the client */
    struct hk_id tenant_id;
    struct hk_id client_id;
    char client_id_text[HK_ID_TEXT_SIZE];
    char scope[AUTH_SCOPE_NAMES_SIZE];
    int64_t expires_s;
};

enum verdict { TOKEN_GOOD, TOKEN_BAD, TOKEN_KEY_UNKNOWN };

static signing_keys_ready_fn on_keys_ready;
static hk_db_done_fn on_client_found;

enum stage_result authenticate_refuse_token(struct call *call, const char *why)
{
    auth_cache_drop(call->thread->auth_cache, call->key_sha256);
    hk_log(HK_LOG_DEBUG, "token.refused", HK_CTEXT("request_id", call->request_id),
           HK_CTEXT("reason", why));
    return call_stage_fail(call, HK_UNAUTHENTICATED);
}

/* Who the client is: the tenant stands in the token twice, and must be one. */
static bool read_client(struct token_proof *proof, const struct jwt *jwt)
{
    const char *client_id = jwt_text(jwt, "client_id"), *tenant = jwt_text(jwt, "tenant");
    const char *scope = jwt_text(jwt, "scope");
    struct hk_id tenant_id;

    if (client_id == NULL || tenant == NULL || scope == NULL ||
        strlen(scope) >= sizeof(proof->scope) || !hk_id_parse(hk_str(tenant), &tenant_id) ||
        !client_id_parse(hk_str(client_id), &proof->tenant_id, &proof->client_id) ||
        memcmp(&tenant_id, &proof->tenant_id, sizeof(tenant_id)) != 0)
        return false;
    (void)snprintf(proof->scope, sizeof(proof->scope), "%s", scope);
    proof->expires_s = jwt_expires_s(jwt);
    return true;
}

static enum verdict judge_parsed(const struct call *call, struct token_proof *proof,
                                 const struct jwt *jwt, const char **reterr)
{
    const char *issuer = call->thread->config->api_issuer;
    struct jwt_expected expected = {issuer, issuer, hk_wall_us() / 1000000, true};
    const struct own_key *key;

    *reterr = "the header names no key";
    if (jwt->kid == NULL)
        return TOKEN_BAD;
    key = signing_keys_find(call->thread->signing_keys, jwt->kid);
    *reterr = "the key is not known";
    if (key == NULL)
        return TOKEN_KEY_UNKNOWN;
    *reterr = "the signature is wrong";
    if (!own_token_verify(key, proof->token, jwt))
        return TOKEN_BAD;
    if (!jwt_check_claims(jwt, &expected, reterr))
        return TOKEN_BAD;
    *reterr = "the claims name no client";
    return read_client(proof, jwt) ? TOKEN_GOOD : TOKEN_BAD;
}

static enum verdict judge(const struct call *call, struct token_proof *proof, const char **reterr)
{
    enum verdict verdict = TOKEN_BAD;
    struct jwt jwt;

    if (jwt_parse(proof->token, &jwt, reterr))
        verdict = judge_parsed(call, proof, &jwt, reterr);
    jwt_done(&jwt);
    return verdict;
}

static enum stage_result ask_for_keys(struct call *call)
{
    struct token_proof *proof = call->state;

    proof->has_asked = true;
    return signing_keys_ask(call, on_keys_ready) == HK_OK ? STAGE_WAIT
                                                          : call_stage_fail(call, HK_BUSY);
}

static enum stage_result ask_for_client(struct call *call)
{
    struct token_proof *proof = call->state;
    enum stage_result entered;

    proof->keys_read_at_ms = signing_keys_read_at_ms(call->thread->signing_keys);
    call->caller.tenant_id = proof->tenant_id;
    call_act_for(call, &proof->tenant_id);
    entered = tenant_cell_enter(call);
    if (entered != STAGE_NEXT)
        return entered;
    hk_id_format(&proof->client_id, proof->client_id_text);
    call->query = (struct hk_db_query){
        .stmt = &stmt_client_find,
        .params = {hk_str(call->tenant_id), hk_str(proof->client_id_text)},
        .context = &call->context,
        .done = on_client_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

static enum stage_result go_on(struct call *call)
{
    struct signing_keys *keys = call->thread->signing_keys;
    struct token_proof *proof = call->state;
    const char *why = "";

    switch (judge(call, proof, &why)) {
    case TOKEN_GOOD:
        return ask_for_client(call);
    case TOKEN_KEY_UNKNOWN:
        if (!proof->has_asked && signing_keys_may_ask_again(keys, hk_mono_ms()))
            return ask_for_keys(call);
        break;
    case TOKEN_BAD:
        break;
    }
    return authenticate_refuse_token(call, why);
}

enum stage_result authenticate_token(struct call *call, struct hk_str proof)
{
    struct token_proof *state;

    if (proof.n > JWT_MAX_BYTES)
        return authenticate_refuse_token(call, "the token is too long");
    hk_sha256(proof.p, proof.n, call->key_sha256);
    if (auth_cache_find(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller)) {
        call_act_for(call, &call->caller.tenant_id);
        return tenant_cell_enter(call);
    }
    if (auth_guard_refuses(call))
        return STAGE_REPLIED;
    state = call_alloc(call, sizeof(*state));
    *state = (struct token_proof){.token = proof};
    call->state = state;
    return signing_keys_are_usable(call) ? go_on(call) : ask_for_keys(call);
}

static void on_keys_ready(struct call *call, enum hk_code code)
{
    if (code == HK_OK)
        (void)go_on(call);
    else
        call_fail_code(call, code, HK_STR_NULL);
}

void authenticate_succeed(struct call *call, int64_t checked_at_ms)
{
    auth_cache_put(call->thread->auth_cache, call->key_sha256, checked_at_ms, &call->caller);
    auth_guard_trust(call);
    call_act_for(call, &call->caller.tenant_id);
    call->stage++;
    call_run(call);
}

/* Role, partner and scopes are those of now; the token's scopes can only be fewer. */
static void set_caller(struct caller *caller, const struct token_proof *proof,
                       const struct hk_db_result *result)
{
    struct hk_str partner = hk_db_value(result, 0, 1), scopes = hk_db_value(result, 0, 2);

    (void)snprintf(caller->actor, sizeof(caller->actor), "client:%s", proof->client_id_text);
    caller->expires_s = proof->expires_s;
    caller->role = auth_role_from_name(hk_db_value(result, 0, 0));
    caller->scopes = auth_scopes_from_names(hk_str(proof->scope), caller->role);
    if (scopes.p != NULL)
        caller->scopes &= auth_scopes_from_names(scopes, caller->role);
    (void)snprintf(caller->partner, sizeof(caller->partner), "%s",
                   partner.p == NULL ? "" : partner.p);
}

/* Completes the stage. */
static void on_client_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    if (result->n_rows != 1) {
        (void)authenticate_refuse_token(call, "the client or its tenant is gone");
        return;
    }
    set_caller(&call->caller, call->state, result);
    limit_set_caller(&call->caller, call->thread->config, result, 0, 5);
    authenticate_succeed(call, ((const struct token_proof *)call->state)->keys_read_at_ms);
}
