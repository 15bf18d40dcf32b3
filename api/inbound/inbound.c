/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound.c - in the order of events:
 *
 *     handle -> (find [wait]) -> its limit [wait] -> handshake -> method, size, type -> credential
 *     -> its tenant's limit, quota [wait] -> (batcher.c) -> stored: the flow's answer; gone: find,
 * and all again, once
 *
 * Who is refused is so by what is true now: when the flow was known for longer than a moment, it is
 * looked up first, and judged again.
 */
#include "api/inbound/inbound.h"

#include <h2o.h>
#include <stdio.h>

#include "api/auth/auth_guard.h"
#include "api/cells/tenant_cell.h"
#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/inbound/inbound.sql.h"
#include "api/inbound/inbound_cache.h"
#include "api/inbound/inbound_check.h"
#include "api/limits/limit.h"
#include "api/publish/batcher.h"
#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/json_scan.h"
#include "hk/traceparent.h"

enum {
    HASH_DIGITS = 16, /* of a SHA-256, in an external id */
    EXTERNAL_ID_SIZE =
        sizeof("wait////") + HK_ID_TEXT_SIZE + HK_INBOUND_ID_SIZE + HASH_DIGITS + HASH_DIGITS,
};

/* A request; in its call's pool. */
struct inbound {
    struct call *call;
    struct hk_flow_key key;
    struct hk_str wait_key; /* .p NULL: it begins a run */
    struct inbound_request request;

    struct inbound_flow *flow; /* whose user it is; NULL: there is none, if is_known */
    bool is_known;
    bool is_fresh;    /* as it was a moment ago */
    bool has_changed; /* while the request was checked, once before */

    struct batch_item finding, storing;
    struct hk_inbound_id delivery_id;
    struct hk_str external_id; /* .p NULL: the sender gives its deliveries no ids */
    struct hk_id event_id;
    bool is_json;
};

static bool inbound_handle(struct call *call);

#define RECEIVES(method_, path_)                                                                   \
    {                                                                                              \
        .method = (method_), .path = (path_), .scope = SCOPE_PUBLIC, .ok_status = 202,             \
        .takes_anything = true, .handle = inbound_handle                                           \
    }
const struct route inbound_routes[] = {
    RECEIVES("GET", "/in/:key"),
    RECEIVES("POST", "/in/:key"),
    RECEIVES("PUT", "/in/:key"),
    RECEIVES("PATCH", "/in/:key"),
    RECEIVES("DELETE", "/in/:key"),
    RECEIVES("GET", "/in/:key/wait/:wait_key"),
    RECEIVES("POST", "/in/:key/wait/:wait_key"),
    RECEIVES("PUT", "/in/:key/wait/:wait_key"),
    RECEIVES("PATCH", "/in/:key/wait/:wait_key"),
    RECEIVES("DELETE", "/in/:key/wait/:wait_key"),
    {0},
};

static void receive(struct inbound *inbound);

/* ---- the flow ------------------------------------------------------------------------------- */

/* Takes the flow as its user, instead of the one that it had. */
static void take_flow(struct inbound *inbound, struct inbound_flow *flow, bool is_fresh)
{
    if (flow != NULL)
        inbound_flow_keep(flow);
    inbound_flow_release(inbound->flow);
    inbound->flow = flow;
    inbound->is_known = true;
    inbound->is_fresh = is_fresh;
}

/* False: it is being looked up, and the request goes on when it is found. */
static bool know_flow(struct inbound *inbound, bool is_fresh)
{
    struct api_thread *thread = inbound->call->thread;
    struct inbound_flow *flow;

    if (inbound->is_known && (inbound->is_fresh || !is_fresh))
        return true;
    if (!inbound_cache_find(thread->inbound_cache, &inbound->key, is_fresh, hk_mono_ms(), &flow)) {
        batcher_add(inbound->call->cell->batcher, &inbound_find_kind, &inbound->finding);
        return false;
    }
    take_flow(inbound, flow, is_fresh);
    return true;
}

static void add_pair(struct batch_item *item, struct batch_rows *rows)
{
    const struct inbound *inbound = HK_CONTAINER_OF(item, struct inbound, finding);

    hk_pgarray_add_id(&rows->arrays[0], &inbound->key.tenant_id);
    hk_pgarray_add_id(&rows->arrays[1], &inbound->key.flow_id);
    rows->n++;
}

static void on_found(struct batch_item *item, const struct hk_db_result *result, unsigned row)
{
    struct inbound *inbound = HK_CONTAINER_OF(item, struct inbound, finding);
    struct api_thread *thread = inbound->call->thread;
    struct inbound_cache *cache = thread->inbound_cache;
    struct inbound_flow *flow;

    if (inbound_flow_is_away(result, row)) {
        call_fail_code(inbound->call, HK_TENANT_MOVING, HK_STR_NULL);
        return;
    }
    flow = inbound_flow_read(result, row, &inbound->key, inbound_cache_peek(cache, &inbound->key),
                             thread->vault, thread->config);
    inbound_cache_put(cache, &inbound->key, hk_mono_ms(), flow);
    take_flow(inbound, flow, true);
    inbound_flow_release(flow);
    receive(inbound);
}

