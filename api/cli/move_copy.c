/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move_copy.c - rows go from COPY to COPY, one in memory at a time. Live tables by way of a
 * temporary table of the target, because some of the rows are there already; what was brought is
 * counted and hashed on both sides before it is committed.
 */
#include "api/cli/move.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/buf.h"
#include "hk/clock.h"

enum {
    SLICE_ROWS = 5000,
    MAX_ROUNDS = 5,
    SHORT_ROUND_MS = 1000,
    MAX_SELECT_BYTES = 64 << 10,
};

#define STAGE "pg_temp.tenant_move_stage"

/* Count and hash of what a query returns, which has the table's columns. */
#define HASH                                                                                       \
    "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0) FROM (%s) h"

/* What transactions since tenant_move.changed_since have written. */
#define IS_CHANGED                                                                                 \
    "age(xmin) <= (SELECT age(v.changed_since::xid) FROM tenant_move v WHERE v.tenant_id = '%s')"

/* ---- one stream ------------------------------------------------------------------------------ */

static bool begin_copy(PGconn *db, ExecStatusType wanted, const char *sql)
{
    PGresult *result = PQexec(db, sql);
    bool has_begun = PQresultStatus(result) == wanted;

    if (!has_begun)
        (void)fprintf(stderr, "hookline: %s", PQresultErrorMessage(result));
    PQclear(result);
    return has_begun;
}

/* What both sides say in the end; all results have to be taken. */
static bool end_copy(PGconn *db)
{
    PGresult *result;
    bool is_well = true;

    while ((result = PQgetResult(db)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            (void)fprintf(stderr, "hookline: %s", PQresultErrorMessage(result));
            is_well = false;
        }
        PQclear(result);
    }
    return is_well;
}

static bool pump(const struct move *move)
{
    bool is_well = true;
    char *row;
    int n;

    /* All of it is read, whatever happens: the source's connection is needed afterwards. */
    while ((n = PQgetCopyData(move->source, &row, 0)) > 0) {
        is_well = is_well && PQputCopyData(move->target, row, n) == 1;
        PQfreemem(row);
    }
    is_well = is_well && n == -1;
    if (PQputCopyEnd(move->target, is_well ? NULL : "the source has failed") != 1)
        is_well = false;
    return is_well;
}

/* Rows that `select` finds in the source go into a table of the target. */
static bool stream(const struct move *move, const struct move_table *table, const char *select,
                   const char *into)
{
    const char *format = table->is_binary ? "binary" : "text";
    struct hk_buf out HK_CLEANUP(hk_buf_done), in HK_CLEANUP(hk_buf_done);
    bool is_well;

    hk_buf_init(&out, (size_t)2 * MAX_SELECT_BYTES);
    hk_buf_init(&in, MAX_SELECT_BYTES);
    hk_buf_printf(&out, "COPY (%s) TO STDOUT (FORMAT %s)", select, format);
    hk_buf_printf(&in, "COPY %s (%s) FROM STDIN (FORMAT %s)", into, table->columns, format);
    if (!begin_copy(move->target, PGRES_COPY_IN, in.p))
        return false;
    if (!begin_copy(move->source, PGRES_COPY_OUT, out.p)) {
        (void)PQputCopyEnd(move->target, "the source has failed");
        (void)end_copy(move->target);
        return false;
    }
    is_well = pump(move);
    is_well = end_copy(move->source) && is_well;
    return end_copy(move->target) && is_well;
}

/* Whether both queries, one of each side, return the same rows. The number of them, too. */
static bool are_equal(const struct move *move, const struct move_table *table,
                      const char *in_source, const char *in_target, int64_t *ret_n)
{
    char *source = move_text(move->source, HASH, table->columns, in_source);
    char *target = source == NULL ? NULL : move_text(move->target, HASH, table->columns, in_target);
    bool is_equal = target != NULL && strcmp(source, target) == 0;

    if (target != NULL && !is_equal)
        move_say(move, "%s is not the same in both cells: %s, %s", table->name, source, target);
    if (is_equal)
        *ret_n = strtoll(source, NULL, 10);
    free(source);
    free(target);
    return is_equal;
}

/* ---- live tables ----------------------------------------------------------------------------- */

/* Both are in a transaction. The target's has no stage yet. */
static bool bring(const struct move *move, const struct move_table *table, const char *select,
                  int64_t *ret_n)
{
    struct hk_buf brought HK_CLEANUP(hk_buf_done);

    hk_buf_init(&brought, MAX_SELECT_BYTES);
    hk_buf_printf(&brought,
                  "SELECT t.* FROM " STAGE " s CROSS JOIN LATERAL"
                  " (SELECT %s FROM %s x WHERE %s OFFSET 0) t",
                  table->columns, table->name, table->join);
    return move_run(move->target,
                    "CREATE TEMPORARY TABLE tenant_move_stage ON COMMIT DROP"
                    " AS SELECT %s FROM %s WITH NO DATA",
                    table->columns, table->name) &&
           stream(move, table, select, STAGE) &&
           move_run(move->target,
                    "INSERT INTO %s (%s) SELECT %s FROM " STAGE " ON CONFLICT (%s) DO %s%s",
                    table->name, table->columns, table->columns, table->key,
                    table->assignments[0] == '\0' ? "NOTHING" : "UPDATE SET ",
                    table->assignments) &&
           are_equal(move, table, select, brought.p, ret_n);
}

