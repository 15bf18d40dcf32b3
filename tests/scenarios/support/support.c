/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten cases as they reach support (README.md beside this file): whoever answers has a support key,
 * what the customer says, and REST. The explanation of the event names the cause in each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenarios/data.h"
#include "tests/support/check.h"
#include "tests/support/explain.h"
#include "tests/support/message.h"

struct story {
    struct tenant *t;
    json_t *data; /* of cases/<name>.json */
    const char *app_id, *connection_id, *subscription_id;
};

/* A member of the case's data as a request's body. */
static const char *body_of(struct harness *h, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    const char *copy;

    assert_non_null(text);
    copy = http_text(h->http, "%s", text);
    free(text);
    return copy;
}

static const char *text_of(const struct story *s, const char *object, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(s->data, object), name));

    assert_non_null(text);
    return text;
}

/* Sends a member of the data, as the admin; the id of what it makes. */
static const char *make(struct harness *h, const struct story *s, const char *path,
                        const char *member)
{
    struct reply reply =
        api_want(h, 201, s->t->admin, "POST", path, body_of(h, json_object_get(s->data, member)));

    return reply_text(&reply, "id");
}

/* The company, the app and its subscription to `url`; they are not connected yet. */
static struct story given_case_at(struct harness *h, const char *name, const char *url)
{
    struct story s = {.t = given_tenant(h)};
    const char *text =
        data_text(h, http_text(h->http, "support/cases/%s.json", name), VALUES("url", url));

    s.data = json_loads(text, 0, NULL);
    assert_non_null(s.data);
    given_catalogue(h, s.t, "support");
    (void)make(h, &s, "/v1/companies", "company");
    s.app_id = make(h, &s, "/v1/apps", "app");
    (void)api_want(h, 200, s.t->admin, "PATCH", "/v1/tenant", "{\"cool_off_s\": 300}");
    s.subscription_id =
        make(h, &s, http_text(h->http, "/v1/apps/%s/subscriptions", s.app_id), "subscription");
    sinker_rule(h, "/hook", "%s", body_of(h, json_object_get(s.data, "receiver")));
    return s;
}

static struct story given_case(struct harness *h, const char *name)
{
    struct story s = given_case_at(h, name, sinker_url(h, "/hook"));

    s.connection_id = given_connection(h, s.t, s.app_id, text_of(&s, "company", "external_id"));
    return s;
}

static void publish_case(struct harness *h, const struct story *s)
{
    (void)api_want(h, 202, s->t->producer, "POST", "/v1/events",
                   body_of(h, json_object_get(s->data, "event")));
}

/* What the customer knows is his own number: the event is found by it. */
static const char *find_event(struct harness *h, const struct story *s)
{
    struct reply reply = api_want(
        h, 200, s->t->support, "GET",
        http_text(h->http, "/v1/events?external_id=%s", text_of(s, "event", "external_id")), NULL);

    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.company"), text_of(s, "event", "company"));
    return reply_text(&reply, "data.0.id");
}

/* Asks until it is that; the data is not needed any more. */
static struct reply investigate(struct harness *h, struct story *s, const char *reason)
{
    struct reply reply =
        explain_wait(h, s->t->support, find_event(h, s), s->subscription_id, reason);

    assert_string_equal(reply_text(&reply, EXPLAINED "app_name"), text_of(s, "app", "name"));
    json_decref(s->data);
    s->data = NULL;
    return reply;
}

static void test_SU_01_the_receiver_said_401_once(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "unsubscribed");
    struct reply reply, message;

    publish_case(h, &s);
    reply = investigate(h, &s, "unsubscribed_by_401");
    assert_explained(reply, "unsubscribed_by_401", "Not delivered: unsubscribed on ");
    assert_explained(reply, "unsubscribed_by_401", " after 401 to attempt 1.");

    /* What came after it was never sent: it names the message that ended it all. */
    message = explain(h, s.t->support, publish(h, s.t, "transaction.finished", "adm-1001", "{}"),
                      s.subscription_id);
    assert_explained(message, "subscription_unsubscribed",
                     http_text(h->http, " after 401 to attempt 1 of message %s.",
                               reply_text(&reply, EXPLAINED "message.id")));
}

static void test_SU_02_a_field_was_not_filled_in(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "missing_field");
    struct reply reply;

    publish_case(h, &s);
    reply = investigate(h, &s, "connection_incomplete");
    assert_explained(reply, "connection_incomplete", "without a value for companyCode.");
    assert_string_equal(reply_text(&reply, EXPLAINED "missing.0"), "companyCode");
}

static void test_SU_03_the_filter_does_not_want_it(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "filter");
    struct reply reply;

    publish_case(h, &s);
    reply = investigate(h, &s, "filter_false");
    assert_explained(reply, "filter_false", "it is not so that $.total >= 1000.");
    assert_int_equal(reply_count(&reply, EXPLAINED "false_terms"), 1);
}

