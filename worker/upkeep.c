/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/upkeep.h"

#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/upkeep.sql.h"

#define HOUR_MS         INT64_C(3600000)
#define FAILED_DELAY_MS INT64_C(10000)

/* What is done each hour, in this order. A statement returns one row: how much it has done. */
static const struct chore {
    const struct hk_stmt *stmt;
    struct hk_str param;
    int64_t max; /* when it has done as much there may be more: once again at once; 0: it is all */
} chores[] = {
    {&stmt_partition_create, {"3", 1}, 0}, /* weeks ahead */
    {&stmt_rate_bucket_sweep, {NULL, 0}, 0},
    {&stmt_idempotency_key_sweep, {"1000", 4}, 1000},
    {&stmt_subscription_secret_sweep, {"1000", 4}, 1000},
    {&stmt_tenant_secret_sweep, {"1000", 4}, 1000},
    {&stmt_backfill_sweep, {"1000", 4}, 1000},
};

struct upkeep {
    struct hk_loop *loop;
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer;
    size_t i; /* of the chore under way */
};

static hk_db_done_fn on_done;

static void on_due(struct hk_timer *timer)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(timer, struct upkeep, timer);
    const struct chore *chore = &chores[upkeep->i];

    upkeep->query = (struct hk_db_query){
        .stmt = chore->stmt,
        .params = {chore->param},
        .wants_binary_result = true,
        .done = on_done,
        .timeout_ms = 20000,
    };
    if (hk_db_submit(upkeep->db, &upkeep->query) != HK_OK)
        hk_loop_set_timer(upkeep->loop, timer, FAILED_DELAY_MS, on_due);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct upkeep *upkeep = HK_CONTAINER_OF(query, struct upkeep, query);
    const struct chore *chore = &chores[upkeep->i];
    bool is_last = upkeep->i + 1 == HK_COUNTOF(chores);
    int64_t n_done;

    if (result->code != HK_OK || result->n_rows != 1) {
        hk_log(HK_LOG_WARN, "upkeep.failed", HK_CTEXT("statement", chore->stmt->name));
        hk_loop_set_timer(upkeep->loop, &upkeep->timer, FAILED_DELAY_MS, on_due);
        return;
    }
    n_done = hk_db_int(result, 0, 0);
    if (n_done > 0)
        hk_log(HK_LOG_INFO, "upkeep.done", HK_CTEXT("statement", chore->stmt->name),
               HK_I64("n_done", n_done));
    if (chore->max > 0 && n_done >= chore->max) {
        hk_loop_set_timer(upkeep->loop, &upkeep->timer, 0, on_due);
        return;
    }
    upkeep->i = is_last ? 0 : upkeep->i + 1;
    hk_loop_set_timer(upkeep->loop, &upkeep->timer, is_last ? HOUR_MS : 0, on_due);
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
