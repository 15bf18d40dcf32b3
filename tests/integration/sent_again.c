/* SPDX-License-Identifier: Apache-2.0 */
/* Retry now: the attempt that a message waits for, sooner. Send again: a new message. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    20000
#define FAILS_ONCE "{\"replies\": [{\"status\": 500}]}"
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription hook;
};

/* A subscription at /hook with these settings. */
static struct world given_hook(struct harness *h, const char *settings)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    w.hook = given_story(h, w.t, "/hook");
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id), settings);
    return w;
}

static const char *publish_one(const struct world *w)
{
    return message_path(w->h, w->t, publish(w->h, w->t, "order.paid", "c1", "{\"n\": 1.10}"), NULL);
}

/* One whose first attempt has failed and whose second comes in an hour. */
static const char *publish_failing(const struct world *w)
{
    const char *path;

    sinker_rule(w->h, "/hook", FAILS_ONCE);
    path = publish_one(w);
    message_wait_attempts(w->h, w->t, path, 1);
    return path;
}

static struct reply post(const struct world *w, int status, const char *key, const char *path,
                         const char *action, const char *body)
{
    return api_want(w->h, status, key, "POST", at(w->h, "%s/%s", path, action), body);
}

/* 409, and `word` is in what it says. */
static void expect_conflict(const struct world *w, const char *path, const char *action,
                            const char *word)
{
    struct reply reply = post(w, 409, w->t->support, path, action, NULL);

    if (strstr(reply_text(&reply, "errors.0.detail"), word) == NULL)
        fail_test("\"%s\" does not say %s", reply_text(&reply, "errors.0.detail"), word);
}

static void stop(const struct world *w, const char *action)
{
    (void)api_want(w->h, 200, w->t->admin, "POST",
                   at(w->h, "/v1/subscriptions/%s/%s", w->hook.id, action), NULL);
}

#define IN_AN_HOUR "{\"overrides\": {\"schedule\": \"1h*3\"}}"

/* ---- retry now ---- */

static void test_a_retry_pulls_the_attempt_that_waits_forward(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path = publish_failing(&w);
    struct reply reply = post(&w, 202, w.t->support, path, "retry", NULL);

    assert_string_equal(at(h, "/v1/messages/%s", reply_text(&reply, "id")), path);
    assert_string_equal(reply_text(&reply, "delivery.state"), "normal");
    message_wait(h, w.t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, w.t, path), 2);
    assert_int_equal(sinker_count(h, "/hook"), 2);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action = 'message.retried'"), 1);
}

static void test_the_schedule_goes_on_behind_a_retry(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    path = publish_one(&w);
    for (unsigned n = 1; n <= 3; n++) {
        message_wait_attempts(h, w.t, path, n);
        api_wait_for(h, w.t->admin, path, "status", "pending", SOON_MS);
        (void)post(&w, 202, w.t->support, path, "retry", NULL);
    }
    message_wait(h, w.t, path, "failed");
    assert_int_equal(message_n_attempts(h, w.t, path), 4); /* and no more than the schedule has */
}

static void test_R_35_what_is_being_sent_is_not_sent_beside_it(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path = publish_failing(&w);

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 700}}");
    (void)post(&w, 202, w.t->support, path, "retry", NULL);
    sinker_wait(h, "/hook", 2, SOON_MS);
    for (unsigned i = 0; i < 5; i++)
        expect_conflict(&w, path, "retry", "is being sent");
    expect_conflict(&w, path, "resend", "sending");
    message_wait(h, w.t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_what_does_not_wait_for_an_attempt_is_refused_in_words(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path = publish_failing(&w), *done = publish_one(&w);

    message_wait(h, w.t, done, "succeeded");
    expect_conflict(&w, done, "retry", "has ended");
    stop(&w, "pause");
    expect_conflict(&w, path, "retry", "paused");
    stop(&w, "resume");
    stop(&w, "hold");
    expect_conflict(&w, path, "retry", "held");
    (void)api_want(h, 204, w.t->admin, "DELETE", at(h, "/v1/subscriptions/%s", w.hook.id), NULL);
    expect_conflict(&w, path, "retry", "cancelled");
}

/* It waits in a lane that sleeps for an hour. */
static void test_a_retry_wakes_the_lane(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(
        h, "{\"max_in_flight\": 1, \"overrides\": {\"schedule\": \"1h*3\"}, \"ordered\": true}");
    const char *path = publish_failing(&w), *second = publish_one(&w);
    struct reply reply = post(&w, 202, w.t->support, second, "retry", NULL);

    assert_string_equal(reply_text(&reply, "delivery.state"), "limited");
    assert_int_equal(sinker_count(h, "/hook"), 1); /* its turn has not come */
    (void)post(&w, 202, w.t->support, path, "retry", NULL);
    message_wait(h, w.t, path, "succeeded");
    message_wait(h, w.t, second, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 3);
}

/* ---- send again ---- */

static const char *resend(const struct world *w, const char *path, const char *body)
{
    struct reply reply = post(w, 202, w->t->support, path, "resend", body);

    assert_string_equal(at(w->h, "/v1/messages/%s", reply_text(&reply, "resend_of")), path);
    assert_string_equal(reply_text(&reply, "origin"), "resend");
    return at(w->h, "/v1/messages/%s", reply_text(&reply, "id"));
}

static void test_what_is_sent_again_is_a_new_message_and_a_repetition_to_its_receiver(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path = publish_one(&w), *again;
    struct reply first, second, attempt, list, before;

    message_wait(h, w.t, path, "succeeded");
    before = message_get(h, w.t, path);
    again = resend(&w, path, NULL);
    message_wait(h, w.t, again, "succeeded");
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&second, "headers.webhook-id"),
                        reply_text(&first, "headers.webhook-id"));
    assert_string_equal(reply_text(&second, "body"), reply_text(&first, "body"));
    assert_string_equal(reply_text(&second, "signature"), "valid");
    assert_string_equal(reply_text(&second, "headers.webhook-origin"), "resend");

    attempt = message_attempt(h, w.t, again, 1);
    assert_string_equal(reply_text(&attempt, "request_headers.webhook-id"),
                        reply_text(&first, "headers.webhook-id"));
    first = message_get(h, w.t, path);
    assert_string_equal(reply_text(&first, "finished_at"), reply_text(&before, "finished_at"));
    assert_int_equal(reply_int(&first, "attempts"), 1);
    list = api_want(h, 200, w.t->admin, "GET",
                    at(h, "/v1/messages?event_id=%s", reply_text(&first, "event_id")), NULL);
    assert_int_equal(reply_count(&list, "data"), 2);
    /* That of a repetition is a repetition of the first. */
    again = resend(&w, again, "{\"webhook_id\": \"same\"}");
    message_wait(h, w.t, again, "succeeded");
    second = message_get(h, w.t, again);
    assert_string_equal(reply_text(&second, "webhook_id"), reply_text(&first, "id"));
}

