/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth.c - a token request, in the order in which it runs:
 *
 *     handle_token -> on_client_found [-> on_keys_ready] -> issue -> reply
 *
 * Its errors are those of RFC 6749, 5.2: application/json with "error" and "error_description",
 * and the members of our problems beside them. What has nothing to do with OAuth (a database that
 * is away) is a problem as everywhere.
 */
#include "api/auth/oauth.h"

#include <h2o.h>
#include <stdlib.h>

#include "api/auth/auth_guard.h"
#include "api/auth/client_id.h"
#include "api/auth/oauth.sql.h"
#include "api/auth/oauth_request.h"
#include "api/auth/signing_keys.h"
#include "api/cells/tenant_cell.h"
#include "api/http/problem.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/form.h"

enum { MAX_REPLY_BYTES = 16384 };

/* Of a call that waits; lives in the request's pool. */
struct token_request {
    struct oauth_request oauth;
    struct hk_id client_id;
    char client_id_text[HK_ID_TEXT_SIZE];
    char secret_sha256_hex[2 * HK_SHA256_SIZE + 1];
    enum role role;
    char partner[sizeof(((struct caller *)NULL)->partner)];
    uint64_t scopes;
    int64_t lifetime_s;
};

static hk_db_done_fn on_client_found;
static signing_keys_ready_fn on_keys_ready;

static bool reply_error(struct call *call, const struct hk_error *error)
{
    const struct hk_code_info *info = hk_code_info(error->code);
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, MAX_REPLY_BYTES);
    if (info->http_status >= 500) {
        call_fail_code(call, error->code, HK_STR_NULL);
        return true;
    }
    problem_write(&buf, error, HK_STR_NULL, call->request_id);
    buf.n--; /* the closing brace */
    hk_buf_printf(&buf, ",\"error\":\"%s\",\"error_description\":", info->slug);
    hk_buf_add_json_string(&buf, hk_str(error->detail[0] == '\0' ? info->title : error->detail));
    hk_buf_add_text(&buf, "}");
    if (info->http_status == 401)
        reply_add_header(call, "www-authenticate", HK_STR("Basic realm=\"hookline\""));
    call_reply(call, info->http_status, hk_buf_str(&buf));
    return true;
}

static bool reply_error_code(struct call *call, enum hk_code code)
{
    return reply_error(call, &(struct hk_error){.code = code});
}

