/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What support is told when a receiver, its health, an operator or time itself stood in the way:
 * the reasons that no everyday story has (explain.c has those).
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/explain.h"
#include "tests/support/message.h"
#include "tests/support/past.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

struct story {
    struct harness *h;
    struct tenant *t;
    struct subscription s; /* /hook, order.paid, of an app of "acme" connected to c1 */
};

static struct story given(void **state)
{
    struct story s = {.h = *state};

    s.t = given_tenant(s.h);
    s.s = given_story(s.h, s.t, "/hook");
    return s;
}

static const char *event(const struct story *s)
{
    return publish(s->h, s->t, "order.paid", "c1", "{\"total\": 7}");
}

static struct reply change(const struct story *s, const char *method, const char *tail,
                           const char *body)
{
    return api_want(s->h, 200, s->t->partner, method,
                    at(s->h, "/v1/subscriptions/%s%s", s->s.id, tail), body);
}

static struct reply why(const struct story *s, const char *event_id, const char *reason)
{
    return explain_wait(s->h, s->t->support, event_id, s->s.id, reason);
}

static void test_a_receiver_that_asked_for_a_rest_is_said_to_have_and_until_when(void **state)
{
    struct story s = given(state);
    const char *first, *second;
    struct reply reply;

    sinker_rule(s.h, "/hook",
                "{\"then\": {\"status\": 429, \"headers\": {\"Retry-After\": \"3600\"}}}");
    first = event(&s);
    reply = why(&s, first, "retrying"); /* it is due by itself when the rest is over */
    assert_explained(reply, "retrying",
                     "attempt 1 failed: HTTP 429, the receiver asks for fewer requests.");
    second = event(&s);
    reply = why(&s, second, "receiver_resting");
    assert_explained(reply, "receiver_resting", "the receiver asked for a rest until 20");
    assert_non_null(strstr(reply_text(&reply, EXPLAINED "explanation"),
                           explain_time(s.h, reply_text(&reply, EXPLAINED "until"))));
    assert_null(strstr(reply_text(&reply, EXPLAINED "explanation"), "Attempt"));
}

static void test_a_receiver_that_only_fails_is_said_to_be_broken(void **state)
{
    struct story s = given(state);
    const char *last;
    struct reply reply;

    (void)change(&s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1h\"}}");
    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 500}}");
    publish_many(s.h, s.t, 100);
    last = event(&s);
    reply = why(&s, last, "receiver_broken");
    assert_explained(reply, "receiver_broken",
                     "Not delivered yet: requests to the receiver have only failed; it is tried ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

static void test_R_09_a_410_is_said_to_what_it_ended_and_to_what_came_after(void **state)
{
    struct story s = given(state);
    const char *first, *after, *path;
    struct reply reply;

    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 410}}");
    first = event(&s);
    reply = why(&s, first, "disabled_by_410");
    assert_explained(reply, "disabled_by_410", "Not delivered: the subscription was disabled on ");
    assert_explained(reply, "disabled_by_410", " after 410 to attempt 1.");
    path = message_path(s.h, s.t, first, s.s.id);
    after = event(&s);
    reply = why(&s, after, "subscription_disabled");
    assert_explained(
        reply, "subscription_disabled",
        at(s.h, " after 410 to attempt 1 of message %s.", path + strlen("/v1/messages/")));
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

/* An hour is 30 ms: an attempt every 30 ms, and five days of failures are 3.6 s. */
static void test_R_42_what_health_has_disabled_says_so_to_what_waited_and_what_came_after(
    void **state)
{
    struct story s = given(state);
    struct subscription ops;
    const char *first, *after, *told;
    struct reply reply;

    reply = change(&s, "GET", "", NULL);
    ops = given_subscription(s.h, s.t, reply_text(&reply, "app_id"), "/ops",
                             "hookline.subscription.disabled");
    (void)change(&s, "PATCH", "",
                 "{\"event_types\": [\"order.paid\", \"hookline.*\"], \"overrides\": {"
                 "\"schedule\": \"1h*600\", \"jitter_percent\": 0, \"disable_after_h\": 120}}");
    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 500}}");
    first = event(&s);
    reply = why(&s, first, "disabled_by_health");
    assert_explained(reply, "disabled_by_health",
                     ", because requests to it had only failed for long. Attempt ");
    assert_explained(reply, "disabled_by_health", " had failed: HTTP 500, ");
    after = event(&s);
    reply = why(&s, after, "subscription_disabled");
    assert_explained(reply, "subscription_disabled", "Not sent: the subscription was disabled on ");
    assert_explained(reply, "subscription_disabled",
                     ", because requests to it had only failed for long.");

    /* What tells of it goes to others only. */
    told = db_text(s.h, "SELECT id FROM event WHERE event_type = 'hookline.subscription.disabled'");
    reply = why(&s, told, "event_about_itself");
    assert_explained(reply, "event_about_itself", "the event tells of this subscription itself.");
    (void)explain_wait(s.h, s.t->support, told, ops.id, "delivered");
}

