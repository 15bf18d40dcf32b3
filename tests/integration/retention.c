/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept for how long, and what is forgotten then: payloads to the day, messages and attempts
 * by weeks, never what waits for its delivery. Events of the past are put there by SQL.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/past.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription hook;
};

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    w.hook = given_story(h, w.t, "/hook");
    return w;
}

static struct reply get_event(const struct world *w, const char *id)
{
    return api_want(w->h, 200, w->t->admin, "GET", at(w->h, "/v1/events/%s", id), NULL);
}

/* Waits until the one value of a query is that. */
struct expected {
    struct harness *h;
    const char *sql;
    int64_t value;
};

static bool is_reached(void *arg)
{
    const struct expected *expected = arg;

    return db_int(expected->h, "%s", expected->sql) == expected->value;
}

static void wait_for_count(struct harness *h, const char *sql, int64_t value)
{
    struct expected expected = {.h = h, .sql = sql, .value = value};

    if (!wait_until(is_reached, &expected, SOON_MS))
        fail_test("%s: %lld, not %lld", sql, (long long)db_int(h, "%s", sql), (long long)value);
}

static void test_a_payload_is_forgotten_to_the_day_and_its_event_stays(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *old = past_event(h, w.t, w.hook.id, 31, "succeeded");
    const char *young = past_event(h, w.t, w.hook.id, 29, "succeeded");
    struct reply reply;

    api_wait_for(h, w.t->admin, at(h, "/v1/events/%s", old), "payload_state", "expired", SOON_MS);
    reply = get_event(&w, old);
    assert_true(reply_is_null(&reply, "payload"));
    assert_true(is_rfc3339_utc(reply_text(&reply, "payload_gone_at")));
    assert_int_equal(reply_count(&reply, "messages"), 1);
    reply = get_event(&w, young);
    assert_string_equal(reply_text(&reply, "payload_state"), "stored");
    assert_true(reply_is_null(&reply, "payload_gone_at"));
    assert_int_equal(reply_int(&reply, "payload.past"), 29);
}

static void test_R_32_what_waits_keeps_its_payload_and_is_forgotten_after_its_delivery(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *pause = at(h, "/v1/subscriptions/%s/hold", w.hook.id);
    const char *waiting, *done;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", pause, NULL);
    waiting = past_event(h, w.t, w.hook.id, 120, "held");
    done = past_event(h, w.t, w.hook.id, 121, "failed");
    wait_for_count(h, at(h, "SELECT count(*) FROM hookline.event WHERE id = '%s'", done), 0);
    wait_for_count(h, "SELECT count(*) FROM hookline.retained_event", 1);
    reply = get_event(&w, waiting);
    assert_int_equal(reply_int(&reply, "payload.past"), 120);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), 1);

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/resume", w.hook.id),
                   NULL);
    sinker_wait(h, "/hook", 1, SOON_MS);
    reply = sinker_request(h, "/hook", 0);
    assert_non_null(strstr(reply_text(&reply, "body"), "\"past\": 120"));
    assert_string_equal(reply_text(&reply, "signature"), "valid");
    wait_for_count(h, at(h, "SELECT count(*) FROM hookline.event WHERE id = '%s'", waiting), 0);
    wait_for_count(h, "SELECT count(*) FROM hookline.retained_event", 0);
    wait_for_count(h, "SELECT count(*) FROM hookline.message", 0);
    wait_for_count(h, "SELECT count(*) FROM hookline.attempt", 0);
}

static void test_what_has_no_payload_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *old = past_event(h, w.t, w.hook.id, 40, "failed");
    const char *message_id =
        db_text(h, "SELECT id FROM hookline.message WHERE event_id = '%s'", old);
    struct reply reply;

    api_wait_for(h, w.t->admin, at(h, "/v1/events/%s", old), "payload_state", "expired", SOON_MS);
    reply = api_call(h, w.t->admin, "POST", at(h, "/v1/messages/%s/resend", message_id), NULL);
    assert_problem(h, reply, 409, "payload_gone", NULL);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
    reply = api_call(h, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/preview", w.hook.id),
                     "{\"event_id\": \"%s\"}", old);
    assert_problem(h, reply, 422, "invalid_body", "/event_id");
    reply = api_want(h, 201, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/backfill", w.hook.id),
                     "{\"days\": 30}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
}

