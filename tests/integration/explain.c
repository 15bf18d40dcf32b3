/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/events/{id}/explain: for every subscription the one reason why the event did or did not
 * reach it, of the time of the event where that is known.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/explain.h"
#include "tests/support/message.h"

#define SCHEDULE_SHORT                                                                             \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL                                              \
    }

struct story {
    struct tenant *t;
    const char *app_id, *connection_id;
    struct subscription s; /* of /hook, order.paid */
};

static struct story given(struct harness *h)
{
    struct story s = {.t = given_tenant(h)};

    (void)given_company(h, s.t, "c1");
    given_event_type(h, s.t, "order.paid");
    given_event_type(h, s.t, "order.sent");
    s.app_id = given_app(h, s.t, "acme");
    s.connection_id = given_connection(h, s.t, s.app_id, "c1");
    s.s = given_subscription(h, s.t, s.app_id, "/hook", "order.paid");
    return s;
}

static struct reply why(struct harness *h, const struct story *s, const char *event_id)
{
    return explain(h, s->t->support, event_id, s->s.id);
}

static const char *event(struct harness *h, const struct story *s)
{
    return publish(h, s->t, "order.paid", "c1", "{\"total\": 7}");
}

/* A change of the subscription: "POST /pause". */
static struct reply change(struct harness *h, const struct story *s, const char *method,
                           const char *tail, const char *body)
{
    struct reply reply = api_call(h, s->t->partner, method,
                                  http_text(h->http, "/v1/subscriptions/%s%s", s->s.id, tail),
                                  body == NULL ? NULL : "%s", body);

    assert_in_range(reply.status, 200, 204);
    return reply;
}

static void connection(struct harness *h, const struct story *s, const char *method,
                       const char *tail, const char *body)
{
    struct reply reply = api_call(
        h, s->t->admin, method, http_text(h->http, "/v1/connections/%s%s", s->connection_id, tail),
        body == NULL ? NULL : "%s", body);

    assert_in_range(reply.status, 200, 204);
}

/* ---- it became a message ---- */

static void test_what_was_delivered_says_when_and_by_which_attempt(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply = explain_wait(h, s.t->support, event(h, &s), s.s.id, "delivered");

    assert_members(reply, "", "event,explanation,data,next_cursor");
    assert_members(reply, "event",
                   "id,event_type,company,external_id,occurred_at,accepted_at,payload_state,"
                   "payload_gone_at,published_again,published_again_at");
    assert_members(reply, "data.0",
                   "subscription_id,app_id,app_name,partner,url,reason,as_of,explanation,since,"
                   "until,filter,false_terms,missing,message,sent_again");
    assert_members(reply, "data.0.message",
                   "id,status,status_reason,origin,attempts,next_attempt_at,gives_up_at,"
                   "finished_at,created_at,last_attempts");
    assert_members(reply, "data.0.message.last_attempts.0",
                   "attempt_no,started_at,outcome,status_code,duration_us,explanation");
    assert_explained(reply, "delivered", "by attempt 1 (HTTP 200), ");
    assert_non_null(strstr(reply_text(&reply, EXPLAINED "explanation"),
                           explain_time(h, reply_text(&reply, EXPLAINED "message.finished_at"))));
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
    assert_true(reply_is_null(&reply, EXPLAINED "message.gives_up_at"));
}

static void test_a_retry_says_why_when_next_and_when_it_is_the_last(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply, message;
    const char *event_id;
    int64_t last_ms;

    (void)change(h, &s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1h 2h 3h\"}}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 503}}");
    event_id = event(h, &s);
    reply = explain_wait(h, s.t->support, event_id, s.s.id, "retrying");
    assert_explained(
        reply, "retrying",
        "Not delivered yet: attempt 1 failed: HTTP 503, an error of the receiver's own.");
    last_ms = message_time_ms(reply_text(&reply, EXPLAINED "message.next_attempt_at")) +
              INT64_C(5) * 3600000;
    assert_int_equal(message_time_ms(reply_text(&reply, EXPLAINED "message.gives_up_at")), last_ms);

    message = message_get(h, s.t, message_path(h, s.t, event_id, s.s.id));
    assert_string_equal(reply_text(&message, "explanation"),
                        reply_text(&reply, EXPLAINED "explanation"));
    assert_string_equal(reply_text(&message, "gives_up_at"),
                        reply_text(&reply, EXPLAINED "message.gives_up_at"));
}

static void test_what_was_given_up_says_the_last_failure(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply;

    (void)change(h, &s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1s\"}}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 404}}");
    reply = explain_wait(h, s.t->support, event(h, &s), s.s.id, "schedule_exhausted");
    assert_explained(reply, "schedule_exhausted",
                     "after 2 attempts, the last one: HTTP 404, there is nothing at this URL.");
    assert_int_equal(reply_count(&reply, EXPLAINED "message.last_attempts"), 2);
}

