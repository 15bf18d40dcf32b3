/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/traceparent.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void test_version_00_is_valid(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("00-" TRACE "-" PARENT "-01"),
        HK_STR("00-" TRACE "-" PARENT "-00"),
        HK_STR("00-" TRACE "-" PARENT "-ff"),
        HK_STR("00-00000000000000000000000000000001-0000000000000001-01"),
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_true(hk_traceparent_is_valid(cases[i]));
}

static void test_everything_else_counts_as_none(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR_NULL,
        HK_STR(""),
        HK_STR("00"),
        HK_STR("01-" TRACE "-" PARENT "-01"),       /* a version that may have more */
        HK_STR("ff-" TRACE "-" PARENT "-01"),       /* no version at all */
        HK_STR("00-" TRACE "-" PARENT "-01 "),      /* too long */
        HK_STR("00-" TRACE "-" PARENT "-01-extra"), /* too long */
        HK_STR("00-" TRACE "-" PARENT "-1"),        /* too short */
        HK_STR("00-" TRACE "-" PARENT "-0g"),
        HK_STR("00-00000000000000000000000000000000-" PARENT "-01"),
        HK_STR("00-" TRACE "-0000000000000000-01"),
        HK_STR("00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01"),
        HK_STR("00-" TRACE "-00F067AA0BA902B7-01"),
        HK_STR("00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01"),
        HK_STR("00_" TRACE "-" PARENT "-01"),
        HK_STR("00-" TRACE "_" PARENT "-01"),
        HK_STR("00-" TRACE "-" PARENT "_01"),
        HK_STR("00-" TRACE "-00f067aa0ba9\r\nb7-01"),
        HK_STR("00-" TRACE "-00f067aa0ba9\0\0b7-01"),
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        if (hk_traceparent_is_valid(cases[i]))
            fail_msg("case %zu: %.*s", i, (int)cases[i].n, cases[i].p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_00_is_valid),
        cmocka_unit_test(test_everything_else_counts_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
