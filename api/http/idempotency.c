/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idempotency.c - in the order of events: begin -> claimed -> (the call's statements) -> keep ->
 * kept.
 *
 * A kept reply is "<status> <media type>\n", headers as "name: value\n", "\n", body; sealed.
 */
#include "api/http/idempotency.h"

#include <h2o.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cells/tenant_cell.h"
#include "api/http/idempotency.sql.h"
#include "api/http/idempotency_key.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "hk/buf.h"

enum { MAX_KEPT_BYTES = 1 << 20, MAX_HEAD_BYTES = 1024 };

static const char header_name[] = "idempotency-key";

/* What a repeated request gets besides status, media type and body. */
static const char *const kept_headers[] = {"location", "etag"};

struct idempotency {
    struct idempotency_key key;
    idempotency_claimed_fn *on_claimed;
    struct hk_db_query own;          /* the call's, while the claim is in its place */
    const char *tenant_id;           /* whose row it is */
    char caller_id[HK_ID_TEXT_SIZE]; /* that is often the caller's */
    struct hk_db_context context;
    const struct hk_db_result *result; /* of the query that is being dealt with, or NULL */
    bool is_kept;

    int status;
    const char *media_type;
    struct hk_str body;
};

static hk_db_done_fn on_claim_done;
static hk_db_done_fn on_kept;

static struct hk_str header_value(const h2o_header_t *header)
{
    return (struct hk_str){header->value.base, header->value.len};
}

bool idempotency_is_asked(const struct call *call)
{
    const struct route *route = call->match.route;
    const h2o_req_t *req = call->req;

    return strcmp(route->method, "POST") == 0 && !route->counts_refusals && !route->is_not_kept &&
           h2o_find_header_by_str(&req->headers, header_name, sizeof(header_name) - 1, -1) >= 0;
}

/* The key, from the one header there may be. */
static bool read_key(const h2o_req_t *req, char ret[IDEMPOTENCY_KEY_MAX_BYTES + 1])
{
    ssize_t at = h2o_find_header_by_str(&req->headers, header_name, sizeof(header_name) - 1, -1);

    return h2o_find_header_by_str(&req->headers, header_name, sizeof(header_name) - 1, at) < 0 &&
           idempotency_key_read(header_value(&req->headers.entries[at]), ret);
}

/*
 * What the caller proves itself with as long as it is the same actor: an API key. Tokens and
 * sessions come and go while client and user stay.
 */
static struct hk_str find_proof(const struct call *call)
{
    static const char scheme[] = "Bearer ";
    const h2o_req_t *req = call->req;
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
    struct hk_str value;

    if (at < 0 || strncmp(call->caller.actor, "key:", 4) != 0)
        return HK_STR("");
    value = header_value(&req->headers.entries[at]);
    if (value.n < sizeof(scheme))
        return HK_STR("");
    return (struct hk_str){value.p + sizeof(scheme) - 1, value.n - (sizeof(scheme) - 1)};
}

static void derive_key(const struct call *call, struct hk_str text, struct idempotency_key *ret)
{
    const h2o_req_t *req = call->req;
    size_t path_n = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    struct hk_str query = HK_STR("");
    struct idempotency_scope scope = {
        .actor = hk_str(call->caller.actor),
        .partner = hk_str(call->caller.partner),
        .method = {req->method.base, req->method.len},
        .path = {req->path.base, path_n},
        .proof = find_proof(call),
    };

    if (path_n < req->path.len)
        query = (struct hk_str){req->path.base + path_n + 1, req->path.len - path_n - 1};
    idempotency_key_derive(text, &scope, query, (struct hk_str){req->entity.base, req->entity.len},
                           ret);
}

static struct hk_str bytes(const uint8_t *p)
{
    return (struct hk_str){(const char *)p, HK_SHA256_SIZE};
}

/*
 * The row goes wherever the tenant goes that the call acts for. One that is only being made has no
 * place yet: the caller keeps that.
 */
static const char *find_owner(const struct call *call, char buf[HK_ID_TEXT_SIZE])
{
    if (call->acts_for_another)
        return call->tenant_id;
    hk_id_format(&call->caller.tenant_id, buf);
    return buf;
}

enum stage_result idempotency_begin(struct call *call, struct hk_db *db,
                                    idempotency_claimed_fn *on_claimed)
{
    struct idempotency *own = call_alloc(call, sizeof(*own));
    char text[IDEMPOTENCY_KEY_MAX_BYTES + 1];

    if (!read_key(call->req, text))
        return call_stage_fail(call, HK_INVALID_IDEMPOTENCY_KEY);
    *own = (struct idempotency){.on_claimed = on_claimed, .own = call->query};
    derive_key(call, hk_str(text), &own->key);
    own->tenant_id = find_owner(call, own->caller_id);
    own->context = call->context;
    own->context.tenant_id = hk_str(own->tenant_id);
    call->idempotency = own;
    call->query = (struct hk_db_query){
        .stmt = &stmt_idempotency_claim,
        .params = {hk_str(own->tenant_id), bytes(own->key.id), bytes(own->key.fingerprint)},
        .binary_params = 1u << 1 | 1u << 2,
        .wants_binary_result = true,
        .context = &own->context,
        .done = on_claim_done,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
        .goes_on = true,
    };
    return hk_db_submit(db, &call->query) == HK_OK ? STAGE_WAIT : call_stage_fail(call, HK_BUSY);
}

/* ---- a reply that is kept ---- */

/* Takes a line off the front of `rest`. */
static struct hk_str take_line(struct hk_str *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    struct hk_str line = {rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};

    *rest = end == NULL ? HK_STR("") : (struct hk_str){end + 1, rest->n - line.n - 1};
    return line;
}

static void add_kept_header(struct call *call, struct hk_str line)
{
    for (size_t i = 0; i < HK_COUNTOF(kept_headers); i++) {
        size_t n = strlen(kept_headers[i]);

        if (line.n > n + 2 && memcmp(line.p, kept_headers[i], n) == 0)
            reply_add_header(call, kept_headers[i],
                             (struct hk_str){line.p + n + 2, line.n - n - 2});
    }
}

static void send_kept(struct call *call, struct hk_str rest)
{
    struct hk_str first = take_line(&rest), line;
    char *media_type;

    if (first.n < 5) {
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
        return;
    }
    media_type = call_alloc(call, first.n);
    (void)snprintf(media_type, first.n, "%.*s", (int)first.n - 4, first.p + 4);
    while ((line = take_line(&rest)).n > 0)
        add_kept_header(call, line);
    reply_add_header(call, "idempotency-replayed", HK_STR("true"));
    reply_send(call, (int)strtol(first.p, NULL, 10), media_type, rest);
}

static void replay(struct call *call, struct hk_str sealed)
{
    static const struct hk_error too_large = {
        .code = HK_CONFLICT,
        .detail = "The request has been done already; its reply was too large to keep."};
    uint8_t *text;

    if (sealed.p == NULL) {
        call_fail(call, &too_large);
        return;
    }
    text = call_alloc(call, sealed.n);
    if (!hk_unseal(call->idempotency->key.seal_key, HK_STR(""), sealed, text))
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
    else
        send_kept(call, (struct hk_str){(const char *)text, sealed.n - HK_SEAL_OVERHEAD});
}

static void on_claim_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct idempotency *own = call->idempotency;
    struct hk_str code;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    code = hk_db_value(result, 0, 0);
    if (hk_str_eq(code, HK_STR("replay"))) {
        replay(call, hk_db_value(result, 0, 1));
        return;
    }
    if (code.n > 0) {
        call_fail_code(call, hk_code_from_slug(code), HK_STR_NULL);
        return;
    }
    call->query = own->own;
    idempotency_offer(call, result);
    own->on_claimed(call);
}

