/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole weeks that all tenants are done with are dropped, whatever else goes on: R-32. The weeks
 * are 110 days old and more; messages are kept for 90.
 */
#include <libpq-fe.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"
#include "tests/support/past.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)
#define N_PARTS(h, days)                                                                           \
    db_int(h,                                                                                      \
           "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ ('_' || to_char("      \
           "now() - interval '%d days', 'IYYY\"w\"IW') || '$')",                                   \
           days)

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

static bool is_110_days_gone(void *h)
{
    return N_PARTS(h, 110) == 0;
}

/* A step as a worker takes it: how much it did. */
static int64_t drop_step(struct harness *h)
{
    return db_int(h, "SELECT hookline.partition_drop_step(100)");
}

/* Steps until one does nothing. */
static void drop_all(struct harness *h)
{
    for (unsigned i = 0; drop_step(h) > 0; i++)
        assert_true(i < 100);
}

/* A session of the superuser's, with the programs' search path. */
static PGconn *open_session(struct harness *h)
{
    char url[PG_URL_SIZE];
    PGconn *session;

    pg_url(h->database, true, url);
    session = PQconnectdb(url);
    PQclear(PQexec(session, "SET search_path = hookline"));
    assert_int_equal(PQstatus(session), CONNECTION_OK);
    return session;
}

static void run(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_test("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

static void test_R_32_a_week_that_nobody_wants_is_dropped_and_its_keys_are_free(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    past_events(h, w.t, w.hook.id, 110, 300);
    past_events(h, w.t, w.hook.id, 10, 7);
    assert_int_equal(N_PARTS(h, 110), 4);
    (void)harness_start_worker(h);
    assert_true(wait_until(is_110_days_gone, h, SOON_MS));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 7);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event_key"), 7);
    assert_int_equal(N_PARTS(h, 10), 4);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action = 'partition.dropped'"),
                     4);
    (void)publish(h, w.t, "order.paid", "c1", "{\"after\": 1}");
    sinker_wait(h, "/hook", 1, SOON_MS);
}

static void test_R_32_a_message_that_waits_keeps_its_week(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    past_events(h, w.t, w.hook.id, 110, 300);
    (void)past_event(h, w.t, w.hook.id, 110, "held");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 4);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 301);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event_key"), 301);
    /* It ends: now the week goes. */
    (void)db_text(h, "WITH q AS (DELETE FROM hookline.queue) UPDATE hookline.message"
                     " SET status = 'cancelled' WHERE status = 'held'");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
}

/* Nobody counts while there is no worker: then nothing is forgotten either. */
static void test_what_the_roll_ups_have_not_counted_yet_is_kept(void **state)
{
    static const char *const not_yet[] = {
        "UPDATE hookline.stat_progress SET events_to = now() - interval '120 days'",
        "UPDATE hookline.stat_progress SET attempts_to = now() - interval '120 days'",
        "UPDATE hookline.stat_progress SET history_tenant = installation_id()",
        ("WITH m AS (UPDATE hookline.message SET finished_at = now() + interval '1 minute')"
         " UPDATE hookline.attempt SET recorded_at = now() + interval '1 minute'"),
    };
    struct harness *h = *state;
    struct world w = given_world(h);

    past_events(h, w.t, w.hook.id, 110, 3);
    for (size_t i = 0; i < HK_COUNTOF(not_yet); i++) {
        (void)db_text(h, "%s", not_yet[i]);
        drop_all(h);
        (void)db_int(h, "SELECT hookline.retention_step(100, '0')");
        assert_int_equal(N_PARTS(h, 110), 4);
        assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), 3);
        (void)db_text(h, "UPDATE hookline.stat_progress SET events_to = now(), attempts_to = now(),"
                         " history_tenant = NULL");
    }
    (void)db_text(h, "UPDATE hookline.stat_progress SET attempts_to = now() + interval '2 minutes',"
                     " events_to = now() + interval '2 minutes'");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
}

static void test_a_week_is_kept_for_one_tenant_that_has_something_in_it(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h), other = {.h = h, .t = given_tenant(h)};

    (void)api_want(h, 200, other.t->admin, "PATCH", "/v1/tenant",
                   "{\"retention_message_days\": 300}");
    other.hook = given_story(h, other.t, "/other");
    past_events(h, w.t, w.hook.id, 110, 3);
    (void)past_event(h, other.t, other.hook.id, 130, "failed");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
    assert_int_equal(N_PARTS(h, 130), 4);
}

static void test_a_week_that_cannot_be_dropped_keeps_no_other_from_it(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    past_events(h, w.t, w.hook.id, 110, 3);
    past_events(h, w.t, w.hook.id, 130, 3);
    (void)db_text(h, "DO $$ BEGIN EXECUTE format('CREATE VIEW hookline.nosy AS SELECT * FROM"
                     " hookline.%%I', hookline.partition_name('event', now() - interval '130 days'"
                     ")); END $$");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
    assert_true(N_PARTS(h, 130) > 0);
    (void)db_text(h, "DROP VIEW hookline.nosy");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 130), 0);
}

/* What holds everybody else up waits 25 ms at most; without that it would wait for this session. */
static void expect_traffic(const struct world *w, PGconn *session, const char *lock)
{
    struct harness *h = w->h;
    unsigned n = sinker_count(h, "/hook");
    int64_t start_ms;

    run(session, "BEGIN");
    run(session, lock);
    start_ms = hk_mono_ms();
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(drop_step(h), 0);
        (void)publish(h, w->t, "order.paid", "c1", "{}");
    }
    sinker_wait(h, "/hook", n + 20, SOON_MS);
    assert_in_range(hk_mono_ms() - start_ms, 0, 30000);
    assert_int_equal(N_PARTS(h, 110), 4);
    run(session, "COMMIT");
}

