/* SPDX-License-Identifier: Apache-2.0 */
/* hk/db.h: several statements in one transaction, as it promises. */
#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "tests/support/pool.h"

static const struct hk_stmt stmt_note = {
    "note", "INSERT INTO note (text) VALUES ($1) RETURNING text", 1, "test"};
static const struct hk_stmt stmt_who = {
    "who", "SELECT current_setting('hookline.actor', true) || txid_current_if_assigned()", 0,
    "test"};
static const struct hk_stmt stmt_raise = {"raise", "SELECT raise_with($1)", 1, "test"};

enum { MAX_STEPS = 4 };

/* A transaction: done() of a step goes on with the next one. */
struct story {
    struct pool *pool;
    struct hk_db_query query;
    struct {
        const struct hk_stmt *stmt;
        const char *param;
        const struct hk_db_context *context;
    } steps[MAX_STEPS];
    unsigned n_steps;
    unsigned stops_after; /* done() of this step does not go on; 0: all do */
    unsigned n_done;
    enum hk_code code;
    char value[256];
};

static void prepare_step(struct story *story, unsigned i)
{
    story->query = (struct hk_db_query){
        .stmt = story->steps[i].stmt,
        .params = {hk_str(story->steps[i].param)},
        .context = story->steps[i].context,
        .done = story->query.done,
        .timeout_ms = story->query.timeout_ms,
        .goes_on = i + 1 < story->n_steps,
    };
}

static void on_step(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct story *story = HK_CONTAINER_OF(query, struct story, query);
    unsigned n_done;

    story->n_done++;
    story->code = result->code;
    if (result->n_rows > 0)
        (void)snprintf(story->value, sizeof(story->value), "%s", hk_db_value(result, 0, 0).p);
    assert_int_equal(result->transaction != NULL,
                     result->code == HK_OK && story->n_done < story->n_steps);
    if (result->transaction == NULL || story->n_done == story->stops_after)
        return;
    prepare_step(story, story->n_done);
    n_done = story->n_done;
    hk_db_continue(result, &story->query);
    assert_int_equal(story->n_done, n_done); /* never before it returns */
}

static void start(struct story *story, unsigned timeout_ms)
{
    story->query.done = on_step;
    story->query.timeout_ms = timeout_ms;
    prepare_step(story, 0);
    assert_int_equal(hk_db_submit(story->pool->db, &story->query), HK_OK);
}

/* Turns the loop until so many done() have come. */
static void wait_steps(struct story *story, unsigned n)
{
    int64_t until_ms = hk_mono_ms() + POOL_WAIT_MS;

    while (story->n_done < n && hk_mono_ms() < until_ms)
        hk_loop_turn(story->pool->loop, 20);
    assert_int_equal(story->n_done, n);
}

static long count_notes(struct pool *pool)
{
    PGresult *result = PQexec(pool->session, "SELECT count(*) FROM note");
    long n;

    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    n = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return n;
}

static struct pool *open_with_notes(void **state)
{
    struct pool *pool = *state;

    pool_run(pool, "CREATE TABLE note (text text)");
    pool_run(pool, "CREATE FUNCTION raise_with(code text) RETURNS text LANGUAGE plpgsql AS"
                   " 'BEGIN RAISE EXCEPTION USING errcode = code; END'");
    pool_open(pool, NULL);
    pool_wait(pool, pool_is_idle);
    return pool;
}

static struct story two_notes(struct pool *pool)
{
    return (struct story){.pool = pool,
                          .n_steps = 2,
                          .steps = {{&stmt_note, "one", NULL}, {&stmt_note, "two", NULL}}};
}

/* The connection is as good as new, and nobody waits for it. */
static void assert_usable(struct pool *pool)
{
    static const char *const hello[] = {"hello"};
    struct ask ask;

    pool_ask(pool, &ask, &stmt_echo, hello);
    assert_int_equal(ask.code, HK_OK);
}