static void test_what_was_sent_again_is_told_beside_what_became_of_the_first(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id;
    struct reply reply;

    (void)change(h, &s, "PATCH", "", "{\"overrides\": {\"schedule\": \"1s\"}}");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"times\": 2}]}");
    event_id = event(h, &s);
    reply = explain_wait(h, s.t->support, event_id, s.s.id, "schedule_exhausted");
    assert_int_equal(reply_count(&reply, EXPLAINED "sent_again"), 0);
    (void)api_want(
        h, 202, s.t->support, "POST",
        http_text(h->http, "/v1/messages/%s/resend", reply_text(&reply, EXPLAINED "message.id")),
        NULL);
    api_wait_for(h, s.t->support, http_text(h->http, "/v1/events/%s/explain", event_id),
                 EXPLAINED "sent_again.0.reason", "delivered", 20000);
    reply = why(h, &s, event_id);
    assert_explained(reply, "schedule_exhausted", "given up on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "sent_again.0.resend_of"),
                        reply_text(&reply, EXPLAINED "message.id"));
    assert_non_null(
        strstr(reply_text(&reply, EXPLAINED "sent_again.0.explanation"), "Delivered on "));
}

static void test_what_is_held_says_since_when_and_goes_on(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply held = change(h, &s, "POST", "/hold", NULL), reply;
    const char *event_id = event(h, &s);

    reply = explain_wait(h, s.t->support, event_id, s.s.id, "subscription_held");
    assert_explained(reply, "subscription_held", "Held: the subscription is on hold since ");
    assert_string_equal(reply_text(&reply, EXPLAINED "since"),
                        reply_text(&held, "state_changed_at"));
    (void)change(h, &s, "POST", "/resume", NULL);
    (void)explain_wait(h, s.t->support, event_id, s.s.id, "delivered");
}

