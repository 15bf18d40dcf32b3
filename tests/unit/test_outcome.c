/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/outcome.h"

static struct hk_str header(struct hk_str headers, const char *name)
{
    struct hk_outcome outcome = {.response_headers = headers};

    return hk_outcome_header(&outcome, name);
}

static void assert_header(struct hk_str headers, const char *name, struct hk_str expected)
{
    struct hk_str value = header(headers, name);

    assert_non_null(value.p);
    assert_int_equal(value.n, expected.n);
    assert_memory_equal(value.p, expected.p, expected.n);
}

static void test_a_field_is_found_in_any_case_without_its_blanks(void **state)
{
    struct hk_str headers = HK_STR("Server: x\r\nCACHE-Control:  max-age=60 \r\nA: b\r\n");

    (void)state;

    assert_header(headers, "cache-control", HK_STR("max-age=60"));
    assert_header(headers, "a", HK_STR("b"));
}

static void test_the_first_of_two_counts(void **state)
{
    (void)state;
    assert_header(HK_STR("A: 1\r\nA: 2\r\n"), "A", HK_STR("1"));
}

static void test_a_section_that_was_cut_and_an_empty_value_are_read(void **state)
{
    (void)state;
    assert_header(HK_STR("A: 1\r\nB: cut o"), "b", HK_STR("cut o"));
    assert_header(HK_STR("A:"), "a", HK_STR(""));
}

static void test_a_longer_or_shorter_name_is_another(void **state)
{
    (void)state;
    assert_null(header(HK_STR("Cache-Control-Not: x\r\n"), "cache-control").p);
    assert_null(header(HK_STR("Cache: x\r\n"), "cache-control").p);
    assert_null(header(HK_STR_NULL, "cache-control").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_field_is_found_in_any_case_without_its_blanks),
        cmocka_unit_test(test_the_first_of_two_counts),
        cmocka_unit_test(test_a_section_that_was_cut_and_an_empty_value_are_read),
        cmocka_unit_test(test_a_longer_or_shorter_name_is_another),
    };

    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
