/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages a worker claims at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/claim.h"

static unsigned size_of(unsigned n_slots, unsigned n_in_flight, unsigned n_unrecorded)
{
    struct claim_load load = {.n_in_flight = n_in_flight, .n_unrecorded = n_unrecorded};

    return claim_size(n_slots, &load);
}

static void test_the_free_slots_are_claimed_for(void **state)
{
    (void)state;

    assert_int_equal(size_of(128, 0, 0), 128);
    assert_int_equal(size_of(128, 28, 0), 100);
    assert_int_equal(size_of(1, 0, 0), 1);
}

static void test_a_claim_has_a_limit(void **state)
{
    (void)state;

    assert_int_equal(size_of(4096, 0, 0), CLAIM_MAX);
    assert_int_equal(size_of(4096, 3000, 0), CLAIM_MAX);
}

static void test_fewer_than_a_quarter_of_the_slots_are_not_worth_a_claim(void **state)
{
    (void)state;

    assert_int_equal(size_of(128, 96, 0), 32);
    assert_int_equal(size_of(128, 97, 0), 0);
    assert_int_equal(size_of(128, 128, 0), 0);
    assert_int_equal(size_of(128, 200, 0), 0);
    assert_int_equal(size_of(1, 1, 0), 0);
    assert_int_equal(size_of(3, 2, 0), 1);
}

static unsigned size_ahead(unsigned n_in_flight, unsigned n_ahead)
{
    return claim_size(128, &(struct claim_load){.n_in_flight = n_in_flight, .n_ahead = n_ahead});
}

static void test_what_will_have_a_slot_soon_is_claimed_in_few_large_claims(void **state)
{
    (void)state;

    assert_int_equal(size_ahead(0, 10), 138);
    assert_int_equal(size_ahead(106, 10), 32); /* a quarter */
    assert_int_equal(size_ahead(107, 10), 0);
    assert_int_equal(size_ahead(128, 100), 100); /* as many as are ahead */
    assert_int_equal(size_ahead(129, 100), 0);
    assert_int_equal(size_ahead(128, 1000), CLAIM_MAX);
    assert_int_equal(size_ahead(129, 1000), 0);
}

static void test_the_pace_is_that_of_the_last_moment(void **state)
{
    struct claim_pace pace = {0};

    (void)state;

    assert_int_equal(claim_pace_lately(&pace, 1000), 0);
    for (int64_t ms = 1000; ms < 1000 + CLAIM_AHEAD_MS; ms++)
        claim_pace_add(&pace, ms);
    assert_int_equal(claim_pace_lately(&pace, 1000 + CLAIM_AHEAD_MS - 1), 0);
    assert_int_equal(claim_pace_lately(&pace, 1000 + CLAIM_AHEAD_MS), CLAIM_AHEAD_MS);
    claim_pace_add(&pace, 1000 + CLAIM_AHEAD_MS);
    assert_int_equal(claim_pace_lately(&pace, 1000 + 2 * CLAIM_AHEAD_MS), 1);
    claim_pace_add(&pace, 1000 + 2 * CLAIM_AHEAD_MS);
    assert_int_equal(claim_pace_lately(&pace, 9000), 0); /* long ago */
}

static void test_the_faster_it_goes_the_longer_is_gathered(void **state)
{
    (void)state;

    assert_int_equal(claim_apart_ms(0, 0), 0);
    assert_int_equal(claim_apart_ms(4, 0), 0);
    assert_int_equal(claim_apart_ms(20, 0), 4);
    assert_int_equal(claim_apart_ms(80, 0), 16);
    assert_int_equal(claim_apart_ms(1000, 0), 16);
    assert_int_equal(claim_record_apart_ms(4), 0);
    assert_int_equal(claim_record_apart_ms(5), 32);
}

static void test_the_longer_claims_take_the_longer_is_gathered(void **state)
{
    (void)state;

    assert_int_equal(claim_apart_ms(20, 400), 4);
    assert_int_equal(claim_apart_ms(20, 1500), 12);
    assert_int_equal(claim_apart_ms(40, 3000), 16);
    assert_int_equal(claim_apart_ms(20, 3600000000), 16);
    assert_int_equal(claim_apart_ms(20, -3600000000), 4); /* the clock was set */
    assert_int_equal(claim_apart_ms(4, 9000), 0);         /* few: it gains nothing */
}

static void test_what_lanes_hold_does_not_keep_others_waiting_for_the_last_of_the_rest(void **state)
{
    struct claim_load load = {.n_in_flight = 96 + 1, .n_of_lanes = 96};

    (void)state;

    assert_int_equal(claim_size(128, &load), 31);
    load.n_in_flight = 96 + 24;
    assert_int_equal(claim_size(128, &load), 8);
    load.n_in_flight = 96 + 25;
    assert_int_equal(claim_size(128, &load), 0);
}

static void test_no_claims_while_the_records_lag_behind(void **state)
{
    (void)state;

    assert_int_equal(size_of(128, 0, 1023), 128);
    assert_int_equal(size_of(128, 0, 1024), 0);
}

static void check_lane_size(unsigned n_slots, struct claim_load load, unsigned n,
                            unsigned n_on_trial)
{
    unsigned most_on_trial;

    assert_int_equal(claim_lane_size(n_slots, &load, &most_on_trial), n);
    assert_int_equal(most_on_trial, n_on_trial);
}

static void test_lanes_leave_a_quarter_of_the_slots_to_others(void **state)
{
    (void)state;

    check_lane_size(128, (struct claim_load){0}, 96, 32);
    check_lane_size(128, (struct claim_load){.n_in_flight = 90, .n_of_lanes = 90}, 6, 32);
    check_lane_size(128, (struct claim_load){.n_in_flight = 96, .n_of_lanes = 96}, 0, 32);
    check_lane_size(128, (struct claim_load){.n_in_flight = 127, .n_of_lanes = 3}, 1, 32);
    check_lane_size(128, (struct claim_load){.n_unrecorded = 1024}, 0, 32);
    check_lane_size(1, (struct claim_load){0}, 1, 1);
}

static void test_lanes_on_trial_have_a_quarter_of_the_slots(void **state)
{
    (void)state;

    check_lane_size(128, (struct claim_load){.n_in_flight = 30, .n_of_lanes = 30, .n_on_trial = 30},
                    66, 2);
    check_lane_size(128, (struct claim_load){.n_in_flight = 40, .n_of_lanes = 40, .n_on_trial = 40},
                    56, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_free_slots_are_claimed_for),
        cmocka_unit_test(test_a_claim_has_a_limit),
        cmocka_unit_test(test_fewer_than_a_quarter_of_the_slots_are_not_worth_a_claim),
        cmocka_unit_test(test_what_will_have_a_slot_soon_is_claimed_in_few_large_claims),
        cmocka_unit_test(test_the_pace_is_that_of_the_last_moment),
        cmocka_unit_test(test_the_faster_it_goes_the_longer_is_gathered),
        cmocka_unit_test(test_the_longer_claims_take_the_longer_is_gathered),
        cmocka_unit_test(
            test_what_lanes_hold_does_not_keep_others_waiting_for_the_last_of_the_rest),
        cmocka_unit_test(test_no_claims_while_the_records_lag_behind),
        cmocka_unit_test(test_lanes_leave_a_quarter_of_the_slots_to_others),
        cmocka_unit_test(test_lanes_on_trial_have_a_quarter_of_the_slots),
    };

    return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
