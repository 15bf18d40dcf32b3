/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a claim promises of messages that it cannot see from where the last one ended, of those that
 * find no slot, and of a receiver that is new to a worker.
 */
#include <string.h>

#include "tests/support/message.h"

#define N_PATHS   2
#define GOOD      "{\"status\": 200},"
#define FIVE_GOOD GOOD GOOD GOOD GOOD GOOD
#define TEN_GOOD  FIVE_GOOD FIVE_GOOD

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

static void check_one_attempt_each(struct harness *h, unsigned n)
{
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'succeeded'"),
                     n);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE attempts <> 1"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), n);
}

/* ---- what is due before where the last claim ended ---- */

/* A message that failed once and waits for its second attempt. */
static const char *given_one_that_waits(struct harness *h, struct tenant *t)
{
    const char *path;

    sinker_rule(h, "/late", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 200}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, path, 1);
    return path;
}

/* As if the transaction that made it due had been open for so long; nobody is notified. */
static void make_due_in_the_past(struct harness *h)
{
    assert_int_equal(
        db_int(h, "WITH made AS (UPDATE hookline.queue SET due_at = now() - interval '1 minute'"
                  "               WHERE attempts = 1 RETURNING 1) SELECT count(*) FROM made"),
        1);
}

static void test_what_becomes_due_before_where_the_last_claim_ended_is_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/late");
    (void)given_one_that_waits(h, t);
    make_due_in_the_past(h);
    sinker_wait(h, "/late", 2, 20000);
    assert_true(wait_until(queue_is_empty, h, 10000));
}

struct flow {
    struct harness *h;
    struct tenant *t;
    unsigned n;
};

/* Whether it has come, with one more event of others for each look. */
static bool has_come(void *arg)
{
    struct flow *flow = arg;

    (void)publish(flow->h, flow->t, "order.sent", "c1", "{}");
    flow->n++;
    return sinker_count(flow->h, "/late") == 2;
}

static void test_it_is_sent_while_others_keep_the_worker_claiming(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct flow flow = {.h = h, .t = t};
    const char *app;

    (void)given_story(h, t, "/late");
    (void)given_one_that_waits(h, t);
    given_event_type(h, t, "order.sent");
    app = given_app(h, t, "acme");
    (void)given_connection(h, t, app, "c1");
    (void)given_subscription(h, t, app, "/others", "order.sent");
    (void)has_come(&flow);
    sinker_wait(h, "/others", 1, 20000);
    make_due_in_the_past(h);
    assert_true(wait_until(has_come, &flow, 20000));
    sinker_wait(h, "/others", flow.n, 20000);
}

/* ---- what finds no slot ---- */

/* They answer 41 times at once, so that the worker claims ahead of its slots, and then no more. */
static void slow_down(struct harness *h)
{
    for (unsigned i = 0; i < N_PATHS; i++)
        sinker_rule(h, http_text(h->http, "/hook/%u", i),
                    "{\"replies\": [" TEN_GOOD TEN_GOOD TEN_GOOD TEN_GOOD
                    "{\"status\": 200}], \"then\": {\"status\": 200, \"delay_ms\": 400}}");
}

static bool has_given_back(struct harness *h)
{
    return strstr(harness_logs(h), "no slot came free") != NULL;
}

/* One tenant, or host, never has all slots: two of each. */
static struct tenant *given_receiver(struct harness *h, unsigned i, const char *host)
{
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/hook/%u", i);
    struct subscription s = given_story(h, t, path);
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"url\": \"http://%s:%s\"}", host, strrchr(sinker_url(h, path), ':') + 1);

    assert_status(reply, 200);
    return t;
}

static void test_what_finds_no_slot_is_given_back_uncounted_and_sent_later(void **state)
{
    struct harness *h = *state;
    struct tenant *tenants[N_PATHS] = {given_receiver(h, 0, "127.0.0.1"),
                                       given_receiver(h, 1, "localhost")};
    unsigned n = 0;

    while (!has_given_back(h)) {
        assert_true(n < 8 * 60); /* how far it gets ahead is a matter of time */
        slow_down(h);
        for (unsigned i = 0; i < N_PATHS; i++)
            publish_many(h, tenants[i], 60);
        n += 60;
        assert_true(wait_until(queue_is_empty, h, 60000));
    }
    check_one_attempt_each(h, n * N_PATHS);
    for (unsigned i = 0; i < N_PATHS; i++)
        assert_int_equal(sinker_count(h, http_text(h->http, "/hook/%u", i)), n);
}

/* ---- a receiver that is new to a worker ---- */

/* One hundred at once, of which 16 may be sent at first, 32 then, and so on: in 120 ms at best. */
static bool needs_a_lane(struct harness *h, unsigned nth)
{
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/new/%u", nth);

    (void)given_story(h, t, path);
    sinker_rule(h, path, "{\"then\": {\"status\": 200, \"delay_ms\": 60}}");
    publish_many(h, t, 100);
    sinker_wait(h, path, 100, 60000);
    return db_int(h, "SELECT count(*) FROM hookline.lane WHERE tenant_id = '%s'", t->id) > 0;
}

static void test_a_new_receiver_that_answers_well_needs_no_lane_for_a_burst(void **state)
{
    struct harness *h = *state;
    unsigned nth = 0;

    while (needs_a_lane(h, nth))
        assert_true(++nth < 8); /* a crowded machine is no receiver that answers well */
}

int main(void)
{
    static const char *const few_slots[] = {"HOOKLINE_WORKER_MAX_IN_FLIGHT=8",
                                            "HOOKLINE_LOG_LEVEL=debug", NULL};
    static const char *const many_slots[] = {"HOOKLINE_WORKER_MAX_IN_FLIGHT=512", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_what_becomes_due_before_where_the_last_claim_ended_is_sent),
        harness_test(test_it_is_sent_while_others_keep_the_worker_claiming),
        harness_test(test_what_finds_no_slot_is_given_back_uncounted_and_sent_later,
                     .env = few_slots),
        harness_test(test_a_new_receiver_that_answers_well_needs_no_lane_for_a_burst,
                     .env = many_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
