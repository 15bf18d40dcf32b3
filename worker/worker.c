/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - the ops of an attempt, in the order in which they run, and the turn of the loop.
 */
#include "worker/worker.h"

#include <stdlib.h>

#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/http.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/attempt.h"
#include "worker/claim.h"
#include "worker/jobs.h"
#include "worker/lanes.h"
#include "worker/park.h"
#include "worker/record.h"
#include "worker/reseal.h"
#include "worker/secrets.h"
#include "worker/stats.h"
#include "worker/upkeep.h"

#define MAX_WAIT_MS 1000

struct worker {
    struct worker_options options;
    struct claim *claim;
    struct lanes *lanes;
    struct park *park;
    struct record *record;
    struct hk_http *http;
    struct tokens *tokens;
    struct upkeep *upkeep;
    struct jobs *jobs;
    struct stats *stats;
    struct reseal *reseal;
    struct hk_timer drain_timer;
    uint64_t random_state;

    struct attempt *attempts; /* all that are not finished */
    unsigned n_attempts;
    struct claim_load load; /* of them; n_unrecorded is not kept up to date */
    bool is_draining, is_drain_over;
    bool logs_moves;
};

/* splitmix64: for jitter and span ids, which nobody gains from guessing. */
static uint64_t next_random(struct worker *worker)
{
    uint64_t z = worker->random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z == 0 ? 1 : z; /* a span id is not 0 */
}

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
        park_leave(worker->park, attempt);
    }
    if (!worker->logs_moves)
        return;
    hk_id_format(&attempt->message_id, message_id);
    hk_log(HK_LOG_DEBUG, "attempt.moved", HK_CTEXT("message_id", message_id),
           HK_CTEXT("from", attempt_state_name(from)),
           HK_CTEXT("to", attempt_state_name(attempt->state)), HK_CTEXT("why", why));
}

static void log_failed(const struct attempt *attempt)
{
    char tenant_id[HK_ID_TEXT_SIZE], message_id[HK_ID_TEXT_SIZE], subscription_id[HK_ID_TEXT_SIZE];

    hk_id_format(&attempt->tenant_id, tenant_id);
    hk_id_format(&attempt->message_id, message_id);
    hk_id_format(&attempt->subscription_id, subscription_id);
    hk_log(HK_LOG_INFO, "message.failed", HK_CTEXT("tenant", tenant_id),
           HK_CTEXT("message_id", message_id), HK_CTEXT("subscription_id", subscription_id),
           HK_CTEXT("reason", attempt->verdict.reason), HK_I64("attempts", attempt->attempts + 1));
}

/* Judges what came of it, and moves on. */
static void end_attempt(struct attempt *attempt, const struct hk_outcome *outcome)
{
    unsigned nth = attempt->attempts + 1 - attempt->schedule_from;

    attempt_set_outcome(attempt, outcome);
    secrets_mask(attempt);
    attempt->failure_cost = lanes_failure_cost(outcome);
    attempt->request = NULL; /* the client takes it back itself */
    attempt->verdict = retry_judge(&attempt->policy, &attempt->outcome, nth,
                                   (uint32_t)next_random(attempt->owner));
    if (attempt->verdict.kind == VERDICT_FAILED && attempt->verdict.stop == NULL &&
        attempt->holds_on_failure)
        attempt->verdict.stop = "held";
    if (attempt->verdict.kind == VERDICT_FAILED)
        log_failed(attempt);
    (void)attempt_fire(attempt, EVENT_OUTCOME);
}

/* For what is not sent. */
static void refuse(struct attempt *attempt, enum hk_outcome_kind kind, const char *why)
{
    struct hk_outcome outcome = {
        .kind = kind,
        .error = why,
        .retry_after_ms = -1,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };

    if (attempt->started_us == 0)
        attempt->started_us = hk_wall_us();
    end_attempt(attempt, &outcome);
}

static hk_http_done_fn on_outcome;

/* `token` .p == NULL: with the subscription's own credentials, if it has any. */
static void send_now(struct attempt *attempt, struct hk_str token)
{
    struct worker *worker = attempt->owner;
    struct hk_request *request = hk_http_take(worker->http);
    bool has_token = token.p != NULL, is_basic = !has_token && attempt->username.p != NULL;
    char webhook_id[HK_ID_TEXT_SIZE];
    const char *why;
    struct hk_request_parts parts = {
        .url = attempt->url.p,
        .message_id = {webhook_id, HK_ID_TEXT_SIZE - 1},
        .body = attempt->body,
        .envelope_headers = attempt->envelope_headers,
        .signature = attempt->signature,
        .secrets = attempt->secrets,
        .username = is_basic ? attempt->username : HK_STR_NULL,
        .password = is_basic ? attempt->password : HK_STR_NULL,
        .bearer_token = has_token  ? token
                        : is_basic ? HK_STR_NULL
                                   : attempt->password,
        .headers = attempt->headers,
        .origin = attempt->origin,
        .traceparent = attempt->traceparent,
        .span_id = next_random(worker),
        .timeout_ms = attempt->timeout_ms,
    };

    hk_id_format(&attempt->webhook_id, webhook_id);
    attempt->started_us = hk_wall_us();
    parts.timestamp_s = attempt->started_us / 1000000;
    if (hk_request_build(&parts, request, &why)) {
        attempt->request = request;
        request->egress = attempt->egress;
        hk_http_send(worker->http, request, on_outcome, attempt);
        return;
    }
    hk_http_give_back(worker->http, request);
    refuse(attempt, HK_OUTCOME_REQUEST_INVALID, why); /* last: the attempt moves on */
}

