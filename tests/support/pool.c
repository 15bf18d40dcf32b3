/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - see pool.h. */
#include "tests/support/pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "tests/support/proc.h"

#define NAME "hookline-test"

const struct hk_stmt stmt_wait = {"wait", "SELECT 'waited' FROM pg_advisory_xact_lock(1)", 0,
                                  __FILE__};
const struct hk_stmt stmt_echo = {"echo", "SELECT $1::text", 1, __FILE__};

int pool_setup(void **state)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    assert_non_null(pool);
    pg_create_database(pool->database);
    pg_url(pool->database, true, pool->url);
    pool->loop = hk_loop_new();
    pool->session = PQconnectdb(pool->url);
    assert_int_equal(PQstatus(pool->session), CONNECTION_OK);
    *state = pool;
    return 0;
}

int pool_teardown(void **state)
{
    struct pool *pool = *state;

    hk_db_free(pool->db);
    hk_loop_free(pool->loop);
    PQfinish(pool->session);
    pg_drop_database(pool->database);
    free(pool);
    return 0;
}

/* ---- the pool ---- */

static void on_notified(void *notified_arg, const char *channel, const char *payload)
{
    struct pool *pool = notified_arg;

    (void)snprintf(pool->notified, sizeof(pool->notified), "%s %s", channel, payload);
    pool->n_notified++;
}

static void on_listening(void *notified_arg)
{
    struct pool *pool = notified_arg;

    pool->n_listening++;
}

struct hk_db_options pool_options(struct pool *pool)
{
    return (struct hk_db_options){
        .url = pool->url,
        .schema = "hookline",
        .name = NAME,
        .n_connections = 1,
        .max_queued = 8,
        .on_notified = on_notified,
        .on_listening = on_listening,
        .notified_arg = pool,
    };
}

void pool_open(struct pool *pool, const struct hk_db_options *options)
{
    struct hk_db_options usual = pool_options(pool);

    pool->db = hk_db_new(pool->loop, options == NULL ? &usual : options);
}

static void on_done(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct ask *ask = HK_CONTAINER_OF(query, struct ask, query);

    if (ask->is_in_submit)
        fail_msg("done() came before hk_db_submit() had returned");
    ask->n_done++;
    ask->code = result->code;
    ask->is_data_error = result->is_data_error;
    ask->n_rows = result->n_rows;
    ask->value[0] = '\0';
    if (result->n_rows > 0) {
        struct hk_str value = hk_db_value(result, 0, 0);

        (void)snprintf(ask->value, sizeof(ask->value), "%.*s", (int)value.n,
                       value.p == NULL ? "" : value.p);
    }
}

static enum hk_code submit(struct pool *pool, struct ask *ask)
{
    enum hk_code code;

    ask->is_in_submit = true;
    code = hk_db_submit(pool->db, &ask->query);
    ask->is_in_submit = false;
    return code;
}

enum hk_code pool_submit(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
                         const char *const params[], const struct hk_db_context *context,
                         unsigned timeout_ms)
{
    *ask = (struct ask){
        .query = {.stmt = stmt, .context = context, .done = on_done, .timeout_ms = timeout_ms}};
    for (unsigned i = 0; i < stmt->n_params; i++)
        ask->query.params[i] = hk_str(params[i]);
    return submit(pool, ask);
}

void pool_submit_slow(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
                      const struct hk_db_context *context, unsigned timeout_ms)
{
    *ask = (struct ask){.query = {.stmt = stmt,
                                  .context = context,
                                  .done = on_done,
                                  .timeout_ms = timeout_ms,
                                  .is_slow = true}};
    assert_int_equal(submit(pool, ask), HK_OK);
}

void pool_ask(struct pool *pool, struct ask *ask, const struct hk_stmt *stmt,
              const char *const params[])
{
    assert_int_equal(pool_submit(pool, ask, stmt, params, NULL, POOL_WAIT_MS), HK_OK);
    pool_wait_done(pool, ask);
}

/* ---- waiting ---- */

void pool_wait_done(struct pool *pool, const struct ask *ask)
{
    int64_t until_ms = hk_mono_ms() + POOL_WAIT_MS;

    while (ask->n_done == 0 && hk_mono_ms() < until_ms)
        hk_loop_turn(pool->loop, 50);
    if (ask->n_done != 1)
        fail_msg("done() of %s came %u times", ask->query.stmt->name, ask->n_done);
    assert_null(ask->query.slot);
}

void pool_wait(struct pool *pool, bool (*condition)(struct pool *pool))
{
    int64_t until_ms = hk_mono_ms() + POOL_WAIT_MS;

    while (!condition(pool) && hk_mono_ms() < until_ms)
        hk_loop_turn(pool->loop, 20);
    assert_true(condition(pool));
}

bool pool_is_idle(struct pool *pool)
{
    return hk_db_n_idle(pool->db) > 0;
}

bool pool_is_down(struct pool *pool)
{
    return !hk_db_is_up(pool->db);
}

void pool_turn(struct pool *pool, int milliseconds)
{
    int64_t until_ms = hk_mono_ms() + milliseconds;

    while (hk_mono_ms() < until_ms)
        hk_loop_turn(pool->loop, 10);
}

/* ---- the session in the way ---- */

static long ask_session(struct pool *pool, const char *sql)
{
    PGresult *result = PQexec(pool->session, sql);
    long number;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pool->session));
    number = PQntuples(result) == 0 ? 0 : strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

void pool_run(struct pool *pool, const char *sql)
{
    PGresult *result = PQexec(pool->session, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pool->session));
    PQclear(result);
}

#define BACKENDS                                                                                   \
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = '" NAME "'"

/* Within a transaction, what was seen once would stay as it was. */
static long count_backends(struct pool *pool, const char *sql)
{
    pool_run(pool, "SELECT pg_stat_clear_snapshot()");
    return ask_session(pool, sql);
}

void pool_terminate(struct pool *pool)
{
    int64_t until_ms = hk_mono_ms() + POOL_WAIT_MS;

    (void)count_backends(pool, "SELECT count(pg_terminate_backend(pid)) " BACKENDS);
    while (count_backends(pool, "SELECT count(*) " BACKENDS) > 0 && hk_mono_ms() < until_ms)
        proc_pause(5);
}

void pool_wait_blocked(struct pool *pool, long n)
{
    int64_t until_ms = hk_mono_ms() + POOL_WAIT_MS;
    long n_blocked = -1;

    while (n_blocked != n && hk_mono_ms() < until_ms) {
        hk_loop_turn(pool->loop, 5);
        n_blocked =
            count_backends(pool, "SELECT count(*) " BACKENDS " AND wait_event_type = 'Lock'");
    }
    assert_int_equal(n_blocked, n);
}

void pool_block(struct pool *pool)
{
    (void)ask_session(pool, "SELECT 1 FROM pg_advisory_lock(1)");
}

void pool_unblock(struct pool *pool)
{
    (void)ask_session(pool, "SELECT 1 FROM pg_advisory_unlock(1)");
}
