/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acculynx.c - the scenario AccuLynx: a roofing product tells listeners that a job's milestone has
 * changed, in an envelope that is fixed to the letter (AL-01 to AL-07).
 */
#include <string.h>

#include "hk/sign.h"
#include "tests/scenarios/data.h"
#include "tests/support/message.h"

#define MILESTONE "job-milestone-changed"

static struct tenant *given_acculynx(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    given_catalogue(h, t, "acculynx");
    (void)given_company(h, t, "roofer");
    return t;
}

/* Registers a listener of profile `profile` and connects the company. */
static struct subscription given_listener(struct harness *h, const struct tenant *t,
                                          const char *path, const char *profile)
{
    struct reply app = api_call(h, t->partner, "POST", "/v1/apps",
                                "{\"name\": \"listener\", \"subscription\": {\"url\": \"%s\", "
                                "\"event_types\": [\"" MILESTONE "\"], \"profile\": \"%s\"}}",
                                sinker_url(h, path), profile);
    struct subscription subscription;

    assert_status(app, 201);
    subscription.id = reply_text(&app, "subscription.id");
    subscription.secret = reply_text(&app, "subscription.secret");
    sinker_secret(h, path, subscription.secret);
    (void)given_connection(h, t, reply_text(&app, "id"), "roofer");
    return subscription;
}

static const char *publish_at(struct harness *h, const struct tenant *t, const char *occurred_at,
                              const char *payload)
{
    struct reply reply = api_call(h, t->producer, "POST", "/v1/events",
                                  "{\"event_type\": \"" MILESTONE "\", \"company\": \"roofer\", "
                                  "\"occurred_at\": \"%s\", \"payload\": %s}",
                                  occurred_at, payload);

    assert_status(reply, 202);
    return reply_text(&reply, "id");
}

static const char *body_at(struct harness *h, const char *path)
{
    struct reply request;

    sinker_wait(h, path, 1, 20000);
    request = sinker_request(h, path, 0);
    assert_string_equal(reply_text(&request, "signature"), "valid");
    return reply_text(&request, "body");
}

/* The document's own event, at its own time. */
static const char *publish_milestone(struct harness *h, const struct tenant *t)
{
    return publish_data(h, t, MILESTONE, "roofer", "2023-07-11T22:38:57.1993216Z",
                        "acculynx/events/job-milestone-changed.json");
}

/* What came at /<format> is expected/<format>.json, validly signed. */
static void assert_arrived(struct harness *h, const struct tenant *t, const char *format,
                           const char *event_id, const struct subscription *listener)
{
    const char *path = http_text(h->http, "/%s", format);

    (void)body_at(h, path);
    assert_body(h, path, 0, http_text(h->http, "acculynx/expected/%s.json", format),
                VALUES("event_id", event_id, "subscription_id", listener->id, "tenant_id", t->id));
}

static void test_AL_01_registering_returns_a_secret_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    struct subscription listener = given_listener(h, t, "/a", "acculynx");
    struct reply found = api_call(h, t->partner, "GET",
                                  http_text(h->http, "/v1/subscriptions/%s", listener.id), NULL);

    assert_true(hk_secret_is_valid(hk_str(listener.secret)));
    assert_status(found, 200);
    assert_null(strstr(found.body, "whsec_"));
    (void)publish_at(h, t, "2023-07-11T22:38:57.1993216Z", "{}");
    (void)body_at(h, "/a"); /* validly signed with it */
}

