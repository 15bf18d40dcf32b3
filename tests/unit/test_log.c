/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "hk/log.h"

#define MAX_LINE 70000
#define TIME     "2026-11-22T06:28:00.123Z"

/* stderr leads into a file in memory while a line is written. */
struct capture {
    int saved_stderr;
    int fd;
    char line[MAX_LINE];
};

static void capture_begin(struct capture *capture)
{
    capture->fd = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(capture->fd >= 0);
    capture->saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(capture->fd, STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
    ssize_t n = pread(capture->fd, capture->line, MAX_LINE - 1, 0);

    assert_int_equal(dup2(capture->saved_stderr, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(capture->saved_stderr), 0);
    assert_int_equal(close(capture->fd), 0);
    assert_true(n >= 0);
    capture->line[n] = '\0';
}

/* What follows the time, which is checked for its form. */
static const char *after_time(const struct capture *capture)
{
    const char *line = capture->line;

    assert_true(strncmp(line, "{\"time\":\"20", 11) == 0);
    assert_true(line[9 + sizeof(TIME) - 2] == 'Z');
    return line + 9 + sizeof(TIME) - 1;
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct capture));
    hk_log_init("hookline-test", HK_LOG_INFO);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void test_a_line_is_one_json_object_with_time_level_program_and_event(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    hk_log(HK_LOG_WARN, "lease.lost");
    capture_end(capture);
    assert_string_equal(
        after_time(capture),
        "\",\"level\":\"warn\",\"program\":\"hookline-test\",\"event\":\"lease.lost\"}\n");
}

static void test_fields_keep_their_order_and_type(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    hk_log(HK_LOG_INFO, "message.sent", HK_CTEXT("message_id", "m1"), HK_I64("took_ms", -7),
           HK_TEXT("none", HK_STR_NULL), HK_TEXT("empty", HK_STR("")));
    capture_end(capture);
    assert_non_null(strstr(capture->line,
                           "\"message.sent\",\"message_id\":\"m1\",\"took_ms\":-7,\"none\":null,"
                           "\"empty\":\"\"}\n"));
}

static void test_lines_below_the_level_are_dropped(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    hk_log(HK_LOG_DEBUG, "loop.turned");
    capture_end(capture);
    assert_string_equal(capture->line, "");
}

static void test_a_value_cannot_start_a_line_of_its_own(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    hk_log(HK_LOG_INFO, "x.done", HK_CTEXT("v", "a\"}\n{\"event\":\"forged\x1b[2J"));
    capture_end(capture);
    assert_non_null(
        strstr(capture->line, "\"v\":\"a\\\"}\\n{\\\"event\\\":\\\"forged\\u001b[2J\"}\n"));
    assert_ptr_equal(strchr(capture->line, '\n'), capture->line + strlen(capture->line) - 1);
}

static void test_bytes_that_are_not_utf8_are_escaped(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xff", "\\\\xff"},
        {"\xc3", "\\\\xc3"},                                  /* a character cut off */
        {"\xc0\xaf", "\\\\xc0\\\\xaf"},                       /* a longer form of '/' */
        {"\xe0\x80\xaf", "\\\\xe0\\\\x80\\\\xaf"},            /* and a still longer one */
        {"\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80"},            /* a surrogate */
        {"\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"}, /* above U+10FFFF */
        {"\xf0\x9f\x98", "\\\\xf0\\\\x9f\\\\x98"},
        {"\x7f\xc2\x9b", "\\\\x7f\\\\xc2\\\\x9b"}, /* DEL, and CSI as one character */
    };
    struct capture *capture = *state;
    char expected[100];

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        capture_begin(capture);
        hk_log(HK_LOG_INFO, "x.done", HK_CTEXT("v", cases[i].text));
        capture_end(capture);
        (void)snprintf(expected, sizeof(expected), "\"v\":\"%s\"}\n", cases[i].json);
        assert_non_null(strstr(capture->line, expected));
    }
}

static void test_long_text_is_cut_at_1024_bytes_between_characters(void **state)
{
    struct capture *capture = *state;
    char text[1100];
    const char *value;

    memset(text, 'a', sizeof(text));
    text[1023] = '\xc3'; /* with the next byte one character */
    text[1024] = '\xa9';

    capture_begin(capture);
    hk_log(HK_LOG_INFO, "x.done", HK_TEXT("v", ((struct hk_str){text, sizeof(text)})));
    capture_end(capture);
    value = strstr(capture->line, "\"v\":\"");
    assert_non_null(value);
    assert_int_equal(strspn(value + 5, "a"), 1023);
    assert_string_equal(value + 5 + 1023, "\"}\n");
}

static void test_a_line_that_is_too_long_keeps_whole_fields_and_says_so(void **state)
{
    struct capture *capture = *state;
    struct hk_log_field fields[20];
    char text[1024] = {0}; /* six bytes each in JSON */

    for (size_t i = 0; i + 1 < HK_COUNTOF(fields); i++)
        fields[i] = HK_TEXT("v", ((struct hk_str){text, sizeof(text)}));
    fields[HK_COUNTOF(fields) - 1] = (struct hk_log_field){.type = HK_FIELD_END};

    capture_begin(capture);
    hk_log_write(HK_LOG_INFO, "x.done", fields);
    capture_end(capture);
    assert_in_range(strlen(capture->line), 60000, 65536);
    assert_string_equal(capture->line + strlen(capture->line) - 15, "0\",\"cut\":true}\n");
}

static void test_logging_leaves_errno_alone(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    errno = EAGAIN;
    hk_log(HK_LOG_ERROR, "x.failed");
    assert_int_equal(errno, EAGAIN);
    capture_end(capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_one_json_object_with_time_level_program_and_event),
        cmocka_unit_test(test_fields_keep_their_order_and_type),
        cmocka_unit_test(test_lines_below_the_level_are_dropped),
        cmocka_unit_test(test_a_value_cannot_start_a_line_of_its_own),
        cmocka_unit_test(test_bytes_that_are_not_utf8_are_escaped),
        cmocka_unit_test(test_long_text_is_cut_at_1024_bytes_between_characters),
        cmocka_unit_test(test_a_line_that_is_too_long_keeps_whole_fields_and_says_so),
        cmocka_unit_test(test_logging_leaves_errno_alone),
    };

    return cmocka_run_group_tests_name("log", tests, setup, teardown);
}
