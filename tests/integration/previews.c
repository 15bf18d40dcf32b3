/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Previews: the exact request of a stored event, a sample or a payload that the caller brings,
 * under any profile and with any company's values. Nothing is sent, stored or counted.
 */
#include <stdlib.h>
#include <string.h>

#include "hk/sign.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

#define SAMPLE  "{\"id\": 7, \"price\": 1.50, \"note\": null}"
#define PAYLOAD "{\"total\": 0.1, \"big\": 1180591620717411303424, \"name\": \"\\u00e9\"}"

struct story {
    struct tenant *t;
    struct subscription subscription; /* of /hook */
    const char *app_id;
    const char *path;       /* of the preview */
    const char *connection; /* the path of c1's */
};

/* Enrichable order.paid with a sample; company c1 has the code "A", c2 the code "B". */
static struct story given(struct harness *h)
{
    struct story s = {.t = given_tenant(h)};
    static const char *const codes[][2] = {{"c1", "A"}, {"c2", "B"}};

    (void)api_want(h, 201, s.t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"order.paid\", \"sample\": " SAMPLE ", \"enrichable\": true}");
    given_event_type(h, s.t, "order.bare");
    s.app_id = given_app(h, s.t, "acme");
    (void)api_want(h, 201, s.t->admin, "POST",
                   http_text(h->http, "/v1/apps/%s/custom_fields", s.app_id),
                   "{\"key\": \"code\", \"type\": \"text\"}");
    for (size_t i = 0; i < HK_COUNTOF(codes); i++) {
        const char *path;

        (void)given_company(h, s.t, codes[i][0]);
        path = http_text(h->http, "/v1/connections/%s",
                         given_connection(h, s.t, s.app_id, codes[i][0]));
        if (i == 0)
            s.connection = path;
        (void)api_want(h, 200, s.t->admin, "PATCH", path,
                       http_text(h->http, "{\"values\": {\"code\": \"%s\"}}", codes[i][1]));
    }
    s.subscription = given_subscription(h, s.t, s.app_id, "/hook", "order.paid");
    s.path = http_text(h->http, "/v1/subscriptions/%s/preview", s.subscription.id);
    return s;
}

static struct reply preview(struct harness *h, const struct story *s, const char *body)
{
    return api_want(h, 200, s->t->partner, "POST", s->path, body);
}

static const char *header_of(struct harness *h, const struct reply *reply, const char *name)
{
    return reply_text(reply, http_text(h->http, "request.headers.%s", name));
}

static bool verifies(struct harness *h, const struct reply *reply, const char *secret)
{
    return hk_verify_v1(hk_str(secret), hk_str(header_of(h, reply, "webhook-id")),
                        strtoll(header_of(h, reply, "webhook-timestamp"), NULL, 10),
                        hk_str(reply_text(reply, "request.body")),
                        hk_str(header_of(h, reply, "webhook-signature")));
}

static void patch(struct harness *h, const struct story *s, const char *body)
{
    (void)api_want(h, 200, s->t->partner, "PATCH",
                   http_text(h->http, "/v1/subscriptions/%s", s->subscription.id), body);
}

/* ---- what is shown ---- */

