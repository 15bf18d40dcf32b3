/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_connection.h - one libpq connection of a pool; private to lib/db*.c.
 *
 * States: DOWN (a timer leads to the next try) -> CONNECTING -> SETUP (LISTEN) -> IDLE <-> BUSY;
 * any failure leads to DOWN. In a transaction of several queries done() decides while the state is
 * OFFERED: back to BUSY with the next query, or with a ROLLBACK that has no slot.
 */
#ifndef LIB_DB_CONNECTION_H
#define LIB_DB_CONNECTION_H

#include <libpq-fe.h>

#include "hk/db.h"
#include "hk/loop.h"

#include "db_address.h"

enum { DB_MAX_PREPARED = 320, DB_MAX_STEPS = 7 };

enum db_state { DB_DOWN, DB_CONNECTING, DB_SETUP, DB_IDLE, DB_BUSY, DB_OFFERED };

/* What was put into the pipeline, in order: each comes back with one result. */
enum db_step {
    STEP_BEGIN,
    STEP_PREPARE_CONTEXT,
    STEP_SET_CONTEXT,
    STEP_SET_TIMEOUT,
    STEP_PREPARE,
    STEP_EXECUTE,
    STEP_END, /* COMMIT or ROLLBACK */
};

/* A submitted query. Owned by the pool's queue, then by the connection that runs it. */
struct db_slot {
    struct hk_db_query *query; /* NULL once abandoned or timed out */
    struct hk_db *db;
    struct db_connection *connection; /* NULL while queued */
    struct db_slot *previous, *next;  /* in the queue */
    struct hk_timer timeout;
    unsigned n_tries;
    bool is_slow;
    uint64_t turn; /* of a slow one: the lowest runs first */
    char tenant_id[HK_ID_TEXT_SIZE];
};

struct db_connection {
    struct hk_db *db;
    PGconn *pg;
    struct db_address *address; /* of CONNECTING: its names are being looked up; else NULL */
    enum db_state state;
    struct hk_watch watch;
    struct hk_timer timer; /* of CONNECTING and SETUP: give up; of DOWN: try again */
    unsigned n_failures;   /* since the last success */

    const struct hk_stmt *prepared[DB_MAX_PREPARED];
    unsigned n_prepared;

    struct db_slot *slot;       /* BUSY */
    const struct hk_stmt *stmt; /* of `slot`, which may have been abandoned */
    enum db_step steps[DB_MAX_STEPS];
    unsigned n_steps, step;
    PGresult *rows;   /* of STEP_EXECUTE */
    char sqlstate[6]; /* of the first failure; "" while there is none */

    bool is_open;      /* a transaction of several queries has begun and not ended */
    bool is_continued; /* the query under way is not its first */
};

struct hk_db {
    struct hk_loop *loop;
    struct hk_db_options options; /* strings are our own copies */
    char *connect_options;        /* libpq's "options" */
    struct db_connection *connections;
    struct db_slot queue; /* head of the ring */
    unsigned n_queued;
    uint64_t turn; /* of the slow query that ran last */
};

/* Starts connecting; never fails in place: the state becomes DOWN with a timer instead. */
void db_connection_start(struct db_connection *connection);

/* db_dial.c: begins to connect; db_connection_dialed() goes on, or db_connection_fail(). */
void db_dial(struct db_connection *connection);
void db_connection_dialed(struct db_connection *connection);

/* Closes without telling anybody. */
void db_connection_close(struct db_connection *connection);

/* Sends the slot's query. The connection is IDLE, or OFFERED with this slot; afterwards BUSY. */
void db_connection_send(struct db_connection *connection, struct db_slot *slot);

/* Closes, hands the slot under way to db_slot_failed() and tries again later. */
void db_connection_fail(struct db_connection *connection, const char *why);

/* The statement that sets a query's context: (tenant_id, actor, request_id, sees_all). */
const struct hk_stmt *db_context_stmt(const struct hk_db *db);

/* Implemented by db.c. */
void db_dispatch(struct hk_db *db); /* gives queued slots to idle connections */
void db_slot_requeue(struct db_slot *slot);
void db_slot_finish(struct db_slot *slot, const struct hk_db_result *result); /* frees the slot */

#endif