static struct hk_str authorization_of(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);

    if (at < 0)
        return HK_STR_NULL;
    return (struct hk_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

/* Whose it is, and the secret as it is stored. A client_id that is none leads to the zero tenant.
 */
static void read_credentials(struct call *call, struct token_request *request)
{
    struct oauth_request *oauth = &request->oauth;
    struct hk_str id = {oauth->client_id, strlen(oauth->client_id)};
    struct hk_str secret = {oauth->client_secret, strlen(oauth->client_secret)};
    uint8_t hash[HK_SHA256_SIZE];
    struct hk_id tenant_id;
    char proof[sizeof(oauth->client_id) + sizeof(oauth->client_secret)];
    int n = snprintf(proof, sizeof(proof), "%s:%s", oauth->client_id, oauth->client_secret);

    call->has_proof = true;
    hk_sha256(proof, (size_t)n, call->key_sha256);
    explicit_bzero(proof, sizeof(proof));
    if (!client_id_parse(id, &tenant_id, &request->client_id))
        tenant_id = request->client_id = (struct hk_id){0};
    hk_sha256(secret.p, secret.n, hash);
    hk_hex_encode(hash, sizeof(hash), request->secret_sha256_hex);
    explicit_bzero(oauth->client_secret, sizeof(oauth->client_secret));
    hk_id_format(&request->client_id, request->client_id_text);
    call_act_for(call, &tenant_id);
}

static bool handle_token(struct call *call)
{
    struct token_request *request = call_alloc(call, sizeof(*request));
    struct hk_error error = {0};

    call->state = request;
    if (call->thread->n_calls > (unsigned)call->thread->config->api_max_pending_requests)
        return reply_error_code(call, HK_BUSY);
    if (call->req->query_at != SIZE_MAX) /* logs keep what stands in a URL */
        return reply_error(call, &(struct hk_error){.code = HK_INVALID_REQUEST,
                                                    .detail = "There must be no query."});
    if (oauth_request_read(call->body, authorization_of(call->req), &request->oauth, &error) !=
        HK_OK)
        return reply_error(call, &error);

    read_credentials(call, request);
    if (auth_guard_refuses(call) || tenant_cell_enter(call) != STAGE_NEXT)
        return true;
    call->query = (struct hk_db_query){
        .stmt = &stmt_client_find,
        .params = {hk_str(call->tenant_id), hk_str(request->client_id_text)},
        .context = &call->context,
        .done = on_client_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    if (hk_db_submit(call->cell->db, &call->query) != HK_OK)
        return reply_error_code(call, HK_BUSY);
    return true;
}

/* Looks at all of `hashes` ("hex hex ..."), and at every byte: time tells nothing. */
static bool has_secret(struct hk_str hashes, const char *hex)
{
    enum { N = 2 * HK_SHA256_SIZE };
    unsigned n_equal = 0;

    for (size_t i = 0; i + N <= hashes.n; i += N + 1) {
        unsigned differs = 0;

        for (size_t k = 0; k < N; k++)
            differs |= (unsigned)(hashes.p[i + k] ^ hex[k]);
        n_equal += differs == 0;
    }
    return n_equal > 0;
}

/* What the client may have, narrowed to what it asks for. False: it asks for more. */
static bool narrow_scopes(struct token_request *request, struct hk_str granted)
{
    struct hk_str wanted = hk_str(request->oauth.scope);
    uint64_t may = granted.p == NULL ? auth_role_scopes(request->role)
                                     : auth_scopes_from_names(granted, request->role);

    request->scopes = may;
    if (wanted.n == 0)
        return true;
    request->scopes = 0;
    while (wanted.n > 0) {
        const char *blank = memchr(wanted.p, ' ', wanted.n);
        struct hk_str name = {wanted.p, blank == NULL ? wanted.n : (size_t)(blank - wanted.p)};
        uint64_t scope = auth_scopes_from_names(name, request->role) & may;

        if (scope == 0)
            return false;
        request->scopes |= scope;
        wanted.p += name.n + (blank != NULL);
        wanted.n -= name.n + (blank != NULL);
    }
    return true;
}

static void issue(struct call *call);

/* No such client costs what a wrong secret costs: the comparison happens all the same. */
static void on_client_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    static const char nobody[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct token_request *request = call->state;
    bool is_there = result->n_rows == 1 && hk_db_value(result, 0, 4).p != NULL;
    struct hk_str partner, hashes = is_there ? hk_db_value(result, 0, 4) : hk_str(nobody);
    enum hk_code code = result->code;

    if (code == HK_OK && (!has_secret(hashes, request->secret_sha256_hex) || !is_there))
        code = HK_INVALID_CLIENT;
    if (code != HK_OK) {
        (void)reply_error_code(call, code);
        return;
    }
    auth_guard_trust(call);
    request->role = auth_role_from_name(hk_db_value(result, 0, 0));
    partner = hk_db_value(result, 0, 1);
    (void)snprintf(request->partner, sizeof(request->partner), "%s",
                   partner.p == NULL ? "" : partner.p);
    request->lifetime_s = strtoll(hk_db_value(result, 0, 3).p, NULL, 10);
    if (!narrow_scopes(request, hk_db_value(result, 0, 2))) {
        (void)reply_error_code(call, HK_INVALID_SCOPE);
        return;
    }
    if (signing_keys_are_usable(call))
        issue(call);
    else if (signing_keys_ask(call, on_keys_ready) != HK_OK)
        (void)reply_error_code(call, HK_BUSY);
}

static void on_keys_ready(struct call *call, enum hk_code code)
{
    if (code == HK_OK)
        issue(call);
    else
        (void)reply_error_code(call, code);
}

static void write_claims(struct hk_buf *buf, struct call *call, const char *scope)
{
    const struct token_request *request = call->state;
    const char *issuer = call->thread->config->api_issuer;
    int64_t now_s = hk_wall_us() / 1000000, exp_s = now_s + request->lifetime_s;
    struct hk_id jti = hk_id_new(&call->thread->ids, hk_wall_us() / 1000);
    const char *client_id = request->oauth.client_id;
    char jti_text[HK_ID_TEXT_SIZE];

    hk_id_format(&jti, jti_text);
    hk_buf_add_text(buf, "{\"iss\":");
    hk_buf_add_json_string(buf, hk_str(issuer));
    hk_buf_add_text(buf, ",\"aud\":");
    hk_buf_add_json_string(buf, hk_str(issuer));
    hk_buf_printf(buf, ",\"sub\":\"%s\",\"client_id\":\"%s\",\"tenant\":\"%s\",\"role\":\"%s\"",
                  client_id, client_id, call->tenant_id, auth_role_name(request->role));
    if (request->partner[0] != '\0') {
        hk_buf_add_text(buf, ",\"partner\":");
        hk_buf_add_json_string(buf, hk_str(request->partner));
    }
    hk_buf_printf(buf, ",\"scope\":\"%s\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld,\"jti\":\"%s\"}",
                  scope, (long long)now_s, (long long)now_s, (long long)exp_s, jti_text);
}

static void issue(struct call *call)
{
    const struct token_request *request = call->state;
    const struct own_key *key = signing_keys_current(call->thread->signing_keys);
    char scope[AUTH_SCOPE_NAMES_SIZE];
    struct hk_buf claims HK_CLEANUP(hk_buf_done), reply HK_CLEANUP(hk_buf_done);
    char *token;

    auth_scope_names(request->scopes, scope);
    hk_buf_init(&claims, MAX_REPLY_BYTES);
    hk_buf_init(&reply, MAX_REPLY_BYTES);
    write_claims(&claims, call, scope);
    token = key == NULL || claims.is_full ? NULL : own_token_sign(key, claims.p);
    if (token == NULL) {
        (void)reply_error_code(call, HK_INTERNAL);
        return;
    }
    hk_buf_printf(&reply,
                  "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%lld,"
                  "\"scope\":\"%s\"}",
                  token, (long long)request->lifetime_s, scope);
    hk_sha256(token, strlen(token), call->key_sha256);
    auth_guard_trust(call);
    free(token);
    call_reply(call, 200, hk_buf_str(&reply));
}

const struct route oauth_routes[] = {
    {
        .method = "POST",
        .path = "/oauth/token",
        .scope = SCOPE_PUBLIC,
        .ok_status = 200,
        .takes = HK_FORM_MEDIA_TYPE,
        .handle = handle_token,
    },
    {0},
};
