/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers do in steps, when a step fails: it waits, longer each time, and says so; others go
 * on. What is poisoned fails whenever a message of it is written, or waits for a gate.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/past.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

/* Company "c1" with events of the past; two subscriptions, of which `bad` has poisoned messages. */
struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription bad, good;
};

/* `how`: "fails", or "waits" for db_lock(h, "gate"). */
static void poison(struct harness *h, const char *id, const char *how)
{
    (void)db_text(h, "INSERT INTO hookline.poison VALUES ('%s', '%s')", id, how);
}

static void heal(struct harness *h)
{
    (void)db_text(h, "DELETE FROM hookline.poison");
}

static void prepare_poison(struct harness *h)
{
    (void)db_text(h, "CREATE TABLE hookline.gate ()");
    (void)db_text(h, "CREATE TABLE hookline.poison (id uuid, how text)");
    (void)db_text(h, "GRANT SELECT ON hookline.gate, hookline.poison TO PUBLIC");
    (void)db_text(h,
                  "CREATE FUNCTION hookline.take_poison() RETURNS trigger LANGUAGE plpgsql AS $$"
                  " DECLARE how text := (SELECT p.how FROM hookline.poison p"
                  "                       WHERE p.id::text = to_jsonb(NEW) ->> TG_ARGV[0]);"
                  " BEGIN"
                  "   IF how = 'fails' THEN RAISE data_exception USING MESSAGE = 'poison'; END IF;"
                  "   IF how = 'waits' THEN PERFORM FROM hookline.gate; END IF;"
                  "   RETURN NEW;"
                  " END $$");
    (void)db_text(h, "CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON hookline.message"
                     " FOR EACH ROW EXECUTE FUNCTION hookline.take_poison('subscription_id')");
    (void)db_text(h, "CREATE TRIGGER poison BEFORE UPDATE ON hookline.event"
                     " FOR EACH ROW EXECUTE FUNCTION hookline.take_poison('tenant_id')");
}

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};
    const char *app_id;

    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    publish_many(h, w.t, 5);
    app_id = given_app(h, w.t, "acme");
    w.bad = given_subscription(h, w.t, app_id, "/bad", "order.paid");
    w.good = given_subscription(h, w.t, app_id, "/good", "order.paid");
    (void)given_connection(h, w.t, app_id, "c1");
    prepare_poison(h);
    return w;
}

static const char *backfill(const struct world *w, const struct subscription *s)
{
    struct reply reply =
        api_want(w->h, 201, w->t->admin, "POST", at(w->h, "/v1/subscriptions/%s/backfill", s->id),
                 "{\"days\": 1}");

    return at(w->h, "/v1/backfills/%s", reply_text(&reply, "id"));
}

static void test_a_backfill_whose_step_fails_says_so_and_others_go_on(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *bad, *good;

    poison(h, w.bad.id, "fails");
    bad = backfill(&w, &w.bad);
    api_wait_for(h, w.t->admin, bad, "state_reason", "step_failed", SOON_MS);
    good = backfill(&w, &w.good);
    api_wait_for(h, w.t->admin, good, "state", "finished", SOON_MS);
    sinker_wait(h, "/good", 5, SOON_MS);
    assert_non_null(strstr(harness_logs(h), "a step of backfill "));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.backfill"
                               " WHERE state = 'sending' AND n_failed_steps > 0"
                               "   AND due_at < now() + interval '11 minutes'"),
                     1);
    assert_int_equal(sinker_count(h, "/bad"), 0);

    heal(h);
    (void)db_text(h, "UPDATE hookline.backfill SET due_at = now() WHERE finished_at IS NULL");
    api_wait_for(h, w.t->admin, bad, "state", "finished", SOON_MS);
    api_wait_for(h, w.t->admin, bad, "state_reason", NULL, SOON_MS);
    sinker_wait(h, "/bad", 5, SOON_MS);
}

