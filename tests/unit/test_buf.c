/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/buf.h"

static void test_a_new_buffer_is_empty_and_owns_nothing(void **state)
{
    struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 10);
    assert_null(buf.p);
    assert_int_equal(hk_buf_str(&buf).n, 0);
    assert_non_null(hk_buf_str(&buf).p);
    hk_buf_done(&buf);
}

static void test_appends_are_joined_and_followed_by_a_nul(void **state)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 1000);
    hk_buf_add(&buf, "a\0b", 3);
    hk_buf_add_str(&buf, HK_STR("-str"));
    hk_buf_add_str(&buf, HK_STR_NULL);
    hk_buf_add_text(&buf, "-text");
    hk_buf_printf(&buf, "-%d", 42);
    assert_int_equal(buf.n, 15);
    assert_memory_equal(buf.p, "a\0b-str-text-42", 16);
    assert_false(buf.is_full);
}

static void test_a_buffer_grows_up_to_exactly_its_maximum(void **state)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        hk_buf_add(&buf, "x", 1);
    assert_int_equal(buf.n, 1000);
    assert_false(buf.is_full);
    assert_int_equal(buf.capacity, 1001);
    assert_int_equal(buf.p[1000], '\0');

    hk_buf_add(&buf, "x", 1);
    assert_true(buf.is_full);
    assert_int_equal(buf.n, 1000);
}

static void test_what_does_not_fit_changes_nothing_but_is_full(void **state)
{
    static const struct hk_str before = {"1234", 4};
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 8);
    hk_buf_add_str(&buf, before);
    hk_buf_add_text(&buf, "56789");
    assert_true(buf.is_full);
    assert_true(hk_str_eq(hk_buf_str(&buf), before));

    hk_buf_clear(&buf);
    hk_buf_add_str(&buf, before);
    hk_buf_printf(&buf, "%s", "56789");
    assert_true(buf.is_full);
    assert_true(hk_str_eq(hk_buf_str(&buf), before));

    hk_buf_clear(&buf);
    hk_buf_add_str(&buf, before);
    hk_buf_add_json_string(&buf, HK_STR("567"));
    assert_true(buf.is_full);
    assert_string_equal(buf.p, "1234");
}

static void test_after_a_gap_nothing_is_appended(void **state)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 4);
    hk_buf_add_text(&buf, "123");
    hk_buf_add_text(&buf, "45");
    hk_buf_add_text(&buf, "6");
    assert_string_equal(buf.p, "123");
}

static void test_clearing_keeps_the_memory_and_makes_room(void **state)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;
    const char *memory;

    (void)state;

    hk_buf_init(&buf, 4);
    hk_buf_add_text(&buf, "1234");
    hk_buf_add_text(&buf, "5");
    memory = buf.p;

    hk_buf_clear(&buf);
    assert_false(buf.is_full);
    assert_int_equal(buf.n, 0);
    assert_string_equal(buf.p, "");
    hk_buf_add_text(&buf, "6789");
    assert_true(buf.p == memory);
    assert_string_equal(buf.p, "6789");
}

static void test_a_buffer_that_is_done_can_be_used_again(void **state)
{
    struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 4);
    hk_buf_add_text(&buf, "12345");
    hk_buf_done(&buf);
    hk_buf_done(&buf);
    assert_false(buf.is_full);
    hk_buf_add_text(&buf, "1234");
    assert_string_equal(buf.p, "1234");
    hk_buf_done(&buf);
}

static void test_json_strings_escape_what_json_requires_and_nothing_else(void **state)
{
    static const struct {
        struct hk_str text;
        const char *json;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"plain / text", 12}, "\"plain / text\""},
        {{"\"quoted\" \\", 10}, "\"\\\"quoted\\\" \\\\\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\""},
        {{"\xe2\x82\xac\xf0\x9f\x98\x80", 7}, "\"\xe2\x82\xac\xf0\x9f\x98\x80\""},
    };
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    (void)state;

    hk_buf_init(&buf, 100);
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        hk_buf_clear(&buf);
        hk_buf_add_json_string(&buf, cases[i].text);
        assert_string_equal(buf.p, cases[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_buffer_is_empty_and_owns_nothing),
        cmocka_unit_test(test_appends_are_joined_and_followed_by_a_nul),
        cmocka_unit_test(test_a_buffer_grows_up_to_exactly_its_maximum),
        cmocka_unit_test(test_what_does_not_fit_changes_nothing_but_is_full),
        cmocka_unit_test(test_after_a_gap_nothing_is_appended),
        cmocka_unit_test(test_clearing_keeps_the_memory_and_makes_room),
        cmocka_unit_test(test_a_buffer_that_is_done_can_be_used_again),
        cmocka_unit_test(test_json_strings_escape_what_json_requires_and_nothing_else),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