static void test_a_receiver_that_is_to_process_it_anew_gets_a_new_webhook_id(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *path = publish_one(&w), *again;
    struct reply request;

    message_wait(h, w.t, path, "succeeded");
    again = resend(&w, path, "{\"webhook_id\": \"new\"}");
    message_wait(h, w.t, again, "succeeded");
    request = sinker_request(h, "/hook", 1);
    assert_string_equal(at(h, "/v1/messages/%s", reply_text(&request, "headers.webhook-id")),
                        again);
    assert_string_equal(reply_text(&request, "signature"), "valid");
    expect_refused(h, w.t->support, at(h, "POST %s/resend", path),
                   HK_STR("{\"values\": \"current\", \"webhook_id\": \"same\"}"), 422,
                   "invalid_body", "/webhook_id");
    expect_refused(h, w.t->support, at(h, "POST %s/resend", path),
                   HK_STR("{\"webhook_id\": \"mine\"}"), 422, "invalid_body", "/webhook_id");
}

static void test_a_resend_has_the_whole_schedule_and_there_is_one_at_a_time(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, "{\"overrides\": {\"schedule\": \"1h*2\"}}");
    const char *path, *again;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    path = publish_one(&w);
    message_wait(h, w.t, path, "failed");
    stop(&w, "hold");
    again = resend(&w, path, NULL);
    expect_conflict(&w, path, "resend", "sent again already");
    expect_conflict(&w, again, "resend", "held");
    stop(&w, "resume");
    message_wait(h, w.t, again, "failed");
    assert_int_equal(message_n_attempts(h, w.t, again), 3);
    assert_int_equal(sinker_count(h, "/hook"), 6);
    (void)resend(&w, path, NULL);
}

static void test_a_partner_sends_its_own_again_and_no_other(void **state)
{
    struct harness *h = *state;
    struct world w = given_hook(h, IN_AN_HOUR);
    const char *other = given_key(h, w.t, "partner", "other"), *path = publish_failing(&w);

    (void)post(&w, 404, other, path, "retry", NULL);
    (void)post(&w, 404, other, path, "resend", NULL);
    (void)post(&w, 404, given_tenant(h)->admin, path, "retry", NULL);
    (void)post(&w, 403, w.t->receiver, path, "retry", NULL);
    (void)post(&w, 202, w.t->partner, path, "retry", NULL);
    message_wait(h, w.t, path, "succeeded");
    (void)post(&w, 202, w.t->partner, path, "resend", NULL);
    sinker_wait(h, "/hook", 3, SOON_MS);
}

int main(void)
{
    static const char *const at_once[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_a_retry_pulls_the_attempt_that_waits_forward),
        harness_test(test_the_schedule_goes_on_behind_a_retry),
        harness_test(test_R_35_what_is_being_sent_is_not_sent_beside_it),
        harness_test(test_what_does_not_wait_for_an_attempt_is_refused_in_words),
        harness_test(test_a_retry_wakes_the_lane),
        harness_test(test_what_is_sent_again_is_a_new_message_and_a_repetition_to_its_receiver),
        harness_test(test_a_receiver_that_is_to_process_it_anew_gets_a_new_webhook_id),
        harness_test(test_a_resend_has_the_whole_schedule_and_there_is_one_at_a_time,
                     .env = at_once),
        harness_test(test_a_partner_sends_its_own_again_and_no_other),
    };

    return cmocka_run_group_tests_name("sent_again", tests, NULL, NULL);
}
