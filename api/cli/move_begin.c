/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/move.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli/secrets.h"
#include "api/cli/session.h"

enum {
    LIVE_ROWS =
        1000, /* tables with fewer are copied as a whole, in less time than the hold takes */
    MAX_CLOCKS_APART_MS = 5000,
};

/* ---- where it is ----------------------------------------------------------------------------- */

/* Whether a cell has what such a move has left there. */
static bool has_left(const struct move *move, const struct hk_cell *cell, bool *ret)
{
    PGconn *db = move_open(move, cell);
    int64_t n = 0;
    bool is_known = db != NULL && move_number(db, &n,
                                              "SELECT count(*) FROM tenant_move v"
                                              " WHERE v.tenant_id = '%s' AND v.to_cell = '%s'",
                                              move->tenant, move->to->name);

    PQfinish(db);
    *ret = n > 0;
    return is_known;
}

/* The tenant is where it is to be: perhaps something is left where it was, if only in the
 * directory.
 */
static bool find_rest(struct move *move)
{
    for (unsigned i = 0; i < move->cells->n; i++) {
        const struct hk_cell *cell = &move->cells->cells[i];
        bool is_there = false;

        if (cell != move->to && !has_left(move, cell, &is_there))
            return false;
        if (is_there) {
            move->from = cell;
            move->is_flipped = true;
        }
    }
    return move->from != NULL || !move->is_announced ||
           move_run(move->home,
                    "UPDATE tenant_cell c SET moving_to = NULL WHERE c.tenant_id = '%s'",
                    move->tenant);
}

bool move_find(struct move *move)
{
    PGresult *entry = move_query(move->home,
                                 "SELECT c.cell, coalesce(c.moving_to, '') FROM tenant_cell c"
                                 " WHERE c.tenant_id = '%s'",
                                 move->tenant);
    const char *cell, *moving_to;
    bool is_found = entry != NULL;

    if (!is_found)
        return false;
    cell = PQntuples(entry) == 0 ? HK_CELLS_HOME : PQgetvalue(entry, 0, 0);
    moving_to = PQntuples(entry) == 0 ? "" : PQgetvalue(entry, 0, 1);
    move->from = hk_cells_find(move->cells, hk_str(cell));
    if (move->from == NULL) {
        move_say(move, "is in cell %s, which HOOKLINE_CELLS does not have", cell);
        is_found = false;
    } else if (moving_to[0] != '\0' && strcmp(moving_to, move->to->name) != 0) {
        move_say(move, "is being moved to %s: finish that, or abort it", moving_to);
        is_found = false;
    }
    move->is_announced = moving_to[0] != '\0';
    PQclear(entry);
    if (is_found && move->from == move->to) {
        move->from = NULL;
        is_found = find_rest(move);
    }
    return is_found;
}

/* ---- what must be true ----------------------------------------------------------------------- */

/* Whether a question is answered alike by both. */
static bool agrees(const struct move *move, const char *what, const char *sql)
{
    char *source = move_text(move->source, "%s", sql);
    char *target = move_text(move->target, "%s", sql);
    bool is_same = source != NULL && target != NULL && strcmp(source, target) == 0;

    if (source != NULL && target != NULL && !is_same)
        move_say(move, "cells %s and %s differ: %s", move->from->name, move->to->name, what);
    free(source);
    free(target);
    return is_same;
}

/* Roll-ups that still walk what was there before them cannot tell what has been counted. */
static bool has_counted(const struct move *move, PGconn *db, const struct hk_cell *cell)
{
    int64_t n;

    if (!move_number(db, &n,
                     "SELECT count(*) FROM stat_progress p"
                     " WHERE p.tenant_id = installation_id() AND p.history_tenant IS NOT NULL"))
        return false;
    if (n != 0)
        move_say(move, "cell %s still counts what is older than its statistics: later", cell->name);
    return n == 0;
}

/* Statistics go by clocks: so the hold ends when the target's is past what the source has seen. */
static bool clocks_agree(const struct move *move)
{
    static const char now_ms[] = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    int64_t source_ms, target_ms;

    if (!move_number(move->source, &source_ms, now_ms) ||
        !move_number(move->target, &target_ms, now_ms))
        return false;
    if (llabs(target_ms - source_ms) <= MAX_CLOCKS_APART_MS)
        return true;
    move_say(move, "the servers' clocks are %lld ms apart", llabs(target_ms - source_ms));
    return false;
}

static bool is_there(const struct move *move)
{
    int64_t n;

    if (!move_number(move->source, &n,
                     "SELECT count(*) FROM tenant t WHERE t.tenant_id = '%s'"
                     " AND t.tenant_id <> installation_id()",
                     move->tenant))
        return false;
    if (n == 0)
        move_say(move, "there is no such tenant in cell %s", move->from->name);
    return n == 1;
}

