/* SPDX-License-Identifier: Apache-2.0 */
/* What a move leaves among the lanes of a cell, and in the rows that say that one is under way. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/flow.h"
#include "tests/support/message.h"
#include "tests/support/mover.h"

enum { WAIT_MS = 60000, SOON_MS = 15000 };

static const char *const quick[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};

static struct subscription given_ordered(struct harness *h, struct tenant *t, const char *path)
{
    struct subscription s = given_story(h, t, path);
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"ordered\": true}");

    assert_status(reply, 200);
    return s;
}

/* A thousand and more subscriptions of the tenant that are in lanes. */
static void given_lanes(struct mover *m, const struct tenant *t)
{
    assert_int_equal(
        mover_int(
            m, HOME,
            "WITH made AS (INSERT INTO subscription"
            "  SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).*"
            "    FROM subscription s, generate_series(1, 1100)"
            "   WHERE s.tenant_id = '%s' RETURNING tenant_id, id),"
            " busy AS (INSERT INTO lane (tenant_id, subscription_id, succeeded_at)"
            "  SELECT tenant_id, id, now() FROM made RETURNING 1)"
            "SELECT count(*) FROM busy",
            t->id),
        1100);
}

/* As a move leaves them that is undone, or has done its work: subscriptions go first. */
static void given_lanes_of_nobody(struct mover *m, const struct tenant *t)
{
    assert_int_equal(
        mover_int(m, B,
                  "WITH made AS (INSERT INTO lane (tenant_id, subscription_id, succeeded_at)"
                  "  SELECT '%s', gen_random_uuid(), CASE WHEN n %% 2 = 0 THEN now() END"
                  "    FROM generate_series(1, 1100) n RETURNING 1)"
                  "SELECT count(*) FROM made",
                  t->id),
        1100);
}

static bool has_no_orphans(void *arg)
{
    return mover_int(arg, B,
                     "SELECT count(*) FROM lane x WHERE NOT EXISTS (SELECT FROM subscription s"
                     " WHERE s.tenant_id = x.tenant_id AND s.id = x.subscription_id)") == 0;
}

static void test_lanes_of_a_cell_go_on_while_a_tenant_with_many_comes_to_it(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *moved = given_tenant(h), *other = given_tenant_in(h, "b");
    struct mover_lock *lock;

    (void)given_story(h, moved, "/moved");
    (void)given_ordered(h, other, "/other");
    (void)publish(h, other, "order.paid", "c1", "{\"n\": 1}");
    sinker_wait(h, "/other", 1, WAIT_MS);

    given_lanes(m, moved);
    lock = mover_lock(m, B, "LOCK TABLE company IN SHARE MODE");
    mover_start(m, moved, "b", NULL);
    mover_wait_blocked(m, B);
    assert_int_equal(
        mover_int(m, B, "SELECT count(*) FROM lane x WHERE x.tenant_id = '%s'", moved->id), 0);
    given_lanes_of_nobody(m, moved);
    (void)publish(h, other, "order.paid", "c1", "{\"n\": 2}");
    sinker_wait(h, "/other", 2, SOON_MS);
    assert_true(wait_until(has_no_orphans, m, WAIT_MS));
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 0);
    mover_end(m);
}

static void test_a_worker_that_slept_through_a_move_leaves_no_lane_behind(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);

    (void)given_ordered(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 200, \"delay_ms\": 500}]}");
    (void)publish(h, t, "order.paid", "c1", "{\"n\": 1}");
    sinker_wait(h, "/hook", 1, WAIT_MS);
    proc_signal(&h->workers[0], SIGSTOP);
    mover_run(m, t, "b", NULL, 0);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    proc_signal(&h->workers[0], SIGCONT);
    sinker_wait(h, "/hook", 2, WAIT_MS);
    (void)publish(h, t, "order.paid", "c1", "{\"n\": 2}");
    sinker_wait(h, "/hook", 3, WAIT_MS);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    mover_run(m, t, "default", NULL, 0);
    mover_end(m);
}

static bool has_forgotten(void *arg)
{
    return mover_int(arg, HOME, "SELECT count(*) FROM tenant_move") == 0;
}

/* The source is empty; all that is left is to say so there, and in the directory. */
static void kill_at_the_end(struct mover *m, const struct tenant *t, bool is_in_directory)
{
    struct mover_lock *lock = mover_lock(m, HOME, "LOCK TABLE tenant_arrival IN SHARE MODE");
    struct mover_lock *source;

    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, HOME);
    if (is_in_directory) {
        source = lock;
        lock = mover_lock(m, HOME, "LOCK TABLE tenant_cell IN SHARE MODE");
        mover_unlock(source);
        assert_true(wait_until(has_forgotten, m, WAIT_MS));
        mover_wait_blocked(m, HOME);
    }
    mover_kill(m);
    mover_cut_off(m);
    mover_unlock(lock);
}

