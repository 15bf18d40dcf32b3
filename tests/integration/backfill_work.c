/* SPDX-License-Identifier: Apache-2.0 */
/* Backfills at work: bounded, resumable, cancelled, refused. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000",
                                    "HOOKLINE_WORKER_LEASE_MS=2000", NULL};

struct world {
    struct harness *h;
    struct tenant *t;
    const char *app_id;
    struct subscription hook;
    const char *path; /* of the subscription */
};

/* Company "c1" with `n` events "order.paid" of the past, connected now; a subscription. */
static struct world given_past(struct harness *h, unsigned n)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    if (n > 0)
        publish_many(h, w.t, n);
    w.app_id = given_app(h, w.t, "acme");
    w.hook = given_subscription(h, w.t, w.app_id, "/hook", "order.paid");
    (void)given_connection(h, w.t, w.app_id, "c1");
    w.path = at(h, "/v1/subscriptions/%s", w.hook.id);
    return w;
}

/* The path of a new backfill of all. */
static const char *start(const struct world *w)
{
    struct reply reply =
        api_want(w->h, 201, w->t->admin, "POST", at(w->h, "%s/backfill", w->path), "{\"days\": 1}");

    return at(w->h, "/v1/backfills/%s", reply_text(&reply, "id"));
}

static struct reply get(const struct world *w, const char *path)
{
    return api_want(w->h, 200, w->t->admin, "GET", path, NULL);
}

static void wait_for(const struct world *w, const char *path, const char *state)
{
    api_wait_for(w->h, w->t->admin, path, "state", state, SOON_MS);
}

/* For wait_until(): some messages are made, not all. */
static bool is_under_way(void *arg)
{
    int64_t n = db_int(arg, "SELECT count(*) FROM hookline.message");

    return n > 0 && n < 700;
}

/* The subscription is held: the worker has given back what it had claimed. */
static bool has_100_held(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.message WHERE status = 'held'") >= 100;
}

static void test_a_worker_that_is_killed_leaves_the_rest_to_another(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 700);
    const char *path = start(&w);
    struct reply reply;

    assert_true(wait_until(is_under_way, h, SOON_MS));
    harness_kill_worker(h, 0);
    (void)harness_start_worker(h);
    wait_for(&w, path, "finished");
    reply = get(&w, path);
    assert_int_equal(reply_int(&reply, "events_found"), 700);
    assert_int_equal(reply_int(&reply, "messages"), 700);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 700);
    sinker_wait(h, "/hook", 700, SOON_MS);
    reply = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&reply, "distinct_ids"), 700);
    assert_int_equal(reply_int(&reply, "signature_invalid"), 0);
}

static void test_workers_share_backfills_and_make_each_message_once(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 300);
    const char *paths[3];
    int64_t n_made = 0;

    for (size_t i = 0; i < HK_COUNTOF(paths); i++)
        paths[i] = start(&w);
    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply reply;

        wait_for(&w, paths[i], "finished");
        reply = get(&w, paths[i]);
        n_made += reply_int(&reply, "messages");
    }
    assert_int_equal(n_made, 300);
    sinker_wait(h, "/hook", 300, SOON_MS);
    assert_int_equal(sinker_count(h, "/hook"), 300);
}

/* The receiver answers 500: what is made waits, and no more than a hundred is made. */
static void test_no_more_than_a_hundred_wait_and_what_is_live_goes_by(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 0);
    struct subscription live;
    const char *path;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/hold", w.path), NULL);
    publish_many(h, w.t, 130); /* waiting, when the backfill comes */
    (void)api_want(h, 201, w.t->admin, "POST", "/v1/event_types", "{\"name\": \"order.sent\"}");
    for (unsigned i = 0; i < 3; i++)
        (void)publish(h, w.t, "order.sent", "c1", "{}");
    (void)api_want(h, 200, w.t->admin, "PATCH", w.path, "{\"event_types\": [\"order.*\"]}");
    path = start(&w);
    live = given_subscription(h, w.t, w.app_id, "/live", "order.sent");
    (void)publish(h, w.t, "order.sent", "c1", "{}");
    sinker_wait(h, "/live", 1, SOON_MS);
    assert_non_null(live.id);
    reply = get(&w, path);
    assert_int_equal(reply_int(&reply, "messages"), 0);

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/resume", w.path), NULL);
    wait_for(&w, path, "finished");
    reply = get(&w, path);
    assert_int_equal(reply_int(&reply, "messages"), 3);
    sinker_wait(h, "/hook", 134, SOON_MS);
}

