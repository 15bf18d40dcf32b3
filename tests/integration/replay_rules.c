/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have what replayed, what is refused, how many there may be. */
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/replay.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define SINCE      "\"since\": \"2020-01-01T00:00:00Z\""

static void test_what_cannot_be_replayed_is_refused(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 0);
    const char *none = "01a20000-0000-7000-8000-000000000000";
    const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{}", ""},
        {"{\"q\": \"\"}", "/q"},
        {"{\"q\": \"status:lost\"}", "/q"},
        {"{\"q\": \"status:failed\", \"rate_per_second\": 0}", "/rate_per_second"},
        {"{\"q\": \"status:failed\", \"rate_per_second\": 1001}", "/rate_per_second"},
        {"{\"q\": \"status:failed\", \"max_messages\": 500001}", "/max_messages"},
        {"{\"q\": \"status:failed\", \"values\": \"current\", \"webhook_id\": \"same\"}",
         "/webhook_id"},
        {"{\"recover\": {" SINCE "}}", "/recover"},
        {at(h, "{\"recover\": {\"app_id\": \"%s\"}}", none), "/recover/since"},
        {at(h, "{\"recover\": {\"app_id\": \"%s\", " SINCE "}}", none), "/recover/app_id"},
        {at(h, "{\"missed\": {\"subscription_id\": \"%s\", " SINCE "}}", none),
         "/missed/subscription_id"},
        {at(h, "{\"missed\": {\"subscription_id\": \"%s\", " SINCE "}, \"values\": \"current\"}",
            w.hook.id),
         "/missed"},
        {at(h, "{\"q\": \"status:failed\", \"missed\": {\"subscription_id\": \"%s\", " SINCE "}}",
            w.hook.id),
         ""},
    };

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, w.t->support, "POST /v1/replays", hk_str(cases[i].body), 422,
                       "invalid_body", cases[i].pointer);
    expect_refused(h, w.t->producer, "POST /v1/replays", HK_STR("{\"q\": \"status:failed\"}"), 403,
                   "forbidden", NULL);
}

static void test_a_replay_changes_only_into_what_follows(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 1);
    const char *path = replay_recover(&w, "");
    struct reply reply;

    replay_wait(&w, path, "planned");
    (void)api_want(h, 409, w.t->support, "POST", at(h, "%s/pause", path), NULL);
    (void)api_want(h, 409, w.t->support, "POST", at(h, "%s/resume", path), NULL);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/pause", w.hook.id),
                   NULL);
    (void)replay_do(&w, path, "run", "{\"rate_per_second\": 7}");
    reply = replay_do(&w, path, "run", NULL); /* once more changes nothing */
    assert_int_equal(reply_int(&reply, "rate_per_second"), 7);
    (void)replay_do(&w, path, "pause", NULL);
    (void)replay_do(&w, path, "pause", NULL);
    (void)api_want(h, 409, w.t->support, "POST", at(h, "%s/run", path), NULL);
    (void)replay_do(&w, path, "cancel", NULL);
    reply = replay_do(&w, path, "cancel", NULL);
    assert_string_equal(reply_text(&reply, "state_reason"), "cancelled_on_request");
    assert_int_equal(reply_int(&reply, "remaining"), 1);
    (void)api_want(h, 409, w.t->support, "POST", at(h, "%s/resume", path), NULL);
    assert_string_equal(db_text(h, "SELECT string_agg(action, ' ' ORDER BY id)"
                                   "  FROM hookline.audit_log WHERE action LIKE 'replay.%%'"),
                        "replay.created replay.planned replay.started replay.paused "
                        "replay.cancelled");
}

