/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of stored subscriptions: samples sent as they would get their events, and one that has been
 * stopped revived by a success.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

#define SAMPLE "{\"id\": 7, \"price\": 1.50, \"note\": null}"

struct story {
    struct tenant *t;
    struct subscription subscription; /* of /hook */
    const char *subscription_path, *test_path;
};

/* order.paid has a sample; the sinker checks the signatures of /hook. */
static struct story given(struct harness *h)
{
    struct story s = {.t = given_tenant(h)};
    const char *app_id;

    (void)api_want(h, 201, s.t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"order.paid\", \"sample\": " SAMPLE "}");
    given_event_type(h, s.t, "order.bare");
    (void)given_company(h, s.t, "c1");
    app_id = given_app(h, s.t, "acme");
    (void)given_connection(h, s.t, app_id, "c1");
    s.subscription = given_subscription(h, s.t, app_id, "/hook", "order.paid");
    s.subscription_path = http_text(h->http, "/v1/subscriptions/%s", s.subscription.id);
    s.test_path = http_text(h->http, "%s/test", s.subscription_path);
    return s;
}

/* A 410 has disabled it; the messages that waited are cancelled. */
static struct story given_disabled(struct harness *h)
{
    struct story s = given(h);

    sinker_rule(h, "/hook", "{\"secret\": \"%s\", \"replies\": [{\"status\": 410}]}",
                s.subscription.secret);
    (void)publish(h, s.t, "order.paid", "c1", "{}");
    api_wait_for(h, s.t->admin, s.subscription_path, "state", "disabled", 10000);
    return s;
}

static struct reply test_messages(struct harness *h, const struct story *s, int status,
                                  const char *members)
{
    return api_want(
        h, status, s->t->partner, "POST", "/v1/test-messages",
        http_text(h->http, "{\"subscription_id\": \"%s\"%s}", s->subscription.id, members));
}

static const char *state_of(struct harness *h, const struct story *s)
{
    struct reply reply = api_want(h, 200, s->t->admin, "GET", s->subscription_path, NULL);

    return reply_text(&reply, "state");
}

static void test_a_subscription_is_tested_as_it_gets_its_events(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply, sent;

    (void)api_want(h, 200, s.t->partner, "PATCH", s.subscription_path,
                   "{\"profile\": \"acculynx\", \"headers\": {\"X-Api-Key\": \"canary-1\"},"
                   " \"credentials\": {\"token\": \"canary-2\"},"
                   " \"overrides\": {\"responses\": {\"2xx\": \"retry\", \"204\": \"success\"}}}");
    sinker_rule(h, "/hook", "{\"secret\": \"%s\", \"then\": {\"status\": 204}}",
                s.subscription.secret);
    reply = test_messages(h, &s, 200, ", \"event_types\": [\"order.paid\"]");
    assert_members(reply, "", "profile,secret,token,messages");
    assert_string_equal(reply_text(&reply, "profile"), "acculynx");
    assert_true(reply_is_null(&reply, "secret"));
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_string_equal(reply_text(&reply, "messages.0.request.headers.X-Api-Key"), "***");
    assert_null(strstr(reply.body, "canary"));

    sent = sinker_request(h, "/hook", 0);
    assert_string_equal(reply_text(&sent, "signature"), "valid");
    assert_string_equal(reply_text(&sent, "headers.x-api-key"), "canary-1");
    assert_string_equal(reply_text(&sent, "headers.authorization"), "Bearer canary-2");
    assert_non_null(strstr(
        reply_text(&sent, "body"),
        http_text(h->http, "\"subscriptionId\":\"%s\",\"Event\":" SAMPLE, s.subscription.id)));
    assert_int_equal(db_int(h, "SELECT count(*) FROM message"), 0);
    assert_string_equal(db_text(h,
                                "SELECT detail ->> 'event_types' FROM audit_log"
                                " WHERE action = 'test_message.sent' AND object_id = '%s'",
                                s.subscription.id),
                        "[\"order.paid\"]");
}

