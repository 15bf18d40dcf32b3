/* SPDX-License-Identifier: Apache-2.0 */
/* What hk_filter_check() accepts and refuses. That PostgreSQL agrees: tests/integration/filters.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/filter.h"

/* In memory of its own size, so that a sanitizer sees a read behind the end. */
static enum hk_code check(const char *text, struct hk_error *ret_error)
{
    struct hk_str filter = hk_str(text);
    char *copy = malloc(filter.n == 0 ? 1 : filter.n);
    enum hk_code code;

    assert_non_null(copy);
    memcpy(copy, filter.p, filter.n);
    *ret_error = (struct hk_error){.code = HK_OK};
    code = hk_filter_check((struct hk_str){copy, filter.n}, ret_error);
    free(copy);
    return code;
}

static void must_pass(const char *const filters[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_error error;

        if (check(filters[i], &error) != HK_OK)
            fail_msg("%s: %s", filters[i], error.detail);
    }
}

static void must_fail(const char *const filters[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_error error;

        if (check(filters[i], &error) != HK_INVALID_BODY)
            fail_msg("%s is taken", filters[i]);
        assert_string_not_equal(error.detail, "");
    }
}

static void test_comparisons_with_literals_are_taken(void **state)
{
    static const char *const filters[] = {
        "$.a == 1",
        "$.a==1",
        " $ == null ",
        "$.a != -0.5e-3",
        "$.a <= 12345678901234567890",
        "$.\"a b\".c >= \"x\"",
        "$.a[0].b < true",
        "$[3] > false",
        "$.type == \"size\"",
        "$.exists == 1 && $.true == 2 || $.starts == 3",
        "$.a starts with \"EUR\"",
        "$.a\nstarts\twith\r\"\\u00e9\\n\\\\\\\"\"",
        "$.\"\xc3\xa9\" == \"\xf0\x9f\x98\x80\"",
        "$.a[*].b == 1",
    };

    (void)state;
    must_pass(filters, HK_COUNTOF(filters));
}

static void test_terms_are_joined_negated_and_bracketed(void **state)
{
    static const char *const filters[] = {
        "$.a == 1 && $.b == 2 || $.c == 3",
        "!($.a == 1)",
        "! exists ( $.a )",
        "(((((((($.a == 1))))))))",
        "exists($.a[*] ? (@.b == 1 && !exists(@.c)))",
        "exists($.a ?(@ == 1))",
        "$.a[*] ? (@.b == 1).c == 2",
        "exists($.a ? (exists(@.b[*])))",
    };

    (void)state;
    must_pass(filters, HK_COUNTOF(filters));
}

static void test_what_could_cost_more_than_the_payload_is_long_is_refused(void **state)
{
    static const char *const filters[] = {
        "$.** == 1",
        "$.**{2}.a == 1",
        "$.* == 1",
        "$.a[*].b[*] == 1",
        "$.a like_regex \"^(a+)+$\"",
        "$.a == $.b",
        "1 == $.a",
        "exists($.a[*] ? ($.b == 1))",
        "exists($.a[*] ? (@.b[*] ? (@ == 1) == 1))",
        "exists($.a ? (@ == 1) ? (@ == 2))",
        "$.a.size() == 1",
        "$.a.type () == \"x\"",
        "$.a.keyvalue().key == \"x\"",
        "$.a.datetime() < \"2020\"",
        "$.a + 1 == 2",
        "-$.a == 1",
        "$.a == $x",
        "$x == 1",
        "$.a[last] == 1",
        "$.a[0 to 5] == 1",
        "$.a[0,1] == 1",
        "$.a[1000000] == 1",
        "$.a[-1] == 1",
        "$.a[01] == 1",
        "($.a == 1) is unknown",
        "strict $.a == 1",
        "lax $.a == 1",
        "$.a == 1 /* a comment */",
    };

    (void)state;
    must_fail(filters, HK_COUNTOF(filters));
}