static void on_not_found(struct batch_item *item, enum hk_code code, bool is_refused)
{
    (void)is_refused;
    call_fail_code(HK_CONTAINER_OF(item, struct inbound, finding)->call, code, HK_STR_NULL);
}

static const struct batch_shape find_shape = {
    .stmt = &stmt_inbound_find, .n_arrays = 2, .types = {HK_PG_UUID, HK_PG_UUID}};

const struct batch_kind inbound_find_kind = {
    .shape = &find_shape, .add = add_pair, .stored = on_found, .failed = on_not_found};

/* ---- checking ------------------------------------------------------------------------------- */

static void add_allow(struct inbound *inbound)
{
    struct hk_buf allow HK_CLEANUP(hk_buf_done);

    hk_buf_init(&allow, 256);
    for (const char *p = inbound->flow->methods.p; *p != '\0'; p++)
        hk_buf_add(&allow, *p == ' ' ? ", " : p, *p == ' ' ? 2 : 1);
    hk_buf_add_text(&allow, ", OPTIONS");
    reply_add_header(inbound->call, "allow", hk_buf_str(&allow));
}

/* By a flow that is known for longer than a moment, nobody is refused. */
static void refuse(struct inbound *inbound, const struct hk_error *error)
{
    if (!inbound->is_fresh) {
        if (know_flow(inbound, true))
            receive(inbound);
        return;
    }
    if (error->code == HK_METHOD_NOT_ALLOWED)
        add_allow(inbound);
    if (error->code == HK_UNAUTHENTICATED)
        inbound->call->challenge = inbound->flow->credential.scheme == HK_INBOUND_BASIC
                                       ? "Basic realm=\"hookline\""
                                       : "Flow realm=\"hookline\"";
    call_fail(inbound->call, error);
}

static bool is_there(const struct inbound *inbound)
{
    const struct inbound_flow *flow = inbound->flow;

    return flow != NULL && flow->is_running &&
           hk_equal_secretly(flow->token, inbound->key.token, sizeof(flow->token));
}

/* ---- the answers ---------------------------------------------------------------------------- */

/* It comes from the API's own origin: no browser may take it for a page of ours. */
static void reply_as_flow(struct call *call, int status, const char *type, struct hk_str body)
{
    reply_add_header(call, "content-security-policy", HK_STR("default-src 'none'; sandbox"));
    reply_send(call, status, type, body);
}

static void reply_to_handshake(struct call *call, const struct hk_inbound_answer *answer)
{
    if (answer->allowed_origin.p != NULL)
        reply_add_header(call, "webhook-allowed-origin", answer->allowed_origin);
    if (answer->allowed_rate.p != NULL)
        reply_add_header(call, "webhook-allowed-rate", answer->allowed_rate);
    reply_as_flow(call, answer->status,
                  answer->content_type == NULL ? "text/plain" : answer->content_type,
                  (struct hk_str){answer->body, answer->n_body});
}

/* Copied: the flow may be given up before the reply is out. */
static const char *copy(struct call *call, struct hk_str text)
{
    char *p = call_alloc(call, text.n + 1);

    memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    return p;
}

static void reply_with_answer(const struct inbound *inbound, struct hk_str event_id)
{
    const struct inbound_answer *answer = &inbound->flow->answer;
    struct call *call = inbound->call;

    for (unsigned i = 0; i < answer->n_headers; i++)
        reply_add_header(call, copy(call, answer->headers[i].name), answer->headers[i].value);
    reply_add_header(call, "hookline-event-id", event_id);
    reply_as_flow(call, answer->status, copy(call, answer->content_type), answer->body);
}

/* True: it was a handshake, or a request for what may be asked, and has its reply. */
static bool is_answered(struct inbound *inbound)
{
    const struct inbound_flow *flow = inbound->flow;
    struct hk_inbound_answer answer;
    struct hk_error error = {.code = HK_UNAUTHENTICATED};

    switch (hk_inbound_handshake(&flow->credential, &flow->secrets, &inbound->request.raw,
                                 hk_wall_us() / 1000000, &answer)) {
    case HK_INBOUND_ANSWERED:
        reply_to_handshake(inbound->call, &answer);
        return true;
    case HK_INBOUND_REFUSED:
        inbound->call->has_proof = inbound->call->is_unguessable = true;
        refuse(inbound, &error);
        return true;
    case HK_INBOUND_NO_HANDSHAKE:
        break;
    }
    if (!hk_str_eq(inbound->request.raw.method, HK_STR("OPTIONS")))
        return false;
    add_allow(inbound);
    reply_send(inbound->call, 204, "", HK_STR(""));
    return true;
}

