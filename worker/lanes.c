/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes.c - notes by subscription, sorted, so that workers lock the lanes in one order.
 *
 *     lanes_note()  -> notes    -> lanes_turn() -> sent  -> on_told() -> told, or as before
 *     lanes_enter() -> entering -> lanes_turn() -> batch -> on_told() -> fire, or as before
 *
 * What is lost here only costs time: a lane looks again when the leases of its messages have ended.
 */
#include "worker/lanes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "hk/pgarray.h"
#include "worker/lanes.sql.h"
#include "worker/step.h"

#define MAX_NOTES       1024
#define MAX_BATCH       256
#define MAX_ARRAY_BYTES (1u << 20)
#define TURNED_AWAY_MS                                                                             \
    200 /* how long a lane waits whose message found the tenant's or the host's window full */
#define PACE_MS         3 /* from one statement to the next */
#define FAILED_DELAY_MS 250

struct note {
    struct hk_id tenant_id, subscription_id;
    unsigned n_answered, cost;
    int64_t throttle_ms;
    int throttle_status; /* the status that asked for it */
    int64_t begun_us;    /* the youngest of the attempts; wall clock, 0: none was begun */
    unsigned n_entering; /* with the statement under way */
    int64_t wait_ms;
    bool is_proven; /* one of them says so */
};

struct notes {
    struct note all[MAX_NOTES]; /* by tenant, subscription */
    unsigned n;
};

/* The parameters of lane_tell, in order. */
enum {
    PARAM_TENANT_ID,
    PARAM_SUBSCRIPTION_ID,
    PARAM_N_ANSWERED,
    PARAM_COST,
    PARAM_THROTTLE_MS,
    PARAM_THROTTLE_STATUS,
    PARAM_AGE_MS,
    PARAM_N_ENTERING,
    PARAM_WAIT_MS,
    PARAM_IS_PROVEN,
    PARAM_DIVISOR,
    PARAM_ENTERING_TENANT_ID,
    PARAM_ENTERING_SUBSCRIPTION_ID,
    PARAM_ENTERING_MESSAGE_ID,
    PARAM_ENTERING_FENCE,
    N_PARAMS
};

static const enum hk_pgtype array_types[N_PARAMS] = {
    [PARAM_TENANT_ID] = HK_PG_UUID,
    [PARAM_SUBSCRIPTION_ID] = HK_PG_UUID,
    [PARAM_N_ANSWERED] = HK_PG_INT4,
    [PARAM_COST] = HK_PG_INT4,
    [PARAM_THROTTLE_MS] = HK_PG_INT8,
    [PARAM_THROTTLE_STATUS] = HK_PG_INT4,
    [PARAM_AGE_MS] = HK_PG_INT8,
    [PARAM_N_ENTERING] = HK_PG_INT4,
    [PARAM_WAIT_MS] = HK_PG_INT8,
    [PARAM_IS_PROVEN] = HK_PG_BOOL,
    [PARAM_ENTERING_TENANT_ID] = HK_PG_UUID,
    [PARAM_ENTERING_SUBSCRIPTION_ID] = HK_PG_UUID,
    [PARAM_ENTERING_MESSAGE_ID] = HK_PG_UUID,
    [PARAM_ENTERING_FENCE] = HK_PG_INT4,
};

struct lanes {
    struct lanes_options options;
    struct hk_db_query query;
    struct hk_timer timer; /* set: nothing is told before it is due */
    struct hk_pgarray arrays[N_PARAMS];
    char divisor_text[12];
    struct notes buffers[2], *notes, *sent;
    struct attempt *entering, **entering_end; /* have to wait for the next statement */
    struct attempt *batch[MAX_BATCH];         /* of the one under way */
    unsigned n_batch;
    bool is_under_way;
};

struct lanes *lanes_new(const struct lanes_options *options)
{
    struct lanes *lanes = calloc(1, sizeof(*lanes));

    if (lanes == NULL)
        abort();
    lanes->options = *options;
    lanes->notes = &lanes->buffers[0];
    lanes->sent = &lanes->buffers[1];
    lanes->entering_end = &lanes->entering;
    (void)snprintf(lanes->divisor_text, sizeof(lanes->divisor_text), "%d",
                   (int)options->config->worker_schedule_divisor);
    for (unsigned i = 0; i < N_PARAMS; i++)
        hk_pgarray_init(&lanes->arrays[i], array_types[i], MAX_ARRAY_BYTES);
    return lanes;
}

void lanes_free(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    hk_loop_stop_timer(lanes->options.loop, &lanes->timer);
    hk_db_abandon(&lanes->query);
    for (unsigned i = 0; i < N_PARAMS; i++)
        hk_pgarray_done(&lanes->arrays[i]);
    free(lanes);
}

