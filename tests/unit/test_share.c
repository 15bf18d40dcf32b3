/* SPDX-License-Identifier: Apache-2.0 */
/* How many of a worker's slots each may hold: 128 slots throughout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/share.h"

#define N_SLOTS 128
#define MOST    96 /* three quarters */

struct story {
    struct share *share;
    int64_t now_ms;
    struct share_hold holds[N_SLOTS];
    unsigned n;
};

static struct share_claimant who(unsigned subscription, unsigned tenant, const char *host)
{
    struct share_claimant claimant = {.host = {host, strlen(host)}};

    memcpy(claimant.subscription_id.bytes, &subscription, sizeof(subscription));
    memcpy(claimant.tenant_id.bytes, &tenant, sizeof(tenant));
    return claimant;
}

/* Takes as many as it gets. */
static unsigned take_all(struct story *story, struct share_claimant claimant)
{
    unsigned n = 0;

    while (story->n < N_SLOTS &&
           share_take(story->share, &claimant, story->now_ms, &story->holds[story->n])) {
        story->n++;
        n++;
    }
    return n;
}

/* All that are held end so, the last first. */
static void give_all(struct story *story, int cost, int64_t duration_ms)
{
    while (story->n > 0)
        (void)share_give_back(story->share, &story->holds[--story->n], cost, duration_ms,
                              story->now_ms);
}

static int set_up(void **state)
{
    struct story *story = calloc(1, sizeof(*story));

    assert_non_null(story);
    story->share = share_new(N_SLOTS);
    *state = story;
    return 0;
}

static int tear_down(void **state)
{
    struct story *story = *state;

    give_all(story, -1, 0);
    share_free(story->share);
    free(story);
    return 0;
}

static void test_a_window_opens_with_answers_up_to_three_quarters(void **state)
{
    struct story *story = *state;
    unsigned expected[] = {4, 8, 16, 32, 64, MOST, MOST};

    for (size_t i = 0; i < HK_COUNTOF(expected); i++) {
        assert_int_equal(take_all(story, who(1, 1, "a")), expected[i]);
        give_all(story, 0, 5);
    }
}

static void test_a_failing_subscription_ends_with_one_at_a_time(void **state)
{
    struct story *story = *state;

    for (unsigned i = 0; i < 4; i++) {
        assert_true(take_all(story, who(1, 1, "a")) > 0);
        give_all(story, 1, 5);
    }
    assert_int_equal(take_all(story, who(1, 1, "a")), 1);
    give_all(story, 0, 5); /* and is believed again, step by step */
    assert_int_equal(take_all(story, who(1, 1, "a")), 2);
}

static void test_slow_answers_open_no_window(void **state)
{
    struct story *story = *state;

    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(take_all(story, who(1, 1, "a")), 4);
        give_all(story, 0, 1500);
    }
}

static void test_newcomers_hold_no_more_than_half_of_the_slots(void **state)
{
    struct story *story = *state;
    static const char *const hosts[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    unsigned n = 0;

    for (unsigned i = 0; i < 100; i++)
        n += take_all(story, who(100 + i, 100 + i, hosts[i % 8]));
    assert_int_equal(n, N_SLOTS / 2);
}

static void test_newcomers_do_not_hold_up_who_has_answered(void **state)
{
    struct story *story = *state;
    unsigned n = 0;

    assert_int_equal(take_all(story, who(1, 1, "z")), 4);
    give_all(story, 0, 5);
    for (unsigned i = 0; i < 100; i++)
        n += take_all(story, who(100 + i, 100 + i, i % 2 == 0 ? "a" : "b"));
    assert_int_equal(n, N_SLOTS / 2);
    assert_int_equal(take_all(story, who(1, 1, "z")), 8);
}

static void test_a_host_that_fails_holds_few_whoever_it_belongs_to(void **state)
{
    struct story *story = *state;
    unsigned n = 0;

    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(take_all(story, who(100 + i, 100 + i, "a")), 4);
    assert_int_equal(take_all(story, who(200, 200, "a")),
                     0); /* a quarter is enough to begin with */
    give_all(story, 16, 30000);
    for (unsigned i = 0; i < 50; i++)
        n += take_all(story, who(300 + i, 300 + i, "a"));
    assert_int_equal(n, N_SLOTS / 16);
}

static void test_who_is_silent_gets_no_more_than_a_newcomer(void **state)
{
    struct story *story = *state;

    for (unsigned i = 0; i < 3; i++) {
        (void)take_all(story, who(1, 1, "a"));
        give_all(story, 0, 5);
    }
    for (unsigned i = 0; i < 20; i++) {
        struct share_claimant claimant = who(1, 1, "a");

        assert_true(share_take(story->share, &claimant, story->now_ms, &story->holds[story->n++]));
    }
    story->now_ms += 600;
    assert_int_equal(take_all(story, who(1, 1, "a")), 0);
    story->n--;
    (void)share_give_back(story->share, &story->holds[story->n], 0, 600, story->now_ms);
    assert_true(take_all(story, who(1, 1, "a")) > 0);
}

static void test_lanes_have_three_quarters_of_the_slots(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "a");

    claimant.is_laned = true;
    assert_int_equal(take_all(story, claimant), MOST);
}

