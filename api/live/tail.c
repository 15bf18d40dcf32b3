/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.c - in the order in which it runs:
 *
 *     tail_run -> tail_open [wait] -> on_opened -> lines, heartbeats -> the end
 *
 * h2o writes one buffer of a client while the next one fills; on_written() swaps them.
 */
#include "api/live/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/bind.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/http/share.h"
#include "api/live/recheck.h"
#include "api/live/tail.sql.h"
#include "api/live/tail_feed.h"
#include "hk/clock.h"

enum {
    MAX_BUFFER_BYTES = 4 << 20,    /* a page, however long its texts are */
    MAX_PENDING_BYTES = 128 << 10, /* beyond it nothing is added to what waits to be written */
    RETRY_MS = 2000,
    MAX_UNKNOWN_MS = 45000,   /* who cannot be asked about for so long is sent away */
    CONNECTIONS_PER_TAIL = 4, /* tails take a quarter of the connections at most */
};

/* How far back a client may go on. */
#define MAX_RESUME_US (INT64_C(3600) * 1000000)

struct tail {
    h2o_generator_t generator;
    struct feed_listener listener;
    struct call *call;
    struct tail *next;
    struct recheck recheck;
    struct hk_buf pending, sending;
    bool is_open; /* the status is on its way */
    bool is_sending, is_ending;
    uint64_t n_dropped; /* that the client has not been told of */
    int64_t heard_ms;   /* monotonic: when something was sent last */
};

struct tails {
    struct api_thread *thread;
    struct feeds *feeds;
    struct tail *first;
    unsigned n_tails;
    struct hk_timer timer;
};

static hk_db_done_fn on_opened;
static hk_db_done_fn on_rechecked;
static hk_timer_fn on_tick;

/* ---- writing -------------------------------------------------------------------------------- */

static void add_dropped(struct tail *tail)
{
    if (tail->n_dropped > 0)
        hk_buf_printf(&tail->pending, "event: dropped\ndata: {\"rows\": %" PRIu64 "}\n\n",
                      tail->n_dropped);
    tail->n_dropped = 0;
}

/* Of how many rows, nobody knows. */
static void add_gap(struct tail *tail)
{
    hk_buf_add_text(&tail->pending, "event: dropped\ndata: {\"rows\": null}\n\n");
}

