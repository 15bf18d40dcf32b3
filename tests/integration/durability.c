/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10,000 events, 2 workers, one of them killed three times: nothing is lost, only what was in
 * flight comes twice, and always under the same webhook-id.
 */
#include "tests/support/message.h"

#define N_EVENTS 10000
#define N_KILLS  3
#define WAIT_MS  240000

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

/*
 * Kills the youngest worker when so many requests have arrived, and starts another. Returns how
 * many messages were in somebody's hands: being sent, or sent and not recorded yet.
 */
static int64_t kill_at(struct harness *h, unsigned worker, unsigned n_requests)
{
    int64_t n_in_hand;

    sinker_wait(h, "/hook", n_requests, WAIT_MS);
    harness_kill_worker(h, worker);
    n_in_hand = db_int(h, "SELECT count(*) FROM hookline.queue WHERE leased AND due_at > now()");
    (void)harness_start_worker(h);
    return n_in_hand;
}

static void test_killing_a_worker_three_times_loses_nothing_of_10000_events(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply stats;
    int64_t n_duplicates, n_in_hand = 0;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, N_EVENTS);
    for (unsigned i = 1; i <= N_KILLS; i++)
        n_in_hand += kill_at(h, i, i * N_EVENTS / (N_KILLS + 2));
    assert_true(wait_until(queue_is_empty, h, WAIT_MS));

    stats = sinker_stats(h, "/hook");
    n_duplicates = reply_int(&stats, "requests") - N_EVENTS;
    print_message("%d duplicates of %d in hand\n", (int)n_duplicates, (int)n_in_hand);
    assert_int_equal(reply_int(&stats, "distinct_ids"), N_EVENTS); /* none lost, no id invented */
    assert_int_equal(reply_int(&stats, "duplicates"), n_duplicates);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    assert_in_range(n_duplicates, 0, n_in_hand);
    assert_int_equal(message_count(h, t, "succeeded"), N_EVENTS);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), N_EVENTS);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), N_EVENTS);
}

/* A killed API has answered 202 for nothing that is lost. */
static void test_R_01_what_a_killed_api_has_accepted_is_delivered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (unsigned i = 1; i <= 3; i++) {
        publish_many(h, t, 1000);
        harness_kill_api(h);
        harness_restart_api(h);
    }
    assert_true(wait_until(queue_is_empty, h, WAIT_MS));
    assert_int_equal(sinker_count(h, "/hook"), 3000);
    assert_int_equal(message_count(h, t, "succeeded"), 3000);
}

static const char *const settings[] = {"HOOKLINE_WORKER_LEASE_MS=3000",
                                       "HOOKLINE_WORKER_MAX_IN_FLIGHT=64", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_killing_a_worker_three_times_loses_nothing_of_10000_events,
                     .n_workers = 2, .env = settings),
        harness_test(test_R_01_what_a_killed_api_has_accepted_is_delivered),
    };

    return cmocka_run_group_tests_name("durability", tests, NULL, NULL);
}
