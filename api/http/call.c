/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - the life of a request. The functions stand in the order in which they run:
 *
 *     gate -> route -> accept -> authenticate [wait] -> limit [wait] -> authorize -> body
 *     -> cell [wait] -> handle | cursor key [wait] -> query [wait] -> reply
 *
 * The cell of the caller's tenant is entered by authenticate; that of another one, for which an
 * operator acts, by a stage of its own.
 */
#include "api/http/call.h"

#include <assert.h>
#include <h2o.h>
#include <stdio.h>

#include "api/auth/authenticate.h"
#include "api/auth/cursor_key.h"
#include "api/cells/every_cell.h"
#include "api/cells/replica.h"
#include "api/cells/tenant_cell.h"
#include "api/http/bind.h"
#include "api/http/body_stage.h"
#include "api/http/gate.h"
#include "api/http/head_parser.h"
#include "api/http/idempotency.h"
#include "api/http/read_pause.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/limits/limit.h"
#include "hk/clock.h"
#include "hk/media_type.h"
#include "hk/offload.h"
#include "hk/sanitizer.h"

static stage_fn stage_gate;
static stage_fn stage_route;
static stage_fn stage_accept;
static stage_fn stage_authorize;
static stage_fn stage_handle;
static stage_fn stage_query;
static stage_fn stage_reply;
static hk_db_done_fn on_query_done;

static stage_fn *const stages[] = {
    stage_gate, stage_route,       stage_accept, authenticate_stage, limit_stage, stage_authorize,
    body_stage, tenant_cell_stage, stage_handle, cursor_key_stage,   stage_query, stage_reply,
};

void call_run(struct call *call)
{
    while (call->stage < HK_COUNTOF(stages)) {
        if (stages[call->stage](call) != STAGE_NEXT)
            return;
        call->stage++;
    }
    assert(call->stage < HK_COUNTOF(stages)); /* the last stage always replies */
}

enum stage_result call_stage_fail(struct call *call, enum hk_code code)
{
    call_fail_code(call, code, HK_STR_NULL);
    return STAGE_REPLIED;
}

/* The head as it came over the wire is still in the socket's buffer: see standards in gate.h. */
static enum stage_result stage_gate(struct call *call)
{
    const h2o_socket_t *sock = call->req->conn->callbacks->get_socket(call->req->conn);
    struct hk_str raw = {sock->input->bytes, sock->input->size};
    struct hk_error error = {0};
    bool is_chunked = false;

    if (gate_check(raw, &is_chunked, &error) == HK_OK && head_parser_has_failed(call->req))
        (void)hk_fail(&error, HK_BAD_REQUEST, "", "%s", ""); /* h2o knows more than the gate */
    if (error.code != HK_OK) {
        call->req->http1_is_persistent = 0;
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    if (is_chunked)
        call->req->http1_is_persistent = 0;
    if (call->req->entity.len > (size_t)call->thread->config->api_max_body_bytes)
        return call_stage_fail(call, HK_BODY_TOO_LARGE);
    return STAGE_NEXT;
}

/* Whether what posts there answers OPTIONS, too; then that is the call's route. */
static bool takes_anything(struct call *call, struct hk_str path)
{
    char allow[64];

    return route_find(HK_STR("POST"), path, &call->match, allow) == HK_OK &&
           call->match.route->takes_anything;
}

static enum stage_result stage_route(struct call *call)
{
    const h2o_req_t *req = call->req;
    struct hk_str path = {req->path.base,
                          req->query_at == SIZE_MAX ? req->path.len : req->query_at};
    struct hk_str method = {req->method.base, req->method.len};
    bool is_options = hk_str_eq(method, HK_STR("OPTIONS"));
    char allow[64];
    enum hk_code code = route_find(method, path, &call->match, allow);

    if (code == HK_OK ||
        (code == HK_METHOD_NOT_ALLOWED && is_options && takes_anything(call, path)))
        return STAGE_NEXT;
    call->match.route = NULL; /* that of another method */
    if (code == HK_METHOD_NOT_ALLOWED)
        reply_add_header(call, "allow", hk_str(allow));
    if (code != HK_METHOD_NOT_ALLOWED || !is_options)
        return call_stage_fail(call, code);
    call_reply(call, 204, HK_STR(""));
    return STAGE_REPLIED;
}

/* Whoever takes problems only will see what it is told. */
static enum stage_result stage_accept(struct call *call)
{
    const char *gives = call->match.route->gives;
    ssize_t at = h2o_find_header(&call->req->headers, H2O_TOKEN_ACCEPT, -1);
    struct hk_str accept;