static void test_an_operational_event_is_of_its_app_and_other_apps_are_told_so(void **state)
{
    struct story s = given(state);
    const char *other_app = given_app(s.h, s.t, "globex"), *told;
    struct subscription ops, theirs, all;
    struct reply reply = change(&s, "GET", "", NULL);
    const char *app_id = reply_text(&reply, "app_id");

    ops = given_subscription(s.h, s.t, app_id, "/ops", "hookline.message.failed");
    theirs = given_subscription(s.h, s.t, other_app, "/theirs", "hookline.message.failed");
    all = given_subscription(s.h, s.t, app_id, "/all", "*");
    (void)change(&s, "PATCH", "", "{\"overrides\": {\"responses\": {\"415\": \"drop\"}}}");
    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 415}}");
    (void)event(&s);
    sinker_wait(s.h, "/ops", 1, 20000);
    told = db_text(s.h, "SELECT id FROM event WHERE event_type = 'hookline.message.failed'");
    (void)explain_wait(s.h, s.t->support, told, ops.id, "delivered");
    reply = explain(s.h, s.t->support, told, theirs.id);
    assert_explained(reply, "event_of_another_app",
                     "Not sent: the event tells of another app's subscription.");
    reply = explain(s.h, s.t->support, told, all.id);
    assert_explained(reply, "type_not_selected", "did not select hookline.message.failed");
}

static void test_what_waits_for_its_receiver_to_agree_says_so(void **state)
{
    struct story s = given(state);
    const char *held, *skipped;
    struct reply reply;

    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 404}}");
    (void)change(&s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1h\"}}");
    held = event(&s); /* fails once */
    (void)why(&s, held, "retrying");
    (void)change(&s, "PATCH", "", "{\"verification\": \"challenge_get\"}");
    reply = why(&s, held, "subscription_pending");
    assert_explained(reply, "subscription_pending",
                     "Held: the subscription waits for its receiver to agree since ");
    skipped = event(&s);
    reply = why(&s, skipped, "subscription_pending");
    assert_explained(reply, "subscription_pending",
                     "Not sent: the subscription waited for its receiver to agree since ");
    /* It does not wait any more: then it did, and since when is still known. */
    (void)change(&s, "PATCH", "", "{\"verification\": \"none\"}");
    reply = why(&s, skipped, "subscription_pending");
    assert_explained(reply, "subscription_pending", "to agree since ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

/* Keys of a suspended tenant are refused: who is told is the installation's operator, by SQL. */
static void test_what_a_suspended_tenant_has_waiting_is_held_because_of_that(void **state)
{
    struct story s = given(state);
    const char *tenant = at(s.h, "/v1/tenants/%s", s.t->id), *event_id, *words;
    struct reply reply;

    (void)change(&s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1h 1h 1h\"}}");
    sinker_rule(s.h, "/hook", "{\"then\": {\"status\": 404}}");
    event_id = event(&s);
    (void)why(&s, event_id, "retrying");
    (void)api_want(s.h, 200, s.h->operator_key, "PATCH", tenant, "{\"state\": \"suspended\"}");
    words = db_text(s.h,
                    "SELECT w.reason || ' ' || w.explanation FROM message m,"
                    " why_message(m) w WHERE m.event_id = '%s'",
                    event_id);
    assert_non_null(strstr(words, "tenant_suspended Held: the tenant is suspended since 20"));
    (void)api_want(s.h, 200, s.h->operator_key, "PATCH", tenant, "{\"state\": \"active\"}");
    reply = why(&s, event_id, "retrying");
    assert_explained(reply, "retrying", " failed: HTTP 404");
}

/* Its message was forgotten and the event was not: nobody knows any more, and it says so. */
static void test_what_left_no_record_is_not_guessed(void **state)
{
    struct story s = given(state);
    const char *event_id = past_event(s.h, s.t, s.s.id, 3, "succeeded");
    struct reply reply;

    (void)db_text(s.h, "UPDATE subscription SET created_at = now() - interval '9 days'");
    (void)db_text(s.h, "UPDATE connection SET created_at = now() - interval '9 days'");
    (void)db_text(s.h, "DELETE FROM message");
    (void)db_text(s.h, "DELETE FROM skip");
    reply = explain(s.h, s.t->support, event_id, s.s.id);
    assert_explained(reply, "no_record",
                     "Not sent, and it is not known why: nothing is kept of it. Today it would be");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "now");
}

int main(void)
{
    static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=120000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_a_receiver_that_asked_for_a_rest_is_said_to_have_and_until_when),
        harness_test(test_a_receiver_that_only_fails_is_said_to_be_broken),
        harness_test(test_R_09_a_410_is_said_to_what_it_ended_and_to_what_came_after),
        harness_test(test_R_42_what_health_has_disabled_says_so_to_what_waited_and_what_came_after,
                     .env = quick),
        harness_test(test_an_operational_event_is_of_its_app_and_other_apps_are_told_so),
        harness_test(test_what_waits_for_its_receiver_to_agree_says_so),
        harness_test(test_what_a_suspended_tenant_has_waiting_is_held_because_of_that),
        harness_test(test_what_left_no_record_is_not_guessed),
    };

    return cmocka_run_group_tests_name("explain_stops", tests, NULL, NULL);
}