/* ---- notes ---- */

static int compare(const struct note *note, const struct hk_id *tenant_id,
                   const struct hk_id *subscription_id)
{
    int order = memcmp(note->tenant_id.bytes, tenant_id->bytes, sizeof(tenant_id->bytes));

    if (order != 0)
        return order;
    return memcmp(note->subscription_id.bytes, subscription_id->bytes,
                  sizeof(subscription_id->bytes));
}

/* The subscription's note, a new one when it has none; NULL when there are too many. */
static struct note *note_of(struct notes *notes, const struct hk_id *tenant_id,
                            const struct hk_id *subscription_id)
{
    unsigned low = 0, high = notes->n;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = compare(&notes->all[middle], tenant_id, subscription_id);

        if (order == 0)
            return &notes->all[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (notes->n == MAX_NOTES)
        return NULL;
    memmove(&notes->all[low + 1], &notes->all[low], (notes->n - low) * sizeof(notes->all[0]));
    notes->n++;
    notes->all[low] = (struct note){.tenant_id = *tenant_id, .subscription_id = *subscription_id};
    return &notes->all[low];
}

int lanes_failure_cost(const struct hk_outcome *outcome)
{
    if (outcome->kind == HK_OUTCOME_BLOCKED_ADDRESS ||
        outcome->kind == HK_OUTCOME_REQUEST_INVALID || outcome->kind == HK_OUTCOME_CREDENTIALS)
        return -1;
    if (outcome->kind == HK_OUTCOME_ANSWERED && outcome->status < 500 && outcome->status != 429)
        return 0;
    return 1 + (int)(outcome->duration_us / 2000000);
}

static void add(struct note *note, const struct note *more)
{
    note->n_answered += more->n_answered;
    note->cost += more->cost;
    if (more->throttle_ms > note->throttle_ms) {
        note->throttle_ms = more->throttle_ms;
        note->throttle_status = more->throttle_status;
    }
    if (more->begun_us > note->begun_us)
        note->begun_us = more->begun_us;
    note->is_proven |= more->is_proven;
}

/* Nobody had to answer, and it is done: a lane of such steps would be on trial for ever. */
static bool is_done_alone(const struct attempt *attempt)
{
    return attempt->run != NULL && !step_is_http(attempt) && attempt->verdict.kind != VERDICT_RETRY;
}

void lanes_note(struct lanes *lanes, const struct attempt *attempt)
{
    struct note *note = note_of(lanes->notes, &attempt->tenant_id, &attempt->subscription_id);
    struct note more = {
        .throttle_ms = attempt->verdict.throttle_ms,
        .throttle_status = attempt->outcome.status,
        .begun_us = attempt->started_us,
        .is_proven = is_done_alone(attempt),
    };

    if (note == NULL || attempt->verdict.kind == VERDICT_RELEASE)
        return;
    more.n_answered = attempt->failure_cost == 0;
    more.cost = attempt->failure_cost > 0 ? (unsigned)attempt->failure_cost : 0;
    add(note, &more);
}

void lanes_enter(struct lanes *lanes, struct attempt *attempt)
{
    attempt->next_waiting = NULL;
    *lanes->entering_end = attempt;
    lanes->entering_end = &attempt->next_waiting;
}

/* ---- telling ---- */

static int64_t age_ms(const struct note *note, int64_t now_us)
{
    return note->begun_us == 0 || note->begun_us > now_us ? 0 : (now_us - note->begun_us) / 1000;
}

static void fill_arrays(struct lanes *lanes)
{
    struct hk_pgarray *arrays = lanes->arrays;
    int64_t now_us = hk_wall_us();

    for (unsigned i = 0; i < N_PARAMS; i++)
        hk_pgarray_clear(&arrays[i]);
    for (unsigned i = 0; i < lanes->sent->n; i++) {
        const struct note *note = &lanes->sent->all[i];

        hk_pgarray_add_id(&arrays[PARAM_TENANT_ID], &note->tenant_id);
        hk_pgarray_add_id(&arrays[PARAM_SUBSCRIPTION_ID], &note->subscription_id);
        hk_pgarray_add_int(&arrays[PARAM_N_ANSWERED], note->n_answered);
        hk_pgarray_add_int(&arrays[PARAM_COST], note->cost);
        hk_pgarray_add_int(&arrays[PARAM_THROTTLE_MS], note->throttle_ms);
        hk_pgarray_add_int(&arrays[PARAM_THROTTLE_STATUS], note->throttle_status);
        hk_pgarray_add_int(&arrays[PARAM_AGE_MS], age_ms(note, now_us));
        hk_pgarray_add_int(&arrays[PARAM_N_ENTERING], note->n_entering);
        hk_pgarray_add_int(&arrays[PARAM_WAIT_MS], note->wait_ms);
        hk_pgarray_add_int(&arrays[PARAM_IS_PROVEN], note->is_proven);
    }
    for (unsigned i = 0; i < lanes->n_batch; i++) {
        const struct attempt *attempt = lanes->batch[i];

        hk_pgarray_add_id(&arrays[PARAM_ENTERING_TENANT_ID], &attempt->tenant_id);
        hk_pgarray_add_id(&arrays[PARAM_ENTERING_SUBSCRIPTION_ID], &attempt->subscription_id);
        hk_pgarray_add_id(&arrays[PARAM_ENTERING_MESSAGE_ID], &attempt->message_id);
        hk_pgarray_add_int(&arrays[PARAM_ENTERING_FENCE], attempt->fence);
    }
}

static void on_timer(struct hk_timer *timer)
{
    (void)timer; /* lanes_turn() sees that it is no longer set */
}

/* Into the batch, each with its note. */
static void take_entering(struct lanes *lanes)
{
    while (lanes->entering != NULL && lanes->n_batch < MAX_BATCH) {
        struct attempt *attempt = lanes->entering;
        struct note *note = note_of(lanes->notes, &attempt->tenant_id, &attempt->subscription_id);

        if (note == NULL)
            return;
        note->n_entering++;
        if (attempt->is_laned)
            note->wait_ms = TURNED_AWAY_MS;
        note->is_proven |= attempt->is_proven;
        lanes->entering = attempt->next_waiting;
        lanes->batch[lanes->n_batch++] = attempt;
    }
    if (lanes->entering == NULL)
        lanes->entering_end = &lanes->entering;
}

static void put_back(struct lanes *lanes)
{
    int64_t now_ms = hk_mono_ms();

    for (unsigned i = 0; i < lanes->sent->n; i++) {
        const struct note *sent = &lanes->sent->all[i];
        struct note *note = note_of(lanes->notes, &sent->tenant_id, &sent->subscription_id);

        if (note != NULL)
            add(note, sent);
    }
    for (unsigned i = 0; i < lanes->n_batch; i++) {
        if (now_ms < lanes->batch[i]->lease_ends_ms)
            lanes_enter(lanes, lanes->batch[i]);
        else
            (void)attempt_fire(lanes->batch[i], EVENT_LEASE_LOST);
    }
}

static void finish_batch(struct lanes *lanes)
{
    for (unsigned i = 0; i < lanes->n_batch; i++)
        (void)attempt_fire(lanes->batch[i], EVENT_RECORDED);
}

/* hk_db_done_fn */
static void on_told(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct lanes *lanes = HK_CONTAINER_OF(query, struct lanes, query);
    bool is_done = result->code == HK_OK;

    lanes->is_under_way = false;
    if (is_done)
        finish_batch(lanes);
    else
        put_back(lanes);
    lanes->sent->n = lanes->n_batch = 0;
    hk_loop_set_timer(lanes->options.loop, &lanes->timer, is_done ? PACE_MS : FAILED_DELAY_MS,
                      on_timer);
    if (is_done)
        lanes->options.told(lanes->options.told_arg);
}

void lanes_turn(struct lanes *lanes)
{
    static const struct hk_db_result busy = {.code = HK_BUSY};
    struct notes *notes = lanes->notes;

    if (lanes->is_under_way || lanes->timer.is_set)
        return;
    take_entering(lanes);
    if (notes->n == 0)
        return;
    lanes->notes = lanes->sent;
    lanes->sent = notes;
    fill_arrays(lanes);
    lanes->query = (struct hk_db_query){
        .stmt = &stmt_lane_tell,
        .binary_params = ((UINT32_C(1) << N_PARAMS) - 1) & ~(UINT32_C(1) << PARAM_DIVISOR),
        .wants_binary_result = true,
        .done = on_told,
        .timeout_ms = 10000,
    };
    for (unsigned i = 0; i < N_PARAMS; i++) {
        assert(!lanes->arrays[i].buf.is_full);
        lanes->query.params[i] = hk_pgarray_param(&lanes->arrays[i]);
    }
    lanes->query.params[PARAM_DIVISOR] = hk_str(lanes->divisor_text);
    lanes->is_under_way = true;
    if (hk_db_submit(lanes->options.db, &lanes->query) != HK_OK)
        on_told(&lanes->query, &busy);
}

bool lanes_are_told(const struct lanes *lanes)
{
    return !lanes->is_under_way && lanes->notes->n == 0 && lanes->entering == NULL;
}
