/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - the ops of an attempt, in the order in which they run, and the turn of the loop.
 */
#include "worker/worker.h"

#include <stdlib.h>

#include "hk/clock.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/attempt.h"
#include "worker/claim.h"
#include "worker/emit.h"
#include "worker/jobs.h"
#include "worker/lanes.h"
#include "worker/park.h"
#include "worker/record.h"
#include "worker/reseal.h"
#include "worker/send.h"
#include "worker/stats.h"
#include "worker/step.h"
#include "worker/upkeep.h"

struct worker {
    struct worker_options options;
    struct claim *claim;
    struct lanes *lanes;
    struct park *park;
    struct record *record;
    struct emit *emit;
    struct upkeep *upkeep;
    struct jobs *jobs;
    struct stats *stats;
    struct reseal *reseal;
    struct hk_timer drain_timer;

    struct attempt *attempts; /* all that are not finished */
    unsigned n_attempts;
    struct claim_load load; /* of them; the rest is of the last turn */
    struct claim_pace pace;
    unsigned n_slots;
    bool is_draining, is_drain_over;
    bool logs_moves;
};

static bool is_in_flight(enum attempt_state state)
{
    return state == ATTEMPT_LEASED || state == ATTEMPT_SENDING;
}

/* The places that an attempt takes while it is leased or being sent. */
static void count(struct worker *worker, const struct attempt *attempt, unsigned one)
{
    worker->load.n_in_flight += one;
    if (attempt->is_laned)
        worker->load.n_of_lanes += one;
    if (attempt->is_on_trial)
        worker->load.n_on_trial += one;
}

static void op_moved(struct attempt *attempt, enum attempt_state from, const char *why)
{
    struct worker *worker = attempt->owner;
    char message_id[HK_ID_TEXT_SIZE];

    if (is_in_flight(from) && !is_in_flight(attempt->state)) {
        count(worker, attempt, -1u);
        claim_pace_add(&worker->pace, hk_mono_ms());
        park_leave(worker->park, attempt);
    }
    if (!worker->logs_moves)
        return;
    hk_id_format(&attempt->message_id, message_id);
    hk_log(HK_LOG_DEBUG, "attempt.moved", HK_CELL(attempt->cell),
           HK_CTEXT("message_id", message_id), HK_CTEXT("from", attempt_state_name(from)),
           HK_CTEXT("to", attempt_state_name(attempt->state)), HK_CTEXT("why", why));
}

static void op_send(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    if (attempt->run != NULL && !step_is_http(attempt))
        step_start(attempt, worker->emit);
    else
        send_start(worker->options.send, attempt);
}

static void op_record(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    record_add(worker->record, attempt);
}

static void op_give_back(struct attempt *attempt)
{
    attempt->verdict = (struct verdict){.kind = VERDICT_RELEASE, .delay_ms = attempt->due_again_ms};
    op_record(attempt);
}

static void op_enter_lane(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    attempt->is_entering = true;
    attempt->is_proven = park_is_proven(worker->park, attempt);
    lanes_enter(worker->lanes, attempt);
}

static void op_withdraw(struct attempt *attempt)
{
    send_withdraw(attempt);
    op_give_back(attempt);
}

static void op_record_later(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    record_add_again(worker->record, attempt);
}

/* A lane waits for each of its messages; a failing subscription gets one. */
static bool concerns_lane(const struct attempt *attempt)
{
    if (attempt->is_entering)
        return false;
    return attempt->is_laned || attempt->failure_cost >= SHARE_BROKEN_COST ||
           attempt->verdict.throttle_ms > 0;
}

/* A run whose next step is due. */
static bool goes_on(const struct attempt *attempt)
{
    return attempt->run != NULL &&
           (attempt->verdict.kind == VERDICT_SUCCEEDED || attempt->verdict.kind == VERDICT_WAIT);
}

static void op_release(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    if (concerns_lane(attempt))
        lanes_note(worker->lanes, attempt);
    if (goes_on(attempt))
        claim_want(worker->claim);
    if (attempt->previous == NULL)
        worker->attempts = attempt->next;
    else
        attempt->previous->next = attempt->next;
    if (attempt->next != NULL)
        attempt->next->previous = attempt->previous;
    worker->n_attempts--;
    attempt_free(attempt);
}

static const struct attempt_ops ops = {
    .moved = op_moved,
    .send = op_send,
    .give_back = op_give_back,
    .enter_lane = op_enter_lane,
    .withdraw = op_withdraw,
    .record = op_record,
    .record_later = op_record_later,
    .release = op_release,
};

/* claim_found_fn */
static void on_found(void *found_arg, struct attempt *attempt)
{
    struct worker *worker = found_arg;

    attempt->owner = worker;
    attempt->cell = worker->options.config->cell;
    attempt->ops = &ops;
    attempt->next = worker->attempts;
    if (worker->attempts != NULL)
        worker->attempts->previous = attempt;
    worker->attempts = attempt;
    worker->n_attempts++;
    count(worker, attempt, 1);

    attempt->failure_cost = -1;
    if (worker->is_draining)
        (void)attempt_fire(attempt, EVENT_DRAINED);
    else if (!attempt->is_active)
        (void)attempt_fire(attempt, EVENT_WITHHELD);
    else
        park_arrive(worker->park, attempt);
}

