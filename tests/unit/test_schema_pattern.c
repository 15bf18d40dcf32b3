/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: what they match, what is refused, and that time is linear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/schema/pattern.h"

static void *alloc(void *arg, size_t n)
{
    (void)arg;
    return calloc(1, n);
}

static struct pattern *compile(const char *text, const char **ret_reason)
{
    return pattern_compile(hk_str(text), alloc, NULL, ret_reason);
}

static bool matches(const char *text, const char *subject)
{
    struct budget budget = {1000000};
    const char *reason;
    struct pattern *pattern = compile(text, &reason);
    bool is_match;

    if (pattern == NULL)
        fail_msg("%s %s", text, reason);
    is_match = pattern_matches(pattern, hk_str(subject), &budget);
    assert_true(budget.n_left >= 0);
    free(pattern);
    return is_match;
}

/* Backslashes are those of the JSON string: four here are one in the pattern. */
static void test_a_pattern_matches_what_ecma_262_says(void **state)
{
    static const struct {
        const char *pattern, *yes, *no; /* separated by blanks; "" has no blank in it */
    } cases[] = {
        {"abc", "abc xabcx", "ab abd"},
        {"^abc$", "abc", "xabc abcx"},
        {"^a.c$", "abc aéc a💩c", "ac abbc"},
        {"^a*$", "a aaa", "b aab"},
        {"^a+$", "a aaa", "b ba"},
        {"^a?b$", "b ab", "aab"},
        {"^(ab|cd|e)f$", "abf cdf ef", "f abcdf"},
        {"^(?:a|b)*c$", "c abbac", "abd"},
        {"^(?<year>[0-9]{4})-\\\\d\\\\d$", "2026-11", "226-11 2026-1"},
        {"^[a-c]{2,3}$", "ab abc", "a abcd"},
        {"^[a-c]{2}$", "ab", "a abc"},
        {"^[a-c]{2,}$", "ab abcabc", "a"},
        {"^(ab){0,2}$", "ab abab", "ababab a"},
        {"^(a{2}){2}$", "aaaa", "aaa aaaaa"},
        {"^x{0}y$", "y", "xy"},
        {"^a{1}?b+?$", "ab abb", "aab"},
        {"^[^a-c]$", "d é", "a"},
        {"^[-a]$", "- a", "b"},
        {"^[a-]$", "- a", "b"},
        {"^[\\\\d_]+$", "1_2", "a"},
        {"^\\\\d+$", "0123", "a1 ٣"},
        {"^\\\\D+$", "ab", "a1"},
        {"^\\\\w+$", "aZ_9", "é a-b"},
        {"^\\\\W$", "- é", "a"},
        {"^a\\\\sb$", "a\\u00a0b a\\nb a\\u2003b", "aéb"},
        {"^\\\\S$", "é", "\\u00a0"},
        {"^[\\\\S\\\\s]$", "a \\n", "ab"},
        {"\\\\bab\\\\b", "ab ab-c é-ab", "abc cab"},
        {"^a\\\\Bb$", "ab", "a-b"},
        {"^\\\\u00e9\\\\x41$", "éA", "eA"},
        {"^\\\\uD83D\\\\uDCA9$", "💩 \\uD83D\\uDCA9", "x"},
        {"^\\\\u{1F4A9}$", "💩", "x"},
        {"^💩{2}$", "💩💩", "💩"},
        {"^\\\\t\\\\n\\\\cA\\\\0$", "\\t\\n\\u0001\\u0000", "x"},
        {"^\\\\^\\\\$\\\\.\\\\*\\\\/\\\\\\\\$", "^$.*/\\\\", "x"},
        {"^a{,2}$", "a{,2}", "a aa"},
        {"^{$", "{", "x"},
        {"^(a|)$", "a", "b"},
        {"^(|a)+b$", "b ab aab", "c"},
        {"^(a*)*$", "aaa", "b"},
        {"(a|b|c|d)$", "xd", "dx"},
        {"^.$", "é", "\\n \\u2028"},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        for (int wanted = 0; wanted <= 1; wanted++) {
            char list[128], *rest = NULL;

            (void)snprintf(list, sizeof(list), "%s", wanted == 1 ? cases[i].yes : cases[i].no);
            for (char *word = strtok_r(list, " ", &rest); word != NULL;
                 word = strtok_r(NULL, " ", &rest)) {
                if (matches(cases[i].pattern, word) != (wanted == 1))
                    fail_msg("%s and %s", cases[i].pattern, word);
            }
        }
    }
    assert_true(matches("^$", ""));
    assert_true(matches("", ""));
    assert_true(matches("^(a|)$", ""));
    assert_false(matches("^a", ""));
}

