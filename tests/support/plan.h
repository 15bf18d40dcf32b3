/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/plan.h - what a statement touches when it runs: the rows and blocks that EXPLAIN
 * counts, which say more than the names of the nodes. An index that is read from end to end is no
 * better than the table.
 */
#ifndef SUPPORT_PLAN_H
#define SUPPORT_PLAN_H

#include <libpq-fe.h>

#include "hk/db.h"
#include "tests/support/pg.h"

struct plan_cost {
    int64_t n_rows;    /* of tables, those that a filter removed included */
    int64_t n_blocks;  /* found in memory or not */
    char seq_scan[64]; /* a table that was read whole, but for the small ones; "": none */
    char *text;        /* the plan as JSON; plan_cost_done() frees it */
};

/*
 * A database of its own, without autovacuum, so that statistics are what the test makes of them.
 * The superuser's session in it, with the search path of the programs; to be finished before
 * pg_drop_database().
 */
PGconn *plan_open_database(char ret_database[PG_NAME_SIZE]);

/* Runs any SQL; the test fails when that does. To be cleared. */
PGresult *plan_query(PGconn *session, const char *sql);

/* The first value, to be freed; NULL for NULL and no row. */
char *plan_value(PGconn *session, const char *sql);

/* PREPARE under the statement's own name. */
void plan_prepare(PGconn *session, const struct hk_stmt *stmt);

/* Runs `EXECUTE name (values)` under EXPLAIN (ANALYZE, BUFFERS): what it does is done. */
struct plan_cost plan_explain(PGconn *session, const char *execute);
void plan_cost_done(struct plan_cost *cost);

/*
 * Whether no table was read whole and no more touched than that; says of `what` what was touched
 * when not, and with PLANS_VERBOSE in the environment always, then with the plan of what is not.
 */
HK_NODISCARD bool plan_is_within(const struct plan_cost *cost, const char *what, int64_t max_rows,
                                 int64_t max_blocks);

#endif
