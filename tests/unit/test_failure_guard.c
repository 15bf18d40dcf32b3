/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth/failure_guard.h"

enum { NOW_MS = 1000000, PER_MINUTE = 20, MINUTE_MS = 60000 };

static struct failure_guard *guard;
static struct failure_report report;

static int set_up(void **state)
{
    (void)state;
    guard = failure_guard_new(PER_MINUTE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    failure_guard_free(guard);
    return 0;
}

static const uint8_t *source(uint32_t i)
{
    static uint8_t name[16];

    memset(name, 7, sizeof(name));
    memcpy(name, &i, sizeof(i));
    return name;
}

/* How many reports came of n failures. */
static unsigned fail_times(uint32_t i, unsigned n, int64_t now_ms)
{
    unsigned n_reports = 0;

    while (n-- > 0)
        n_reports += failure_guard_add(guard, source(i), now_ms, &report) ? 1 : 0;
    return n_reports;
}

static int64_t wait_of(uint32_t i, int64_t now_ms)
{
    return failure_guard_wait_ms(guard, source(i), now_ms);
}

static void test_twenty_failures_are_free_and_then_one_waits(void **state)
{
    (void)state;
    assert_int_equal(fail_times(1, PER_MINUTE - 1, NOW_MS), 0);
    assert_int_equal(wait_of(1, NOW_MS), 0);
    assert_int_equal(fail_times(1, 1, NOW_MS), 1);
    assert_int_equal(wait_of(1, NOW_MS), MINUTE_MS / PER_MINUTE);
    assert_int_equal(wait_of(2, NOW_MS), 0);
}

static void test_one_try_comes_back_every_three_seconds(void **state)
{
    int64_t now_ms = NOW_MS;
    unsigned n_tries = 0;

    (void)state;
    (void)fail_times(1, PER_MINUTE, now_ms);
    for (; now_ms < NOW_MS + MINUTE_MS; now_ms += 100) {
        if (wait_of(1, now_ms) == 0) {
            (void)fail_times(1, 1, now_ms);
            n_tries++;
        }
    }
    assert_in_range(n_tries, PER_MINUTE - 1, PER_MINUTE);
}

static void test_nobody_waits_for_more_than_a_minute_whatever_was_in_flight(void **state)
{
    (void)state;
    (void)fail_times(1, 5000, NOW_MS);
    assert_in_range(wait_of(1, NOW_MS), MINUTE_MS, MINUTE_MS + MINUTE_MS / PER_MINUTE);
    assert_int_equal(wait_of(1, NOW_MS + MINUTE_MS + MINUTE_MS / PER_MINUTE), 0);
}

static void test_it_is_quiet_until_somebody_fails_and_when_all_has_drained(void **state)
{
    (void)state;
    assert_true(failure_guard_is_quiet(guard, 0));
    (void)fail_times(1, 1, NOW_MS);
    assert_false(failure_guard_is_quiet(guard, NOW_MS + 2999));
    assert_true(failure_guard_is_quiet(guard, NOW_MS + 3001));
    (void)fail_times(1, PER_MINUTE, NOW_MS);
    (void)fail_times(2, 1, NOW_MS + 1000); /* the longest of them counts */
    assert_false(failure_guard_is_quiet(guard, NOW_MS + MINUTE_MS));
    assert_true(failure_guard_is_quiet(guard, NOW_MS + MINUTE_MS + 4000));
}

static void test_a_flood_is_reported_once_a_minute_with_what_was_refused(void **state)
{
    unsigned n_reports = 0;

    (void)state;
    assert_int_equal(fail_times(1, PER_MINUTE + 3, NOW_MS), 1);
    assert_int_equal(report.n_failures, PER_MINUTE);
    assert_int_equal(report.n_refused, 0);
    for (int64_t now_ms = NOW_MS; now_ms < NOW_MS + 3 * MINUTE_MS; now_ms += 100) {
        if (wait_of(1, now_ms) == 0)
            n_reports += fail_times(1, 1, now_ms);
    }
    assert_int_equal(n_reports, 2);
    assert_in_range(report.n_failures, PER_MINUTE - 1, PER_MINUTE + 1);
    assert_in_range(report.n_refused, 500, 600);
    assert_int_equal(fail_times(1, PER_MINUTE, NOW_MS + 10 * MINUTE_MS), 1); /* another flood */
    assert_int_equal(report.n_failures, PER_MINUTE);
}

static void test_many_sources_do_not_push_out_one_that_floods(void **state)
{
    (void)state;
    (void)fail_times(1, PER_MINUTE, NOW_MS);
    for (uint32_t i = 2; i < 20000; i++)
        (void)fail_times(i, 1, NOW_MS);
    assert_true(wait_of(1, NOW_MS) > 0);
}

static void test_a_limit_of_none_counts_nothing(void **state)
{
    struct failure_guard *off = failure_guard_new(0);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_false(failure_guard_add(off, source(1), NOW_MS, &report));
    assert_true(failure_guard_is_quiet(off, NOW_MS));
    assert_int_equal(failure_guard_wait_ms(off, source(1), NOW_MS), 0);
    failure_guard_free(off);
}

static void test_a_proof_is_trusted_until_it_is_bad(void **state)
{
    uint8_t sha256[HK_SHA256_SIZE] = {0}, other[HK_SHA256_SIZE] = {0};

    (void)state;
    other[HK_SHA256_SIZE - 1] = 1; /* of the same place */
    assert_false(failure_guard_trusts(guard, sha256));
    failure_guard_trust(guard, sha256);
    assert_true(failure_guard_trusts(guard, sha256));
    assert_false(failure_guard_trusts(guard, other));
    failure_guard_distrust(guard, other);
    assert_true(failure_guard_trusts(guard, sha256));
    failure_guard_distrust(guard, sha256);
    assert_false(failure_guard_trusts(guard, sha256));
}

#define guard_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        guard_test(test_twenty_failures_are_free_and_then_one_waits),
        guard_test(test_one_try_comes_back_every_three_seconds),
        guard_test(test_nobody_waits_for_more_than_a_minute_whatever_was_in_flight),
        guard_test(test_it_is_quiet_until_somebody_fails_and_when_all_has_drained),
        guard_test(test_a_flood_is_reported_once_a_minute_with_what_was_refused),
        guard_test(test_many_sources_do_not_push_out_one_that_floods),
        guard_test(test_a_limit_of_none_counts_nothing),
        guard_test(test_a_proof_is_trusted_until_it_is_bad),
    };

    return cmocka_run_group_tests_name("failure_guard", tests, NULL, NULL);
}