static void test_revive_leaves_messages_without_a_payload_cancelled(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *old = past_event(h, w.t, w.hook.id, 40, "cancelled");
    const char *young = past_event(h, w.t, w.hook.id, 3, "cancelled");
    struct reply reply;

    api_wait_for(h, w.t->admin, at(h, "/v1/events/%s", old), "payload_state", "expired", SOON_MS);
    (void)db_text(h, "WITH s AS (UPDATE hookline.subscription SET state = 'unsubscribed',"
                     " state_reason = 'http_401', state_changed_at = now() - interval '1 hour'),"
                     " m AS (UPDATE hookline.message SET status_reason = 'http_401', "
                     " finished_at = now()) SELECT 1");
    reply = api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/revive", w.hook.id),
                     "{\"messages\": true}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    reply = sinker_request(h, "/hook", 0);
    assert_non_null(strstr(reply_text(&reply, "body"), "\"past\": 3"));
    assert_non_null(young);
    reply = get_event(&w, old);
    assert_string_equal(reply_text(&reply, "messages.0.status"), "cancelled");
}

static void test_a_tenant_that_keeps_more_keeps_it_and_the_others_do_not(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h), other = {.h = h, .t = given_tenant(h)};
    const char *old, *kept;
    struct reply reply;

    other.hook = given_story(h, other.t, "/other");
    (void)api_want(h, 200, other.t->admin, "PATCH", "/v1/tenant",
                   "{\"retention_payload_days\": 200, \"retention_message_days\": 200,"
                   " \"retention_attempt_days\": 200}");
    old = past_event(h, w.t, w.hook.id, 120, "succeeded");
    kept = past_event(h, other.t, other.hook.id, 120, "succeeded");

    wait_for_count(h, at(h, "SELECT count(*) FROM hookline.event WHERE tenant_id = '%s'", w.t->id),
                   0);
    wait_for_count(
        h, at(h, "SELECT count(*) FROM hookline.attempt WHERE tenant_id = '%s'", w.t->id), 0);
    wait_for_count(h, at(h, "SELECT count(*) FROM hookline.skip WHERE tenant_id = '%s'", w.t->id),
                   0);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.event_key WHERE tenant_id = '%s'", w.t->id), 0);
    reply = api_call(h, w.t->admin, "GET", at(h, "/v1/events/%s", old), NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
    reply = get_event(&other, kept);
    assert_int_equal(reply_int(&reply, "payload.past"), 120);
    assert_int_equal(reply_count(&reply, "messages"), 1);
    assert_int_equal(reply_count(&reply, "skips"), 1);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.attempt WHERE tenant_id = '%s'", other.t->id), 1);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.event_key WHERE tenant_id = '%s'", other.t->id),
        1);
}

static void test_attempts_go_before_their_messages(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *old, *young;

    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant",
                   "{\"retention_payload_days\": 20, \"retention_attempt_days\": 30}");
    old = past_event(h, w.t, w.hook.id, 45, "failed");
    young = past_event(h, w.t, w.hook.id, 25, "failed");
    /* 45 days is in a week that no partition of which is dropped: the message is kept for 90. */
    wait_for_count(h, "SELECT count(*) FROM hookline.attempt", 1);
    wait_for_count(h, "SELECT count(*) FROM hookline.event WHERE payload_state = 'expired'", 2);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 2);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.attempt a JOIN hookline.message m"
                            " ON m.id = a.message_id WHERE m.event_id = '%s'",
                            young),
                     1);
    assert_non_null(old);
}

static void test_versions_of_values_that_no_message_carries_any_more_are_forgotten(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    (void)db_text(
        h, "WITH c AS (SELECT * FROM hookline.connection), v AS ("
           "INSERT INTO hookline.connection_values (tenant_id, connection_id, version,"
           " \"values\", created_at, is_pinned, has_swept)"
           " SELECT c.tenant_id, c.id, 100 + n, '{}', now() - (200 - n * 50) * interval '1 day',"
           " true, true FROM c, generate_series(0, 3) n) SELECT 1");
    wait_for_count(h, "SELECT count(*) FROM hookline.connection_values WHERE version >= 100", 2);
    assert_int_equal(
        db_int(h, "SELECT min(version) FROM hookline.connection_values WHERE version >= 100"), 102);
    assert_non_null(w.hook.id);
}