static void test_a_stop_names_its_message_and_attempt_to_all_that_it_hit(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *first, *waiting, *after, *path;
    struct reply reply;

    (void)change(
        h, &s, "PATCH", "",
        "{\"profile\": \"basecone\", \"ordered\": true, \"overrides\": {\"schedule\": \"1s 1s\"}}");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 401}}");
    first = event(h, &s);
    waiting = event(h, &s);
    reply = explain_wait(h, s.t->support, first, s.s.id, "unsubscribed_by_401");
    assert_explained(reply, "unsubscribed_by_401", "Not delivered: unsubscribed on ");
    assert_explained(reply, "unsubscribed_by_401", " after 401 to attempt 2.");

    path = message_path(h, s.t, first, s.s.id);
    reply = explain_wait(h, s.t->support, waiting, s.s.id, "unsubscribed_by_401");
    assert_explained(reply, "unsubscribed_by_401",
                     http_text(h->http, " after 401 to attempt 2 of another message (%s).",
                               path + strlen("/v1/messages/")));
    after = event(h, &s);
    reply = why(h, &s, after);
    assert_explained(reply, "subscription_unsubscribed",
                     http_text(h->http, " after 401 to attempt 2 of message %s.",
                               path + strlen("/v1/messages/")));

    /* Revived, it is active; the event of then was missed even so. */
    (void)change(h, &s, "POST", "/revive", NULL);
    reply = why(h, &s, after);
    assert_explained(reply, "subscription_unsubscribed", "Not sent: unsubscribed on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

/* ---- it did not ---- */

static void test_who_is_not_connected_learns_since_when_or_from_when(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *other_app = given_app(h, s.t, "acme");
    struct subscription other = given_subscription(h, s.t, other_app, "/other", "order.paid");
    const char *event_id = event(h, &s);
    struct reply reply = explain(h, s.t->support, event_id, other.id);

    assert_explained(reply, "not_connected", "Not sent: the company was not connected to the app.");
    (void)given_connection(h, s.t, other_app, "c1");
    reply = explain(h, s.t->support, event_id, other.id);
    assert_explained(reply, "not_connected", "to the app; it was connected on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");

    connection(h, &s, "DELETE", "", NULL);
    event_id = event(h, &s);
    reply = why(h, &s, event_id);
    assert_explained(reply, "not_connected", "to the app; it was disconnected on ");
    (void)given_connection(h, s.t, s.app_id, "c1");
    reply = why(h, &s, event_id);
    assert_explained(reply, "not_connected", "to the app; it was disconnected on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

static void test_missing_fields_are_those_of_the_time(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *fields = http_text(h->http, "/v1/apps/%s/custom_fields", s.app_id);
    const char *event_id;
    struct reply reply;

    (void)api_want(h, 201, s.t->partner, "POST", fields,
                   "{\"key\": \"code\", \"type\": \"text\", \"required\": true}");
    (void)api_want(h, 201, s.t->partner, "POST", fields,
                   "{\"key\": \"unit\", \"type\": \"text\", \"required\": true}");
    event_id = event(h, &s);
    reply = why(h, &s, event_id);
    assert_explained(reply, "connection_incomplete",
                     "Not sent: the connection of the company was incomplete, without a value for "
                     "code, unit.");
    connection(h, &s, "PATCH", "", "{\"values\": {\"code\": \"A\", \"unit\": \"B\"}}");
    reply = why(h, &s, event_id);
    assert_explained(reply, "connection_incomplete", "without a value for code, unit.");
    assert_string_equal(reply_text(&reply, EXPLAINED "missing.1"), "unit");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");

    /* The fields are others now: what was missing then cannot be told. */
    (void)api_want(h, 204, s.t->partner, "DELETE", http_text(h->http, "%s/unit", fields), NULL);
    reply = why(h, &s, event_id);
    assert_explained(reply, "connection_incomplete", "was incomplete; today it lacks nothing.");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "now");
}

static void test_pauses_say_since_when_after_they_have_ended_too(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id;
    struct reply reply, paused;

    connection(h, &s, "POST", "/pause", NULL);
    event_id = event(h, &s);
    connection(h, &s, "POST", "/resume", NULL);
    reply = why(h, &s, event_id);
    assert_explained(reply, "connection_paused",
                     "Not sent: the connection of the company was paused on ");
    paused = change(h, &s, "POST", "/pause", NULL);
    event_id = event(h, &s);
    (void)change(h, &s, "POST", "/resume", NULL);
    reply = why(h, &s, event_id);
    assert_explained(reply, "subscription_paused", "Not sent: the subscription was paused on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "since"),
                        reply_text(&paused, "state_changed_at"));
}

static void test_a_type_that_is_selected_today_was_not_then(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id = publish(h, s.t, "order.sent", "c1", "{}");
    struct reply reply = why(h, &s, event_id);

    assert_explained(reply, "type_not_selected",
                     "did not select order.sent; it selects order.paid.");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
    (void)change(h, &s, "PATCH", "", "{\"event_types\": [\"order.*\"]}");
    reply = why(h, &s, event_id);
    assert_explained(reply, "type_not_selected",
                     "did not select order.sent; today it selects order.*.");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "now");
}

static void test_a_filter_shows_which_of_its_terms_are_false_but_not_to_partners(void **state)
{
    static const char filter[] = "{\"filter\": \"$.total > 1 && ($.a == 1 || $.b == \\\"&&\\\") && "
                                 "$.note == \\\"x\\\"\"}";
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id;
    struct reply reply;

    (void)change(h, &s, "PATCH", "", filter);
    event_id = event(h, &s);
    reply = why(h, &s, event_id);
    assert_explained(reply, "filter_false",
                     "it is not so that ($.a == 1 || $.b == \"&&\") and $.note == \"x\".");
    assert_int_equal(reply_count(&reply, EXPLAINED "false_terms"), 2);
    /* Else a filter would be a way to ask about payloads that one was not sent. */
    reply = explain(h, s.t->partner, event_id, s.s.id);
    assert_explained(reply, "filter_false", "is false for the payload.");
    assert_true(reply_is_null(&reply, EXPLAINED "false_terms"));

    (void)change(h, &s, "PATCH", "", "{\"filter\": \"$.total == 7\"}");
    reply = why(h, &s, event_id);
    assert_explained(reply, "filter_false", "it is another one: $.total == 7.");
    assert_true(reply_is_null(&reply, EXPLAINED "false_terms"));
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "now");
}