static void test_a_hundred_are_made_for_a_receiver_that_is_down(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 250);
    const char *path;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/hold", w.path), NULL);
    path = start(&w);
    assert_true(wait_until(has_100_held, h, SOON_MS));
    reply = get(&w, path);
    assert_string_equal(reply_text(&reply, "state"), "sending");
    assert_int_equal(reply_int(&reply, "events_found"), 250);
    assert_int_equal(reply_int(&reply, "messages"), 100);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 100);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/resume", w.path), NULL);
    wait_for(&w, path, "finished");
    sinker_wait(h, "/hook", 250, SOON_MS);
}

static void test_a_paused_subscription_s_backfill_waits_and_an_archived_one_s_ends(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 5);
    struct reply reply;
    const char *path;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/pause", w.path), NULL);
    path = start(&w);
    (void)publish(h, w.t, "order.paid", "c1", "{}"); /* skipped: subscription_paused */
    reply = get(&w, path);
    assert_int_equal(reply_int(&reply, "messages"), 0);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/resume", w.path), NULL);
    wait_for(&w, path, "finished");
    sinker_wait(h, "/hook", 5, SOON_MS);

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/pause", w.path), NULL);
    path = start(&w);
    (void)api_want(h, 204, w.t->admin, "DELETE", w.path, NULL);
    wait_for(&w, path, "cancelled");
    reply = get(&w, path);
    assert_string_equal(reply_text(&reply, "state_reason"), "subscription_archived");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action = 'backfill.cancelled' AND actor LIKE 'worker %%'"),
                     1);
}

static void test_a_backfill_is_cancelled_with_what_waits(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 250);
    struct reply reply;
    const char *path;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/hold", w.path), NULL);
    (void)publish(h, w.t, "order.paid", "c1", "{}"); /* live: it stays */
    path = start(&w);
    assert_true(wait_until(has_100_held, h, SOON_MS));
    reply = api_want(h, 200, w.t->admin, "POST", at(h, "%s/cancel", path), "{\"messages\": true}");
    assert_string_equal(reply_text(&reply, "state"), "cancelled");
    assert_string_equal(reply_text(&reply, "state_reason"), "cancelled_on_request");
    assert_int_equal(reply_int(&reply, "cancelled_messages"), 99);
    reply = api_want(h, 200, w.t->admin, "GET", "/v1/messages?status=cancelled", NULL);
    assert_string_equal(reply_text(&reply, "data.0.status_reason"), "backfill_cancelled");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/resume", w.path), NULL);
    sinker_wait(h, "/hook", 1, SOON_MS);
    assert_int_equal(sinker_count(h, "/hook"), 1);
    /* Once more changes nothing. */
    reply = api_want(h, 200, w.t->admin, "POST", at(h, "%s/cancel", path), NULL);
    assert_int_equal(reply_int(&reply, "cancelled_messages"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action = 'backfill.cancelled'"),
                     1);
}

static void test_disconnecting_with_cancel_leaves_nothing_of_a_backfill(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 250);
    struct reply reply;
    const char *path;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/hold", w.path), NULL);
    path = start(&w);
    assert_true(wait_until(has_100_held, h, SOON_MS));
    reply = get(&w, "/v1/connections");
    (void)api_want(h, 204, w.t->admin, "DELETE",
                   at(h, "/v1/connections/%s?queued=cancel", reply_text(&reply, "data.0.id")),
                   NULL);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
    wait_for(&w, path, "finished");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status <> 'cancelled'"),
                     0);
}

