/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attempt as a curl command, which is run by a shell and has to arrive as the attempt did; and
 * what differs between two attempts.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define HARD_PATH "/it's$HOME(x)"

/* Blanks of all kinds, what shells expand, and what curl and printf would read as something else.
 */
#define HARD_PAYLOAD                                                                               \
    "{ \"a\":\r\n\t\"it's `id` $(id) $HOME \\\"!!\\\" %s %% \\\\ \\u0000 \\n\", \"@b\": "          \
    "[\"\xc3\xa9 \xf0\x9f\x98\x80"                                                                 \
    "\",\n 1.50, -0]}"

struct story {
    struct tenant *t;
    struct subscription s;
    const char *path; /* of the message */
};

/* The attempt is made before anything else happens. */
static struct story given_attempt(struct harness *h, const char *hook, const char *settings,
                                  const char *payload)
{
    struct story s = {.t = given_tenant(h)};
    const char *event_id;

    s.s = given_story(h, s.t, hook);
    if (settings != NULL)
        (void)api_want(h, 200, s.t->partner, "PATCH",
                       http_text(h->http, "/v1/subscriptions/%s", s.s.id), settings);
    event_id = publish(h, s.t, "order.paid", "c1", payload);
    s.path = message_path(h, s.t, event_id, s.s.id);
    message_wait_attempts(h, s.t, s.path, 1);
    return s;
}

static struct reply curl_of(struct harness *h, const struct story *s, const char *key)
{
    return api_want(h, 200, key, "GET", http_text(h->http, "%s/attempts/1/curl", s->path), NULL);
}

/* From a file, as long as it may be; what it printed. */
static const char *run(struct harness *h, const char *command)
{
    const char *path = http_text(h->http, "%s/command.sh", h->directory), *text;
    FILE *file = fopen(path, "w");
    char *out = NULL;
    int code;

    assert_non_null(file);
    assert_true(fputs(command, file) >= 0);
    assert_int_equal(fclose(file), 0);
    code = proc_run("sh", h->directory, (const char *const[]){"/bin/sh", path, NULL},
                    (const char *const[]){"HOME=/nowhere", "PATH=/usr/bin:/bin", NULL}, &out);
    if (code != 0)
        fail_test("the command ended with %d: %.2000s", code, command);
    text = http_text(h->http, "%s", out);
    free(out);
    return text;
}

static void assert_same_request(struct harness *h, const char *hook)
{
    static const char *const same[] = {"content-type", "user-agent", "webhook-id", "x-odd"};
    struct reply first = sinker_request(h, hook, 0), second = sinker_request(h, hook, 1);

    assert_string_equal(reply_text(&second, "body"), reply_text(&first, "body"));
    for (size_t i = 0; i < HK_COUNTOF(same); i++) {
        const char *at = http_text(h->http, "headers.%s", same[i]);

        assert_int_equal(reply_has(&first, at), reply_has(&second, at));
        if (reply_has(&first, at))
            assert_string_equal(reply_text(&second, at), reply_text(&first, at));
    }
    assert_false(reply_has(&second, "headers.accept"));
    assert_false(reply_has(&second, "headers.expect"));
}

static void test_the_command_sends_the_same_bytes_with_a_signature_of_now(void **state)
{
    struct harness *h = *state;
    struct story s = given_attempt(h, "/hook", NULL, HARD_PAYLOAD);
    struct reply reply = curl_of(h, &s, s.t->partner), arrived;

    assert_members(reply, "", "command,masked,illustrative,error");
    assert_int_equal(reply_count(&reply, "masked"), 0);
    assert_int_equal(reply_count(&reply, "illustrative"), 0);
    assert_non_null(strstr(run(h, reply_text(&reply, "command")), " 200 OK"));
    assert_int_equal(sinker_count(h, "/hook"), 2);
    arrived = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&arrived, "signature"), "valid");
    assert_same_request(h, "/hook");
}

