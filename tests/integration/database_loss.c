/* SPDX-License-Identifier: Apache-2.0 */
/* hk/db.h when the connection is lost, and when the server says: again. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/pool.h"

static const char *const hello[] = {"hello"};

static bool is_notified(struct pool *pool)
{
    return pool->n_notified > 0;
}

static void test_a_query_under_way_fails_and_the_connection_comes_back(void **state)
{
    struct pool *pool = *state;
    struct ask lost, queued;

    pool_open(pool, NULL);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &lost, &stmt_wait, NULL, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &queued, &stmt_echo, hello, NULL, 5000), HK_OK);
    pool_wait_blocked(pool, 1);
    pool_terminate(pool);
    pool_wait_done(pool, &lost);
    assert_int_equal(lost.code, HK_DB_UNAVAILABLE);
    assert_false(lost.is_data_error);
    pool_unblock(pool);
    pool_wait_done(pool, &queued); /* it waited for the new connection */
    assert_int_equal(queued.code, HK_OK);
}

static void test_an_abandoned_query_does_not_come_back_with_the_connection(void **state)
{
    struct pool *pool = *state;
    struct ask abandoned, next;

    pool_open(pool, NULL);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &abandoned, &stmt_wait, NULL, NULL, 5000), HK_OK);
    pool_wait_blocked(pool, 1);
    hk_db_abandon(&abandoned.query);
    pool_terminate(pool);
    pool_unblock(pool);
    pool_ask(pool, &next, &stmt_echo, hello);
    assert_int_equal(abandoned.n_done, 0);
}

/* The loop has not seen yet that the connection is gone: sending fails. */
static void test_a_query_on_a_dead_connection_fails_after_submit_has_returned(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    for (int i = 0; i < 5; i++) {
        pool_wait(pool, pool_is_idle);
        pool_terminate(pool);
        assert_int_equal(pool_submit(pool, &ask, &stmt_echo, hello, NULL, 5000), HK_OK);
        assert_int_equal(ask.n_done, 0);
        pool_wait_done(pool, &ask);
        assert_int_equal(ask.code, HK_DB_UNAVAILABLE);
    }
    pool_ask(pool, &ask, &stmt_echo, hello);
    assert_int_equal(ask.code, HK_OK);
}

static void test_an_idle_connection_that_is_lost_comes_back_unasked(void **state)
{
    struct pool *pool = *state;

    pool_open(pool, NULL);
    pool_wait(pool, pool_is_idle);
    pool_terminate(pool);
    pool_wait(pool, pool_is_down);
    pool_wait(pool, pool_is_idle);
}

static void test_without_a_server_queries_wait_and_time_out(void **state)
{
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);
    struct ask ask;

    options.url = "host=/nowhere dbname=none user=nobody";
    pool_open(pool, &options);
    assert_int_equal(pool_submit(pool, &ask, &stmt_echo, hello, NULL, 300), HK_OK);
    assert_false(hk_db_is_up(pool->db));
    pool_wait_done(pool, &ask);
    assert_int_equal(ask.code, HK_DB_UNAVAILABLE);
    assert_int_equal(hk_db_n_idle(pool->db), 0);
}

static void test_statements_are_prepared_again_on_a_new_connection(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    for (int i = 0; i < 3; i++) {
        pool_ask(pool, &ask, &stmt_echo, hello);
        assert_int_equal(ask.code, HK_OK);
        pool_terminate(pool);
        pool_wait(pool, pool_is_down);
    }
}

/* ---- LISTEN ---- */

static void test_a_pool_listens_and_listens_again_after_a_loss(void **state)
{
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);

    options.listen_channels[0] = "something";
    options.listen_channels[1] = "more";
    pool_open(pool, &options);
    for (unsigned i = 1; i <= 3; i++) {
        pool_wait(pool, pool_is_idle);
        assert_int_equal(pool->n_listening, i);
        pool->n_notified = 0;
        pool_run(pool, "NOTIFY something");
        pool_wait(pool, is_notified);
        assert_string_equal(pool->notified, "something ");
        pool->n_notified = 0;
        pool_run(pool, "NOTIFY more, 'words'");
        pool_wait(pool, is_notified);
        assert_string_equal(pool->notified, "more words");
        pool_terminate(pool);
        pool_wait(pool, pool_is_down);
    }
}

static void test_a_notification_during_a_query_is_not_lost(void **state)
{
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);
    struct ask ask;

    options.listen_channels[0] = "something";
    pool_open(pool, &options);
    for (unsigned i = 1; i <= 20; i++) {
        pool_block(pool);
        assert_int_equal(pool_submit(pool, &ask, &stmt_wait, NULL, NULL, 5000), HK_OK);
        pool_wait_blocked(pool, 1);
        pool->n_notified = 0;
        pool_run(pool, "NOTIFY something");
        pool_unblock(pool);
        pool_wait_done(pool, &ask);
        pool_wait(pool, is_notified);
    }
}