static void test_what_cannot_be_backfilled_is_refused(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{}", "/days"},
        {"{\"days\": 0}", "/days"},
        {"{\"days\": 31}", "/days"},
        {"{\"days\": 1.5}", "/days"},
        {"{\"days\": 1, \"max_events\": 0}", "/max_events"},
        {"{\"days\": 1, \"max_events\": 10001}", "/max_events"},
        {"{\"days\": 1, \"event_types\": []}", "/event_types"},
        {"{\"days\": 1, \"event_types\": [\"order.paid\", \"order.lost\"]}", "/event_types/1"},
        {"{\"days\": 1, \"companies\": [\"c1\", \"c9\"]}", "/companies/1"},
        {"{\"days\": 1, \"companies\": [\"c2\"]}", "/companies/0"}, /* there, not connected */
        {"{\"days\": 1, \"since\": \"2026-01-01T00:00:00Z\"}", "/since"},
    };
    struct harness *h = *state;
    struct world w = given_past(h, 0);

    (void)given_company(h, w.t, "c2");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, w.t->admin, at(h, "POST %s/backfill", w.path), hk_str(cases[i].body), 422,
                       "invalid_body", cases[i].pointer);
    expect_refused(h, w.t->admin, at(h, "PATCH %s", w.path),
                   HK_STR("{\"event_types\": [\"*\"], \"backfill\": {\"days\": 31}}"), 422,
                   "invalid_body", "/backfill/days");
    expect_refused(h, w.t->admin, at(h, "POST /v1/apps/%s/connections", w.app_id),
                   HK_STR("{\"companies\": [{\"company\": \"c2\"}], \"backfill\": {}}"), 422,
                   "invalid_body", "/backfill/days");
    expect_refused(h, w.t->support, at(h, "POST %s/backfill", w.path), HK_STR("{\"days\": 1}"), 403,
                   "forbidden", NULL);
    (void)api_want(h, 204, w.t->admin, "DELETE", w.path, NULL);
    expect_refused(h, w.t->admin, at(h, "POST %s/backfill", w.path), HK_STR("{\"days\": 1}"), 409,
                   "conflict", NULL);
}

static void test_a_subscription_has_twenty_backfills_under_way_at_most(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 1);

    (void)given_company(h, w.t, "c2");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/pause", w.path), NULL);
    for (unsigned i = 0; i < 20; i++)
        (void)start(&w);
    (void)api_want(h, 409, w.t->admin, "POST", at(h, "%s/backfill", w.path), "{\"days\": 1}");
    (void)api_want(h, 409, w.t->admin, "POST", at(h, "/v1/apps/%s/connections", w.app_id),
                   "{\"companies\": [{\"company\": \"c2\"}], \"backfill\": {\"days\": 1}}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.connection"), 1);
    (void)api_want(h, 409, w.t->admin, "PATCH", w.path,
                   "{\"event_types\": [\"*\"], \"backfill\": {\"days\": 1}}");
}

static void test_another_partner_s_backfill_is_not_there(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 1);
    const char *other = given_key(h, w.t, "partner", "other"), *path = start(&w);
    struct reply reply;

    (void)api_want(h, 404, other, "GET", path, NULL);
    (void)api_want(h, 404, other, "POST", at(h, "%s/cancel", path), NULL);
    (void)api_want(h, 404, other, "POST", at(h, "%s/backfill", w.path), "{\"days\": 1}");
    reply = api_want(h, 200, other, "GET", "/v1/backfills", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = api_want(h, 200, w.t->partner, "GET", "/v1/backfills", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    wait_for(&w, path, "finished");
}

static void test_lists_of_backfills_go_by_state_and_page(void **state)
{
    struct harness *h = *state;
    struct world w = given_past(h, 1);
    const char *first = start(&w);
    struct reply reply;

    wait_for(&w, first, "finished");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/pause", w.path), NULL);
    (void)start(&w);
    reply = get(&w, "/v1/backfills?state=finished");
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = get(&w, "/v1/backfills?limit=1");
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.state"), "counting");
    reply = get(&w, at(h, "/v1/backfills?limit=1&cursor=%s", reply_text(&reply, "next_cursor")));
    assert_string_equal(reply_text(&reply, "data.0.state"), "finished");
    assert_true(reply_is_null(&reply, "next_cursor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_worker_that_is_killed_leaves_the_rest_to_another, .env = quick),
        harness_test(test_workers_share_backfills_and_make_each_message_once, .n_workers = 2,
                     .env = quick),
        harness_test(test_no_more_than_a_hundred_wait_and_what_is_live_goes_by, .env = quick),
        harness_test(test_a_hundred_are_made_for_a_receiver_that_is_down, .env = quick),
        harness_test(test_a_paused_subscription_s_backfill_waits_and_an_archived_one_s_ends,
                     .env = quick),
        harness_test(test_a_backfill_is_cancelled_with_what_waits, .env = quick),
        harness_test(test_disconnecting_with_cancel_leaves_nothing_of_a_backfill, .env = quick),
        harness_test(test_what_cannot_be_backfilled_is_refused, .env = quick),
        harness_test(test_a_subscription_has_twenty_backfills_under_way_at_most, .env = quick),
        harness_test(test_another_partner_s_backfill_is_not_there, .env = quick),
        harness_test(test_lists_of_backfills_go_by_state_and_page, .env = quick),
    };

    return cmocka_run_group_tests_name("backfill_work", tests, NULL, NULL);
}