static void test_all_of_it_is_committed_before_the_last_done(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    start(&story, 5000);
    wait_steps(&story, 2);
    assert_int_equal(story.code, HK_OK);
    assert_string_equal(story.value, "two");
    assert_int_equal(count_notes(pool), 2);
    assert_usable(pool);
}

static void test_nobody_sees_it_before(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    story.n_steps = 3;
    story.steps[1].stmt = &stmt_wait;
    story.steps[2].stmt = &stmt_note;
    story.steps[2].param = "two";
    pool_block(pool);
    start(&story, 5000);
    wait_steps(&story, 1);
    pool_wait_blocked(pool, 1);
    assert_int_equal(count_notes(pool), 0);
    pool_unblock(pool);
    wait_steps(&story, 3);
    assert_int_equal(count_notes(pool), 2);
}

static void test_who_does_not_go_on_rolls_back(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    for (unsigned i = 0; i < 3; i++) {
        story.stops_after = 1;
        story.n_done = 0;
        start(&story, 5000);
        wait_steps(&story, 1);
        assert_null(story.query.slot);
    }
    assert_usable(pool);
    assert_int_equal(count_notes(pool), 0);
    story.stops_after = 0;
    story.n_done = 0;
    start(&story, 5000);
    wait_steps(&story, 2);
    assert_int_equal(count_notes(pool), 2);
}

static void test_a_failure_rolls_all_of_it_back(void **state)
{
    static const struct {
        const char *sqlstate;
        enum hk_code code;
    } failures[] = {{"22012", HK_INTERNAL},
                    {"23505", HK_CONFLICT},
                    {"40001", HK_DB_UNAVAILABLE}, /* not tried again: the first statement is done */
                    {"55P03", HK_DB_UNAVAILABLE}};
    struct pool *pool = open_with_notes(state);

    for (size_t i = 0; i < HK_COUNTOF(failures); i++) {
        struct story story = two_notes(pool);

        story.n_steps = i % 2 == 0 ? 2 : 3; /* with the commit behind it, and without */
        story.steps[1].stmt = &stmt_raise;
        story.steps[1].param = failures[i].sqlstate;
        start(&story, 5000);
        wait_steps(&story, 2);
        assert_int_equal(story.code, failures[i].code);
        assert_usable(pool);
        assert_int_equal(story.n_done, 2);
    }
    assert_int_equal(count_notes(pool), 0);
}

static void test_a_failure_of_the_first_statement_ends_it(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    story.steps[0].stmt = &stmt_raise;
    story.steps[0].param = "22012";
    start(&story, 5000);
    wait_steps(&story, 1);
    assert_int_equal(story.code, HK_INTERNAL);
    assert_usable(pool);
    assert_int_equal(count_notes(pool), 0);
}

static void test_a_failed_commit_is_a_failure(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    pool_run(pool,
             "ALTER TABLE note ADD CONSTRAINT once UNIQUE (text) DEFERRABLE INITIALLY DEFERRED");
    story.steps[1].param = "one";
    start(&story, 5000);
    wait_steps(&story, 2);
    assert_int_equal(story.code, HK_CONFLICT);
    assert_int_equal(count_notes(pool), 0);
    assert_usable(pool);
}

/* Abandoned while its i-th statement waits: nothing is left of it, its memory is not touched. */
static void abandon_at(struct pool *pool, unsigned i)
{
    struct story *story = malloc(sizeof(*story));

    assert_non_null(story);
    *story = two_notes(pool);
    story->n_steps = 3;
    story->steps[2] = story->steps[1];
    story->steps[i].stmt = &stmt_wait;
    pool_block(pool);
    start(story, 5000);
    pool_wait_blocked(pool, 1);
    hk_db_abandon(&story->query);
    free(story);
    pool_unblock(pool);
    assert_usable(pool);
    assert_int_equal(count_notes(pool), 0);
}

