/* SPDX-License-Identifier: Apache-2.0 */
/* Where hk_json_scan() and hk_json_next() say that values lie, and what strings spell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/json_scan.h"

static struct hk_json_span scan(const char *text)
{
    struct hk_json_span span = {.kind = 0};
    size_t at;

    assert_true(hk_json_scan(hk_str(text), &span, &at));
    return span;
}

static void assert_str_equal(struct hk_str actual, const char *expected)
{
    if (!hk_str_eq(actual, hk_str(expected)))
        fail_msg("%.*s instead of %s", (int)actual.n, actual.p, expected);
}

static void test_the_span_of_a_value_is_without_the_blanks_around_it(void **state)
{
    static const struct {
        const char *text;
        enum hk_json_kind kind;
        const char *bytes;
    } cases[] = {
        {" { \"a\" : 1 } ", HK_JSON_OBJECT, "{ \"a\" : 1 }"},
        {"\n[ 1 ]\n", HK_JSON_ARRAY, "[ 1 ]"},
        {" \"x\" ", HK_JSON_STRING, "\"x\""},
        {" -1.50 ", HK_JSON_NUMBER, "-1.50"},
        {"7", HK_JSON_NUMBER, "7"},
        {" true ", HK_JSON_TRUE, "true"},
        {" false ", HK_JSON_FALSE, "false"},
        {" null ", HK_JSON_NULL, "null"},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct hk_json_span span = scan(cases[i].text);

        assert_int_equal(span.kind, cases[i].kind);
        assert_str_equal(span.bytes, cases[i].bytes);
    }
}

static void test_the_members_of_an_object_come_in_their_order(void **state)
{
    static const struct {
        const char *name;
        enum hk_json_kind kind;
        const char *bytes;
    } expected[] = {
        {"\"a\"", HK_JSON_NUMBER, "1e2"},
        {"\"b]\"", HK_JSON_STRING, "\"}\\\\\""},
        {"\"\\\"\"", HK_JSON_ARRAY, "[ \"]\", {\"x\":[]} ]"},
        {"\"a\"", HK_JSON_OBJECT, "{ }"},
        {"\"\"", HK_JSON_OBJECT, "{\"}\":\"{\\\"\"}"},
        {"\"t\"", HK_JSON_TRUE, "true"},
        {"\"f\"", HK_JSON_FALSE, "false"},
        {"\"n\"", HK_JSON_NULL, "null"},
    };
    struct hk_json_span span =
        scan(" {\"a\":1e2 ,\"b]\": \"}\\\\\",\n\"\\\"\" :[ \"]\", {\"x\":[]} ] , "
             "\"a\":{ }, \"\":{\"}\":\"{\\\"\"},\"t\":true,\"f\":false ,"
             "\"n\":null } ");
    struct hk_json_cursor cursor = {.bytes = span.bytes};
    struct hk_json_span value;
    struct hk_str name;

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(expected); i++) {
        assert_true(hk_json_next(&cursor, &name, &value));
        assert_str_equal(name, expected[i].name);
        assert_int_equal(value.kind, expected[i].kind);
        assert_str_equal(value.bytes, expected[i].bytes);
    }
    assert_false(hk_json_next(&cursor, &name, &value));
    assert_false(hk_json_next(&cursor, &name, &value));
}

static void test_the_elements_of_an_array_have_no_name(void **state)
{
    static const char *const expected[] = {"[[ ]]", "{\"a\":1}", "\"x\"", "-0.5", "null"};
    struct hk_json_span span = scan("[ [[ ]] , {\"a\":1},\"x\" ,-0.5,null]");
    struct hk_json_cursor cursor = {.bytes = span.bytes};
    struct hk_json_span value;
    struct hk_str name;

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(expected); i++) {
        assert_true(hk_json_next(&cursor, &name, &value));
        assert_null(name.p);
        assert_str_equal(value.bytes, expected[i]);
    }
    assert_false(hk_json_next(&cursor, &name, &value));
}

static void test_what_is_empty_or_no_container_has_nothing_to_walk(void **state)
{
    static const char *const cases[] = {"{}", "[]", "{ \n }", "[ ]", "\"[1]\"", "1", "null"};
    struct hk_json_cursor none = {.bytes = HK_STR_NULL};
    struct hk_json_span value;
    struct hk_str name;

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct hk_json_cursor cursor = {.bytes = scan(cases[i]).bytes};

        assert_false(hk_json_next(&cursor, &name, &value));
    }
    assert_false(hk_json_next(&none, &name, &value));
}

static void test_a_string_equals_what_it_spells(void **state)
{
    static const struct {
        struct hk_str quoted;
        const char *text;
        bool is_equal;
    } cases[] = {
        {HK_STR("\"payload\""), "payload", true},
        {HK_STR("\"p\\u0061yload\""), "payload", true},
        {HK_STR("\"\\u0070\\u0061\\u0079\""), "pay", true},
        {HK_STR("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80", true},
        {HK_STR("\"a\\/b\\\\c\\\"\""), "a/b\\c\"", true},
        {HK_STR("\"\\b\\f\\n\\r\\t\""), "\b\f\n\r\t", true},
        {HK_STR("\"\""), "", true},
        {HK_STR("\"payload\""), "payloads", false},
        {HK_STR("\"payloads\""), "payload", false},
        {HK_STR("\"Payload\""), "payload", false},
        {HK_STR("\"p\\u0061yloa\""), "payload", false},
        {HK_STR("\"p\\u0061yloads\""), "payload", false},
        {HK_STR("\"payload\\u0000\""), "payload", false},
        {HK_STR("\"\\u0000\""), "", false},
        {HK_STR("\"\\u20ac\""), "\xe2\x82", false},
        {HK_STR("\"\""), "a", false},
        {HK_STR("\"a\""), "", false},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_int_equal(hk_json_string_eq(cases[i].quoted, cases[i].text), cases[i].is_equal);
}

static void test_a_string_is_decoded(void **state)
{
    static const struct {
        struct hk_str quoted;
        const char *text;
    } cases[] = {
        {HK_STR("\"\""), ""},
        {HK_STR("\"plain text\""), "plain text"},
        {HK_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t"},
        {HK_STR("\"x\\u007fy\\u0080\\u07ff\\u0800\\uffff\""),
         "x\x7fy\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {HK_STR("\"\\uD800\\uDC00-\\udbff\\udfff\""), "\xf0\x90\x80\x80-\xf4\x8f\xbf\xbf"},
        {HK_STR("\"\xe2\x82\xac\\u20AC\""), "\xe2\x82\xac\xe2\x82\xac"},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        char *decoded = malloc(cases[i].quoted.n);
        size_t n;

        assert_non_null(decoded);
        n = hk_json_string_decode(cases[i].quoted, decoded);
        assert_str_equal((struct hk_str){decoded, n}, cases[i].text);
        free(decoded);
    }
}

static void test_a_string_with_u_0000_is_not_decoded(void **state)
{
    char decoded[32];

    (void)state;

    assert_true(hk_json_string_decode(HK_STR("\"\\u0000\""), decoded) == SIZE_MAX);
    assert_true(hk_json_string_decode(HK_STR("\"abc\\u0000def\""), decoded) == SIZE_MAX);
    assert_int_equal(hk_json_string_decode(HK_STR("\"\\\\u0000\""), decoded), 6);
}

/* Letters, then `n_escapes` backslashes and quotes in turn: wherever eights and sixteens end. */
static void write_string(char *ret, size_t n_letters, size_t n_escapes)
{
    memset(ret, 'x', n_letters);
    for (size_t i = 0; i < n_escapes; i++)
        memcpy(ret + n_letters + 2 * i, i % 3 == 2 ? "\\\"" : "\\\\", 2);
    ret[n_letters + 2 * n_escapes] = '\0';
}