static void test_urls_and_header_fields_are_quoted_too(void **state)
{
    struct harness *h = *state;
    struct story s = given_attempt(
        h, HARD_PATH, "{\"headers\": {\"x-odd\": \"it's $HOME \\\"`id`\\\" \\\\\"}}", "{}");
    struct reply reply = curl_of(h, &s, s.t->admin), arrived;

    (void)run(h, reply_text(&reply, "command"));
    assert_int_equal(sinker_count(h, HARD_PATH), 2);
    arrived = sinker_request(h, HARD_PATH, 1);
    assert_string_equal(reply_text(&arrived, "headers.x-odd"), "it's $HOME \"`id`\" \\");
    assert_same_request(h, HARD_PATH);
}

static void test_a_body_longer_than_an_argument_may_be_arrives(void **state)
{
    enum { N = 200000 };
    static char payload[N + 16];
    struct harness *h = *state;
    struct story s;
    struct reply reply, first, second;

    (void)snprintf(payload, sizeof(payload), "{\"a\":\"%0*d\"}", N, 7);
    s = given_attempt(h, "/hook", NULL, payload);
    reply = curl_of(h, &s, s.t->partner);
    (void)run(h, reply_text(&reply, "command"));
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    assert_int_equal(reply_int(&second, "content_length"), reply_int(&first, "content_length"));
    assert_string_equal(reply_text(&second, "signature"), "valid");
}

static void test_secrets_are_masked_and_named(void **state)
{
    struct harness *h = *state;
    struct story s =
        given_attempt(h, "/hook",
                      "{\"headers\": {\"x-api-key\": \"canary-1\"},"
                      " \"credentials\": {\"username\": \"u\", \"password\": \"canary-2\"}}",
                      "{}");
    struct reply reply = curl_of(h, &s, s.t->admin);

    assert_int_equal(reply_count(&reply, "masked"), 2);
    assert_string_equal(reply_text(&reply, "masked.0"), "authorization");
    assert_non_null(strstr(reply_text(&reply, "command"), "--header 'x-api-key: ***'"));
    assert_null(strstr(reply.body, "canary"));
}

static void test_who_may_not_send_tests_gets_no_real_signature(void **state)
{
    struct harness *h = *state;
    struct story s = given_attempt(h, "/hook", NULL, "{}");
    struct reply reply = curl_of(h, &s, s.t->support), arrived;

    assert_string_equal(reply_text(&reply, "illustrative.0"), "signature");
    (void)run(h, reply_text(&reply, "command"));
    arrived = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&arrived, "signature"), "invalid");
}

static void test_what_is_not_the_callers_is_not_there(void **state)
{
    struct harness *h = *state;
    struct story s = given_attempt(h, "/hook", NULL, "{}");
    const char *globex = given_key(h, s.t, "partner", "globex");
    static const char *const tails[] = {"1/curl", "diff?from=1&to=1", "diff"};
    static const char *const missing[] = {"2/curl", "x/curl", "diff?to=2", "diff?from=x"};

    for (size_t i = 0; i < HK_COUNTOF(tails); i++) {
        const char *path = http_text(h->http, "%s/attempts/%s", s.path, tails[i]);

        (void)api_want(h, 200, s.t->partner, "GET", path, NULL);
        (void)api_want(h, 404, globex, "GET", path, NULL);
        (void)api_want(h, 403, s.t->producer, "GET", path, NULL);
    }
    for (size_t i = 0; i < HK_COUNTOF(missing); i++)
        (void)api_want(h, 404, s.t->partner, "GET",
                       http_text(h->http, "%s/attempts/%s", s.path, missing[i]), NULL);
}

