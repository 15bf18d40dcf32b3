/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.c - in the order of events: handle -> (payload_check.c) -> enqueue -> (queue) -> flush ->
 * batch in flight -> done -> reply.
 */
#include "api/ingest.h"

#include <h2o.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/call.h"
#include "api/idempotency.h"
#include "api/ingest.sql.h"
#include "api/ingest_keyed.h"
#include "api/ingest_request.h"
#include "api/ingest_rows.h"
#include "api/limit.h"
#include "api/payload_check.h"
#include "api/server.h"
#include "hk/clock.h"
#include "hk/traceparent.h"

enum { NOTIFY_EVERY_MS = 10, QUEUE_AGE_EVERY_MS = 1000 };

struct ingest_ref {
    struct ingest_request *request;
    unsigned i;
};

/* What one connection works on. */
struct ingest_batch {
    struct ingest *ingest;
    struct hk_db_query query;
    struct ingest_rows rows;
    struct ingest_ref refs[INGEST_MAX_ROWS]; /* whose rows they are */
};

struct ingest {
    struct api_thread *thread;
    struct hk_db *db; /* role hookline_ingest */
    struct ingest_request *head, **tail;
    struct ingest_keyed keyed; /* requests with an Idempotency-Key */
    struct ingest_ref *solo;   /* a stack of events to try alone */
    size_t n_solo, solo_capacity;
    struct ingest_batch *batches; /* as many as connections */
    unsigned n_batches;
    int64_t notified_at_ms;
    int64_t queue_age_ms;
    struct hk_timer age_timer;
    struct hk_db_query age_query;
};

static bool ingest_handle(struct call *call);
static hk_timer_fn on_age_timer;
static hk_db_done_fn on_age_known;
static hk_db_done_fn on_batch_done;

const struct route ingest_routes[] = {
    {.method = "POST",
     .path = "/v1/events",
     .scope = SCOPE_EVENTS_PUBLISH,
     .ok_status = 202,
     .handle = ingest_handle},
    {0},
};

struct ingest *ingest_new(struct api_thread *thread)
{
    const struct hk_config *config = thread->config;
    struct ingest *ingest = calloc(1, sizeof(*ingest));
    struct hk_db_options options = {
        .url = config->database_url,
        .schema = config->database_schema,
        .user = "hookline_api",
        .role = "hookline_ingest",
        .session_options = HK_DB_HOT_OPTIONS,
        .name = "hookline-ingest",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = (unsigned)config->api_ingest_connections,
        .max_queued = 16,
    };

    if (ingest == NULL)
        abort();
    ingest->thread = thread;
    ingest->tail = &ingest->head;
    ingest->db = hk_db_new(thread->loop, &options);
    ingest_keyed_init(&ingest->keyed, ingest->db, options.n_connections);
    ingest->n_batches = options.n_connections;
    ingest->batches = calloc(ingest->n_batches, sizeof(*ingest->batches));
    if (ingest->batches == NULL)
        abort();
    for (unsigned b = 0; b < ingest->n_batches; b++) {
        ingest->batches[b].ingest = ingest;
        ingest_rows_init(&ingest->batches[b].rows);
    }
    hk_loop_set_timer(thread->loop, &ingest->age_timer, 0, on_age_timer);
    return ingest;
}

void ingest_free(struct ingest *ingest)
{
    if (ingest == NULL)
        return;
    hk_loop_stop_timer(ingest->thread->loop, &ingest->age_timer);
    hk_db_free(ingest->db);
    for (unsigned b = 0; b < ingest->n_batches; b++)
        ingest_rows_done(&ingest->batches[b].rows);
    free(ingest->batches);
    free(ingest->solo);
    free(ingest);
}

bool ingest_is_up(const struct ingest *ingest)
{
    return hk_db_is_up(ingest->db);
}

/* How far delivery lags behind, once a second: see api_max_queue_age_ms. */
static void on_age_timer(struct hk_timer *timer)
{
    struct ingest *ingest = HK_CONTAINER_OF(timer, struct ingest, age_timer);

    ingest->age_query =
        (struct hk_db_query){.stmt = &stmt_queue_age, .done = on_age_known, .timeout_ms = 5000};
    if (hk_db_submit(ingest->db, &ingest->age_query) != HK_OK)
        hk_loop_set_timer(ingest->thread->loop, timer, QUEUE_AGE_EVERY_MS, on_age_timer);
}

