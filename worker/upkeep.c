/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/upkeep.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/config.h"
#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/flow.sql.h"
#include "worker/upkeep.sql.h"

#define SECOND_MS       INT64_C(1000)
#define MINUTE_MS       (60 * SECOND_MS)
#define HOUR_MS         (60 * MINUTE_MS)
#define LEAST_MS        INT64_C(500) /* between two rounds of a chore, however time is divided */
#define FAILED_DELAY_MS INT64_C(10000)
#define REST_MS         INT64_C(100) /* between two steps of what takes long */
#define LOG_EVERY_MS    (10 * SECOND_MS)

#define QUEUE_CHANGE    0 /* the chore that is done at once, too */

/* Each has a connection of its own, so that none waits for another's. */
enum turn {
    TURN_QUICK,  /* on one that others use, too: takes an instant */
    TURN_LONG,   /* on that of the jobs: nobody waits for it */
    TURN_CHANGE, /* customers wait for it */
    N_TURNS
};

/* What is done now and then. A statement returns one row: how much it has done. Its parameters are
 * `param`, an hour in milliseconds (shorter in tests), the worker's name, as far as it has them. */
static const struct chore {
    const struct hk_stmt *stmt;
    struct hk_str param;
    int64_t max; /* when it has done as much there may be more: once again at once; 0: it is all */
    int64_t every_ms;
    enum turn turn;
    int64_t rest_ms; /* between its steps */
} chores[] = {
    [QUEUE_CHANGE] = {&stmt_queue_change_step, {"1000", 4}, 1, SECOND_MS, TURN_CHANGE, 0},
    {&stmt_partition_create, {"3", 1}, 0, HOUR_MS, TURN_QUICK, 0}, /* weeks ahead */
    {&stmt_rate_bucket_sweep, {NULL, 0}, 0, HOUR_MS, TURN_QUICK, 0},
    {&stmt_idempotency_key_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_subscription_secret_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_tenant_secret_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_backfill_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_replay_sweep, {"5000", 4}, 5000, HOUR_MS, TURN_LONG, REST_MS},
    {&stmt_connection_values_sweep, {"20", 2}, 20, HOUR_MS, TURN_QUICK, 0},
    {&stmt_health_check, {"100", 3}, 100, MINUTE_MS, TURN_QUICK, 0},
    {&stmt_signal_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_run_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_LONG, REST_MS},
    {&stmt_lane_sweep, {"1000", 4}, 1000, HOUR_MS, TURN_QUICK, 0},
    {&stmt_lane_mend, {NULL, 0}, 0, MINUTE_MS, TURN_QUICK, 0},
    {&stmt_tenant_hold_release, {"10000", 5}, 1, 10 * SECOND_MS, TURN_QUICK, REST_MS},
    {&stmt_partition_drop_step, {"5000", 4}, 1, 5 * SECOND_MS, TURN_LONG, REST_MS},
    {&stmt_retention_step, {"500", 3}, 1, MINUTE_MS, TURN_LONG, REST_MS},
};

/* The chores that one connection is for, one after the other. */
struct round {
    struct upkeep *upkeep;
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
    int64_t due_ms[HK_COUNTOF(chores)]; /* monotonic; INT64_MAX: another round's */
    int64_t n_done[HK_COUNTOF(chores)]; /* not logged yet */
    int64_t logged_ms[HK_COUNTOF(chores)];
    size_t i; /* of the chore under way */
    bool is_under_way;
};

struct upkeep {
    struct upkeep_options options;
    char hour_text[24];
    struct hk_db *change_db;
    struct round rounds[N_TURNS];
};

static hk_db_done_fn on_done;

/* The chore that has been due longest, or will be first. */
static size_t find_next(const struct round *round)
{
    size_t next = 0;

    for (size_t i = 1; i < HK_COUNTOF(chores); i++) {
        if (round->due_ms[i] < round->due_ms[next])
            next = i;
    }
    return next;
}

/* In tests a minute is shorter, as delays are. */
static int64_t choose_pause_ms(const struct round *round, const struct chore *chore)
{
    int64_t pause_ms = chore->every_ms / round->upkeep->options.config->worker_schedule_divisor;

    if (chore->every_ms == HOUR_MS)
        return HOUR_MS;
    return pause_ms > LEAST_MS ? pause_ms : LEAST_MS;
}

