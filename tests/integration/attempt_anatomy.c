/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt tells: enough to find out why, and no secret. */
#include <stdio.h>

#include "tests/support/message.h"
#include "tests/support/raw.h"
#include "tests/support/tls.h"

static struct tls_identity receiver_identity;
static char directory[PROC_PATH_SIZE];
static char ca_variables[2][PROC_PATH_SIZE + 64];

/* The story with another URL; the subscription. */
static struct subscription given_story_at(struct harness *h, struct tenant *t, const char *url)
{
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"url\": \"%s\", \"timeout_ms\": 2000}", url);

    assert_status(reply, 200);
    return s;
}

/* The first attempt on one more event. */
static struct reply attempt_one(struct harness *h, struct tenant *t)
{
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void check_tls(const struct reply *attempt)
{
    int64_t expires_ms = message_time_ms(reply_text(attempt, "certificate_expires_at"));

    assert_string_equal(reply_text(attempt, "outcome"), "succeeded");
    assert_string_equal(reply_text(attempt, "http_version"), "1.1");
    assert_string_equal(reply_text(attempt, "tls_version"), "TLSv1.3");
    assert_string_equal(reply_text(attempt, "tls_cipher"), "TLS_AES_256_GCM_SHA384");
    assert_true(expires_ms / 1000 - receiver_identity.expires_s <= 2 &&
                expires_ms / 1000 - receiver_identity.expires_s >= -2);
}

static void test_tls_is_told_of_new_and_kept_connections(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct tls_receiver *receiver = tls_receive(&receiver_identity, TLS_ASKS_NOBODY);
    unsigned connection = 9;
    char client[TLS_NAME_SIZE];
    struct reply attempt;

    (void)given_story_at(h, t, tls_url(receiver));
    attempt = attempt_one(h, t);
    check_tls(&attempt);
    assert_true(reply_int(&attempt, "tls_us") > 0);
    attempt = attempt_one(h, t);
    check_tls(&attempt);
    assert_true(reply_is_null(&attempt, "tls_us")); /* there was no handshake */
    assert_true(tls_request(receiver, 1, &connection, client));
    assert_int_equal(connection, 0);
}

static void test_tests_tell_the_same_of_tls(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct tls_receiver *receiver = tls_receive(&receiver_identity, TLS_ASKS_NOBODY);
    struct reply reply = api_call(h, t->admin, "POST", "/v1/event_types",
                                  "{\"name\": \"order.paid\", \"sample\": {}}");

    assert_status(reply, 201);
    reply = api_call(h, t->admin, "POST", "/v1/test-messages",
                     "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]}", tls_url(receiver));
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "messages.0.tls_version"), "TLSv1.3");
    assert_string_equal(reply_text(&reply, "messages.0.http_version"), "1.1");
    assert_string_equal(reply_text(&reply, "messages.0.remote_address"), "127.0.0.1");
    assert_int_equal(reply_int(&reply, "messages.0.requests_sent"), 1);
    assert_true(message_time_ms(reply_text(&reply, "messages.0.certificate_expires_at")) > 0);
}

static void test_the_headers_are_those_that_arrived_with_secrets_masked(void **state)
{
    static const char *const same[] = {"content-type", "webhook-id", "webhook-timestamp",
                                       "webhook-signature", "user-agent"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"credentials\": {\"token\": \"tok-1234\"},"
                 " \"headers\": {\"X-Env\": \"a: b\", \"X-Api-Key\": \"k-5678\","
                 " \"X-SIGNATURE\": \"k-1234\"}}");
    struct reply attempt, request;

    assert_status(reply, 200);
    attempt = attempt_one(h, t);
    request = sinker_request(h, "/hook", 0);
    for (size_t i = 0; i < HK_COUNTOF(same); i++)
        assert_string_equal(reply_text(&attempt, http_text(h->http, "request_headers.%s", same[i])),
                            reply_text(&request, http_text(h->http, "headers.%s", same[i])));
    assert_string_equal(reply_text(&attempt, "request_headers.X-Env"), "a: b");
    assert_string_equal(reply_text(&attempt, "request_headers.authorization"), "***");
    assert_string_equal(reply_text(&attempt, "request_headers.X-Api-Key"), "***");
    assert_string_equal(reply_text(&attempt, "request_headers.X-SIGNATURE"), "***");
    assert_int_equal(reply_count(&attempt, "request_headers"), 9);
    assert_int_equal(db_int(h, "SELECT count(*) FROM attempt a WHERE a::text ~ '1234|5678'"), 0);
}

