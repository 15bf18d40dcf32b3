/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a schedule, and the values of Retry-After. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/retry_after.h"
#include "hk/schedule.h"

#define NOW_S INT64_C(784111717) /* Sun, 06 Nov 1994 08:48:37 GMT */

static int read_schedule(const char *text, unsigned nth, int64_t *ret_ms)
{
    return hk_schedule_read(hk_str(text), nth, ret_ms);
}

static void assert_delay(const char *text, unsigned nth, int64_t expected_ms)
{
    int64_t delay_ms = -1;

    assert_true(read_schedule(text, nth, &delay_ms) > 0);
    assert_int_equal(delay_ms, expected_ms);
}

static void test_each_unit_is_read(void **state)
{
    (void)state;

    assert_delay("5s", 1, 5000);
    assert_delay("5m", 1, 300000);
    assert_delay("5h", 1, 18000000);
    assert_delay("5d", 1, 432000000);
}

static void test_delays_are_counted_and_found_by_their_place(void **state)
{
    (void)state;

    assert_int_equal(read_schedule("5s 5m 30m 2h", 1, NULL), 4);
    assert_delay("5s 5m 30m 2h", 1, 5000);
    assert_delay("5s 5m 30m 2h", 4, 7200000);
    assert_delay("1s*3 1m*2 1h", 3, 1000);
    assert_delay("1s*3 1m*2 1h", 4, 60000);
    assert_delay("1s*3 1m*2 1h", 6, 3600000);
}

static void test_a_place_beyond_the_end_has_no_delay(void **state)
{
    int64_t delay_ms = -1;

    (void)state;

    assert_int_equal(read_schedule("1s 2s", 3, &delay_ms), 2);
    assert_int_equal(delay_ms, -1);
}

static void test_BC_23_the_hourly_week_has_168_delays(void **state)
{
    (void)state;

    assert_int_equal(read_schedule("1h*168", 1, NULL), 168);
    assert_delay("1h*168", 1, 3600000);
    assert_delay("1h*168", 168, 3600000);
}

static void test_an_empty_schedule_has_no_delays(void **state)
{
    (void)state;

    assert_int_equal(read_schedule("", 1, NULL), 0);
    assert_int_equal(read_schedule("  ", 1, NULL), 0);
}

static void test_a_thousand_delays_are_the_most(void **state)
{
    (void)state;

    assert_int_equal(read_schedule("1s*1000", 1, NULL), 1000);
    assert_int_equal(read_schedule("1s*1001", 1, NULL), -1);
    assert_int_equal(read_schedule("1s*999 1s 1s", 1, NULL), -1);
}

static void test_what_is_no_schedule_is_refused(void **state)
{
    static const char *const texts[] = {
        "5",   "s",    "5x",     "5 s",   "5ss",  "-5s",    "+5s",   "5s,5m",
        "5s*", "5s*0", "5s*2*2", "5s*-1", "1.5s", "5s\t5s", "367d",  "99999999999999999999s",
        "5s5", "*3",   "5S",     "0x5s",  "5s*x", "5s\n",   "1h*1h", "5s 99999999999h",
        "0s",  "0h*5",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(texts); i++)
        assert_int_equal(read_schedule(texts[i], 1, NULL), -1);
}

static int64_t parse(const char *value)
{
    return hk_retry_after_parse(hk_str(value), NOW_S);
}

static void test_R_10_seconds_are_read(void **state)
{
    (void)state;

    assert_int_equal(parse("120"), 120000);
    assert_int_equal(parse(" 120 \r\n"), 120000);
    assert_int_equal(parse("0"), 0);
}

static void test_R_10_a_fraction_is_rounded_up(void **state)
{
    (void)state;

    assert_int_equal(parse("1.5"), 2000);
    assert_int_equal(parse("1.0"), 1000);
    assert_int_equal(parse("0.001"), 1000);
}

static void test_R_10_the_three_forms_of_a_date_are_read(void **state)
{
    (void)state;

    assert_int_equal(parse("Sun, 06 Nov 1994 08:49:37 GMT"), 60000);
    assert_int_equal(parse("Sunday, 06-Nov-94 08:49:37 GMT"), 60000);
    assert_int_equal(parse("Sun Nov  6 08:49:37 1994"), 60000);
}

static void test_R_10_the_past_is_now(void **state)
{
    (void)state;

    assert_int_equal(parse("Sun, 06 Nov 1994 08:40:00 GMT"), 0);
    assert_int_equal(parse("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
}

static void test_R_10_the_huge_stays_in_range(void **state)
{
    (void)state;

    assert_int_equal(parse("999999999"), INT64_C(999999999000));
    assert_int_equal(parse("99999999999999999999999999999999999999999999"), INT64_C(1000000000000));
    assert_int_equal(parse("Fri, 31 Dec 9999 23:59:59 GMT"), INT64_C(1000000000000));
}

static void test_R_10_garbage_is_ignored(void **state)
{
    static const char *const values[] = {
        "",
        " ",
        "soon",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1,5",
        "1 2",
        "0x10",
        "120s",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 06 Nov 1994 08:49:37 GMT                                                     ....",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(values); i++)
        assert_int_equal(parse(values[i]), -1);
    assert_int_equal(hk_retry_after_parse((struct hk_str){"Sun\0", 4}, NOW_S), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_unit_is_read),
        cmocka_unit_test(test_delays_are_counted_and_found_by_their_place),
        cmocka_unit_test(test_a_place_beyond_the_end_has_no_delay),
        cmocka_unit_test(test_BC_23_the_hourly_week_has_168_delays),
        cmocka_unit_test(test_an_empty_schedule_has_no_delays),
        cmocka_unit_test(test_a_thousand_delays_are_the_most),
        cmocka_unit_test(test_what_is_no_schedule_is_refused),
        cmocka_unit_test(test_R_10_seconds_are_read),
        cmocka_unit_test(test_R_10_a_fraction_is_rounded_up),
        cmocka_unit_test(test_R_10_the_three_forms_of_a_date_are_read),
        cmocka_unit_test(test_R_10_the_past_is_now),
        cmocka_unit_test(test_R_10_the_huge_stays_in_range),
        cmocka_unit_test(test_R_10_garbage_is_ignored),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