static void test_a_string_ends_at_the_first_quote_that_no_backslash_stands_for(void **state)
{
    char inside[128], text[512], expected[256];

    (void)state;
    for (unsigned i = 0; i < 40 * 8; i++) {
        struct hk_json_cursor cursor;
        struct hk_json_span value;
        struct hk_str name;

        write_string(inside, i / 8, i % 8);
        (void)snprintf(expected, sizeof(expected), "\"%s\"", inside);
        (void)snprintf(text, sizeof(text), "{\"%s\":{\"%s\":\"%s\"},\"b\":2}", inside, inside,
                       inside);
        cursor = (struct hk_json_cursor){.bytes = scan(text).bytes};
        assert_true(hk_json_next(&cursor, &name, &value));
        assert_str_equal(name, expected);
        assert_int_equal(value.bytes.n, 2 * strlen(expected) + 3);
        assert_true(hk_json_next(&cursor, &name, &value));
        assert_str_equal(name, "\"b\"");
        assert_false(hk_json_next(&cursor, &name, &value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_span_of_a_value_is_without_the_blanks_around_it),
        cmocka_unit_test(test_the_members_of_an_object_come_in_their_order),
        cmocka_unit_test(test_the_elements_of_an_array_have_no_name),
        cmocka_unit_test(test_a_string_ends_at_the_first_quote_that_no_backslash_stands_for),
        cmocka_unit_test(test_what_is_empty_or_no_container_has_nothing_to_walk),
        cmocka_unit_test(test_a_string_equals_what_it_spells),
        cmocka_unit_test(test_a_string_is_decoded),
        cmocka_unit_test(test_a_string_with_u_0000_is_not_decoded),
    };

    return cmocka_run_group_tests_name("json_walk", tests, NULL, NULL);
}
