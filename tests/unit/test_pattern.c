/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of custom fields: what is taken, and what is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/resources/pattern.h"

static void expect(const char *const patterns[], size_t n, enum hk_code code)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_error error = {0};

        if (check_pattern(hk_str(patterns[i]), &error) != code)
            fail_msg("%s: %s", patterns[i], error.detail);
    }
}

static void test_simple_patterns_are_taken(void **state)
{
    static const char *const patterns[] = {
        "NL-[0-9]{3}", "[A-Z]{2}\\d+",
        "a|b|",        "(?:[a-z]+\\.)*[a-z]{2,}",
        "((a))?",      "^\\w*$",
        "[^\\]\\-x]",  "\\(\\+31\\) \\d{9}",
        "a{1,100}",    "(?:[0-9]{10}){10}",
        "(?:a*)*",     "\xc3\xa9+",
        "-",
    };

    (void)state;
    expect(patterns, HK_COUNTOF(patterns), HK_OK);
}

static void test_what_looks_back_or_ahead_or_has_options_is_refused(void **state)
{
    static const char *const patterns[] = {
        "(a)\\1", "(?=a)",   "(?!a)", "(?<=a)", "(?<n>a)", "(?i)a", "(?#c)", "\\y",
        "\\m",    "\\u0041", "a*?",   "a+?",    "a??",     "a{2}?", "a**",   "a*{2}",
    };

    (void)state;
    expect(patterns, HK_COUNTOF(patterns), HK_INVALID_BODY);
}

static void test_what_is_no_pattern_is_refused(void **state)
{
    static const char *const patterns[] = {
        "(",   ")",  "(a",  "a)",      "[",      "[]",       "[^]", "]",   "}",
        "{",   "a{", "a{}", "a{,2}",   "a{3,2}", "a{0}",     "*",   "|*",  "^*",
        "(*)", "\\", "\\q", "[[:a:]]", "[a[.b]", "a{1,2,3}", "(?",  "(?:", "a{x}",
    };

    (void)state;
    expect(patterns, HK_COUNTOF(patterns), HK_INVALID_BODY);
}

static void test_what_is_large_when_written_out_is_refused(void **state)
{
    static const char *const patterns[] = {
        "a{101}",
        "a{1000000000000}",
        "(?:a{100}){10}",
        "(?:(?:(?:a{9}){9}){9}){9}",
        "((((((((((((((((((((a))))))))))))))))))))",
        "(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:a+)+)+)+)+)+)+)+)+)+)+)+",
    };

    (void)state;
    expect(patterns, HK_COUNTOF(patterns), HK_INVALID_BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_patterns_are_taken),
        cmocka_unit_test(test_what_looks_back_or_ahead_or_has_options_is_refused),
        cmocka_unit_test(test_what_is_no_pattern_is_refused),
        cmocka_unit_test(test_what_is_large_when_written_out_is_refused),
    };

    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
