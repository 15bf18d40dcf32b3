/* SPDX-License-Identifier: Apache-2.0 */
/* Operational events: who gets them, what they say, and that they never tell of themselves. */
#include "tests/support/check.h"
#include "tests/support/message.h"

#define DROPS "{\"overrides\": {\"responses\": {\"415\": \"drop\"}}}"

static const char *app_of(struct harness *h, const struct tenant *t, const struct subscription *s)
{
    struct reply reply =
        api_want(h, 200, t->admin, "GET", http_text(h->http, "/v1/subscriptions/%s", s->id), NULL);

    return reply_text(&reply, "app_id");
}

/* A subscription of "acme", connected to c1, whose messages fail at once. */
static struct subscription given_failing(struct harness *h, struct tenant *t)
{
    struct subscription s = given_story(h, t, "/hook");

    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                   DROPS);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 415}}");
    return s;
}

static const char *publish_failing(struct harness *h, const struct tenant *t,
                                   const struct subscription *s)
{
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), s->id);

    message_wait(h, t, path, "failed");
    return path + strlen("/v1/messages/");
}

static void test_R_08_a_message_that_failed_is_told_to_the_apps_own_subscription(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_failing(h, t), ops;
    struct reply told, reply;
    const char *message_id, *path;

    ops = given_subscription(h, t, app_of(h, t, &s), "/ops", "hookline.message.failed");
    message_id = publish_failing(h, t, &s);
    sinker_wait(h, "/ops", 1, 10000);
    told = sinker_request(h, "/ops", 0);
    assert_string_equal(reply_text(&told, "signature"), "valid");
    assert_non_null(
        strstr(reply_text(&told, "body"), "{\"type\":\"hookline.message.failed\",\"timestamp\":"));
    assert_non_null(strstr(reply_text(&told, "body"), message_id));
    assert_non_null(strstr(reply_text(&told, "body"), "\"dropped_by_415\""));
    reply = api_want(h, 200, t->partner, "GET",
                     http_text(h->http, "/v1/messages?subscription_id=%s", s.id), NULL);
    assert_string_equal(reply_text(&reply, "data.0.status"), "failed");

    /* It is logged, explained and sent again as any other. */
    reply = api_want(h, 200, t->partner, "GET",
                     http_text(h->http, "/v1/messages?subscription_id=%s", ops.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_true(reply_is_null(&reply, "data.0.company"));
    assert_string_equal(reply_text(&reply, "data.0.event_type"), "hookline.message.failed");
    path = http_text(h->http, "/v1/messages/%s", reply_text(&reply, "data.0.id"));
    message_wait(h, t, path, "succeeded");
    reply =
        api_want(h, 200, t->partner, "GET",
                 http_text(h->http, "/v1/events/%s", reply_text(&reply, "data.0.event_id")), NULL);
    assert_true(reply_is_null(&reply, "company"));
    assert_string_equal(reply_text(&reply, "payload.message_id"), message_id);
    assert_string_equal(reply_text(&reply, "messages.0.subscription_id"), ops.id);
    reply =
        api_want(h, 200, t->partner, "GET", "/v1/events?event_type=hookline.message.failed", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    (void)api_want(h, 202, t->support, "POST", http_text(h->http, "%s/resend", path),
                   "{\"values\": \"current\"}");
    sinker_wait(h, "/ops", 2, 10000);
}

static void test_only_who_asks_by_name_gets_them(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_failing(h, t), in_vain;
    const char *app_id = app_of(h, t, &s), *other_app_id;

    (void)given_subscription(h, t, app_id, "/all", "*");
    (void)given_subscription(h, t, given_app(h, t, "umbrella"), "/neighbour", "hookline.*");
    in_vain = given_subscription(h, t, app_id, "/paused", "hookline.*");
    (void)api_want(h, 200, t->partner, "POST",
                   http_text(h->http, "/v1/subscriptions/%s/pause", in_vain.id), NULL);
    other_app_id = given_app(h, other, "acme");
    (void)given_subscription(h, other, other_app_id, "/foreign", "hookline.*");
    (void)given_subscription(h, t, app_id, "/ops", "hookline.*");
    (void)publish_failing(h, t, &s);
    sinker_wait(h, "/ops", 1, 10000);
    assert_int_equal(sinker_count(h, "/all"), 1); /* the event itself */
    assert_int_equal(sinker_count(h, "/neighbour"), 0);
    assert_int_equal(sinker_count(h, "/paused"), 0);
    assert_int_equal(sinker_count(h, "/foreign"), 0);
    assert_string_equal(
        db_text(h, "SELECT reason FROM skip WHERE subscription_id = '%s' AND connection_id IS NULL",
                in_vain.id),
        "subscription_paused");
}

static void test_the_tenants_operational_app_hears_of_all_apps(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_failing(h, t);
    const char *app_id = given_app(h, t, "umbrella");
    struct reply reply;

    (void)given_subscription(h, t, app_id, "/ops", "hookline.*");
    expect_refused(h, other->admin, "PATCH /v1/tenant",
                   hk_str(http_text(h->http, "{\"operational_app_id\": \"%s\"}", app_id)), 422,
                   "invalid_body", "/operational_app_id");
    (void)api_want(h, 403, t->partner, "PATCH", "/v1/tenant",
                   http_text(h->http, "{\"operational_app_id\": \"%s\"}", app_id));
    expect_refused(h, t->admin, "PATCH /v1/tenant", HK_STR("{\"operational_app_id\": \"x\"}"), 422,
                   "invalid_body", "/operational_app_id");
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/tenant",
                     http_text(h->http, "{\"operational_app_id\": \"%s\"}", app_id));
    assert_string_equal(reply_text(&reply, "operational_app_id"), app_id);

    (void)publish_failing(h, t, &s);
    sinker_wait(h, "/ops", 1, 10000);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 410}}");
    (void)publish_failing(h, t, &s);
    sinker_wait(h, "/ops", 3, 10000); /* the message, the subscription */
    api_wait_for(h, t->partner, http_text(h->http, "/v1/subscriptions/%s", s.id), "state",
                 "disabled", 10000);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM event WHERE event_type = 'hookline.subscription.disabled'"
                  " AND payload::json ->> 'reason' = 'disabled_by_410' AND payload::json ->> 'by' "
                  "= 'receiver'"),
        1);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/tenant", "{\"operational_app_id\": null}");
    assert_true(reply_is_null(&reply, "operational_app_id"));
}

