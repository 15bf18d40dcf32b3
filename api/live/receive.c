/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live/receive.h"

#include <errno.h>
#include <h2o.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/http/server.h"
#include "api/live/receive.sql.h"
#include "api/publish/batcher.h"
#include "hk/buf.h"
#include "hk/clock.h"
#include "hk/wait_list.h"

enum {
    CODE,
    BODY,
    COUNT, /* of a receive */
    FLOW = 0,
    READY = 1,                  /* of a look */
    WAITERS_PER_LOOK = 500,     /* the others are looked at by the next one */
    CONNECTIONS_PER_WAITER = 4, /* who waits takes a quarter of the connections at most */
    MAX_IDS_BYTES = WAITERS_PER_LOOK * HK_ID_TEXT_SIZE + 2,
};

static const char nothing[] = "{\"data\":[]}";

/* One call, in the request's pool. */
struct receiver {
    struct hk_wait wait; /* for something to come */
    struct call *call;
    int64_t until_ms; /* monotonic */
    char flow_id[HK_ID_TEXT_SIZE];
    bool may_go_on; /* set by a look */
};

struct receivers {
    struct api_cell *cell;
    struct hk_wait *waiting;
    unsigned n_waiting;
    struct hk_db_query look;
    struct hk_buf tenant_ids, flow_ids; /* its parameters */
    struct hk_timer timer;
    bool is_ending;
};

static hk_db_done_fn on_received;
static hk_db_done_fn on_ready;
static hk_timer_fn on_tick;

struct receivers *receivers_new(struct api_cell *cell)
{
    struct receivers *receivers = calloc(1, sizeof(*receivers));

    if (receivers == NULL)
        abort();
    receivers->cell = cell;
    hk_buf_init(&receivers->tenant_ids, MAX_IDS_BYTES);
    hk_buf_init(&receivers->flow_ids, MAX_IDS_BYTES);
    return receivers;
}

void receivers_free(struct receivers *receivers)
{
    if (receivers == NULL)
        return;
    hk_loop_stop_timer(receivers->cell->thread->loop, &receivers->timer);
    hk_db_abandon(&receivers->look);
    hk_buf_done(&receivers->tenant_ids);
    hk_buf_done(&receivers->flow_ids);
    free(receivers);
}

/* ---- one call ------------------------------------------------------------------------------- */

static struct receiver *receiver_of(struct hk_wait *wait)
{
    return HK_CONTAINER_OF(wait, struct receiver, wait);
}

static void leave(struct receiver *receiver)
{
    if (hk_wait_is_waiting(&receiver->wait)) {
        hk_wait_abandon(&receiver->wait);
        receiver->call->cell->receivers->n_waiting--;
    }
}

/* h2o clears the request's pool. */
static void abandon(struct call *call)
{
    leave(call->state);
}

/* Called for each that waits, which then waits no more: see on_ready(). */
static void go_on(struct hk_wait *wait);

static void begin_to_wait(struct receiver *receiver)
{
    struct receivers *receivers = receiver->call->cell->receivers;

    receiver->wait.ready = go_on;
    receiver->may_go_on = false;
    hk_wait_add(&receivers->waiting, &receiver->wait);
    receivers->n_waiting++;
    if (!receivers->timer.is_set)
        hk_loop_set_timer(receivers->cell->thread->loop, &receivers->timer, RECEIVE_TICK_MS,
                          on_tick);
}

static bool may_wait(const struct receiver *receiver)
{
    const struct call *call = receiver->call;
    const struct receivers *receivers = call->cell->receivers;

    return hk_mono_ms() < receiver->until_ms && !receivers->is_ending &&
           receivers->n_waiting <
               (unsigned)call->thread->config->api_max_connections / CONNECTIONS_PER_WAITER;
}

enum stage_result receive_stage(struct call *call)
{
    struct hk_str wait_s = call_body_json(call, "wait_seconds");
    struct receiver *receiver = call_alloc(call, sizeof(*receiver));
    struct hk_id flow_id;

    *receiver = (struct receiver){.call = call, .until_ms = hk_mono_ms()};
    if (wait_s.p != NULL)
        receiver->until_ms += strtoll(wait_s.p, NULL, 10) * 1000;
    if (hk_id_parse(call_path_param(call, "flow_id"), &flow_id))
        hk_id_format(&flow_id, receiver->flow_id); /* as PostgreSQL writes it */
    call->state = receiver;
    call->abandon = abandon;
    return bind_and_ask(call, on_received);
}

