/* SPDX-License-Identifier: Apache-2.0 */
/* What steps see of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/flow_scope.h"

static void assert_written(const char *request, const char *expected)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 4096);
    hk_flow_request_write(request == NULL ? HK_STR_NULL : hk_str(request), &buf);
    assert_int_equal(buf.n, strlen(expected));
    assert_memory_equal(buf.p, expected, buf.n);
}

static void test_header_fields_are_found_by_their_name_in_lower_case(void **state)
{
    (void)state;
    assert_written("{\"version\":3,\"method\":\"POST\",\"headers\":[[\"Content-Type\",\"a/B\"],"
                   "[\"X-Kind\",\"\\u00e9\"]],\"query\":null}",
                   "{\"version\":3,\"method\":\"POST\",\"headers\":{\"content-type\":\"a/B\","
                   "\"x-kind\":\"\\u00e9\"},\"query\":null}");
    assert_written("{\"headers\":[]}", "{\"headers\":{}}");
}

static void test_what_is_no_request_is_null(void **state)
{
    (void)state;
    assert_written(NULL, "null");
    assert_written("[1]", "null");
    assert_written("{\"headers\":", "null");
}

static void test_what_is_no_pair_is_no_header_field(void **state)
{
    (void)state;
    assert_written("{\"headers\":[1,[],[\"A\"],[2,3],[\"B\",\"c\",\"d\"]]}",
                   "{\"headers\":{\"b\":\"c\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_fields_are_found_by_their_name_in_lower_case),
        cmocka_unit_test(test_what_is_no_request_is_null),
        cmocka_unit_test(test_what_is_no_pair_is_no_header_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
