/* SPDX-License-Identifier: Apache-2.0 */
/* What hk_json_scan() accepts and refuses; the cases are in the manner of JSONTestSuite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/json_scan.h"

/* In memory of its own size, so that a sanitizer sees a read behind the end. */
static bool scans(struct hk_str text)
{
    struct hk_json_span span = {.kind = 0};
    size_t at = SIZE_MAX;
    char *copy = malloc(text.n == 0 ? 1 : text.n);
    bool is_valid;

    assert_non_null(copy);
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    is_valid = hk_json_scan((struct hk_str){copy, text.n}, &span, &at);
    free(copy);
    assert_true(is_valid ? span.kind != 0 && at == SIZE_MAX : span.kind == 0 && at <= text.n);
    return is_valid;
}

static void assert_each(const struct hk_str *cases, size_t n, bool is_valid)
{
    for (size_t i = 0; i < n; i++) {
        if (scans(cases[i]) != is_valid)
            fail_msg("case %zu is %s: %.*s", i, is_valid ? "refused" : "accepted", (int)cases[i].n,
                     cases[i].p);
    }
}

#define ASSERT_EACH_IS(is_valid, cases) assert_each(cases, HK_COUNTOF(cases), is_valid)

static void test_structures_of_rfc_8259_are_accepted(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("{}"),
        HK_STR("[]"),
        HK_STR("[[]]"),
        HK_STR("[[],[]]"),
        HK_STR("[{},[],{}]"),
        HK_STR("{\"a\":{}}"),
        HK_STR("{\"a\":[]}"),
        HK_STR("{\"a\":1}"),
        HK_STR("{\"a\":1,\"b\":2}"),
        HK_STR("{\"a\":1,\"a\":2}"), /* duplicate names are legal in a payload */
        HK_STR("{\"\":0}"),
        HK_STR("{\"a\\u0000b\":0}"),
        HK_STR("{\"a\":{\"b\":{\"c\":[[],{\"d\":null}]}}}"),
        HK_STR("[true,false,null]"),
        HK_STR("[\"a\",1,{},[]]"),
        HK_STR("true"),
        HK_STR("false"),
        HK_STR("null"),
        HK_STR("\"\""),
        HK_STR("\"x\""),
        HK_STR("42"),
        HK_STR(" 42 "),
        HK_STR(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
        HK_STR(" { \"a\" : 1 , \"b\" : [ ] , \"c\" : { } } \n"),
    };

    (void)state;
    ASSERT_EACH_IS(true, cases);
}