static void test_R_32_a_long_transaction_delays_the_dropping_and_nobody_else(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    PGconn *session = open_session(h);

    past_events(h, w.t, w.hook.id, 110, 3);
    while (db_int(h, "SELECT count(*) FROM hookline.retention_week WHERE NOT has_keys") == 0) {
        run(session, "BEGIN");
        run(session, "SELECT count(*) FROM event");
        assert_in_range(drop_step(h), 0, 3);
        run(session, "COMMIT");
    }
    expect_traffic(&w, session, "SELECT count(*) FROM event");
    expect_traffic(&w, session,
                   at(h, "LOCK TABLE event_%s IN SHARE UPDATE EXCLUSIVE MODE",
                      db_text(h, "SELECT to_char(now() - interval '110 days', 'IYYY\"w\"IW')")));
    PQfinish(session);
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
}

static void test_R_32_a_message_that_is_being_sent_again_stops_the_dropping(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    PGconn *session = open_session(h);
    const char *id = past_event(h, w.t, w.hook.id, 110, "failed");

    run(session, "BEGIN");
    run(session, at(h, "SELECT event_share('%s', ARRAY['%s']::uuid[])", w.t->id, id));
    run(session, "INSERT INTO queue (tenant_id, subscription_id, message_id, due_at)"
                 " SELECT tenant_id, subscription_id, id, 'infinity' FROM message");
    drop_all(h); /* the keys, and no more */
    assert_int_equal(N_PARTS(h, 110), 4);
    run(session, "COMMIT");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 4);
    run(session, "DELETE FROM queue");
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
    PQfinish(session);
}

static void test_R_32_a_worker_that_is_killed_leaves_the_rest_to_another(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h), other = {.h = h, .t = given_tenant(h)};
    struct reply reply;

    (void)api_want(h, 200, other.t->admin, "PATCH", "/v1/tenant",
                   "{\"retention_message_days\": 300}");
    other.hook = given_story(h, other.t, "/other");
    past_events(h, w.t, w.hook.id, 110, 3000);
    past_events(h, w.t, w.hook.id, 117, 200);
    past_events(h, w.t, w.hook.id, 40, 1000);
    past_events(h, other.t, other.hook.id, 110, 10);
    for (unsigned i = 0; i < 4; i++) {
        unsigned n = harness_start_worker(h);

        (void)publish(h, w.t, "order.paid", "c1", "{}");
        sinker_wait(h, "/hook", i + 1, SOON_MS);
        harness_kill_worker(h, n);
    }
    (void)harness_start_worker(h);
    while (db_int(h,
                  "SELECT count(*) FROM hookline.event WHERE tenant_id = '%s'"
                  " AND (id < hookline.uuid_v7_floor(now() - interval '100 days')"
                  "      OR payload_state IS NULL)",
                  w.t->id) > 4)
        assert_in_range(sinker_count(h, "/hook"), 4, 100);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.event WHERE tenant_id = '%s'"
                            " AND payload_state = 'expired'",
                            w.t->id),
                     1000);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.event WHERE tenant_id = '%s'"
                            " AND payload_state IS NULL",
                            w.t->id),
                     4);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 1000 + 4 + 10);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event_key"), 1000 + 10);
    reply = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&reply, "distinct_ids"), 4);
}

static void test_what_was_detached_when_somebody_was_killed_is_dropped(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    PGconn *session = open_session(h);
    const char *week = db_text(h, "SELECT to_char(now() - interval '110 days', 'IYYY\"w\"IW')");

    past_events(h, w.t, w.hook.id, 110, 3);
    run(session, at(h, "ALTER TABLE event DETACH PARTITION event_%s", week));
    PQfinish(session);
    drop_all(h);
    assert_int_equal(N_PARTS(h, 110), 0);
}

static void test_while_partitions_are_missing_publishing_answers_503_until_a_worker_comes(
    void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct reply reply;

    (void)db_text(h, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT inhrelid::regclass::text"
                     " FROM pg_inherits WHERE inhparent::regclass::text ~"
                     " '(event|message|attempt|skip)$' LOOP EXECUTE 'DROP TABLE ' || name;"
                     " END LOOP; END $$");
    reply = api_call(h, w.t->producer, "POST", "/v1/events",
                     "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}");
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    (void)harness_start_worker(h);
    do
        reply = api_call(h, w.t->producer, "POST", "/v1/events",
                         "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}");
    while (reply.status == 503);
    assert_status(reply, 202);
    sinker_wait(h, "/hook", 1, SOON_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_32_a_week_that_nobody_wants_is_dropped_and_its_keys_are_free,
                     .env = quick, .has_no_worker = true),
        harness_test(test_R_32_a_message_that_waits_keeps_its_week, .has_no_worker = true),
        harness_test(test_a_week_that_cannot_be_dropped_keeps_no_other_from_it,
                     .has_no_worker = true),
        harness_test(test_what_the_roll_ups_have_not_counted_yet_is_kept, .has_no_worker = true),
        harness_test(test_a_week_is_kept_for_one_tenant_that_has_something_in_it,
                     .has_no_worker = true),
        harness_test(test_R_32_a_long_transaction_delays_the_dropping_and_nobody_else),
        harness_test(test_R_32_a_message_that_is_being_sent_again_stops_the_dropping,
                     .has_no_worker = true),
        harness_test(test_R_32_a_worker_that_is_killed_leaves_the_rest_to_another, .env = quick,
                     .has_no_worker = true),
        harness_test(test_what_was_detached_when_somebody_was_killed_is_dropped,
                     .has_no_worker = true),
        harness_test(test_while_partitions_are_missing_publishing_answers_503_until_a_worker_comes,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("retention_weeks", tests, NULL, NULL);
}
