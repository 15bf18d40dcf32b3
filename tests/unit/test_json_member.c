/* SPDX-License-Identifier: Apache-2.0 */
/* One member of valid JSON, found without a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/json_member.h"

static void assert_member(const char *json, const char *name, const char *expected)
{
    struct hk_str value = hk_json_member(hk_str(json), hk_str(name));

    assert_non_null(value.p);
    assert_int_equal(value.n, strlen(expected));
    assert_memory_equal(value.p, expected, value.n);
}

static void assert_none(const char *json, const char *name)
{
    assert_null(hk_json_member(hk_str(json), hk_str(name)).p);
}

static void test_a_member_is_found_wherever_it_stands(void **state)
{
    (void)state;

    assert_member("{\"id\":7}", "id", "7");
    assert_member(" {\n \"a\" : [1, {\"id\": 2}] , \"id\"\t:\t\"x\" } ", "id", "\"x\"");
    assert_member("{\"a\":\"}\\\"{,\",\"id\":{\"b\":[]} ,\"c\":1}", "id", "{\"b\":[]}");
    assert_member("{\"a\":\"\\\\\",\"id\":null}", "id", "null");
}

static void test_the_first_of_two_counts(void **state)
{
    (void)state;
    assert_member("{\"id\":1,\"id\":2}", "id", "1");
}

static void test_what_is_not_there_is_not_found(void **state)
{
    (void)state;

    assert_none("{}", "id");
    assert_none("{\"a\":{\"id\":1}}", "id");
    assert_none("[{\"id\":1}]", "id");
    assert_none("\"id\"", "id");
    assert_none("{\"ID\":1,\"i\":2,\"idd\":3}", "id");
    assert_none("", "id");
}

static void test_text_that_breaks_off_is_not_read_beyond_its_end(void **state)
{
    const char *json = "{\"a\":[\"b\\\"c\"],\"id\":{\"x\":\"y\"}}";

    (void)state;

    for (size_t n = 0; n < strlen(json); n++) {
        struct hk_str value = hk_json_member((struct hk_str){json, n}, HK_STR("id"));

        assert_true(value.p == NULL || value.p + value.n <= json + n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_is_found_wherever_it_stands),
        cmocka_unit_test(test_the_first_of_two_counts),
        cmocka_unit_test(test_what_is_not_there_is_not_found),
        cmocka_unit_test(test_text_that_breaks_off_is_not_read_beyond_its_end),
    };

    return cmocka_run_group_tests_name("json_member", tests, NULL, NULL);
}
