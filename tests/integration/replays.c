/* SPDX-License-Identifier: Apache-2.0 */
/* Replays: planned, run at a rate, paused, killed, resumed, cancelled; all is accounted for. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/replay.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* The sum of "messages" of a list of the plan. */
static int64_t sum_of(const struct reply *reply, struct harness *h, const char *list)
{
    int64_t sum = 0;

    for (size_t i = 0; i < reply_count(reply, list); i++)
        sum += reply_int(reply, at(h, "%s.%zu.messages", list, i));
    return sum;
}

static void test_a_replay_is_planned_paused_killed_resumed_and_cancelled_and_all_is_accounted_for(
    void **state)
{
    enum { N = 3000 };
    struct harness *h = *state;
    struct replay_world w = given_failed(h, N);
    const char *path = replay_recover(&w, ", \"rate_per_second\": 200");
    int64_t n_paused;
    struct reply reply;

    replay_wait(&w, path, "planned");
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), N);
    assert_int_equal(sum_of(&reply, h, "plan.by_app"), N);
    assert_int_equal(sum_of(&reply, h, "plan.by_hour"), N);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), N);

    (void)replay_do(&w, path, "run", NULL);
    replay_wait_for(&w, path, 200);
    harness_kill_worker(h, 0);
    replay_check(&w, path);
    (void)harness_start_worker(h);
    replay_wait_for(&w, path, 400);

    reply = replay_do(&w, path, "pause", NULL);
    assert_string_equal(reply_text(&reply, "state"), "paused");
    n_paused = reply_int(&reply, "replayed");
    replay_check(&w, path);
    harness_kill_worker(h, 1);
    (void)harness_start_worker(h);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "replayed"), n_paused);

    reply = replay_do(&w, path, "resume", "{\"rate_per_second\": 1000}");
    assert_int_equal(reply_int(&reply, "rate_per_second"), 1000);
    replay_wait_for(&w, path, n_paused + 500);
    (void)replay_do(&w, path, "cancel", "{\"messages\": true}");
    replay_wait(&w, path, "cancelled");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_true(reply_int(&reply, "replayed") < N);
    /* What a worker had in hand then, it cancels later, unless that was sent. */
    assert_in_range(reply_int(&reply, "cancelled_messages"), 0,
                    db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'cancelled'"
                              " AND status_reason = 'replay_cancelled'"));
}

static void test_two_workers_of_which_one_is_killed_replay_each_once(void **state)
{
    enum { N = 600 };
    struct harness *h = *state;
    struct replay_world w = given_failed(h, N);
    const char *path;
    struct reply reply;

    path = replay_recover(&w, ", \"rate_per_second\": 300, \"run\": true");
    replay_wait_for(&w, path, 100);
    harness_kill_worker(h, 0);
    replay_wait(&w, path, "finished");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "replayed"), N);
    api_wait_for(h, w.t->support, path, "outcomes.succeeded", at(h, "%d", N), REPLAY_SOON_MS);
    reply = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&reply, "distinct_ids"), N); /* repetitions, all of them */
    assert_int_equal(reply_int(&reply, "signature_invalid"), 0);
}

static void test_no_more_are_replayed_than_the_rate_allows(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 200);
    const char *path = replay_recover(&w, ", \"rate_per_second\": 40, \"run\": true");

    replay_wait(&w, path, "finished");
    replay_check(&w, path);
    /* 200 at 40 a second are 5 s, of which one may be made up for. */
    assert_true(db_int(h, "SELECT 1000 * extract(epoch FROM finished_at - started_at)::float8"
                          "  FROM hookline.replay") >= 3900);
}

static void test_what_has_succeeded_since_or_waits_is_skipped(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 20);
    const char *path = replay_recover(&w, ", \"run\": true"), *one;
    struct reply reply;

    replay_wait(&w, path, "finished");
    api_wait_for(h, w.t->support, path, "outcomes.succeeded", "20", REPLAY_SOON_MS);
    make_fail(&w, 1);
    one = db_text(h, "SELECT id FROM hookline.message ORDER BY event_id DESC LIMIT 1");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.hook.id), NULL);
    (void)api_want(h, 202, w.t->support, "POST", at(h, "/v1/messages/%s/resend", one), NULL);

    path = replay_recover(&w, ", \"run\": true");
    replay_wait(&w, path, "finished");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), 21);
    assert_int_equal(reply_int(&reply, "replayed"), 0);
    assert_int_equal(reply_int(&reply, "skipped_by_reason.has_succeeded"), 20);
    assert_int_equal(reply_int(&reply, "skipped_by_reason.message_waiting"), 1);
    reply = replay_get(&w, at(h, "%s/messages?outcome=skipped&limit=1", path));
    assert_string_equal(reply_text(&reply, "data.0.reason"), "has_succeeded");
    assert_string_equal(reply_text(&reply, "data.0.was"), "failed");
}

