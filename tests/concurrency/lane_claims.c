/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes and several workers: limits hold, and nobody sleeps over a message
 * (docs/adr/0022-lanes.md). No worker runs here.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "hk/clock.h"
#include "tests/concurrency/lane_story.h"
#include "tests/support/message.h"

/* ---- lane claim / lane claim ---- */

static void test_a_claim_passes_by_a_lane_that_another_looks_at(void **state)
{
    struct two two = given_lane(state, "{\"max_in_flight\": 3}", 20);
    struct claimed first;

    session_run(two.a, "BEGIN");
    first = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(first.n, 3);
    assert_claims_none(two.b); /* and does not wait */
    session_run(two.a, "COMMIT");
    session_tell_answer(two.b, two.t->id, two.s.id); /* so that it looks */
    assert_claims_none(two.b);
    assert_int_equal(n_in_flight(&two), 3);
    claimed_done(&first);
    end(&two);
}

static void test_a_lane_whose_claim_was_rolled_back_is_as_before(void **state)
{
    struct two two = given_lane(state, "{\"max_in_flight\": 3}", 20);
    struct claimed first;

    session_run(two.a, "BEGIN");
    first = session_claim_lanes(two.a, 10, LONG_MS);
    session_run(two.a, "ROLLBACK");
    claimed_done(&first);
    first = session_claim_lanes(two.b, 10, LONG_MS);
    assert_int_equal(first.n, 3);
    claimed_done(&first);
    end(&two);
}

/* ---- many workers at once ---- */

#define N_THREADS 3

struct crew {
    struct two *two;
    unsigned n_messages;
    int64_t end_ms;
    atomic_uint n_in_flight, max_in_flight, n_recorded, n_claimed;
};

struct hand {
    struct crew *crew;
    PGconn *session;
};

/* What it has leased is in flight from here on, and less than that for the database. */
static void hold(struct crew *crew, unsigned n)
{
    unsigned now = atomic_fetch_add(&crew->n_in_flight, n) + n;
    unsigned max = atomic_load(&crew->max_in_flight);

    while (now > max && !atomic_compare_exchange_weak(&crew->max_in_flight, &max, now))
        ;
    atomic_fetch_add(&crew->n_claimed, n);
}

static void *work(void *arg)
{
    struct hand *hand = arg;
    struct crew *crew = hand->crew;
    struct claimed claimed;

    while (atomic_load(&crew->n_recorded) < crew->n_messages && hk_mono_ms() < crew->end_ms) {
        claimed = session_claim(hand->session, 10, LONG_MS);
        assert_int_equal(claimed.n, 0); /* all are governed */
        claimed_done(&claimed);
        claimed = session_claim_lanes(hand->session, 5, LONG_MS);
        hold(crew, claimed.n);
        for (unsigned i = 0; i < claimed.n; i++) {
            atomic_fetch_sub(&crew->n_in_flight, 1);
            assert_int_equal(session_record(hand->session, &claimed, i, "succeeded"), 1);
            atomic_fetch_add(&crew->n_recorded, 1);
        }
        if (claimed.n > 0)
            session_tell_answer(hand->session, crew->two->t->id, crew->two->s.id);
        claimed_done(&claimed);
    }
    return NULL;
}

/* While they work, `publish_more` events are published one by one. */
static void let_them_work(struct crew *crew, unsigned publish_more)
{
    pthread_t threads[N_THREADS];
    struct hand hands[N_THREADS];
    PGconn *ingest = session_ingest(crew->two->h);

    crew->end_ms = hk_mono_ms() + 60000;
    for (size_t i = 0; i < N_THREADS; i++) {
        hands[i] = (struct hand){crew, session_worker(crew->two->h)};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &hands[i]), 0);
    }
    for (unsigned i = 0; i < publish_more; i++)
        (void)session_publish(crew->two->h, ingest, crew->two->t,
                              db_text(crew->two->h, "SELECT hookline.uuid_v7()"), NULL);
    for (size_t i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        PQfinish(hands[i].session);
    }
    PQfinish(ingest);
    assert_int_equal(crew->n_recorded, crew->n_messages);
    assert_int_equal(db_int(crew->two->h, "SELECT count(*) FROM hookline.queue"), 0);
}

static void test_claims_of_many_at_once_never_exceed_what_may_be_in_flight(void **state)
{
    struct two two = given_lane(state, "{\"max_in_flight\": 2}", 100);
    struct crew crew = {.two = &two, .n_messages = 100};

    let_them_work(&crew, 0);
    assert_true(crew.max_in_flight <= 2);
    end(&two);
}

static void test_claims_of_many_at_once_never_exceed_the_rate(void **state)
{
    struct two two = given_lane(state, "{\"rate_per_second\": 40}", 60);
    struct crew crew = {.two = &two, .n_messages = 60};
    int64_t start_ms = hk_mono_ms();

    let_them_work(&crew, 0);
    /* 4 at once, 40 a second; the tokens of before the start are in these 4. */
    assert_true(60 <= 4 + (hk_mono_ms() - start_ms) * 40 / 1000 + 1);
    end(&two);
}

/* A lane runs empty again and again while it is published to. */
static void test_no_wakening_of_a_lane_is_lost_while_many_publish_and_claim(void **state)
{
    struct two two = given_lane(state, "{\"ordered\": true}", 5);
    struct crew crew = {.two = &two, .n_messages = 155};

    let_them_work(&crew, 150);
    assert_true(crew.max_in_flight <= 1);
    end(&two);
}

/* ---- an empty lane / publishing ---- */

