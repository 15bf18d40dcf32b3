/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/move.h - the parts of `hookline tenants move`: docs/adr/0041-moving-a-tenant.md.
 *
 *     tenants.c     what was asked for, and the steps in their order
 *     move_begin.c  what must be true before; what says that a move is under way
 *     move_copy.c   rows from one database to the other
 *     move_hold.c   the tenant is written by nobody: the rest, and the flip
 *     move_end.c    nothing is left where the tenant was, or was to be
 *     move.c        what they share
 *
 * Functions say on stderr why they return false. All state is in the databases.
 */
#ifndef API_CLI_MOVE_H
#define API_CLI_MOVE_H

#include <libpq-fe.h>

#include "hk/cells.h"
#include "hk/id.h"
#include "hk/vault.h"

/* A table that has rows of tenants. Lists of columns are SQL, with commas. */
struct move_table {
    char *name, *columns, *key;
    char *key_literal; /* SQL that writes a row's key as SQL, without the brackets */
    char *join;        /* "x.a = s.a AND x.b = s.b", of the key */
    char *assignments; /* "c = excluded.c, ...", of the others; "": there are none */
    bool stands_alone, is_binary;
    bool is_live; /* copied while it changes; else as a whole while the tenant is held */
};

struct move {
    const struct hk_cells *cells;
    const struct hk_vault *vault; /* NULL: to abort, which needs no keys */
    char tenant[HK_ID_TEXT_SIZE];
    unsigned max_hold_s;
    const struct hk_cell *from, *to;
    PGconn *home, *source, *target;
    struct move_table *tables; /* parents first */
    unsigned n_tables;
    int64_t n_rows;        /* copied by this run */
    bool is_announced;     /* the directory says that it is on its way there */
    bool has_arrival;      /* an earlier run has been in the target */
    bool is_flipped;       /* the tenant lives in the target: what is left is move_finish() */
    int64_t held_since_ms; /* of hk_mono_ms(); 0: not held by this run */
};

/* ---- move.c ---- */

/* What SQL answers; the caller clears it. printf's arguments. */
PGresult *move_query(PGconn *db, const char *format, ...) HK_PRINTF(2, 3);
HK_NODISCARD bool move_run(PGconn *db, const char *format, ...) HK_PRINTF(2, 3);
/* The first value, "" for none, to be freed; NULL on failure. */
char *move_text(PGconn *db, const char *format, ...) HK_PRINTF(2, 3);
HK_NODISCARD bool move_number(PGconn *db, int64_t *ret, const char *format, ...) HK_PRINTF(3, 4);
/* Ends a transaction that has failed, if there is one. */
void move_roll_back(PGconn *db);
/* Says something on stderr, behind the tenant's id. */
void move_say(const struct move *move, const char *format, ...) HK_PRINTF(2, 3);
/* Says it has come to an end, because of a signal or because the hold takes too long. */
bool move_must_stop(const struct move *move);
/* Waits until those transactions of API and workers are over that are open in the source now. */
HK_NODISCARD bool move_wait_for_others(const struct move *move);
/* A connection to a cell, as its owner; NULL on failure. */
PGconn *move_open(const struct move *move, const struct hk_cell *cell);
/* Connections, closed by move_disconnect(); whoever has them is alone with this tenant. */
HK_NODISCARD bool move_connect(struct move *move);
void move_disconnect(struct move *move);

/* ---- move_begin.c ---- */

/* Where the tenant is, and whether it can go. Sets `from` (NULL: it is there) and `is_flipped`. */
HK_NODISCARD bool move_find(struct move *move);
/* Whether a run of before has been in the target, and has flipped. */
HK_NODISCARD bool move_recognize(struct move *move);
HK_NODISCARD bool move_check(struct move *move);
HK_NODISCARD bool move_read_tables(struct move *move);
HK_NODISCARD bool move_announce(struct move *move);
/* Which tables are live; what the target needs to take them. */
HK_NODISCARD bool move_choose_live(struct move *move);
HK_NODISCARD bool move_make_partitions(struct move *move);
void move_free_tables(struct move *move);

/* ---- move_copy.c ---- */

/* All live tables, slice by slice, from where the last run came to. */
HK_NODISCARD bool move_copy_all(struct move *move);
/* What has changed in them since; rounds, until one of them is short. */
HK_NODISCARD bool move_catch_up(struct move *move);
/* The source is in a transaction with one snapshot, and nobody writes the tenant. */
HK_NODISCARD bool move_copy_rest(struct move *move);

/* ---- move_hold.c ---- */

/* Holds, copies the rest, flips; gives the tenant back when that cannot be done. */
HK_NODISCARD bool move_hold_and_flip(struct move *move);
HK_NODISCARD bool move_give_back(struct move *move);

/* ---- move_end.c ---- */

/* The directory, then the source: nothing is left of the tenant but its fence. */
HK_NODISCARD bool move_finish(struct move *move);
/* Nothing is left of it in the target, and all is as if nothing had been. */
HK_NODISCARD bool move_abort(struct move *move);

#endif