/* Sends it with a token, now or when there is one. */
static void send_with_token(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;
    struct token_order order = {
        .subscription_id = attempt->subscription_id,
        .token_url = attempt->token_url,
        .client_id = attempt->username,
        .client_secret = attempt->password,
        .scope = attempt->scope,
        .egress = attempt->egress,
    };
    struct token token;

    switch (tokens_get(worker->tokens, &order, &attempt->token_wait, &token)) {
    case TOKEN_WAIT:
        attempt->has_waited_for_token = true;
        return;
    case TOKEN_FAILED:
        refuse(attempt, HK_OUTCOME_CREDENTIALS, token.fault);
        return;
    case TOKEN_READY:
        attempt->token_number = token.number;
        if (attempt_fits_lease(attempt, hk_mono_ms()))
            send_now(attempt, token.text);
        else
            refuse(attempt, HK_OUTCOME_CREDENTIALS, "the token came too late for this attempt");
        return;
    }
}

static void on_token_ready(struct hk_wait *wait)
{
    send_with_token(HK_CONTAINER_OF(wait, struct attempt, token_wait));
}

/*
 * hk_http_done_fn. A token may end before its time: when one that others have used is refused, the
 * request goes out once more, with a new one, within the same attempt.
 */
static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct attempt *attempt = done_arg;
    struct worker *worker = attempt->owner;
    bool is_refused = attempt->token_number != 0 && outcome->kind == HK_OUTCOME_ANSWERED &&
                      outcome->status == 401;

    if (is_refused)
        tokens_forget(worker->tokens, &attempt->subscription_id, attempt->token_number);
    if (!is_refused || attempt->has_waited_for_token ||
        !attempt_fits_lease(attempt, hk_mono_ms())) {
        end_attempt(attempt, outcome);
        return;
    }
    attempt->request = NULL; /* the client takes it back itself */
    attempt->n_sent_before = outcome->n_sent;
    attempt->has_waited_for_token = true; /* once */
    send_with_token(attempt);
}

static void op_send(struct attempt *attempt)
{
    if (attempt->fault != NULL)
        refuse(attempt, HK_OUTCOME_REQUEST_INVALID, attempt->fault);
    else if (attempt->body.p == NULL)
        refuse(attempt, HK_OUTCOME_REQUEST_INVALID,
               "the body is too long, or the profile is not known here");
    else if (attempt->token_url.p != NULL)
        send_with_token(attempt);
    else
        send_now(attempt, HK_STR_NULL);
}

static void op_record(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    record_add(worker->record, attempt);
}

static void op_give_back(struct attempt *attempt)
{
    attempt->verdict = (struct verdict){.kind = VERDICT_RELEASE};
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
    struct worker *worker = attempt->owner;

    hk_wait_abandon(&attempt->token_wait);
    if (attempt->request != NULL)
        hk_http_abandon(worker->http, attempt->request);
    attempt->request = NULL;
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

static void op_release(struct attempt *attempt)
{
    struct worker *worker = attempt->owner;

    if (concerns_lane(attempt))
        lanes_note(worker->lanes, attempt);
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
    attempt->token_wait.ready = on_token_ready;
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

/* No byte of it was written yet. */
static bool can_be_withdrawn(const struct attempt *attempt)
{
    if (attempt->request == NULL)
        return hk_wait_is_waiting(&attempt->token_wait) && attempt->n_sent_before == 0;
    return attempt->n_sent_before == 0 && !hk_http_has_begun(attempt->request);
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
        if (can_be_withdrawn(attempt) && is_or_any(&attempt->tenant_id, tenant_id) &&
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
    hk_random(&worker->random_state, sizeof(worker->random_state));
    worker->http = hk_http_new(&(struct hk_http_options){
        .loop = options->loop,
        .allowed_networks = options->allowed_networks,
        .ca_file = options->config->worker_ca_file,
        .proxy_url = options->config->worker_proxy_url,
    });
    worker->tokens = tokens_new(worker->http);
    worker->record = record_new(&(struct record_options){
        .loop = options->loop, .config = options->config, .worker = options->name});
    worker->jobs = jobs_new(options->loop, options->config, options->name);
    worker->upkeep = upkeep_new(&(struct upkeep_options){
        .loop = options->loop,
        .db = record_db(worker->record),
        .long_db = jobs_db(worker->jobs),
        .worker = options->name,
        .divisor = options->config->worker_schedule_divisor,
    });
    worker->stats = stats_new(options->loop, options->config);
    worker->reseal = reseal_new(options->loop, record_db(worker->record), options->vault);
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
    hk_http_free(worker->http); /* before the attempts: it borrows their bodies */
    tokens_free(worker->tokens);
    while (worker->attempts != NULL)
        (void)attempt_fire(worker->attempts, EVENT_ABANDONED);
    lanes_free(worker->lanes);
    park_free(worker->park);
    claim_free(worker->claim);
    free(worker);
}

static bool is_drained(const struct worker *worker)
{
    return worker->n_attempts == 0 && !claim_is_under_way(worker->claim) &&
           lanes_are_told(worker->lanes);
}

bool worker_turn(struct worker *worker)
{
    if (worker->is_draining && (worker->is_drain_over || is_drained(worker)))
        return false;
    hk_loop_turn(worker->options.loop, MAX_WAIT_MS);
    record_turn(worker->record);
    park_turn(worker->park);
    lanes_turn(worker->lanes);
    worker->load.n_unrecorded = record_n_unrecorded(worker->record);
    claim_turn(worker->claim, &worker->load);
    return true;
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