static void on_age_known(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct ingest *ingest = HK_CONTAINER_OF(query, struct ingest, age_query);

    if (result->code == HK_OK)
        ingest->queue_age_ms = strtoll(hk_db_value(result, 0, 0).p, NULL, 10);
    hk_loop_set_timer(ingest->thread->loop, &ingest->age_timer, QUEUE_AGE_EVERY_MS, on_age_timer);
}

static void *alloc_from_call(void *arg, size_t n)
{
    return call_alloc(arg, n);
}

static struct hk_str find_traceparent(struct call *call)
{
    static const char name[] = "traceparent";
    ssize_t at = h2o_find_header_by_str(&call->req->headers, name, sizeof(name) - 1, -1);
    struct hk_str value;

    if (at < 0)
        return HK_STR_NULL;
    value = (struct hk_str){call->req->headers.entries[at].value.base,
                            call->req->headers.entries[at].value.len};
    return hk_traceparent_is_valid(value) ? value : HK_STR_NULL;
}

static enum hk_code refuse_when_behind(const struct ingest *ingest)
{
    int64_t max_age_ms = ingest->thread->config->api_max_queue_age_ms;

    if (!hk_db_is_up(ingest->db))
        return HK_DB_UNAVAILABLE;
    return max_age_ms > 0 && ingest->queue_age_ms > max_age_ms ? HK_QUEUE_TOO_OLD : HK_OK;
}

static void skip_refused(struct ingest_request *request);