static bool is_or_any(const struct hk_id *id, const struct hk_id *wanted)
{
    return wanted == NULL || memcmp(id, wanted, sizeof(*id)) == 0;
}

/* claim_stopped_fn. What is given back, the record holds or cancels, or it is claimed again. */
static void on_stopped(void *found_arg, const struct hk_id *tenant_id,
                       const struct hk_id *subscription_id)
{
    struct worker *worker = found_arg;

    upkeep_hurry(worker->upkeep); /* with what waits */
    park_clear(worker->park, tenant_id, subscription_id, EVENT_WITHHELD);
    for (struct attempt *attempt = worker->attempts, *next; attempt != NULL; attempt = next) {
        next = attempt->next;
        if (send_can_be_withdrawn(attempt) && is_or_any(&attempt->tenant_id, tenant_id) &&
            is_or_any(&attempt->subscription_id, subscription_id))
            (void)attempt_fire(attempt, EVENT_STOPPED);
    }
}

/* lanes_told_fn */
static void on_told(void *told_arg)
{
    struct worker *worker = told_arg;

    claim_want_lanes(worker->claim);
}

struct worker *worker_new(const struct worker_options *options)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        abort();
    worker->options = *options;
    worker->park = park_new(options->loop, (unsigned)options->config->worker_max_in_flight);
    worker->logs_moves = strcmp(options->config->log_level, "debug") == 0;
    worker->emit = emit_new(options->loop, options->config);
    worker->record = record_new(&(struct record_options){
        .loop = options->loop, .config = options->config, .worker = options->name});
    worker->jobs = jobs_new(options->loop, options->config, options->name);
    worker->upkeep = upkeep_new(&(struct upkeep_options){
        .loop = options->loop,
        .config = options->config,
        .db = record_db(worker->record),
        .long_db = jobs_db(worker->jobs),
        .worker = options->name,
    });
    worker->stats = stats_new(options->loop, options->config);
    worker->reseal =
        reseal_new(options->loop, options->config, record_db(worker->record), options->vault);
    worker->claim = claim_new(&(struct claim_options){
        .loop = options->loop,
        .config = options->config,
        .vault = options->vault,
        .found = on_found,
        .stopped = on_stopped,
        .found_arg = worker,
    });
    worker->lanes = lanes_new(&(struct lanes_options){
        .loop = options->loop,
        .config = options->config,
        .db = claim_db(worker->claim),
        .told = on_told,
        .told_arg = worker,
    });
    return worker;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    hk_loop_stop_timer(worker->options.loop, &worker->drain_timer);
    stats_free(worker->stats);
    upkeep_free(worker->upkeep);
    jobs_free(worker->jobs);
    reseal_free(worker->reseal);
    record_free(worker->record);
    emit_free(worker->emit);
    while (worker->attempts != NULL)
        (void)attempt_fire(worker->attempts, EVENT_ABANDONED);
    lanes_free(worker->lanes);
    park_free(worker->park);
    claim_free(worker->claim);
    free(worker);
}

struct slots_use worker_use(const struct worker *worker)
{
    unsigned n = worker->load.n_in_flight + claim_n_under_way(worker->claim);
    unsigned n_sent = park_n_held(worker->park); /* more than n_slots, when those became fewer */

    if (n > worker->n_slots)
        n = worker->n_slots; /* what is claimed ahead has none yet */
    return (struct slots_use){
        .n_held = n > n_sent ? n : n_sent,
        .wants_more = claim_wants_more(worker->claim),
    };
}

void worker_turn(struct worker *worker, unsigned n_slots)
{
    worker->n_slots = n_slots;
    park_set_slots(worker->park, n_slots);
    emit_turn(worker->emit);
    worker->load.n_ahead = claim_pace_lately(&worker->pace, hk_mono_ms());
    worker->load.apart_ms = claim_apart_ms(worker->load.n_ahead, claim_took_us(worker->claim));
    record_turn(worker->record,
                worker->is_draining ? 0 : claim_record_apart_ms(worker->load.n_ahead));
    park_turn(worker->park);
    lanes_turn(worker->lanes);
    worker->load.n_unrecorded = record_n_unrecorded(worker->record);
    claim_turn(worker->claim, n_slots, &worker->load);
}

static void on_drain_over(struct hk_timer *timer)
{
    struct worker *worker = HK_CONTAINER_OF(timer, struct worker, drain_timer);

    worker->is_drain_over = true;
}

void worker_drain(struct worker *worker)
{
    if (worker->is_draining)
        return;
    worker->is_draining = true;
    claim_stop(worker->claim);
    park_clear(worker->park, NULL, NULL, EVENT_DRAINED);
    hk_loop_set_timer(worker->options.loop, &worker->drain_timer,
                      worker->options.config->worker_drain_ms, on_drain_over);
}

unsigned worker_n_unfinished(const struct worker *worker)
{
    return worker->n_attempts;
}

static bool is_drained(const struct worker *worker)
{
    return worker->n_attempts == 0 && !claim_is_under_way(worker->claim) &&
           lanes_are_told(worker->lanes);
}

bool worker_is_finished(const struct worker *worker)
{
    return worker->is_draining && (worker->is_drain_over || is_drained(worker));
}