static void test_another_type_of_content_is_told(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"profile\": \"cloudevents\"}");
    struct reply attempt, request;

    assert_status(reply, 200);
    attempt = attempt_one(h, t);
    request = sinker_request(h, "/hook", 0);
    assert_string_equal(reply_text(&attempt, "request_headers.content-type"),
                        reply_text(&request, "headers.content-type"));
}

static void test_what_was_not_sent_has_no_headers(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;

    (void)given_story_at(h, t, "http://127.0.0.1:1024/");
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "connect");
    assert_int_equal(reply_int(&attempt, "requests_sent"), 0);
    assert_true(reply_is_null(&attempt, "request_headers"));
    assert_true(reply_is_null(&attempt, "http_version"));
    assert_true(reply_is_null(&attempt, "tls_version"));
}

static void test_the_first_16_kib_of_a_body_are_kept(void **state)
{
    static char head[20100] = "HTTP/1.0 200 OK\r\ncontent-length: 20000\r\n\r\n";
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    size_t n = strlen(head);
    struct raw_answer answer = {{head, n + 20000}, RAW_CLOSE};
    struct reply attempt;

    memset(head + n, 'b', 20000);
    (void)given_story_at(h, t, raw_url(raw_receive(&answer, 1)));
    attempt = attempt_one(h, t);
    assert_int_equal(strlen(reply_text(&attempt, "response_body")), 16384);
    assert_true(reply_bool(&attempt, "response_truncated"));
    assert_string_equal(reply_text(&attempt, "http_version"), "1.0");
}

/* libcurl sends it again by itself: the receiver may have seen it twice, and the log says so. */
static void test_a_request_that_a_kept_connection_lost_is_counted_twice(void **state)
{
    static const struct raw_answer answers[] = {
        {HK_STR("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), RAW_RESET_NEXT},
        {HK_STR("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), RAW_CLOSE},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct raw_receiver *raw = raw_receive(answers, HK_COUNTOF(answers));
    struct reply attempt;

    (void)given_story_at(h, t, raw_url(raw));
    attempt = attempt_one(h, t);
    assert_int_equal(reply_int(&attempt, "requests_sent"), 1);
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_int_equal(reply_int(&attempt, "requests_sent"), 2);
    assert_int_equal(reply_int(&attempt, "attempt_no"), 1);
}

int main(void)
{
    const char *const trusting[] = {ca_variables[0], ca_variables[1], NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_tls_is_told_of_new_and_kept_connections, .env = trusting),
        harness_test(test_tests_tell_the_same_of_tls, .env = trusting, .has_no_worker = true),
        harness_test(test_the_headers_are_those_that_arrived_with_secrets_masked),
        harness_test(test_another_type_of_content_is_told),
        harness_test(test_what_was_not_sent_has_no_headers),
        harness_test(test_the_first_16_kib_of_a_body_are_kept),
        harness_test(test_a_request_that_a_kept_connection_lost_is_counted_twice),
    };
    char path[PROC_PATH_SIZE + 16];
    FILE *file;
    int code;

    proc_make_directory("hookline-anatomy", directory);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", directory);
    (void)snprintf(ca_variables[0], sizeof(ca_variables[0]), "HOOKLINE_WORKER_CA_FILE=%s", path);
    (void)snprintf(ca_variables[1], sizeof(ca_variables[1]), "HOOKLINE_API_CA_FILE=%s", path);
    tls_make(&receiver_identity, "receiver", 30);
    file = fopen(path, "w");
    if (file == NULL || fputs(receiver_identity.certificate, file) < 0 || fclose(file) != 0)
        return 1;
    code = cmocka_run_group_tests_name("attempt_anatomy", tests, NULL, NULL);
    proc_remove_directory(directory);
    return code;
}