static void test_what_came_later_or_was_archived_says_so(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id = event(h, &s);
    struct subscription later = given_subscription(h, s.t, s.app_id, "/later", "order.paid");
    struct reply reply = explain(h, s.t->support, event_id, later.id);

    assert_explained(reply, "subscription_created_later",
                     "Not sent: the subscription was created on ");
    (void)change(h, &s, "DELETE", "", NULL);
    reply = why(h, &s, event(h, &s));
    assert_explained(reply, "subscription_archived", "Not sent: the subscription was archived on ");
    (void)api_want(h, 204, s.t->admin, "DELETE", http_text(h->http, "/v1/apps/%s", s.app_id), NULL);
    reply = explain(h, s.t->support, event(h, &s), later.id);
    assert_explained(reply, "app_archived", "Not sent: the app was archived on ");
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

static void test_what_a_backfill_made_is_a_message_of_it(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id;
    struct reply reply;

    (void)change(h, &s, "POST", "/pause", NULL);
    event_id = event(h, &s);
    (void)change(h, &s, "POST", "/resume", NULL);
    (void)api_want(h, 201, s.t->admin, "POST",
                   http_text(h->http, "/v1/subscriptions/%s/backfill", s.s.id), "{\"days\": 1}");
    reply = explain_wait(h, s.t->support, event_id, s.s.id, "delivered");
    assert_string_equal(reply_text(&reply, EXPLAINED "message.origin"), "backfill");
}

/* ---- the event, who asks, pages ---- */

static void test_an_event_tells_how_often_it_was_published_again(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    static const char body[] = "{\"event_type\": \"order.paid\", \"company\": \"c1\", "
                               "\"external_id\": \"o[7]{x}\", \"payload\": {}}";
    struct reply first = api_want(h, 202, s.t->producer, "POST", "/v1/events", body), reply;

    (void)api_want(h, 202, s.t->producer, "POST", "/v1/events", body);
    (void)api_want(h, 202, s.t->producer, "POST", "/v1/events", body);
    reply = why(h, &s, reply_text(&first, "id"));
    assert_int_equal(reply_int(&reply, "event.published_again"), 2);
    assert_true(is_rfc3339_utc(reply_text(&reply, "event.published_again_at")));
    assert_non_null(strstr(reply_text(&reply, "explanation"),
                           "Published 2 times more under the id o[7]{x}, last on "));
}

static void test_a_partner_sees_its_own_apps_of_events_that_concern_it(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct tenant *other = given_tenant(h);
    const char *globex = given_key(h, s.t, "partner", "globex");
    const char *app_id = given_app(h, s.t, "globex");
    struct subscription theirs = given_subscription(h, s.t, app_id, "/theirs", "order.paid");
    const char *event_id = event(h, &s);
    const char *path = http_text(h->http, "/v1/events/%s/explain", event_id);
    struct reply reply = api_want(h, 200, s.t->admin, "GET", path, NULL);

    assert_int_equal(reply_count(&reply, "data"), 2);
    reply = api_want(h, 200, s.t->partner, "GET", path, NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_null(strstr(reply.body, theirs.id));
    reply = api_want(h, 200, s.t->partner, "GET",
                     http_text(h->http, "%s?subscription_id=%s", path, theirs.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    (void)api_want(h, 404, globex, "GET", path, NULL); /* its app is not connected to c1 */
    (void)api_want(h, 404, other->admin, "GET", path, NULL);
    (void)api_want(h, 403, s.t->producer, "GET", path, NULL);
    (void)api_want(h, 403, s.t->receiver, "GET", path, NULL);
}

static void test_many_subscriptions_come_in_pages(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *event_id, *path, *cursor;
    struct reply reply;

    for (int i = 0; i < 4; i++)
        (void)given_subscription(h, s.t, s.app_id, http_text(h->http, "/more%d", i), "order.sent");
    event_id = event(h, &s);
    path = http_text(h->http, "/v1/events/%s/explain?limit=2", event_id);
    reply = api_want(h, 200, s.t->support, "GET", path, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reply_count(&reply, "data"), 2);
        assert_string_equal(reply_text(&reply, "data.1.reason"), "type_not_selected");
        cursor = reply_text(&reply, "next_cursor");
        reply = api_want(h, 200, s.t->support, "GET",
                         http_text(h->http, "%s&cursor=%s", path, cursor), NULL);
    }
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.subscription_id"), s.s.id);
    assert_true(reply_is_null(&reply, "next_cursor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_was_delivered_says_when_and_by_which_attempt),
        harness_test(test_a_retry_says_why_when_next_and_when_it_is_the_last),
        harness_test(test_what_was_given_up_says_the_last_failure, SCHEDULE_SHORT),
        harness_test(test_what_was_sent_again_is_told_beside_what_became_of_the_first,
                     SCHEDULE_SHORT),
        harness_test(test_what_is_held_says_since_when_and_goes_on),
        harness_test(test_a_stop_names_its_message_and_attempt_to_all_that_it_hit, SCHEDULE_SHORT),
        harness_test(test_who_is_not_connected_learns_since_when_or_from_when),
        harness_test(test_missing_fields_are_those_of_the_time),
        harness_test(test_pauses_say_since_when_after_they_have_ended_too),
        harness_test(test_a_type_that_is_selected_today_was_not_then),
        harness_test(test_a_filter_shows_which_of_its_terms_are_false_but_not_to_partners),
        harness_test(test_what_came_later_or_was_archived_says_so),
        harness_test(test_what_a_backfill_made_is_a_message_of_it, SCHEDULE_SHORT),
        harness_test(test_an_event_tells_how_often_it_was_published_again),
        harness_test(test_a_partner_sees_its_own_apps_of_events_that_concern_it),
        harness_test(test_many_subscriptions_come_in_pages),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
