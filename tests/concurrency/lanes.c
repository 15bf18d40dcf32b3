/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes, claimed and told by hand. No worker runs here. */
#include <stdlib.h>

#include "tests/concurrency/sessions.h"
#include "tests/support/message.h"

#define LONG_MS 60000

/* A tenant with a limited subscription, one message of which waits in its lane. */
struct laned {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
    PGconn *worker;
};

static struct laned given_lane(void **state)
{
    struct harness *h = *state;
    struct laned laned = {.h = h, .t = given_tenant(h), .worker = session_worker(h)};
    struct claimed claimed;
    struct reply reply;

    laned.s = given_story(h, laned.t, "/hook");
    reply =
        api_call(h, laned.t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", laned.s.id),
                 "{\"max_in_flight\": 5}");
    assert_status(reply, 200);
    publish_many(h, laned.t, 1);
    claimed = session_claim(laned.worker, 10, LONG_MS);
    assert_int_equal(claimed.n, 0);
    assert_int_equal(claimed_n_moved(&claimed), 1);
    claimed_done(&claimed);
    return laned;
}

/* Lanes of as many subscriptions more, due for longer than the first, whose probes have failed. */
static void given_broken_lanes(struct laned *laned, unsigned n)
{
    assert_int_equal(
        db_int(
            laned->h,
            "WITH copy AS (INSERT INTO hookline.subscription"
            " SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).*"
            " FROM hookline.subscription s, generate_series(1, %u) WHERE s.id = '%s'"
            " RETURNING tenant_id, id),"
            " waiting AS (INSERT INTO hookline.queue (tenant_id, subscription_id, message_id,"
            " due_at, laned) SELECT c.tenant_id, c.id, gen_random_uuid(),"
            " now() - interval '1 hour', true FROM copy c),"
            " made AS (INSERT INTO hookline.lane (tenant_id, subscription_id, next_at, pause_ms)"
            " SELECT c.tenant_id, c.id, now() - interval '1 hour', 30000 FROM copy c RETURNING 1)"
            " SELECT count(*) FROM made",
            n, laned->s.id),
        n);
}

static void set_lane(struct laned *laned, const char *column, const char *value)
{
    assert_int_equal(db_int(laned->h,
                            "WITH x AS (UPDATE hookline.lane SET %s = %s"
                            " WHERE subscription_id = '%s' RETURNING 1) SELECT count(*) FROM x",
                            column, value, laned->s.id),
                     1);
}

static void check_claims_its_message(struct laned *laned, unsigned trial_limit)
{
    struct claimed claimed = session_claim_trials(laned->worker, 10, trial_limit);

    assert_int_equal(claimed.n, 1);
    claimed_done(&claimed);
}

static void test_lanes_on_trial_without_a_place_do_not_stand_before_others(void **state)
{
    struct laned laned = given_lane(state);

    given_broken_lanes(&laned, 150);
    set_lane(&laned, "succeeded_at", "now()");
    check_claims_its_message(&laned, 0);
    PQfinish(laned.worker);
}

static void test_a_new_lane_has_its_trial_before_those_that_have_failed(void **state)
{
    struct laned laned = given_lane(state);

    given_broken_lanes(&laned, 150);
    check_claims_its_message(&laned, 1);
    PQfinish(laned.worker);
}

static void test_a_lane_may_turn_for_ever(void **state)
{
    struct laned laned = given_lane(state);

    set_lane(&laned, "n_turns", "2147483647");
    check_claims_its_message(&laned, 10);
    set_lane(&laned, "n_turns", "2147483647");
    session_tell_answer(laned.worker, laned.t->id, laned.s.id);
    PQfinish(laned.worker);
}

/* Publishing that began while the lane was busy puts something into it when it is not any more. */
static void test_answers_that_follow_each_other_do_not_end_the_looks_at_a_lane(void **state)
{
    struct laned laned = given_lane(state);
    struct claimed claimed = session_claim_lanes(laned.worker, 10, LONG_MS);

    assert_int_equal(claimed.n, 1);
    assert_int_equal(session_record(laned.worker, &claimed, 0, "succeeded"), 1);
    claimed_done(&claimed);
    for (unsigned i = 0; i < 20; i++) {
        session_tell_answer(laned.worker, laned.t->id, laned.s.id);
        claimed = session_claim_lanes(laned.worker, 10, LONG_MS);
        assert_int_equal(claimed.n, 0);
        claimed_done(&claimed);
    }
    assert_int_equal(db_int(laned.h,
                            "SELECT count(*) FROM hookline.lane"
                            " WHERE NOT is_busy AND next_at < now() + interval '1 minute'"),
                     1);
    PQfinish(laned.worker);
}

#define lanes_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lanes_test(test_lanes_on_trial_without_a_place_do_not_stand_before_others),
        lanes_test(test_a_new_lane_has_its_trial_before_those_that_have_failed),
        lanes_test(test_a_lane_may_turn_for_ever),
        lanes_test(test_answers_that_follow_each_other_do_not_end_the_looks_at_a_lane),
    };

    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