/* It may be another's to test than whose credentials they are. */
static void test_what_a_receiver_says_again_is_masked(void **state)
{
    static const char *const credentials[][2] = {
        {"{\"username\": \"u\", \"password\": \"canary-2\"}", "dTpjYW5hcnktMg=="},
        {"{\"token\": \"canary-2\"}", "canary-2"},
    };
    static const struct raw_answer answer = {
        HK_STR("HTTP/1.1 200 OK\r\nx-seen: canary-1 dTpjYW5hcnktMg== canary-2\r\n\r\n"
               "authorization: Basic dTpjYW5hcnktMg==, Bearer canary-2; canary-1, all of it"),
        RAW_CLOSE};
    struct harness *h = *state;
    struct story s = given(h);

    for (size_t i = 0; i < HK_COUNTOF(credentials); i++) {
        struct reply reply;

        (void)api_want(h, 200, s.t->partner, "PATCH", s.subscription_path,
                       http_text(h->http,
                                 "{\"url\": \"%s\", \"headers\": {\"X-Api-Key\": \"canary-1\"},"
                                 " \"credentials\": %s}",
                                 raw_url(raw_receive(&answer, 1)), credentials[i][0]));
        reply = api_want(h, 200, s.t->admin, "POST", s.test_path, NULL);
        assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
        assert_null(strstr(reply.body, "canary-"));
        assert_null(strstr(reply.body, credentials[i][1]));
        assert_non_null(strstr(reply_text(&reply, "messages.0.response.body"), "*, all of it"));
    }
}

static void test_the_event_type_is_one_that_it_selects_when_none_is_named(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply = api_want(h, 200, s.t->partner, "POST", s.test_path, NULL);

    assert_members(reply, "", "profile,secret,token,messages,rest_ended,revived");
    assert_string_equal(reply_text(&reply, "messages.0.event_type"), "order.paid");
    assert_true(reply_is_null(&reply, "revived"));
    (void)api_want(h, 200, s.t->partner, "PATCH", s.subscription_path,
                   "{\"event_types\": [\"order.bare\"]}");
    expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.test_path), HK_STR("{}"), 422,
                   "invalid_body", "/event_types");
}

static void test_what_a_subscription_has_cannot_be_named_besides(void **state)
{
    static const char *const wrong[][2] = {
        {", \"url\": \"https://e.example/\"", "/url"},
        {", \"profile\": \"basiq\"", "/profile"},
        {", \"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"", "/secret"},
        {", \"headers\": {\"X-A\": \"b\"}", "/headers"},
        {", \"credentials\": {\"token\": \"t\"}", "/credentials"},
        {", \"event_types\": [\"order.bare\"]", "/event_types/0"},
    };
    struct harness *h = *state;
    struct story s = given(h);

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, "POST /v1/test-messages",
                       hk_str(http_text(h->http, "{\"subscription_id\": \"%s\"%s}",
                                        s.subscription.id, wrong[i][0])),
                       422, "invalid_body", wrong[i][1]);
    expect_refused(h, s.t->partner, "POST /v1/test-messages",
                   HK_STR("{\"event_types\": [\"order.paid\"]}"), 422, "invalid_body", "/url");
}

static void test_partners_and_tenants_test_only_their_own(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *keys[] = {given_key(h, s.t, "partner", "other"), given_tenant(h)->admin};
    const char *body = http_text(h->http, "{\"subscription_id\": \"%s\"}", s.subscription.id);

    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        (void)api_want(h, 404, keys[i], "POST", s.test_path, "{\"revive\": true}");
        (void)api_want(h, 404, keys[i], "POST", "/v1/test-messages", body);
    }
    (void)api_want(h, 403, s.t->support, "POST", s.test_path, NULL);
    (void)api_want(h, 404, s.t->partner, "POST", "/v1/test-messages",
                   "{\"subscription_id\": \"0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee01\"}");
    (void)api_want(h, 204, s.t->partner, "DELETE", s.subscription_path, NULL);
    (void)api_want(h, 409, s.t->partner, "POST", s.test_path, NULL);
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_ten_a_minute_whoever_is_tested(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);

    for (int i = 0; i < 5; i++) {
        (void)api_want(h, 200, s.t->partner, "POST", s.test_path, NULL);
        (void)test_messages(h, &s, 200, "");
    }
    (void)api_want(h, 429, s.t->partner, "POST", s.test_path, NULL);
    assert_int_equal(sinker_count(h, "/hook"), 10);
}

