/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/jobs.sql.h"

#define FAILED_DELAY_MS INT64_C(5000)

static const struct hk_stmt *const steps[] = {&stmt_backfill_step, &stmt_replay_step};

struct jobs {
    struct hk_loop *loop;
    const char *cell; /* hk_config.cell, for logs */
    const char *name;
    char settle_text[12];
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
    int64_t due_ms[HK_COUNTOF(steps)]; /* monotonic */
    size_t i;                          /* of the step under way */
};

static hk_db_done_fn on_done;

/* The kind that has been due longest, or will be first. */
static size_t find_next(const struct jobs *jobs)
{
    size_t next = 0;

    for (size_t i = 1; i < HK_COUNTOF(steps); i++) {
        if (jobs->due_ms[i] < jobs->due_ms[next])
            next = i;
    }
    return next;
}

static void on_due(struct hk_timer *timer)
{
    struct jobs *jobs = HK_CONTAINER_OF(timer, struct jobs, timer);

    jobs->i = find_next(jobs);
    jobs->query = (struct hk_db_query){
        .stmt = steps[jobs->i],
        .params = {hk_str(jobs->name), hk_str(jobs->settle_text)},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = HK_DB_STEP_TIMEOUT_MS,
    };
    if (hk_db_submit(jobs->db, &jobs->query) != HK_OK)
        hk_loop_set_timer(jobs->loop, timer, FAILED_DELAY_MS, on_due);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct jobs *jobs = HK_CONTAINER_OF(query, struct jobs, query);
    int64_t delay_ms = FAILED_DELAY_MS, wait_ms;

    if (result->code == HK_OK && result->n_rows == 1)
        delay_ms = hk_db_int(result, 0, 0);
    else
        hk_log(HK_LOG_WARN, "job.failed", HK_CELL(jobs->cell),
               HK_CTEXT("statement", steps[jobs->i]->name));
    jobs->due_ms[jobs->i] = hk_mono_ms() + delay_ms;
    wait_ms = jobs->due_ms[find_next(jobs)] - hk_mono_ms();
    hk_loop_set_timer(jobs->loop, &jobs->timer, wait_ms > 0 ? wait_ms : 0, on_due);
}

struct jobs *jobs_new(struct hk_loop *loop, const struct hk_config *config, const char *name)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));
    struct hk_db_options db_options = {
        .url = config->database_url,
        .cell = config->cell,
        .schema = config->database_schema,
        .user = "hookline_worker",
        .session_options = HK_DB_HOT_OPTIONS " " HK_DB_STEP_OPTIONS,
        .name = "hookline-worker jobs",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 2, /* and the long upkeep */
    };

    if (jobs == NULL)
        abort();
    jobs->loop = loop;
    jobs->cell = config->cell;
    jobs->name = name;
    /* From when an API process gives an event its id until others see it: who publishes and waits
     * longer is answered 503. */
    (void)snprintf(jobs->settle_text, sizeof(jobs->settle_text), "%d",
                   (int)(config->api_query_timeout_ms / config->worker_schedule_divisor));
    jobs->db = hk_db_new(loop, &db_options);
    hk_loop_set_timer(loop, &jobs->timer, 0, on_due);
    return jobs;
}

struct hk_db *jobs_db(struct jobs *jobs)
{
    return jobs->db;
}

void jobs_free(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    hk_loop_stop_timer(jobs->loop, &jobs->timer);
    hk_db_free(jobs->db);
    free(jobs);
}