bool move_check(struct move *move)
{
    /* What has flipped is only to be finished; the tenant may be gone from the source by now. */
    return move->is_flipped ||
           (is_there(move) &&
            agrees(move, "migrations; run `hookline migrate up`",
                   "SELECT string_agg(f.sha256, ' ' ORDER BY f.name)"
                   "  FROM (SELECT m.name, m.sha256 FROM schema_migration m"
                   "         UNION ALL SELECT r.name, r.sha256 FROM schema_repeatable r) f") &&
            agrees(move, "encoding of the database", "SELECT current_setting('server_encoding')") &&
            secrets_open(move->vault, move->source, move->tenant, move->from->name) &&
            secrets_open(move->vault, move->target, NULL, move->to->name) &&
            has_counted(move, move->source, move->from) &&
            has_counted(move, move->target, move->to) && clocks_agree(move));
}

/* ---- that it is under way -------------------------------------------------------------------- */

/* Rows of the tenant that no move has brought. */
static bool has_strangers(const struct move *move, bool *ret)
{
    *ret = false;
    for (unsigned i = 0; i < move->n_tables && !*ret; i++) {
        int64_t n;

        if (!move_number(move->target, &n,
                         "SELECT count(*) FROM (SELECT FROM %s WHERE tenant_id = '%s' LIMIT 1) x",
                         move->tables[i].name, move->tenant))
            return false;
        *ret = n != 0;
        if (*ret)
            move_say(move, "cell %s has rows of it in %s already", move->to->name,
                     move->tables[i].name);
    }
    return true;
}

/*
 * Whether the tenant has flipped and lives in the target: then its source has the fence for ever.
 * Else it has lived there once, and what says so outlived a move away that was killed at its end.
 */
static bool read_flip(struct move *move)
{
    int64_t n_fences;

    if (!move_number(move->source, &n_fences,
                     "SELECT count(*) FROM tenant_away a WHERE a.tenant_id = '%s'", move->tenant))
        return false;
    move->is_flipped = n_fences > 0;
    move->has_arrival = move->is_flipped;
    return move->is_flipped || move_run(move->target,
                                        "BEGIN;"
                                        "DELETE FROM tenant_arrival a WHERE a.tenant_id = '%s';"
                                        "DELETE FROM tenant_move v WHERE v.tenant_id = '%s';"
                                        "COMMIT",
                                        move->tenant, move->tenant);
}

bool move_recognize(struct move *move)
{
    bool is_here;
    char *arrival = move_text(move->target,
                              "SELECT CASE WHEN a.flipped_at IS NULL THEN 'coming' ELSE 'here' END"
                              "  FROM tenant_arrival a WHERE a.tenant_id = '%s'",
                              move->tenant);

    if (arrival == NULL)
        return false;
    move->has_arrival = arrival[0] != '\0';
    is_here = strcmp(arrival, "here") == 0;
    free(arrival);
    return !is_here || move->is_flipped || read_flip(move);
}

/* After two billion transactions a row's age says nothing any more. */
static bool is_too_old(const struct move *move, bool *ret)
{
    int64_t n;

    *ret = false;
    if (!move_number(move->source, &n,
                     "SELECT count(*) FROM tenant_move v WHERE v.tenant_id = '%s'"
                     "   AND (v.changed_since::text::numeric + 2000000000"
                     "        < pg_snapshot_xmax(pg_current_snapshot())::text::numeric"
                     "        OR v.changed_since > pg_snapshot_xmax(pg_current_snapshot()))",
                     move->tenant))
        return false;
    *ret = n != 0;
    if (*ret)
        move_say(move, "what was copied is too old to go on from: --abort, then anew");
    return true;
}

static bool announce_target(const struct move *move)
{
    return move_run(move->target,
                    "BEGIN;"
                    "INSERT INTO tenant_arrival (tenant_id, from_cell) VALUES ('%s', '%s');"
                    "INSERT INTO tenant_away AS a (tenant_id, state) VALUES ('%s', 'moving')"
                    "    ON CONFLICT (tenant_id) DO UPDATE SET state = 'moving', since = now();"
                    "COMMIT",
                    move->tenant, move->from->name, move->tenant);
}

