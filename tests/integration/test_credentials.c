/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of receivers that know us by an access token or a client certificate, and verifications and
 * previews of them: as whom a request is sent is part of what a test is to find out.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/tls.h"

#define SECRET "s3cret-4711"
#define TOKEN  "tok-0815-canary"

#define TOKEN_OF_AN_HOUR                                                                           \
    "{\"then\": {\"status\": 200, \"body\": \"{\\\"access_token\\\": \\\"" TOKEN "\\\","           \
    " \\\"token_type\\\": \\\"Bearer\\\", \\\"expires_in\\\": 3600}\"}}"

static struct tls_identity receiver_identity, alice;
static char directory[PROC_PATH_SIZE];
static char ca_variables[2][PROC_PATH_SIZE + 64];

struct story {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
};

static struct reply call(const struct story *s, const char *method, const char *tail,
                         const char *body)
{
    return api_want(s->h, 200, s->t->partner, method,
                    http_text(s->h->http, "/v1/subscriptions/%s%s", s->s.id, tail), body);
}

static struct story given(void **state)
{
    struct story s = {.h = *state};

    s.t = given_tenant(s.h);
    s.s = given_story(s.h, s.t, "/hook");
    (void)db_text(s.h, "UPDATE hookline.event_type SET sample = '{\"a\":1}' RETURNING 'x'");
    return s;
}

static const char *credentials(struct harness *h)
{
    return http_text(h->http,
                     "{\"token_url\": \"%s\", \"client_id\": \"erp\", \"client_secret\": \"" SECRET
                     "\", \"scope\": \"hooks\"}",
                     sinker_url(h, "/token"));
}

static struct story given_oauth2(void **state, const char *token_rule)
{
    struct story s = given(state);

    (void)call(&s, "PATCH", "", http_text(s.h->http, "{\"credentials\": %s}", credentials(s.h)));
    sinker_rule(s.h, "/token", "%s", token_rule);
    return s;
}

static void check_masked(const struct story *s, const struct reply *reply)
{
    assert_null(strstr(reply->body, "s3cret"));
    assert_null(strstr(reply->body, TOKEN));
    assert_null(strstr(harness_logs(s->h), "s3cret"));
    assert_null(strstr(harness_logs(s->h), TOKEN));
    assert_int_equal(db_int(s->h, "SELECT count(*) FROM audit_log a"
                                  " WHERE a::text ~ 's3cret|" TOKEN "'"),
                     0);
}

/* ---- access tokens ---- */

static void test_a_test_asks_for_a_token_and_sends_it(void **state)
{
    struct story s = given_oauth2(state, TOKEN_OF_AN_HOUR);
    struct reply reply, sent;

    given_event_type(s.h, s.t, "order.sent");
    (void)db_text(s.h, "UPDATE hookline.event_type SET sample = '{\"a\":1}' RETURNING 'x'");
    reply = call(&s, "POST", "/test", "{\"event_types\": [\"order.paid\", \"order.sent\"]}");
    assert_members(reply, "token",
                   "url,outcome,error,status_code,oauth_error,oauth_error_description,duration_us");
    assert_string_equal(reply_text(&reply, "token.url"), sinker_url(s.h, "/token"));
    assert_string_equal(reply_text(&reply, "token.outcome"), "succeeded");
    assert_int_equal(reply_int(&reply, "token.status_code"), 200);
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_string_equal(reply_text(&reply, "messages.1.outcome"), "succeeded");
    assert_string_equal(reply_text(&reply, "messages.1.request.headers.authorization"), "***");
    check_masked(&s, &reply);
    assert_int_equal(sinker_count(s.h, "/token"), 1); /* one for all of them */
    sent = sinker_request(s.h, "/token", 0);
    assert_string_equal(reply_text(&sent, "body"), "grant_type=client_credentials&scope=hooks");
    for (unsigned i = 0; i < 2; i++) {
        sent = sinker_request(s.h, "/hook", i);
        assert_string_equal(reply_text(&sent, "headers.authorization"), "Bearer " TOKEN);
    }
    (void)call(&s, "POST", "/test", "{\"event_types\": [\"order.paid\"]}");
    assert_int_equal(sinker_count(s.h, "/token"), 2); /* kept by nobody */
}