/* ---- storing -------------------------------------------------------------------------------- */

static struct hk_str find_traceparent(const struct call *call)
{
    struct hk_str value = call_header(call, "traceparent");

    return value.p != NULL && hk_traceparent_is_valid(value) ? value : HK_STR_NULL;
}

static void add_row(struct batch_item *item, struct batch_rows *rows)
{
    struct inbound *inbound = HK_CONTAINER_OF(item, struct inbound, storing);
    struct hk_str body = inbound->request.raw.body;
    struct call *call = inbound->call;
    struct hk_pgarray *arrays = rows->arrays;
    struct hk_buf request HK_CLEANUP(hk_buf_done);

    if (!item->is_solo)
        inbound->event_id = hk_id_new(&call->thread->ids, hk_wall_us() / 1000);
    hk_buf_init(&request, INBOUND_MAX_REQUEST_BYTES);
    inbound_request_write(&inbound->request, inbound->flow, call, inbound->wait_key, &request);
    hk_pgarray_add_id(&arrays[0], &inbound->key.tenant_id);
    hk_pgarray_add_id(&arrays[1], &inbound->event_id);
    hk_pgarray_add_id(&arrays[2], &inbound->key.flow_id);
    hk_pgarray_add_int(&arrays[3], inbound->flow->version);
    hk_pgarray_add_str(&arrays[4], inbound->external_id);
    hk_pgarray_add_str(&arrays[5], inbound->is_json ? body : HK_STR("null"));
    hk_pgarray_add_str(&arrays[6], inbound->is_json ? HK_STR_NULL : body);
    hk_pgarray_add_str(&arrays[7], hk_buf_str(&request));
    hk_pgarray_add_str(&arrays[8], inbound->wait_key);
    hk_pgarray_add_str(&arrays[9], find_traceparent(call));
    rows->n++;
}

/* The flow has been changed since it was looked up: all is judged again, by what it is now. */
static void on_changed(struct inbound *inbound)
{
    if (inbound->has_changed) {
        call_fail_code(inbound->call, HK_BUSY, HK_STR_NULL);
        return;
    }
    inbound->has_changed = true;
    batcher_add(inbound->call->cell->batcher, &inbound_find_kind, &inbound->finding);
}

static void on_stored(struct batch_item *item, const struct hk_db_result *result, unsigned row)
{
    struct inbound *inbound = HK_CONTAINER_OF(item, struct inbound, storing);

    if (hk_str_eq(hk_db_value(result, row, 0), HK_STR("tenant_moving")))
        call_fail_code(inbound->call, HK_TENANT_MOVING, HK_STR_NULL);
    else if (hk_db_value(result, row, 0).n > 0)
        on_changed(inbound);
    else
        reply_with_answer(inbound, hk_db_value(result, row, 1));
}

static void on_failed(struct batch_item *item, enum hk_code code, bool is_refused)
{
    (void)is_refused;
    call_fail_code(HK_CONTAINER_OF(item, struct inbound, storing)->call, code, HK_STR_NULL);
}

static const struct batch_shape receive_shape = {
    .stmt = &stmt_inbound_receive,
    .n_arrays = 10,
    .types = {HK_PG_UUID, HK_PG_UUID, HK_PG_UUID, HK_PG_INT4, HK_PG_TEXT, HK_PG_TEXT, HK_PG_BYTEA,
              HK_PG_TEXT, HK_PG_TEXT, HK_PG_TEXT},
};

const struct batch_kind inbound_receive_kind = {.shape = &receive_shape,
                                                .notifies = true,
                                                .add = add_row,
                                                .stored = on_stored,
                                                .failed = on_failed};

static void add_hash(struct hk_buf *buf, struct hk_str bytes)
{
    uint8_t hash[HK_SHA256_SIZE];
    char hex[HASH_DIGITS + 1];

    hk_sha256(bytes.p, bytes.n, hash);
    hk_hex_encode(hash, HASH_DIGITS / 2, hex);
    hk_buf_add_text(buf, hex);
}

/*
 * "in/<flow>/<id>" or "wait/<flow>/<hash of the key>/<id>". An id that nothing signs counts with
 * its body only: else whoever has seen one delivery could use up the ids of those to come.
 */
static struct hk_str make_external_id(const struct inbound *inbound)
{
    const struct hk_inbound_id *id = &inbound->delivery_id;
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    char flow_id[HK_ID_TEXT_SIZE];

