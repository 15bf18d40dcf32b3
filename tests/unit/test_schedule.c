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

/* The number of delays; -1: it is no schedule. */
static int read_schedule(const char *text, unsigned nth, int64_t *ret_ms)
{
    struct hk_schedule schedule;

    if (!hk_schedule_read(hk_str(text), nth, &schedule))
        return -1;
    *ret_ms = schedule.delay_ms;
    return (int)schedule.n_delays;
}

static int count(const char *text)
{
    int64_t delay_ms;

    return read_schedule(text, 1, &delay_ms);
}

static int64_t total_s(const char *text)
{
    struct hk_schedule schedule;

    assert_true(hk_schedule_read(hk_str(text), 0, &schedule));
    return schedule.total_ms / 1000;
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

    assert_int_equal(count("5s 5m 30m 2h"), 4);
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
    assert_int_equal(delay_ms, 0);
}

static void test_BC_23_the_hourly_week_has_168_delays(void **state)
{
    (void)state;

    assert_int_equal(count("1h*168"), 168);
    assert_delay("1h*168", 1, 3600000);
    assert_delay("1h*168", 168, 3600000);
}

static void test_an_empty_schedule_has_no_delays(void **state)
{
    (void)state;

    assert_int_equal(count(""), 0);
    assert_int_equal(count("  "), 0);
}

static void test_a_thousand_delays_are_the_most(void **state)
{
    (void)state;

    assert_int_equal(count("1s*1000"), 1000);
    assert_int_equal(count("1s*1001"), -1);
    assert_int_equal(count("1s*999 1s 1s"), -1);
}

static void test_what_is_no_schedule_is_refused(void **state)
{
    static const char *const texts[] = {
        "5",
        "s",
        "5x",
        "5 s",
        "5ss",
        "-5s",
        "+5s",
        "5s,5m",
        "5s*",
        "5s*0",
        "5s*2*2",
        "5s*-1",
        "1.5s",
        "5s\t5s",
        "367d",
        "99999999999999999999s",
        "5s5",
        "*3",
        "5S",
        "0x5s",
        "5s*x",
        "5s\n",
        "1h*1h",
        "5s 99999999999h",
        "0s",
        "0h*5",
        "1h for",
        "1h for 5m",
        "1h  for 2h",
        "1h for 0s",
        "1h for 2h*2",
        "1s for 2000s",
        "5s x2",
        "5s x2 to 1h",
        "5s x2 for",
        "5s x1 for 1h",
        "5s x1.0 for 1h",
        "5s x0.5 for 1h",
        "5s x11 for 1h",
        "5s x10.1 for 1h",
        "5s x1.55 for 1h",
        "5s x1. for 1h",
        "5s x.5 for 1h",
        "5s x2 to 4s for 1h",
        "5s x2 to for 1h",
        "5s x-2 for 1h",
        "5s x2 for 1h to 1m",
        "x2 for 1h",
        "5s X2 for 1h",
        "5s x2 to 1h for 3s",
        "for 1h",
        "1s x1.1 to 1s for 1d",
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(texts); i++)
        assert_int_equal(count(texts[i]), -1);
}

static void test_an_interval_for_a_duration_is_as_many_as_fit(void **state)
{
    (void)state;

    assert_int_equal(count("1h for 7d"), 168);
    assert_int_equal(total_s("1h for 7d"), 7 * 86400);
    assert_int_equal(count("7s for 20s"), 2);
    assert_int_equal(total_s("7s for 20s"), 14);
    assert_int_equal(count("1h for 1h"), 1);
    assert_int_equal(count("1s for 1000s"), 1000);
    assert_delay("1h for 7d", 168, 3600000);
}

static void test_growing_delays_stop_at_their_most_and_at_their_total(void **state)
{
    static const int64_t delays_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};

    (void)state;

    assert_int_equal(count("5s x2 to 1m for 200s"), 6);
    assert_int_equal(total_s("5s x2 to 1m for 200s"), 195);
    for (unsigned i = 0; i < HK_COUNTOF(delays_ms); i++)
        assert_delay("5s x2 to 1m for 200s", i + 1, delays_ms[i]);
    assert_delay("1s x1.5 for 1h", 2, 2000); /* rounded up to seconds */
    assert_delay("1s x1.5 for 1h", 4, 5000);
    assert_delay("1d x10 for 366d", 3, INT64_C(8640000000));
    assert_int_equal(count("5s x2 for 3d"), 15);
}

static void test_elements_of_any_kind_follow_one_another(void **state)
{
    (void)state;

    assert_int_equal(count("1s*2 10s x2 for 1m 1h for 2h 1d"), 2 + 2 + 2 + 1);
    assert_delay("1s*2 10s x2 for 1m 1h for 2h 1d", 4, 20000);
    assert_delay("1s*2 10s x2 for 1m 1h for 2h 1d", 7, 86400000);
    assert_int_equal(total_s("1s*2 10s x2 for 1m 1h for 2h 1d"), 2 + 30 + 7200 + 86400);
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
        cmocka_unit_test(test_an_interval_for_a_duration_is_as_many_as_fit),
        cmocka_unit_test(test_growing_delays_stop_at_their_most_and_at_their_total),
        cmocka_unit_test(test_elements_of_any_kind_follow_one_another),
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