/* The event is stored by somebody who has seen a busy lane; then the lane falls asleep. */
static PGconn *publish_behind_its_back(struct two *two)
{
    PGconn *ingest = session_ingest(two->h);

    session_run(ingest, "BEGIN");
    (void)session_publish(two->h, ingest, two->t, db_text(two->h, "SELECT hookline.uuid_v7()"),
                          NULL);
    return ingest;
}

static void commit(PGconn *ingest)
{
    session_run(ingest, "COMMIT");
    PQfinish(ingest);
}

/* Its only message is sent; the lane still looks busy. */
static struct two given_empty_lane(void **state)
{
    struct two two = given_lane(state, "{\"max_in_flight\": 3}", 1);
    struct claimed only = session_claim_lanes(two.a, 10, LONG_MS);

    assert_int_equal(only.n, 1);
    assert_int_equal(session_record(two.a, &only, 0, "succeeded"), 1);
    claimed_done(&only);
    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = true, next_at = now() RETURNING 'x'");
    return two;
}

static void check_that_it_is_in_the_lane(struct two *two)
{
    assert_int_equal(db_int(two->h, "SELECT count(*) FROM hookline.queue WHERE laned"), 1);
}

static void test_what_is_put_into_a_lane_that_falls_asleep_is_found(void **state)
{
    struct two two = given_empty_lane(state);
    PGconn *ingest = publish_behind_its_back(&two);
    struct claimed found;

    assert_claims_none(two.a);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.lane WHERE is_busy"), 0);
    commit(ingest);
    check_that_it_is_in_the_lane(&two);
    found = wait_for_claim(two.b);
    claimed_done(&found);
    end(&two);
}

static void test_what_is_put_into_a_lane_that_sleeps_for_ever_is_found_by_upkeep(void **state)
{
    struct two two = given_empty_lane(state);
    PGconn *ingest = publish_behind_its_back(&two);
    struct claimed found;

    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = false, next_at = 'infinity'"
                         " RETURNING 'x'");
    commit(ingest);
    check_that_it_is_in_the_lane(&two);
    assert_claims_none(two.a);
    assert_int_equal(session_mend_lanes(two.b), 1);
    assert_int_equal(session_mend_lanes(two.b), 0);
    found = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(found.n, 1);
    claimed_done(&found);
    end(&two);
}

static void test_what_is_put_into_a_lane_that_is_swept_away_is_found_by_upkeep(void **state)
{
    struct two two = given_empty_lane(state);
    PGconn *ingest = publish_behind_its_back(&two);
    struct claimed found;

    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = false, next_at = 'infinity'"
                         " RETURNING 'x'");
    assert_int_equal(session_sweep_lanes(two.a), 1);
    commit(ingest);
    check_that_it_is_in_the_lane(&two);
    assert_int_equal(session_mend_lanes(two.b), 1);
    found = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(found.n, 1);
    claimed_done(&found);
    end(&two);
}

static void test_a_claim_that_moves_waits_for_the_sweep_of_the_lane_and_makes_a_new_one(
    void **state)
{
    struct two two = given_empty_lane(state);
    struct claimed moving, found;

    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = false, next_at = 'infinity'"
                         " RETURNING 'x'");
    publish_many(two.h, two.t, 1);
    session_run(two.a, "BEGIN");
    assert_int_equal(session_sweep_lanes(two.a), 1);
    session_claim_send(two.b, 10, LONG_MS);
    session_wait_blocked(two.h, two.b);
    session_run(two.a, "COMMIT");
    moving = session_finish_claim(two.b);
    assert_int_equal(claimed_n_moved(&moving), 1);
    found = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(found.n, 1);
    claimed_done(&moving);
    claimed_done(&found);
    end(&two);
}

/* The lane's look saw nothing; the claim that moves waits for it, and wakes the lane. */
static void test_a_claim_that_moves_wakes_the_lane_that_falls_asleep_meanwhile(void **state)
{
    struct two two = given_empty_lane(state);
    struct claimed moving, found;

    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = false RETURNING 'x'");
    publish_many(two.h, two.t, 1);
    (void)db_text(two.h, "UPDATE hookline.lane SET is_busy = true RETURNING 'x'");
    session_run(two.a, "BEGIN");
    assert_claims_none(two.a);
    session_claim_send(two.b, 10, LONG_MS);
    session_wait_blocked(two.h, two.b);
    session_run(two.a, "COMMIT");
    moving = session_finish_claim(two.b);
    assert_int_equal(claimed_n_moved(&moving), 1);
    found = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(found.n, 1);
    claimed_done(&moving);
    claimed_done(&found);
    end(&two);
}

#define lane_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lane_test(test_a_claim_passes_by_a_lane_that_another_looks_at),
        lane_test(test_a_lane_whose_claim_was_rolled_back_is_as_before),
        lane_test(test_claims_of_many_at_once_never_exceed_what_may_be_in_flight),
        lane_test(test_claims_of_many_at_once_never_exceed_the_rate),
        lane_test(test_no_wakening_of_a_lane_is_lost_while_many_publish_and_claim),
        lane_test(test_what_is_put_into_a_lane_that_falls_asleep_is_found),
        lane_test(test_what_is_put_into_a_lane_that_sleeps_for_ever_is_found_by_upkeep),
        lane_test(test_what_is_put_into_a_lane_that_is_swept_away_is_found_by_upkeep),
        lane_test(test_a_claim_that_moves_waits_for_the_sweep_of_the_lane_and_makes_a_new_one),
        lane_test(test_a_claim_that_moves_wakes_the_lane_that_falls_asleep_meanwhile),
    };

    return cmocka_run_group_tests_name("lane_claims", tests, NULL, NULL);
}