static void test_SU_04_somebody_had_paused_it(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "paused");
    const char *path = http_text(h->http, "/v1/subscriptions/%s", s.subscription_id);
    struct reply paused =
        api_want(h, 200, s.t->partner, "POST", http_text(h->http, "%s/pause", path), NULL);
    struct reply reply;

    publish_case(h, &s);
    (void)api_want(h, 200, s.t->partner, "POST", http_text(h->http, "%s/resume", path), NULL);
    reply = investigate(h, &s, "subscription_paused");
    assert_explained(reply, "subscription_paused",
                     http_text(h->http, "Not sent: the subscription was paused on %s.",
                               explain_time(h, reply_text(&paused, "state_changed_at"))));
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

static void test_SU_05_it_is_in_its_cool_off(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "cool_off");
    struct reply reply, subscription;

    publish_case(h, &s);
    reply = investigate(h, &s, "cool_off");
    subscription = api_want(h, 200, s.t->support, "GET",
                            http_text(h->http, "/v1/subscriptions/%s", s.subscription_id), NULL);
    assert_string_equal(reply_text(&reply, EXPLAINED "until"),
                        reply_text(&subscription, "active_from"));
    assert_explained(reply, "cool_off",
                     http_text(h->http, "in its cool-off and is sent to from %s on.",
                               explain_time(h, reply_text(&subscription, "active_from"))));
}

static void test_SU_06_nobody_is_at_the_other_end(void **state)
{
    struct harness *h = *state;
    const char *port = strrchr(h->sinker_urls[0], ':'); /* where nobody listens on this address */
    struct story s =
        given_case_at(h, "dead_endpoint", http_text(h->http, "http://127.0.0.2%s/hook", port));
    struct reply reply;

    s.connection_id = given_connection(h, s.t, s.app_id, "adm-1006");
    publish_case(h, &s);
    reply = investigate(h, &s, "retrying");
    assert_explained(reply, "retrying",
                     "attempt 1 failed: no connection to the receiver could be made (");
    assert_true(is_rfc3339_utc(reply_text(&reply, EXPLAINED "message.next_attempt_at")));
    assert_true(is_rfc3339_utc(reply_text(&reply, EXPLAINED "message.gives_up_at")));
    assert_string_equal(reply_text(&reply, EXPLAINED "message.last_attempts.0.outcome"), "connect");
}

static void test_SU_07_the_receiver_checks_with_another_secret(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "wrong_secret");
    struct reply reply, request, attempt;

    publish_case(h, &s);
    reply = investigate(h, &s, "retrying");
    request = sinker_request(h, "/hook", 0);
    assert_string_equal(reply_text(&request, "signature"), "invalid"); /* so it looks over there */
    assert_explained(reply, "retrying",
                     "HTTP 401, the receiver refuses the signature or the credentials: it may "
                     "check with another secret.");
    attempt = api_want(h, 200, s.t->support, "GET",
                       http_text(h->http, "/v1/messages/%s/attempts/1",
                                 reply_text(&reply, EXPLAINED "message.id")),
                       NULL);
    assert_string_equal(reply_text(&attempt, "response_body"), "bad signature");
}

static void test_SU_08_it_was_published_before(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "duplicate");
    struct reply reply;

    publish_case(h, &s);
    publish_case(h, &s);
    reply = investigate(h, &s, "delivered");
    assert_non_null(strstr(reply_text(&reply, "explanation"),
                           "Published once more under the id tx-7008, last on "));
    assert_non_null(strstr(reply_text(&reply, "explanation"), ": that makes nothing new."));
    assert_int_equal(reply_int(&reply, "event.published_again"), 1);
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_SU_09_the_receiver_was_late_itself(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "late_receiver");
    struct reply reply;

    publish_case(h, &s);
    reply = investigate(h, &s, "delivered");
    assert_explained(reply, "delivered", " by attempt 2 (HTTP 200), ");
    assert_explained(reply, "delivered",
                     " after the event. Attempt 1 had failed: no answer within ");
    assert_string_equal(reply_text(&reply, EXPLAINED "message.last_attempts.0.outcome"), "timeout");
}

static void test_SU_10_the_company_was_disconnected(void **state)
{
    struct harness *h = *state;
    struct story s = given_case(h, "disconnected");
    struct reply reply;

    (void)api_want(h, 204, s.t->admin, "DELETE",
                   http_text(h->http, "/v1/connections/%s", s.connection_id), NULL);
    publish_case(h, &s);
    reply = investigate(h, &s, "not_connected");
    assert_explained(reply, "not_connected",
                     http_text(h->http,
                               "Not sent: the company was not connected to the app; it was "
                               "disconnected on %s.",
                               explain_time(h, reply_text(&reply, EXPLAINED "since"))));
    assert_string_equal(reply_text(&reply, EXPLAINED "as_of"), "event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_SU_01_the_receiver_said_401_once),
        harness_test(test_SU_02_a_field_was_not_filled_in),
        harness_test(test_SU_03_the_filter_does_not_want_it),
        harness_test(test_SU_04_somebody_had_paused_it),
        harness_test(test_SU_05_it_is_in_its_cool_off),
        harness_test(test_SU_06_nobody_is_at_the_other_end),
        harness_test(test_SU_07_the_receiver_checks_with_another_secret),
        harness_test(test_SU_08_it_was_published_before),
        harness_test(test_SU_09_the_receiver_was_late_itself),
        harness_test(test_SU_10_the_company_was_disconnected),
    };

    return cmocka_run_group_tests_name("support", tests, NULL, NULL);
}
