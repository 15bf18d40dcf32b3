/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/backfill.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/backfill.sql.h"

#define FAILED_DELAY_MS INT64_C(5000)

struct backfill {
    struct hk_loop *loop;
    const char *name;
    char settle_text[12];
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
};

static hk_db_done_fn on_done;

static void on_due(struct hk_timer *timer)
{
    struct backfill *backfill = HK_CONTAINER_OF(timer, struct backfill, timer);

    backfill->query = (struct hk_db_query){
        .stmt = &stmt_backfill_step,
        .params = {hk_str(backfill->settle_text), hk_str(backfill->name)},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = 20000,
    };
    if (hk_db_submit(backfill->db, &backfill->query) != HK_OK)
        hk_loop_set_timer(backfill->loop, timer, FAILED_DELAY_MS, on_due);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct backfill *backfill = HK_CONTAINER_OF(query, struct backfill, query);
    int64_t delay_ms = FAILED_DELAY_MS;

    if (result->code == HK_OK && result->n_rows == 1)
        delay_ms = hk_db_int(result, 0, 0);
    else
        hk_log(HK_LOG_WARN, "backfill.failed");
    hk_loop_set_timer(backfill->loop, &backfill->timer, delay_ms, on_due);
}

struct backfill *backfill_new(struct hk_loop *loop, const struct hk_config *config,
                              const char *name)
{
    struct backfill *backfill = calloc(1, sizeof(*backfill));
    struct hk_db_options db_options = {
        .url = config->database_url,
        .schema = config->database_schema,
        .user = "hookline_worker",
        .session_options = HK_DB_HOT_OPTIONS,
        .name = "hookline-worker backfill",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 2, /* and the long upkeep */
    };

    if (backfill == NULL)
        abort();
    backfill->loop = loop;
    backfill->name = name;
    /* From when an API process gives an event its id until others see it: who publishes and waits
     * longer is answered 503. */
    (void)snprintf(backfill->settle_text, sizeof(backfill->settle_text), "%d",
                   (int)(config->api_query_timeout_ms / config->worker_schedule_divisor));
    backfill->db = hk_db_new(loop, &db_options);
    hk_loop_set_timer(loop, &backfill->timer, 0, on_due);
    return backfill;
}

struct hk_db *backfill_db(struct backfill *backfill)
{
    return backfill->db;
}

void backfill_free(struct backfill *backfill)
{
    if (backfill == NULL)
        return;
    hk_loop_stop_timer(backfill->loop, &backfill->timer);
    hk_db_free(backfill->db);
    free(backfill);
}
