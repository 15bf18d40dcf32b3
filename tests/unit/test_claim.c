/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages a worker claims at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/claim.h"

static void test_the_free_slots_are_claimed_for(void **state)
{
    (void)state;

    assert_int_equal(claim_size(128, 0, 0), 128);
    assert_int_equal(claim_size(128, 28, 0), 100);
    assert_int_equal(claim_size(1, 0, 0), 1);
}

static void test_a_claim_has_a_limit(void **state)
{
    (void)state;

    assert_int_equal(claim_size(4096, 0, 0), CLAIM_MAX);
    assert_int_equal(claim_size(4096, 3000, 0), CLAIM_MAX);
}

static void test_fewer_than_a_quarter_of_the_slots_are_not_worth_a_claim(void **state)
{
    (void)state;

    assert_int_equal(claim_size(128, 96, 0), 32);
    assert_int_equal(claim_size(128, 97, 0), 0);
    assert_int_equal(claim_size(128, 128, 0), 0);
    assert_int_equal(claim_size(128, 200, 0), 0);
    assert_int_equal(claim_size(1, 1, 0), 0);
    assert_int_equal(claim_size(3, 2, 0), 1);
}

static void test_no_claims_while_the_records_lag_behind(void **state)
{
    (void)state;

    assert_int_equal(claim_size(128, 0, 1023), 128);
    assert_int_equal(claim_size(128, 0, 1024), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_free_slots_are_claimed_for),
        cmocka_unit_test(test_a_claim_has_a_limit),
        cmocka_unit_test(test_fewer_than_a_quarter_of_the_slots_are_not_worth_a_claim),
        cmocka_unit_test(test_no_claims_while_the_records_lag_behind),
    };

    return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
