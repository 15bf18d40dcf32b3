/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line shows of texts that others wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/cli/output.h"

static void expect(const char *text, int width, const char *shown, int columns)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    hk_buf_init(&buf, 1024);
    assert_int_equal(output_add_clean(&buf, text, width), columns);
    assert_string_equal(hk_buf_str(&buf).p, shown);
}

static void test_what_can_be_printed_stays_as_it_is(void **state)
{
    (void)state;
    expect("", 0, "", 0);
    expect("Bakker & Söhne 7%", 0, "Bakker & Söhne 7%", 17);
    expect("請求書", 0, "請求書", 6); /* wide */
}

static void test_what_a_terminal_would_act_on_becomes_an_escape(void **state)
{
    (void)state;
    expect("\033[2J", 0, "\\x1b[2J", 7);
    expect("a\r\n\tb", 0, "a\\r\\n\\tb", 8);
    expect("\x7f", 0, "\\x7f", 4);
    expect("\302\233", 0, "\\u009b", 6);              /* C1: CSI in one character */
    expect("\342\200\256x", 0, "\\u202ex", 7);        /* right to left */
    expect("\342\200\213", 0, "\\u200b", 6);          /* no width */
    expect("\363\240\201\201", 0, "\\U000e0041", 10); /* a tag */
    expect("\x9b\xff", 0, "\\x9b\\xff", 8);           /* no UTF-8 */
    expect("\355\240\200", 0, "\\xed\\xa0\\x80", 12); /* a surrogate */
}

static void test_what_is_too_long_is_cut_with_an_ellipsis(void **state)
{
    (void)state;
    expect("abcdef", 6, "abcdef", 6);
    expect("abcdefg", 6, "abcde\u2026", 6);
    expect("請求書", 5, "請求\u2026", 5);
    expect("請求書", 4, "請\u2026", 3);
    expect("ab\033cd", 4, "ab\u2026", 3); /* an escape is not cut in two */
}

static void test_times_and_missing_members(void **state)
{
    json_t *object = json_pack("{s:s, s:i, s:n}", "text", "x", "n", 7, "none");
    char when[OUTPUT_TIME_SIZE];

    (void)state;
    output_time("2026-11-22T06:28:00.123456+00:00", when);
    assert_string_equal(when, "2026-11-22 06:28:00");
    output_time("", when);
    assert_string_equal(when, "");
    assert_string_equal(output_text(object, "text"), "x");
    assert_string_equal(output_text(object, "none"), "");
    assert_string_equal(output_text(NULL, "text"), "");
    assert_int_equal(output_int(object, "n"), 7);
    assert_int_equal(output_int(object, "text"), 0);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_can_be_printed_stays_as_it_is),
        cmocka_unit_test(test_what_a_terminal_would_act_on_becomes_an_escape),
        cmocka_unit_test(test_what_is_too_long_is_cut_with_an_ellipsis),
        cmocka_unit_test(test_times_and_missing_members),
    };

    output_init();
    return cmocka_run_group_tests_name("cli_output", tests, NULL, NULL);
}