static void test_a_preview_is_the_request_that_was_sent_but_for_its_time(void **state)
{
    static const char *const same[] = {"content-type", "user-agent", "webhook-id", "x-region"};
    struct harness *h = *state;
    struct story s = given(h);
    struct reply shown, sent;
    const char *event_id;

    patch(h, &s,
          "{\"headers\": {\"x-region\": \"eu\", \"x-api-key\": \"canary-1\"},"
          " \"credentials\": {\"username\": \"u\", \"password\": \"canary-2\"}}");
    event_id = publish(h, s.t, "order.paid", "c1", PAYLOAD);
    sinker_wait(h, "/hook", 1, 10000);
    sent = sinker_request(h, "/hook", 0);
    shown = preview(h, &s, http_text(h->http, "{\"event_id\": \"%s\"}", event_id));

    assert_members(shown, "",
                   "profile,event_type,event_id,message_id,company,illustrative,request,error");
    assert_members(shown, "request", "method,url,headers,body");
    assert_string_equal(reply_text(&shown, "request.method"), "POST");
    assert_string_equal(reply_text(&shown, "request.url"), sinker_url(h, "/hook"));
    assert_string_equal(reply_text(&shown, "request.body"), reply_text(&sent, "body"));
    for (size_t i = 0; i < HK_COUNTOF(same); i++)
        assert_string_equal(header_of(h, &shown, same[i]),
                            reply_text(&sent, http_text(h->http, "headers.%s", same[i])));
    assert_true(verifies(h, &shown, s.subscription.secret));
    assert_string_equal(header_of(h, &shown, "authorization"), "***");
    assert_string_equal(header_of(h, &shown, "x-api-key"), "***");
    assert_null(strstr(shown.body, "canary"));
    assert_int_equal(reply_count(&shown, "illustrative"), 0);
    assert_string_equal(reply_text(&shown, "event_id"), event_id);
    assert_string_equal(reply_text(&shown, "company"), "c1");
    assert_true(reply_is_null(&shown, "error"));
}

static void test_nothing_is_sent_stored_or_counted(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *rows = db_all_rows(h);

    for (int i = 0; i < 12; i++) /* a test may be sent ten times a minute */
        (void)preview(h, &s, "{\"event_type\": \"order.paid\"}");
    assert_string_equal(db_all_rows(h), rows);
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_a_sample_says_what_of_it_is_illustrative(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply shown = preview(h, &s, "{\"event_type\": \"order.paid\"}");

    assert_non_null(strstr(reply_text(&shown, "request.body"), "\"data\":" SAMPLE));
    assert_non_null(strstr(reply_text(&shown, "request.body"), "\"custom_fields\":{}"));
    assert_true(verifies(h, &shown, s.subscription.secret));
    assert_non_null(strstr(shown.body, "\"illustrative\":[\"event_id\", \"message_id\", "
                                       "\"occurred_at\", \"payload\", \"company\", "
                                       "\"custom_values\"]"));
    assert_string_equal(reply_text(&shown, "message_id"), header_of(h, &shown, "webhook-id"));
}

static void test_each_company_shows_its_own_values_as_of_now(void **state)
{
    static const char *const cases[][2] = {{"c1", "\"custom_fields\":{\"code\":\"A\"}"},
                                           {"c2", "\"custom_fields\":{\"code\":\"B\"}"}};
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id = publish(h, s.t, "order.paid", "c1", "{}");
    struct reply shown;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        shown = preview(h, &s,
                        http_text(h->http, "{\"event_type\": \"order.paid\", \"company\": \"%s\"}",
                                  cases[i][0]));
        assert_string_equal(reply_text(&shown, "company"), cases[i][0]);
        assert_non_null(strstr(reply_text(&shown, "request.body"), cases[i][1]));
    }
    (void)api_want(h, 200, s.t->admin, "PATCH", s.connection, "{\"values\": {\"code\": \"new\"}}");
    shown = preview(h, &s, http_text(h->http, "{\"event_id\": \"%s\"}", event_id));
    assert_non_null(strstr(reply_text(&shown, "request.body"), "{\"code\":\"A\"}")); /* BC-12 */
    shown =
        preview(h, &s, http_text(h->http, "{\"event_id\": \"%s\", \"company\": \"c1\"}", event_id));
    assert_non_null(strstr(reply_text(&shown, "request.body"), "{\"code\":\"new\"}"));
}