static void test_broken_structures_are_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR(""),
        HK_STR_NULL,
        HK_STR(" "),
        HK_STR("["),
        HK_STR("]"),
        HK_STR("{"),
        HK_STR("}"),
        HK_STR("[}"),
        HK_STR("{]"),
        HK_STR("[1"),
        HK_STR("[1,"),
        HK_STR("[1,]"),
        HK_STR("[,]"),
        HK_STR("[,1]"),
        HK_STR("[1,,2]"),
        HK_STR("[1 2]"),
        HK_STR("[1:2]"),
        HK_STR("[1]]"),
        HK_STR("[1}"),
        HK_STR("[[1]"),
        HK_STR("[{}"),
        HK_STR("[\"a\":1]"),
        HK_STR("{\"a\"}"),
        HK_STR("{\"a\":}"),
        HK_STR("{\"a\":1,}"),
        HK_STR("{,\"a\":1}"),
        HK_STR("{\"a\":1,,\"b\":2}"),
        HK_STR("{\"a\" 1}"),
        HK_STR("{\"a\"::1}"),
        HK_STR("{\"a\",1}"),
        HK_STR("{\"a\":1 \"b\":2}"),
        HK_STR("{\"a\":1:2}"),
        HK_STR("{\"a\":1]"),
        HK_STR("{\"a\":1"),
        HK_STR("{\"a\":"),
        HK_STR("{\"a\""),
        HK_STR("{\"a"),
        HK_STR("{a:1}"),
        HK_STR("{'a':1}"),
        HK_STR("{1:1}"),
        HK_STR("{null:1}"),
        HK_STR("{[]:1}"),
        HK_STR("{:1}"),
        HK_STR(":"),
        HK_STR(","),
        HK_STR("<>"),
        HK_STR("*"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_anything_behind_the_value_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("{}{}"),  HK_STR("{} x"),       HK_STR("[]["),        HK_STR("1 2"),
        HK_STR("\"\"1"), HK_STR("null null"),  HK_STR("{},"),        HK_STR("[]\0"),
        HK_STR("1\0"),   HK_STR("{} // note"), HK_STR("/* */ {}"),   HK_STR("# x\n{}"),
        HK_STR("true}"), HK_STR("[]\f"),       HK_STR("[]\xc2\xa0"), HK_STR("\v[]"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_words_are_exact(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("tru"),      HK_STR("truE"),      HK_STR("True"),    HK_STR("TRUE"),
        HK_STR("truex"),    HK_STR("t"),         HK_STR("fals"),    HK_STR("falsey"),
        HK_STR("nul"),      HK_STR("nulll"),     HK_STR("NaN"),     HK_STR("nan"),
        HK_STR("Infinity"), HK_STR("-Infinity"), HK_STR("inf"),     HK_STR("undefined"),
        HK_STR("[nu"),      HK_STR("[fa]"),      HK_STR("[t\0ue]"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_numbers_of_any_size_are_accepted(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("0"),
        HK_STR("-0"),
        HK_STR("-0.0"),
        HK_STR("0e0"),
        HK_STR("0E+1"),
        HK_STR("1"),
        HK_STR("-1"),
        HK_STR("10"),
        HK_STR("0.1"),
        HK_STR("1.10"),
        HK_STR("123.456e78"),
        HK_STR("1e2"),
        HK_STR("1E2"),
        HK_STR("1e+2"),
        HK_STR("1e-2"),
        HK_STR("1E-02"),
        HK_STR("1e00"),
        HK_STR("9223372036854775807"),
        HK_STR("9223372036854775808"),
        HK_STR("-9223372036854775809"),
        HK_STR("12345678901234567890123456789012345678901234567890"),
        HK_STR("1e400"),
        HK_STR("-1e400"),
        HK_STR("1e-400"),
        HK_STR("1e99999999999999999999"),
        HK_STR("0.00000000000000000000000000000000000000000000000000000000001"),
        HK_STR("[1,-2,3.5,4e1]"),
    };

    (void)state;
    ASSERT_EACH_IS(true, cases);
}

static void test_numbers_of_other_languages_are_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("01"),           HK_STR("-01"),   HK_STR("00"),    HK_STR("+1"),    HK_STR(".5"),
        HK_STR("-.5"),          HK_STR("5."),    HK_STR("5.e1"),  HK_STR("1e"),    HK_STR("1e+"),
        HK_STR("1e-"),          HK_STR("1e1.5"), HK_STR("1.2.3"), HK_STR("-"),     HK_STR("--1"),
        HK_STR("-a"),           HK_STR("0x1f"),  HK_STR("0b1"),   HK_STR("1_000"), HK_STR("1,000"),
        HK_STR("1a"),           HK_STR("1e1e1"), HK_STR("- 1"),   HK_STR("1 e2"),  HK_STR("0.e"),
        HK_STR("1f"),           HK_STR("[-]"),   HK_STR("[1.]"),  HK_STR("[012]"), HK_STR("[1e]"),
        HK_STR("\xef\xbc\x91"), /* a fullwidth 1 */
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_escapes_of_rfc_8259_are_accepted(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        HK_STR("\"\\u0041\\u00e9\\u20ac\""),
        HK_STR("\"\\u20AC\\uABCD\\uabcd\\uFfFf\""),
        HK_STR("\"\\ud83d\\ude00\""),
        HK_STR("\"\\uD800\\uDC00 \\uDBFF\\uDFFF\""),
        HK_STR("\"\\u0000\""), /* legal in a payload */
        HK_STR("\"\\\\u0000\""),
        HK_STR("\"\\uD7FF\\uE000\""),
        HK_STR("\"\\u2028\\u2029\""),
    };

    (void)state;
    ASSERT_EACH_IS(true, cases);
}

static void test_broken_escapes_are_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\"\\\""),      HK_STR("\"\\a\""),        HK_STR("\"\\x41\""),
        HK_STR("\"\\'\""),     HK_STR("\"\\0\""),        HK_STR("\"\\v\""),
        HK_STR("\"\\N\""),     HK_STR("\"\\U0041\""),    HK_STR("\"\\u\""),
        HK_STR("\"\\u1\""),    HK_STR("\"\\u12\""),      HK_STR("\"\\u123\""),
        HK_STR("\"\\u12g4\""), HK_STR("\"\\u 123\""),    HK_STR("\"\\u+123\""),
        HK_STR("\"\\u-123\""), HK_STR("\"\\uD800"),      HK_STR("\"\\"),
        HK_STR("\"\\u"),       HK_STR("\"\\u004"),       HK_STR("\"\\\n\""),
        HK_STR("\"\\\0\""),    HK_STR("\"\\\xc3\xa9\""), HK_STR("\"\\u{41}\""),
        HK_STR("\"\\u00\x1f"), HK_STR("\"\\u004\xc1\""),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_a_lone_surrogate_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\"\\ud800\""),        HK_STR("\"\\udbff\""),        HK_STR("\"\\udc00\""),
        HK_STR("\"\\udfff\""),        HK_STR("\"\\ud800a\""),       HK_STR("\"\\ud800\\n\""),
        HK_STR("\"\\ud800\\ud800\""), HK_STR("\"\\ud800\\u0041\""), HK_STR("\"\\ude00\\ud83d\""),
        HK_STR("\"\\ud83d\\ude0\""),  HK_STR("\"\\ud83d\\ude\""),   HK_STR("\"\\ud83d\\u\""),
        HK_STR("\"\\ud83d\\\""),      HK_STR("\"\\ud83d ude00\""),  HK_STR("\"\\ud83d\\ue000\""),
        HK_STR("{\"\\ud800\":1}"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_of_single_bytes_only_plain_ones_may_stand_anywhere_in_a_string(void **state)
{
    (void)state;

    for (unsigned c = 0; c < 256; c++) {
        bool is_plain = c >= ' ' && c < 0x80 && c != '"' && c != '\\';

        for (size_t at = 1; at < 20; at++) {
            char text[] = "\"aaaaaaaaaaaaaaaaaaaaa\"";
            struct hk_json_span span;
            size_t fault = 0;

            text[at] = (char)c;
            assert_int_equal(hk_json_scan((struct hk_str){text, sizeof(text) - 1}, &span, &fault),
                             is_plain);
        }
    }
}

static void test_raw_control_characters_are_refused(void **state)
{
    (void)state;

    for (int c = 0; c < 0x20; c++) {
        const char in_string[] = {'"', (char)c, '"'};
        const char in_name[] = {'{', '"', (char)c, '"', ':', '1', '}'};
        const char outside[] = {'[', (char)c, ']'};
        bool is_blank = c == '\t' || c == '\n' || c == '\r';

        assert_false(scans((struct hk_str){in_string, sizeof(in_string)}));
        assert_false(scans((struct hk_str){in_name, sizeof(in_name)}));
        assert_int_equal(scans((struct hk_str){outside, sizeof(outside)}), is_blank);
    }
    assert_true(scans(HK_STR("\"\x7f\""))); /* RFC 8259 does not forbid DEL */
}

static void test_characters_of_every_length_are_accepted(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\"\xc2\x80\xdf\xbf\""),
        HK_STR("\"\xe0\xa0\x80\xe0\xbf\xbf\xe1\x80\x80\xec\xbf\xbf\""),
        HK_STR("\"\xed\x80\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
        HK_STR("\"\xf0\x90\x80\x80\xf1\x80\x80\x80\xf3\xbf\xbf\xbf\xf4\x8f\xbf\xbf\""),
        HK_STR("\"\xef\xbb\xbf\""), /* U+FEFF within a string is a character */
        HK_STR("{\"\xe2\x82\xac\":\"\xf0\x9f\x98\x80\"}"),
    };

    (void)state;
    ASSERT_EACH_IS(true, cases);
}

