/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/subscriptions/{id}/delivery: why nothing is sent, or not much. */
#include "tests/support/check.h"
#include "tests/support/message.h"

static const char *path_of(struct harness *h, const struct subscription *s, const char *tail)
{
    return http_text(h->http, "/v1/subscriptions/%s%s", s->id, tail);
}

static struct reply get(struct harness *h, const struct tenant *t, const struct subscription *s)
{
    return api_want(h, 200, t->partner, "GET", path_of(h, s, "/delivery"), NULL);
}

static void change(struct harness *h, const struct tenant *t, const struct subscription *s,
                   const char *settings)
{
    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, s, ""), settings);
}

static void wait_for(struct harness *h, const struct tenant *t, const struct subscription *s,
                     const char *state)
{
    api_wait_for(h, t->partner, path_of(h, s, "/delivery"), "state", state, 20000);
}

static void test_a_subscription_with_nothing_to_send_is_normal(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply = get(h, t, &s);

    assert_string_equal(reply_text(&reply, "state"), "normal");
    assert_int_equal(reply_int(&reply, "waiting"), 0);
    assert_int_equal(reply_int(&reply, "held"), 0);
    assert_int_equal(reply_int(&reply, "in_flight"), 0);
    assert_true(reply_bool(&reply, "is_exact"));
    assert_true(reply_is_null(&reply, "since"));
    assert_true(reply_is_null(&reply, "paused_until"));
    assert_true(reply_is_null(&reply, "next_attempt_at"));
    assert_true(reply_is_null(&reply, "oldest_waiting_at"));
    assert_true(reply_is_null(&reply, "max_in_flight"));
    assert_true(reply_is_null(&reply, "failing_since"));
}

static void test_what_waits_is_counted_and_changes_no_etag(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply before = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL), reply;

    publish_many(h, t, 3);
    reply = get(h, t, &s);
    assert_int_equal(reply_int(&reply, "waiting"), 3);
    assert_true(is_rfc3339_utc(reply_text(&reply, "oldest_waiting_at")));
    assert_true(is_rfc3339_utc(reply_text(&reply, "next_attempt_at")));
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, ""), NULL);
    assert_string_equal(reply_header(h->http, &reply, "etag"),
                        reply_header(h->http, &before, "etag"));
}

static void test_more_than_ten_thousand_are_not_counted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    publish_many(h, t, 10001);
    reply = get(h, t, &s);
    assert_int_equal(reply_int(&reply, "waiting"), 10000);
    assert_false(reply_bool(&reply, "is_exact"));
}

static void test_a_stopped_one_says_since_when_and_what_is_held(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply, held;

    publish_many(h, t, 2);
    held = api_want(h, 200, t->partner, "POST", path_of(h, &s, "/hold"), NULL);
    reply = get(h, t, &s);
    assert_string_equal(reply_text(&reply, "state"), "stopped");
    assert_string_equal(reply_text(&reply, "since"), reply_text(&held, "state_changed_at"));
    assert_int_equal(reply_int(&reply, "waiting"), 2);
    assert_int_equal(reply_int(&reply, "held"), 2);
    assert_int_equal(reply_int(&reply, "max_in_flight"), 0);
    assert_true(reply_is_null(&reply, "next_attempt_at"));
}

static void test_settings_that_limit_are_said(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    change(h, t, &s, "{\"max_in_flight\": 3}");
    reply = get(h, t, &s);
    assert_string_equal(reply_text(&reply, "state"), "limited");
    assert_int_equal(reply_int(&reply, "max_in_flight"), 3);
    change(h, t, &s, "{\"ordered\": true}");
    reply = get(h, t, &s);
    assert_int_equal(reply_int(&reply, "max_in_flight"), 1);
}

static void test_a_cool_off_is_said(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    (void)db_text(h,
                  "UPDATE subscription SET active_from = now() + interval '1 hour' RETURNING id");
    publish_many(h, t, 1);
    reply = get(h, t, &s);
    assert_string_equal(reply_text(&reply, "state"), "cooling_off");
    assert_int_equal(reply_int(&reply, "waiting"), 1);
    assert_string_equal(reply_text(&reply, "next_attempt_at"), reply_text(&reply, "paused_until"));
}

static void test_a_receiver_that_asked_for_rest_is_throttled(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    sinker_rule(h, "/hook",
                "{\"then\": {\"status\": 429, \"headers\": {\"Retry-After\": \"3600\"}}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    wait_for(h, t, &s, "throttled");
    reply = get(h, t, &s);
    assert_true(is_rfc3339_utc(reply_text(&reply, "paused_until")));
    assert_true(is_rfc3339_utc(reply_text(&reply, "failing_since")));
    assert_int_equal(reply_int(&reply, "waiting"), 1);
    assert_int_equal(reply_int(&reply, "max_in_flight"), 0);
}

static void test_a_receiver_in_trouble_is_broken(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    change(h, t, &s, "{\"overrides\": {\"schedule\": \"1h\"}}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    publish_many(h, t, 100);
    wait_for(h, t, &s, "broken");
    reply = get(h, t, &s);
    assert_true(is_rfc3339_utc(reply_text(&reply, "since")));
    assert_true(is_rfc3339_utc(reply_text(&reply, "failing_since")));
    assert_in_range(reply_int(&reply, "max_in_flight"), 0, 1);
    assert_true(reply_int(&reply, "waiting") > 0);
}

static void test_what_is_in_flight_is_counted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    change(h, t, &s, "{\"ordered\": true}");
    sinker_rule(h, "/hook", "{\"then\": {\"hang\": true}}");
    publish_many(h, t, 3);
    sinker_wait(h, "/hook", 1, 10000);
    reply = get(h, t, &s);
    assert_string_equal(reply_text(&reply, "state"), "limited");
    assert_int_equal(reply_int(&reply, "in_flight"), 1);
    assert_int_equal(reply_int(&reply, "waiting"), 2);
}

static void test_another_partner_does_not_see_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");

    (void)api_want(h, 404, other->partner, "GET", path_of(h, &s, "/delivery"), NULL);
    (void)api_want(h, 404, other->admin, "GET", path_of(h, &s, "/delivery"), NULL);
}

#define still_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        still_test(test_a_subscription_with_nothing_to_send_is_normal),
        still_test(test_what_waits_is_counted_and_changes_no_etag),
        still_test(test_more_than_ten_thousand_are_not_counted),
        still_test(test_a_stopped_one_says_since_when_and_what_is_held),
        still_test(test_settings_that_limit_are_said),
        still_test(test_a_cool_off_is_said),
        harness_test(test_a_receiver_that_asked_for_rest_is_throttled),
        harness_test(test_a_receiver_in_trouble_is_broken),
        harness_test(test_what_is_in_flight_is_counted),
        still_test(test_another_partner_does_not_see_it),
    };

    return cmocka_run_group_tests_name("delivery_state", tests, NULL, NULL);
}
