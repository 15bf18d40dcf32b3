/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claimed messages whose load fails: one that cannot be read, or takes too long, keeps no other
 * from being sent, and nobody claims it again and again.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

enum { N = 4 };

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription bad, good;
};

static bool are_all_held(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'held'") == 2L * N;
}

/* Two subscriptions to one event type; both held, with N messages each. */
static struct world given_held(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};
    const char *app_id;

    w.good = given_story(h, w.t, "/good");
    app_id = db_text(h, "SELECT app_id FROM hookline.subscription WHERE id = '%s'", w.good.id);
    w.bad = given_subscription(h, w.t, app_id, "/bad", "order.paid");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.bad.id), NULL);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.good.id), NULL);
    publish_many(h, w.t, N);
    assert_true(wait_until(are_all_held, h, SOON_MS));
    return w;
}

/* All become due at once, so that one claim takes them. */
static void release_all(struct world *w)
{
    (void)db_text(w->h, "WITH s AS (UPDATE hookline.subscription SET state = 'active',"
                        "             state_reason = NULL),"
                        "     m AS (UPDATE hookline.message SET status = 'pending',"
                        "             status_reason = NULL)"
                        " UPDATE hookline.queue SET due_at = now()");
}

static void test_a_message_that_cannot_be_read_fails_in_words_and_its_neighbours_are_sent(
    void **state)
{
    struct harness *h = *state;
    struct world w = given_held(h);
    const char *id;
    struct reply reply;

    (void)db_text(h,
                  "UPDATE hookline.subscription SET overrides = '{\"timeout_ms\": \"soon\"}'"
                  " WHERE id = '%s'",
                  w.bad.id);
    release_all(&w);
    sinker_wait(h, "/good", N, SOON_MS);
    id = db_text(h, "SELECT id FROM hookline.message WHERE subscription_id = '%s' LIMIT 1",
                 w.bad.id);
    message_wait_attempts(h, w.t, at(h, "/v1/messages/%s", id), 1);
    reply = message_attempt(h, w.t, at(h, "/v1/messages/%s", id), 1);
    assert_string_equal(reply_text(&reply, "outcome"), "request_invalid");
    assert_non_null(strstr(reply_text(&reply, "error"), "cannot be read"));
    assert_int_equal(sinker_count(h, "/bad"), 0);

    /* It is tried again for as long as a schedule takes, and heals with what was wrong. */
    (void)db_text(h, "UPDATE hookline.subscription SET overrides = NULL");
    sinker_wait(h, "/bad", N, SOON_MS);
    message_wait(h, w.t, at(h, "/v1/messages/%s", id), "succeeded");
}

static void test_what_can_never_be_read_fails_at_last(void **state)
{
    struct harness *h = *state;
    struct world w = given_held(h);
    const char *id;
    struct reply reply;

    (void)db_text(h,
                  "UPDATE hookline.subscription SET overrides = '{\"timeout_ms\": \"soon\"}'"
                  " WHERE id = '%s'",
                  w.bad.id);
    release_all(&w);
    id = db_text(h, "SELECT id FROM hookline.message WHERE subscription_id = '%s' LIMIT 1",
                 w.bad.id);
    message_wait(h, w.t, at(h, "/v1/messages/%s", id), "failed");
    reply = message_get(h, w.t, at(h, "/v1/messages/%s", id));
    assert_string_equal(reply_text(&reply, "status_reason"), "schedule_exhausted");
}

/* From now on the load of the subscription's messages waits for db_lock(h, "gate"). */
static void build_gate(struct world *w)
{
    struct harness *h = w->h;

    (void)db_text(h, "CREATE TABLE hookline.gate ()");
    (void)db_text(h, "GRANT SELECT ON hookline.gate TO PUBLIC");
    (void)db_text(h,
                  "CREATE OR REPLACE FUNCTION hookline.responses_text(given json) RETURNS text"
                  " LANGUAGE plpgsql AS $$ BEGIN PERFORM FROM hookline.gate; RETURN NULL; END $$");
    (void)api_want(h, 200, w->t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w->bad.id),
                   "{\"overrides\": {\"timeout_ms\": 5000}}");
}

/* As the statement timeout does, again and again: whether the good ones have come through. */
static bool have_good_ones_come(void *h)
{
    (void)db_int(h, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                    " WHERE application_name = 'hookline-worker claim'"
                    "   AND datname = current_database() AND wait_event_type = 'Lock'");
    return sinker_count(h, "/good") == N;
}

/* The bad ones are given back, to be claimed again after a while only. */
static bool do_bad_ones_wait(void *h)
{
    (void)have_good_ones_come(h);
    return db_int(h, "SELECT count(*) FROM hookline.queue WHERE NOT leased"
                     "   AND due_at BETWEEN now() + interval '15 seconds'"
                     "                  AND now() + interval '30 seconds'") == N;
}

static void test_what_takes_too_long_to_read_waits_and_its_neighbours_are_sent(void **state)
{
    struct harness *h = *state;
    struct world w = given_held(h);
    struct pg_conn *gate;

    build_gate(&w);
    gate = db_lock(h, "gate");
    release_all(&w);
    assert_true(wait_until(have_good_ones_come, h, SOON_MS));
    assert_true(wait_until(do_bad_ones_wait, h, SOON_MS));
    assert_int_equal(sinker_count(h, "/bad"), 0);
    db_unlock(gate);
    (void)db_text(h, "UPDATE hookline.queue SET due_at = now()");
    sinker_wait(h, "/bad", N, SOON_MS);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), 2L * N);
}

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};
static const char *const instant[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_message_that_cannot_be_read_fails_in_words_and_its_neighbours_are_sent,
                     .env = quick),
        harness_test(test_what_can_never_be_read_fails_at_last, .env = instant),
        harness_test(test_what_takes_too_long_to_read_waits_and_its_neighbours_are_sent),
    };

    return cmocka_run_group_tests_name("load_failures", tests, NULL, NULL);
}