static bool ingest_handle(struct call *call)
{
    struct ingest *ingest = call->thread->ingest;
    struct ingest_request *request = call_alloc(call, sizeof(*request));
    enum hk_code refusal = refuse_when_behind(ingest);
    struct hk_error error = {0};

    *request = (struct ingest_request){.call = call};
    if (refusal != HK_OK) {
        call_fail_code(call, refusal, HK_STR_NULL);
        return true;
    }
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

void ingest_enqueue(struct ingest_request *request)
{
    struct ingest *ingest = request->call->thread->ingest;

    if (request->n_left > 0 && idempotency_is_asked(request->call)) {
        ingest_keyed_add(&ingest->keyed, request);
        return;
    }
    payload_refuse(request);
    if (request->n_left == 0) {
        ingest_request_reply_if_complete(request);
        return;
    }
    skip_refused(request); /* one is left at least */
    *ingest->tail = request;
    ingest->tail = &request->next;
}

/* ---- gathering ------------------------------------------------------------------------------ */

static void pop_request(struct ingest *ingest)
{
    ingest->head = ingest->head->next;
    if (ingest->head == NULL)
        ingest->tail = &ingest->head;
}

/* Events that the reader refused have their result already. */
static void skip_refused(struct ingest_request *request)
{
    while (request->n_sent < request->batch.n &&
           request->batch.events[request->n_sent].error.code != HK_OK)
        request->n_sent++;
}

/*
 * The next event that needs a place in a batch; false when none waits. The request leaves the queue
 * with its last one: after that event's result it may be replied to and freed.
 */
static bool next_event(struct ingest *ingest, struct ingest_ref *ret)
{
    struct ingest_request *request = ingest->head;

    if (request == NULL)
        return false;
    *ret = (struct ingest_ref){request, request->n_sent++};
    skip_refused(request);
    if (request->n_sent == request->batch.n)
        pop_request(ingest);
    return true;
}

static void add_row(struct ingest_batch *batch, const struct ingest_ref *ref)
{
    batch->refs[batch->rows.n] = *ref;
    ingest_rows_add(&batch->rows, ref->request, ref->i);
}

static void fill(struct ingest *ingest, struct ingest_batch *batch)
{
    struct ingest_ref ref;

    ingest_rows_clear(&batch->rows);
    if (ingest->n_solo > 0) {
        add_row(batch, &ingest->solo[--ingest->n_solo]);
        return;
    }
    while (ingest_rows_has_room(&batch->rows) && next_event(ingest, &ref))
        add_row(batch, &ref);
}

/* Workers poll for 20 ms after a notification: more than one in 10 ms tells them nothing new. */
static bool is_time_to_notify(struct ingest *ingest)
{
    int64_t now_ms = hk_mono_ms();

    if (now_ms - ingest->notified_at_ms < NOTIFY_EVERY_MS)
        return false;
    ingest->notified_at_ms = now_ms;
    return true;
}

static void send_batch(struct ingest *ingest, struct ingest_batch *batch)
{
    batch->query = ingest_rows_query(&batch->rows, is_time_to_notify(ingest));
    batch->query.done = on_batch_done;
    batch->query.timeout_ms = (unsigned)ingest->thread->config->api_query_timeout_ms;
    if (hk_db_submit(ingest->db, &batch->query) != HK_OK)
        abort(); /* a connection was idle, so nothing was queued */
}

static bool has_work(const struct ingest *ingest)
{
    return ingest->head != NULL || ingest->n_solo > 0 || ingest->keyed.head != NULL;
}

static void fail_waiting(struct ingest *ingest, enum hk_code code);

void ingest_flush(struct ingest *ingest)
{
    if (!has_work(ingest))
        return;
    if (!hk_db_is_up(ingest->db)) {
        fail_waiting(ingest, HK_DB_UNAVAILABLE);
        hk_loop_wake(ingest->thread->loop); /* see run_turn() in server.c */
        return;
    }
    if (ingest_keyed_flush(&ingest->keyed))
        hk_loop_wake(ingest->thread->loop); /* as above */
    for (unsigned b = 0; b < ingest->n_batches && has_work(ingest) && hk_db_n_idle(ingest->db) > 0;
         b++) {
        struct ingest_batch *batch = &ingest->batches[b];

        if (batch->query.slot != NULL)
            continue;
        fill(ingest, batch);
        if (batch->rows.n > 0)
            send_batch(ingest, batch);
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static void settle(const struct ingest_ref *ref, enum result_kind kind)
{
    ref->request->results[ref->i].kind = kind;
    ref->request->n_left--;
    ingest_request_reply_if_complete(ref->request);
}

static void settle_failed(const struct ingest_ref *ref, enum hk_code code)
{
    ref->request->failure = code;
    settle(ref, RESULT_FAILED);
}

/* The event alone: the others of its request are none the worse. */
static void settle_refused(const struct ingest_ref *ref, enum hk_code code)
{
    ref->request->batch.events[ref->i].error.code = code;
    settle(ref, RESULT_FAILED);
}

/* Requests that wait in the queue: none of their events is in a batch, but for the head's first. */
static void fail_waiting(struct ingest *ingest, enum hk_code code)
{
    struct ingest_ref ref;

    while (next_event(ingest, &ref))
        settle_failed(&ref, code);
    while (ingest->n_solo > 0)
        settle_failed(&ingest->solo[--ingest->n_solo], code);
    ingest_keyed_fail(&ingest->keyed, code);
}

static void try_alone(struct ingest *ingest, const struct ingest_ref *ref)
{
    if (ingest->n_solo == ingest->solo_capacity) {
        ingest->solo_capacity = ingest->solo_capacity * 2 + INGEST_MAX_ROWS;
        ingest->solo = realloc(ingest->solo, ingest->solo_capacity * sizeof(*ingest->solo));
        if (ingest->solo == NULL)
            abort();
    }
    ref->request->results[ref->i].is_solo = true;
    ingest->solo[ingest->n_solo++] = *ref;
}

static void on_batch_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct ingest_batch *batch = HK_CONTAINER_OF(query, struct ingest_batch, query);
    bool splits = result->is_data_error && batch->rows.n > 1;

    for (unsigned i = 0; i < batch->rows.n; i++) {
        if (splits)
            try_alone(batch->ingest, &batch->refs[i]);
        else if (result->is_data_error)
            settle_refused(&batch->refs[i], result->code);
        else if (result->code != HK_OK)
            settle_failed(&batch->refs[i], result->code);
        else
            settle(&batch->refs[i],
                   ingest_rows_read(batch->refs[i].request, batch->refs[i].i, result, i));
    }
}
