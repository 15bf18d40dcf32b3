/* SPDX-License-Identifier: Apache-2.0 */
/* However much was held, a resume is short, and its receiver is not overrun. */
#include "tests/support/check.h"
#include "tests/support/message.h"

enum { N_HELD = 5000 };

static const char *path_of(struct harness *h, const struct subscription *s, const char *tail)
{
    return http_text(h->http, "/v1/subscriptions/%s%s", s->id, tail);
}

static void post(struct harness *h, const struct tenant *t, const struct subscription *s,
                 const char *action)
{
    (void)api_want(h, 200, t->partner, "POST", path_of(h, s, action), NULL);
}

static void change(struct harness *h, const struct tenant *t, const struct subscription *s,
                   const char *settings)
{
    (void)api_want(h, 200, t->partner, "PATCH", path_of(h, s, ""), settings);
}

/* What workers do with what waits, while none is there. */
static void make_steps(struct harness *h)
{
    while (db_int(h, "SELECT queue_change_step(1000)") > 0)
        ;
}

/* Published while no worker is there, then held. */
static struct subscription given_held(struct harness *h, struct tenant *t, unsigned n)
{
    struct subscription s = given_story(h, t, "/hook");

    publish_many(h, t, n);
    post(h, t, &s, "/hold");
    make_steps(h);
    assert_int_equal(message_count(h, t, "held"), n);
    return s;
}

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue") == 0;
}

static void wait_until_all_are_sent(struct harness *h, unsigned n)
{
    struct reply stats;

    sinker_wait(h, "/hook", n, 90000);
    assert_true(wait_until(queue_is_empty, h, 20000));
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), n);
    assert_int_equal(db_int(h, "SELECT count(*) FROM queue_change"), 0);
}

static void test_R_22_all_that_was_held_is_sent_in_steps(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, N_HELD);
    struct reply reply;

    post(h, t, &s, "/resume");
    assert_int_equal(message_count(h, t, "pending"), 1000);
    assert_int_equal(message_count(h, t, "held"), N_HELD - 1000);
    reply = api_want(h, 200, t->partner, "GET", path_of(h, &s, "/delivery"), NULL);
    assert_int_equal(reply_int(&reply, "held"), N_HELD - 1000);
    (void)harness_start_worker(h);
    (void)harness_start_worker(h);
    wait_until_all_are_sent(h, N_HELD);
}

static void test_R_22_the_receiver_gets_one_first_then_more_and_more(void **state)
{
    enum { DELAY_US = 300000 };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, 200);
    int64_t at_us[24];

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 300}}");
    post(h, t, &s, "/resume");
    (void)harness_start_worker(h);
    (void)harness_start_worker(h);
    wait_until_all_are_sent(h, 200);
    for (unsigned i = 0; i < HK_COUNTOF(at_us); i++) {
        struct reply request = sinker_request(h, "/hook", i);

        at_us[i] = reply_int(&request, "received_at_us");
    }
    assert_true(at_us[1] - at_us[0] > DELAY_US * 9 / 10);
    assert_true(at_us[12] - at_us[1] > DELAY_US * 9 / 10); /* the window is 9 by then */
}

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

static void test_what_was_held_of_an_ordered_one_goes_before_what_is_new(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, 1200);

    change(h, t, &s, "{\"ordered\": true}");
    post(h, t, &s, "/resume");
    assert_int_equal(message_count(h, t, "held"), 200);
    publish_many(h, t, 50);
    (void)harness_start_worker(h);
    (void)harness_start_worker(h);
    wait_until_all_are_sent(h, 1250);
    check_order(h, 1250);
}

static bool nothing_is_in_flight(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue WHERE leased OR due_at < 'infinity'") == 0;
}

static void test_what_is_held_again_on_the_way_stays_held(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, 3000);

    change(h, t, &s, "{\"max_in_flight\": 2}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 5}}");
    post(h, t, &s, "/resume");
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 20, 20000);
    post(h, t, &s, "/hold");
    assert_true(wait_until(nothing_is_in_flight, h, 20000));
    assert_true(message_count(h, t, "held") > 1000);
    assert_int_equal(message_count(h, t, "held") + message_count(h, t, "succeeded"), 3000);
    change(h, t, &s, "{\"max_in_flight\": null}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200}}");
    post(h, t, &s, "/resume");
    wait_until_all_are_sent(h, 3000);
}

static bool nothing_is_to_be_released(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue_change") == 0;
}

static void test_nothing_is_released_of_what_is_archived_on_the_way(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, 1500);

    post(h, t, &s, "/resume");
    (void)api_want(h, 204, t->partner, "DELETE", path_of(h, &s, ""), NULL);
    assert_int_equal(message_count(h, t, "cancelled"), 1500);
    (void)harness_start_worker(h);
    assert_true(wait_until(nothing_is_to_be_released, h, 20000));
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_a_killed_worker_leaves_nothing_held(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_held(h, t, 3000);

    post(h, t, &s, "/resume");
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 100, 20000);
    harness_kill_worker(h, 0);
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 3000, 60000);
    assert_true(wait_until(queue_is_empty, h, 30000));
    assert_int_equal(message_count(h, t, "succeeded"), 3000);
}

static void test_a_tenants_subscriptions_are_released_in_steps_as_well(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/v1/tenants/%s", t->id);

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 1300);
    (void)api_want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"suspended\"}");
    make_steps(h);
    assert_int_equal(db_int(h, "SELECT count(*) FROM message WHERE status = 'held'"), 1300);
    (void)api_want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"active\"}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM message WHERE status = 'held'"), 300);
    (void)harness_start_worker(h);
    wait_until_all_are_sent(h, 1300);
}

#define resume_test(fn)                                                                            \
    harness_test(fn, .has_no_worker = true,                                                        \
                 .env = (const char *const[]){"HOOKLINE_WORKER_LEASE_MS=4000", NULL})

int main(void)
{
    const struct CMUnitTest tests[] = {
        resume_test(test_R_22_all_that_was_held_is_sent_in_steps),
        resume_test(test_R_22_the_receiver_gets_one_first_then_more_and_more),
        resume_test(test_what_was_held_of_an_ordered_one_goes_before_what_is_new),
        resume_test(test_what_is_held_again_on_the_way_stays_held),
        resume_test(test_nothing_is_released_of_what_is_archived_on_the_way),
        resume_test(test_a_killed_worker_leaves_nothing_held),
        resume_test(test_a_tenants_subscriptions_are_released_in_steps_as_well),
    };

    return cmocka_run_group_tests_name("paced_resume", tests, NULL, NULL);
}