static void test_a_partner_replays_its_own_and_sees_no_other(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 3);
    const char *other = given_key(h, w.t, "partner", "other"), *theirs, *path;
    struct reply reply;

    reply = api_want(h, 422, other, "POST", "/v1/replays",
                     at(h, "{\"recover\": {\"subscription_id\": \"%s\", " SINCE "}}", w.hook.id));
    assert_problem(h, reply, 422, "invalid_body", "/recover/subscription_id");
    reply =
        api_want(h, 201, other, "POST", "/v1/replays", "{\"q\": \"status:failed\", \"run\": true}");
    theirs = at(h, "/v1/replays/%s", reply_text(&reply, "id"));
    replay_wait(&w, theirs, "finished");
    reply = replay_get(&w, theirs);
    assert_int_equal(reply_int(&reply, "planned"), 0);

    path = replay_recover(&w, "");
    (void)api_want(h, 404, w.t->partner, "GET", path, NULL); /* of support */
    (void)api_want(h, 404, w.t->partner, "GET", at(h, "%s/messages", path), NULL);
    (void)api_want(h, 404, w.t->partner, "POST", at(h, "%s/cancel", path), NULL);
    (void)api_want(h, 404, w.t->partner, "GET", theirs, NULL);
    (void)api_want(h, 404, given_tenant(h)->admin, "GET", path, NULL);
    reply = api_want(h, 200, w.t->partner, "GET", "/v1/replays", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = api_want(h, 201, w.t->partner, "POST", "/v1/replays",
                     "{\"q\": \"status:failed\", \"run\": true}");
    path = at(h, "/v1/replays/%s", reply_text(&reply, "id"));
    replay_wait(&w, path, "finished");
    reply = api_want(h, 200, w.t->partner, "GET", path, NULL);
    assert_int_equal(reply_int(&reply, "replayed"), 3);
    reply = replay_get(&w, "/v1/replays?state=finished");
    assert_int_equal(reply_count(&reply, "data"), 2);
}

static void test_a_tenant_has_five_replays_at_most_and_a_key_asks_once(void **state)
{
    static const char *const keyed[] = {"Idempotency-Key: once", NULL};
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 1);
    const char *body = at(h, "{\"recover\": {\"subscription_id\": \"%s\", " SINCE "}}", w.hook.id);
    struct reply first = api_send(h, w.t->support, "POST", "/v1/replays", hk_str(body), keyed),
                 again = api_send(h, w.t->support, "POST", "/v1/replays", hk_str(body), keyed);
    const char *path = at(h, "/v1/replays/%s", reply_text(&first, "id"));

    assert_status(first, 201);
    assert_status(again, 201);
    assert_string_equal(reply_text(&first, "id"), reply_text(&again, "id"));
    for (unsigned i = 1; i < 5; i++)
        (void)replay_recover(&w, "");
    (void)api_want(h, 409, w.t->support, "POST", "/v1/replays", body);
    (void)replay_do(&w, path, "cancel", NULL);
    (void)replay_recover(&w, "");
}

static void test_a_plan_of_more_than_max_messages_has_the_newest(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 30);
    const char *path = replay_recover(&w, ", \"max_messages\": 10");
    struct reply reply;

    replay_wait(&w, path, "planned");
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "planned"), 10);
    assert_true(reply_bool(&reply, "is_truncated"));
    assert_string_equal(db_text(h, "SELECT min(id::text) FROM (SELECT id FROM hookline.message"
                                   "                            ORDER BY id DESC LIMIT 10) newest"),
                        db_text(h, "SELECT min(message_id::text) FROM hookline.replay_message"));
    path = replay_recover(&w, ", \"max_messages\": 30");
    replay_wait(&w, path, "planned");
    reply = replay_get(&w, path);
    assert_false(reply_bool(&reply, "is_truncated"));
}

static void test_messages_of_a_cancelled_replay_that_wait_are_cancelled(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 5);
    const char *path;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.hook.id), NULL);
    path = replay_recover(&w, ", \"run\": true");
    replay_wait(&w, path, "finished");
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "outcomes.waiting"), 5);
    (void)replay_do(&w, path, "cancel", "{\"messages\": true}");
    replay_wait(&w, path, "cancelled");
    replay_check(&w, path);
    reply = replay_get(&w, path);
    assert_int_equal(reply_int(&reply, "cancelled_messages"), 5);
    assert_int_equal(reply_int(&reply, "outcomes.cancelled"), 5);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_cannot_be_replayed_is_refused, .has_no_worker = true),
        harness_test(test_a_replay_changes_only_into_what_follows, .env = replay_env),
        harness_test(test_a_partner_replays_its_own_and_sees_no_other, .env = replay_env),
        harness_test(test_a_tenant_has_five_replays_at_most_and_a_key_asks_once, .env = replay_env),
        harness_test(test_a_plan_of_more_than_max_messages_has_the_newest, .env = replay_env),
        harness_test(test_messages_of_a_cancelled_replay_that_wait_are_cancelled,
                     .env = replay_env),
    };

    return cmocka_run_group_tests_name("replay_rules", tests, NULL, NULL);
}
