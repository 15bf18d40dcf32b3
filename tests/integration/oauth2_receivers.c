/* SPDX-License-Identifier: Apache-2.0 */
/* Standards 2.8 and R-38: receivers that want an access token of their own authorization server. */
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

#define CREDENTIALS(path)                                                                          \
    "{\"credentials\": {\"token_url\": \"%s" path "\", \"client_id\": \"erp:client\","             \
    " \"client_secret\": \"s3cret-4711 %%\", \"scope\": \"hooks.write hooks.read\"}}"

/* "erp%3Aclient:s3cret-4711+%25" */
#define BASIC "Basic ZXJwJTNBY2xpZW50OnMzY3JldC00NzExKyUyNQ=="

/* A token endpoint that answers `reply`, and a subscription that uses it. */
static struct subscription given_oauth2(struct harness *h, struct tenant *t, const char *token_rule)
{
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 CREDENTIALS("/token"), h->sinker_urls[0]);

    assert_status(reply, 200);
    sinker_rule(h, "/token", "%s", token_rule);
    return s;
}

static const char token_of_an_hour[] =
    "{\"then\": {\"status\": 200, \"body\": \"{\\\"access_token\\\": \\\"tok-1\\\","
    " \\\"token_type\\\": \\\"Bearer\\\", \\\"expires_in\\\": 3600}\"}}";

static struct reply attempt_one(struct harness *h, struct tenant *t)
{
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void test_many_messages_make_one_token_call(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply request;

    (void)given_oauth2(h, t, token_of_an_hour);
    publish_many(h, t, 50);
    sinker_wait(h, "/hook", 50, 20000);
    assert_int_equal(sinker_count(h, "/token"), 1);
    request = sinker_request(h, "/token", 0);
    assert_string_equal(reply_text(&request, "method"), "POST");
    assert_string_equal(reply_text(&request, "headers.authorization"), BASIC);
    assert_string_equal(reply_text(&request, "headers.content-type"),
                        "application/x-www-form-urlencoded");
    assert_string_equal(reply_text(&request, "body"),
                        "grant_type=client_credentials&scope=hooks.write+hooks.read");
    for (unsigned i = 0; i < 50; i += 7) {
        request = sinker_request(h, "/hook", i);
        assert_string_equal(reply_text(&request, "headers.authorization"), "Bearer tok-1");
    }
}

static void test_what_is_secret_is_shown_nowhere(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_oauth2(h, t, token_of_an_hour);
    struct reply attempt = attempt_one(h, t);
    struct reply reply =
        api_call(h, t->admin, "GET", http_text(h->http, "/v1/subscriptions/%s", s.id), NULL);

    assert_string_equal(reply_text(&attempt, "request_headers.authorization"), "***");
    assert_string_equal(reply_text(&reply, "credentials_kind"), "oauth2");
    assert_string_equal(reply_text(&reply, "client_id"), "erp:client");
    assert_string_equal(reply_text(&reply, "scope"), "hooks.write hooks.read");
    assert_true(reply_is_null(&reply, "username"));
    assert_null(strstr(reply.body, "s3cret"));
    assert_null(strstr(harness_logs(h), "s3cret"));
    assert_null(strstr(harness_logs(h), "tok-1"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log a WHERE a::text ~ 's3cret|tok-1'"),
                     0);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM subscription_credentials c WHERE c::text ~ 's3cret'"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM attempt a WHERE a::text ~ 'tok-1'"), 0);
}

static void test_a_token_that_is_refused_is_asked_for_anew_within_the_attempt(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt, request;

    (void)given_oauth2(h, t,
                       "{\"replies\": [{\"status\": 200, \"body\":"
                       " \"{\\\"access_token\\\":\\\"old\\\"}\"}],"
                       " \"then\": {\"status\": 200, \"body\":"
                       " \"{\\\"access_token\\\":\\\"new\\\"}\"}}");
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 401}], \"then\": {\"status\": 200}}");
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_int_equal(reply_int(&attempt, "attempt_no"), 1);
    assert_int_equal(reply_int(&attempt, "requests_sent"), 2);
    assert_int_equal(sinker_count(h, "/token"), 2);
    request = sinker_request(h, "/hook", 2);
    assert_string_equal(reply_text(&request, "headers.authorization"), "Bearer new");
}

static void test_a_new_token_that_is_refused_is_a_refusal(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;

    (void)given_oauth2(h, t, token_of_an_hour);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 401}}");
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "http_status");
    assert_int_equal(reply_int(&attempt, "status_code"), 401);
    assert_int_equal(reply_int(&attempt, "requests_sent"), 1);
}