static void test_a_test_is_signed_and_read_as_any_other(void **state)
{
    struct story s = given_oauth2(state, TOKEN_OF_AN_HOUR);
    struct reply sent;

    sinker_rule(s.h, "/hook", "{\"secret\": \"%s\"}", s.s.secret);
    (void)call(&s, "POST", "/test", "{}");
    sent = sinker_request(s.h, "/hook", 0);
    assert_string_equal(reply_text(&sent, "signature"), "valid");
}

static void test_what_the_token_endpoint_refuses_is_said_without_secrets(void **state)
{
    struct story s = given_oauth2(
        state, "{\"then\": {\"status\": 401, \"body\": \"{\\\"error\\\":\\\"invalid_client\\\","
               "\\\"error_description\\\":\\\"not " SECRET "\\\"}\"}}");
    struct reply reply = call(&s, "POST", "/test", "{}");

    assert_string_equal(reply_text(&reply, "token.outcome"), "http_status");
    assert_int_equal(reply_int(&reply, "token.status_code"), 401);
    assert_string_equal(reply_text(&reply, "token.error"), "the token endpoint refused the client");
    assert_string_equal(reply_text(&reply, "token.oauth_error"), "invalid_client");
    assert_non_null(strstr(reply_text(&reply, "token.oauth_error_description"), "not ***"));
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "credentials");
    assert_string_equal(reply_text(&reply, "messages.0.error"),
                        "the token endpoint refused the client");
    assert_true(reply_is_null(&reply, "messages.0.request"));
    assert_true(reply_is_null(&reply, "messages.0.response"));
    assert_int_equal(sinker_count(s.h, "/hook"), 0);
    check_masked(&s, &reply);
}

/* What is no token may be one all the same. */
static void test_a_token_in_an_answer_that_is_no_success_is_not_shown(void **state)
{
    static const char *const rules[] = {
        "{\"then\": {\"status\": 200, \"body\": \"{\\\"access_token\\\":\\\"" TOKEN "\\\","
        "\\\"token_type\\\":\\\"mac\\\",\\\"error\\\":\\\"" TOKEN "\\\"}\"}}",
        "{\"then\": {\"status\": 201, \"body\": \"{\\\"access_token\\\":\\\"" TOKEN "\\\"}\"}}",
    };

    for (size_t i = 0; i < HK_COUNTOF(rules); i++) {
        struct story s = given_oauth2(state, rules[i]);
        struct reply reply = call(&s, "POST", "/test", "{}");

        assert_string_equal(reply_text(&reply, "messages.0.outcome"), "credentials");
        assert_true(reply_is_null(&reply, "token.oauth_error"));
        check_masked(&s, &reply);
    }
}

static void test_a_receiver_that_says_the_token_again_is_masked(void **state)
{
    struct story s = given_oauth2(state, TOKEN_OF_AN_HOUR);
    struct reply reply;

    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 403, \"body\": \"you are " TOKEN "\"}}");
    reply = call(&s, "POST", "/test", "{}");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "http_status");
    check_masked(&s, &reply);
}

static void test_the_token_endpoint_is_called_through_the_guard(void **state)
{
    struct story s = given_oauth2(state, TOKEN_OF_AN_HOUR);
    struct reply reply;

    (void)db_text(s.h, "UPDATE hookline.subscription_credentials"
                       " SET token_url = 'https://10.255.0.1/token' RETURNING 'x'");
    reply = call(&s, "POST", "/test", "{}");
    assert_string_equal(reply_text(&reply, "token.outcome"), "blocked_address");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "credentials");
    assert_int_equal(sinker_count(s.h, "/hook"), 0);
}

/* Others are answered meanwhile: nothing waits for it. */
static void test_a_token_endpoint_that_never_answers_holds_up_nobody(void **state)
{
    struct story s = given_oauth2(state, "{\"then\": {\"hang\": true}}");
    struct reply reply = call(&s, "POST", "/test", "{}");

    assert_string_equal(reply_text(&reply, "token.outcome"), "timeout");
    assert_string_equal(reply_text(&reply, "messages.0.error"),
                        "the token endpoint did not answer in time");
}