static void on_received(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct receiver *receiver = call->state;
    struct hk_str code;

    if (result->code != HK_OK || result->n_rows != 1) {
        call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    code = hk_db_value(result, 0, CODE);
    if (code.n > 0)
        call_fail_code(call, hk_code_from_slug(code), hk_db_value(result, 0, BODY));
    else if (!hk_str_eq(hk_db_value(result, 0, COUNT), HK_STR("0")) || !may_wait(receiver))
        call_reply(call, 200, hk_db_value(result, 0, BODY));
    else
        begin_to_wait(receiver);
}

/* ---- all that wait -------------------------------------------------------------------------- */

/* Nobody would work on what is leased to one whose connection has ended. */
static bool is_gone(const struct call *call)
{
    h2o_conn_t *conn = call->req->conn;
    char c;
    ssize_t n =
        recv(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), &c, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void go_on(struct hk_wait *wait)
{
    struct receiver *receiver = receiver_of(wait);

    receiver->call->cell->receivers->n_waiting--;
    if (receiver->may_go_on && !is_gone(receiver->call))
        (void)bind_and_ask(receiver->call, on_received);
    else if (!receiver->may_go_on && may_wait(receiver))
        begin_to_wait(receiver);
    else
        call_reply(receiver->call, 200, hk_str(nothing));
}

static void add_id(struct hk_buf *buf, const char *id)
{
    hk_buf_add_text(buf, buf->n == 0 ? "{" : ",");
    hk_buf_add_text(buf, id);
}

static void look(struct receivers *receivers)
{
    unsigned n = 0;

    hk_buf_clear(&receivers->tenant_ids);
    hk_buf_clear(&receivers->flow_ids);
    for (struct hk_wait *wait = receivers->waiting; wait != NULL && n < WAITERS_PER_LOOK;
         wait = wait->next, n++) {
        add_id(&receivers->tenant_ids, receiver_of(wait)->call->tenant_id);
        add_id(&receivers->flow_ids, receiver_of(wait)->flow_id);
    }
    hk_buf_add_text(&receivers->tenant_ids, "}");
    hk_buf_add_text(&receivers->flow_ids, "}");
    receivers->look = (struct hk_db_query){
        .stmt = &stmt_receive_ready,
        .params = {hk_buf_str(&receivers->tenant_ids), hk_buf_str(&receivers->flow_ids)},
        .done = on_ready,
        .timeout_ms = RECEIVE_MAX_WAIT_S * 1000,
    };
    if (hk_db_submit(batcher_db(receivers->cell->batcher), &receivers->look) != HK_OK)
        hk_loop_set_timer(receivers->cell->thread->loop, &receivers->timer, RECEIVE_TICK_MS,
                          on_tick);
}

static void on_tick(struct hk_timer *timer)
{
    struct receivers *receivers = HK_CONTAINER_OF(timer, struct receivers, timer);

    if (receivers->waiting != NULL && receivers->look.slot == NULL) /* else on_ready() goes on */
        look(receivers);
}

/* As many of those that wait for the flow as there is for them. */
static void choose(struct receivers *receivers, struct hk_str flow_id, int64_t n)
{
    for (struct hk_wait *wait = receivers->waiting; wait != NULL && n > 0; wait = wait->next) {
        struct receiver *receiver = receiver_of(wait);

        if (!receiver->may_go_on && hk_str_eq(flow_id, hk_str(receiver->flow_id))) {
            receiver->may_go_on = true;
            n--;
        }
    }
}

/* Those who wait on come to the end of the list, or go when their time is over. */
static void on_ready(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct receivers *receivers = HK_CONTAINER_OF(query, struct receivers, look);

    for (unsigned i = 0; i < result->n_rows; i++)
        choose(receivers, hk_db_value(result, i, FLOW),
               strtoll(hk_db_value(result, i, READY).p, NULL, 10));
    hk_loop_set_timer(receivers->cell->thread->loop, &receivers->timer, RECEIVE_TICK_MS, on_tick);
    hk_wait_wake_all(&receivers->waiting);
}

void receivers_end(struct receivers *receivers)
{
    receivers->is_ending = true;
    hk_wait_wake_all(&receivers->waiting);
}