static void test_BC_22_an_unsubscription_is_told(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");

    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                   "{\"profile\": \"basecone\"}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 401}}");
    (void)given_subscription(h, t, app_of(h, t, &s), "/ops", "hookline.subscription.unsubscribed");
    (void)publish_failing(h, t, &s);
    sinker_wait(h, "/ops", 1, 10000);
}

static void test_they_never_tell_of_themselves(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_failing(h, t), one, two;
    const char *app_id = app_of(h, t, &s);

    one = given_subscription(h, t, app_id, "/one", "hookline.*");
    two = given_subscription(h, t, app_id, "/two", "hookline.*");
    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", one.id),
                   DROPS);
    (void)api_want(h, 200, t->partner, "PATCH", http_text(h->http, "/v1/subscriptions/%s", two.id),
                   "{\"overrides\": {\"responses\": {\"415\": \"disable\"}}}");
    sinker_rule(h, "/one", "{\"then\": {\"status\": 415}}");
    sinker_rule(h, "/two", "{\"then\": {\"status\": 415}}");
    (void)publish_failing(h, t, &s);
    api_wait_for(h, t->partner, http_text(h->http, "/v1/subscriptions/%s", two.id), "state",
                 "disabled", 10000);
    sinker_wait(h, "/one", 2, 10000); /* the message; that /two is disabled */
    (void)publish_failing(h, t, &s);
    sinker_wait(h, "/one", 3, 10000);
    assert_int_equal(sinker_count(h, "/two"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM event WHERE event_type LIKE 'hookline.%%'"),
                     3);
}

static void test_a_hundred_failures_an_hour_are_told_of(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_failing(h, t), ops;
    int64_t n_told;

    ops = given_subscription(h, t, app_of(h, t, &s), "/ops", "hookline.*");
    publish_many(h, t, 150);
    sinker_wait(h, "/ops", 100, 60000);
    for (unsigned i = 0; db_int(h, "SELECT count(*) FROM message WHERE status = 'pending'") > 0;
         i++)
        assert_true(i < 10000);
    n_told = db_int(h, "SELECT count(*) FROM message WHERE subscription_id = '%s'", ops.id);
    assert_in_range(n_told, 100, 105); /* one more every 36 s */
    assert_int_equal(message_count(h, t, "failed"), 150);
}

static void test_their_names_are_reserved(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    const char *create = http_text(h->http, "POST /v1/apps/%s/subscriptions", app_id);

    expect_refused(h, t->admin, "POST /v1/event_types",
                   HK_STR("{\"name\": \"hookline.message.failed\"}"), 422, "invalid_body", "/name");
    expect_refused(h, t->admin, "POST /v1/event_types/import",
                   HK_STR("{\"event_types\": [{\"name\": \"hookline.x\"}]}"), 422, "invalid_body",
                   "/event_types/0/name");
    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types", "{\"name\": \"hooklines.x\"}");
    expect_refused(
        h, t->partner, create,
        HK_STR("{\"url\": \"https://example.com/\", \"event_types\": [\"hookline.message.lost\"]}"),
        422, "invalid_body", "/event_types/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_08_a_message_that_failed_is_told_to_the_apps_own_subscription),
        harness_test(test_only_who_asks_by_name_gets_them),
        harness_test(test_the_tenants_operational_app_hears_of_all_apps),
        harness_test(test_BC_22_an_unsubscription_is_told),
        harness_test(test_they_never_tell_of_themselves),
        harness_test(test_a_hundred_failures_an_hour_are_told_of),
        harness_test(test_their_names_are_reserved),
    };

    return cmocka_run_group_tests_name("operational_events", tests, NULL, NULL);
}
