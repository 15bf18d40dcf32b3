/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/pool.h - hk/db.h and hk/loop.h as a library, on a database of its own, and a second
 * session that stands in the way: it holds the advisory locks that stmt_wait waits for.
 */
#ifndef SUPPORT_POOL_H
#define SUPPORT_POOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants those before it */
#include <libpq-fe.h>

#include "hk/db.h"
#include "hk/loop.h"
#include "tests/support/pg.h"

#define POOL_WAIT_MS 15000

struct pool {
    char database[PG_NAME_SIZE];
    char url[PG_URL_SIZE];
    struct hk_loop *loop;
    struct hk_db *db;
    PGconn *session;
    unsigned n_notified, n_listening;
    char notified[64]; /* "channel payload" of the last one */
};

/* A query, and what came of it. */
struct ask {
    struct hk_db_query query;
    bool is_in_submit; /* done() may not come now */
    unsigned n_done;
    enum hk_code code;
    bool is_data_error;
    unsigned n_rows;
    char value[256]; /* of the first row and column; "" for NULL */
};

/* For cmocka. The pool is opened by pool_open(). */
int pool_setup(void **state);
int pool_teardown(void **state);

/* The usual: one connection, eight queries may wait, the superuser. */
struct hk_db_options pool_options(struct pool *pool);
void pool_open(struct pool *pool, const struct hk_db_options *options);

/* Submits; HK_OK is followed by done(), some time. Parameters are text, NULL-ended, or NULL. */
enum hk_code pool_submit(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
                         const char *const params[], const struct hk_db_context *context,
                         unsigned timeout_ms);

/* The same of a slow query without parameters, which must be HK_OK. */
void pool_submit_slow(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
                      const struct hk_db_context *context, unsigned timeout_ms);

/* Submits and waits for done(). */
void pool_ask(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
              const char *const params[]);

/* Turns the loop until done() has come; the test fails when it does not, or comes twice. */
void pool_wait_done(struct pool *pool, const struct ask *ask);

/* Turns the loop until the condition holds; the test fails when it does not. */
void pool_wait(struct pool *pool, bool (*condition)(struct pool *pool));
bool pool_is_idle(struct pool *pool); /* a condition: somebody is connected and free */
bool pool_is_down(struct pool *pool); /* a condition: nobody is connected */

/* Turns the loop for so long, whatever happens. */
void pool_turn(struct pool *pool, int milliseconds);

/* ---- the session in the way ---- */

/* Runs SQL in it; the test fails on an error. */
void pool_run(struct pool *pool, const char *sql);

/* Ends all connections of the pool, and waits until the server has. Does not turn the loop. */
void pool_terminate(struct pool *pool);

/* Turns the loop until so many of the pool's backends wait for a lock. */
void pool_wait_blocked(struct pool *pool, long n);

extern const struct hk_stmt stmt_wait; /* waits for advisory lock 1, held by pool_block() */
extern const struct hk_stmt stmt_echo; /* $1 */
void pool_block(struct pool *pool);
void pool_unblock(struct pool *pool);

#define pool_test(fn) cmocka_unit_test_setup_teardown(fn, pool_setup, pool_teardown)

#endif