static void test_invalid_utf_8_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\"\x80\""),                 /* a continuation byte alone */
        HK_STR("\"\xbf\""),                 /* the same */
        HK_STR("\"\xc0\x80\""),             /* overlong NUL */
        HK_STR("\"\xc0\xaf\""),             /* overlong slash */
        HK_STR("\"\xc1\xbf\""),             /* overlong */
        HK_STR("\"\xe0\x80\xaf\""),         /* overlong */
        HK_STR("\"\xe0\x9f\xbf\""),         /* overlong */
        HK_STR("\"\xf0\x80\x80\xaf\""),     /* overlong */
        HK_STR("\"\xf0\x8f\xbf\xbf\""),     /* overlong */
        HK_STR("\"\xed\xa0\x80\""),         /* a surrogate */
        HK_STR("\"\xed\xbf\xbf\""),         /* a surrogate */
        HK_STR("\"\xf4\x90\x80\x80\""),     /* above U+10FFFF */
        HK_STR("\"\xf5\x80\x80\x80\""),     /* above U+10FFFF */
        HK_STR("\"\xf8\x88\x80\x80\x80\""), /* five bytes */
        HK_STR("\"\xfe\""),
        HK_STR("\"\xff\""),
        HK_STR("\"\xe9\""), /* Latin-1 */
        HK_STR("\"\xc3\""), /* cut by the quote */
        HK_STR("\"\xe2\x82\""),
        HK_STR("\"\xf0\x9f\x98\""),
        HK_STR("\"\xc3"), /* cut by the end */
        HK_STR("\"\xe2\x82"),
        HK_STR("\"\xf0\x9f\x98"),
        HK_STR("\"\xc3\xc3\xa9\""),
        HK_STR("\"\xe2(\xa1\""),
        HK_STR("\"\xe2\x82(\""),
        HK_STR("\"\xf0\x9f(\xbc\""),
        HK_STR("\"\xf0\x9f\x98(\""),
        HK_STR("{\"\xff\":1}"),
        HK_STR("[\xff]"),
        HK_STR("\xe2\x82\xac"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_a_byte_order_mark_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\xef\xbb\xbf"),   HK_STR("\xef\xbb\xbf{}"), HK_STR("{}\xef\xbb\xbf"),
        HK_STR("\xff\xfe{\0}\0"), HK_STR("\xfe\xff\0{\0}"), HK_STR("\0{\0}"),
        HK_STR("{\0}\0"),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

static void test_a_nul_byte_is_refused_anywhere(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\0"),         HK_STR("\0{}"),  HK_STR("{}\0"),
        HK_STR("{\"a\":\0}"), HK_STR("[1\0]"), HK_STR("\"\0\""),
    };

    (void)state;
    ASSERT_EACH_IS(false, cases);
}

