/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers that are slow or in trouble: they are left alone, and nobody else waits for them. */
#include <stdlib.h>

#include "tests/support/message.h"

/* A message that fails is not tried again within a test. */
#define SLOW_SCHEDULE "{\"overrides\": {\"schedule\": \"1h\"}}"

static void change(struct harness *h, const struct tenant *t, const struct subscription *s,
                   const char *settings)
{
    struct reply reply = api_call(
        h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s->id), "%s", settings);

    assert_status(reply, 200);
}

static bool is_broken(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.lane WHERE pause_ms > 0") == 1;
}

static bool is_not_broken(void *arg)
{
    return !is_broken(arg);
}

static bool is_paused(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.lane WHERE paused_until > now()") == 1;
}

static bool has_probed_twice(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.lane WHERE pause_ms >= 4000") == 1;
}

static void test_a_receiver_in_trouble_is_left_alone_and_probed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    unsigned n_before, n_tried;

    change(h, t, &s, SLOW_SCHEDULE);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 503}}");
    publish_many(h, t, 200);
    assert_true(wait_until(is_broken, h, 10000));
    n_before = sinker_count(h, "/hook");
    assert_true(n_before < 60); /* those that were on their way */
    assert_true(wait_until(has_probed_twice, h, 20000));
    n_tried = sinker_count(h, "/hook");
    assert_in_range(n_tried, n_before + 2, n_before + 8);

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200}}");
    assert_true(wait_until(is_not_broken, h, 20000));
    sinker_wait(h, "/hook", 200, 20000);
    assert_true(message_count(h, t, "succeeded") > 100);
}

static void test_after_trouble_it_begins_with_one_at_a_time(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    int64_t n_open_first;

    change(h, t, &s, SLOW_SCHEDULE);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    publish_many(h, t, 300);
    assert_true(wait_until(is_broken, h, 10000));
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 20}}");
    assert_true(wait_until(is_not_broken, h, 20000));
    n_open_first = db_int(h, "SELECT max_in_flight FROM hookline.lane");
    assert_in_range(n_open_first, 1, 20);
    sinker_wait(h, "/hook", 300, 30000);
}

static void test_a_receiver_that_asks_for_rest_gets_it_for_all_its_messages(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply last, next;

    change(h, t, &s, SLOW_SCHEDULE);
    sinker_rule(
        h, "/hook",
        "{\"replies\": [{\"status\": 429, \"times\": 1, \"headers\": {\"Retry-After\": \"3\"}}]}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, 10000);
    assert_true(wait_until(is_paused, h, 10000));
    assert_false(is_broken(h)); /* one such answer is no trouble */
    publish_many(h, t, 20);
    sinker_wait(h, "/hook", 21, 15000);
    last = sinker_request(h, "/hook", 0);
    next = sinker_request(h, "/hook", 1);
    assert_true(reply_int(&next, "received_at_us") - reply_int(&last, "received_at_us") > 2900000);
}

/* R-20 in small: every slot of both workers would be taken by the one that never answers. */
static void test_R_20_a_tarpit_does_not_hold_up_others(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other;
    struct reply stats;
    const char *app;

    (void)given_story(h, t, "/tarpit");
    sinker_rule(h, "/tarpit", "{\"then\": {\"hang\": true}}");
    other = given_tenant(h);
    (void)given_company(h, other, "c1");
    given_event_type(h, other, "order.paid");
    app = given_app(h, other, "acme");
    (void)given_connection(h, other, app, "c1");
    (void)given_subscription(h, other, app, "/healthy", "order.paid");

    publish_many(h, t, 2000);
    sinker_wait(h, "/tarpit", 1, 10000);
    publish_many(h, other, 200);
    sinker_wait(h, "/healthy", 200, 10000);
    stats = sinker_stats(h, "/healthy");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 200);
    assert_true(reply_int(&stats, "latency_us.p99") < 3000000); /* of a crowded machine */
    stats = sinker_stats(h, "/tarpit");
    assert_true(reply_int(&stats, "max_open") < 20);
}

static bool all_are_sent(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

/* What is published while the lane runs empty again and again is found every time. */
static void test_nothing_is_forgotten_when_lanes_run_empty(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");

    change(h, t, &s, "{\"max_in_flight\": 4}");
    for (unsigned i = 0; i < 150; i++)
        (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 150, 10000);
    assert_true(wait_until(all_are_sent, h, 10000));
}

#define circuit_test(fn) harness_test(fn, .n_workers = 2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        circuit_test(test_a_receiver_in_trouble_is_left_alone_and_probed),
        circuit_test(test_after_trouble_it_begins_with_one_at_a_time),
        circuit_test(test_a_receiver_that_asks_for_rest_gets_it_for_all_its_messages),
        circuit_test(test_R_20_a_tarpit_does_not_hold_up_others),
        circuit_test(test_nothing_is_forgotten_when_lanes_run_empty),
    };

    return cmocka_run_group_tests_name("lane_circuit", tests, NULL, NULL);
}