static bool begin(const struct move *move)
{
    return move_run(move->source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") &&
           move_run(move->target, "BEGIN");
}

/* The target's first: what is committed there is found again, wherever this ends. */
static bool commit(const struct move *move)
{
    return move_run(move->target, "COMMIT") && move_run(move->source, "COMMIT");
}

static void roll_back(const struct move *move)
{
    move_roll_back(move->source);
    move_roll_back(move->target);
}

/* The next rows behind `last`, SQL of a row of the key; "": from the beginning. */
static void select_slice(const struct move *move, const struct move_table *table, const char *last,
                         struct hk_buf *select)
{
    hk_buf_clear(select);
    hk_buf_printf(select, "SELECT %s FROM %s WHERE tenant_id = '%s'", table->columns, table->name,
                  move->tenant);
    if (last[0] != '\0')
        hk_buf_printf(select, " AND (%s) > %s", table->key, last);
    hk_buf_printf(select, " ORDER BY %s LIMIT %d", table->key, SLICE_ROWS);
}

/* Where the slice ends: `last` is replaced. Columns of keys are never NULL. */
static bool note_slice(const struct move *move, const struct move_table *table, const char *select,
                       int64_t n, char **last)
{
    char *literal = move_text(move->source, "SELECT '(' || %s || ')' FROM (%s) h OFFSET %" PRId64,
                              table->key_literal, select, n > 0 ? n - 1 : 0);
    char *quoted;
    bool is_noted;

    if (literal == NULL)
        return false;
    quoted = PQescapeLiteral(move->target, literal, strlen(literal));
    is_noted = quoted != NULL &&
               move_run(move->target,
                        "UPDATE tenant_copy c SET last_key = coalesce(nullif(%s, ''), c.last_key),"
                        " n_rows = c.n_rows + %" PRId64 ", is_whole = %s"
                        " WHERE c.tenant_id = '%s' AND c.relation = '%s'",
                        quoted, n, n < SLICE_ROWS ? "true" : "false", move->tenant, table->name);
    PQfreemem(quoted);
    if (literal[0] == '\0') {
        free(literal);
        return is_noted;
    }
    free(*last);
    *last = literal;
    return is_noted;
}

static bool copy_slice(struct move *move, const struct move_table *table, char **last,
                       int64_t *ret_n)
{
    struct hk_buf select HK_CLEANUP(hk_buf_done);

    hk_buf_init(&select, MAX_SELECT_BYTES);
    select_slice(move, table, *last, &select);
    if (begin(move) &&
        /* In the order of the key, from its index: a slice must not read all that is behind it. */
        move_run(move->source, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
                               " SET LOCAL enable_sort = off") &&
        bring(move, table, select.p, ret_n) && note_slice(move, table, select.p, *ret_n, last) &&
        commit(move))
        return true;
    roll_back(move);
    return false;
}

static bool copy_table(struct move *move, const struct move_table *table)
{
    char *last = move_text(move->target,
                           "SELECT CASE WHEN c.is_whole THEN 'whole' ELSE coalesce(c.last_key, '')"
                           " END FROM tenant_copy c WHERE c.tenant_id = '%s' AND c.relation = '%s'",
                           move->tenant, table->name);
    int64_t n = SLICE_ROWS, n_rows = 0;
    bool is_well = last != NULL;

    if (is_well && strcmp(last, "whole") == 0)
        n = 0;
    while (is_well && n == SLICE_ROWS) {
        is_well = !move_must_stop(move) && copy_slice(move, table, &last, &n);
        n_rows += n;
    }
    if (is_well && n_rows > 0)
        move_say(move, "%s: %" PRId64 " rows copied", table->name, n_rows);
    move->n_rows += n_rows;
    free(last);
    return is_well;
}

bool move_copy_all(struct move *move)
{
    for (unsigned i = 0; i < move->n_tables; i++) {
        if (move->tables[i].is_live && !copy_table(move, &move->tables[i]))
            return false;
    }
    return true;
}

/* ---- what has changed ------------------------------------------------------------------------ */

static bool bring_changed(struct move *move, const struct move_table *table, int64_t *ret_n)
{
    struct hk_buf select HK_CLEANUP(hk_buf_done);

    hk_buf_init(&select, MAX_SELECT_BYTES);
    hk_buf_printf(&select, "SELECT %s FROM %s WHERE tenant_id = '%s' AND " IS_CHANGED,
                  table->columns, table->name, move->tenant, move->tenant);
    return bring(move, table, select.p, ret_n);
}

static bool run_round(struct move *move, int64_t *ret_n)
{
    /* Before anything is read: what is older than this is over, and will have been read. */
    char *since = move_text(move->source, "SELECT pg_snapshot_xmin(pg_current_snapshot())");
    bool is_well = since != NULL;

    *ret_n = 0;
    for (unsigned i = 0; is_well && i < move->n_tables; i++) {
        int64_t n = 0;

        if (!move->tables[i].is_live)
            continue;
        is_well = !move_must_stop(move) && begin(move) &&
                  bring_changed(move, &move->tables[i], &n) && commit(move);
        *ret_n += n;
    }
    if (!is_well)
        roll_back(move);
    is_well = is_well && move_run(move->source,
                                  "UPDATE tenant_move v SET changed_since = '%s'"
                                  " WHERE v.tenant_id = '%s'",
                                  since, move->tenant);
    free(since);
    return is_well;
}

bool move_catch_up(struct move *move)
{
    int64_t took_ms = INT64_MAX, before_ms, start_ms, n;
    unsigned n_rounds = 0;

    do {
        before_ms = took_ms;
        start_ms = hk_mono_ms();
        if (!run_round(move, &n))
            return false;
        took_ms = hk_mono_ms() - start_ms;
        move->n_rows += n;
        move_say(move, "%" PRId64 " rows have changed meanwhile (%" PRId64 " ms)", n, took_ms);
    } while (++n_rounds < MAX_ROUNDS && took_ms > SHORT_ROUND_MS && took_ms < before_ms);
    return true;
}

/* ---- the rest, while nobody writes ----------------------------------------------------------- */

static bool count_both(const struct move *move, const struct move_table *table, int64_t *in_source,
                       int64_t *in_target)
{
    static const char sql[] = "SELECT count(*) FROM %s WHERE tenant_id = '%s'";

    return move_number(move->source, in_source, sql, table->name, move->tenant) &&
           move_number(move->target, in_target, sql, table->name, move->tenant);
}

/* Deletes what the source has no more. */
static bool drop_gone(const struct move *move, const struct move_table *table)
{
    struct move_table keys = *table;
    struct hk_buf select HK_CLEANUP(hk_buf_done);

    keys.columns = table->key;
    hk_buf_init(&select, MAX_SELECT_BYTES);
    hk_buf_printf(&select, "SELECT %s FROM %s WHERE tenant_id = '%s'", table->key, table->name,
                  move->tenant);
    return move_run(move->target, "TRUNCATE " STAGE) && stream(move, &keys, select.p, STAGE) &&
           move_run(move->target,
                    "ANALYZE " STAGE "; DELETE FROM %s x WHERE x.tenant_id = '%s'"
                    " AND NOT EXISTS (SELECT FROM " STAGE " s WHERE %s)",
                    table->name, move->tenant, table->join);
}

static bool replace(const struct move *move, const struct move_table *table)
{
    struct hk_buf select HK_CLEANUP(hk_buf_done);
    int64_t n;

    hk_buf_init(&select, MAX_SELECT_BYTES);
    hk_buf_printf(&select, "SELECT %s FROM %s WHERE tenant_id = '%s'", table->columns, table->name,
                  move->tenant);
    return stream(move, table, select.p, table->name) &&
           are_equal(move, table, select.p, select.p, &n);
}

static bool delete_copied(const struct move *move, const struct move_table *table)
{
    return move_run(move->target, "DELETE FROM %s WHERE tenant_id = '%s'", table->name,
                    move->tenant);
}

/*
 * All that the source has is in the target now: when there are more, some have gone. Less can only
 * be when the target's upkeep has taken some away, which was its right by their age.
 */
static bool settle(const struct move *move, const struct move_table *table)
{
    int64_t in_source, in_target;

    if (!count_both(move, table, &in_source, &in_target))
        return false;
    if (in_target > in_source &&
        (!drop_gone(move, table) || !count_both(move, table, &in_source, &in_target)))
        return false;
    return in_target == in_source || (delete_copied(move, table) && replace(move, table));
}

static bool copy_live_rest(struct move *move, const struct move_table *table)
{
    int64_t n;

    if (move_must_stop(move) || !move_run(move->target, "BEGIN"))
        return false;
    if (bring_changed(move, table, &n) && settle(move, table) && move_run(move->target, "COMMIT")) {
        move->n_rows += n;
        return true;
    }
    move_roll_back(move->target);
    return false;
}

static bool copy_wholes(struct move *move)
{
    bool is_well = move_run(move->target, "BEGIN; SET CONSTRAINTS ALL DEFERRED");

    for (unsigned i = move->n_tables; is_well && i > 0; i--)
        is_well = move->tables[i - 1].is_live || delete_copied(move, &move->tables[i - 1]);
    for (unsigned i = 0; is_well && i < move->n_tables; i++)
        is_well =
            move->tables[i].is_live || (!move_must_stop(move) && replace(move, &move->tables[i]));
    if (is_well && move_run(move->target, "COMMIT"))
        return true;
    move_roll_back(move->target);
    return false;
}

bool move_copy_rest(struct move *move)
{
    for (unsigned i = 0; i < move->n_tables; i++) {
        if (move->tables[i].is_live && !copy_live_rest(move, &move->tables[i]))
            return false;
    }
    return copy_wholes(move);
}