    if (at < 0 || call->match.route->takes_anything)
        return STAGE_NEXT;
    accept = (struct hk_str){call->req->headers.entries[at].value.base,
                             call->req->headers.entries[at].value.len};
    return hk_media_type_is_accepted(accept, gives == NULL ? "application/json" : gives) ||
                   hk_media_type_is_accepted(accept, "application/problem+json")
               ? STAGE_NEXT
               : call_stage_fail(call, HK_NOT_ACCEPTABLE);
}

static enum stage_result stage_authorize(struct call *call)
{
    enum scope scope = call->match.route->scope;
    char challenge[128];

    if (auth_may(&call->caller, scope))
        return STAGE_NEXT;
    (void)snprintf(challenge, sizeof(challenge),
                   "Bearer realm=\"hookline\", error=\"insufficient_scope\", scope=\"%s\"",
                   auth_scope_name(scope));
    reply_add_header(call, "www-authenticate", hk_str(challenge));
    return call_stage_fail(call, HK_FORBIDDEN);
}

static enum stage_result stage_handle(struct call *call)
{
    const struct route *route = call->match.route;
    struct hk_error error = {0};

    if (route->handle == NULL)
        return route->work == NULL ? STAGE_NEXT : route->work(call);
    /* Probes of load balancers may carry what they like. */
    if (route->scope != SCOPE_PUBLIC && bind_check_query(call, &error) != HK_OK) {
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    route->handle(call);
    return STAGE_REPLIED; /* or it will be */
}

static bool is_one_search_too_many(const struct call *call)
{
    return call->match.route->is_search &&
           hk_db_n_slow(call->cell->db, call->context.tenant_id) + replica_n_slow(call) >=
               (unsigned)call->thread->config->api_searches_per_tenant;
}

static enum stage_result stage_query(struct call *call)
{
    if (!bind_statement(call, on_query_done))
        return STAGE_REPLIED;
    if (call->match.route->stmt_of_cell != NULL && call->thread->n_cells > 1)
        return every_cell_list(call);
    if (is_one_search_too_many(call))
        return call_stage_fail(call, HK_TOO_MANY_SEARCHES);
    if (idempotency_is_asked(call))
        return idempotency_begin(call, call->cell->db, idempotency_continue);
    return replica_submit(call) == HK_OK ? STAGE_WAIT : call_stage_fail(call, HK_BUSY);
}

static struct hk_str copy_to_pool(struct call *call, struct hk_str s)
{
    h2o_iovec_t copy;

    if (s.p == NULL)
        return s;
    copy = h2o_strdup(&call->req->pool, s.p, s.n);
    return (struct hk_str){copy.base, copy.len};
}

/* A sealed text is random: nothing else in the body can look like it. */
static struct hk_str show_one(struct call *call, struct hk_str body, struct hk_str stored,
                              struct hk_str secret)
{
    char *found = body.p == NULL ? NULL : memmem(body.p, body.n, stored.p, stored.n);
    size_t n_before = found == NULL ? 0 : (size_t)(found - body.p);
    size_t n = body.n - stored.n + secret.n;
    char *shown;

    if (found == NULL)
        return body;
    shown = call_alloc(call, n + 1);
    memcpy(shown, body.p, n_before);
    memcpy(shown + n_before, secret.p, secret.n);
    memcpy(shown + n_before + secret.n, found + stored.n, body.n - n_before - stored.n);
    shown[n] = '\0';
    return (struct hk_str){shown, n};
}

static struct hk_str show_secrets(struct call *call, struct hk_str body)
{
    for (unsigned i = 0; i < call->n_shown; i++)
        body = show_one(call, body, call->shown[i].stored, call->shown[i].secret);
    return body;
}

/* Completes stage_query; lib/db_connection.c has logged a failure with its SQLSTATE. */
static void on_query_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);

    if (replica_asks_primary(call, result))
        return;
    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    assert(result->n_rows == 1);
    call->reply_code = copy_to_pool(call, hk_db_value(result, 0, 0));
    call->reply_body = show_secrets(call, copy_to_pool(call, hk_db_value(result, 0, 1)));
    if (call->match.route->is_list || call->match.route->location != NULL)
        call->reply_key = copy_to_pool(call, hk_db_value(result, 0, 2));
    if (call->match.route->has_head)
        call->reply_head = copy_to_pool(call, hk_db_value(result, 0, 3));
    idempotency_offer(call, result);
    call->stage++;
    call_run(call);
}

static enum stage_result stage_reply(struct call *call)
{
    bool is_created = hk_str_eq(call->reply_code, HK_STR("created"));

