/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cells/replica_lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_a_standby_of_which_nothing_is_known_is_as_old_as_can_be(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    assert_int_equal(replica_lag_ms(&lag, 1000), INT64_MAX);
    replica_lag_note_standby(&lag, 50);
    assert_int_equal(replica_lag_ms(&lag, 1000), INT64_MAX);
}

static void test_what_it_has_replayed_it_shows_as_of_when_the_primary_was_there(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    replica_lag_note_primary(&lag, 100, 1000);
    replica_lag_note_primary(&lag, 200, 2000);
    replica_lag_note_standby(&lag, 150);
    assert_int_equal(replica_lag_ms(&lag, 2500), 1500);
    replica_lag_note_standby(&lag, 200);
    assert_int_equal(replica_lag_ms(&lag, 2500), 500);
}

static void test_an_idle_primary_makes_nobody_old(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    for (int64_t now_ms = 0; now_ms < 1000000; now_ms += 1000) {
        replica_lag_note_primary(&lag, 100, now_ms);
        replica_lag_note_standby(&lag, 100);
        assert_int_equal(replica_lag_ms(&lag, now_ms + 10), 10);
    }
}

/* It believes to have all that there is: all that it has received, that is. */
static void test_one_that_stands_still_grows_old_while_the_primary_goes_on(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    replica_lag_note_primary(&lag, 100, 0);
    for (int64_t i = 1; i < 100; i++) {
        replica_lag_note_primary(&lag, 100 + (uint64_t)i, i * 1000);
        replica_lag_note_standby(&lag, 100);
        assert_int_equal(replica_lag_ms(&lag, i * 1000), i * 1000);
    }
    replica_lag_note_standby(&lag, 199);
    assert_int_equal(replica_lag_ms(&lag, 99000), 0);
}

static void test_a_steady_distance_is_the_lag(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    for (int64_t i = 0; i < 100; i++) {
        replica_lag_note_primary(&lag, 1000 + (uint64_t)i * 10, i * 1000);
        replica_lag_note_standby(&lag, 1000 + (uint64_t)i * 10 - 50);
        if (i >= 5)
            assert_int_equal(replica_lag_ms(&lag, i * 1000), 5000);
    }
}

static void test_one_that_was_promoted_is_not_taken_for_fresh(void **state)
{
    struct replica_lag lag = {0};

    (void)state;
    replica_lag_note_primary(&lag, 100, 1000);
    replica_lag_note_standby(&lag, 100);
    replica_lag_note_primary(&lag, 100, 9000);
    replica_lag_note_standby(&lag, 0);
    assert_int_equal(replica_lag_ms(&lag, 9000), 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_standby_of_which_nothing_is_known_is_as_old_as_can_be),
        cmocka_unit_test(test_what_it_has_replayed_it_shows_as_of_when_the_primary_was_there),
        cmocka_unit_test(test_an_idle_primary_makes_nobody_old),
        cmocka_unit_test(test_one_that_stands_still_grows_old_while_the_primary_goes_on),
        cmocka_unit_test(test_a_steady_distance_is_the_lag),
        cmocka_unit_test(test_one_that_was_promoted_is_not_taken_for_fresh),
    };

    return cmocka_run_group_tests_name("replica_lag", tests, NULL, NULL);
}