static void flush(struct tail *tail)
{
    struct hk_buf written = tail->sending;
    h2o_iovec_t bytes;

    if (tail->is_sending)
        return;
    if (tail->pending.n == 0) {
        add_dropped(tail);
        if (tail->pending.n == 0 && !tail->is_ending)
            return;
    }
    hk_buf_done(&written);
    tail->sending = tail->pending;
    hk_buf_init(&tail->pending, MAX_BUFFER_BYTES);
    bytes = h2o_iovec_init(tail->sending.p, tail->sending.n);
    tail->is_sending = true;
    tail->heard_ms = hk_mono_ms();
    reply_start_timer(tail->call, bytes.len);
    h2o_send(tail->call->req, &bytes, bytes.len == 0 ? 0 : 1,
             tail->is_ending ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_written(h2o_generator_t *generator, h2o_req_t *req)
{
    struct tail *tail = HK_CONTAINER_OF(generator, struct tail, generator);

    (void)req;
    tail->is_sending = false;
    hk_loop_stop_timer(tail->call->thread->loop, &tail->call->reply_timer);
    flush(tail);
}

static void on_client_gone(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)generator;
    (void)req; /* abandon() is called when its memory goes */
}

static void on_lines(struct feed_listener *listener, struct hk_str lines, unsigned n_lines,
                     uint64_t n_dropped)
{
    struct tail *tail = HK_CONTAINER_OF(listener, struct tail, listener);
    bool has_room = tail->pending.n == 0 || tail->pending.n + lines.n <= MAX_PENDING_BYTES;

    if (tail->is_ending)
        return;
    if (has_room && lines.n < MAX_BUFFER_BYTES / 2) {
        add_dropped(tail);
        hk_buf_add_str(&tail->pending, lines);
    } else {
        n_dropped += n_lines;
    }
    tail->n_dropped += n_dropped;
    flush(tail);
}

static bool has_room(struct feed_listener *listener)
{
    return HK_CONTAINER_OF(listener, struct tail, listener)->pending.n == 0;
}

/* The last words; `reason` is static. The client comes again by itself, and hears why it may not.
 */
static void end(struct tail *tail, const char *reason)
{
    if (tail->is_ending)
        return;
    feed_leave(&tail->listener);
    add_dropped(tail);
    hk_buf_printf(&tail->pending, "retry: %d\nevent: end\ndata: {\"reason\": \"%s\"}\n\n", RETRY_MS,
                  reason);
    tail->is_ending = true;
    flush(tail);
}

static void on_gap(struct feed_listener *listener, bool ends)
{
    struct tail *tail = HK_CONTAINER_OF(listener, struct tail, listener);

    if (tail->is_ending)
        return;
    add_dropped(tail);
    add_gap(tail);
    if (ends)
        end(tail, "too_slow");
    else
        flush(tail);
}

/* Its client comes again, and is led to where the tenant is by then. */
static void on_away(struct feed_listener *listener)
{
    end(HK_CONTAINER_OF(listener, struct tail, listener), "unavailable");
}

/* ---- the clients of a thread ---------------------------------------------------------------- */

struct tails *tails_new(struct api_cell *cell)
{
    struct tails *tails = calloc(1, sizeof(*tails));

    if (tails == NULL)
        abort();
    tails->thread = cell->thread;
    tails->feeds = feeds_new(cell);
    return tails;
}

void tails_free(struct tails *tails)
{
    if (tails == NULL)
        return;
    hk_loop_stop_timer(tails->thread->loop, &tails->timer);
    feeds_free(tails->feeds);
    free(tails);
}

void tails_end(struct tails *tails)
{
    for (struct tail *tail = tails->first, *next; tail != NULL; tail = next) {
        next = tail->next;
        if (tail->is_open)
            end(tail, "shutdown");
    }
}

/* h2o clears the request's pool. */
static void abandon(struct call *call)
{
    struct tail *tail = call->state;
    struct tails *tails = call->cell->tails;
    struct tail **link = &tails->first;

    while (*link != tail)
        link = &(*link)->next;
    *link = tail->next;
    tails->n_tails--;
    feed_leave(&tail->listener);
    hk_db_abandon(&tail->recheck.query);
    hk_buf_done(&tail->pending);
    hk_buf_done(&tail->sending);
    if (tails->first == NULL)
        hk_loop_stop_timer(tails->thread->loop, &tails->timer);
}

/* With where it is, when the client has been given all up to there: resuming stays cheap. */
static void add_place(struct tail *tail)
{
    char place[FEED_PLACE_SIZE];

    feed_place_write(feed_place(tail->listener.feed), place);
    hk_buf_printf(&tail->pending, "id: %s\n\n", place);
}

static void look_after(struct tail *tail, int64_t now_ms)
{
    enum hk_code code = HK_OK;

    if (!tail->is_open || tail->is_ending)
        return;
    if (now_ms - tail->heard_ms >= tail->call->thread->config->api_tail_heartbeat_ms &&
        !tail->is_sending) {
        hk_buf_add_text(&tail->pending, ": heartbeat\n");
        add_place(tail);
        flush(tail);
    }
    if (recheck_is_due(&tail->recheck))
        code = recheck_ask(&tail->recheck, tail->call, on_rechecked);
    if (code == HK_UNAUTHENTICATED)
        end(tail, "unauthenticated");
    else if (now_ms - tail->recheck.good_at_ms >= MAX_UNKNOWN_MS)
        end(tail, "unavailable");
}

static void on_rechecked(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct recheck *recheck = HK_CONTAINER_OF(query, struct recheck, query);
    struct tail *tail = HK_CONTAINER_OF(recheck, struct tail, recheck);

    if (recheck_judge(recheck, result) == HK_UNAUTHENTICATED)
        end(tail, "unauthenticated");
}

static void on_tick(struct hk_timer *timer)
{
    struct tails *tails = HK_CONTAINER_OF(timer, struct tails, timer);
    int64_t now_ms = hk_mono_ms();

    for (struct tail *tail = tails->first, *next; tail != NULL; tail = next) {
        next = tail->next;
        look_after(tail, now_ms);
    }
    feeds_tick(tails->feeds);
    hk_loop_set_timer(tails->thread->loop, &tails->timer, FEED_TICK_MS, on_tick);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool is_too_many(const struct call *call)
{
    const struct tails *tails = call->cell->tails;
    struct share share = {.call = call};

    for (const struct tail *tail = tails->first; tail != NULL; tail = tail->next)
        share_count(&share, tail->call);
    return share_is_used_up(&share, (unsigned)call->thread->config->api_tails_per_tenant) ||
           tails->n_tails >=
               (unsigned)call->thread->config->api_max_connections / CONNECTIONS_PER_TAIL;
}

static void begin(struct tail *tail)
{
    struct call *call = tail->call;

    call->req->res.status = 200;
    call->req->res.reason = "OK";
    reply_add_header(call, "content-type", HK_STR("text/event-stream"));
    reply_add_header(call, "cache-control", HK_STR("no-store"));
    reply_add_header(call, "x-accel-buffering", HK_STR("no"));
    reply_add_header(call, "x-content-type-options", HK_STR("nosniff"));
    reply_add_header(call, "x-request-id", hk_str(call->request_id));
    h2o_start_response(call->req, &tail->generator);
    tail->is_open = true;
}

static struct tail *new_tail(struct call *call)
{
    struct tails *tails = call->cell->tails;
    struct tail *tail = call_alloc(call, sizeof(*tail));

    *tail = (struct tail){
        .generator = {.proceed = on_written, .stop = on_client_gone},
        .listener = {.on_lines = on_lines,
                     .on_gap = on_gap,
                     .on_away = on_away,
                     .has_room = has_room},
        .call = call,
        .next = tails->first,
        .heard_ms = hk_mono_ms(),
    };
    recheck_init(&tail->recheck, call);
    hk_buf_init(&tail->pending, MAX_BUFFER_BYTES);
    hk_buf_init(&tail->sending, MAX_BUFFER_BYTES);
    tails->first = tail;
    tails->n_tails++;
    call->state = tail;
    call->abandon = abandon;
    return tail;
}

enum stage_result tail_run(struct call *call)
{
    struct hk_str last_id = call_header(call, "last-event-id");
    struct feed_place place;

    if (!bind_statement(call, on_opened))
        return STAGE_REPLIED;
    if (last_id.n > 0 && !feed_place_parse(last_id, &place)) {
        struct hk_error error = {0};

        (void)hk_fail(&error, HK_INVALID_PARAMETER, "",
                      "Last-Event-ID is not one that a tail gave out.");
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    if (is_too_many(call)) {
        call->retry_after_s = 10;
        return call_stage_fail(call, HK_TOO_MANY_TAILS);
    }
    (void)new_tail(call);
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

/* Where the client goes on. False: it begins at `now_us`. */
static bool find_place(struct tail *tail, int64_t now_us, struct feed_place *ret)
{
    struct hk_str last_id = call_header(tail->call, "last-event-id");
    bool resumes = last_id.n > 0 && feed_place_parse(last_id, ret) && ret->us < now_us;

    if (!resumes) {
        *ret = feed_start_at(now_us);
    } else if (ret->us < now_us - MAX_RESUME_US) {
        *ret = feed_start_at(now_us - MAX_RESUME_US);
        add_gap(tail);
    }
    return resumes;
}

static void on_opened(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct tail *tail = call->state;
    struct tails *tails = call->cell->tails;
    struct feed_query wanted = {.tenant_id = call->tenant_id};
    struct feed_place place;
    bool resumes;

    if (result->code != HK_OK || result->n_rows != 1) {
        call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    if (hk_db_value(result, 0, 3).p != NULL) {
        call_fail_code(call, HK_INVALID_PARAMETER, hk_db_value(result, 0, 3));
        return;
    }
    begin(tail);
    if (h2o_memis(call->req->method.base, call->req->method.len, H2O_STRLIT("HEAD"))) {
        tail->is_ending = true;
        flush(tail);
        return;
    }
    wanted.filter = hk_db_value(result, 0, 0);
    wanted.partner = hk_db_value(result, 0, 2).p;
    hk_buf_printf(&tail->pending, ": hookline\nretry: %d\n\n", RETRY_MS);
    resumes = find_place(tail, strtoll(hk_db_value(result, 0, 1).p, NULL, 10), &place);
    feed_join(tails->feeds, &wanted, &place, resumes, &tail->listener);
    add_place(tail);
    flush(tail);
    if (!tails->timer.is_set)
        hk_loop_set_timer(tails->thread->loop, &tails->timer, FEED_TICK_MS, on_tick);
}