static void test_AL_02_one_or_more_topics_in_kebab_case(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    const char *app_id = given_app(h, t, "acme");
    struct reply reply;

    given_event_type(h, t, "estimate-signed");
    given_event_type(h, t, "job-archived");
    (void)given_connection(h, t, app_id, "roofer");
    reply = api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                     "{\"url\": \"%s\", \"profile\": \"acculynx\", "
                     "\"event_types\": [\"" MILESTONE "\", \"estimate-signed\"]}",
                     sinker_url(h, "/a"));
    assert_status(reply, 201);
    (void)publish(h, t, "job-archived", "roofer", "{}");
    (void)publish(h, t, MILESTONE, "roofer", "{}");
    (void)publish(h, t, "estimate-signed", "roofer", "{}");
    sinker_wait(h, "/a", 2, 20000);
    for (unsigned i = 0; i < 2; i++) {
        reply = sinker_request(h, "/a", i);
        assert_null(strstr(reply_text(&reply, "body"), "job-archived"));
    }
}

static void test_AL_03_the_subscriber_chooses_the_format(void **state)
{
    static const char *const formats[] = {"acculynx", "standard", "cloudevents"};
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    struct subscription listeners[HK_COUNTOF(formats)];
    const char *event_id;

    for (size_t i = 0; i < HK_COUNTOF(formats); i++)
        listeners[i] = given_listener(h, t, http_text(h->http, "/%s", formats[i]), formats[i]);
    event_id = publish_milestone(h, t);
    for (size_t i = 0; i < HK_COUNTOF(formats); i++)
        assert_arrived(h, t, formats[i], event_id, &listeners[i]);
}

static void test_AL_04_AL_05_AL_06_the_body_is_the_documents_sample(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    struct subscription listener = given_listener(h, t, "/acculynx", "acculynx");

    assert_arrived(h, t, "acculynx", publish_milestone(h, t), &listener);
    assert_non_null(strstr(body_at(h, "/acculynx"), "\"actionLocation\": null"));
}

static void test_AL_04_a_variant_has_the_tables_names(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/profiles",
                 "{\"name\": \"table\", \"base\": \"acculynx\", \"envelope\": \"acculynx_table\"}");
    struct subscription listener;

    assert_status(reply, 201);
    listener = given_listener(h, t, "/table", "table");
    assert_arrived(h, t, "table", publish_milestone(h, t), &listener);
}

static void test_AL_05_the_time_is_when_it_happened_in_utc(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);

    (void)given_listener(h, t, "/a", "acculynx");
    (void)publish_at(h, t, "2023-07-11T15:38:57.1993210-07:00", "{}");
    assert_non_null(strstr(body_at(h, "/a"), "\"eventDateTime\":\"2023-07-11T22:38:57.1993210Z\""));
}

static void test_AL_07_a_receiver_is_validated_before_it_goes_live(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_acculynx(h);
    struct reply reply;

    sinker_rule(h, "/a", "{\"replies\": [{\"status\": 404}]}");
    for (unsigned i = 0; i < 2; i++) {
        reply = api_call(h, t->partner, "POST", "/v1/test-messages",
                         "{\"url\": \"%s\", \"event_types\": [\"" MILESTONE
                         "\"], \"profile\": \"acculynx\"}",
                         sinker_url(h, "/a"));
        assert_status(reply, 200);
        assert_string_equal(reply_text(&reply, "messages.0.outcome"),
                            i == 0 ? "http_status" : "succeeded");
    }
    reply = sinker_request(h, "/a", 1);
    assert_non_null(strstr(reply_text(&reply, "body"), sample_of(h, t, MILESTONE)));
    assert_int_equal(message_count(h, t, "pending"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_AL_01_registering_returns_a_secret_once),
        harness_test(test_AL_02_one_or_more_topics_in_kebab_case),
        harness_test(test_AL_03_the_subscriber_chooses_the_format),
        harness_test(test_AL_04_AL_05_AL_06_the_body_is_the_documents_sample),
        harness_test(test_AL_04_a_variant_has_the_tables_names),
        harness_test(test_AL_05_the_time_is_when_it_happened_in_utc),
        harness_test(test_AL_07_a_receiver_is_validated_before_it_goes_live),
    };

    return cmocka_run_group_tests_name("acculynx", tests, NULL, NULL);
}