static const char *recover(const struct world *w, const struct subscription *s)
{
    struct reply reply = api_want(w->h, 201, w->t->admin, "POST", "/v1/replays",
                                  at(w->h,
                                     "{\"run\": true, \"recover\": {\"subscription_id\": \"%s\","
                                     " \"since\": \"2020-01-01T00:00:00Z\"}}",
                                     s->id));

    return at(w->h, "/v1/replays/%s", reply_text(&reply, "id"));
}

static bool is_queue_empty(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.queue") == 0;
}

/* Five more events, of which every message fails. */
static void make_all_fail(const struct world *w)
{
    static const char *const paths[] = {"/bad", "/good"};
    const char *const ids[] = {w->bad.id, w->good.id};

    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        sinker_rule(w->h, paths[i],
                    "{\"replies\": [{\"status\": 422, \"times\": 10}]}"); /* two attempts each */
        (void)api_want(w->h, 200, w->t->admin, "PATCH", at(w->h, "/v1/subscriptions/%s", ids[i]),
                       "{\"overrides\": {\"schedule\": \"1s\"}}");
    }
    publish_many(w->h, w->t, 5);
    sinker_wait(w->h, "/bad", 10, SOON_MS);
    sinker_wait(w->h, "/good", 10, SOON_MS);
    assert_true(wait_until(is_queue_empty, w->h, SOON_MS));
}

static void test_a_replay_whose_step_fails_says_so_and_others_go_on(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *bad, *good;

    make_all_fail(&w);
    poison(h, w.bad.id, "fails");
    bad = recover(&w, &w.bad);
    api_wait_for(h, w.t->admin, bad, "state_reason", "step_failed", SOON_MS);
    good = recover(&w, &w.good);
    api_wait_for(h, w.t->admin, good, "state", "finished", SOON_MS);
    sinker_wait(h, "/good", 15, SOON_MS);
    assert_int_equal(sinker_count(h, "/bad"), 10);

    heal(h);
    (void)db_text(h, "UPDATE hookline.replay SET due_at = now() WHERE finished_at IS NULL");
    api_wait_for(h, w.t->admin, bad, "state", "finished", SOON_MS);
    sinker_wait(h, "/bad", 15, SOON_MS);
    api_wait_for(h, w.t->admin, bad, "state_reason", NULL, SOON_MS);
}

/* The statement timeout's cancellation, or an operator's. */
static void test_a_step_that_takes_too_long_is_postponed(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct pg_conn *gate = db_lock(h, "gate");
    const char *bad, *good;

    poison(h, w.bad.id, "waits");
    bad = backfill(&w, &w.bad);
    assert_true(wait_until(db_has_waiting, h, SOON_MS));
    (void)db_text(h, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'hookline-worker jobs' AND wait_event_type = 'Lock'"
                     "   AND datname = current_database()");
    api_wait_for(h, w.t->admin, bad, "state_reason", "step_failed", SOON_MS);
    db_unlock(gate);
    good = backfill(&w, &w.good);
    api_wait_for(h, w.t->admin, good, "state", "finished", SOON_MS);
    api_wait_for(h, w.t->admin, bad, "state", "finished", SOON_MS);
}

static void change_queue(const struct world *w, const struct subscription *s, const char *due_at)
{
    (void)db_text(w->h,
                  "INSERT INTO hookline.queue_change (tenant_id, subscription_id, kind, reason,"
                  " due_at) VALUES ('%s', '%s', 'cancel', 'tenant_suspended', '%s')",
                  w->t->id, s->id, due_at);
}

static bool are_ten_held(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'held'") == 10;
}

static bool has_failed_change(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.queue_change WHERE n_failed_steps > 0") == 1;
}

static bool has_one_change(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.queue_change") == 1;
}

