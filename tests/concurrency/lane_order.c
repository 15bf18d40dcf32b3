/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for lanes does so in one order, that of their keys, whether they are there or have to
 * be made: nobody ends in a deadlock (docs/adr/0022-lanes.md). No worker runs here.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/concurrency/lane_story.h"
#include "tests/support/message.h"

enum { N_SUBSCRIPTIONS = 8, N_STORMERS = 4, N_ROUNDS = 3000 };

struct many {
    struct two two;
    struct subscription subscriptions[N_SUBSCRIPTIONS]; /* in the order of their ids */
    struct told_lane all[N_SUBSCRIPTIONS];
};

static struct many given_many(void **state)
{
    struct many many = {.two = given_messages(state, "{\"max_in_flight\": 2}", 0)};
    struct harness *h = many.two.h;
    const char *app_id = db_text(h, "SELECT app_id FROM hookline.subscription");

    many.subscriptions[0] = many.two.s;
    for (unsigned i = 1; i < N_SUBSCRIPTIONS; i++)
        many.subscriptions[i] = given_subscription(h, many.two.t, app_id, "/hook", "order.paid");
    (void)db_text(h, "UPDATE hookline.subscription SET max_in_flight = 2 RETURNING 'x'");
    for (unsigned i = 0; i < N_SUBSCRIPTIONS; i++)
        many.all[i] = (struct told_lane){many.two.t->id, many.subscriptions[i].id};
    return many;
}

static void check_no_deadlock(struct many *many)
{
    assert_int_equal(db_int(many->two.h, "SELECT deadlocks FROM pg_stat_database"
                                         " WHERE datname = current_database()"),
                     0);
}

/* The second lane is there, the first one is not. What is told comes to the second, which somebody
 * else holds; a claim makes the first, and comes to the second.
 */
static void test_a_lane_that_is_made_and_one_that_is_there_are_waited_for_in_one_order(void **state)
{
    struct many many = given_many(state);
    struct two *two = &many.two;
    PGconn *third = session_worker(two->h);
    struct claimed moving;

    publish_many(two->h, two->t, 1);
    session_tell_answer(two->a, two->t->id, many.subscriptions[1].id);
    session_run(third, "BEGIN");
    session_run(third, http_text(two->h->http,
                                 "SELECT FROM lane WHERE subscription_id = '%s'"
                                 " FOR UPDATE",
                                 many.subscriptions[1].id));
    session_tell_send(two->a, many.all, 2);
    session_wait_blocked(two->h, two->a);
    session_claim_send(two->b, 10, LONG_MS);
    session_wait_blocked(two->h, two->b);
    session_run(third, "COMMIT");
    session_finish(two->a);
    moving = session_finish_claim(two->b);
    assert_int_equal(claimed_n_moved(&moving), N_SUBSCRIPTIONS);
    claimed_done(&moving);
    PQfinish(third);
    check_no_deadlock(&many);
    end(two);
}

/* ---- all at once, while lanes come and go ---- */

struct stormer {
    struct many *many;
    PGconn *session;
    pthread_t thread;
};

static atomic_bool is_over;

/* What no lane asks for is moved, so that lanes are made and wakened. */
static void *claim(void *arg)
{
    struct stormer *own = arg;

    while (!atomic_load(&is_over)) {
        struct claimed moving = session_claim(own->session, 100, LONG_MS);

        claimed_done(&moving);
    }
    return NULL;
}

static void *tell(void *arg)
{
    struct stormer *own = arg;

    while (!atomic_load(&is_over)) {
        session_tell_send(own->session, own->many->all, N_SUBSCRIPTIONS);
        session_finish(own->session);
    }
    return NULL;
}

static void *mend(void *arg)
{
    struct stormer *own = arg;

    while (!atomic_load(&is_over))
        (void)session_mend_lanes(own->session);
    return NULL;
}

/* Every other lane is gone, and what waits is in none. */
static void scatter(struct many *many, PGconn *session, unsigned round)
{
    session_run(session,
                http_text(many->two.h->http,
                          "DELETE FROM lane WHERE ctid = ANY (ARRAY("
                          "SELECT l.ctid FROM lane l WHERE abs(hashtext(l.subscription_id::text))"
                          " %% 2 = %u %% 2 FOR UPDATE SKIP LOCKED))",
                          round));
    session_run(session, "UPDATE queue SET laned = false WHERE ctid = ANY (ARRAY("
                         "SELECT q.ctid FROM queue q FOR UPDATE SKIP LOCKED))");
}

static void test_lanes_that_come_and_go_are_waited_for_without_a_deadlock(void **state)
{
    static void *(*const works[N_STORMERS])(void *) = {claim, tell, tell, mend};
    struct many many = given_many(state);
    struct stormer stormers[N_STORMERS];
    PGconn *session = session_worker(many.two.h);

    publish_many(many.two.h, many.two.t, 5);
    atomic_store(&is_over, false);
    for (unsigned i = 0; i < N_STORMERS; i++) {
        stormers[i] = (struct stormer){.many = &many, .session = session_worker(many.two.h)};
        assert_int_equal(pthread_create(&stormers[i].thread, NULL, works[i], &stormers[i]), 0);
    }
    for (unsigned round = 0; round < N_ROUNDS; round++)
        scatter(&many, session, round);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < N_STORMERS; i++) {
        assert_int_equal(pthread_join(stormers[i].thread, NULL), 0);
        PQfinish(stormers[i].session);
    }
    PQfinish(session);
    check_no_deadlock(&many);
    end(&many.two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_lane_that_is_made_and_one_that_is_there_are_waited_for_in_one_order,
                     .has_no_worker = true),
        harness_test(test_lanes_that_come_and_go_are_waited_for_without_a_deadlock,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("lane_order", tests, NULL, NULL);
}