static void test_a_move_that_was_killed_at_its_end_leaves_no_word_of_it_on_the_way_back(
    void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (int i = 0; i < 2; i++) {
        kill_at_the_end(m, t, i == 1);
        mover_run(m, t, "default", NULL, 1); /* it is to be finished first */
        mover_run(m, t, "b", NULL, 0);
        assert_int_equal(
            mover_int(m, HOME, "SELECT count(*) FROM tenant_cell c WHERE c.moving_to IS NULL"), 1);
        /* Nothing moves: weeks may be dropped, and the tenant's retention is kept. */
        assert_int_equal(mover_int(m, HOME, "SELECT cell_has_move()::integer"), 0);
        mover_run(m, t, "default", NULL, 0);
        assert_int_equal(mover_int(m, HOME, "SELECT cell_has_move()::integer"), 0);
        assert_int_equal(mover_int(m, HOME, "SELECT tenant_is_moving('%s')::integer", t->id), 0);
    }
    mover_end(m);
}

/* As the one that there is: so many are copied before the hold. */
static void given_runs(struct mover *m)
{
    assert_int_equal(mover_int(m, HOME,
                               "WITH waiting AS (INSERT INTO queue"
                               "  SELECT (jsonb_populate_record(q, jsonb_build_object('message_id',"
                               "          gen_random_uuid(), 'due_at', 'infinity'))).*"
                               "    FROM queue q, generate_series(1, 1100) RETURNING message_id),"
                               " made AS (INSERT INTO run"
                               "  SELECT (jsonb_populate_record(r, jsonb_build_object('message_id',"
                               "          w.message_id, 'wait_key', w.message_id))).*"
                               "    FROM run r, waiting w RETURNING 1)"
                               "SELECT count(*) FROM made"),
                     1100);
}

/* A run of nobody, which the sweep takes when it comes by. */
static void given_rest_of_run(struct mover *m, enum mover_side side)
{
    assert_int_equal(mover_int(m, side,
                               "INSERT INTO run (tenant_id, message_id, flow_id, version, step_no)"
                               " SELECT i, i, i, 1, 0 FROM gen_random_uuid() i RETURNING version"),
                     1);
}

static bool has_swept(void *arg)
{
    static const char rest[] = "SELECT count(*) FROM run r WHERE r.tenant_id = r.flow_id";

    return mover_int(arg, HOME, rest) == 0 && mover_int(arg, B, rest) == 0;
}

/* A flow that has called somebody and waits for a request; meanwhile a worker is started. */
static void test_a_run_that_waits_outlives_the_hold(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct mover_lock *lock;
    const char *flow_id, *run, *steps;

    steps = http_text(h->http,
                      "[{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\"},"
                      "{\"name\":\"answer\",\"kind\":\"wait\",\"key\":\"order-{{ $.id }}\","
                      "\"timeout_seconds\":600}]",
                      sinker_url(h, "/call"));
    flow_id = given_flow(h, t, given_app(h, t, "acme"), steps);
    run = flow_request(h, t, flow_id, "{\"id\":7}");
    run_wait_waiting(h, run);
    given_runs(m);
    given_rest_of_run(m, HOME);
    given_rest_of_run(m, B);

    lock = mover_lock(m, B, "LOCK TABLE company IN SHARE MODE");
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B);
    (void)harness_start_worker(h); /* its upkeep begins at once */
    assert_true(wait_until(has_swept, m, WAIT_MS));
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM run"), 1101);
    mover_interrupt(m);
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 130);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM queue"), 1101);
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM run"), 1101);
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":true}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "call:succeeded answer:succeeded");
    assert_int_equal(sinker_count(h, "/call"), 1);
    mover_end(m);
}

/* As one of before the upgrade, or one whose settings are older. */
static void test_an_api_that_knows_of_no_cells_takes_nothing_that_is_lost(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    char cells[sizeof(h->cells_variable)];
    struct mover_lock *lock;
    struct reply reply, found;
    bool is_taken;

    (void)given_story(h, t, "/hook");
    memcpy(cells, h->cells_variable, sizeof(cells));
    h->cells_variable[0] = '\0';
    harness_start_other_api(h);
    memcpy(h->cells_variable, cells, sizeof(cells));
    lock = mover_lock(m, B, "LOCK TABLE retention_week IN SHARE MODE"); /* the flip */
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B);
    harness_swap_apis(h);
    reply = api_call(h, t->admin, "POST", "/v1/companies",
                     "{\"external_id\": \"late\", \"name\": \"Late\"}");
    is_taken = reply.status == 201;
    harness_swap_apis(h);
    mover_unlock(lock);
    (void)mover_wait(m);
    found = api_call(h, t->admin, "GET", "/v1/companies?limit=100", NULL);
    assert_status(found, 200);
    assert_true(!is_taken || strstr(found.body, "\"late\"") != NULL);
    mover_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_run_that_waits_outlives_the_hold, .has_no_worker = true),
        harness_test(test_an_api_that_knows_of_no_cells_takes_nothing_that_is_lost,
                     .has_no_worker = true),
        harness_test(test_lanes_of_a_cell_go_on_while_a_tenant_with_many_comes_to_it,
                     .has_no_worker = true),
        harness_test(test_a_worker_that_slept_through_a_move_leaves_no_lane_behind,
                     .has_no_worker = true, .env = quick),
        harness_test(test_a_move_that_was_killed_at_its_end_leaves_no_word_of_it_on_the_way_back,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("move_lanes", tests, NULL, NULL);
}
