/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/cli/sse.h"

struct heard {
    struct hk_buf text; /* "type|data;" for each */
    unsigned n, enough;
};

static bool on_event(void *arg, const char *type, const char *data)
{
    struct heard *heard = arg;

    hk_buf_printf(&heard->text, "%s|%s;", type, data);
    return ++heard->n != heard->enough;
}

/* All of `stream` in pieces of `size` bytes. */
static bool feed(struct sse *sse, struct heard *heard, const char *stream, size_t size)
{
    for (size_t n = strlen(stream), i = 0; i < n; i += size) {
        if (!sse_feed(sse, stream + i, n - i < size ? n - i : size, on_event, heard))
            return false;
    }
    return true;
}

static void expect(const char *stream, const char *events, const char *last_id)
{
    for (size_t size = 1; size < 40; size++) {
        struct heard heard = {.n = 0};
        struct sse sse;

        hk_buf_init(&heard.text, 4096);
        sse_init(&sse, 1024);
        assert_true(feed(&sse, &heard, stream, size));
        assert_string_equal(hk_buf_str(&heard.text).p, events);
        assert_string_equal(sse.last_id, last_id);
        sse_done(&sse);
        hk_buf_done(&heard.text);
    }
}

static void test_events_come_whole_however_they_are_cut(void **state)
{
    (void)state;
    expect(": hookline\nretry: 2000\n\nid: 1.a.0\n\nid: 2.b.1\nevent: attempt\ndata: {}\n\n",
           "attempt|{};", "2.b.1");
    expect("data: a\ndata:b\ndata\n\n", "|a\nb\n;", "");
    expect("event: x\r\ndata: 1\r\n\r\nevent: y\rdata: 2\r\r", "x|1;y|2;", "");
    expect("id: 7\ndata: not ended", "", "");
    expect("id: 7\nevent: no data\n\ndata: 1\n\n", "|1;", "7");
    expect("what: ever\n:\ndata:  two blanks\n\n", "| two blanks;", "");
}

static void test_a_half_event_is_forgotten_with_its_connection(void **state)
{
    struct heard heard = {.n = 0};
    struct sse sse;

    (void)state;
    hk_buf_init(&heard.text, 4096);
    sse_init(&sse, 1024);
    assert_true(feed(&sse, &heard, "id: 1\ndata: a\n\nid: 2\ndata: b", 100));
    sse_restart(&sse);
    assert_string_equal(sse.last_id, "1");
    assert_true(feed(&sse, &heard, "data: c\n\n", 100));
    assert_string_equal(heard.text.p, "|a;|c;");
    assert_string_equal(sse.last_id, "1");
    sse_done(&sse);
    hk_buf_done(&heard.text);
}

static void test_what_is_too_long_or_enough_ends_it(void **state)
{
    struct heard heard = {.enough = 1};
    struct sse sse;

    (void)state;
    hk_buf_init(&heard.text, 4096);
    sse_init(&sse, 16);
    assert_false(feed(&sse, &heard, "data: 12345678901234567890\n\n", 3));
    assert_true(sse.line.is_full);
    sse_done(&sse);
    sse_init(&sse, 16);
    assert_false(feed(&sse, &heard, "data: 1234567\ndata: 1234567\ndata: 123\n\n", 3));
    assert_true(sse.data.is_full);
    sse_done(&sse);
    sse_init(&sse, 16);
    assert_false(feed(&sse, &heard, "data: 1\n\ndata: 2\n\n", 100));
    assert_string_equal(heard.text.p, "|1;");
    sse_done(&sse);
    hk_buf_done(&heard.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_whole_however_they_are_cut),
        cmocka_unit_test(test_a_half_event_is_forgotten_with_its_connection),
        cmocka_unit_test(test_what_is_too_long_or_enough_ends_it),
    };

    return cmocka_run_group_tests_name("cli_sse", tests, NULL, NULL);
}