static void test_any_profile_and_any_override_can_be_looked_at(void **state)
{
    static const char *const profiles[][2] = {
        {"standard", "{\"type\":\"order.paid\",\"timestamp\":\""},
        {"basecone", "{\"type\":\"order.paid\",\"id\":\""},
        {"basekit", SAMPLE},
        {"basiq", "{\"eventTypeId\":\"order.paid\",\"eventId\":\""},
        {"acculynx", "{\"topicNamee\":\"order.paid\",\"eventDateTime\":\""},
        {"cloudevents", "{\"specversion\":\"1.0\",\"id\":\""},
    };
    struct harness *h = *state;
    struct story s = given(h);
    struct reply shown;

    (void)api_want(h, 201, s.t->admin, "POST", "/v1/tenant/secrets", "{}");
    for (size_t i = 0; i < HK_COUNTOF(profiles); i++) {
        shown = preview(h, &s,
                        http_text(h->http, "{\"event_type\": \"order.paid\", \"profile\": \"%s\"}",
                                  profiles[i][0]));
        assert_string_equal(reply_text(&shown, "profile"), profiles[i][0]);
        assert_memory_equal(reply_text(&shown, "request.body"), profiles[i][1],
                            strlen(profiles[i][1]));
    }
    shown = preview(h, &s,
                    "{\"event_type\": \"order.paid\", \"overrides\": {\"envelope\": \"raw\","
                    " \"signature\": \"hmac_base64\"}}");
    assert_string_equal(reply_text(&shown, "request.body"), SAMPLE);
    assert_int_equal(strlen(header_of(h, &shown, "X-Delivery-Hmac-SHA256")), 44);
    assert_false(reply_has(&shown, "request.headers.webhook-signature"));
}

static void test_all_live_secrets_sign_and_the_tenants_when_the_profile_says_so(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *secrets = http_text(h->http, "/v1/subscriptions/%s/secrets", s.subscription.id);
    struct reply pair = api_want(h, 201, s.t->partner, "POST", secrets, "{\"kind\": \"v1a\"}");
    struct reply shown = preview(h, &s, "{\"event_type\": \"order.paid\"}"), shared;

    assert_true(verifies(h, &shown, s.subscription.secret));
    assert_true(hk_verify_v1a(hk_str(reply_text(&pair, "public_key")),
                              hk_str(header_of(h, &shown, "webhook-id")),
                              strtoll(header_of(h, &shown, "webhook-timestamp"), NULL, 10),
                              hk_str(reply_text(&shown, "request.body")),
                              hk_str(header_of(h, &shown, "webhook-signature"))));
    shown = preview(h, &s,
                    "{\"event_type\": \"order.paid\", \"overrides\": {\"secret_of\": \"tenant\"}}");
    assert_true(reply_is_null(&shown, "request"));
    assert_string_equal(reply_text(&shown, "error"), "there is no valid signing secret");
    shared = api_want(h, 201, s.t->admin, "POST", "/v1/tenant/secrets", "{}");
    shown = preview(h, &s,
                    "{\"event_type\": \"order.paid\", \"overrides\": {\"secret_of\": \"tenant\"}}");
    assert_true(verifies(h, &shown, reply_text(&shared, "secret")));
}

static void test_a_payload_of_the_callers_own_is_not_signed_with_real_secrets(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply shown = preview(h, &s, "{\"payload\": {\"z\": 1.0, \"a\": [null]}}");

    assert_non_null(
        strstr(reply_text(&shown, "request.body"), "\"data\":{\"z\": 1.0, \"a\": [null]}"));
    assert_string_equal(reply_text(&shown, "event_type"), "order.paid");
    assert_memory_equal(header_of(h, &shown, "webhook-signature"), "v1,", 3);
    assert_false(verifies(h, &shown, s.subscription.secret));
    assert_non_null(strstr(shown.body, "\"signature\"]"));
    shown = preview(h, &s, "{\"payload\": null, \"event_type\": \"order.bare\"}");
    assert_non_null(strstr(reply_text(&shown, "request.body"), "\"data\":null}"));
}

