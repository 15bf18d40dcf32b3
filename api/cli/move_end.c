/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/move.h"

#include <inttypes.h>
#include <stdlib.h>

#include "hk/clock.h"

enum { STEP_ROWS = 5000 };

/* Steps, so that no transaction is long and none holds many locks. */
static bool delete_rows(const struct move *move, PGconn *db, const char *name, const char *key,
                        int64_t *n_deleted)
{
    int64_t n = STEP_ROWS;

    while (n == STEP_ROWS) {
        if (move_must_stop(move) ||
            !move_number(db, &n,
                         "WITH gone AS (DELETE FROM %s WHERE tenant_id = '%s' AND (%s) IN"
                         "   (SELECT %s FROM %s WHERE tenant_id = '%s' LIMIT %d) RETURNING 1)"
                         "SELECT count(*) FROM gone",
                         name, move->tenant, key, key, name, move->tenant, STEP_ROWS))
            return false;
        *n_deleted += n;
    }
    return true;
}

/* Once through all tables, children first. */
static bool delete_all(const struct move *move, PGconn *db, int64_t *n_deleted)
{
    static const char queue_key[] = "tenant_id, subscription_id, message_id";

    *n_deleted = 0;
    if (!delete_rows(move, db, "queue", queue_key, n_deleted) ||
        !move_run(db, "UPDATE tenant t SET operational_app_id = NULL WHERE t.tenant_id = '%s'",
                  move->tenant))
        return false;
    for (unsigned i = move->n_tables; i > 0; i--) {
        const struct move_table *table = &move->tables[i - 1];

        if (!delete_rows(move, db, table->name, table->key, n_deleted))
            return false;
    }
    return true;
}

/* Until nothing comes behind it: a worker's step that began before may still have written. */
static bool drain_source(const struct move *move)
{
    int64_t n_deleted, n_all = 0;

    do {
        if (!delete_all(move, move->source, &n_deleted) || !move_wait_for_others(move))
            return false;
        n_all += n_deleted;
    } while (n_deleted > 0);
    move_say(move, "%" PRId64 " rows deleted in cell %s", n_all, move->from->name);
    return true;
}

static bool point_directory(struct move *move)
{
    return move_run(move->home,
                    "UPDATE tenant_cell c SET cell = '%s', updated_at = now()"
                    " WHERE c.tenant_id = '%s'",
                    move->to->name, move->tenant) &&
           move_run(move->source,
                    "UPDATE tenant_away a SET state = 'moved' WHERE a.tenant_id = '%s'",
                    move->tenant);
}

/* The directory comes last, as in move_abort(): until then no other move can begin. */
bool move_finish(struct move *move)
{
    if (!point_directory(move))
        return false;
    if (move->held_since_ms != 0)
        move_say(move, "is in cell %s; it was held for %" PRId64 " ms", move->to->name,
                 hk_mono_ms() - move->held_since_ms);
    return drain_source(move) &&
           move_run(move->target, "DELETE FROM tenant_copy c WHERE c.tenant_id = '%s'",
                    move->tenant) &&
           move_run(move->source,
                    "BEGIN;"
                    "DELETE FROM tenant_arrival a WHERE a.tenant_id = '%s';"
                    "DELETE FROM tenant_move v WHERE v.tenant_id = '%s';"
                    "COMMIT",
                    move->tenant, move->tenant) &&
           move_run(move->home,
                    "UPDATE tenant_cell c SET moving_to = NULL WHERE c.tenant_id = '%s'",
                    move->tenant);
}

/* What no move has brought is not a move's to delete. */
static bool is_under_way(const struct move *move, bool *ret)
{
    int64_t n = 0;

    if (!move_number(move->source, &n,
                     "SELECT count(*) FROM tenant_move v WHERE v.tenant_id = '%s'", move->tenant))
        return false;
    *ret = n > 0 || move->is_announced || move->has_arrival;
    if (!*ret)
        move_say(move, "is not being moved to cell %s: there is nothing to abort", move->to->name);
    return true;
}

/* Its rows are known for copies until the last of them is gone; how far they came goes first. */
static bool empty_target(const struct move *move)
{
    int64_t n_deleted;

    if (!move_run(move->target, "DELETE FROM tenant_copy c WHERE c.tenant_id = '%s'",
                  move->tenant) ||
        !delete_all(move, move->target, &n_deleted))
        return false;
    move_say(move, "%" PRId64 " rows deleted in cell %s", n_deleted, move->to->name);
    /* An API that knew it there once shall hear that it is elsewhere. */
    return move_run(move->target,
                    "BEGIN;"
                    "DELETE FROM tenant_arrival a WHERE a.tenant_id = '%s';"
                    "UPDATE tenant_away a SET state = 'moved' WHERE a.tenant_id = '%s';"
                    "COMMIT",
                    move->tenant, move->tenant);
}

/* The directory comes last: until then no other move can begin. */
bool move_abort(struct move *move)
{
    bool is_one;

    return is_under_way(move, &is_one) && is_one && move_give_back(move) &&
           (!move->has_arrival || empty_target(move)) &&
           move_run(move->source, "DELETE FROM tenant_move v WHERE v.tenant_id = '%s'",
                    move->tenant) &&
           move_run(move->home,
                    "UPDATE tenant_cell c SET moving_to = NULL, updated_at = now()"
                    " WHERE c.tenant_id = '%s'",
                    move->tenant);
}
