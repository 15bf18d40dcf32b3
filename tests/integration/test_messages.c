/* SPDX-License-Identifier: Apache-2.0 */
/* Test messages (AL-07, BQ-07): samples to any URL that may be called, the whole exchange shown. */
#include <string.h>

#include "hk/sign.h"
#include "tests/support/check.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SAMPLE "{\"id\": 7, \"price\": 1.50, \"note\": null}"

static void expect(struct harness *h, struct reply reply, int status, const char *slug,
                   const char *pointer)
{
    assert_problem(h, reply, status, slug, pointer);
}

static struct tenant *given_catalogue(struct harness *h)
{
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->admin, "POST", "/v1/event_types",
                                  "{\"name\": \"order.paid\", \"sample\": " SAMPLE "}");

    assert_status(reply, 201);
    given_event_type(h, t, "order.bare");
    return t;
}

/* `more` is further members, each after a comma, or "". */
static struct reply test_url(struct harness *h, const char *key, const char *url, const char *more)
{
    return api_call(h, key, "POST", "/v1/test-messages",
                    "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]%s}", url, more);
}

static void test_the_whole_exchange_is_shown(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply, request;

    sinker_rule(h, "/t", "{\"then\": {\"status\": 202, \"body\": \"thanks\"}}");
    reply = test_url(h, t->partner, sinker_url(h, "/t"), "");
    assert_status(reply, 200);
    assert_members(reply, "", "profile,secret,token,messages");
    assert_members(
        reply, "messages.0",
        "event_type,event_id,message_id,request,outcome,error,response,duration_us,"
        "dns_us,connect_us,tls_us,first_byte_us,remote_address,requests_sent,http_version,"
        "tls_version,tls_cipher,certificate_expires_at");
    assert_string_equal(reply_text(&reply, "profile"), "standard");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_int_equal(reply_int(&reply, "messages.0.response.status_code"), 202);
    assert_string_equal(reply_text(&reply, "messages.0.response.body"), "thanks");
    assert_true(reply_is_null(&reply, "messages.0.error"));

    request = sinker_request(h, "/t", 0);
    assert_string_equal(reply_text(&request, "body"),
                        reply_text(&reply, "messages.0.request.body"));
    assert_non_null(strstr(reply_text(&request, "body"), "\"data\":" SAMPLE));
    assert_string_equal(reply_text(&request, "headers.webhook-signature"),
                        reply_text(&reply, "messages.0.request.headers.webhook-signature"));
    assert_true(hk_verify_v1(hk_str(reply_text(&reply, "secret")),
                             hk_str(reply_text(&request, "headers.webhook-id")),
                             strtoll(reply_text(&request, "headers.webhook-timestamp"), NULL, 10),
                             hk_str(reply_text(&request, "body")),
                             hk_str(reply_text(&request, "headers.webhook-signature"))));
    assert_int_equal(db_int(h, "SELECT count(*) FROM message"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'test_message.sent'"),
                     1);
}

static void test_a_given_secret_signs_and_is_not_shown(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply, request;

    reply = test_url(h, t->admin, sinker_url(h, "/t"),
                     ", \"profile\": \"basekit\", \"secret\": \"" SECRET "\"");
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "secret"));
    assert_null(strstr(reply.body, SECRET));
    request = sinker_request(h, "/t", 0);
    assert_string_equal(reply_text(&request, "body"), SAMPLE);
    assert_string_equal(reply_text(&reply, "messages.0.request.headers.X-Delivery-Hmac-SHA256"),
                        reply_text(&request, "headers.x-delivery-hmac-sha256"));
    assert_null(strstr(harness_logs(h), &SECRET[6]));
}

static void test_headers_and_credentials_go_out_and_secrets_are_not_shown(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply request,
        reply = test_url(h, t->partner, sinker_url(h, "/t"),
                         ", \"credentials\": {\"token\": \"tok-1234\"}, "
                         "\"headers\": {\"X-Env\": \"test\", \"X-Api-Key\": \"k-5678\"}");

    assert_status(reply, 200);
    request = sinker_request(h, "/t", 0);
    assert_string_equal(reply_text(&request, "headers.authorization"), "Bearer tok-1234");
    assert_string_equal(reply_text(&request, "headers.x-api-key"), "k-5678");
    assert_string_equal(reply_text(&reply, "messages.0.request.headers.X-Env"), "test");
    assert_string_equal(reply_text(&reply, "messages.0.request.headers.X-Api-Key"), "***");
    assert_string_equal(reply_text(&reply, "messages.0.request.headers.authorization"), "***");
    assert_null(strstr(reply.body, "tok-1234"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE detail::text ~ '5678|1234'"),
                     0);
}

static void test_each_type_is_a_request_of_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply = api_call(
        h, t->partner, "POST", "/v1/test-messages",
        "{\"url\": \"%s\", \"event_types\": [\"order.paid\", \"order.paid\", \"order.paid\"]}",
        sinker_url(h, "/t"));

    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "messages"), 3);
    assert_int_equal(sinker_count(h, "/t"), 3);
    assert_string_not_equal(reply_text(&reply, "messages.0.message_id"),
                            reply_text(&reply, "messages.2.message_id"));
}

