/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/stats.sql.h"

#define FAILED_DELAY_MS INT64_C(5000)
#define PAUSE_MS        10000 /* each step writes each open minute that has got more */
#define LEAST_PAUSE_MS  100   /* however time is divided in tests, as the next */
#define LEAST_SETTLE_MS 2000
#define BUDGET_MS       200
/* No statement of ours runs for longer (lib/db.c): what began before has an effect that can be seen
 * to be under way, or will have none. */
#define STATEMENT_TIMEOUT_MS 30000

/* Spans of time are found by BRIN, and what is in them is grouped by hash. */
#define SESSION_OPTIONS "-c enable_seqscan=off -c enable_sort=off -c work_mem=32MB -c jit=off"

struct stats {
    struct hk_loop *loop;
    const char *cell; /* hk_config.cell, for logs */
    char settle_text[12], budget_text[12], pause_text[12], keep_text[48];
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
};

static hk_db_done_fn on_done;

static void on_due(struct hk_timer *timer)
{
    struct stats *stats = HK_CONTAINER_OF(timer, struct stats, timer);

    stats->query = (struct hk_db_query){
        .stmt = &stmt_stat_step,
        .params = {hk_str(stats->settle_text), hk_str(stats->budget_text),
                   hk_str(stats->pause_text), hk_str(stats->keep_text)},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = STATEMENT_TIMEOUT_MS,
    };
    if (hk_db_submit(stats->db, &stats->query) != HK_OK)
        hk_loop_set_timer(stats->loop, timer, FAILED_DELAY_MS, on_due);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct stats *stats = HK_CONTAINER_OF(query, struct stats, query);
    int64_t delay_ms = FAILED_DELAY_MS;

    if (result->code == HK_OK && result->n_rows == 1)
        delay_ms = hk_db_int(result, 0, 0);
    else
        hk_log(HK_LOG_WARN, "stats.failed", HK_CELL(stats->cell));
    hk_loop_set_timer(stats->loop, &stats->timer, delay_ms, on_due);
}

static int at_least(int least, int n)
{
    return n > least ? n : least;
}

/* How a process's times become texts: see stat_step(). An event's id is made before it waits for a
 * connection, as long as a request may wait. */
static void set_texts(struct stats *stats, const struct hk_config *config)
{
    int divisor = (int)config->worker_schedule_divisor;
    int settle_ms = at_least(STATEMENT_TIMEOUT_MS, (int)config->api_query_timeout_ms);

    (void)snprintf(stats->settle_text, sizeof(stats->settle_text), "%d",
                   at_least(LEAST_SETTLE_MS, settle_ms / divisor));
    (void)snprintf(stats->budget_text, sizeof(stats->budget_text), "%d", BUDGET_MS);
    (void)snprintf(stats->pause_text, sizeof(stats->pause_text), "%d",
                   at_least(LEAST_PAUSE_MS, PAUSE_MS / divisor));
    (void)snprintf(stats->keep_text, sizeof(stats->keep_text), "{%d,%d,%d}",
                   (int)config->worker_stats_minutes_d, (int)config->worker_stats_hours_d,
                   (int)config->worker_stats_days_d);
}

struct stats *stats_new(struct hk_loop *loop, const struct hk_config *config)
{
    struct stats *stats = calloc(1, sizeof(*stats));
    struct hk_db_options db_options = {
        .url = config->database_url,
        .cell = config->cell,
        .schema = config->database_schema,
        .user = "hookline_worker",
        .session_options = SESSION_OPTIONS,
        .name = "hookline-worker stats",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 1,
    };

    if (stats == NULL)
        abort();
    stats->loop = loop;
    stats->cell = config->cell;
    set_texts(stats, config);
    stats->db = hk_db_new(loop, &db_options);
    hk_loop_set_timer(loop, &stats->timer, 0, on_due);
    return stats;
}

void stats_free(struct stats *stats)
{
    if (stats == NULL)
        return;
    hk_loop_stop_timer(stats->loop, &stats->timer);
    hk_db_free(stats->db);
    free(stats);
}
