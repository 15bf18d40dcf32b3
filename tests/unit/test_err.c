/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/err.h"

static void test_every_code_has_a_status_a_slug_and_a_title(void **state)
{
    (void)state;

    for (int code = HK_OK + 1; code < HK_CODE_COUNT; code++) {
        const struct hk_code_info *info = hk_code_info((enum hk_code)code);

        assert_non_null(info);
        assert_in_range(info->http_status, 400, 599);
        assert_true(info->slug[0] != '\0');
        assert_true(info->title[0] != '\0');
    }
    assert_null(hk_code_info(HK_OK));
}

static void test_every_slug_leads_back_to_its_code(void **state)
{
    (void)state;

    for (int code = HK_OK + 1; code < HK_CODE_COUNT; code++) {
        const char *slug = hk_code_info((enum hk_code)code)->slug;

        assert_int_equal(hk_code_from_slug(hk_str(slug)), code);
    }
}

static void test_an_unknown_slug_is_an_internal_error(void **state)
{
    (void)state;

    assert_int_equal(hk_code_from_slug(HK_STR("no_such_slug")), HK_INTERNAL);
    assert_int_equal(hk_code_from_slug(HK_STR("not_foun")), HK_INTERNAL);
    assert_int_equal(hk_code_from_slug(HK_STR("")), HK_INTERNAL);
}

static void test_a_failure_carries_code_pointer_and_sentence(void **state)
{
    struct hk_error error;

    (void)state;

    assert_int_equal(hk_fail(&error, HK_INVALID_BODY, "/url", "At most %d bytes.", 7),
                     HK_INVALID_BODY);
    assert_int_equal(error.code, HK_INVALID_BODY);
    assert_string_equal(error.pointer, "/url");
    assert_string_equal(error.detail, "At most 7 bytes.");
}

static void test_a_failure_without_a_pointer_has_the_empty_one(void **state)
{
    struct hk_error error;

    (void)state;

    (void)hk_fail(&error, HK_CONFLICT, NULL, "It exists.");
    assert_string_equal(error.pointer, "");
}

static void test_a_failure_that_nobody_reads_is_only_its_code(void **state)
{
    (void)state;

    assert_int_equal(hk_fail(NULL, HK_BUSY, "", "%s", "unread"), HK_BUSY);
}

static void test_a_sentence_that_is_too_long_is_cut_between_characters(void **state)
{
    struct hk_error error;
    char text[400];

    (void)state;

    /* Two bytes each from the second byte on: the 255th byte is the first half of one. */
    text[0] = 'a';
    for (size_t i = 1; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 3);

    (void)hk_fail(&error, HK_INVALID_BODY, text, "%s", text);
    assert_int_equal(strlen(error.detail), 255);
    assert_memory_equal(error.detail, text, 255);
    assert_int_equal(strlen(error.pointer), 255);

    (void)hk_fail(&error, HK_INVALID_BODY, text + 1, "%s", text + 1);
    assert_int_equal(strlen(error.detail), 254);
    assert_memory_equal(error.detail, text + 1, 254);
    assert_int_equal(strlen(error.pointer), 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_a_status_a_slug_and_a_title),
        cmocka_unit_test(test_every_slug_leads_back_to_its_code),
        cmocka_unit_test(test_an_unknown_slug_is_an_internal_error),
        cmocka_unit_test(test_a_failure_carries_code_pointer_and_sentence),
        cmocka_unit_test(test_a_failure_without_a_pointer_has_the_empty_one),
        cmocka_unit_test(test_a_failure_that_nobody_reads_is_only_its_code),
        cmocka_unit_test(test_a_sentence_that_is_too_long_is_cut_between_characters),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
