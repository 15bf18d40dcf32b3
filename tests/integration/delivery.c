/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver gets, and what the attempt log says about it. Profile standard. */
#include <stdlib.h>

#include "tests/support/message.h"

#define PAYLOAD "{\"n\": 12345678901234567890, \"f\": 0.10, \"n\":null,\"t\": \"\\u00e9\" }"

/* Waits for the first request of /hook and returns it. */
static struct reply first_request(struct harness *h)
{
    sinker_wait(h, "/hook", 1, 10000);
    return sinker_request(h, "/hook", 0);
}

static void test_the_body_is_the_envelope_around_the_producers_own_bytes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply sent, request;

    (void)given_story(h, t, "/hook");
    sent = api_call(h, t->producer, "POST", "/v1/events",
                    "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": " PAYLOAD
                    ", \"occurred_at\": \"2026-01-02T03:04:05.6+01:00\"}");
    assert_status(sent, 202);

    request = first_request(h);
    assert_string_equal(reply_text(&request, "method"), "POST");
    assert_string_equal(reply_text(&request, "body"),
                        "{\"type\":\"order.paid\",\"timestamp\":\"2026-01-02T03:04:05.6+01:00\","
                        "\"data\":" PAYLOAD "}");
}

static void test_the_headers_are_those_of_standard_webhooks(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply request;
    const char *path;

    (void)given_story(h, t, "/hook");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    request = first_request(h);
    assert_string_equal(reply_text(&request, "headers.webhook-id"), path + strlen("/v1/messages/"));
    assert_string_equal(reply_text(&request, "headers.content-type"), "application/json");
    assert_int_equal(
        strncmp(reply_text(&request, "headers.user-agent"), "Hookline/", strlen("Hookline/")), 0);
    assert_string_equal(reply_text(&request, "signature"), "valid");
    assert_false(reply_has(&request, "headers.expect"));
    assert_false(reply_has(&request, "headers.authorization"));
    assert_false(reply_has(&request, "headers.accept-encoding"));
}

static void test_another_secret_does_not_fit_the_signature(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription mine, other;
    struct reply request;
    const char *app_id;

    mine = given_story(h, t, "/hook");
    app_id = given_app(h, t, "acme");
    other = given_subscription(h, t, app_id, "/other", "order.paid");
    assert_string_not_equal(mine.secret, other.secret);
    sinker_rule(h, "/hook", "{\"secret\": \"%s\"}", other.secret);
    (void)publish(h, t, "order.paid", "c1", "{}");

    request = first_request(h);
    assert_string_equal(reply_text(&request, "signature"), "invalid");
}

static void test_a_retry_has_the_same_id_and_a_new_timestamp(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first, second;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}]}");
    (void)publish(h, t, "order.paid", "c1", "{}");

    sinker_wait(h, "/hook", 2, 10000);
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&second, "headers.webhook-id"));
    assert_string_equal(reply_text(&first, "body"), reply_text(&second, "body"));
    assert_true(strtol(reply_text(&second, "headers.webhook-timestamp"), NULL, 10) >
                strtol(reply_text(&first, "headers.webhook-timestamp"), NULL, 10));
    assert_string_equal(reply_text(&second, "signature"), "valid");
}

static void test_credentials_are_sent_as_basic(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    struct reply reply, request;

    reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", subscription.id),
                 "{\"credentials\": {\"username\": \"Aladdin\", \"password\": \"open sesame\"}}");
    assert_status(reply, 200);
    (void)publish(h, t, "order.paid", "c1", "{}");

    request = first_request(h);
    assert_string_equal(reply_text(&request, "headers.authorization"),
                        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

static void test_the_producers_trace_goes_on_in_a_span_of_its_own(void **state)
{
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    static const char *const headers[] = {
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply sent, request;
    const char *got;

    (void)given_story(h, t, "/hook");
    sent = api_send(h, t->producer, "POST", "/v1/events",
                    HK_STR("{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1}"),
                    headers);
    assert_status(sent, 202);

    request = first_request(h);
    got = reply_text(&request, "headers.traceparent");
    assert_int_equal(strlen(got), strlen(trace));
    assert_memory_equal(got, trace, 36);
    assert_memory_not_equal(got + 36, trace + 36, 16);
    assert_string_equal(got + 52, trace + 52);
}

static void test_a_body_of_a_megabyte_arrives_whole_and_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply request, attempt;
    enum { N = 1000000 };
    char *payload = malloc(N + 3);
    const char *path;

    assert_non_null(payload);
    memset(payload, 'x', N + 2);
    payload[0] = payload[N + 1] = '"';
    payload[N + 2] = '\0';
    (void)given_story(h, t, "/hook");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", payload), NULL);
    free(payload);

    request = first_request(h);
    assert_true(reply_int(&request, "content_length") > N);
    assert_string_equal(reply_text(&request, "signature"), "valid");
    message_wait(h, t, path, "succeeded");
    attempt = message_attempt(h, t, path, 1);
    assert_true(reply_int(&attempt, "duration_us") < 900000); /* "Expect:" would cost a second */
}

static void test_every_2xx_is_a_success(void **state)
{
    static const int statuses[] = {200, 201, 202, 204, 299};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        struct reply attempt;
        const char *path;

        sinker_rule(h, "/hook", "{\"then\": {\"status\": %d}}", statuses[i]);
        path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
        message_wait(h, t, path, "succeeded");
        attempt = message_attempt(h, t, path, 1);
        assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
        assert_int_equal(reply_int(&attempt, "status_code"), statuses[i]);
    }
    assert_int_equal(sinker_count(h, "/hook"), HK_COUNTOF(statuses));
}