bool move_announce(struct move *move)
{
    bool has_any = false, is_old, has_arrival = move->has_arrival;

    if (move->is_flipped)
        return true;
    if (!has_arrival && (!has_strangers(move, &has_any) || has_any))
        return false;
    return move_run(move->home,
                    "INSERT INTO tenant_cell AS c (tenant_id, cell, moving_to)"
                    " VALUES ('%s', '%s', '%s')"
                    "    ON CONFLICT (tenant_id) DO UPDATE"
                    "   SET moving_to = excluded.moving_to, updated_at = now()",
                    move->tenant, move->from->name, move->to->name) &&
           move_run(move->source,
                    "INSERT INTO tenant_move (tenant_id, to_cell, changed_since)"
                    " VALUES ('%s', '%s', pg_snapshot_xmin(pg_current_snapshot()))"
                    "    ON CONFLICT (tenant_id) DO UPDATE SET to_cell = excluded.to_cell",
                    move->tenant, move->to->name) &&
           is_too_old(move, &is_old) && !is_old && (has_arrival || announce_target(move));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const char read_tables[] =
    "SELECT t.relation, t.stands_alone::integer, t.is_binary::integer,"
    "       array_to_string(t.columns, ', '), array_to_string(t.key, ', '),"
    "       (SELECT string_agg('quote_literal(' || k || ')', ' || '','' || ')"
    "          FROM unnest(t.key) k),"
    "       (SELECT string_agg(format('x.%1$s = s.%1$s', k), ' AND ') FROM unnest(t.key) k),"
    "       coalesce((SELECT string_agg(format('%1$s = excluded.%1$s', c), ', ')"
    "                   FROM unnest(t.columns) c WHERE c <> ALL (t.key)), '')"
    "  FROM tenant_move_tables() t";

static char *copy_value(const PGresult *result, unsigned row, int column)
{
    char *text = strdup(PQgetvalue(result, (int)row, column));

    if (text == NULL)
        abort();
    return text;
}

static void take_tables(struct move *move, const PGresult *result)
{
    move->n_tables = (unsigned)PQntuples(result);
    move->tables = calloc(move->n_tables, sizeof(*move->tables));
    if (move->tables == NULL)
        abort();
    for (unsigned i = 0; i < move->n_tables; i++)
        move->tables[i] =
            (struct move_table){.name = copy_value(result, i, 0),
                                .stands_alone = PQgetvalue(result, (int)i, 1)[0] == '1',
                                .is_binary = PQgetvalue(result, (int)i, 2)[0] == '1',
                                .columns = copy_value(result, i, 3),
                                .key = copy_value(result, i, 4),
                                .key_literal = copy_value(result, i, 5),
                                .join = copy_value(result, i, 6),
                                .assignments = copy_value(result, i, 7)};
}

bool move_read_tables(struct move *move)
{
    PGresult *result;

    if (!agrees(move, "tables", "SELECT string_agg(t::text, ' ') FROM tenant_move_tables() t"))
        return false;
    result = session_query(move->source, read_tables, 0, NULL);
    if (result == NULL)
        return false;
    take_tables(move, result);
    PQclear(result);
    return true;
}

void move_free_tables(struct move *move)
{
    for (unsigned i = 0; i < move->n_tables; i++) {
        struct move_table *table = &move->tables[i];

        free(table->name);
        free(table->columns);
        free(table->key);
        free(table->key_literal);
        free(table->join);
        free(table->assignments);
    }
    free(move->tables);
}

/*
 * One that has begun to be copied live goes on so. A queue that waits does not change; and the
 * target's workers would look at lanes whose subscriptions come with the hold.
 */
static bool is_live(const struct move *move, const struct move_table *table, bool *ret)
{
    int64_t n;

    *ret = false;
    if (!table->stands_alone || strcmp(table->name, "queue_away") == 0 ||
        strcmp(table->name, "lane") == 0)
        return true;
    if (!move_number(move->target, &n,
                     "SELECT count(*) FROM tenant_copy c WHERE c.tenant_id = '%s'"
                     " AND c.relation = '%s'",
                     move->tenant, table->name))
        return false;
    if (n == 0 && !move_number(move->source, &n,
                               "SELECT count(*) FROM (SELECT FROM %s WHERE tenant_id = '%s'"
                               " LIMIT %d) x HAVING count(*) >= %d",
                               table->name, move->tenant, LIVE_ROWS, LIVE_ROWS))
        return false;
    *ret = n != 0;
    return n == 0 || move_run(move->target,
                              "INSERT INTO tenant_copy (tenant_id, relation) VALUES ('%s', '%s')"
                              " ON CONFLICT DO NOTHING",
                              move->tenant, table->name);
}

bool move_choose_live(struct move *move)
{
    for (unsigned i = 0; i < move->n_tables; i++) {
        if (!is_live(move, &move->tables[i], &move->tables[i].is_live))
            return false;
    }
    return true;
}

/* Weeks in which the tenant has anything and that the target has no partition for. */
bool move_make_partitions(struct move *move)
{
    PGresult *weeks = move_query(
        move->source, "SELECT w.parent, w.monday FROM tenant_move_weeks('%s') w", move->tenant);
    bool is_well = weeks != NULL;

    for (int i = 0; is_well && i < PQntuples(weeks); i++)
        is_well = move_run(move->target,
                           "SELECT pg_advisory_lock(hashtext('hookline.partition_create.'"
                           "                                 || current_schema()));"
                           "SELECT partition_make('%s', '%s');"
                           "SELECT pg_advisory_unlock(hashtext('hookline.partition_create.'"
                           "                                   || current_schema()))",
                           PQgetvalue(weeks, i, 0), PQgetvalue(weeks, i, 1));
    PQclear(weeks);
    return is_well;
}
