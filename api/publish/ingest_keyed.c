/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest_keyed.c - in the order of events: add -> (queue) -> flush -> claimed -> stored -> reply.
 *
 * One statement stores the request, however many its events are: each takes their external ids in
 * their order, so that none waits for another crosswise. Of two in one transaction the second would
 * begin anew.
 */
#include "api/publish/ingest_keyed.h"

#include <h2o.h>

#include "api/http/call.h"
#include "api/http/idempotency.h"
#include "api/publish/ingest_rows.h"
#include "api/publish/payload_check.h"

/* A request; lives in its call's pool. */
struct keyed {
    struct ingest_keyed *all;
    struct keyed *next; /* in the queue, or of those that run */
    struct ingest_request *request;
    struct batch_rows rows;
};

_Static_assert((int)EVENT_KINDS_MAX >= (int)EVENT_MAX_BATCH,
               "each event may be of a kind of its own");

static idempotency_claimed_fn on_claimed;
static hk_db_done_fn on_stored;

void ingest_keyed_init(struct ingest_keyed *all, struct hk_db *db, unsigned n_connections)
{
    *all = (struct ingest_keyed){
        .db = db, .tail = &all->head, .max_running = n_connections > 1 ? n_connections - 1 : 1};
}

/* Takes it out of the list; false when it is not there. */
static bool unlink_keyed(struct keyed **list, struct keyed *keyed)
{
    struct ingest_keyed *all = keyed->all;

    for (struct keyed **at = list; *at != NULL; at = &(*at)->next) {
        if (*at != keyed)
            continue;
        *at = keyed->next;
        if (all->tail == &keyed->next)
            all->tail = at;
        return true;
    }
    return false;
}

/* The request has been replied to, or its connection is gone. */
static void dispose(void *p)
{
    struct keyed *keyed = p;

    if (!unlink_keyed(&keyed->all->head, keyed))
        (void)unlink_keyed(&keyed->all->running, keyed);
    batch_rows_done(&keyed->rows);
}

void ingest_keyed_add(struct ingest_keyed *all, struct ingest_request *request)
{
    struct keyed *keyed = h2o_mem_alloc_shared(&request->call->req->pool, sizeof(*keyed), dispose);

    *keyed = (struct keyed){.all = all, .request = request};
    batch_rows_init(&keyed->rows, &ingest_shape);
    request->call->state = keyed;
    *all->tail = keyed;
    all->tail = &keyed->next;
}

static struct keyed *take_first(struct ingest_keyed *all)
{
    struct keyed *keyed = all->head;

    all->head = keyed->next;
    if (all->head == NULL)
        all->tail = &all->head;
    keyed->next = all->running;
    all->running = keyed;
    return keyed;
}

/* Between two turns a transaction has a query under way. A reply is left to whoever reads it. */
static unsigned count_running(struct ingest_keyed *all)
{
    unsigned n = 0;

    for (struct keyed **at = &all->running; *at != NULL;) {
        if ((*at)->request->call->query.slot == NULL) {
            *at = (*at)->next;
            continue;
        }
        at = &(*at)->next;
        n++;
    }
    return n;
}

bool ingest_keyed_flush(struct ingest_keyed *all)
{
    bool has_started = false;

    while (all->head != NULL && count_running(all) < all->max_running) {
        has_started = true;
        (void)idempotency_begin(take_first(all)->request->call, all->db, on_claimed);
    }
    return has_started;
}

void ingest_keyed_fail(struct ingest_keyed *all, enum hk_code code)
{
    while (all->head != NULL)
        call_fail_code(take_first(all)->request->call, code, HK_STR_NULL);
}

static bool is_refused(const struct ingest_request *request, unsigned i)
{
    return request->batch.events[i].error.code != HK_OK;
}

static void store(struct keyed *keyed)
{
    struct ingest_request *request = keyed->request;

    for (unsigned i = 0; i < request->batch.n; i++) {
        if (!is_refused(request, i))
            ingest_rows_add(&keyed->rows, request, i);
    }
    request->call->query = batch_rows_query(&keyed->rows, true);
    request->call->query.done = on_stored;
    idempotency_continue(request->call);
}

static void on_claimed(struct call *call)
{
    struct keyed *keyed = call->state;

    payload_refuse(keyed->request);
    if (keyed->request->n_left > 0)
        store(keyed);
    else
        ingest_request_reply_if_complete(keyed->request);
}

static void read_results(struct ingest_request *request, const struct hk_db_result *result)
{
    unsigned row = 0;

    for (unsigned i = 0; i < request->batch.n; i++) {
        if (is_refused(request, i))
            continue;
        request->results[i].kind = ingest_rows_read(request, i, result, row++);
        request->n_left--;
    }
}

static void on_stored(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct keyed *keyed = call->state;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    read_results(keyed->request, result);
    idempotency_offer(call, result);
    ingest_request_reply_if_complete(keyed->request);
}