/* ---- again ---- */

static void make_flaky(struct pool *pool, int n_failures, const char *sqlstate)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "CREATE SEQUENCE hookline.tries;"
                   "CREATE FUNCTION hookline.flaky() RETURNS text LANGUAGE plpgsql AS $$"
                   " DECLARE n bigint := nextval('hookline.tries');"
                   " BEGIN IF n <= %d THEN RAISE EXCEPTION 'again' USING ERRCODE = '%s'; END IF;"
                   " RETURN n; END $$",
                   n_failures, sqlstate);
    pool_run(pool, sql);
}

static const struct hk_stmt stmt_flaky = {"flaky", "SELECT flaky()", 0, __FILE__};
static const struct hk_stmt stmt_tries = {"tries", "SELECT last_value FROM tries", 0, __FILE__};

static void test_R_33_a_serialization_failure_is_tried_again(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    make_flaky(pool, 3, "40001");
    pool_open(pool, NULL);
    pool_ask(pool, &ask, &stmt_flaky, NULL);
    assert_int_equal(ask.code, HK_OK);
    assert_string_equal(ask.value, "4");
}

static void test_R_33_after_three_more_tries_it_is_unavailable(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    make_flaky(pool, 1000, "40P01");
    pool_open(pool, NULL);
    pool_ask(pool, &ask, &stmt_flaky, NULL);
    assert_int_equal(ask.code, HK_DB_UNAVAILABLE);
    assert_false(ask.is_data_error);
    pool_ask(pool, &ask, &stmt_tries, NULL);
    assert_string_equal(ask.value, "4");
}

static void test_another_failure_is_not_tried_again(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    make_flaky(pool, 1, "P0001");
    pool_open(pool, NULL);
    pool_ask(pool, &ask, &stmt_flaky, NULL);
    assert_int_equal(ask.code, HK_INTERNAL);
    pool_ask(pool, &ask, &stmt_tries, NULL);
    assert_string_equal(ask.value, "1");
}

static void test_R_33_a_deadlock_is_resolved_and_tried_again(void **state)
{
    static const struct hk_stmt stmt = {
        "both", "SELECT concat(pg_advisory_xact_lock(8), pg_advisory_xact_lock(9), 'both')", 0,
        __FILE__};
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    pool_run(pool, "SET deadlock_timeout = '1min'"); /* the pool's query is the one to give way */
    pool_run(pool, "BEGIN");
    pool_run(pool, "SELECT pg_advisory_xact_lock(9)");
    assert_int_equal(pool_submit(pool, &ask, &stmt, NULL, NULL, 10000), HK_OK);
    pool_wait_blocked(pool, 1);
    pool_run(pool, "SELECT pg_advisory_xact_lock(8)"); /* comes back when the deadlock is found */
    assert_int_equal(ask.n_done, 0);
    pool_turn(pool, 50);
    pool_run(pool, "COMMIT");
    pool_wait_done(pool, &ask);
    assert_int_equal(ask.code, HK_OK);
    assert_string_equal(ask.value, "both");
}

static void test_a_plan_that_a_migration_has_made_stale_is_made_again(void **state)
{
    static const struct hk_stmt stmt = {"stale", "SELECT * FROM stale", 0, __FILE__};
    struct pool *pool = *state;
    struct ask ask;

    pool_run(pool, "CREATE TABLE hookline.stale (a text); INSERT INTO hookline.stale VALUES ('a')");
    pool_open(pool, NULL);
    pool_ask(pool, &ask, &stmt, NULL);
    assert_int_equal(ask.code, HK_OK);
    pool_run(pool, "ALTER TABLE hookline.stale ADD COLUMN b text");
    pool_ask(pool, &ask, &stmt, NULL);
    assert_int_equal(ask.code, HK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(test_a_query_under_way_fails_and_the_connection_comes_back),
        pool_test(test_an_abandoned_query_does_not_come_back_with_the_connection),
        pool_test(test_a_query_on_a_dead_connection_fails_after_submit_has_returned),
        pool_test(test_an_idle_connection_that_is_lost_comes_back_unasked),
        pool_test(test_without_a_server_queries_wait_and_time_out),
        pool_test(test_statements_are_prepared_again_on_a_new_connection),
        pool_test(test_a_pool_listens_and_listens_again_after_a_loss),
        pool_test(test_a_notification_during_a_query_is_not_lost),
        pool_test(test_R_33_a_serialization_failure_is_tried_again),
        pool_test(test_R_33_after_three_more_tries_it_is_unavailable),
        pool_test(test_another_failure_is_not_tried_again),
        pool_test(test_R_33_a_deadlock_is_resolved_and_tried_again),
        pool_test(test_a_plan_that_a_migration_has_made_stale_is_made_again),
    };

    return cmocka_run_group_tests_name("database_loss", tests, NULL, NULL);
}