static void test_a_change_of_what_waits_whose_step_fails_keeps_no_other_waiting(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *delivery = at(h, "/v1/subscriptions/%s/delivery", w.bad.id);
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.bad.id), NULL);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.good.id), NULL);
    publish_many(h, w.t, 5);
    assert_true(wait_until(are_ten_held, h, SOON_MS));
    poison(h, w.bad.id, "fails");
    change_queue(&w, &w.bad, "2020-01-01");
    assert_true(wait_until(has_failed_change, h, SOON_MS));
    reply = api_want(h, 200, w.t->admin, "GET", delivery, NULL);
    assert_true(reply_bool(&reply, "under_way.0.is_failing"));
    change_queue(&w, &w.good, "2020-01-02");
    assert_true(wait_until(has_one_change, h, SOON_MS));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 5);

    heal(h);
    (void)db_text(h, "UPDATE hookline.queue_change SET due_at = now()");
    assert_true(wait_until(is_queue_empty, h, SOON_MS));
}

/* When the step that a change was behind has begun; the same one is waited for afterwards. */
static const char *step_waiting(struct harness *h)
{
    return db_text(h, "SELECT query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                      " AND application_name = 'hookline-worker jobs'"
                      " AND datname = current_database()");
}

static bool has_no_change(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.queue_change") == 0;
}

static void test_a_change_of_what_waits_does_not_stand_behind_a_job_s_step(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct pg_conn *gate = db_lock(h, "gate");
    bool has_overtaken = false;

    poison(h, w.bad.id, "waits");
    (void)backfill(&w, &w.bad);
    for (unsigned i = 0; i < 3 && !has_overtaken; i++) { /* a step waits for a lock for 10 s */
        const char *before, *after;

        assert_true(wait_until(db_has_waiting, h, SOON_MS));
        before = step_waiting(h);
        change_queue(&w, &w.good, "2020-01-01");
        assert_true(wait_until(has_no_change, h, SOON_MS));
        after = step_waiting(h);
        has_overtaken = before != NULL && after != NULL && strcmp(before, after) == 0;
    }
    assert_true(has_overtaken);
    db_unlock(gate);
}

static bool has_two_walks(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.retention") == 2;
}

static bool has_failed_retention(void *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.retention WHERE n_failed_steps > 0") == 1;
}

static void test_a_tenant_whose_retention_fails_keeps_no_other_s_waiting(void **state)
{
    struct harness *h = *state;
    struct world bad = given_world(h);
    struct tenant *t = given_tenant(h);
    struct subscription hook = given_story(h, t, "/hook");
    const char *old, *kept;

    poison(h, bad.t->id, "fails");
    assert_true(wait_until(has_two_walks, h, SOON_MS));
    (void)db_text(h, "UPDATE hookline.retention SET due_at = '2020-01-01' WHERE tenant_id = '%s'",
                  bad.t->id);
    kept = past_event(h, bad.t, bad.good.id, 31, "succeeded");
    old = past_event(h, t, hook.id, 31, "succeeded");
    api_wait_for(h, t->admin, at(h, "/v1/events/%s", old), "payload_state", "expired", SOON_MS);
    assert_true(wait_until(has_failed_retention, h, SOON_MS));

    heal(h);
    (void)db_text(h, "UPDATE hookline.retention SET due_at = now()");
    api_wait_for(h, bad.t->admin, at(h, "/v1/events/%s", kept), "payload_state", "expired",
                 SOON_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_backfill_whose_step_fails_says_so_and_others_go_on, .env = quick),
        harness_test(test_a_replay_whose_step_fails_says_so_and_others_go_on, .env = quick),
        harness_test(test_a_step_that_takes_too_long_is_postponed, .env = quick),
        harness_test(test_a_change_of_what_waits_whose_step_fails_keeps_no_other_waiting,
                     .env = quick),
        harness_test(test_a_change_of_what_waits_does_not_stand_behind_a_job_s_step, .env = quick),
        harness_test(test_a_tenant_whose_retention_fails_keeps_no_other_s_waiting, .env = quick),
    };

    return cmocka_run_group_tests_name("failing_steps", tests, NULL, NULL);
}
