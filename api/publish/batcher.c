/* SPDX-License-Identifier: Apache-2.0 */
/* batcher.c - in the order of events: add -> (queue) -> flush -> batch in flight -> done. */
#include "api/publish/batcher.h"

#include <assert.h>
#include <stdlib.h>

#include "api/http/server.h"
#include "api/publish/ingest.sql.h"
#include "hk/clock.h"

enum { MAX_KINDS = 5, NOTIFY_EVERY_MS = 10, QUEUE_AGE_EVERY_MS = 1000 };

struct queue;

/* What one connection works on. */
struct batch {
    struct queue *queue;
    struct hk_db_query query;
    struct batch_rows rows;
    struct batch_item *items[BATCH_MAX_ROWS]; /* whose rows they are */
};

/* What waits, of one kind. */
struct queue {
    const struct batch_kind *kind;
    struct batch_item *head, **tail;
    struct batch_item *solo; /* to be tried alone, before all others */
    struct batch *batches;   /* as many as connections */
};

struct batcher {
    struct api_thread *thread;
    struct hk_db *db;
    struct queue queues[MAX_KINDS];
    unsigned n_queues;
    unsigned next_queue; /* whose turn it is */
    unsigned n_connections;
    int64_t notified_at_ms;
    int64_t queue_age_ms;
    struct hk_timer age_timer;
    struct hk_db_query age_query;
};

static hk_timer_fn on_age_timer;
static hk_db_done_fn on_age_known;
static hk_db_done_fn on_batch_done;

static void start_queue(struct batcher *batcher, const struct batch_kind *kind)
{
    struct queue *queue = &batcher->queues[batcher->n_queues++];

    queue->kind = kind;
    queue->tail = &queue->head;
    queue->batches = calloc(batcher->n_connections, sizeof(*queue->batches));
    if (queue->batches == NULL)
        abort();
    for (unsigned b = 0; b < batcher->n_connections; b++) {
        queue->batches[b].queue = queue;
        batch_rows_init(&queue->batches[b].rows, kind->shape);
    }
}

struct batcher *batcher_new(struct api_cell *cell, const struct batch_kind *const *kinds)
{
    const struct hk_config *config = &cell->place->config;
    struct batcher *batcher = calloc(1, sizeof(*batcher));
    struct hk_db_options options = {
        .url = config->database_url,
        .cell = config->cell,
        .schema = config->database_schema,
        .user = "hookline_api",
        .role = "hookline_ingest",
        .session_options = HK_DB_INGEST_OPTIONS,
        .name = "hookline-ingest",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .asks_away = true,
        .n_connections = (unsigned)config->api_ingest_connections,
        .max_queued = 16,
    };

    if (batcher == NULL)
        abort();
    batcher->thread = cell->thread;
    batcher->db = hk_db_new(cell->thread->loop, &options);
    batcher->n_connections = options.n_connections;
    for (; *kinds != NULL; kinds++) {
        assert(batcher->n_queues < MAX_KINDS);
        start_queue(batcher, *kinds);
    }
    hk_loop_set_timer(cell->thread->loop, &batcher->age_timer, 0, on_age_timer);
    return batcher;
}

void batcher_free(struct batcher *batcher)
{
    if (batcher == NULL)
        return;
    hk_loop_stop_timer(batcher->thread->loop, &batcher->age_timer);
    hk_db_free(batcher->db);
    for (unsigned q = 0; q < batcher->n_queues; q++) {
        for (unsigned b = 0; b < batcher->n_connections; b++)
            batch_rows_done(&batcher->queues[q].batches[b].rows);
        free(batcher->queues[q].batches);
    }
    free(batcher);
}

bool batcher_is_up(const struct batcher *batcher)
{
    return hk_db_is_up(batcher->db);
}

struct hk_db *batcher_db(struct batcher *batcher)
{
    return batcher->db;
}

unsigned batcher_n_connections(const struct batcher *batcher)
{
    return batcher->n_connections;
}

/* ---- how far delivery lags behind, once a second --------------------------------------------- */

static void on_age_timer(struct hk_timer *timer)
{
    struct batcher *batcher = HK_CONTAINER_OF(timer, struct batcher, age_timer);

    batcher->age_query =
        (struct hk_db_query){.stmt = &stmt_queue_age, .done = on_age_known, .timeout_ms = 5000};
    if (hk_db_submit(batcher->db, &batcher->age_query) != HK_OK)
        hk_loop_set_timer(batcher->thread->loop, timer, QUEUE_AGE_EVERY_MS, on_age_timer);
}

static void on_age_known(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct batcher *batcher = HK_CONTAINER_OF(query, struct batcher, age_query);

    if (result->code == HK_OK)
        batcher->queue_age_ms = strtoll(hk_db_value(result, 0, 0).p, NULL, 10);
    hk_loop_set_timer(batcher->thread->loop, &batcher->age_timer, QUEUE_AGE_EVERY_MS, on_age_timer);
}