/* ---- the call's own statements ---- */

void idempotency_offer(struct call *call, const struct hk_db_result *result)
{
    if (call->idempotency != NULL)
        call->idempotency->result = result;
}

void idempotency_continue(struct call *call)
{
    call->query.goes_on = true;
    hk_db_continue(call->idempotency->result, &call->query);
}

/* ---- keeping ---- */

static struct hk_buf write_head(const struct call *call, int status, const char *media_type)
{
    h2o_req_t *req = call->req;
    struct hk_buf buf;

    hk_buf_init(&buf, MAX_HEAD_BYTES);
    hk_buf_printf(&buf, "%d %s\n", status, media_type);
    for (size_t i = 0; i < HK_COUNTOF(kept_headers); i++) {
        ssize_t at =
            h2o_find_header_by_str(&req->res.headers, kept_headers[i], strlen(kept_headers[i]), -1);

        if (at < 0)
            continue;
        hk_buf_printf(&buf, "%s: ", kept_headers[i]);
        hk_buf_add_str(&buf, header_value(&req->res.headers.entries[at]));
        hk_buf_add_text(&buf, "\n");
    }
    hk_buf_add_text(&buf, "\n");
    return buf;
}

/* Copies the reply into the request's pool; .p is NULL when it is too large to be kept. */
static struct hk_str seal_reply(struct call *call, const char *media_type, struct hk_str body)
{
    struct idempotency *own = call->idempotency;
    struct hk_buf head HK_CLEANUP(hk_buf_done) = write_head(call, own->status, media_type);
    char *text = call_alloc(call, head.n + body.n);
    uint8_t *sealed;

    memcpy(text, head.p, head.n);
    if (body.n > 0)
        memcpy(text + head.n, body.p, body.n);
    own->body = (struct hk_str){text + head.n, body.n};
    if (head.is_full || body.n > MAX_KEPT_BYTES)
        return HK_STR_NULL;
    sealed = call_alloc(call, head.n + body.n + HK_SEAL_OVERHEAD);
    hk_seal(own->key.seal_key, HK_STR(""), (struct hk_str){text, head.n + body.n}, sealed);
    return (struct hk_str){(const char *)sealed, head.n + body.n + HK_SEAL_OVERHEAD};
}

bool idempotency_keep(struct call *call, int status, const char *media_type, struct hk_str body)
{
    struct idempotency *own = call->idempotency;

    if (own == NULL || own->is_kept || status >= 400)
        return false;
    own->is_kept = true;
    own->status = status;
    own->media_type = media_type;
    call->query = (struct hk_db_query){
        .stmt = &stmt_idempotency_keep,
        .params = {hk_str(own->tenant_id), bytes(own->key.id), seal_reply(call, media_type, body)},
        .binary_params = 1u << 1 | 1u << 2,
        .context = &own->context,
        .done = on_kept,
    };
    hk_db_continue(own->result, &call->query);
    return true;
}

/* Committed, or nothing has been done and nothing of its reply may be seen. */
static void on_kept(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    const struct idempotency *own = call->idempotency;
    h2o_headers_t *headers = &call->req->res.headers;

    if (result->code == HK_OK && result->n_rows == 1) {
        if (call->after_commit != NULL)
            call->after_commit(call);
        reply_send(call, own->status, own->media_type, own->body);
        return;
    }
    for (size_t i = 0; i < HK_COUNTOF(kept_headers); i++) {
        ssize_t at = h2o_find_header_by_str(headers, kept_headers[i], strlen(kept_headers[i]), -1);

        if (at >= 0)
            (void)h2o_delete_header(headers, at);
    }
    tenant_cell_stay(call); /* its reply has been made */
    call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
}
