/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.c - in the order in which it runs:
 *
 *     export_run -> ask [wait] -> on_page -> [written] -> on_written -> ask ... -> the last page
 *                                                             `-> [once in a while] on_rechecked ->
 * ask
 */
#include "api/http/export.h"

#include <stdio.h>

#include "api/cells/replica.h"
#include "api/http/bind.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/http/share.h"
#include "api/live/recheck.h"
#include "hk/buf.h"

enum {
    MAX_PAGE_BYTES = 64 << 20,
    MAX_CURSOR_BYTES = 64,
    MAX_OF_TENANT = 4, /* per thread: one export is many queries, and others wait behind them */
    RETRY_AFTER_S = 10,
};

struct export
{
    h2o_generator_t generator;
    struct call *call;
    struct export *next; /* of those under way */
    const struct hk_stmt *stmt;
    struct hk_str params[HK_STMT_MAX_PARAMS]; /* as bound; the cursor's is `cursor` */
    unsigned cursor_at;
    char cursor[MAX_CURSOR_BYTES + 1];
    struct hk_buf page; /* what h2o is writing */
    struct recheck recheck;
    bool is_csv;
    bool has_begun; /* the status is on its way */
    bool is_failed;
};

static hk_db_done_fn on_page;

static void export_dispose(void *p)
{
    struct export *export = p, **link = &export->call->thread->exports;

    while (*link != export)
        link = &(*link)->next;
    *link = export->next;
    hk_db_abandon(&export->recheck.query);
    hk_buf_done(&export->page);
}

/* The first page is noted in the audit log: only the others may be the replica's. */
static enum hk_code ask(struct export *export)
{
    struct call *call = export->call;

    call->query = (struct hk_db_query){
        .stmt = export->stmt,
        .context = &call->context,
        .done = on_page,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
        .is_slow = true,
    };
    memcpy(call->query.params, export->params, sizeof(export->params));
    return export->params[export->cursor_at].p == NULL ? hk_db_submit(call->cell->db, &call->query)
                                                       : replica_submit(call);
}

static void send_page(struct export *export, h2o_send_state_t state)
{
    h2o_iovec_t bytes = h2o_iovec_init(export->page.p, export->page.n);

    reply_start_timer(export->call, export->page.n);
    h2o_send(export->call->req, &bytes, export->page.n == 0 ? 0 : 1, state);
}

/* The client is told by the last line, and by an end that is none; `errors`: before it has begun.
 */
static void fail(struct export *export, enum hk_code code, struct hk_str errors)
{
    if (!export->has_begun) {
        call_fail_code(export->call, code, errors);
        return;
    }
    export->is_failed = true;
    hk_buf_clear(&export->page);
    hk_buf_add_text(&export->page, export->is_csv ? "incomplete\r\n" : "{\"incomplete\":true}\n");
    send_page(export, H2O_SEND_STATE_IN_PROGRESS);
}

static void go_on(struct export *export, enum hk_code code)
{
    if (code == HK_OK)
        code = ask(export);
    if (code != HK_OK)
        fail(export, code, HK_STR_NULL);
}

static void on_rechecked(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct recheck *recheck = HK_CONTAINER_OF(query, struct recheck, query);

    go_on(HK_CONTAINER_OF(recheck, struct export, recheck), recheck_judge(recheck, result));
}

static void ask_next(struct export *export)
{
    enum hk_code code;

    if (!recheck_is_due(&export->recheck)) {
        go_on(export, HK_OK);
        return;
    }
    code = recheck_ask(&export->recheck, export->call, on_rechecked);
    if (code != HK_OK)
        fail(export, code, HK_STR_NULL);
}

/* h2o has written the page, or the client has gone. */
static void on_written(h2o_generator_t *generator, h2o_req_t *req)
{
    struct export *export = HK_CONTAINER_OF(generator, struct export, generator);

    /* The client is not slow while we look for what it asks for. */
    hk_loop_stop_timer(export->call->thread->loop, &export->call->reply_timer);
    if (export->is_failed)
        h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
    else
        ask_next(export);
}

static void on_client_gone(h2o_generator_t *generator, h2o_req_t *req)
{
    struct export *export = HK_CONTAINER_OF(generator, struct export, generator);

    (void)req;
    hk_db_abandon(&export->call->query);
    hk_db_abandon(&export->recheck.query);
}

/* "/v1/audit-log/export" is saved as audit-log.csv. */
static void add_disposition(struct export *export)
{
    const char *path = export->call->match.route->path;
    const char *end = strrchr(path, '/');
    const char *name = end;
    char text[128];
    int n;

    while (name[-1] != '/')
        name--;
    n = snprintf(text, sizeof(text), "attachment; filename=\"%.*s.%s\"", (int)(end - name), name,
                 export->is_csv ? "csv" : "ndjson");
    reply_add_header(export->call, "content-disposition", (struct hk_str){text, (size_t)n});
}

static void begin(struct export *export)
{
    struct call *call = export->call;
    h2o_req_t *req = call->req;

    export->has_begun = true;
    req->res.status = 200;
    req->res.reason = "OK";
    reply_add_header(call, "content-type",
                     export->is_csv ? HK_STR("text/csv; charset=utf-8")
                                    : HK_STR("application/x-ndjson"));
    reply_add_header(call, "cache-control", HK_STR("no-store"));
    reply_add_header(call, "x-content-type-options", HK_STR("nosniff"));
    reply_add_header(call, "x-request-id", hk_str(call->request_id));
    add_disposition(export);
    h2o_start_response(req, &export->generator);
}

static void on_page(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct export *export = call->state;
    struct hk_str key;
    bool is_last;

    if (replica_asks_primary(call, result))
        return;
    if (result->code != HK_OK || result->n_rows != 1) {
        fail(export, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    if (hk_db_value(result, 0, 0).n > 0) {
        fail(export, hk_code_from_slug(hk_db_value(result, 0, 0)), hk_db_value(result, 0, 1));
        return;
    }
    hk_buf_clear(&export->page);
    hk_buf_add_str(&export->page, hk_db_value(result, 0, 1));
    key = hk_db_value(result, 0, 2);
    if (export->page.is_full || key.n > MAX_CURSOR_BYTES) {
        fail(export, HK_INTERNAL, HK_STR_NULL);
        return;
    }
    is_last = key.p == NULL;
    (void)snprintf(export->cursor, sizeof(export->cursor), "%s", is_last ? "" : key.p);
    export->params[export->cursor_at] = hk_str(export->cursor);
    if (!export->has_begun)
        begin(export);
    if (is_last)
        send_page(export, H2O_SEND_STATE_FINAL);
    else if (export->page.n > 0)
        send_page(export, H2O_SEND_STATE_IN_PROGRESS);
    else
        ask_next(export); /* a filter has left nothing of the page */
}

static unsigned find_bind(const struct route *route, const char *name)
{
    unsigned i = 0;

    while (strcmp(route->bind[i], name) != 0)
        i++;
    return i;
}

static bool is_too_many(const struct call *call)
{
    struct share share = {.call = call};

    for (const struct export *export = call->thread->exports; export != NULL; export = export->next)
        share_count(&share, export->call);
    return share_is_used_up(&share, MAX_OF_TENANT);
}

enum stage_result export_run(struct call *call)
{
    const struct route *route = call->match.route;
    struct hk_error error = {0};
    struct export *export;

    if (bind_params(call, &error) != HK_OK) {
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    if (is_too_many(call)) {
        call->retry_after_s = RETRY_AFTER_S;
        return call_stage_fail(call, HK_TOO_MANY_EXPORTS);
    }
    export = h2o_mem_alloc_shared(&call->req->pool, sizeof(*export), export_dispose);
    *export = (struct export){
        .generator = {.proceed = on_written, .stop = on_client_gone},
        .call = call,
        .next = call->thread->exports,
        .stmt = route->stmt,
        .cursor_at = find_bind(route, "=cursor"),
    };
    call->thread->exports = export;
    hk_buf_init(&export->page, MAX_PAGE_BYTES);
    recheck_init(&export->recheck, call);
    memcpy(export->params, call->query.params, sizeof(export->params));
    export->is_csv = hk_str_eq(export->params[find_bind(route, "?format")], HK_STR("csv"));
    call->state = export;
    if (h2o_memis(call->req->method.base, call->req->method.len, H2O_STRLIT("HEAD"))) {
        begin(export);
        send_page(export, H2O_SEND_STATE_FINAL);
        return STAGE_REPLIED;
    }
    return ask(export) == HK_OK ? STAGE_WAIT : call_stage_fail(call, HK_BUSY);
}
