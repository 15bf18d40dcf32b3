/* SPDX-License-Identifier: Apache-2.0 */
/* hk/db.h as it promises: queries, queue, context, errors. Losing the connection: database_loss.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "tests/support/pool.h"

#define TENANT "019ab3f5-20d0-7001-8c1d-2f7a90b3c4d5"

static const char *const hello[] = {"hello"};

/* ---- done() ---- */

static void test_done_comes_exactly_once_and_never_before_submit_returns(void **state)
{
    struct pool *pool = *state;
    struct ask early, asks[5];

    pool_open(pool, NULL);
    assert_int_equal(pool_submit(pool, &early, &stmt_echo, hello, NULL, 5000), HK_OK);
    pool_wait_done(pool, &early); /* submitted before the connection was there */
    assert_string_equal(early.value, "hello");
    for (size_t i = 0; i < HK_COUNTOF(asks); i++)
        assert_int_equal(pool_submit(pool, &asks[i], &stmt_echo, hello, NULL, 5000), HK_OK);
    pool_turn(pool, 100);
    for (size_t i = 0; i < HK_COUNTOF(asks); i++) {
        assert_int_equal(asks[i].n_done, 1);
        assert_int_equal(asks[i].code, HK_OK);
    }
}

struct chain {
    struct pool *pool;
    struct hk_db_query query;
    unsigned n_left;
};

static void on_link(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct chain *chain = HK_CONTAINER_OF(query, struct chain, query);

    assert_int_equal(result->code, HK_OK);
    if (--chain->n_left > 0)
        assert_int_equal(hk_db_submit(chain->pool->db, query), HK_OK);
    assert_string_equal(hk_db_value(result, 0, 0).p, "hello"); /* valid until we return */
}

static void test_done_may_submit_its_own_query_again(void **state)
{
    struct pool *pool = *state;
    struct chain chain = {.pool = pool, .n_left = 100};

    pool_open(pool, NULL);
    chain.query = (struct hk_db_query){
        .stmt = &stmt_echo, .params = {HK_STR("hello")}, .done = on_link, .timeout_ms = 5000};
    assert_int_equal(hk_db_submit(pool->db, &chain.query), HK_OK);
    for (int i = 0; i < 1000 && chain.n_left > 0; i++)
        hk_loop_turn(pool->loop, 20);
    assert_int_equal(chain.n_left, 0);
}

static void test_freeing_the_pool_calls_nobody(void **state)
{
    struct pool *pool = *state;
    struct ask running, queued;

    pool_open(pool, NULL);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &running, &stmt_wait, NULL, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &queued, &stmt_echo, hello, NULL, 5000), HK_OK);
    pool_wait_blocked(pool, 1);
    hk_db_free(pool->db);
    assert_null(running.query.slot);
    assert_null(queued.query.slot);
    pool_open(pool, NULL);
    pool_unblock(pool);
    pool_ask(pool, &queued, &stmt_echo, hello);
    assert_int_equal(running.n_done, 0);
}

/* ---- abandon ---- */

static struct ask *submit_new(struct pool *pool, const struct hk_stmt *stmt)
{
    struct ask *ask = malloc(sizeof(*ask));

    assert_non_null(ask);
    assert_int_equal(pool_submit(pool, ask, stmt, hello, NULL, 5000), HK_OK);
    return ask;
}

static void test_a_queued_query_can_be_abandoned_and_freed(void **state)
{
    struct pool *pool = *state;
    struct ask running, last, *queued;

    pool_open(pool, NULL);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &running, &stmt_wait, NULL, NULL, 5000), HK_OK);
    queued = submit_new(pool, &stmt_echo);
    assert_int_equal(pool_submit(pool, &last, &stmt_echo, hello, NULL, 5000), HK_OK);
    hk_db_abandon(&queued->query);
    hk_db_abandon(&queued->query); /* no-op */
    free(queued);
    pool_unblock(pool);
    pool_wait_done(pool, &running);
    pool_wait_done(pool, &last);
}

static void test_a_query_in_flight_can_be_abandoned_and_freed(void **state)
{
    struct pool *pool = *state;
    struct ask *running, next;

    pool_open(pool, NULL);
    pool_block(pool);
    running = submit_new(pool, &stmt_wait);
    pool_wait_blocked(pool, 1);
    hk_db_abandon(&running->query);
    free(running);
    assert_int_equal(pool_submit(pool, &next, &stmt_echo, hello, NULL, 5000), HK_OK);
    pool_unblock(pool);
    pool_wait_done(pool, &next);
    assert_string_equal(next.value, "hello");
}

/* ---- the queue and time ---- */

static void test_a_full_queue_is_busy(void **state)
{
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);
    struct ask running, queued[2], refused;

    options.max_queued = 2;
    pool_open(pool, &options);
    pool_wait(pool, pool_is_idle);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &running, &stmt_wait, NULL, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &queued[0], &stmt_echo, hello, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &queued[1], &stmt_echo, hello, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &refused, &stmt_echo, hello, NULL, 5000), HK_BUSY);
    pool_unblock(pool);
    pool_wait_done(pool, &queued[1]);
    pool_turn(pool, 50);
    assert_int_equal(refused.n_done, 0);
    pool_ask(pool, &refused, &stmt_echo, hello);
}

