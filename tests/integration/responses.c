/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an answer, from the receiver to the message and its subscription. */
#include "tests/support/check.h"
#include "tests/support/message.h"

static const char *const fast[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

static const char *path_of(struct harness *h, const struct subscription *s)
{
    return http_text(h->http, "/v1/subscriptions/%s", s->id);
}

static void change(struct harness *h, const struct tenant *t, const struct subscription *s,
                   const char *responses)
{
    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, s),
                   http_text(h->http, "{\"overrides\": {\"responses\": %s}}", responses));
}

/* Publishes one event, which the receiver answers with `status`; the message's path. */
static const char *publish_answered(struct harness *h, const struct tenant *t, int status)
{
    sinker_rule(h, "/hook", "{\"then\": {\"status\": %d, \"headers\": {\"Location\": \"%s\"}}}",
                status, sinker_url(h, "/elsewhere"));
    return message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
}

static void test_no_redirection_is_ever_followed(void **state)
{
    static const int statuses[] = {300, 301, 302, 303, 304, 305, 307, 308};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");

    change(h, t, &s, "{\"3xx\": \"drop\", \"308\": \"success\"}");
    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        const char *path = publish_answered(h, t, statuses[i]);
        struct reply attempt;

        message_wait(h, t, path, statuses[i] == 308 ? "succeeded" : "failed");
        attempt = message_attempt(h, t, path, 1);
        assert_int_equal(reply_int(&attempt, "status_code"), statuses[i]);
        assert_int_equal(message_n_attempts(h, t, path), 1);
    }
    assert_int_equal(sinker_count(h, "/elsewhere"), 0);
}

static void test_a_dropped_message_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply reply;

    change(h, t, &s, "{\"4xx\": \"drop\", \"404\": \"retry\"}");
    path = publish_answered(h, t, 415);
    message_wait(h, t, path, "failed");
    reply = message_get(h, t, path);
    assert_string_equal(reply_text(&reply, "status_reason"), "dropped_by_415");
    assert_int_equal(reply_int(&reply, "attempts"), 1);
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s), NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
    path = publish_answered(h, t, 404);
    message_wait_attempts(h, t, path, 2);
    path = publish_answered(h, t, 410); /* the profile's own word for it, not the class of ours */
    message_wait(h, t, path, "failed");
    reply = message_get(h, t, path);
    assert_string_equal(reply_text(&reply, "status_reason"), "disabled_by_410");
}

static void test_a_rule_is_taken_back_with_null(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    change(h, t, &s, "{\"410\": \"retry\", \"404\": \"unsubscribe\"}");
    change(h, t, &s, "{\"410\": null, \"429\": \"throttle 5m\"}");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s), NULL);
    assert_members(reply, "overrides.responses", "404,429");
    change(h, t, &s, "{}");
    change(h, t, &s, "{\"429\": null, \"404\": null}");
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s), NULL);
    assert_int_equal(reply_count(&reply, "overrides"), 0);
}

static void test_cloudevents_drops_what_the_receiver_cannot_read(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");

    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s), "{\"profile\": \"cloudevents\"}");
    message_wait(h, t, publish_answered(h, t, 415), "failed");
    message_wait(h, t, publish_answered(h, t, 204), "succeeded");
    message_wait(h, t, publish_answered(h, t, 410), "failed");
    api_wait_for(h, t->partner, path_of(h, &s), "state_reason", "disabled_by_410", 10000);
}

static void test_R_07_after_500s_one_success_is_the_last_attempt(void **state)
{
    static const int64_t least_ms[] = {5000, 300000, 1800000};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int64_t before_ms = 0;
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"times\": 3}]}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, t, path), 4);
    assert_int_equal(sinker_count(h, "/hook"), 4);
    for (unsigned i = 0; i < 4; i++) {
        struct reply attempt = message_attempt(h, t, path, i + 1);
        int64_t at_ms = message_time_ms(reply_text(&attempt, "started_at"));

        assert_true(i == 0 || at_ms - before_ms >= least_ms[i - 1] / 1000); /* the divisor */
        before_ms = at_ms;
    }
}

static bool is_resting(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM lane WHERE paused_until > now()") == 1;
}

static int64_t received_us(struct harness *h, const char *path, unsigned i)
{
    struct reply request = sinker_request(h, path, i);

    return reply_int(&request, "received_at_us");
}