static void test_a_failure_is_told_in_words(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply;

    sinker_rule(h, "/t", "{\"then\": {\"status\": 500, \"body\": \"no\"}}");
    reply = test_url(h, t->partner, sinker_url(h, "/t"), "");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "http_status");
    assert_int_equal(reply_int(&reply, "messages.0.response.status_code"), 500);
    sinker_rule(h, "/t", "{\"then\": {\"reset\": true}}");
    reply = test_url(h, t->partner, sinker_url(h, "/t"), "");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "reset");
    assert_true(reply_is_null(&reply, "messages.0.response"));
    reply = test_url(h, t->partner, "https://no-such-host.invalid/", "");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "dns");
    sinker_rule(h, "/t", "{\"then\": {\"status\": 201}}");
    reply = test_url(h, t->partner, sinker_url(h, "/t"), ", \"profile\": \"basecone\"");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "http_status"); /* BC-20 */
}

static void test_a_private_address_is_blocked_and_nothing_is_told(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply = test_url(h, t->partner, "http://localhost:8080/", "");

    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "blocked_address");
    assert_true(reply_is_null(&reply, "messages.0.dns_us"));
    assert_true(reply_is_null(&reply, "messages.0.connect_us"));
    assert_true(reply_is_null(&reply, "messages.0.response"));
    assert_null(strstr(reply.body, "127.0.0.1"));
}

static void test_what_cannot_be_sent_is_refused(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\", \"no.such\"]}",
         "/event_types/1"},
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.bare\"]}", "/event_types/0"},
        {"{\"url\": \"https://e.example/\", \"event_types\": []}", "/event_types"},
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\"], \"profile\": \"x\"}",
         "/profile"},
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\"], \"secret\": \"x\"}",
         "/secret"},
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\"], "
         "\"headers\": {\"Webhook-Id\": \"1\"}}",
         "/headers/Webhook-Id"},
        {"{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\"], "
         "\"credentials\": {\"username\": \"u\"}}",
         "/credentials/password"},
        {"{\"url\": \"ftp://e.example/\", \"event_types\": [\"order.paid\"]}", "/url"},
    };
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, t->partner, "POST /v1/test-messages", hk_str(cases[i].body), 422,
                       "invalid_body", cases[i].pointer);
    expect(h, test_url(h, t->support, "https://e.example/", ""), 403, "forbidden", NULL);
}

static void test_ten_tests_a_minute(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);

    for (int i = 0; i < 10; i++) {
        struct reply reply = test_url(h, t->partner, sinker_url(h, "/t"), "");

        assert_status(reply, 200);
    }
    expect(h, test_url(h, t->partner, sinker_url(h, "/t"), ""), 429, "rate_limited", NULL);
    expect(h, test_url(h, t->admin, sinker_url(h, "/t"), ""), 429, "rate_limited", NULL);
    assert_int_equal(sinker_count(h, "/t"), 10);
    assert_int_equal(test_url(h, given_catalogue(h)->partner, sinker_url(h, "/t"), "").status, 200);
}

static void test_a_receiver_that_hangs_costs_the_timeout(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply;

    sinker_rule(h, "/hang", "{\"then\": {\"hang\": true}}");
    reply = test_url(h, t->partner, sinker_url(h, "/hang"), ", \"profile\": \"basecone\"");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "timeout");
    assert_in_range(reply_int(&reply, "messages.0.duration_us"), 4900000, 9000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_whole_exchange_is_shown),
        harness_test(test_a_given_secret_signs_and_is_not_shown),
        harness_test(test_headers_and_credentials_go_out_and_secrets_are_not_shown),
        harness_test(test_each_type_is_a_request_of_its_own),
        harness_test(test_a_failure_is_told_in_words),
        harness_test(test_a_private_address_is_blocked_and_nothing_is_told,
                     .env =
                         (const char *const[]){"HOOKLINE_API_ALLOWED_NETWORKS=10.1.0.0/16", NULL}),
        harness_test(test_what_cannot_be_sent_is_refused),
        harness_test(test_ten_tests_a_minute),
        harness_test(test_a_receiver_that_hangs_costs_the_timeout),
    };

    return cmocka_run_group_tests_name("test_messages", tests, NULL, NULL);
}