static void test_a_query_that_takes_too_long_ends_and_the_connection_comes_back(void **state)
{
    struct pool *pool = *state;
    struct ask slow, next;
    int64_t start_ms;

    pool_open(pool, NULL);
    pool_wait(pool, pool_is_idle);
    pool_block(pool);
    start_ms = hk_mono_ms();
    assert_int_equal(pool_submit(pool, &slow, &stmt_wait, NULL, NULL, 200), HK_OK);
    pool_wait_done(pool, &slow);
    assert_int_equal(slow.code, HK_DB_UNAVAILABLE);
    assert_in_range(hk_mono_ms() - start_ms, 200, 2000);
    pool_unblock(pool);
    pool_ask(pool, &next, &stmt_echo, hello);
    assert_int_equal(next.code, HK_OK);
}

static void test_time_in_the_queue_counts(void **state)
{
    struct pool *pool = *state;
    struct ask running, queued;

    pool_open(pool, NULL);
    pool_block(pool);
    assert_int_equal(pool_submit(pool, &running, &stmt_wait, NULL, NULL, 5000), HK_OK);
    assert_int_equal(pool_submit(pool, &queued, &stmt_echo, hello, NULL, 100), HK_OK);
    pool_wait_done(pool, &queued);
    assert_int_equal(queued.code, HK_DB_UNAVAILABLE);
    assert_int_equal(running.n_done, 0);
    pool_unblock(pool);
    pool_wait_done(pool, &running);
    assert_int_equal(running.code, HK_OK);
}

static void test_large_parameters_and_results_go_through(void **state)
{
    static const struct hk_stmt stmt = {"large", "SELECT $1::text || $1::text", 1, __FILE__};
    enum { N = 6 << 20 };
    struct pool *pool = *state;
    char *text = malloc(N + 1);
    struct ask ask;

    assert_non_null(text);
    memset(text, 'a', N);
    text[N] = '\0';
    pool_open(pool, NULL);
    for (int i = 0; i < 3; i++) {
        pool_ask(pool, &ask, &stmt, (const char *const[]){text});
        assert_int_equal(ask.code, HK_OK);
        assert_int_equal(ask.n_rows, 1);
    }
    free(text);
}

/* ---- context ---- */

static const struct hk_stmt stmt_context = {
    "context",
    "SELECT concat_ws('|', coalesce(current_setting('hookline.tenant_id', true), ''),"
    " current_setting('hookline.actor', true), current_setting('hookline.request_id', true))",
    0, __FILE__};
static const struct hk_stmt stmt_fail = {"fail", "SELECT 1 / $1::integer", 1, __FILE__};
static const struct hk_db_context context = {
    .tenant_id = HK_STR(TENANT), .actor = HK_STR("key"), .request_id = HK_STR("request")};

static void test_the_context_is_set_for_its_transaction_and_never_leaks(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pool_submit(pool, &ask, &stmt_context, NULL, &context, 5000), HK_OK);
        pool_wait_done(pool, &ask);
        assert_string_equal(ask.value, TENANT "|key|request");
        pool_ask(pool, &ask, &stmt_context, NULL);
        assert_string_equal(ask.value, "||");
    }
}

static void test_the_context_of_a_query_that_failed_does_not_leak(void **state)
{
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    assert_int_equal(
        pool_submit(pool, &ask, &stmt_fail, (const char *const[]){"0"}, &context, 5000), HK_OK);
    pool_wait_done(pool, &ask);
    assert_int_equal(ask.code, HK_INTERNAL);
    pool_ask(pool, &ask, &stmt_context, NULL);
    assert_string_equal(ask.value, "||");
}

static void test_a_query_sees_what_its_context_may_see(void **state)
{
    static const struct hk_stmt stmt = {"keys", "SELECT count(*) FROM api_key", 0, __FILE__};
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);
    struct ask ask;

    pool_run(pool, "INSERT INTO hookline.tenant (tenant_id, name) VALUES ('" TENANT "', 't');"
                   "INSERT INTO hookline.api_key (tenant_id, name, role, key_sha256, hint)"
                   " VALUES ('" TENANT "', 'k', 'admin', 'x', 'x')");
    options.user = "hookline_api";
    pool_open(pool, &options);
    assert_int_equal(pool_submit(pool, &ask, &stmt, NULL, &context, 5000), HK_OK);
    pool_wait_done(pool, &ask);
    assert_string_equal(ask.value, "1");
    pool_ask(pool, &ask, &stmt, NULL);
    assert_string_equal(ask.value, "0");
}