static void test_any_url_is_tested_with_a_token(void **state)
{
    struct story s = given(state);
    struct reply reply, sent;

    sinker_rule(s.h, "/token", "%s", TOKEN_OF_AN_HOUR);
    reply = api_want(s.h, 200, s.t->partner, "POST", "/v1/test-messages",
                     http_text(s.h->http,
                               "{\"url\": \"%s\", \"event_types\": [\"order.paid\"],"
                               " \"credentials\": %s}",
                               sinker_url(s.h, "/hook"), credentials(s.h)));
    assert_string_equal(reply_text(&reply, "token.outcome"), "succeeded");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    check_masked(&s, &reply);
    sent = sinker_request(s.h, "/hook", 0);
    assert_string_equal(reply_text(&sent, "headers.authorization"), "Bearer " TOKEN);
}

static void test_a_token_url_that_is_none_is_refused(void **state)
{
    struct story s = given(state);

    expect_refused(s.h, s.t->partner, "POST /v1/test-messages",
                   hk_str(http_text(s.h->http,
                                    "{\"url\": \"%s\", \"event_types\": [\"order.paid\"],"
                                    " \"credentials\": {\"token_url\": \"ftp://token.example/\","
                                    " \"client_id\": \"a\", \"client_secret\": \"b\"}}",
                                    sinker_url(s.h, "/hook"))),
                   422, "invalid_body", "/credentials/token_url");
}

static void test_without_oauth2_there_is_no_token(void **state)
{
    struct story s = given(state);
    struct reply reply = call(&s, "POST", "/test", "{}");

    assert_true(reply_is_null(&reply, "token"));
}

static void test_a_preview_shows_neither_token_nor_client_secret(void **state)
{
    struct story s = given_oauth2(state, TOKEN_OF_AN_HOUR);
    struct reply reply = call(&s, "POST", "/preview", "{\"event_type\": \"order.paid\"}");

    assert_string_equal(reply_text(&reply, "request.headers.authorization"), "***");
    assert_non_null(strstr(reply.body, "\"authorization\"]"));
    check_masked(&s, &reply);
    assert_int_equal(sinker_count(s.h, "/token"), 0);
}

/* ---- what belongs to a revival ---- */

static void test_how_to_revive_is_refused_where_nothing_is_revived(void **state)
{
    static const char *const members[][2] = {
        {"{\"messages\": true}", "/messages"},
        {"{\"missed\": true}", "/missed"},
        {"{\"since\": \"2026-11-01T00:00:00Z\", \"revive\": false}", "/since"},
    };
    struct story s = given(state);

    for (size_t i = 0; i < HK_COUNTOF(members); i++)
        expect_refused(s.h, s.t->partner,
                       http_text(s.h->http, "POST /v1/subscriptions/%s/test", s.s.id),
                       hk_str(members[i][0]), 422, "invalid_body", members[i][1]);
    expect_refused(s.h, s.t->partner,
                   http_text(s.h->http, "POST /v1/subscriptions/%s/preview", s.s.id),
                   HK_STR("{\"event_type\": \"order.paid\", \"missed\": true}"), 422,
                   "invalid_body", "/missed");
    assert_int_equal(sinker_count(s.h, "/hook"), 0);
}

static void test_a_success_revives_with_what_was_missed(void **state)
{
    struct story s = given(state);
    struct reply reply;

    sinker_rule(s.h, "/hook", "{\"replies\": [{\"status\": 410}]}");
    (void)publish(s.h, s.t, "order.paid", "c1", "{}");
    api_wait_for(s.h, s.t->partner, http_text(s.h->http, "/v1/subscriptions/%s", s.s.id), "state",
                 "disabled", 10000);
    (void)publish(s.h, s.t, "order.paid", "c1", "{\"missed\": 1}");
    reply = call(&s, "POST", "/test", "{\"revive\": true, \"missed\": true}");
    assert_string_equal(reply_text(&reply, "revived.state"), "active");
    assert_int_equal(reply_int(&reply, "revived.missed.events"), 1);
    assert_false(reply_is_null(&reply, "revived.backfill"));
    sinker_wait(s.h, "/hook", 3, 20000); /* what stopped it, the sample, and what it missed */
}

