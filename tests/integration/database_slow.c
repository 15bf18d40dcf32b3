/* SPDX-License-Identifier: Apache-2.0 */
/* hk/db.h: what slow queries may hold, whose turn it is, and when the server ends one. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/pool.h"

#define TENANT_A "00000000-0000-7000-8000-00000000000a"
#define TENANT_B "00000000-0000-7000-8000-00000000000b"

static const char *const hello[] = {"hello"};
static const struct hk_stmt stmt_timeout = {
    "timeout", "SELECT current_setting('statement_timeout')", 0, "test"};
static const struct hk_stmt stmt_place = {"place", "SELECT nextval('public.place')", 0, "test"};

static struct hk_db_context context_of(const char *tenant_id)
{
    return (struct hk_db_context){
        .tenant_id = hk_str(tenant_id), .actor = HK_STR(""), .request_id = HK_STR("")};
}

static void open_pool(struct pool *pool, unsigned n_connections, unsigned slow_timeout_ms)
{
    struct hk_db_options options = pool_options(pool);

    options.n_connections = n_connections;
    options.max_slow = 1;
    options.slow_timeout_ms = slow_timeout_ms;
    pool_open(pool, &options);
}

static void test_slow_queries_leave_a_connection_to_the_others(void **state)
{
    struct pool *pool = *state;
    struct hk_db_context context = context_of(TENANT_A);
    struct ask slow[3], other;

    open_pool(pool, 2, 0);
    pool_block(pool);
    for (size_t i = 0; i < HK_COUNTOF(slow); i++)
        pool_submit_slow(pool, &slow[i], &stmt_wait, &context, POOL_WAIT_MS);
    pool_wait_blocked(pool, 1);
    pool_ask(pool, &other, &stmt_echo, hello);
    assert_int_equal(other.code, HK_OK);
    assert_int_equal(hk_db_n_slow(pool->db, HK_STR(TENANT_A)), 3);
    assert_int_equal(hk_db_n_slow(pool->db, HK_STR(TENANT_B)), 0);

    hk_db_abandon(&slow[0].query); /* runs on: the next one has to wait */
    hk_db_abandon(&slow[1].query);
    assert_int_equal(hk_db_n_slow(pool->db, HK_STR(TENANT_A)), 2);
    pool_wait_blocked(pool, 1);
    pool_unblock(pool);
    pool_wait_done(pool, &slow[2]);
    assert_int_equal(slow[2].code, HK_OK);
    assert_int_equal(hk_db_n_slow(pool->db, HK_STR(TENANT_A)), 0);
}

static void test_tenants_take_turns(void **state)
{
    struct pool *pool = *state;
    struct hk_db_context a = context_of(TENANT_A), b = context_of(TENANT_B);
    struct ask first, of_a[3], of_b[2];

    pool_run(pool, "CREATE SEQUENCE public.place");
    open_pool(pool, 1, 0);
    pool_block(pool);
    pool_submit_slow(pool, &first, &stmt_wait, &a, POOL_WAIT_MS);
    pool_wait_blocked(pool, 1);
    for (size_t i = 0; i < HK_COUNTOF(of_a); i++)
        pool_submit_slow(pool, &of_a[i], &stmt_place, &a, POOL_WAIT_MS);
    for (size_t i = 0; i < HK_COUNTOF(of_b); i++)
        pool_submit_slow(pool, &of_b[i], &stmt_place, &b, POOL_WAIT_MS);
    pool_unblock(pool);
    pool_wait_done(pool, &of_a[2]);
    assert_string_equal(of_a[0].value, "1");
    assert_string_equal(of_b[0].value, "2");
    assert_string_equal(of_a[1].value, "3");
    assert_string_equal(of_b[1].value, "4");
    assert_string_equal(of_a[2].value, "5");
}

static void test_whose_turn_does_not_come_is_told_that_others_are_before_it(void **state)
{
    struct pool *pool = *state;
    struct hk_db_context context = context_of(TENANT_A);
    struct ask first, second;

    open_pool(pool, 2, 0);
    pool_block(pool);
    pool_submit_slow(pool, &first, &stmt_wait, &context, POOL_WAIT_MS);
    pool_wait_blocked(pool, 1);
    pool_submit_slow(pool, &second, &stmt_timeout, &context, 200);
    pool_wait_done(pool, &second);
    assert_int_equal(second.code, HK_BUSY);
    pool_unblock(pool);
    pool_wait_done(pool, &first);
}

/* The one that is lost takes a while to come back. */
static void test_a_lost_connection_makes_room_at_once(void **state)
{
    struct pool *pool = *state;
    struct hk_db_context context = context_of(TENANT_A);
    struct ask lost, next, other;

    open_pool(pool, 2, 0);
    pool_ask(pool, &other, &stmt_echo, hello);
    pool_block(pool);
    pool_submit_slow(pool, &lost, &stmt_wait, &context, POOL_WAIT_MS);
    pool_submit_slow(pool, &next, &stmt_place, &context, POOL_WAIT_MS);
    pool_run(pool, "CREATE SEQUENCE public.place");
    pool_wait_blocked(pool, 1);
    pool_run(pool, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE application_name = 'hookline-test' AND wait_event_type = 'Lock'");
    pool_wait_done(pool, &lost);
    assert_int_equal(lost.code, HK_DB_UNAVAILABLE);
    assert_int_equal(hk_db_n_slow(pool->db, HK_STR(TENANT_A)), 1);
    assert_int_equal(hk_db_n_idle(pool->db), 0); /* it has been sent on the other one */
    pool_wait_done(pool, &next);
    assert_string_equal(next.value, "1");
    pool_unblock(pool);
}

static void test_the_server_ends_a_slow_query_and_that_one_only(void **state)
{
    struct pool *pool = *state;
    struct hk_db_context context = context_of(TENANT_A);
    struct ask slow, other;

    open_pool(pool, 1, 200);
    pool_block(pool);
    pool_submit_slow(pool, &slow, &stmt_wait, &context, POOL_WAIT_MS);
    pool_wait_done(pool, &slow);
    assert_int_equal(slow.code, HK_SEARCH_TOO_SLOW);
    assert_false(slow.is_data_error);
    pool_ask(pool, &other, &stmt_timeout, NULL);
    assert_string_equal(other.value, "30s");
    pool_submit_slow(pool, &slow, &stmt_timeout, &context, POOL_WAIT_MS);
    pool_wait_done(pool, &slow);
    assert_string_equal(slow.value, "200ms");
    pool_unblock(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(test_slow_queries_leave_a_connection_to_the_others),
        pool_test(test_tenants_take_turns),
        pool_test(test_whose_turn_does_not_come_is_told_that_others_are_before_it),
        pool_test(test_a_lost_connection_makes_room_at_once),
        pool_test(test_the_server_ends_a_slow_query_and_that_one_only),
    };

    return cmocka_run_group_tests_name("database_slow", tests, NULL, NULL);
}
