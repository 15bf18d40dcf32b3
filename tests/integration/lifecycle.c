/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to messages when somebody stops, pauses, archives, disconnects or sends again
 * . A first attempt that fails leaves its message waiting for 5 s: time enough.
 */
#include "tests/support/message.h"

#define FAILS_ONCE "{\"replies\": [{\"status\": 500}]}"

static const char *subscription_path(struct harness *h, const struct subscription *subscription,
                                     const char *action)
{
    return http_text(h->http, "/v1/subscriptions/%s%s", subscription->id, action);
}

static void call_checked(struct harness *h, const struct tenant *t, const char *method,
                         const char *path, int status)
{
    struct reply reply = api_call(h, t->admin, method, path, NULL);

    assert_status(reply, status);
}

/* Publishes an event; its message's path. */
static const char *publish_one(struct harness *h, const struct tenant *t)
{
    return message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
}

/* One whose first attempt has failed: it waits for its second. */
static const char *publish_failing(struct harness *h, const struct tenant *t)
{
    const char *path;

    sinker_rule(h, "/hook", FAILS_ONCE);
    path = publish_one(h, t);
    message_wait_attempts(h, t, path, 1);
    return path;
}

static void check_end(struct harness *h, const struct tenant *t, const char *path,
                      const char *status, const char *reason)
{
    struct reply message = message_get(h, t, path);

    assert_string_equal(reply_text(&message, "status"), status);
    assert_string_equal(reply_text(&message, "status_reason"), reason);
    assert_true(reply_is_null(&message, "next_attempt_at"));
}

/* ---- stops ---- */

static void test_R_09_a_410_disables_the_subscription_and_cancels_what_waits(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *first = publish_failing(h, t), *second = publish_failing(h, t), *last;
    struct reply event;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 410}}");
    last = publish_one(h, t);
    message_wait(h, t, last, "failed");
    check_end(h, t, last, "failed", "disabled_by_410");
    check_end(h, t, first, "cancelled", "disabled_by_410");
    check_end(h, t, second, "cancelled", "disabled_by_410");
    api_wait_for(h, t->admin, subscription_path(h, &subscription, ""), "state", "disabled", 1000);

    event = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{}")),
                     NULL);
    assert_string_equal(reply_text(&event, "skips.0.reason"), "subscription_disabled");
    assert_int_equal(sinker_count(h, "/hook"), 3);
}

static void test_R_09_a_disabled_subscription_can_be_revived_with_its_messages(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *first = publish_failing(h, t), *last;
    struct reply reply;

    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 410}]}");
    last = publish_one(h, t);
    message_wait(h, t, last, "failed");
    reply = api_call(h, t->admin, "POST", subscription_path(h, &subscription, "/revive"),
                     "{\"messages\": true}");
    assert_status(reply, 200);
    assert_int_equal(reply_int(&reply, "revived_messages"), 1);
    message_wait(h, t, first, "succeeded");
    check_end(h, t, last, "failed", "disabled_by_410");
}

static void test_an_exhausted_schedule_fails_the_message(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    path = publish_one(h, t);
    message_wait(h, t, path, "failed");
    check_end(h, t, path, "failed", "schedule_exhausted");
    assert_int_equal(message_n_attempts(h, t, path), 10);
    assert_int_equal(sinker_count(h, "/hook"), 10);
    api_wait_for(h, t->admin, subscription_path(h, &subscription, ""), "state", "active", 1000);
}

/* ---- pause ---- */

static void test_a_pause_holds_and_resuming_sends(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path = publish_failing(h, t);
    struct reply event;

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    check_end(h, t, path, "held", "subscription_paused");
    event = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{}")),
                     NULL);
    assert_string_equal(reply_text(&event, "skips.0.reason"), "subscription_paused");
    assert_int_equal(sinker_count(h, "/hook"), 1);

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/resume"), 200);
    sinker_wait(h, "/hook", 2, 2000); /* at once, not when the schedule says */
    message_wait(h, t, path, "succeeded");
}

static void test_what_is_in_flight_at_a_pause_and_fails_is_held(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path;

    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"delay_ms\": 500}]}");
    path = publish_one(h, t);
    sinker_wait(h, "/hook", 1, 5000);
    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    message_wait(h, t, path, "held");
    assert_int_equal(message_n_attempts(h, t, path), 1);

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/resume"), 200);
    message_wait(h, t, path, "succeeded");
}

/* ---- archive ---- */

static void test_R_27_archiving_a_subscription_cancels_what_waits(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path = publish_failing(h, t);

    call_checked(h, t, "DELETE", subscription_path(h, &subscription, ""), 204);
    check_end(h, t, path, "cancelled", "subscription_archived");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_R_27_what_is_archived_before_it_is_sent_is_never_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription gone = given_story(h, t, "/gone"), stays;
    struct reply reply = api_call(h, t->admin, "GET", subscription_path(h, &gone, ""), NULL);
    const char *event_id;

    stays = given_subscription(h, t, reply_text(&reply, "app_id"), "/stays", "order.paid");
    event_id = publish(h, t, "order.paid", "c1", "{}");
    call_checked(h, t, "DELETE", subscription_path(h, &gone, ""), 204);
    (void)harness_start_worker(h);

    message_wait(h, t, message_path(h, t, event_id, stays.id), "succeeded");
    check_end(h, t, message_path(h, t, event_id, gone.id), "cancelled", "subscription_archived");
    assert_int_equal(sinker_count(h, "/gone"), 0);
}