/* ---- client certificates ---- */

static const char *json_of(struct harness *h, const char *pem)
{
    char text[2 * TLS_PEM_SIZE];
    size_t n = 0;

    for (; *pem != '\0'; pem++) {
        if (*pem == '\n')
            text[n++] = '\\';
        text[n++] = (char)(*pem == '\n' ? 'n' : *pem);
    }
    text[n] = '\0';
    return http_text(h->http, "%s", text);
}

static struct tls_receiver *given_mtls(struct story *s, void **state, const char *more)
{
    struct tls_receiver *receiver = tls_receive(&receiver_identity, TLS_ASKS_ALL);

    *s = given(state);
    (void)call(s, "PATCH", "",
               http_text(s->h->http,
                         "{\"url\": \"%s\", \"client_certificate\": {\"certificate\": \"%s\","
                         " \"private_key\": \"%s\"}%s}",
                         tls_url(receiver), json_of(s->h, alice.certificate),
                         json_of(s->h, alice.key), more));
    return receiver;
}

static void test_a_test_shows_the_client_certificate(void **state)
{
    struct story s;
    struct tls_receiver *receiver = given_mtls(&s, state, "");
    struct reply reply = call(&s, "POST", "/test", "{}");
    char client[TLS_NAME_SIZE];
    unsigned connection;

    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_true(tls_request(receiver, 0, &connection, client));
    assert_string_equal(client, "alice");
    assert_null(strstr(reply.body, "PRIVATE"));
}

static void test_a_verification_shows_the_client_certificate(void **state)
{
    struct story s;
    struct tls_receiver *receiver =
        given_mtls(&s, state, ", \"verification\": \"url_verification\"");
    char client[TLS_NAME_SIZE];
    unsigned connection;
    struct reply reply = call(&s, "POST", "/verify", NULL);

    /* It answers, if not with the challenge: without a certificate there is no connection. */
    assert_non_null(strstr(reply_text(&reply, "verification_error"), "challenge"));
    assert_true(tls_request(receiver, 0, &connection, client));
    assert_string_equal(client, "alice");
}

int main(void)
{
    const char *const soon[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};
    const char *const trusting[] = {ca_variables[0], ca_variables[1], NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_a_test_asks_for_a_token_and_sends_it),
        harness_test(test_a_test_is_signed_and_read_as_any_other),
        harness_test(test_what_the_token_endpoint_refuses_is_said_without_secrets),
        harness_test(test_a_token_in_an_answer_that_is_no_success_is_not_shown),
        harness_test(test_a_receiver_that_says_the_token_again_is_masked),
        harness_test(test_the_token_endpoint_is_called_through_the_guard),
        harness_test(test_a_token_endpoint_that_never_answers_holds_up_nobody),
        harness_test(test_any_url_is_tested_with_a_token),
        harness_test(test_a_token_url_that_is_none_is_refused),
        harness_test(test_without_oauth2_there_is_no_token),
        harness_test(test_a_preview_shows_neither_token_nor_client_secret),
        harness_test(test_how_to_revive_is_refused_where_nothing_is_revived),
        harness_test(test_a_success_revives_with_what_was_missed, .env = soon),
        harness_test(test_a_test_shows_the_client_certificate, .env = trusting),
        harness_test(test_a_verification_shows_the_client_certificate, .env = trusting),
    };
    char path[PROC_PATH_SIZE + 16];
    FILE *file;
    int code;

    proc_make_directory("hookline-test-credentials", directory);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", directory);
    (void)snprintf(ca_variables[0], sizeof(ca_variables[0]), "HOOKLINE_WORKER_CA_FILE=%s", path);
    (void)snprintf(ca_variables[1], sizeof(ca_variables[1]), "HOOKLINE_API_CA_FILE=%s", path);
    tls_make(&receiver_identity, "receiver", 30);
    tls_make(&alice, "alice", 30);
    file = fopen(path, "w");
    if (file == NULL || fputs(receiver_identity.certificate, file) < 0 || fclose(file) != 0)
        return 1;
    code = cmocka_run_group_tests_name("test_credentials", tests, NULL, NULL);
    proc_remove_directory(directory);
    return code;
}