static void on_due(struct hk_timer *timer)
{
    struct round *round = HK_CONTAINER_OF(timer, struct round, timer);
    const struct chore *chore = &chores[round->i = find_next(round)];

    round->query = (struct hk_db_query){
        .stmt = chore->stmt,
        .params = {chore->param, hk_str(round->upkeep->hour_text),
                   hk_str(round->upkeep->options.worker)},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = HK_DB_STEP_TIMEOUT_MS,
    };
    round->due_ms[round->i] = hk_mono_ms() + choose_pause_ms(round, chore);
    round->is_under_way = hk_db_submit(round->db, &round->query) == HK_OK;
    if (!round->is_under_way)
        hk_loop_set_timer(round->upkeep->options.loop, timer, FAILED_DELAY_MS, on_due);
}

static void wait_for_next(struct round *round)
{
    int64_t wait_ms = round->due_ms[find_next(round)] - hk_mono_ms();

    hk_loop_set_timer(round->upkeep->options.loop, &round->timer, wait_ms > 0 ? wait_ms : 0,
                      on_due);
}

/* Logs what the chore under way has done; while it has more to do, not each of its steps. */
static void note_done(struct round *round, int64_t n_done, bool has_more)
{
    int64_t *n_unsaid = &round->n_done[round->i];
    int64_t now_ms = hk_mono_ms();

    *n_unsaid += n_done;
    if (*n_unsaid == 0 || (has_more && now_ms - round->logged_ms[round->i] < LOG_EVERY_MS))
        return;
    hk_log(HK_LOG_INFO, "upkeep.done", HK_CELL(round->upkeep->options.config->cell),
           HK_CTEXT("statement", chores[round->i].stmt->name), HK_I64("n_done", *n_unsaid),
           HK_I64("has_more", has_more));
    *n_unsaid = 0;
    round->logged_ms[round->i] = now_ms;
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct round *round = HK_CONTAINER_OF(query, struct round, query);
    const struct chore *chore = &chores[round->i];
    int64_t n_done;
    bool has_more;

    round->is_under_way = false;
    if (result->code != HK_OK || result->n_rows != 1) {
        hk_log(HK_LOG_WARN, "upkeep.failed", HK_CELL(round->upkeep->options.config->cell),
               HK_CTEXT("statement", chore->stmt->name));
        round->due_ms[round->i] = hk_mono_ms() + FAILED_DELAY_MS; /* the others go on */
        wait_for_next(round);
        return;
    }
    n_done = hk_db_int(result, 0, 0);
    has_more = chore->max != 0 && n_done >= chore->max;
    note_done(round, n_done, has_more);
    if (has_more)
        round->due_ms[round->i] = hk_mono_ms() + chore->rest_ms;
    wait_for_next(round);
}

static void start_round(struct upkeep *upkeep, enum turn turn, struct hk_db *db)
{
    struct round *round = &upkeep->rounds[turn];

    round->upkeep = upkeep;
    round->db = db;
    for (size_t i = 0; i < HK_COUNTOF(chores); i++)
        round->due_ms[i] = chores[i].turn == turn ? 0 : INT64_MAX;
    hk_loop_set_timer(upkeep->options.loop, &round->timer, 0, on_due);
}

void upkeep_hurry(struct upkeep *upkeep)
{
    struct round *round = &upkeep->rounds[TURN_CHANGE];

    round->due_ms[QUEUE_CHANGE] = hk_mono_ms();
    if (!round->is_under_way)
        wait_for_next(round);
}

struct upkeep *upkeep_new(const struct upkeep_options *options)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
    struct hk_db_options db_options = {
        .url = options->config->database_url,
        .cell = options->config->cell,
        .schema = options->config->database_schema,
        .user = "hookline_worker",
        .session_options = HK_DB_HOT_OPTIONS " " HK_DB_STEP_OPTIONS,
        .name = "hookline-worker changes",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 1,
    };

    if (upkeep == NULL)
        abort();
    upkeep->options = *options;
    (void)snprintf(upkeep->hour_text, sizeof(upkeep->hour_text), "%lld",
                   (long long)(HOUR_MS / options->config->worker_schedule_divisor));
    upkeep->change_db = hk_db_new(options->loop, &db_options);
    start_round(upkeep, TURN_QUICK, options->db);
    start_round(upkeep, TURN_LONG, options->long_db);
    start_round(upkeep, TURN_CHANGE, upkeep->change_db);
    return upkeep;
}

static void stop_round(struct round *round)
{
    hk_db_abandon(&round->query);
    hk_loop_stop_timer(round->upkeep->options.loop, &round->timer);
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep == NULL)
        return;
    for (size_t i = 0; i < N_TURNS; i++)
        stop_round(&upkeep->rounds[i]);
    hk_db_free(upkeep->change_db);
    free(upkeep);
}