static void test_a_redirect_is_a_failure_and_is_never_followed(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        struct reply attempt;
        const char *path;

        sinker_rule(h, "/hook", "{\"then\": {\"status\": %d, \"headers\": {\"Location\": \"%s\"}}}",
                    statuses[i], sinker_url(h, "/elsewhere"));
        path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
        message_wait_attempts(h, t, path, 1);
        attempt = message_attempt(h, t, path, 1);
        assert_string_equal(reply_text(&attempt, "outcome"), "http_status");
        assert_int_equal(reply_int(&attempt, "status_code"), statuses[i]);
    }
    assert_int_equal(sinker_count(h, "/elsewhere"), 0);
}

static void test_the_answer_is_recorded(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(
        h, "/hook",
        "{\"then\": {\"status\": 422, \"headers\": {\"X-Why\": \"no\"}, \"body\": \"h\\u00e9\"}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_int_equal(reply_int(&attempt, "status_code"), 422);
    assert_string_equal(reply_text(&attempt, "response_body"), "h\xc3\xa9");
    assert_string_equal(reply_text(&attempt, "response_body_encoding"), "text");
    assert_false(reply_bool(&attempt, "response_truncated"));
    assert_non_null(strstr(reply_text(&attempt, "response_headers"), "x-why: no\r\n"));
    assert_string_equal(reply_text(&attempt, "url"), sinker_url(h, "/hook"));
    assert_true(reply_is_null(&attempt, "error"));
}

static void test_a_long_answer_is_recorded_truncated(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;
    const char *path;
    char body[20001];

    memset(body, 'y', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"body\": \"%s\"}}", body);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait(h, t, path, "succeeded");
    attempt = message_attempt(h, t, path, 1);
    assert_int_equal(strlen(reply_text(&attempt, "response_body")), 16384);
    assert_true(reply_bool(&attempt, "response_truncated"));
}

static void test_an_answer_that_is_no_text_is_recorded_as_base64(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"body\": \"a\\u0000b\"}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait(h, t, path, "succeeded");
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "response_body"), "YQBi");
    assert_string_equal(reply_text(&attempt, "response_body_encoding"), "base64");
}

static void test_the_phases_of_an_attempt_are_measured(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 100}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait(h, t, path, "succeeded");
    attempt = message_attempt(h, t, path, 1);
    assert_true(reply_int(&attempt, "connect_us") < 100000);
    assert_true(reply_int(&attempt, "first_byte_us") >= 90000);
    assert_true(reply_int(&attempt, "first_byte_us") >= reply_int(&attempt, "connect_us"));
    assert_true(reply_int(&attempt, "duration_us") >= reply_int(&attempt, "first_byte_us"));
    assert_true(reply_is_null(&attempt, "tls_us"));
    assert_string_equal(reply_text(&attempt, "remote_address"), "127.0.0.1");
    assert_true(strlen(reply_text(&attempt, "worker")) > 0);
}

static void test_a_proxy_in_the_environment_is_ignored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 1);
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

static const char *const one_second_later[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=4", NULL};
static const char *const with_proxies[] = {
    "http_proxy=http://127.0.0.1:9",  "HTTP_PROXY=http://127.0.0.1:9",
    "all_proxy=http://127.0.0.1:9",   "https_proxy=http://127.0.0.1:9",
    "ALL_PROXY=socks5://127.0.0.1:9", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_body_is_the_envelope_around_the_producers_own_bytes),
        harness_test(test_the_headers_are_those_of_standard_webhooks),
        harness_test(test_another_secret_does_not_fit_the_signature),
        harness_test(test_a_retry_has_the_same_id_and_a_new_timestamp, .env = one_second_later),
        harness_test(test_credentials_are_sent_as_basic),
        harness_test(test_the_producers_trace_goes_on_in_a_span_of_its_own),
        harness_test(test_a_body_of_a_megabyte_arrives_whole_and_at_once),
        harness_test(test_every_2xx_is_a_success),
        harness_test(test_a_redirect_is_a_failure_and_is_never_followed),
        harness_test(test_the_answer_is_recorded),
        harness_test(test_a_long_answer_is_recorded_truncated),
        harness_test(test_an_answer_that_is_no_text_is_recorded_as_base64),
        harness_test(test_the_phases_of_an_attempt_are_measured),
        harness_test(test_a_proxy_in_the_environment_is_ignored, .env = with_proxies),
    };

    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
