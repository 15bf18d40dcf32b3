/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/clock.h"

#define SECOND INT64_C(1000000)

static void test_rfc3339_text_is_utc_with_milliseconds(void **state)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782400 * SECOND, "2000-02-29T00:00:00.000Z"},
        {951868799 * SECOND + 999999, "2000-02-29T23:59:59.999Z"},
        {951868800 * SECOND, "2000-03-01T00:00:00.000Z"},
        {1614265330 * SECOND + 1000, "2021-02-25T15:02:10.001Z"},
        {1735689599 * SECOND, "2024-12-31T23:59:59.000Z"},
        {1794983280 * SECOND + 123456, "2026-11-18T06:28:00.123Z"},
        {4107542400 * SECOND, "2100-03-01T00:00:00.000Z"},
        {253402300799 * SECOND, "9999-12-31T23:59:59.000Z"},
    };
    char text[25];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        hk_format_rfc3339(cases[i].wall_us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_times_outside_of_four_digit_years_are_clamped(void **state)
{
    char text[25];

    (void)state;

    hk_format_rfc3339(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    hk_format_rfc3339(253402300800 * SECOND, text);
    assert_string_equal(text, "9999-12-31T23:59:59.000Z");
}

static void test_a_leap_year_has_a_29th_of_february(void **state)
{
    (void)state;

    assert_true(hk_date_is_valid(2028, 2, 29));
    assert_true(hk_date_is_valid(2000, 2, 29));
    assert_false(hk_date_is_valid(2026, 2, 29));
    assert_false(hk_date_is_valid(2100, 2, 29));
    assert_true(hk_date_is_valid(9999, 12, 31));
    assert_false(hk_date_is_valid(0, 1, 1));
    assert_false(hk_date_is_valid(2026, 13, 1));
    assert_false(hk_date_is_valid(2026, 0, 1));
    assert_false(hk_date_is_valid(2026, 4, 31));
    assert_false(hk_date_is_valid(2026, 4, 0));
}

static void test_the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t before = hk_mono_ms();

    (void)state;

    assert_true(hk_mono_ms() >= before);
    assert_true(hk_wall_us() > 1600000000 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339_text_is_utc_with_milliseconds),
        cmocka_unit_test(test_times_outside_of_four_digit_years_are_clamped),
        cmocka_unit_test(test_a_leap_year_has_a_29th_of_february),
        cmocka_unit_test(test_the_monotonic_clock_does_not_go_back),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
