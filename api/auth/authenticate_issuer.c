/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_issuer.c - tokens of an issuer that the tenant trusts, in the order in which it
 * runs:
 *
 *     authenticate_issuer -> on_issuer_found -> look_up [-> on_keys_ready -> look_up] -> judge
 *
 * The request names its tenant (Hookline-Tenant-Id); the token's iss, not yet believed, finds the
 * issuer among that tenant's, and its key decides.
 */
#include <h2o.h>
#include <jansson.h>
#include <stdio.h>

#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/auth/issuer_keys.h"
#include "api/auth/oauth.sql.h"
#include "api/cells/tenant_cell.h"
#include "api/http/server.h"
#include "api/limits/limit.h"
#include "hk/clock.h"
#include "hk/url.h"

enum { MAX_ISSUER = 512, MAX_SUBJECT = 128, MAX_ALG = 16 };

/* Of a call that waits; lives in the request's pool, as what it points at does. */
struct issuer_proof {
    struct hk_wait wait;
    struct call *call;
    struct hk_str token; /* borrowed from the request */
    char issuer[MAX_ISSUER + 1];
    char alg[MAX_ALG];
    char kid[JWT_MAX_KID + 1];
    bool has_kid;

    int64_t found_at_ms; /* when the issuer was asked for */
    char id_text[HK_ID_TEXT_SIZE];
    struct hk_id id;
    enum role role;
    const char *jwks_uri, *audience, *subject_claim, *required_claims;
    const char *partner, *partner_claim; /* one of the two, or neither */
};

static hk_db_done_fn on_issuer_found;
static void on_keys_ready(struct hk_wait *wait);

struct hk_str authenticate_tenant_header(const struct call *call)
{
    static const char name[] = "hookline-tenant-id";
    const h2o_headers_t *headers = &call->req->headers;
    ssize_t at = h2o_find_header_by_str(headers, name, sizeof(name) - 1, -1);

    if (at < 0)
        return HK_STR_NULL;
    return (struct hk_str){headers->entries[at].value.base, headers->entries[at].value.len};
}

/* A token of two tenants would be two proofs. */
static void hash_proof(struct call *call, struct hk_str token)
{
    size_t n = HK_ID_TEXT_SIZE - 1;
    char *text = call_alloc(call, n + token.n);

    memcpy(text, call->tenant_id, n);
    memcpy(text + n, token.p, token.n);
    hk_sha256(text, n + token.n, call->key_sha256);
}

/* An access token or an identity token; not a logout token or whatever else an issuer signs. */
static bool typ_is_legal(const char *typ)
{
    return typ == NULL || strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0 ||
           strcasecmp(typ, "application/at+jwt") == 0;
}

/* What finds the key. False with static words in `reterr`. */
static bool read_token(struct issuer_proof *proof, const char **reterr)
{
    const char *issuer;
    struct jwt jwt;
    bool is_good = jwt_parse(proof->token, &jwt, reterr);

    if (is_good) {
        issuer = jwt_text(&jwt, "iss");
        is_good = issuer != NULL && strlen(issuer) <= MAX_ISSUER && jwk_knows(jwt.alg) &&
                  typ_is_legal(jwt.typ);
        *reterr = "no issuer, or an algorithm or a type that is not supported";
    }
    if (is_good) {
        (void)snprintf(proof->issuer, sizeof(proof->issuer), "%s", issuer);
        (void)snprintf(proof->alg, sizeof(proof->alg), "%s", jwt.alg);
        (void)snprintf(proof->kid, sizeof(proof->kid), "%s", jwt.kid == NULL ? "" : jwt.kid);
        proof->has_kid = jwt.kid != NULL;
    }
    jwt_done(&jwt);
    return is_good;
}

enum stage_result authenticate_issuer(struct call *call, struct hk_str token)
{
    struct issuer_proof *proof = call_alloc(call, sizeof(*proof));
    enum stage_result entered;
    struct hk_id tenant_id;
    const char *why;

