/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription may say about how fast and in which order it is sent to, with two workers. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/message.h"

static struct subscription given_limited(struct harness *h, struct tenant *t, const char *settings)
{
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply = api_call(h, t->admin, "PATCH",
                                  http_text(h->http, "/v1/subscriptions/%s", s.id), "%s", settings);

    assert_status(reply, 200);
    return s;
}

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

static void wait_until_all_are_sent(struct harness *h, unsigned n_messages, unsigned n_requests)
{
    struct reply stats;

    sinker_wait(h, "/hook", n_requests, 60000);
    assert_true(wait_until(queue_is_empty, h, 10000));
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), n_messages);
}

/* ---- rate_per_second ---- */

/* In no window of a second more than the rate and what may come at once. */
static void check_rate(struct harness *h, unsigned n, unsigned rate)
{
    int64_t *times = calloc(n, sizeof(*times));
    unsigned burst = rate / 10 > 1 ? rate / 10 : 1;

    for (unsigned i = 0; i < n; i++) {
        struct reply request = sinker_request(h, "/hook", i);

        times[i] = reply_int(&request, "received_at_us");
    }
    /* When a request arrives depends on how crowded the machine is: hence the tenth on top. */
    for (unsigned first = 0, last = 0; last < n; last++) {
        while (times[last] - times[first] > 1000000)
            first++;
        if (last - first + 1 > rate + burst + rate / 10)
            fail_test("%u requests within a second, ending with number %u", last - first + 1, last);
    }
    free(times);
}

static void test_a_rate_limit_holds_across_two_workers(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first, last;

    (void)given_limited(h, t, "{\"rate_per_second\": 40}");
    publish_many(h, t, 124);
    wait_until_all_are_sent(h, 124, 124);
    check_rate(h, 124, 40);
    /* 4 at once, then 120 at 40 a second. */
    first = sinker_request(h, "/hook", 0);
    last = sinker_request(h, "/hook", 123);
    assert_true(reply_int(&last, "received_at_us") - reply_int(&first, "received_at_us") > 2800000);
}

/* ---- max_in_flight ---- */

static void test_a_limit_in_flight_holds_across_two_workers_and_is_used(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply stats;

    (void)given_limited(h, t, "{\"max_in_flight\": 3}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 30}}");
    publish_many(h, t, 90);
    wait_until_all_are_sent(h, 90, 90);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "max_open"), 3);
}

static void test_a_limit_is_heeded_from_when_it_is_set(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply stats;

    (void)given_limited(h, t, "{\"max_in_flight\": 1, \"rate_per_second\": 500}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 20}}");
    publish_many(h, t, 30);
    wait_until_all_are_sent(h, 30, 30);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "max_open"), 1);
}

/* ---- ordered ---- */

/* Each request that was the first of its message came after those of all that were published
 * before.
 */
static void check_order(struct harness *h, unsigned n_requests)
{
    const char *before = "";

    for (unsigned i = 0; i < n_requests; i++) {
        struct reply request = sinker_request(h, "/hook", i);
        const char *id = reply_text(&request, "headers.webhook-id");

        if (strcmp(before, id) > 0)
            fail_test("request %u is of %s, behind %s", i, id, before);
        before = id;
    }
}

static void check_one_at_a_time(struct harness *h)
{
    struct reply stats = sinker_stats(h, "/hook");

    assert_int_equal(reply_int(&stats, "max_open"), 1);
}

static void test_an_ordered_subscription_is_sent_to_one_by_one_in_publish_order(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_limited(h, t, "{\"ordered\": true}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 5}}");
    publish_many(h, t, 60);
    wait_until_all_are_sent(h, 60, 60);
    check_order(h, 60);
    check_one_at_a_time(h);
}

