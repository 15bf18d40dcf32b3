/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/move.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli/interrupt.h"
#include "api/cli/session.h"
#include "hk/clock.h"

#define MAX_SQL_BYTES (256u << 10)
#define LOOK_EVERY_MS 10

/*
 * What both must read and write alike: hashes are of texts. No statement is given up: the move
 * knows its own bounds, and a lock that does not come is somebody else's move.
 */
static const char session_settings[] =
    "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';"
    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_encoding = 'UTF8';"
    "SET standard_conforming_strings = on; SET statement_timeout = 0; SET lock_timeout = '30s';"
    "SET idle_in_transaction_session_timeout = 0; SET synchronous_commit = on; SET jit = off";

/* To be freed. */
static HK_PRINTF(1, 0) char *format_text(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

PGresult *move_query(PGconn *db, const char *format, ...)
{
    PGresult *result;
    va_list args;
    char *sql;

    va_start(args, format);
    sql = format_text(format, args);
    va_end(args);
    result = session_query(db, sql, 0, NULL);
    free(sql);
    return result;
}

bool move_run(PGconn *db, const char *format, ...)
{
    va_list args;
    char *sql;
    bool is_done;

    va_start(args, format);
    sql = format_text(format, args);
    va_end(args);
    is_done = session_run(db, sql, 0, NULL);
    free(sql);
    return is_done;
}

/* Frees the SQL. */
static char *first_value(PGconn *db, char *sql)
{
    PGresult *result = session_query(db, sql, 0, NULL);
    char *text;

    free(sql);
    if (result == NULL)
        return NULL;
    text = strdup(PQntuples(result) == 0 ? "" : PQgetvalue(result, 0, 0));
    if (text == NULL)
        abort();
    PQclear(result);
    return text;
}

char *move_text(PGconn *db, const char *format, ...)
{
    va_list args;
    char *sql;

    va_start(args, format);
    sql = format_text(format, args);
    va_end(args);
    return first_value(db, sql);
}

bool move_number(PGconn *db, int64_t *ret, const char *format, ...)
{
    va_list args;
    char *sql, *text;

    va_start(args, format);
    sql = format_text(format, args);
    va_end(args);
    text = first_value(db, sql);
    if (text == NULL)
        return false;
    *ret = strtoll(text, NULL, 10);
    free(text);
    return true;
}

void move_say(const struct move *move, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_text(format, args);
    va_end(args);
    (void)fprintf(stderr, "hookline: tenant %s: %s\n", move->tenant, text);
    free(text);
}

bool move_must_stop(const struct move *move)
{
    if (interrupt_has_come()) {
        move_say(move, "interrupted");
        return true;
    }
    if (move->held_since_ms != 0 && !move->is_flipped &&
        hk_mono_ms() - move->held_since_ms > (int64_t)move->max_hold_s * 1000) {
        move_say(move, "held for more than %u s", move->max_hold_s);
        return true;
    }
    return false;
}

bool move_wait_for_others(const struct move *move)
{
    char *open = move_text(move->source, "SELECT tenant_move_open_transactions()");
    int64_t n_open = 1;
    bool is_well = open != NULL;

    while (is_well && n_open > 0) {
        is_well = move_number(move->source, &n_open,
                              "SELECT count(*) FROM pg_locks l WHERE l.locktype = 'virtualxid'"
                              " AND l.virtualtransaction = ANY ('%s'::text[])",
                              open);
        if (is_well && n_open > 0) {
            is_well = !move_must_stop(move);
            interrupt_wait(LOOK_EVERY_MS);
        }
    }
    free(open);
    return is_well;
}

void move_roll_back(PGconn *db)
{
    if (PQtransactionStatus(db) != PQTRANS_IDLE)
        PQclear(PQexec(db, "ROLLBACK"));
}

/* ---- connections ---- */

PGconn *move_open(const struct move *move, const struct hk_cell *cell)
{
    PGconn *db = session_open(&cell->config);

    if (db != NULL && session_run(db, session_settings, 0, NULL))
        return db;
    move_say(move, "that was cell %s", cell->name);
    PQfinish(db);
    return NULL;
}

/* `role` keeps the lock of the directory apart from those of cells, which may change places. */
static PGconn *open_alone(const struct move *move, const struct hk_cell *cell, const char *role)
{
    PGconn *db = move_open(move, cell);

    if (db == NULL)
        return NULL;
    if (move_run(db,
                 "SELECT pg_advisory_lock(hashtext('hookline.move.%s.' || current_schema()"
                 " || '.%s'))",
                 role, move->tenant))
        return db;
    move_say(move, "cell %s: is another move of it under way?", cell->name);
    PQfinish(db);
    return NULL;
}

bool move_connect(struct move *move)
{
    if (move->from == NULL) { /* to be found in there */
        move->home = open_alone(move, &move->cells->cells[0], "directory");
        return move->home != NULL;
    }
    move->source = open_alone(move, move->from, "cell");
    move->target = move->source == NULL ? NULL : open_alone(move, move->to, "cell");
    return move->target != NULL;
}

void move_disconnect(struct move *move)
{
    PQfinish(move->home);
    PQfinish(move->source);
    PQfinish(move->target);
}
