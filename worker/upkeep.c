/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/upkeep.h"

#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/claim.sql.h"

#define WEEKS_AHEAD     "3"
#define HOUR_MS         INT64_C(3600000)
#define FAILED_DELAY_MS INT64_C(10000)

struct upkeep {
    struct hk_loop *loop;
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
};

static hk_db_done_fn on_created;
static hk_db_done_fn on_swept;

static void on_due(struct hk_timer *timer)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(timer, struct upkeep, timer);

    upkeep->query = (struct hk_db_query){
        .stmt = &stmt_partition_create,
        .params = {HK_STR(WEEKS_AHEAD)},
        .wants_binary_result = true,
        .done = on_created,
        .timeout_ms = 20000,
    };
    if (hk_db_submit(upkeep->db, &upkeep->query) != HK_OK)
        hk_loop_set_timer(upkeep->loop, timer, FAILED_DELAY_MS, on_due);
}

static void on_created(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(query, struct upkeep, query);
    int64_t n_created;

    if (result->code != HK_OK || result->n_rows != 1) {
        hk_log(HK_LOG_WARN, "partition.create_failed");
        hk_loop_set_timer(upkeep->loop, &upkeep->timer, FAILED_DELAY_MS, on_due);
        return;
    }
    n_created = hk_db_int(result, 0, 0);
    if (n_created > 0)
        hk_log(HK_LOG_INFO, "partition.created", HK_I64("n_partitions", n_created));
    *query = (struct hk_db_query){
        .stmt = &stmt_rate_bucket_sweep, .done = on_swept, .timeout_ms = 20000};
    if (hk_db_submit(upkeep->db, query) != HK_OK)
        hk_loop_set_timer(upkeep->loop, &upkeep->timer, FAILED_DELAY_MS, on_due);
}

static void on_swept(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(query, struct upkeep, query);

    if (result->code != HK_OK)
        hk_log(HK_LOG_WARN, "rate_bucket.sweep_failed"); /* the next hour has another */
    hk_loop_set_timer(upkeep->loop, &upkeep->timer, HOUR_MS, on_due);
}

struct upkeep *upkeep_new(struct hk_loop *loop, struct hk_db *db)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));

    if (upkeep == NULL)
        abort();
    upkeep->loop = loop;
    upkeep->db = db;
    hk_loop_set_timer(loop, &upkeep->timer, 0, on_due);
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep == NULL)
        return;
    hk_db_abandon(&upkeep->query);
    hk_loop_stop_timer(upkeep->loop, &upkeep->timer);
    free(upkeep);
}