static void test_what_cannot_be_matched_in_linear_time_is_refused(void **state)
{
    static const char *const patterns[] = {
        "(a)\\\\1",   "(?=a)",  "(?!a)",     "(?<=a)b", "(?<!a)b", "\\\\p{L}",  "\\\\k<a>",
        "(",          ")",      "a)",        "[a",      "[b-a]",   "*a",        "a**",
        "^*",         "\\\\b+", "\\\\Z",     "\\\\A",   "\\\\xZZ", "\\\\uD800", "\\\\u{110000}",
        "(?i:a)",     "a{2,1}", "a{2000}",   "\\\\",    "[\\\\",   "[a-",       "(a{100}){100}",
        "\\\\uDC00x", "(?<a",   "a{1,99999}"};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(patterns); i++) {
        const char *reason = NULL;
        struct pattern *pattern = compile(patterns[i], &reason);

        if (pattern != NULL)
            fail_msg("%s is not refused", patterns[i]);
        assert_non_null(reason);
    }
}

static void test_a_pattern_has_512_characters_at_most(void **state)
{
    char text[PATTERN_MAX_CHARACTERS + 2];
    const char *reason;
    struct pattern *pattern;

    (void)state;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_null(compile(text, &reason));
    assert_string_equal(reason, "is too long");
    text[PATTERN_MAX_CHARACTERS] = '\0';
    pattern = compile(text, &reason);
    assert_non_null(pattern);
    free(pattern);
}

/* 64 steps a character. What takes a backtracking matcher longer than the universe is old. */
static void test_the_work_is_linear_in_the_text(void **state)
{
    static const char *const patterns[] = {"^(a+)+$", "^(a|aa)+$", "^(a*)*b", "(x+x+)+y",
                                           "^(.*a){12}$"};
    char subject[4001];

    (void)state;

    memset(subject, 'a', sizeof(subject) - 2);
    subject[sizeof(subject) - 2] = '!';
    subject[sizeof(subject) - 1] = '\0';
    for (size_t i = 0; i < HK_COUNTOF(patterns); i++) {
        struct budget budget = {256000};
        const char *reason;
        struct pattern *pattern = compile(patterns[i], &reason);

        assert_false(pattern_matches(pattern, hk_str(subject), &budget));
        assert_true(budget.n_left > 0);
        free(pattern);
    }
}

static void test_a_budget_ends_a_match(void **state)
{
    struct budget budget = {10};
    const char *reason;
    struct pattern *pattern = compile("a$", &reason);

    (void)state;

    assert_false(pattern_matches(pattern, HK_STR("aaaaaaaaaaaaaaaaaaaaaa"), &budget));
    assert_true(budget.n_left < 0);
    free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pattern_matches_what_ecma_262_says),
        cmocka_unit_test(test_what_cannot_be_matched_in_linear_time_is_refused),
        cmocka_unit_test(test_a_pattern_has_512_characters_at_most),
        cmocka_unit_test(test_the_work_is_linear_in_the_text),
        cmocka_unit_test(test_a_budget_ends_a_match),
    };

    return cmocka_run_group_tests_name("schema_pattern", tests, NULL, NULL);
}
