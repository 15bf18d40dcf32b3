/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline logs`, `explain`, `retry` and `resend`: the delivery log at a shell. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cli.h"
#include "tests/support/message.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

enum { DONE = 0, FAILED = 1, USAGE = 2, UNAVAILABLE = 69, DENIED = 77, CONFIG = 78 };

/* How often `part` stands in the text. */
static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

/* Of `hookline`, with the support key. */
#define support(h, t, ...) cli_run((h), (h)->api_url, (t)->support, __VA_ARGS__)

static void expect_lists(struct harness *h, const struct tenant *t, const char *message_id)
{
    struct said said;

    said = support(h, t, "logs", "status:succeeded");
    assert_said(said, DONE, "WHEN (UTC)");
    assert_int_equal(count(said.out, "order.paid"), 3);
    assert_non_null(strstr(said.out, message_id));
    assert_null(strchr(said.out, '\033')); /* no terminal, no colours */

    said = support(h, t, "logs", "--ndjson", "--limit=2", "-status:failed");
    assert_int_equal(count(said.out, "\n"), 2);
    assert_int_equal(count(said.out, "{\"id\":\""), 2);
    assert_said(said, DONE, "--cursor ");

    said = support(h, t, "logs", "--json", "--limit", "1", "status:succeeded");
    assert_said(said, DONE, "\"next_cursor\": \"");
    said = support(h, t, "logs", "--attempts", "code:2xx");
    assert_int_equal(count(said.out, "succeeded"), 3);
    said = support(h, t, "logs", "--count", "status:succeeded", "since:1h");
    assert_said(said, DONE, "3\n");
    said = support(h, t, "logs", "--count", "--json");
    assert_said(said, DONE, "{\"count\":3,\"is_exact\":true}");
}

/* The cursor that stderr offers goes on where the list ended. */
static void expect_pages(struct harness *h, const struct tenant *t)
{
    struct said first = support(h, t, "logs", "--ndjson", "--limit", "2"), second;
    const char *cursor = strstr(first.err, "--cursor ");

    assert_non_null(cursor);
    cursor = at(h, "%.*s", (int)strcspn(cursor + 9, "\n"), cursor + 9);
    second = support(h, t, "logs", "--ndjson", "--cursor", cursor);
    assert_int_equal(second.code, DONE);
    assert_int_equal(count(second.out, "\n"), 1);
    assert_null(strstr(first.out, at(h, "%.40s", second.out)));
    assert_string_equal(second.err, "");
}

static void test_the_log_is_listed_counted_explained_and_a_message_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *event_id, *path, *id;
    struct said said;

    (void)given_story(h, t, "/hook");
    for (int i = 0; i < 3; i++)
        event_id = publish(h, t, "order.paid", "c1", "{\"order\": 7}");
    path = message_path(h, t, event_id, NULL);
    id = path + strlen("/v1/messages/");
    sinker_wait(h, "/hook", 3, 10000);
    api_wait_for(h, t->admin, "/v1/messages/count?status=succeeded", "count", "3", 10000);

    expect_lists(h, t, id);
    expect_pages(h, t);

    said = support(h, t, "explain", event_id);
    assert_said(said, DONE, "Delivered");
    assert_said(said, DONE, "[delivered]");
    assert_said(said, DONE, "    attempt 1  ");
    assert_int_equal(count(said.out, "subscription "), 1);
    said = support(h, t, "explain", event_id, "--json");
    assert_said(said, DONE, "\"reason\": \"delivered\"");

    said = support(h, t, "resend", id);
    assert_said(said, DONE, "pending");
    sinker_wait(h, "/hook", 4, 10000);
    said = support(h, t, "resend", id, "--values", "yesterday");
    assert_said(said, FAILED, "/values");
    said = support(h, t, "retry", id);
    assert_said(said, FAILED, "409");
}

static void test_what_is_refused_or_cannot_be_done_has_its_exit_code(void **state)
{
    static const char unknown[] = "019ab3f5-20d1-7c44-8e3a-7a4f12c09bd6";
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    char file[PROC_PATH_SIZE + 16];
    struct said said;
    FILE *key;

    said = support(h, t, "logs", "status:broken");
    assert_said(said, FAILED, "/q: ");
    said = support(h, t, "explain", unknown);
    assert_said(said, FAILED, "404");
    said = support(h, t, "explain", "../keys");
    assert_said(said, USAGE, "../keys is no id");
    said = support(h, t, "logs", "--linit", "3");
    assert_said(said, USAGE, "there is no option --linit");
    said = support(h, t, "logs", "--limit", "0");
    assert_said(said, USAGE, "--limit");
    said = support(h, t, "logs", "--count", "--follow");
    assert_said(said, USAGE, "--count");
    said = support(h, t, "tail", "--cursor", "x");
    assert_said(said, USAGE, "there is no option --cursor");
    said = support(h, t, "logs", "--follow", "--cursor", "x");
    assert_said(said, USAGE, "--cursor is of a list");
    said = support(h, t, "replay", "status:failed");
    assert_said(said, USAGE, "--yes");
    said = support(h, t, "replay", "pause", "status:failed");
    assert_said(said, USAGE, "is no id");
    said = support(h, t, "logs", "--help");
    assert_said(said, DONE, "--cursor CURSOR");

    said = cli_run(h, h->api_url, t->producer, "logs");
    assert_said(said, DENIED, "403");
    said = cli_run(h, h->api_url, "hk_nobody", "logs");
    assert_said(said, DENIED, "401");
    said = cli_run(h, h->api_url, "two\r\nlines", "logs");
    assert_said(said, CONFIG, "no API key");
    said = cli_run(h, h->api_url, NULL, "logs");
    assert_said(said, CONFIG, "HOOKLINE_API_KEY");
    said = cli_run(h, "ftp://example.com", t->support, "logs");
    assert_said(said, CONFIG, "http(s)://");
    said = cli_run(h, "http://127.0.0.1:1", t->support, "logs");
    assert_said(said, UNAVAILABLE, "cannot be reached");
    said = cli_run(h, "http://127.0.0.1:1", t->support, "tail");
    assert_said(said, UNAVAILABLE, "cannot be reached");

    (void)snprintf(file, sizeof(file), "%s/key", h->directory);
    key = fopen(file, "w");
    assert_non_null(key);
    (void)fprintf(key, "%s\n", t->support);
    assert_int_equal(fclose(key), 0);
    said = cli_run(h, h->api_url, NULL, "logs", "--key-file", file, "--count");
    assert_said(said, DONE, "0\n");
}

/* The sinker stands for an API that passes on what it was told by somebody. */
static void test_what_a_terminal_would_act_on_is_never_written(void **state)
{
    static const char *const hostile[] = {"\033", "\007", "\302\233", "\342\200\256", "\r"};
    static const char row[] =
        "{\\\"id\\\": \\\"1\\\", \\\"status\\\": \\\"failed\\\", \\\"event_type\\\": "
        "\\\"a\\\\u001b[31m\\\\u0007\\\\u009b2J\\\\u202eb\\\\r\\\\n\\\"}";
    static const char problem[] =
        "{\\\"detail\\\": \\\"no\\\\u001b[2J\\\", \\\"errors\\\": "
        "[{\\\"pointer\\\": \\\"\\\\u009b\\\", \\\"detail\\\": \\\"x\\\"}]}";
    struct harness *h = *state;
    const char *url = sinker_url(h, "");
    struct said said[4];

    sinker_rule(
        h, "/v1/messages",
        "{\"then\": {\"status\": 200, \"body\": \"{\\\"data\\\": [%s], \\\"next_cursor\\\": "
        "null}\"}}",
        row);
    said[0] = cli_run(h, url, "key", "logs");
    assert_said(said[0], DONE, "a\\x1b[31m\\x07\\u009b2J\\u202eb\\r\\n");
    said[1] = cli_run(h, url, "key", "logs", "--ndjson");
    assert_said(said[1], DONE, "a\\u001B[31m\\u0007\\u009b2J\\u202eb\\r\\n");
    sinker_rule(h, "/v1/messages", "{\"then\": {\"status\": 422, \"body\": \"%s\"}}", problem);
    said[2] = cli_run(h, url, "key", "logs");
    assert_said(said[2], FAILED, "  \\u009b: x");
    sinker_rule(h, "/v1/messages", "{\"then\": {\"status\": 200, \"body\": \"<html>\\u001b[2J\"}}");
    said[3] = cli_run(h, url, "key", "logs");
    assert_said(said[3], FAILED, "no answer of Hookline");
    for (size_t i = 0; i < HK_COUNTOF(said); i++) {
        for (size_t k = 0; k < HK_COUNTOF(hostile); k++) {
            assert_null(strstr(said[i].out, hostile[k]));
            assert_null(strstr(said[i].err, hostile[k]));
        }
    }
}

#define MESSAGE(id)                                                                                \
    "id: " id ".m.0\\nevent: message\\ndata: {\\\"id\\\": \\\"" id "\\\", \\\"status\\\": "        \
    "\\\"pending\\\"}\\n\\n"

static void test_a_tail_goes_on_after_a_lost_connection_where_it_was(void **state)
{
    struct harness *h = *state;
    const char *url = sinker_url(h, "");
    struct reply request;
    struct said said;

    sinker_rule(h, "/v1/tail",
                "{\"replies\": [{\"status\": 200, \"body\": \"retry: 10\\n\\n" MESSAGE(
                    "101") "\"}, {\"status\": 503}, {\"reset\": true},"
                           "{\"status\": 200, \"body\": \": hookline\\n" MESSAGE("102")
                               MESSAGE("103") "\"},"
                                              "{\"status\": 200, \"body\": \"event: end\\n"
                                              "data: {\\\"reason\\\": \\\"unauthenticated\\\"}"
                                              "\\n\\n\"}]}");
    said = cli_run(h, url, "key", "tail", "--ndjson", "status:failed");
    assert_said(said, DENIED, "not good any more");
    assert_int_equal(count(said.out, "\n"), 3);
    assert_int_equal(count(said.out, "\"id\":\"102\""), 1);
    assert_said(said, DENIED, "connection lost");
    assert_int_equal(count(said.err, "connected again"), 2);
    request = sinker_request(h, "/v1/tail", 0);
    assert_false(reply_has(&request, "headers.last-event-id"));
    for (unsigned i = 1; i < 4; i++) {
        request = sinker_request(h, "/v1/tail", i);
        assert_string_equal(reply_text(&request, "headers.last-event-id"), "101.m.0");
        assert_string_equal(reply_text(&request, "headers.:query"), "q=status%3Afailed");
    }
    sinker_rule(h, "/v1/tail",
                "{\"then\": {\"status\": 200, \"body\": \"event: end\\ndata: {\\\"reason\\\":"
                " \\\"too_slow\\\"}\\n\\n\"}}");
    said = cli_run(h, url, "key", "tail", "path:x");
    assert_said(said, FAILED, "ask for less");
    request = sinker_request(h, "/v1/tail", 4);
    assert_string_equal(reply_text(&request, "headers.last-event-id"), "103.m.0");
}

static void test_a_tail_ends_when_nobody_reads_it_any_more(void **state)
{
    struct harness *h = *state;
    char program[PROC_PATH_SIZE];
    const char *const argv[] = {"sh", "-c", "\"$0\" tail --ndjson | head -n 1", program, NULL};
    const char *const env[] = {at(h, "HOOKLINE_URL=%s", sinker_url(h, "")), "HOOKLINE_API_KEY=key",
                               NULL};
    char *out;

    proc_program("hookline", program);
    sinker_rule(h, "/v1/tail",
                "{\"then\": {\"status\": 200, \"body\": \"retry: 10\\n\\n" MESSAGE("101") "\"}}");
    assert_int_equal(proc_run("piped", h->directory, argv, env, &out), 0);
    assert_int_equal(count(out, "\n"), 1);
    free(out);
}

static void test_a_tail_shows_messages_and_attempts_as_they_come(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct proc proc = {.pid = 0};
    struct said said;

    (void)given_story(h, t, "/hook");
    cli_start(h, &proc, h->api_url, t->support, "tail", "--attempts", "--limit", "2",
              "type:order.*");
    while (proc_is_running(&proc)) { /* until it is there: what came before is not shown */
        (void)publish(h, t, "order.paid", "c1", "{\"order\": 7}");
        (void)proc_wait(&proc, 1000);
    }
    said = cli_end(h, &proc);
    assert_said(said, DONE, "WHEN (UTC)");
    assert_int_equal(count(said.out, "order.paid"), 2);
    assert_int_equal(count(said.out, "  attempt 1 "), 2); /* messages came as well */

    cli_start(h, &proc, h->api_url, t->support, "tail", "--ndjson");
    while (proc_is_running(&proc)) {
        char *out = proc_read_file(proc.out_path);
        bool is_there = strstr(out, "\"kind\":\"attempt\"") != NULL;

        free(out);
        if (is_there)
            proc_signal(&proc, SIGINT);
        else
            (void)publish(h, t, "order.paid", "c1", "{\"order\": 7}");
        (void)proc_wait(&proc, 1000);
    }
    said = cli_end(h, &proc);
    assert_said(said, 130, "\"kind\":\"message\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_log_is_listed_counted_explained_and_a_message_sent_again),
        harness_test(test_what_is_refused_or_cannot_be_done_has_its_exit_code,
                     .has_no_worker = true),
        harness_test(test_what_a_terminal_would_act_on_is_never_written, .has_no_worker = true),
        harness_test(test_a_tail_goes_on_after_a_lost_connection_where_it_was,
                     .has_no_worker = true),
        harness_test(test_a_tail_ends_when_nobody_reads_it_any_more, .has_no_worker = true),
        harness_test(test_a_tail_shows_messages_and_attempts_as_they_come),
    };

    return cmocka_run_group_tests_name("cli_logs", tests, NULL, NULL);
}