/* An hour is 3.6 s here. What is published meanwhile waits as well, but for the other receiver. */
static void test_R_10_a_429_rests_the_whole_subscription_and_no_other(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription busy = given_story(h, t, "/hook"), other;
    struct reply reply = api_want(h, 200, t->partner, "GET", path_of(h, &busy), NULL);
    const char *event_id;

    other = given_subscription(h, t, reply_text(&reply, "app_id"), "/other", "order.paid");
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"status\": 429, \"headers\": {\"Retry-After\": \"3600\"}}]}");
    event_id = publish(h, t, "order.paid", "c1", "{}");
    message_wait_attempts(h, t, message_path(h, t, event_id, busy.id), 1);
    assert_true(wait_until(is_resting, h, 10000));
    event_id = publish(h, t, "order.paid", "c1", "{}");
    message_wait(h, t, message_path(h, t, event_id, other.id), "succeeded");
    message_wait(h, t, message_path(h, t, event_id, busy.id), "succeeded");
    assert_true(received_us(h, "/hook", 1) - received_us(h, "/hook", 0) >= 3500000);
    assert_true(received_us(h, "/other", 1) < received_us(h, "/hook", 1));
}

static void test_R_19_a_poison_message_fails_alone_and_by_its_schedule(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription poison = given_story(h, t, "/poison"), well;
    struct reply reply = api_want(h, 200, t->partner, "GET", path_of(h, &poison), NULL);
    const char *event_id, *path;

    well = given_subscription(h, t, reply_text(&reply, "app_id"), "/hook", "order.paid");
    (void)api_want(
        h, 200, t->partner, "PATCH", path_of(h, &poison),
        "{\"url\": \"http://does-not-exist.invalid/\", \"overrides\": {\"schedule\": \"1s*2\"}}");
    event_id = publish(h, t, "order.paid", "c1", "{}");
    message_wait(h, t, message_path(h, t, event_id, well.id), "succeeded");
    path = message_path(h, t, event_id, poison.id);
    message_wait(h, t, path, "failed");
    assert_int_equal(message_n_attempts(h, t, path), 3);
    reply = message_get(h, t, path);
    assert_string_equal(reply_text(&reply, "status_reason"), "schedule_exhausted");
}

static void test_R_29_a_success_after_the_timeout_is_none(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply first, second;

    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, &s), "{\"timeout_ms\": 1000}");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 200, \"delay_ms\": 3000}]}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    first = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&first, "outcome"), "timeout");
    assert_int_equal(message_n_attempts(h, t, path), 2);
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&second, "headers.webhook-id"));
}

static void test_R_08_a_growing_schedule_ends_and_is_replayed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path;
    struct reply reply;

    (void)api_want(
        h, 200, t->partner, "PATCH", path_of(h, &s),
        "{\"overrides\": {\"schedule\": \"5s x2 to 20s for 1m\", \"jitter_percent\": 0}}");
    path = publish_answered(h, t, 500);
    message_wait(h, t, path, "failed");
    assert_int_equal(message_n_attempts(h, t, path), 5); /* 5, 10, 20, 20 s */
    reply = api_want(h, 200, t->partner, "GET", "/v1/messages?status=failed", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    sinker_rule(h, "/hook", "{}");
    reply = api_want(h, 202, t->support, "POST", http_text(h->http, "%s/resend", path), NULL);
    message_wait(h, t, http_text(h->http, "/v1/messages/%s", reply_text(&reply, "id")),
                 "succeeded");
    assert_int_equal(message_n_attempts(h, t, path), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_no_redirection_is_ever_followed, .env = fast),
        harness_test(test_a_dropped_message_is_not_sent_again, .env = fast),
        harness_test(test_a_rule_is_taken_back_with_null),
        harness_test(test_cloudevents_drops_what_the_receiver_cannot_read, .env = fast),
        harness_test(test_R_07_after_500s_one_success_is_the_last_attempt, .env = fast),
        harness_test(test_R_10_a_429_rests_the_whole_subscription_and_no_other, .env = fast),
        harness_test(test_R_19_a_poison_message_fails_alone_and_by_its_schedule, .env = fast),
        harness_test(test_R_29_a_success_after_the_timeout_is_none, .env = fast),
        harness_test(test_R_08_a_growing_schedule_ends_and_is_replayed, .env = fast),
    };

    return cmocka_run_group_tests_name("responses", tests, NULL, NULL);
}