/* A support user, and a key that may look only, could else sign events that never were. */
static void test_who_may_not_send_tests_gets_no_real_signature(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply key =
        api_want(h, 201, s.t->admin, "POST", "/v1/keys",
                 "{\"name\": \"looks\", \"role\": \"partner\", \"partner\": \"acme\","
                 " \"scopes\": [\"subscriptions:read\", \"events:read\"]}");
    const char *keys[] = {s.t->support, reply_text(&key, "key")};
    const char *event_id = publish(h, s.t, "order.paid", "c1", "{}");
    const char *bodies[] = {"{\"event_type\": \"order.paid\", \"company\": \"c1\"}",
                            http_text(h->http, "{\"event_id\": \"%s\"}", event_id)};

    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        for (size_t j = 0; j < HK_COUNTOF(bodies); j++) {
            struct reply shown = api_want(h, 200, keys[i], "POST", s.path, bodies[j]);

            assert_memory_equal(header_of(h, &shown, "webhook-signature"), "v1,", 3);
            assert_false(verifies(h, &shown, s.subscription.secret));
            assert_non_null(strstr(shown.body, "\"signature\"]"));
        }
    }
}

/* ---- refusals ---- */

static void test_what_cannot_be_previewed_is_told(void **state)
{
    static const char *const wrong[][2] = {
        {"{}", "/event_id"},
        {"{\"event_id\": \"x\"}", "/event_id"},
        {"{\"event_id\": \"0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee01\"}", "/event_id"},
        {"{\"event_type\": \"no-such\"}", "/event_type"},
        {"{\"event_type\": \"order.bare\"}", "/event_type"},
        {"{\"event_type\": \"order.paid\", \"company\": \"c9\"}", "/company"},
        {"{\"event_type\": \"order.paid\", \"profile\": \"no-such\"}", "/profile"},
        {"{\"event_type\": \"order.paid\", \"overrides\": {\"envelope\": \"xml\"}}",
         "/overrides/envelope"},
        {"{\"event_type\": \"order.paid\", \"secret\": \"x\"}", "/secret"},
    };
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id = publish(h, s.t, "order.paid", "c1", "{}");

    sinker_wait(h, "/hook", 1, 10000);
    api_wait_for(h, s.t->admin, http_text(h->http, "/v1/messages?event_id=%s", event_id),
                 "data.0.status", "succeeded", 10000);
    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.path), hk_str(wrong[i][0]),
                       422, "invalid_body", wrong[i][1]);
    expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.path),
                   hk_str(http_text(h->http, "{\"event_id\": \"%s\", \"payload\": {}}", event_id)),
                   422, "invalid_body", "/event_id");
}

static void test_partners_and_tenants_see_only_their_own(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *neighbour = given_key(h, s.t, "partner", "other");
    struct tenant *other = given_tenant(h);
    const char *foreign, *sample = "{\"event_type\": \"order.paid\"}";
    struct reply refused;

    (void)api_want(h, 404, neighbour, "POST", s.path, sample);
    (void)api_want(h, 404, other->admin, "POST", s.path, sample);
    (void)api_want(h, 200, s.t->support, "POST", s.path, sample);
    (void)api_want(h, 403, s.t->producer, "POST", s.path, sample);

    /* An event that was never sent to the partner: c3 is not connected to its app (BC-05). */
    (void)given_company(h, s.t, "c3");
    foreign = http_text(h->http, "{\"event_id\": \"%s\"}",
                        publish(h, s.t, "order.paid", "c3", "{\"secret\": 1}"));
    refused = api_want(h, 422, s.t->partner, "POST", s.path, foreign);
    assert_problem(h, refused, 422, "invalid_body", "/event_id");
    (void)api_want(h, 200, s.t->admin, "POST", s.path, foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_preview_is_the_request_that_was_sent_but_for_its_time),
        harness_test(test_nothing_is_sent_stored_or_counted),
        harness_test(test_a_sample_says_what_of_it_is_illustrative),
        harness_test(test_each_company_shows_its_own_values_as_of_now),
        harness_test(test_any_profile_and_any_override_can_be_looked_at),
        harness_test(test_all_live_secrets_sign_and_the_tenants_when_the_profile_says_so),
        harness_test(test_a_payload_of_the_callers_own_is_not_signed_with_real_secrets),
        harness_test(test_who_may_not_send_tests_gets_no_real_signature),
        harness_test(test_what_cannot_be_previewed_is_told),
        harness_test(test_partners_and_tenants_see_only_their_own),
    };

    return cmocka_run_group_tests_name("previews", tests, NULL, NULL);
}