    *proof = (struct issuer_proof){.call = call, .token = token};
    call->state = proof;
    if (token.n > JWT_MAX_BYTES || !hk_id_parse(authenticate_tenant_header(call), &tenant_id))
        return authenticate_refuse_token(call, "too long, or no tenant");
    call->caller.tenant_id = tenant_id;
    call_act_for(call, &tenant_id);
    hash_proof(call, token);
    if (auth_cache_find(call->thread->auth_cache, call->key_sha256, hk_mono_ms(), &call->caller)) {
        call_act_for(call, &call->caller.tenant_id);
        return tenant_cell_enter(call);
    }
    if (auth_guard_refuses(call))
        return STAGE_REPLIED;
    if (!read_token(proof, &why))
        return authenticate_refuse_token(call, why);
    entered = tenant_cell_enter(call);
    if (entered != STAGE_NEXT)
        return entered;
    call->query = (struct hk_db_query){
        .stmt = &stmt_issuer_find,
        .params = {hk_str(call->tenant_id), hk_str(proof->issuer), hk_str(proof->alg)},
        .context = &call->context,
        .done = on_issuer_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

static const char *copy_value(struct call *call, const struct hk_db_result *result, unsigned column)
{
    struct hk_str value = hk_db_value(result, 0, column);

    return value.p == NULL ? NULL : h2o_strdup(&call->req->pool, value.p, value.n).base;
}

/* ---- claims --------------------------------------------------------------------------------- */

/* Each required claim has that value, or is a list that has it. */
static bool has_required_claims(const struct jwt *jwt, const char *required)
{
    json_t *wanted = json_loads(required, 0, NULL), *value, *claim;
    bool is_good = json_is_object(wanted);
    const char *name;

    json_object_foreach(wanted, name, value)
    {
        claim = json_object_get(jwt->claims, name);
        is_good &= claim != NULL &&
                   (json_equal(claim, value) == 1 ||
                    (json_is_string(value) && jwt_claim_has(jwt, name, json_string_value(value))));
    }
    json_decref(wanted);
    return is_good;
}

/* A name that may stand in the audit log. */
static bool is_name(const char *text, size_t max)
{
    size_t n = text == NULL ? 0 : strlen(text);

    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return n >= 1 && n <= max;
}

static bool set_caller(struct caller *caller, const struct issuer_proof *proof,
                       const struct jwt *jwt)
{
    const char *subject = jwt_text(jwt, proof->subject_claim);
    const char *partner =
        proof->partner_claim == NULL ? proof->partner : jwt_text(jwt, proof->partner_claim);

    if (!is_name(subject, MAX_SUBJECT))
        return false;
    if ((proof->partner_claim != NULL || proof->partner != NULL) &&
        !is_name(partner, sizeof(caller->partner) - 1))
        return false;
    (void)snprintf(caller->actor, sizeof(caller->actor), "issuer:%s:%s", proof->id_text, subject);
    (void)snprintf(caller->partner, sizeof(caller->partner), "%s", partner == NULL ? "" : partner);
    caller->role = proof->role;
    caller->scopes = auth_role_scopes(proof->role);
    caller->expires_s = jwt_expires_s(jwt);
    return true;
}

static bool judge_parsed(struct call *call, EVP_PKEY *key, const struct jwt *jwt,
                         const char **reterr)
{
    const struct issuer_proof *proof = call->state;
    struct jwt_expected expected = {proof->issuer, proof->audience, hk_wall_us() / 1000000, false};

    *reterr = "the signature is wrong";
    if (!jwk_verify(key, proof->alg, jwt) || !jwt_check_claims(jwt, &expected, reterr))
        return false;
    *reterr = "a required claim is missing";
    if (!has_required_claims(jwt, proof->required_claims))
        return false;
    *reterr = "the claims name no subject or no partner";
    return set_caller(&call->caller, proof, jwt);
}

static void judge(struct call *call, EVP_PKEY *key)
{
    const struct issuer_proof *proof = call->state;
    const char *why = "";
    struct jwt jwt;
    bool is_good = jwt_parse(proof->token, &jwt, &why) && judge_parsed(call, key, &jwt, &why);

    jwt_done(&jwt);
    if (is_good)
        authenticate_succeed(call, proof->found_at_ms);
    else
        (void)authenticate_refuse_token(call, why);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* h2o has cleared the request while its call waited. */
static void abandon(struct call *call)
{
    struct issuer_proof *proof = call->state;

    hk_wait_abandon(&proof->wait);
}

static void look_up(struct call *call)
{
    struct issuer_proof *proof = call->state;
    EVP_PKEY *key = NULL;

    switch (issuer_keys_find(call->thread->issuer_keys, &proof->id, proof->jwks_uri,
                             proof->has_kid ? proof->kid : NULL, proof->alg, hk_mono_ms(),
                             &proof->wait, &key)) {
    case ISSUER_KEY:
        judge(call, key);
        break;
    case ISSUER_ASK:
        proof->wait.ready = on_keys_ready;
        call->abandon = abandon;
        break;
    case ISSUER_NONE:
        (void)authenticate_refuse_token(call, "the issuer has no such key");
        break;
    }
}

static void on_keys_ready(struct hk_wait *wait)
{
    struct issuer_proof *proof = HK_CONTAINER_OF(wait, struct issuer_proof, wait);

    proof->call->abandon = NULL;
    look_up(proof->call);
}

static void on_issuer_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct issuer_proof *proof = call->state;
    bool allows_http;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    if (result->n_rows != 1 || !hk_id_parse(hk_db_value(result, 0, 0), &proof->id)) {
        (void)authenticate_refuse_token(call, "the tenant trusts no such issuer and algorithm");
        return;
    }
    proof->found_at_ms = hk_mono_ms();
    hk_id_format(&proof->id, proof->id_text);
    proof->jwks_uri = copy_value(call, result, 1);
    proof->audience = copy_value(call, result, 2);
    proof->role = auth_role_from_name(hk_db_value(result, 0, 3));
    proof->partner = copy_value(call, result, 4);
    proof->partner_claim = copy_value(call, result, 5);
    proof->subject_claim = copy_value(call, result, 6);
    proof->required_claims = copy_value(call, result, 7);
    allows_http = hk_str_eq(hk_db_value(result, 0, 8), HK_STR("t"));
    limit_set_caller(&call->caller, call->thread->config, result, 0, 9);
    if (hk_url_check(hk_str(proof->jwks_uri), allows_http, NULL) != HK_OK)
        (void)authenticate_refuse_token(call, "the issuer's jwks_uri is not allowed (any more)");
    else
        look_up(call);
}
