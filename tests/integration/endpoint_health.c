/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoint health: a subscription that has nothing but failures is warned of, then disabled; one
 * success, or a long silence, begins it anew. An hour is 30 ms here.
 */
#include "tests/support/check.h"
#include "tests/support/message.h"

#define FAILS "{\"then\": {\"status\": 500}}"
/* An attempt every 30 ms; a day is 0.72 s, five are 3.6 s. */
#define IMPATIENT                                                                                  \
    "{\"overrides\": {\"schedule\": \"1h*600\", \"jitter_percent\": 0, \"failing_after_h\": 24,"   \
    " \"disable_after_h\": 120}}"

static const char *const short_hours[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=120000", NULL};

static const char *path_of(struct harness *h, const struct subscription *s, const char *tail)
{
    return http_text(h->http, "/v1/subscriptions/%s%s", s->id, tail);
}

/* Gets the operational events of the app that the subscription belongs to, at /ops. */
static void given_listener(struct harness *h, const struct tenant *t, const struct subscription *s)
{
    struct reply reply = api_want(h, 200, t->partner, "GET", path_of(h, s, ""), NULL);
    const char *app_id = reply_text(&reply, "app_id");

    (void)given_subscription(h, t, app_id, "/ops", "hookline.subscription.*");
}

static void assert_told(struct harness *h, unsigned i, const char *type)
{
    struct reply told = sinker_request(h, "/ops", i);

    assert_string_equal(reply_text(&told, "signature"), "valid");
    assert_non_null(strstr(reply_text(&told, "body"), type));
}

static void test_R_42_hours_of_failures_are_told_of_once_and_then_disable_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply reply;

    given_listener(h, t, &s);
    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s, ""), IMPATIENT);
    sinker_rule(h, "/hook", FAILS);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), s.id);
    sinker_wait(h, "/ops", 1, 30000);
    assert_told(h, 0, "hookline.subscription.failing");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, "/health"), NULL);
    assert_true(is_rfc3339_utc(reply_text(&reply, "failing_since")));
    assert_true(is_rfc3339_utc(reply_text(&reply, "warned_at")));
    assert_true(reply_is_null(&reply, "last_succeeded_at"));
    assert_int_equal(reply_int(&reply, "disable_after_h"), 120);

    api_wait_for(h, t->partner, path_of(h, &s, ""), "state", "disabled", 30000);
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);
    assert_string_equal(reply_text(&reply, "state_reason"), "disabled_by_health");
    message_wait(h, t, path, "cancelled");
    reply = message_get(h, t, path);
    assert_string_equal(reply_text(&reply, "status_reason"), "disabled_by_health");
    sinker_wait(h, "/ops", 2, 30000);
    assert_told(h, 1, "hookline.subscription.disabled");
    assert_told(h, 1, "\"by\" : \"health\"");
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'subscription.disabled'"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM event WHERE event_type LIKE 'hookline.%%'"),
                     2);
}

static void test_what_health_has_disabled_is_revived_with_its_messages(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply reply;

    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s, ""), IMPATIENT);
    sinker_rule(h, "/hook", FAILS);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    api_wait_for(h, t->partner, path_of(h, &s, ""), "state", "disabled", 30000);
    message_wait(h, t, path, "cancelled");
    sinker_rule(h, "/hook", "{}");
    reply = api_want(h, 200, t->partner, "POST", path_of(h, &s, "/revive"), "{\"messages\": true}");
    assert_int_equal(reply_int(&reply, "revived_messages"), 1);
    assert_true(reply_is_null(&reply, "failing_since"));
    message_wait(h, t, path, "succeeded");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, "/health"), NULL);
    assert_true(is_rfc3339_utc(reply_text(&reply, "last_succeeded_at")));
    assert_string_equal(reply_text(&reply, "state"), "active");
}

static void test_one_success_and_another_url_begin_it_anew(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);

    assert_true(reply_is_null(&reply, "failing_since"));
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}, {\"status\": 500}]}");
    message_wait(h, t, message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL),
                 "succeeded");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);
    assert_true(reply_is_null(&reply, "failing_since"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription_health"), 0);

    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s, ""),
                   "{\"overrides\": {\"responses\": {\"500\": \"drop\"}}}");
    sinker_rule(h, "/hook", FAILS);
    message_wait(h, t, message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL), "failed");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);
    assert_true(is_rfc3339_utc(reply_text(&reply, "failing_since")));
    reply = api_want(h, 200, t->partner, "PATCH", path_of(h, &s, ""),
                     http_text(h->http, "{\"url\": \"%s\"}", sinker_url(h, "/other")));
    assert_true(reply_is_null(&reply, "failing_since"));
}

/* The first failure is followed by a silence that is longer than any period. */
static void test_a_single_late_failure_does_not_disable(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s, ""),
                   "{\"overrides\": {\"schedule\": \"\", \"disable_after_h\": 1}}");
    sinker_rule(h, "/hook", FAILS);
    for (unsigned i = 0; i < 2; i++) {
        message_wait(h, t, message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL),
                     "failed");
        api_wait_for(h, t->partner, path_of(h, &s, ""), "failing_since", NULL, 30000);
    }
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
}

static void test_basecone_never_disables_and_the_others_after_five_days(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_want(h, 200, t->partner, "GET", "/v1/profiles/basecone", NULL);

    assert_int_equal(reply_int(&reply, "disable_after_h"), 0);
    reply = api_want(h, 200, t->partner, "GET", "/v1/profiles/standard", NULL);
    assert_int_equal(reply_int(&reply, "failing_after_h"), 24);
    assert_int_equal(reply_int(&reply, "disable_after_h"), 120);
    reply = api_want(h, 201, t->admin, "POST", "/v1/profiles",
                     "{\"name\": \"mine\", \"failing_after_h\": 0, \"disable_after_h\": 72}");
    assert_int_equal(reply_int(&reply, "failing_after_h"), 0);
    assert_int_equal(reply_int(&reply, "disable_after_h"), 72);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_42_hours_of_failures_are_told_of_once_and_then_disable_once,
                     .n_workers = 3, .env = short_hours),
        harness_test(test_what_health_has_disabled_is_revived_with_its_messages,
                     .env = short_hours),
        harness_test(test_one_success_and_another_url_begin_it_anew, .env = short_hours),
        harness_test(test_a_single_late_failure_does_not_disable, .env = short_hours),
        harness_test(test_basecone_never_disables_and_the_others_after_five_days),
    };

    return cmocka_run_group_tests_name("endpoint_health", tests, NULL, NULL);
}
