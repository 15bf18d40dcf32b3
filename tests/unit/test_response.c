/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of an answer, and when reading ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/response.h"

static struct response response;

static int setup(void **state)
{
    (void)state;
    response_reset(&response, 0);
    return 0;
}

static bool add_line(const char *line, long status)
{
    return response_add_line(&response, hk_str(line), status);
}

static void assert_head(const char *expected)
{
    assert_int_equal(response.n_head, strlen(expected));
    assert_memory_equal(response.head, expected, response.n_head);
}

static void test_fields_are_kept_and_the_status_line_is_not(void **state)
{
    (void)state;

    assert_true(add_line("HTTP/1.1 200 OK\r\n", 200));
    assert_true(add_line("A: b\r\n", 200));
    assert_false(response.has_whole_head);
    assert_true(add_line("\r\n", 200));
    assert_true(response.has_whole_head);
    assert_head("A: b\r\n");
    assert_false(response.is_truncated);
}

static void test_a_1xx_is_forgotten(void **state)
{
    (void)state;

    assert_true(add_line("HTTP/1.1 103 Early Hints\r\n", 103));
    assert_true(add_line("Retry-After: 5\r\n", 103));
    assert_true(add_line("\r\n", 103));
    assert_false(response.has_whole_head);
    assert_true(add_line("HTTP/1.1 200 OK\r\n", 200));
    assert_true(add_line("\r\n", 200));
    assert_true(response.has_whole_head);
    assert_head("");
    assert_int_equal(response.n_retry_after, 0);
}

static void test_trailers_are_not_kept(void **state)
{
    (void)state;

    assert_true(add_line("\r\n", 200));
    assert_true(add_line("Retry-After: 5\r\n", 200));
    assert_head("");
    assert_int_equal(response.n_retry_after, 0);
}

static void test_retry_after_is_found_in_any_case(void **state)
{
    (void)state;

    assert_true(add_line("rEtRy-aFTER: 5\r\n", 503));
    assert_int_equal(response.n_retry_after, 4);
    assert_memory_equal(response.retry_after, " 5\r\n", 4);
    assert_true(add_line("Retry-After-Not: 6\r\n", 503));
    assert_int_equal(response.n_retry_after, 4);
}

static void test_a_retry_after_that_is_too_long_is_none(void **state)
{
    (void)state;

    assert_true(add_line("Retry-After: "
                         "1111111111111111111111111111111111111111111111111111111111111111\r\n",
                         503));
    assert_int_equal(response.n_retry_after, 0);
}

static void test_a_large_header_section_is_cut_and_a_huge_one_ends_reading(void **state)
{
    static char line[1024];
    struct hk_str s = {line, sizeof(line)};
    unsigned n_lines = 0;

    (void)state;

    memset(line, 'x', sizeof(line));
    while (n_lines < 100 && response_add_line(&response, s, 200))
        n_lines++;
    assert_int_equal(n_lines, RESPONSE_MAX_HEAD_BYTES / sizeof(line));
    assert_int_equal(response.n_head, RESPONSE_KEEP_HEAD_BYTES);
    assert_true(response.is_truncated);
    assert_true(response.is_head_too_large);
}

static void test_a_1xx_flood_ends_reading(void **state)
{
    unsigned n_lines = 0;

    (void)state;

    while (n_lines < 100000 && add_line("HTTP/1.1 100 Continue\r\n", 100))
        n_lines++;
    assert_true(n_lines < 2000);
    assert_true(response.is_head_too_large);
}

static void test_a_body_is_cut_and_an_endless_one_ends_reading(void **state)
{
    static char piece[1000];
    struct hk_str s = {piece, sizeof(piece)};
    unsigned n_pieces = 0;

    (void)state;

    assert_true(response_add_body(&response, (struct hk_str){"abc", 3}));
    assert_false(response.is_truncated);
    while (n_pieces < 1000 && response_add_body(&response, s))
        n_pieces++;
    assert_int_equal(n_pieces, 65);
    assert_int_equal(response.n_body, RESPONSE_KEEP_BODY_BYTES);
    assert_memory_equal(response.body, "abc", 3);
    assert_true(response.is_truncated);
}

static void test_a_request_may_keep_more_of_a_body(void **state)
{
    static char piece[50000];
    struct hk_str s = {piece, sizeof(piece)};

    (void)state;

    response_reset(&response, 120000);
    assert_true(response_add_body(&response, s));
    assert_true(response_add_body(&response, s));
    assert_int_equal(response.n_body, 100000);
    assert_false(response.is_truncated);
    assert_false(response_add_body(&response, s));
    assert_int_equal(response.n_body, 120000);
    assert_true(response.is_truncated);
    response_done(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fields_are_kept_and_the_status_line_is_not, setup),
        cmocka_unit_test_setup(test_a_1xx_is_forgotten, setup),
        cmocka_unit_test_setup(test_trailers_are_not_kept, setup),
        cmocka_unit_test_setup(test_retry_after_is_found_in_any_case, setup),
        cmocka_unit_test_setup(test_a_retry_after_that_is_too_long_is_none, setup),
        cmocka_unit_test_setup(test_a_large_header_section_is_cut_and_a_huge_one_ends_reading,
                               setup),
        cmocka_unit_test_setup(test_a_1xx_flood_ends_reading, setup),
        cmocka_unit_test_setup(test_a_body_is_cut_and_an_endless_one_ends_reading, setup),
        cmocka_unit_test_setup(test_a_request_may_keep_more_of_a_body, setup),
    };

    return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