static void test_a_window_opens_from_the_first_answer_until_it_is_as_wide_as_may_be(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "a");

    assert_false(share_is_opening(story->share, &claimant.subscription_id, 0));
    for (unsigned n = take_all(story, claimant); n < MOST; n = take_all(story, claimant)) {
        give_all(story, 0, 20);
        assert_int_equal(share_is_opening(story->share, &claimant.subscription_id, 0),
                         2 * n < MOST);
    }
    give_all(story, 1, 20);
    assert_false(share_is_opening(story->share, &claimant.subscription_id, 0));
}

/* What waits for it would wait in vain: the window stays as it is. */
static void test_a_slow_answer_opens_no_window(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "a");

    (void)take_all(story, claimant);
    give_all(story, 0, 1000);
    assert_true(share_is_proven(story->share, &claimant.subscription_id, 0));
    assert_false(share_is_opening(story->share, &claimant.subscription_id, 0));
    (void)take_all(story, claimant);
    give_all(story, 0, 20);
    assert_true(share_is_opening(story->share, &claimant.subscription_id, 0));
}

static void test_failures_cost_until_an_answer_comes(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "a");
    static const struct {
        int cost;
        unsigned total;
    } steps[] = {{1, 1}, {3, 4}, {-1, 0}, {5, 9}, {0, 0}, {2, 2}};

    for (size_t i = 0; i < HK_COUNTOF(steps); i++) {
        assert_true(share_take(story->share, &claimant, 0, &story->holds[0]));
        assert_int_equal(share_give_back(story->share, &story->holds[0], steps[i].cost, 5, 0),
                         steps[i].total);
    }
}

static void test_a_subscription_in_trouble_is_sent_what_its_lane_sends(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "a");

    assert_int_equal(take_all(story, claimant), 4);
    give_all(story, 3, 5);
    assert_int_equal(take_all(story, claimant), 0);
    claimant.is_laned = true;
    assert_true(share_take(story->share, &claimant, story->now_ms, &story->holds[story->n++]));
    give_all(story, 0, 5);
    claimant.is_laned = false;
    assert_true(take_all(story, claimant) > 0);
    give_all(story, 10, 5);
    story->now_ms += 30000; /* somebody else may have found it well again */
    assert_int_equal(take_all(story, claimant), 1);
}

static void test_the_host_of_a_url_is_what_is_connected_to(void **state)
{
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"https://example.com/a/b?c", "example.com"},
        {"http://example.com:8080", "example.com:8080"},
        {"https://[2001:db8::1]:1/x", "[2001:db8::1]:1"},
        {"https://example.com?q=://x", "example.com"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct hk_str host = share_host(hk_str(cases[i].url));

        assert_true(hk_str_eq(host, hk_str(cases[i].host)));
    }
}

static void test_slots_that_are_held_count_when_there_are_fewer_from_here_on(void **state)
{
    struct story *story = *state;
    struct share_claimant claimant = who(1, 1, "h1");
    unsigned n;

    claimant.is_laned = true;
    n = take_all(story, claimant);
    assert_true(n > 1);
    assert_int_equal(share_n_held(story->share), n);
    share_set_slots(story->share, n / 2);
    assert_int_equal(share_n_held(story->share), n);
    assert_int_equal(take_all(story, claimant), 0);
    give_all(story, 0, 1);
    assert_int_equal(share_n_held(story->share), 0);
    assert_true(take_all(story, claimant) <= n / 2);
}

#define share_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        share_test(test_a_window_opens_with_answers_up_to_three_quarters),
        share_test(test_a_failing_subscription_ends_with_one_at_a_time),
        share_test(test_slow_answers_open_no_window),
        share_test(test_newcomers_hold_no_more_than_half_of_the_slots),
        share_test(test_newcomers_do_not_hold_up_who_has_answered),
        share_test(test_a_host_that_fails_holds_few_whoever_it_belongs_to),
        share_test(test_who_is_silent_gets_no_more_than_a_newcomer),
        share_test(test_a_window_opens_from_the_first_answer_until_it_is_as_wide_as_may_be),
        share_test(test_lanes_have_three_quarters_of_the_slots),
        share_test(test_slots_that_are_held_count_when_there_are_fewer_from_here_on),
        share_test(test_a_slow_answer_opens_no_window),
        share_test(test_failures_cost_until_an_answer_comes),
        share_test(test_a_subscription_in_trouble_is_sent_what_its_lane_sends),
        cmocka_unit_test(test_the_host_of_a_url_is_what_is_connected_to),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