static void test_a_retry_of_an_ordered_subscription_holds_up_what_is_behind_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first, second, third;

    (void)given_limited(h, t, "{\"ordered\": true}");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"times\": 2}]}");
    publish_many(h, t, 10);
    wait_until_all_are_sent(h, 10, 12);
    first = sinker_request(h, "/hook", 0);
    second = sinker_request(h, "/hook", 1);
    third = sinker_request(h, "/hook", 2);
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&second, "headers.webhook-id"));
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&third, "headers.webhook-id"));
    check_order(h, 12);
    check_one_at_a_time(h);
}

static void test_order_survives_the_death_of_a_worker(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_limited(h, t, "{\"ordered\": true}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 20}}");
    publish_many(h, t, 100);
    sinker_wait(h, "/hook", 20, 30000);
    harness_kill_worker(h, 0);
    sinker_wait(h, "/hook", 40, 30000);
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 60, 30000);
    harness_kill_worker(h, 1);
    wait_until_all_are_sent(h, 100, 100);
    check_order(h, sinker_count(h, "/hook"));
}

/* A schedule of one retry, and the first message fails. */
static const char *run_failed_head(struct harness *h, struct tenant *t, const char *on_failure)
{
    const char *path;
    struct subscription s;

    s = given_limited(h, t,
                      http_text(h->http,
                                "{\"ordered\": true, \"ordered_on_failure\": \"%s\","
                                " \"overrides\": {\"schedule\": \"1s\", \"jitter_percent\": 0}}",
                                on_failure));
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"times\": 2}]}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    publish_many(h, t, 5);
    message_wait(h, t, path, "failed");
    return http_text(h->http, "%s %s", s.id, path);
}

static void test_a_failed_head_is_skipped_by_setting(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)run_failed_head(h, t, "skip");
    sinker_wait(h, "/hook", 7, 10000);
    assert_true(wait_until(queue_is_empty, h, 10000));
    assert_int_equal(message_count(h, t, "succeeded"), 5);
    check_order(h, 7);
}

static void test_a_failed_head_holds_the_rest_and_is_resent_before_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *both = run_failed_head(h, t, "hold"), *path = strchr(both, ' ') + 1;
    const char *subscription = http_text(h->http, "/v1/subscriptions/%.36s", both);
    struct reply reply = api_call(h, t->admin, "GET", subscription, NULL), first, last;

    assert_string_equal(reply_text(&reply, "state"), "held");
    assert_string_equal(reply_text(&reply, "state_reason"), "ordered_head_failed");
    assert_int_equal(message_count(h, t, "held"), 5);
    assert_int_equal(sinker_count(h, "/hook"), 2);

    reply = api_call(h, t->admin, "POST", http_text(h->http, "%s/resend", path), "{}");
    assert_status(reply, 202);
    reply = api_call(h, t->admin, "POST", http_text(h->http, "%s/resume", subscription), NULL);
    assert_status(reply, 200);
    wait_until_all_are_sent(h, 6, 8);
    first = sinker_request(h, "/hook", 0);
    last = sinker_request(h, "/hook", 2);
    assert_string_equal(reply_text(&first, "headers.webhook-id"),
                        reply_text(&last, "headers.webhook-id"));
    check_order(h, 8);
    check_one_at_a_time(h);
}

#define lane_test(fn)                                                                              \
    harness_test(fn, .n_workers = 2,                                                               \
                 .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=50",               \
                                              "HOOKLINE_WORKER_LEASE_MS=3000", NULL})

int main(void)
{
    const struct CMUnitTest tests[] = {
        lane_test(test_a_rate_limit_holds_across_two_workers),
        lane_test(test_a_limit_in_flight_holds_across_two_workers_and_is_used),
        lane_test(test_a_limit_is_heeded_from_when_it_is_set),
        lane_test(test_an_ordered_subscription_is_sent_to_one_by_one_in_publish_order),
        lane_test(test_a_retry_of_an_ordered_subscription_holds_up_what_is_behind_it),
        lane_test(test_order_survives_the_death_of_a_worker),
        lane_test(test_a_failed_head_is_skipped_by_setting),
        lane_test(test_a_failed_head_holds_the_rest_and_is_resent_before_it),
    };

    return cmocka_run_group_tests_name("lane_limits", tests, NULL, NULL);
}