    if (call->reply_code.n > 0 && !is_created) {
        call_fail_code(call, hk_code_from_slug(call->reply_code), call->reply_body);
        return STAGE_REPLIED;
    }
    if (call->match.route->on_ok != NULL)
        call->match.route->on_ok(call);
    if (call->after_commit != NULL && call->idempotency == NULL)
        call->after_commit(call); /* else in idempotency.c */
    if (call->match.route->is_list)
        reply_list(call);
    else
        reply_object(call, is_created ? 201 : call->match.route->ok_status);
    return STAGE_REPLIED;
}

struct hk_str call_header(const struct call *call, const char *name)
{
    const h2o_req_t *req = call->req;
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);

    return at < 0 ? HK_STR_NULL
                  : (struct hk_str){req->headers.entries[at].value.base,
                                    req->headers.entries[at].value.len};
}

struct hk_str call_number(struct call *call, int64_t number)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)number);

    return copy_to_pool(call, (struct hk_str){text, (size_t)n});
}

void *call_alloc(struct call *call, size_t n)
{
    return h2o_mem_alloc_pool(&call->req->pool, n);
}

void call_set_param(struct call *call, const char *name, struct hk_str value)
{
    unsigned i = 0;

    while (i < call->n_set_params && strcmp(call->set_params[i].name, name) != 0)
        i++;
    assert(i < CALL_MAX_SET_PARAMS);
    if (i == call->n_set_params)
        call->n_set_params++;
    call->set_params[i].name = name;
    call->set_params[i].value = copy_to_pool(call, value);
}

void call_show_secret(struct call *call, struct hk_str stored, struct hk_str secret)
{
    assert(call->n_shown < CALL_MAX_SHOWN);
    call->shown[call->n_shown].stored = copy_to_pool(call, stored);
    call->shown[call->n_shown++].secret = copy_to_pool(call, secret);
}

const struct hk_vault *call_vault(const struct call *call)
{
    return call->thread->vault;
}

void call_new_id(struct call *call, char ret[HK_ID_TEXT_SIZE])
{
    struct hk_id id = hk_id_new(&call->thread->ids, hk_wall_us() / 1000);

    hk_id_format(&id, ret);
}

void call_act_for(struct call *call, const struct hk_id *tenant_id)
{
    hk_id_format(tenant_id, call->tenant_id);
    call->context = (struct hk_db_context){
        .tenant_id = hk_str(call->tenant_id),
        .actor = hk_str(call->caller.actor),
        .request_id = hk_str(call->request_id),
        .sees_all = auth_sees_all(call->caller.role),
    };
}

void call_set_tenant(struct call *call, struct hk_str tenant_id)
{
    struct hk_id id;

    assert(call->caller.role == ROLE_OPERATOR);
    if (!hk_id_parse(tenant_id, &id))
        return;
    call->acts_for_another = true;
    call_act_for(call, &id);
}

struct hk_str call_path_param(const struct call *call, const char *name)
{
    for (unsigned i = 0; i < call->match.n_params; i++) {
        if (hk_str_eq(call->match.params[i].name, hk_str(name)))
            return call->match.params[i].value;
    }
    return HK_STR_NULL;
}

enum { MAX_SPARE_CALLS = 128 };

/*
 * What calls that have ended leave to the next ones: more than malloc() has at hand. Nothing for a
 * sanitizer, which must see who touches a call that has ended.
 */
static __thread h2o_mem_recycle_t spare_calls = {.max = HK_IS_SANITIZED ? 0 : MAX_SPARE_CALLS};

/* In the request's pool. */
struct held_call {
    struct call *call;
};

/* h2o clears the request's pool: the reply has been sent, or the connection is gone. */
static void call_dispose(void *p)
{
    struct call *call = ((struct held_call *)p)->call;

    read_pause_end(call->req);
    limit_abandon(call);
    hk_loop_stop_timer(call->thread->loop, &call->reply_timer);
    hk_db_abandon(&call->query);
    if (call->job != NULL)
        hk_offload_abandon(call->job);
    if (call->abandon != NULL)
        call->abandon(call);
    call->thread->n_calls--;
    h2o_mem_free_recycle(&spare_calls, call);
}

void call_start(struct api_thread *thread, h2o_req_t *req)
{
    struct held_call *held = h2o_mem_alloc_shared(&req->pool, sizeof(*held), call_dispose);
    struct call *call = h2o_mem_alloc_recycle(&spare_calls, sizeof(*call));
    struct hk_id request_id = hk_id_new(&thread->ids, hk_wall_us() / 1000);

    held->call = call;
    *call = (struct call){.req = req, .thread = thread, .cell = thread->home};
    hk_id_format(&request_id, call->request_id);
    thread->n_calls++;
    call_run(call);
}