static void test_there_is_no_command_of_a_payload_that_was_erased(void **state)
{
    struct harness *h = *state;
    struct story s = given_attempt(h, "/hook", NULL, "{\"name\": \"canary\"}");
    struct reply reply = message_get(h, s.t, s.path);
    const char *event_id = reply_text(&reply, "event_id");

    (void)api_want(h, 200, s.t->admin, "POST",
                   http_text(h->http, "/v1/events/%s/expunge", event_id),
                   "{\"reason\": \"asked for\"}");
    reply =
        api_want(h, 409, s.t->admin, "GET", http_text(h->http, "%s/attempts/1/curl", s.path), NULL);
    assert_string_equal(reply_text(&reply, "type"), "/problems/payload_gone");
    reply = api_want(h, 200, s.t->admin, "GET",
                     http_text(h->http, "/v1/events/%s/explain", event_id), NULL);
    assert_null(strstr(reply.body, "canary"));
}

/* ---- two attempts ---- */

static size_t find_difference(const struct harness *h, const struct reply *reply,
                              const char *member)
{
    for (size_t i = 0; i < reply_count(reply, "differences"); i++) {
        const char *at = http_text(h->http, "differences.%zu.member", i);

        if (strcmp(reply_text(reply, at), member) == 0)
            return i;
    }
    fail_test("no %s in %s", member, reply->body);
}

static void test_a_diff_names_what_is_another_and_nothing_else(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/one");
    const char *path, *at;
    struct reply reply;
    size_t i;

    sinker_rule(
        h, "/one",
        "{\"then\": {\"status\": 503, \"headers\": {\"X-Node\": \"a\"}, \"body\": \"down\"}}");
    sinker_rule(h, "/two", "{\"then\": {\"status\": 200, \"body\": \"up\"}}");
    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                   "{\"overrides\": {\"schedule\": \"1h\"}, \"headers\": {\"x-region\": \"eu\"}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), s.id);
    message_wait_attempts(h, t, path, 1);
    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                   http_text(h->http, "{\"url\": \"%s\", \"headers\": {\"x-region\": \"us\"}}",
                             sinker_url(h, "/two")));
    (void)api_want(h, 202, t->admin, "POST", http_text(h->http, "%s/retry", path), NULL);
    message_wait(h, t, path, "succeeded");

    reply = api_want(h, 200, t->support, "GET", http_text(h->http, "%s/attempts/diff", path), NULL);
    assert_int_equal(reply_int(&reply, "from"), 1);
    assert_int_equal(reply_int(&reply, "to"), 2);
    i = find_difference(h, &reply, "status_code");
    assert_int_equal(reply_int(&reply, http_text(h->http, "differences.%zu.from", i)), 503);
    assert_int_equal(reply_int(&reply, http_text(h->http, "differences.%zu.to", i)), 200);
    i = find_difference(h, &reply, "request_headers.x-region");
    assert_string_equal(reply_text(&reply, http_text(h->http, "differences.%zu.to", i)), "us");
    i = find_difference(h, &reply, "response_headers.x-node");
    assert_true(reply_is_null(&reply, http_text(h->http, "differences.%zu.to", i)));
    i = find_difference(h, &reply, "started_at");
    assert_true(reply_bool(&reply, http_text(h->http, "differences.%zu.is_usual", i)));
    (void)find_difference(h, &reply, "url");
    (void)find_difference(h, &reply, "response_body");
    at = "\"worker\"";
    assert_null(strstr(reply.body, at));
    assert_null(strstr(reply.body, "request_headers.webhook-id"));

    reply = api_want(h, 200, t->support, "GET",
                     http_text(h->http, "%s/attempts/diff?from=2&to=2", path), NULL);
    assert_int_equal(reply_count(&reply, "differences"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_command_sends_the_same_bytes_with_a_signature_of_now),
        harness_test(test_urls_and_header_fields_are_quoted_too),
        harness_test(test_a_body_longer_than_an_argument_may_be_arrives),
        harness_test(test_secrets_are_masked_and_named),
        harness_test(test_who_may_not_send_tests_gets_no_real_signature),
        harness_test(test_what_is_not_the_callers_is_not_there),
        harness_test(test_there_is_no_command_of_a_payload_that_was_erased),
        harness_test(test_a_diff_names_what_is_another_and_nothing_else),
    };

    return cmocka_run_group_tests_name("attempt_curl", tests, NULL, NULL);
}