static void test_R_27_what_is_archived_while_it_is_sent_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500, \"delay_ms\": 300}}");
    path = publish_one(h, t);
    sinker_wait(h, "/hook", 1, 5000);
    call_checked(h, t, "DELETE", subscription_path(h, &subscription, ""), 204);
    message_wait(h, t, path, "cancelled");
    check_end(h, t, path, "cancelled", "subscription_archived");
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

static void test_archiving_the_app_cancels_what_waits(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    struct reply reply =
        api_call(h, t->admin, "GET", subscription_path(h, &subscription, ""), NULL);
    const char *path = publish_failing(h, t);

    call_checked(h, t, "DELETE", http_text(h->http, "/v1/apps/%s", reply_text(&reply, "app_id")),
                 204);
    check_end(h, t, path, "cancelled", "app_archived");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

/* ---- disconnect ---- */

static const char *only_connection(struct harness *h, const struct tenant *t, const char *query)
{
    struct reply reply = api_call(h, t->admin, "GET", "/v1/connections", NULL);

    assert_status(reply, 200);
    return http_text(h->http, "/v1/connections/%s%s", reply_text(&reply, "data.0.id"), query);
}

static void test_disconnecting_keeps_what_waits(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply event;
    const char *path;

    (void)given_story(h, t, "/hook");
    path = publish_failing(h, t);
    call_checked(h, t, "DELETE", only_connection(h, t, ""), 204);
    event = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{}")),
                     NULL);
    assert_int_equal(reply_count(&event, "messages"), 0);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_disconnecting_cancels_what_waits_when_asked_to(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    path = publish_failing(h, t);
    call_checked(h, t, "DELETE", only_connection(h, t, "?queued=cancel"), 204);
    check_end(h, t, path, "cancelled", "connection_disconnected");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_what_is_in_flight_when_it_is_to_be_cancelled_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500, \"delay_ms\": 500}}");
    path = publish_one(h, t);
    sinker_wait(h, "/hook", 1, 5000);
    call_checked(h, t, "DELETE", only_connection(h, t, "?queued=cancel"), 204);
    message_wait(h, t, path, "cancelled");
    check_end(h, t, path, "cancelled", "connection_disconnected");
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

static void test_what_is_in_flight_when_it_is_to_be_cancelled_may_succeed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply message;
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 500}}");
    path = publish_one(h, t);
    sinker_wait(h, "/hook", 1, 5000);
    call_checked(h, t, "DELETE", only_connection(h, t, "?queued=cancel"), 204);
    message_wait(h, t, path, "succeeded");
    message = message_get(h, t, path);
    assert_true(reply_is_null(&message, "status_reason"));
}

static void test_what_was_to_be_cancelled_in_a_killed_workers_hands_is_not_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"hang\": true}}");
    path = publish_one(h, t);
    sinker_wait(h, "/hook", 1, 5000);
    call_checked(h, t, "DELETE", only_connection(h, t, "?queued=cancel"), 204);
    harness_kill_worker(h, 0);
    (void)harness_start_worker(h);
    message_wait(h, t, path, "cancelled");
    check_end(h, t, path, "cancelled", "connection_disconnected");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static const char *const at_once[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL};

static const char *const short_lease[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_09_a_410_disables_the_subscription_and_cancels_what_waits),
        harness_test(test_R_09_a_disabled_subscription_can_be_revived_with_its_messages),
        harness_test(test_an_exhausted_schedule_fails_the_message, .env = at_once),
        harness_test(test_a_pause_holds_and_resuming_sends),
        harness_test(test_what_is_in_flight_at_a_pause_and_fails_is_held),
        harness_test(test_R_27_archiving_a_subscription_cancels_what_waits),
        harness_test(test_R_27_what_is_archived_before_it_is_sent_is_never_sent,
                     .has_no_worker = true),
        harness_test(test_R_27_what_is_archived_while_it_is_sent_is_not_sent_again),
        harness_test(test_archiving_the_app_cancels_what_waits),
        harness_test(test_disconnecting_keeps_what_waits),
        harness_test(test_disconnecting_cancels_what_waits_when_asked_to),
        harness_test(test_what_is_in_flight_when_it_is_to_be_cancelled_is_not_sent_again),
        harness_test(test_what_is_in_flight_when_it_is_to_be_cancelled_may_succeed),
        harness_test(test_what_was_to_be_cancelled_in_a_killed_workers_hands_is_not_sent,
                     .env = short_lease),
    };

    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