static void test_who_has_not_agreed_gets_no_test(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);

    (void)api_want(h, 200, s.t->partner, "PATCH", s.subscription_path,
                   "{\"verification\": \"echo_secret\"}");
    (void)api_want(h, 409, s.t->partner, "POST", s.test_path, "{}");
    (void)test_messages(h, &s, 409, "");
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'test_message.sent'"),
                     0);
}

/* ---- revived by a success ---- */

static void test_a_success_revives_with_the_messages_that_the_stop_cancelled(void **state)
{
    struct harness *h = *state;
    struct story s = given_disabled(h);
    struct reply reply;

    (void)api_want(h, 200, s.t->admin, "GET", s.subscription_path, NULL);
    reply = api_want(h, 200, s.t->partner, "POST", s.test_path,
                     "{\"revive\": true, \"messages\": true}");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_string_equal(reply_text(&reply, "revived.state"), "active");
    assert_int_equal(reply_int(&reply, "revived.revived_messages"), 0);
    assert_string_equal(state_of(h, &s), "active");
    (void)publish(h, s.t, "order.paid", "c1", "{\"after\": 1}");
    sinker_wait(h, "/hook", 3, 10000);
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE action IN"
                               " ('test_message.sent', 'subscription.revived')"),
                     2);
}

static void test_a_failure_leaves_it_stopped(void **state)
{
    struct harness *h = *state;
    struct story s = given_disabled(h);
    struct reply reply;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    reply = api_want(h, 200, s.t->partner, "POST", s.test_path, "{\"revive\": true}");
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "http_status");
    assert_true(reply_is_null(&reply, "revived"));
    assert_string_equal(state_of(h, &s), "disabled");

    sinker_rule(h, "/hook", "{}");
    reply = api_want(h, 200, s.t->partner, "POST", s.test_path, "{}"); /* nobody asked for more */
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_string_equal(state_of(h, &s), "disabled");
}

static void test_only_what_has_been_stopped_can_be_revived(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply key =
        api_want(h, 201, s.t->admin, "POST", "/v1/keys",
                 "{\"name\": \"tests\", \"role\": \"partner\", \"partner\": \"acme\","
                 " \"scopes\": [\"tests:send\"]}");

    expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.test_path),
                   HK_STR("{\"revive\": true}"), 409, "conflict", "");
    (void)api_want(h, 403, reply_text(&key, "key"), "POST", s.test_path, "{\"revive\": true}");
    (void)api_want(h, 200, reply_text(&key, "key"), "POST", s.test_path, "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_subscription_is_tested_as_it_gets_its_events),
        harness_test(test_what_a_receiver_says_again_is_masked),
        harness_test(test_the_event_type_is_one_that_it_selects_when_none_is_named),
        harness_test(test_what_a_subscription_has_cannot_be_named_besides),
        harness_test(test_partners_and_tenants_test_only_their_own),
        harness_test(test_ten_a_minute_whoever_is_tested),
        harness_test(test_who_has_not_agreed_gets_no_test),
        harness_test(test_a_success_revives_with_the_messages_that_the_stop_cancelled),
        harness_test(test_a_failure_leaves_it_stopped),
        harness_test(test_only_what_has_been_stopped_can_be_revived),
    };

    return cmocka_run_group_tests_name("subscription_tests", tests, NULL, NULL);
}