static void test_settings_are_checked(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    static const struct {
        const char *body, *pointer;
    } faults[] = {
        {"{\"retention_payload_days\": 0}", "/retention_payload_days"},
        {"{\"retention_payload_days\": 3}", "/retention_payload_days"}, /* standard: 4 days */
        {"{\"retention_payload_days\": \"30\"}", "/retention_payload_days"},
        {"{\"retention_message_days\": 1101}", "/retention_message_days"},
        {"{\"retention_message_days\": 401}", "/retention_message_days"},
        {"{\"retention_message_days\": 89}", "/retention_message_days"},
        {"{\"retention_attempt_days\": 29}", "/retention_attempt_days"},
        {"{\"retention_attempt_days\": 91}", "/retention_message_days"},
        {"{\"retention_max_days\": 500}", "/retention_max_days"},
    };
    struct reply reply = api_want(h, 200, w.t->admin, "GET", "/v1/tenant", NULL);

    assert_int_equal(reply_int(&reply, "retention_payload_days"), 30);
    assert_int_equal(reply_int(&reply, "retention_message_days"), 90);
    assert_int_equal(reply_int(&reply, "retention_attempt_days"), 90);
    assert_int_equal(reply_int(&reply, "retention_max_days"), 400);
    for (size_t i = 0; i < HK_COUNTOF(faults); i++)
        expect_refused(h, w.t->admin, "PATCH /v1/tenant", hk_str(faults[i].body), 422,
                       "invalid_body", faults[i].pointer);
    reply = api_call(h, w.t->support, "PATCH", "/v1/tenant", "{\"retention_message_days\": 100}");
    assert_problem(h, reply, 403, "forbidden", NULL);

    (void)api_want(h, 200, h->operator_key, "PATCH", at(h, "/v1/tenants/%s", w.t->id),
                   "{\"retention_max_days\": 500}");
    reply =
        api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant", "{\"retention_message_days\": 500}");
    assert_int_equal(reply_int(&reply, "retention_message_days"), 500);
    reply =
        api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant", "{\"retention_message_days\": null}");
    assert_int_equal(reply_int(&reply, "retention_message_days"), 90);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action = 'tenant.changed'"
                  " AND detail ->> 'retention_message_days' = '500'"),
        1);
}

static void test_no_schedule_goes_on_for_longer_than_payloads_are_kept(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *path = at(h, "/v1/subscriptions/%s", w.hook.id);
    struct reply reply;

    expect_refused(h, w.t->admin, "POST /v1/profiles",
                   HK_STR("{\"name\": \"x\", \"schedule\": \"1d for 31d\"}"), 422, "invalid_body",
                   "/schedule");
    (void)api_want(h, 201, w.t->admin, "POST", "/v1/profiles",
                   "{\"name\": \"long\", \"schedule\": \"1d for 20d\", \"jitter_percent\": 0}");
    expect_refused(h, w.t->admin, "PATCH /v1/profiles/long", HK_STR("{\"jitter_percent\": 50}"),
                   422, "invalid_body", "/jitter_percent");
    expect_refused(h, w.t->admin, "PATCH /v1/profiles/long",
                   HK_STR("{\"schedule\": \"1d for 40d\"}"), 422, "invalid_body", "/schedule");
    expect_refused(h, w.t->admin, "PATCH /v1/tenant", HK_STR("{\"retention_payload_days\": 20}"),
                   422, "invalid_body", "/retention_payload_days");
    expect_refused(h, w.t->admin, at(h, "PATCH %s", path),
                   HK_STR("{\"overrides\": {\"schedule\": \"1d for 40d\"}}"), 422, "invalid_body",
                   "/overrides/schedule");
    (void)api_want(h, 200, w.t->admin, "PATCH", path,
                   "{\"overrides\": {\"schedule\": \"1d for 22d\", \"jitter_percent\": 0}}");
    expect_refused(h, w.t->admin, "PATCH /v1/tenant", HK_STR("{\"retention_payload_days\": 22}"),
                   422, "invalid_body", "/retention_payload_days");
    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant", "{\"retention_payload_days\": 23}");
    (void)api_want(h, 200, w.t->admin, "PATCH", path, "{\"overrides\": null}");
    reply = api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant", "{\"retention_payload_days\": 21}");
    assert_int_equal(reply_int(&reply, "retention_payload_days"), 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_payload_is_forgotten_to_the_day_and_its_event_stays, .env = quick),
        harness_test(test_R_32_what_waits_keeps_its_payload_and_is_forgotten_after_its_delivery,
                     .env = quick),
        harness_test(test_what_has_no_payload_is_not_sent_again, .env = quick),
        harness_test(test_revive_leaves_messages_without_a_payload_cancelled, .env = quick),
        harness_test(test_a_tenant_that_keeps_more_keeps_it_and_the_others_do_not, .env = quick),
        harness_test(test_attempts_go_before_their_messages, .env = quick),
        harness_test(test_versions_of_values_that_no_message_carries_any_more_are_forgotten,
                     .env = quick),
        harness_test(test_settings_are_checked, .has_no_worker = true),
        harness_test(test_no_schedule_goes_on_for_longer_than_payloads_are_kept,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