static void test_a_pool_takes_on_its_role(void **state)
{
    static const struct hk_stmt stmt = {
        "role", "SELECT session_user || ' ' || current_user || ' ' || current_schema()", 0,
        __FILE__};
    struct pool *pool = *state;
    struct hk_db_options options = pool_options(pool);
    struct ask ask;

    options.user = "hookline_api";
    options.role = "hookline_ingest";
    pool_open(pool, &options);
    pool_ask(pool, &ask, &stmt, NULL);
    assert_string_equal(ask.value, "hookline_api hookline_ingest hookline");
}

/* ---- errors ---- */

static void test_what_failed_for_its_data_is_told_apart(void **state)
{
    static const struct hk_stmt twice = {
        "twice", "INSERT INTO tenant (tenant_id, name) VALUES ($1::uuid, 't') RETURNING 1", 1,
        __FILE__};
    static const struct hk_stmt wrong = {"wrong", "SELECT no_such_column", 0, __FILE__};
    static const char *const tenant[] = {TENANT};
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    pool_ask(pool, &ask, &stmt_fail, (const char *const[]){"0"}); /* 22012 */
    assert_true(ask.code == HK_INTERNAL && ask.is_data_error && ask.n_rows == 0);
    pool_ask(pool, &ask, &stmt_fail, (const char *const[]){"none"}); /* 22P02, at Bind */
    assert_true(ask.code == HK_INTERNAL && ask.is_data_error);
    pool_ask(pool, &ask, &twice, tenant);
    assert_int_equal(ask.code, HK_OK);
    pool_ask(pool, &ask, &twice, tenant); /* 23505 */
    assert_true(ask.code == HK_CONFLICT && ask.is_data_error);
    pool_ask(pool, &ask, &wrong, NULL); /* 42703, at Prepare */
    assert_true(ask.code == HK_INTERNAL && !ask.is_data_error);
    pool_ask(pool, &ask, &stmt_echo, hello);
    assert_int_equal(ask.code, HK_OK);
}

static void test_a_statement_is_prepared_once_and_survives_failures(void **state)
{
    static const struct hk_stmt count = {
        "count", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'fail'", 0, __FILE__};
    struct pool *pool = *state;
    struct ask ask;

    pool_open(pool, NULL);
    for (int i = 0; i < 3; i++) {
        pool_ask(pool, &ask, &stmt_fail, (const char *const[]){"0"});
        assert_int_equal(ask.code, HK_INTERNAL);
        pool_ask(pool, &ask, &stmt_fail, (const char *const[]){"1"});
        assert_int_equal(ask.code, HK_OK);
    }
    pool_ask(pool, &ask, &count, NULL);
    assert_string_equal(ask.value, "1");
}

static void on_numbers(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct ask *ask = HK_CONTAINER_OF(query, struct ask, query);
    struct hk_id id = hk_db_id(result, 0, 4);

    ask->n_done++;
    assert_int_equal(result->code, HK_OK);
    assert_true(hk_db_int(result, 0, 0) == -2);
    assert_true(hk_db_int(result, 0, 1) == -70000);
    assert_true(hk_db_int(result, 0, 2) == INT64_MIN);
    assert_true(hk_db_int(result, 0, 3) == 0);
    assert_null(hk_db_value(result, 0, 3).p);
    assert_int_equal(id.bytes[0], 0x01);
    assert_int_equal(id.bytes[15], 0xd5);
}

static void test_binary_results_are_numbers_and_ids(void **state)
{
    static const struct hk_stmt stmt = {
        "numbers",
        "SELECT (-2)::int2, (-70000)::int4, (-9223372036854775808)::int8, NULL::int8,"
        " '" TENANT "'::uuid",
        0, __FILE__};
    struct pool *pool = *state;
    struct ask ask = {
        .query = {
            .stmt = &stmt, .wants_binary_result = true, .done = on_numbers, .timeout_ms = 5000}};

    pool_open(pool, NULL);
    assert_int_equal(hk_db_submit(pool->db, &ask.query), HK_OK);
    pool_wait_done(pool, &ask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(test_done_comes_exactly_once_and_never_before_submit_returns),
        pool_test(test_done_may_submit_its_own_query_again),
        pool_test(test_freeing_the_pool_calls_nobody),
        pool_test(test_a_queued_query_can_be_abandoned_and_freed),
        pool_test(test_a_query_in_flight_can_be_abandoned_and_freed),
        pool_test(test_a_full_queue_is_busy),
        pool_test(test_a_query_that_takes_too_long_ends_and_the_connection_comes_back),
        pool_test(test_time_in_the_queue_counts),
        pool_test(test_large_parameters_and_results_go_through),
        pool_test(test_the_context_is_set_for_its_transaction_and_never_leaks),
        pool_test(test_the_context_of_a_query_that_failed_does_not_leak),
        pool_test(test_a_query_sees_what_its_context_may_see),
        pool_test(test_a_pool_takes_on_its_role),
        pool_test(test_what_failed_for_its_data_is_told_apart),
        pool_test(test_a_statement_is_prepared_once_and_survives_failures),
        pool_test(test_binary_results_are_numbers_and_ids),
    };

    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