/* `depth` times `open`, then `inside`, then `depth` times `close`. */
static bool scans_nested(size_t depth, const char *open, const char *inside, const char *close)
{
    char text[1024] = "";
    size_t n = 0;

    for (size_t i = 0; i < depth; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", open);
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", inside);
    for (size_t i = 0; i < depth; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", close);
    assert_true(n < sizeof(text));
    return scans((struct hk_str){text, n});
}

static void test_the_depth_is_limited(void **state)
{
    (void)state;

    assert_true(scans_nested(HK_JSON_MAX_DEPTH, "[", "", "]"));
    assert_true(scans_nested(HK_JSON_MAX_DEPTH, "[", "1", "]"));
    assert_true(scans_nested(HK_JSON_MAX_DEPTH, "{\"a\":", "1", "}"));
    assert_true(scans_nested(HK_JSON_MAX_DEPTH / 2, "[{\"a\":", "1", "}]"));
    assert_true(scans_nested(HK_JSON_MAX_DEPTH - 1, "[", "[],{},[]", "]"));
    assert_false(scans_nested(HK_JSON_MAX_DEPTH, "[", "{}", "]"));
    assert_false(scans_nested(HK_JSON_MAX_DEPTH + 1, "[", "", "]"));
    assert_false(scans_nested(HK_JSON_MAX_DEPTH + 1, "[", "1", "]"));
    assert_false(scans_nested(HK_JSON_MAX_DEPTH + 1, "{\"a\":", "1", "}"));
    assert_false(scans_nested(HK_JSON_MAX_DEPTH / 2 + 1, "[{\"a\":", "1", "}]"));
}

static void test_a_million_brackets_are_refused_without_recursion(void **state)
{
    const size_t n = 1000000;
    char *text = malloc(n);

    (void)state;

    assert_non_null(text);
    memset(text, '[', n);
    assert_false(scans((struct hk_str){text, n}));
    memset(text, '{', n);
    assert_false(scans((struct hk_str){text, n}));
    free(text);
}

static void test_every_beginning_of_a_valid_text_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1.5e+3,-2,true,false,null,\"\\ud83d\\ude00\xe2\x82\xac\"],"
                               "\"b\":{\"c\":[[],{}]}}";

    (void)state;

    assert_true(scans((struct hk_str){text, sizeof(text) - 1}));
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        assert_false(scans((struct hk_str){text, n}));
}

static void test_a_fault_has_its_place(void **state)
{
    static const struct {
        struct hk_str text;
        size_t at;
    } cases[] = {
        {HK_STR(""), 0},
        {HK_STR("  "), 2},
        {HK_STR("\xef\xbb\xbf{}"), 0},
        {HK_STR("{\"a\":x}"), 5},
        {HK_STR("[1,2"), 4},
        {HK_STR("[1,]"), 3},
        {HK_STR("[01]"), 2},
        {HK_STR("{} x"), 3},
        {HK_STR("[\"ab\xff\"]"), 4},
        {HK_STR("[\"ab\\x\"]"), 4},
        {HK_STR("\"abc"), 4},
        {HK_STR("[tru]"), 1},
        {HK_STR("{\"a\" 1}"), 5},
        {HK_STR("{\"a\":1,}"), 7},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct hk_json_span span;
        size_t at = SIZE_MAX;

        assert_false(hk_json_scan(cases[i].text, &span, &at));
        assert_int_equal(at, cases[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structures_of_rfc_8259_are_accepted),
        cmocka_unit_test(test_broken_structures_are_refused),
        cmocka_unit_test(test_anything_behind_the_value_is_refused),
        cmocka_unit_test(test_words_are_exact),
        cmocka_unit_test(test_numbers_of_any_size_are_accepted),
        cmocka_unit_test(test_numbers_of_other_languages_are_refused),
        cmocka_unit_test(test_escapes_of_rfc_8259_are_accepted),
        cmocka_unit_test(test_broken_escapes_are_refused),
        cmocka_unit_test(test_a_lone_surrogate_is_refused),
        cmocka_unit_test(test_of_single_bytes_only_plain_ones_may_stand_anywhere_in_a_string),
        cmocka_unit_test(test_raw_control_characters_are_refused),
        cmocka_unit_test(test_characters_of_every_length_are_accepted),
        cmocka_unit_test(test_invalid_utf_8_is_refused),
        cmocka_unit_test(test_a_byte_order_mark_is_refused),
        cmocka_unit_test(test_a_nul_byte_is_refused_anywhere),
        cmocka_unit_test(test_the_depth_is_limited),
        cmocka_unit_test(test_a_million_brackets_are_refused_without_recursion),
        cmocka_unit_test(test_every_beginning_of_a_valid_text_is_refused),
        cmocka_unit_test(test_a_fault_has_its_place),
    };

    return cmocka_run_group_tests_name("hk_json_scan", tests, NULL, NULL);
}
