/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.c - in the order of events: handle -> (payload_check.c) -> enqueue -> (batcher.c) ->
 * stored or failed -> reply.
 */
#include "api/publish/ingest.h"

#include <h2o.h>
#include <stdlib.h>

#include "api/http/call.h"
#include "api/http/idempotency.h"
#include "api/http/server.h"
#include "api/limits/limit.h"
#include "api/publish/batcher.h"
#include "api/publish/ingest_keyed.h"
#include "api/publish/ingest_request.h"
#include "api/publish/ingest_rows.h"
#include "api/publish/payload_check.h"
#include "hk/traceparent.h"

struct ingest {
    struct api_cell *cell;
    struct ingest_keyed keyed;
};

static bool ingest_handle(struct call *call);

const struct route ingest_routes[] = {
    {.method = "POST",
     .path = "/v1/events",
     .scope = SCOPE_EVENTS_PUBLISH,
     .ok_status = 202,
     .handle = ingest_handle},
    {0},
};

struct ingest *ingest_new(struct api_cell *cell)
{
    struct ingest *ingest = calloc(1, sizeof(*ingest));

    if (ingest == NULL)
        abort();
    ingest->cell = cell;
    ingest_keyed_init(&ingest->keyed, batcher_db(cell->batcher),
                      batcher_n_connections(cell->batcher));
    return ingest;
}

void ingest_free(struct ingest *ingest)
{
    free(ingest);
}

void ingest_flush(struct ingest *ingest)
{
    struct hk_loop *loop = ingest->cell->thread->loop;

    if (ingest->keyed.head == NULL)
        return;
    if (!batcher_is_up(ingest->cell->batcher)) {
        ingest_keyed_fail(&ingest->keyed, HK_DB_UNAVAILABLE);
        hk_loop_wake(loop); /* see run_turn() in server.c */
    } else if (ingest_keyed_flush(&ingest->keyed)) {
        hk_loop_wake(loop); /* as above */
    }
}

static void *alloc_from_call(void *arg, size_t n)
{
    return call_alloc(arg, n);
}

static struct hk_str find_traceparent(struct call *call)
{
    struct hk_str value = call_header(call, "traceparent");

    return value.p != NULL && hk_traceparent_is_valid(value) ? value : HK_STR_NULL;
}

/* The tenant has moved: what was not stored in its old cell is given to the new one. */
static void go_on(struct ingest_request *request)
{
    request->call->ingest = NULL;
    request->failure = HK_OK;
    for (unsigned i = 0; i < request->batch.n; i++) {
        if (request->results[i].kind != RESULT_FAILED ||
            request->batch.events[i].error.code != HK_OK)
            continue;
        request->results[i].kind = RESULT_NONE;
        request->n_left++;
    }
    ingest_enqueue(request);
}

static bool ingest_handle(struct call *call)
{
    enum hk_code refusal = batcher_refusal(call->cell->batcher);
    struct ingest_request *request = call->ingest;
    struct hk_error error = {0};

    if (refusal != HK_OK) {
        call_fail_code(call, refusal, HK_STR_NULL);
        return true;
    }
    if (request != NULL) {
        go_on(request);
        return true;
    }
    request = call_alloc(call, sizeof(*request));
    *request = (struct ingest_request){.call = call};
    if (event_read(call->body, alloc_from_call, call, &request->batch, &error) != HK_OK) {
        call_fail(call, &error);
        return true;
    }
    request->traceparent = find_traceparent(call);
    request->n_left = request->batch.n;
    request->results = call_alloc(call, request->batch.n * sizeof(*request->results));
    memset(request->results, 0, request->batch.n * sizeof(*request->results));
    for (unsigned i = 0; i < request->batch.n; i++) {
        if (request->batch.events[i].error.code != HK_OK) {
            request->results[i].kind = RESULT_FAILED;
            request->n_left--;
        }
    }
    /* A call that waits for its tenant's quota comes here again, and reads its body again. */
    if (request->n_left == 0 || limit_take_events(call, request->n_left) == STAGE_NEXT)
        payload_check(request);
    return true;
}

/* ---- events in the batches ------------------------------------------------------------------ */

static unsigned index_of(const struct ingest_event *event)
{
    return (unsigned)(event - event->request->results);
}

static void add(struct batch_item *item, struct batch_rows *rows)
{
    const struct ingest_event *event = HK_CONTAINER_OF(item, struct ingest_event, item);

    ingest_rows_add(rows, event->request, index_of(event));
}

static void settle(struct ingest_event *event, enum result_kind kind)
{
    event->kind = kind;
    event->request->n_left--;
    event->request->call->ingest = event->request; /* should it go on in another cell */
    ingest_request_reply_if_complete(event->request);
}

static void on_stored(struct batch_item *item, const struct hk_db_result *result, unsigned row)
{
    struct ingest_event *event = HK_CONTAINER_OF(item, struct ingest_event, item);

    settle(event, ingest_rows_read(event->request, index_of(event), result, row));
}

/* One that is refused is so alone: the others of its request are none the worse. */
static void on_failed(struct batch_item *item, enum hk_code code, bool is_refused)
{
    struct ingest_event *event = HK_CONTAINER_OF(item, struct ingest_event, item);

    if (is_refused)
        event->request->batch.events[index_of(event)].error.code = code;
    else
        ingest_request_fail(event->request, code);
    settle(event, RESULT_FAILED);
}

const struct batch_kind ingest_kind = {
    .shape = &ingest_shape, .notifies = true, .add = add, .stored = on_stored, .failed = on_failed};

void ingest_enqueue(struct ingest_request *request)
{
    struct api_cell *cell = request->call->cell;
    unsigned n = request->batch.n;

    if (request->n_left > 0 && idempotency_is_asked(request->call)) {
        ingest_keyed_add(&cell->ingest->keyed, request);
        return;
    }
    payload_refuse(request);
    if (request->n_left == 0) {
        ingest_request_reply_if_complete(request);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if (request->results[i].kind != RESULT_NONE)
            continue;
        request->results[i].request = request;
        batcher_add(cell->batcher, &ingest_kind, &request->results[i].item);
    }
}