    hk_id_format(&inbound->key.flow_id, flow_id);
    hk_buf_init(&text, EXTERNAL_ID_SIZE);
    hk_buf_printf(&text, "%s/%s/", inbound->wait_key.p == NULL ? "in" : "wait", flow_id);
    if (inbound->wait_key.p != NULL) {
        add_hash(&text, inbound->wait_key);
        hk_buf_add_text(&text, "/");
    }
    hk_buf_add(&text, id->text, id->n);
    if (id->is_loose) {
        hk_buf_add_text(&text, "/");
        add_hash(&text, inbound->request.raw.body);
    }
    return (struct hk_str){copy(inbound->call, hk_buf_str(&text)), text.n};
}

static void enqueue(struct inbound *inbound)
{
    struct hk_json_span span;
    size_t at;

    inbound->is_json = hk_json_scan(inbound->request.raw.body, &span, &at);
    inbound->external_id = inbound->delivery_id.n == 0 ? HK_STR_NULL : make_external_id(inbound);
    batcher_add(inbound->call->cell->batcher, &inbound_receive_kind, &inbound->storing);
}

/* ---- the request ---------------------------------------------------------------------------- */

/* The flow's own limit counts: its tenant's does for who has proved who it is. */
static void set_own_limit(struct inbound *inbound)
{
    struct caller *caller = &inbound->call->caller;
    char flow_id[HK_ID_TEXT_SIZE];

    hk_id_format(&inbound->key.flow_id, flow_id);
    (void)snprintf(caller->actor, sizeof(caller->actor), "flow:%s", flow_id);
    caller->tenant_id = inbound->key.tenant_id;
    caller->own_limit = inbound->flow->own_limit;
    caller->tenant_limit = (struct bucket_limit){0};
    call_act_for(inbound->call, &inbound->key.tenant_id);
}

static bool takes_from_tenant(struct inbound *inbound)
{
    struct caller *caller = &inbound->call->caller;

    caller->tenant_limit = inbound->flow->tenant_limit;
    caller->events_per_day = inbound->flow->events_per_day;
    return limit_stage(inbound->call) == STAGE_NEXT &&
           limit_take_events(inbound->call, 1) == STAGE_NEXT;
}

/* From the beginning, whatever it has waited for. */
static void receive(struct inbound *inbound)
{
    struct call *call = inbound->call;
    struct hk_error error = {0};

    if (!know_flow(inbound, false))
        return;
    if (!is_there(inbound)) {
        error.code = HK_NOT_FOUND;
        refuse(inbound, &error);
        return;
    }
    if (inbound->flow->is_shut) {
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
        return;
    }
    set_own_limit(inbound);
    if (limit_take_own(call) != STAGE_NEXT || is_answered(inbound))
        return;
    if (inbound_check_form(&inbound->request, inbound->flow, &error) != HK_OK) {
        refuse(inbound, &error);
        return;
    }
    if (inbound_check_guards(&inbound->request, inbound->flow, call))
        return;
    if (inbound_check_credential(&inbound->request, inbound->flow, call, &inbound->delivery_id,
                                 &error) != HK_OK)
        refuse(inbound, &error);
    else if (takes_from_tenant(inbound))
        enqueue(inbound);
}

/* The request has been replied to, or its connection is gone. */
static void dispose(void *p)
{
    inbound_flow_release(((struct inbound *)p)->flow);
}

/* NULL: it has been replied to, or will begin again in the cell of its tenant. */
static struct inbound *begin(struct call *call)
{
    struct inbound *inbound = h2o_mem_alloc_shared(&call->req->pool, sizeof(*inbound), dispose);
    struct hk_error error = {.code = HK_NOT_FOUND};
    enum hk_code refusal = HK_OK;

    *inbound = (struct inbound){.call = call};
    limit_begin(call);
    if (call->thread->n_calls > (unsigned)call->thread->config->api_max_pending_requests)
        refusal = HK_BUSY;
    if (!hk_flow_key_parse(call_path_param(call, "key"), &inbound->key) ||
        (call_path_param(call, "wait_key").p != NULL &&
         bind_path(call, "wait_key", &inbound->wait_key, &error) != HK_OK)) {
        call_fail(call, &error);
        return NULL;
    }
    call_act_for(call, &inbound->key.tenant_id);
    if (refusal == HK_OK && tenant_cell_enter(call) != STAGE_NEXT)
        return NULL;
    if (refusal == HK_OK)
        refusal = batcher_refusal(call->cell->batcher);
    if (refusal != HK_OK) {
        call_fail_code(call, refusal, HK_STR_NULL);
        return NULL;
    }
    call->state = inbound;
    inbound_request_read(&inbound->request, call);
    return inbound;
}

static bool inbound_handle(struct call *call)
{
    struct inbound *inbound = call->state == NULL ? begin(call) : call->state;

    if (inbound != NULL)
        receive(inbound);
    return true;
}
