/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription misses while it is stopped: counted, offered with its revival, replayed. */
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/target.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* The last events are looked at after 10 ms, not after 10 s. */
static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

/* A subscription that a 410 has disabled with its first event; its path. */
static const char *given_disabled(struct harness *h, struct tenant *t)
{
    const char *path;

    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 410}]}");
    path = target_subscribe(h, t, given_target(h, t), "/hook", "");
    (void)publish(h, t, "order.paid", "c1", "{}");
    api_wait_for(h, t->admin, path, "state", "disabled", 10000);
    return path;
}

static struct reply get_missed(struct harness *h, const struct tenant *t, const char *path,
                               const char *query)
{
    return api_want(h, 200, t->partner, "GET", at(h, "%s/missed%s", path, query), NULL);
}

static struct reply revive(struct harness *h, const struct tenant *t, const char *path,
                           const char *body)
{
    return api_want(h, 200, t->partner, "POST", at(h, "%s/revive", path), body);
}

static void test_R_09_what_was_missed_is_counted_and_offered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = given_disabled(h, t);
    struct reply reply = get_missed(h, t, path, ""), subscription;

    assert_int_equal(reply_int(&reply, "events"), 0);
    subscription = api_want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "since"), reply_text(&subscription, "state_changed_at"));
    publish_many(h, t, 3);
    reply = get_missed(h, t, path, "");
    assert_int_equal(reply_int(&reply, "events"), 3);
    assert_true(reply_bool(&reply, "is_exact"));
    reply = get_missed(h, t, path, "?since=2999-01-01T00:00:00Z");
    assert_int_equal(reply_int(&reply, "events"), 0);

    reply = revive(h, t, path, "{}");
    assert_string_equal(reply_text(&reply, "state"), "active");
    assert_int_equal(reply_int(&reply, "missed.events"), 3);
    assert_true(reply_is_null(&reply, "backfill"));
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_R_09_a_revival_replays_what_was_missed_once_and_in_order(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = given_disabled(h, t);
    struct reply reply, event;
    const char *event_id;

    for (unsigned i = 0; i < 3; i++)
        event_id = publish(h, t, "order.paid", "c1", at(h, "%u", i));
    reply = revive(h, t, path, "{\"missed\": true}");
    assert_string_equal(reply_text(&reply, "backfill.reason"), "revived");
    assert_string_equal(reply_text(&reply, "backfill.since"), reply_text(&reply, "missed.since"));
    api_wait_for(h, t->partner, at(h, "/v1/backfills/%s", reply_text(&reply, "backfill.id")),
                 "state", "finished", 20000);
    sinker_wait(h, "/hook", 4, 10000);
    event = api_want(h, 200, t->admin, "GET", at(h, "/v1/events/%s", event_id), NULL);
    assert_int_equal(reply_count(&event, "skips"), 0);
    assert_int_equal(reply_count(&event, "messages"), 1);
    reply = get_missed(h, t, path, "");
    assert_int_equal(reply_int(&reply, "events"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM message"), 4);

    reply = api_want(h, 201, t->partner, "POST", at(h, "%s/backfill", path), "{\"days\": 1}");
    api_wait_for(h, t->partner, at(h, "/v1/backfills/%s", reply_text(&reply, "id")), "state",
                 "finished", 20000);
    assert_int_equal(db_int(h, "SELECT count(*) FROM message"), 4);
    assert_int_equal(sinker_count(h, "/hook"), 4);
}

static void test_only_what_would_be_sent_now_and_since_then_is_replayed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = given_disabled(h, t), *since;
    struct reply reply;

    (void)publish(h, t, "order.paid", "c1", "{\"n\": 1}");
    since = db_text(h, "SELECT to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    (void)publish(h, t, "order.paid", "c1", "{\"n\": 2}");
    (void)publish(h, t, "order.paid", "c1", "{\"n\": 3}");
    (void)api_want(h, 200, t->partner, "PATCH", path, "{\"filter\": \"$.n == 3\"}");
    reply = revive(h, t, path, at(h, "{\"missed\": true, \"since\": \"%s\"}", since));
    assert_int_equal(reply_int(&reply, "missed.events"), 2);
    api_wait_for(h, t->partner, at(h, "/v1/backfills/%s", reply_text(&reply, "backfill.id")),
                 "state", "finished", 20000);
    sinker_wait(h, "/hook", 2, 10000);
    reply = sinker_request(h, "/hook", 1);
    assert_non_null(strstr(reply_text(&reply, "body"), "\"data\":{\"n\": 3}"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM message"), 2);
}

static void test_a_pause_and_a_wait_for_verification_are_missed_too(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = target_subscribe(h, t, given_target(h, t), "/hook", "");
    struct reply reply;

    (void)target_act(h, t, path, "pause");
    publish_many(h, t, 2);
    reply = get_missed(h, t, path, "");
    assert_int_equal(reply_int(&reply, "events"), 2);
    (void)target_act(h, t, path, "resume");
    (void)api_want(h, 200, t->partner, "PATCH", path, "{\"verification\": \"echo_secret\"}");
    publish_many(h, t, 1);
    reply = get_missed(h, t, path, "");
    assert_int_equal(reply_int(&reply, "events"), 1);
    (void)api_want(h, 200, t->partner, "PATCH", path, "{\"verification\": \"none\"}");
    reply = get_missed(h, t, path, ""); /* of the last 30 days */
    assert_int_equal(reply_int(&reply, "events"), 3);
}

static void test_what_was_missed_is_its_owners_to_see(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *path = target_subscribe(h, t, given_target(h, t), "/hook", "");
    const char *stranger = given_key(h, t, "partner", "else"), *missed = at(h, "%s/missed", path);

    expect_problem(h, api_call(h, other->admin, "GET", missed, NULL), 404, "not_found", NULL);
    expect_problem(h, api_call(h, stranger, "GET", missed, NULL), 404, "not_found", NULL);
    expect_problem(h, api_call(h, t->producer, "GET", missed, NULL), 403, "forbidden", NULL);
    expect_problem(h, api_call(h, t->admin, "GET", at(h, "%s?since=today", missed), NULL), 422,
                   "invalid_parameter", NULL);
    expect_problem(
        h, api_call(h, t->admin, "POST", at(h, "%s/revive", path), "{\"since\": \"today\"}"), 422,
        "invalid_body", "/since");
    expect_problem(h, api_call(h, t->admin, "POST", at(h, "%s/revive", path), "{\"missed\": 1}"),
                   422, "invalid_body", "/missed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_09_what_was_missed_is_counted_and_offered),
        harness_test(test_R_09_a_revival_replays_what_was_missed_once_and_in_order, .env = quick),
        harness_test(test_only_what_would_be_sent_now_and_since_then_is_replayed, .env = quick),
        harness_test(test_a_pause_and_a_wait_for_verification_are_missed_too),
        harness_test(test_what_was_missed_is_its_owners_to_see),
    };

    return cmocka_run_group_tests_name("missed", tests, NULL, NULL);
}