enum hk_code batcher_refusal(const struct batcher *batcher)
{
    int64_t max_age_ms = batcher->thread->config->api_max_queue_age_ms;

    if (!hk_db_is_up(batcher->db))
        return HK_DB_UNAVAILABLE;
    return max_age_ms > 0 && batcher->queue_age_ms > max_age_ms ? HK_QUEUE_TOO_OLD : HK_OK;
}

/* ---- gathering ------------------------------------------------------------------------------ */

void batcher_add(struct batcher *batcher, const struct batch_kind *kind, struct batch_item *item)
{
    struct queue *queue = batcher->queues;

    while (queue->kind != kind)
        queue++;
    *item = (struct batch_item){.next = NULL};
    *queue->tail = item;
    queue->tail = &item->next;
}

static bool has_work(const struct queue *queue)
{
    return queue->head != NULL || queue->solo != NULL;
}

static struct batch_item *take_head(struct queue *queue)
{
    struct batch_item *item = queue->head;

    queue->head = item->next;
    if (queue->head == NULL)
        queue->tail = &queue->head;
    return item;
}

static struct batch_item *take_solo(struct queue *queue)
{
    struct batch_item *item = queue->solo;

    queue->solo = item->next;
    return item;
}

static void add_row(struct batch *batch, struct batch_item *item)
{
    batch->items[batch->rows.n] = item;
    batch->queue->kind->add(item, &batch->rows);
}

static void fill(struct batch *batch)
{
    struct queue *queue = batch->queue;

    batch_rows_clear(&batch->rows);
    if (queue->solo != NULL) {
        add_row(batch, take_solo(queue));
        return;
    }
    while (queue->head != NULL && batch_rows_has_room(&batch->rows))
        add_row(batch, take_head(queue));
}

/* Workers poll for 20 ms after a notification: more than one in 10 ms tells them nothing new. */
static bool is_time_to_notify(struct batcher *batcher)
{
    int64_t now_ms = hk_mono_ms();

    if (now_ms - batcher->notified_at_ms < NOTIFY_EVERY_MS)
        return false;
    batcher->notified_at_ms = now_ms;
    return true;
}

static void send_batch(struct batcher *batcher, struct batch *batch)
{
    batch->query =
        batch_rows_query(&batch->rows, batch->queue->kind->notifies && is_time_to_notify(batcher));
    batch->query.done = on_batch_done;
    batch->query.timeout_ms = (unsigned)batcher->thread->config->api_query_timeout_ms;
    if (hk_db_submit(batcher->db, &batch->query) != HK_OK)
        abort(); /* a connection was idle, so nothing was queued */
}

/* The first queue that has work, from the one on whose turn it is; NULL when none has. */
static struct queue *next_queue(struct batcher *batcher)
{
    for (unsigned i = 0; i < batcher->n_queues; i++) {
        struct queue *queue = &batcher->queues[(batcher->next_queue + i) % batcher->n_queues];

        if (has_work(queue))
            return queue;
    }
    return NULL;
}

static struct batch *free_batch(const struct batcher *batcher, const struct queue *queue)
{
    for (unsigned b = 0; b < batcher->n_connections; b++) {
        if (queue->batches[b].query.slot == NULL)
            return &queue->batches[b];
    }
    return NULL;
}

/* What waits in the queue is in no batch. */
static void fail_waiting(struct queue *queue, enum hk_code code)
{
    while (queue->head != NULL)
        queue->kind->failed(take_head(queue), code, false);
    while (queue->solo != NULL)
        queue->kind->failed(take_solo(queue), code, false);
}

void batcher_flush(struct batcher *batcher)
{
    struct queue *queue = next_queue(batcher);

    if (queue == NULL)
        return;
    if (!hk_db_is_up(batcher->db)) {
        for (unsigned q = 0; q < batcher->n_queues; q++)
            fail_waiting(&batcher->queues[q], HK_DB_UNAVAILABLE);
        hk_loop_wake(batcher->thread->loop); /* see run_turn() in server.c */
        return;
    }
    for (; queue != NULL && hk_db_n_idle(batcher->db) > 0; queue = next_queue(batcher)) {
        struct batch *batch = free_batch(batcher, queue);

        if (batch == NULL)
            return; /* the next turn will do */
        fill(batch);
        send_batch(batcher, batch);
        batcher->next_queue = (unsigned)(queue - batcher->queues + 1) % batcher->n_queues;
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static void try_alone(struct queue *queue, struct batch_item *item)
{
    item->is_solo = true;
    item->next = queue->solo;
    queue->solo = item;
}

static void on_batch_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct batch *batch = HK_CONTAINER_OF(query, struct batch, query);
    const struct batch_kind *kind = batch->queue->kind;

    for (unsigned i = 0; i < batch->rows.n; i++) {
        struct batch_item *item = batch->items[i];

        if (result->code == HK_OK)
            kind->stored(item, result, i);
        else if (result->is_data_error && batch->rows.n > 1)
            try_alone(batch->queue, item);
        else
            kind->failed(item, result->code, result->is_data_error);
    }
}