/* What was sent again has one webhook-id with its first; with today's values another one. */
static void test_a_query_that_means_what_has_succeeded_sends_it_once_more(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 2);
    struct reply reply, stats;
    const char *path;

    path = replay_recover(&w, ", \"run\": true");
    replay_wait(&w, path, "finished");
    api_wait_for(h, w.t->support, path, "outcomes.succeeded", "2", REPLAY_SOON_MS);
    /* Of each pair the failed one and the one that has succeeded. */
    path = replay_ask(&w, "{\"q\": \"company:c1\", \"values\": \"current\", \"run\": true}");
    replay_wait(&w, path, "finished");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), 2);
    assert_int_equal(reply_int(&reply, "replayed"), 2);
    assert_string_equal(reply_text(&reply, "webhook_id"), "new");
    api_wait_for(h, w.t->support, path, "outcomes.succeeded", "2", REPLAY_SOON_MS);
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), 4);
}

static void test_what_can_not_be_sent_any_more_is_skipped_with_its_reason(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 3);
    const char *path = replay_recover(&w, ""), *second;
    struct reply reply = api_want(h, 200, w.t->admin, "GET", "/v1/connections", NULL);

    replay_wait(&w, path, "planned");
    second = replay_recover(&w, "");
    replay_wait(&w, second, "planned");
    (void)api_want(h, 204, w.t->admin, "DELETE",
                   at(h, "/v1/connections/%s", reply_text(&reply, "data.0.id")), NULL);
    (void)replay_do(&w, path, "run", NULL);
    replay_wait(&w, path, "finished");
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "skipped_by_reason.connection_disconnected"), 3);

    (void)api_want(h, 204, w.t->admin, "DELETE", at(h, "/v1/subscriptions/%s", w.hook.id), NULL);
    (void)replay_do(&w, second, "run", NULL);
    replay_wait(&w, second, "finished");
    reply = replay_get(&w, second);
    assert_int_equal(reply_int(&reply, "skipped_by_reason.subscription_archived"), 3);
    replay_check(&w, second);
    assert_int_equal(sinker_count(h, "/hook"), 6);
}

static bool is_waiting(void *h)
{
    return db_int(h, "SELECT n_pauses FROM hookline.replay") > 0;
}

static void test_a_paused_subscription_s_replay_waits_for_it(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 3);
    const char *path;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/pause", w.hook.id),
                   NULL);
    path = replay_recover(&w, ", \"run\": true");
    assert_true(wait_until(is_waiting, h, REPLAY_SOON_MS));
    reply = replay_get(&w, path);
    assert_true(reply_bool(&reply, "is_waiting"));
    assert_int_equal(reply_int(&reply, "remaining"), 3);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/resume", w.hook.id),
                   NULL);
    replay_wait(&w, path, "finished");
    api_wait_for(h, w.t->support, path, "outcomes.succeeded", "3", REPLAY_SOON_MS);
}

static void test_what_a_subscription_missed_becomes_messages(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 1);
    const char *path, *missed = at(h,
                                   "{\"missed\": {\"subscription_id\": \"%s\", \"since\": "
                                   "\"2020-01-01T00:00:00Z\"}, \"run\": true}",
                                   w.hook.id);
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/pause", w.hook.id),
                   NULL);
    for (unsigned i = 0; i < 5; i++)
        (void)publish(h, w.t, "order.paid", "c1", i == 4 ? "{\"n\": 0}" : "{\"n\": 1}");
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/resume", w.hook.id),
                   NULL);
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"filter\": \"$.n == 1\"}");
    path = replay_ask(&w, "%s", missed);
    replay_wait(&w, path, "finished");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), 5);
    assert_int_equal(reply_int(&reply, "replayed"), 4);
    assert_int_equal(reply_int(&reply, "skipped_by_reason.filter_false"), 1);
    sinker_wait(h, "/hook", 6, REPLAY_SOON_MS);
    reply = sinker_request(h, "/hook", 5);
    assert_string_equal(reply_text(&reply, "headers.webhook-origin"), "backfill");
    path = replay_ask(&w, "%s", missed);
    replay_wait(&w, path, "finished");
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(
            test_a_replay_is_planned_paused_killed_resumed_and_cancelled_and_all_is_accounted_for,
            .env = replay_env),
        harness_test(test_two_workers_of_which_one_is_killed_replay_each_once, .n_workers = 2,
                     .env = replay_env),
        harness_test(test_no_more_are_replayed_than_the_rate_allows, .env = replay_env),
        harness_test(test_what_has_succeeded_since_or_waits_is_skipped, .env = replay_env),
        harness_test(test_a_query_that_means_what_has_succeeded_sends_it_once_more,
                     .env = replay_env),
        harness_test(test_what_can_not_be_sent_any_more_is_skipped_with_its_reason,
                     .env = replay_env),
        harness_test(test_a_paused_subscription_s_replay_waits_for_it, .env = replay_env),
        harness_test(test_what_a_subscription_missed_becomes_messages, .env = replay_env),
    };

    return cmocka_run_group_tests_name("replays", tests, NULL, NULL);
}