static void test_what_is_no_predicate_is_refused(void **state)
{
    static const char *const filters[] = {
        "",
        " ",
        "$",
        "$.a",
        "$.a ==",
        "== 1",
        "true",
        "$.a = 1",
        "$.a <> 1",
        "$.a == 1 &&",
        "$.a == 1 & $.b",
        "$.a == 1)",
        "($.a",
        "!$.a == 1",
        "!!($ == 1)",
        "exists",
        "exists()",
        "exists(@.a)",
        "@.a == 1",
        "$.1 == 1",
        "$. a == 1",
        "$ .a == 1",
        "$.a[ 0] == 1",
        "$.a == 1 2",
        "$.a == truex",
        "$.a == nul",
        "$.a == True",
        "$.a == 'x'",
        "$.a == \"x",
        "$.a == \"\\x41\"",
        "$.a == \"\\u0000\"",
        "$.a == \"\\ud800\"",
        "$.a == \"\\u12\"",
        "$.a == \"\n\"",
        "$.a == 1.",
        "$.a == .5",
        "$.a == 01",
        "$.a == 1e",
        "$.a == 1e9999",
        "$.a == 0x10",
        "$.a == 1_000",
        "$.a == --1",
        "$.\xc3\xa9 == 1",
        "$.a starts \"x\"",
        "$.a starts with 1",
        "exists($.a == 1)",
        "((((((((($.a == 1)))))))))",
        "$.a == 1234567890123456789012345678901",
    };

    (void)state;
    must_fail(filters, HK_COUNTOF(filters));
}

static void test_the_answer_says_where_and_what(void **state)
{
    struct hk_error error;

    (void)state;
    assert_int_equal(check("$.a == 1 && $.b like_regex \"x\"", &error), HK_INVALID_BODY);
    assert_string_equal(error.detail, "stops being a filter at byte offset 16: ==, !=, <, <=, >, "
                                      ">= or \"starts with\" is expected");
}

/* `n` times "part", then `end`. */
static enum hk_code check_repeated(const char *part, unsigned n, const char *end)
{
    char text[4096] = "";
    struct hk_error error;

    for (unsigned i = 0; i < n; i++)
        memcpy(text + strlen(text), part, strlen(part) + 1);
    memcpy(text + strlen(text), end, strlen(end) + 1);
    return check(text, &error);
}

static void test_each_limit_is_exact(void **state)
{
    (void)state;
    assert_int_equal(check_repeated("$.a==1||", HK_FILTER_MAX_TERMS - 1, "$.a==1"), HK_OK);
    assert_int_equal(check_repeated("$.a==1||", HK_FILTER_MAX_TERMS, "$.a==1"), HK_INVALID_BODY);
    assert_int_equal(check_repeated("$[*]==1||", HK_FILTER_MAX_WILDCARDS, "$.a==1"), HK_OK);
    assert_int_equal(check_repeated("$[*]==1||", HK_FILTER_MAX_WILDCARDS + 1, "$.a==1"),
                     HK_INVALID_BODY);
    assert_int_equal(check_repeated(" ", HK_FILTER_MAX_BYTES - 4, "$==1"), HK_OK);
    assert_int_equal(check_repeated(" ", HK_FILTER_MAX_BYTES - 3, "$==1"), HK_INVALID_BODY);
    assert_int_equal(check("$.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p==1", &(struct hk_error){0}), HK_OK);
    assert_int_equal(check("$.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q==1", &(struct hk_error){0}),
                     HK_INVALID_BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparisons_with_literals_are_taken),
        cmocka_unit_test(test_terms_are_joined_negated_and_bracketed),
        cmocka_unit_test(test_what_could_cost_more_than_the_payload_is_long_is_refused),
        cmocka_unit_test(test_what_is_no_predicate_is_refused),
        cmocka_unit_test(test_the_answer_says_where_and_what),
        cmocka_unit_test(test_each_limit_is_exact),
    };

    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