static void test_abandoned_in_the_middle_it_is_rolled_back(void **state)
{
    struct pool *pool = open_with_notes(state);

    abandon_at(pool, 0);
    abandon_at(pool, 1);
}

static void test_the_timeout_is_for_the_whole(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);
    int64_t started_ms = hk_mono_ms();

    story.n_steps = 3;
    story.steps[1].stmt = &stmt_wait;
    story.steps[2].stmt = &stmt_note;
    story.steps[2].param = "two";
    pool_block(pool);
    start(&story, 300);
    wait_steps(&story, 2);
    assert_int_equal(story.code, HK_DB_UNAVAILABLE);
    assert_in_range(hk_mono_ms() - started_ms, 290, 5000);
    pool_unblock(pool);
    assert_usable(pool);
    assert_int_equal(count_notes(pool), 0);
}

static void test_a_lost_connection_fails_it(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story story = two_notes(pool);

    story.steps[1].stmt = &stmt_wait;
    pool_block(pool);
    start(&story, 5000);
    pool_wait_blocked(pool, 1);
    pool_terminate(pool);
    wait_steps(&story, 2);
    assert_int_equal(story.code, HK_DB_UNAVAILABLE);
    pool_unblock(pool);
    assert_usable(pool);
    assert_int_equal(count_notes(pool), 0);
}

static void test_the_context_stays_until_another_is_given(void **state)
{
    static const struct hk_db_context first = {.tenant_id =
                                                   HK_STR("019ab3f5-20d0-7001-8c1d-2f7a90b3c4d5"),
                                               .actor = HK_STR("key:1"),
                                               .request_id = HK_STR("")};
    static const struct hk_db_context second = {.tenant_id =
                                                    HK_STR("019ab3f5-20d0-7001-8c1d-2f7a90b3c4d5"),
                                                .actor = HK_STR("key:2"),
                                                .request_id = HK_STR("")};
    static const struct hk_db_context *const contexts[] = {NULL, &second};
    static const char *const actors[] = {"key:1", "key:2"};
    struct pool *pool = open_with_notes(state);

    for (size_t i = 0; i < HK_COUNTOF(contexts); i++) {
        struct story story = two_notes(pool);

        story.steps[0].context = &first;
        story.steps[1].stmt = &stmt_who;
        story.steps[1].context = contexts[i];
        start(&story, 5000);
        wait_steps(&story, 2);
        assert_memory_equal(story.value, actors[i], strlen(actors[i]));
    }
}

/* Those that wait for the connection get it between transactions only. */
static void test_no_other_query_comes_between(void **state)
{
    struct pool *pool = open_with_notes(state);
    struct story first = two_notes(pool), second = two_notes(pool);
    static const char *const note[] = {"three"};
    struct ask ask;

    first.n_steps = 3;
    first.steps[2].stmt = &stmt_who;
    second.stops_after = 1;
    start(&first, 5000);
    start(&second, 5000);
    assert_int_equal(pool_submit(pool, &ask, &stmt_note, note, NULL, 5000), HK_OK);
    wait_steps(&first, 3);
    wait_steps(&second, 1);
    pool_wait_done(pool, &ask);
    assert_int_equal(count_notes(pool), 3);
    assert_int_equal(first.code, HK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(test_all_of_it_is_committed_before_the_last_done),
        pool_test(test_nobody_sees_it_before),
        pool_test(test_who_does_not_go_on_rolls_back),
        pool_test(test_a_failure_rolls_all_of_it_back),
        pool_test(test_a_failure_of_the_first_statement_ends_it),
        pool_test(test_a_failed_commit_is_a_failure),
        pool_test(test_abandoned_in_the_middle_it_is_rolled_back),
        pool_test(test_the_timeout_is_for_the_whole),
        pool_test(test_a_lost_connection_fails_it),
        pool_test(test_the_context_stays_until_another_is_given),
        pool_test(test_no_other_query_comes_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