static void test_R_38_without_a_token_the_attempt_fails_and_nothing_is_lost(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply attempt;

    (void)given_oauth2(h, t, "{\"replies\": [{\"status\": 400}, {\"status\": 503}]}");
    sinker_rule(h, "/token",
                "{\"replies\": [{\"status\": 400}], \"then\": {\"status\": 200, \"body\":"
                " \"{\\\"access_token\\\":\\\"late\\\"}\"}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "credentials");
    assert_string_equal(reply_text(&attempt, "error"), "the token endpoint refused the client");
    assert_int_equal(reply_int(&attempt, "requests_sent"), 0);
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_R_38_a_token_endpoint_that_hangs_holds_up_nobody_else(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);

    (void)given_oauth2(h, t, "{\"then\": {\"hang\": true}}");
    publish_many(h, t, 20);
    (void)given_story(h, other, "/other");
    for (unsigned i = 0; i < 5; i++)
        message_wait(h, other,
                     message_path(h, other, publish(h, other, "order.paid", "c1", "{}"), NULL),
                     "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 0);
    assert_int_equal(sinker_count(h, "/token"), 1);
}

static void test_the_token_endpoint_is_guarded_like_a_receiver(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply attempt, reply;

    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                     CREDENTIALS(""), "http://10.1.2.3:8080");
    assert_status(reply, 200);
    attempt = attempt_one(h, t);
    assert_string_equal(reply_text(&attempt, "outcome"), "credentials");
    assert_string_equal(reply_text(&attempt, "error"), "the token endpoint may not be called");
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_other_credentials_get_another_token(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_oauth2(h, t, token_of_an_hour);
    struct reply request, reply;

    (void)attempt_one(h, t);
    sinker_rule(h, "/token2",
                "{\"then\": {\"status\": 200, \"body\":"
                " \"{\\\"access_token\\\":\\\"tok-2\\\"}\"}}");
    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                     CREDENTIALS("/token2"), h->sinker_urls[0]);
    assert_status(reply, 200);
    (void)attempt_one(h, t);
    request = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&request, "headers.authorization"), "Bearer tok-2");
}

static void test_a_token_is_not_used_after_its_end(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int64_t start_ms = hk_mono_ms();

    (void)given_oauth2(h, t,
                       "{\"then\": {\"status\": 200, \"body\":"
                       " \"{\\\"access_token\\\":\\\"a\\\",\\\"expires_in\\\":1}\"}}");
    while (sinker_count(h, "/token") < 2) {
        struct reply attempt = attempt_one(h, t);

        assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
        assert_true(hk_mono_ms() - start_ms < 30000);
    }
    assert_true(hk_mono_ms() - start_ms >= 900);
}

static void test_credentials_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *credentials, *pointer;
    } bad[] = {
        {"\"token_url\":\"https://a.example/t\",\"client_id\":\"c\"", "/credentials/client_secret"},
        {"\"token_url\":\"https://a.example/t\",\"client_secret\":\"c\"", "/credentials/client_id"},
        {"\"client_id\":\"c\",\"client_secret\":\"c\"", "/credentials/token_url"},
        {"\"scope\":\"a\"", "/credentials/token_url"},
        {"\"token_url\":\"https://a.example/t\",\"client_id\":\"c\",\"client_secret\":\"s\","
         "\"token\":\"t\"",
         "/credentials/token"},
        {"\"token_url\":\"https://a.example/t\",\"client_id\":\"c\",\"client_secret\":\"s\","
         "\"username\":\"t\"",
         "/credentials/token_url"},
        {"\"token_url\":\"https://a.example/t\",\"client_id\":\"c\",\"client_secret\":\"s\","
         "\"scope\":\"a  b\"",
         "/credentials/scope"},
        {"\"token_url\":\"ftp://a.example/t\",\"client_id\":\"c\",\"client_secret\":\"s\"",
         "/credentials/token_url"},
        {"\"token_url\":\"http://a.example/t\",\"client_id\":\"c\",\"client_secret\":\"s\"",
         "/credentials/token_url"},
        {"\"token_url\":\"https://10.0.0.1/t\",\"client_id\":\"c\",\"client_secret\":\"s\"",
         "/credentials/token_url"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path = http_text(h->http, "/v1/subscriptions/%s", s.id);
    struct reply reply = api_call(h, t->admin, "PATCH", path, "{\"url\": \"https://a.example/\"}");

    assert_status(reply, 200);
    reply = api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id),
                     "{\"allow_http\": false}");
    assert_status(reply, 200);
    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        reply = api_call(h, t->admin, "PATCH", path, "{\"credentials\": {%s}}", bad[i].credentials);
        assert_problem(h, reply, 422, "invalid_body", bad[i].pointer);
    }
}

#define FAST                                                                                       \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=5", NULL                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_many_messages_make_one_token_call),
        harness_test(test_what_is_secret_is_shown_nowhere,
                     .env = (const char *const[]){"HOOKLINE_LOG_LEVEL=debug", NULL}),
        harness_test(test_a_token_that_is_refused_is_asked_for_anew_within_the_attempt),
        harness_test(test_a_new_token_that_is_refused_is_a_refusal),
        harness_test(test_R_38_without_a_token_the_attempt_fails_and_nothing_is_lost, FAST),
        harness_test(test_R_38_a_token_endpoint_that_hangs_holds_up_nobody_else),
        harness_test(test_the_token_endpoint_is_guarded_like_a_receiver),
        harness_test(test_other_credentials_get_another_token),
        harness_test(test_a_token_is_not_used_after_its_end),
        harness_test(test_credentials_that_are_none_are_refused, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("oauth2_receivers", tests, NULL, NULL);
}
