/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/upkeep.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/upkeep.sql.h"

#define SECOND_MS       INT64_C(1000)
#define MINUTE_MS       (60 * SECOND_MS)
#define HOUR_MS         (60 * MINUTE_MS)
#define LEAST_MS        INT64_C(500) /* between two rounds of a chore, however time is divided */
#define FAILED_DELAY_MS INT64_C(10000)

/* What is done now and then. A statement returns one row: how much it has done. Its parameters are
 * `param`, an hour in milliseconds (shorter in tests), the worker's name, as far as it has them. */
static const struct chore {
    const struct hk_stmt *stmt;
    struct hk_str param;
    int64_t max; /* when it has done as much there may be more: once again at once; 0: it is all */
    int64_t every_ms;
} chores[] = {
    {&stmt_partition_create, {"3", 1}, 0, HOUR_MS}, /* weeks ahead */
    {&stmt_rate_bucket_sweep, {NULL, 0}, 0, HOUR_MS},
    {&stmt_idempotency_key_sweep, {"1000", 4}, 1000, HOUR_MS},
    {&stmt_subscription_secret_sweep, {"1000", 4}, 1000, HOUR_MS},
    {&stmt_tenant_secret_sweep, {"1000", 4}, 1000, HOUR_MS},
    {&stmt_backfill_sweep, {"1000", 4}, 1000, HOUR_MS},
    {&stmt_connection_values_sweep, {"20", 2}, 20, HOUR_MS},
    {&stmt_health_check, {"100", 3}, 100, MINUTE_MS},
    {&stmt_lane_sweep, {"1000", 4}, 1000, HOUR_MS},
    {&stmt_lane_mend, {NULL, 0}, 0, MINUTE_MS},
    {&stmt_held_release_step, {"1000", 4}, 1, SECOND_MS},
};

struct upkeep {
    struct upkeep_options options;
    struct hk_db_query query;
    struct hk_timer timer;
    char hour_text[24];
    int64_t due_ms[HK_COUNTOF(chores)]; /* monotonic */
    size_t i;                           /* of the chore under way */
};

static hk_db_done_fn on_done;

/* The chore that has been due longest, or will be first. */
static size_t find_next(const struct upkeep *upkeep)
{
    size_t next = 0;

    for (size_t i = 1; i < HK_COUNTOF(chores); i++) {
        if (upkeep->due_ms[i] < upkeep->due_ms[next])
            next = i;
    }
    return next;
}

static void on_due(struct hk_timer *timer)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(timer, struct upkeep, timer);
    const struct chore *chore = &chores[upkeep->i = find_next(upkeep)];

    upkeep->query = (struct hk_db_query){
        .stmt = chore->stmt,
        .params = {chore->param, hk_str(upkeep->hour_text), hk_str(upkeep->options.worker)},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = 20000,
    };
    if (hk_db_submit(upkeep->options.db, &upkeep->query) != HK_OK)
        hk_loop_set_timer(upkeep->options.loop, timer, FAILED_DELAY_MS, on_due);
}

/* In tests a minute is shorter, as delays are. */
static int64_t choose_pause_ms(const struct upkeep *upkeep, const struct chore *chore)
{
    int64_t pause_ms = chore->every_ms / upkeep->options.divisor;

    if (chore->every_ms == HOUR_MS)
        return HOUR_MS;
    return pause_ms > LEAST_MS ? pause_ms : LEAST_MS;
}

static void wait_for_next(struct upkeep *upkeep)
{
    int64_t wait_ms = upkeep->due_ms[find_next(upkeep)] - hk_mono_ms();

    hk_loop_set_timer(upkeep->options.loop, &upkeep->timer, wait_ms > 0 ? wait_ms : 0, on_due);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(query, struct upkeep, query);
    const struct chore *chore = &chores[upkeep->i];
    int64_t n_done;

    if (result->code != HK_OK || result->n_rows != 1) {
        hk_log(HK_LOG_WARN, "upkeep.failed", HK_CTEXT("statement", chore->stmt->name));
        upkeep->due_ms[upkeep->i] = hk_mono_ms() + FAILED_DELAY_MS; /* the others go on */
        wait_for_next(upkeep);
        return;
    }
    n_done = hk_db_int(result, 0, 0);
    if (n_done > 0)
        hk_log(HK_LOG_INFO, "upkeep.done", HK_CTEXT("statement", chore->stmt->name),
               HK_I64("n_done", n_done));
    if (chore->max == 0 || n_done < chore->max)
        upkeep->due_ms[upkeep->i] = hk_mono_ms() + choose_pause_ms(upkeep, chore);
    wait_for_next(upkeep);
}

struct upkeep *upkeep_new(const struct upkeep_options *options)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));

    if (upkeep == NULL)
        abort();
    upkeep->options = *options;
    (void)snprintf(upkeep->hour_text, sizeof(upkeep->hour_text), "%lld",
                   (long long)(HOUR_MS / options->divisor));
    hk_loop_set_timer(options->loop, &upkeep->timer, 0, on_due);
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep == NULL)
        return;
    hk_db_abandon(&upkeep->query);
    hk_loop_stop_timer(upkeep->options.loop, &upkeep->timer);
    free(upkeep);
}
