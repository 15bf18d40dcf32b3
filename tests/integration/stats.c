/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: what the roll-ups say is what the log says, whoever keeps them and however often he
 * is killed. */
#include <string.h>

#include <libpq-fe.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* A retry comes at once, and what has been recorded is settled after 30 ms. */
static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000",
                                    "HOOKLINE_WORKER_LEASE_MS=2000", NULL};

/* What the roll-ups say: of pages and of what is open, added up. */
#define FIGURES                                                                                    \
    "(SELECT s.tenant_id, s.grain, s.app_id, s.subscription_id, s.event_type,"                     \
    "        s.at + p.slot * ('1 ' || s.grain)::interval AS at, p.n_events, p.n_messages, "        \
    "p.skips,"                                                                                     \
    "        p.n_attempts, p.n_failed, p.failures, p.latency, p.latency_failed"                    \
    "   FROM stat_page s, unnest(s.parts) p"                                                       \
    "  UNION ALL"                                                                                  \
    " SELECT o.tenant_id, g.grain, o.app_id, o.subscription_id, o.event_type,"                     \
    "        date_trunc(g.grain, o.at, 'UTC'), o.n_events, o.n_messages, o.skips, o.n_attempts,"   \
    "        o.n_failed, o.failures, o.latency, o.latency_failed"                                  \
    "   FROM stat_open o, (VALUES ('minute'), ('hour'), ('day')) AS g (grain)"                     \
    "  WHERE g.grain <> 'minute' OR o.event_type = '' OR o.subscription_id = uuid_min()) figure"
#define OF_TENANTS_BY_DAY FIGURES " WHERE grain = 'day' AND app_id = uuid_min() AND event_type = ''"

/* Counts the log anew, for each level and grain (pairs have no minutes), and compares: how many
 * rows differ. */
static const char *const differences =
    "WITH fact AS ("
    "    SELECT e.tenant_id, z.id AS app_id, z.id AS subscription_id, e.event_type, "
    "uuid_v7_time(e.id) AS at,"
    "           1 AS n_events, 0 AS n_messages, 0 AS n_skips, 0 AS n_attempts, 0 AS n_failed"
    "      FROM event e, (SELECT uuid_min() AS id) z"
    "     UNION ALL"
    "    SELECT m.tenant_id, s.app_id, s.id, e.event_type, uuid_v7_time(e.id), 0, 1, 0, 0, 0"
    "      FROM message m JOIN event e ON e.id = m.event_id JOIN subscription s ON s.id = "
    "m.subscription_id"
    "     WHERE num_nonnulls(m.backfill_id, m.resend_of, m.replay_id) = 0"
    "     UNION ALL"
    "    SELECT k.tenant_id, s.app_id, s.id, e.event_type, uuid_v7_time(e.id), 0, 0, 1, 0, 0"
    "      FROM skip k JOIN event e ON e.id = k.event_id JOIN subscription s ON s.id = "
    "k.subscription_id"
    "     UNION ALL"
    "    SELECT a.tenant_id, s.app_id, s.id, e.event_type, a.started_at, 0, 0, 0, 1, (a.outcome <> "
    "'succeeded')::integer"
    "      FROM attempt a JOIN message m ON m.id = a.message_id JOIN event e ON e.id = m.event_id"
    "      JOIN subscription s ON s.id = m.subscription_id"
    "), wanted AS ("
    "    SELECT f.tenant_id, g.grain, l.app_id, l.subscription_id, l.event_type, "
    "date_trunc(g.grain, f.at, 'UTC') AS at,"
    "           sum(f.n_events) AS n_events, sum(f.n_messages) AS n_messages, sum(f.n_skips) AS "
    "n_skips,"
    "           sum(f.n_attempts) AS n_attempts, sum(f.n_failed) AS n_failed"
    "      FROM fact f"
    "     CROSS JOIN (VALUES ('minute'), ('hour'), ('day')) AS g (grain)"
    "     CROSS JOIN LATERAL (SELECT uuid_min(), uuid_min(), '' UNION SELECT uuid_min(), "
    "uuid_min(), f.event_type"
    "                         UNION SELECT f.app_id, uuid_min(), '' UNION SELECT f.app_id, "
    "f.subscription_id, ''"
    "                         UNION SELECT f.app_id, f.subscription_id, f.event_type) AS l "
    "(app_id, subscription_id, event_type)"
    "     WHERE g.grain <> 'minute' OR l.event_type = '' OR l.subscription_id = uuid_min()"
    "     GROUP BY 1, 2, 3, 4, 5, 6"
    "), kept AS ("
    "    SELECT tenant_id, grain, app_id, subscription_id, event_type, at, sum(n_events), "
    "sum(n_messages),"
    "           sum((SELECT coalesce(sum(x.value::bigint), 0) FROM jsonb_each_text(skips) x)), "
    "sum(n_attempts), sum(n_failed)"
    "      FROM " FIGURES "     WHERE n_failed = coalesce((SELECT sum(x.value::bigint) FROM "
    "jsonb_each_text(failures) x), "
    "0)"
    "       AND n_attempts = coalesce(latency[array_upper(latency, 1)], 0)"
    "       AND n_failed = coalesce(latency_failed[array_upper(latency_failed, 1)], 0)"
    "     GROUP BY 1, 2, 3, 4, 5, 6"
    ") SELECT (SELECT count(*) FROM (TABLE wanted EXCEPT ALL TABLE kept) x)"
    "       + (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE wanted) x)";

static bool is_exact(void *arg)
{
    return db_int(arg, "%s", differences) == 0;
}

static bool is_settled(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM stat_progress WHERE attempts_to > (SELECT "
                       "max(recorded_at) FROM attempt)"
                       " AND events_to > (SELECT uuid_v7_time(max(id::text)::uuid) FROM event)"
                       " AND history_tenant IS NULL") == 1;
}

static void wait_until_exact(struct harness *h)
{
    assert_true(wait_until(is_settled, h, SOON_MS));
    if (!wait_until(is_exact, h, 2000))
        fail_test("%lld rows of the roll-ups differ from the log",
                  (long long)db_int(h, "%s", differences));
}

/* One subscription that is answered 500 once, then 200; one that wants another event type; one
 * event type more. */
static struct subscription given_mixture(struct harness *h, struct tenant *t)
{
    struct subscription s = given_story(h, t, "/hook");
    const char *app_id = given_app(h, t, "other");

    given_event_type(h, t, "order.sent");
    (void)given_connection(h, t, app_id, "c1");
    (void)given_subscription(h, t, app_id, "/other", "order.sent");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"times\": 3}]}");
    return s;
}

static void publish_mixture(struct harness *h, struct tenant *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        (void)publish(h, t, "order.paid", "c1", "{}");
        (void)publish(h, t, "order.sent", "c1", "{}");
    }
}

static struct reply ask(struct harness *h, const char *key, const char *query)
{
    return api_want(h, 200, key, "GET", at(h, "/v1/stats?%s", query), NULL);
}

static void test_what_is_counted_is_what_the_log_says(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_mixture(h, t);
    struct reply reply;

    (void)given_story(h, other, "/foreign");
    publish_mixture(h, t, 10);
    (void)publish(h, other, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 13, SOON_MS);
    sinker_wait(h, "/other", 10, SOON_MS);
    sinker_wait(h, "/foreign", 1, SOON_MS);
    wait_until_exact(h);

    reply = ask(h, t->admin, "interval=day");
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_members(reply, "", "interval,since,until,settled_until,is_complete,groups,data");
    assert_members(reply, "data.0",
                   "at,group,events,messages,skips,attempts,succeeded,failures,latency_ms");
    assert_int_equal(reply_int(&reply, "data.0.events"), 20);
    assert_int_equal(reply_int(&reply, "data.0.messages"), 20);
    assert_int_equal(reply_int(&reply, "data.0.skips.type_not_selected"), 20);
    assert_int_equal(reply_int(&reply, "data.0.attempts"), 23);
    assert_int_equal(reply_int(&reply, "data.0.succeeded"), 20);
    assert_int_equal(reply_int(&reply, "data.0.failures.http_5xx"), 3);
    assert_members(reply, "data.0.latency_ms", "p50,p95,p99");

    reply = ask(h, t->admin, at(h, "subscription_id=%s&interval=hour", s.id));
    assert_int_equal(reply_int(&reply, "data.0.attempts"), 13);
    assert_true(reply_is_null(&reply, "data.0.events"));
    reply = ask(h, t->admin, "group_by=event_type&interval=day");
    assert_int_equal(reply_int(&reply, "groups"), 2);
    assert_string_equal(reply_text(&reply, "data.0.group"), "order.paid");
    assert_int_equal(reply_int(&reply, "data.0.events"), 10);
    reply = ask(h, t->admin, "group_by=app&event_type=order.sent");
    assert_int_equal(reply_int(&reply, "groups"), 2);
    reply = ask(h, t->admin, "group_by=subscription&groups=1");
    assert_int_equal(reply_int(&reply, "groups"), 2);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.group"), s.id); /* the larger one */
    reply = ask(h, t->admin, "outcome=failed");
    assert_false(reply_is_null(&reply, "data.0.latency_ms"));
}

static void test_others_see_their_own_only(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_mixture(h, t);
    struct reply reply;

    publish_mixture(h, t, 2);
    sinker_wait(h, "/hook", 5, SOON_MS);
    sinker_wait(h, "/other", 2, SOON_MS);
    wait_until_exact(h);

    reply = ask(h, t->partner, "interval=day");
    assert_int_equal(reply_int(&reply, "data.0.messages"), 2);
    assert_int_equal(reply_int(&reply, "data.0.attempts"), 5);
    assert_true(reply_is_null(&reply, "data.0.events"));
    reply = ask(h, t->partner, "group_by=subscription");
    assert_int_equal(reply_int(&reply, "groups"), 1);
    assert_string_equal(reply_text(&reply, "data.0.group"), s.id);
    reply = ask(h, t->partner, "group_by=event_type");
    assert_int_equal(reply_count(&reply, "data"), 2); /* skipped is counted, too */
    reply = ask(h, given_key(h, t, "partner", "nobody"), "");
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = ask(h, other->admin, "");
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = ask(h, other->admin, at(h, "subscription_id=%s", s.id));
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static void test_workers_that_are_killed_count_nothing_twice(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (unsigned round = 0; round < 4; round++) {
        publish_many(h, t, 500);
        harness_kill_worker(h, round % 2);
        (void)harness_start_worker(h);
        if (round % 2 == 1)
            sinker_wait(h, "/hook", 500 * round, SOON_MS);
    }
    sinker_wait(h, "/hook", 2000, SOON_MS);
    assert_true(wait_until(is_exact, h, SOON_MS));
    assert_true(db_int(h, "SELECT sum(n_attempts) FROM " OF_TENANTS_BY_DAY) >= 2000);
}

/* A verdict that is long on its way: its transaction began, and says so, before others that have
 * ended. */
static void test_what_is_being_written_is_waited_for(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    char url[PG_URL_SIZE];
    PGconn *session;
    int64_t n_before;

    (void)given_story(h, t, "/hook");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    wait_until_exact(h);
    n_before = db_int(h, "SELECT sum(n_attempts) FROM " OF_TENANTS_BY_DAY);
    assert_int_equal(n_before, 1);

    pg_url(h->database, true, url);
    session = PQconnectdb(at(h, "%s options='-c search_path=hookline'", url));
    PQclear(PQexec(session, "BEGIN"));
    PQclear(PQexec(session, "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, "
                            "url, outcome, status_code, duration_us, worker)"
                            " SELECT tenant_id, message_id, 2, started_at, url, 'timeout', NULL, "
                            "7000000, worker FROM attempt"));
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, SOON_MS);
    /* Steps go on, and no further than to the oldest that is under way. */
    assert_false(wait_until(is_settled, h, 1500));
    PQclear(PQexec(session, "COMMIT"));
    PQfinish(session);
    wait_until_exact(h);
    assert_int_equal(db_int(h, "SELECT sum(n_attempts) FROM " OF_TENANTS_BY_DAY), 3);
}

/* As the migration leaves it where there is a log: nothing is rolled up, and no attempt says when
 * it was recorded. */
static void test_what_was_there_before_is_rolled_up_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_mixture(h, t);
    publish_mixture(h, t, 20);
    sinker_wait(h, "/hook", 23, SOON_MS);
    sinker_wait(h, "/other", 20, SOON_MS);
    wait_until_exact(h);
    harness_stop_worker(h, 0);
    (void)db_text(h, "WITH gone AS (DELETE FROM stat_open), old AS (UPDATE attempt SET recorded_at "
                     "= now() - interval '1 second', started_at = started_at - interval '5 hours')"
                     " UPDATE stat_progress SET settled_to = '-infinity', mark_at = '-infinity', "
                     "attempts_to = now(),"
                     " events_to = now() - interval '400 days', history_before = now(), "
                     "history_tenant = installation_id()");
    reply = ask(h, t->admin, "");
    assert_false(reply_bool(&reply, "is_complete"));
    assert_int_equal(reply_count(&reply, "data"), 0);
    (void)harness_start_worker(h);
    (void)harness_start_worker(h);
    wait_until_exact(h);
    publish_mixture(h, t, 1);
    sinker_wait(h, "/hook", 24, SOON_MS);
    wait_until_exact(h);
    reply = ask(h, t->admin, "");
    assert_true(reply_bool(&reply, "is_complete"));
}

/* As if the hour were over. Nobody takes a step meanwhile. */
static void fold(struct harness *h)
{
    (void)db_text(h, "SELECT (stat_fold(jsonb_populate_record(p, jsonb_build_object('folded_to', "
                     "'-infinity', 'settled_to', now() + interval '2 hours')),"
                     "                  '{2 days,90 days,400 days}')).folded_to::text"
                     "  FROM stat_progress p FOR UPDATE");
}

/* Also what is late, of an hour whose figures have moved; and twice. */
static void test_an_hour_that_is_over_is_moved_and_gets_more(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply before, reply;

    (void)given_mixture(h, t);
    publish_mixture(h, t, 5);
    sinker_wait(h, "/hook", 8, SOON_MS);
    sinker_wait(h, "/other", 5, SOON_MS);
    wait_until_exact(h);
    before = ask(h, t->admin, "interval=day&group_by=event_type");
    fold(h);
    assert_int_equal(db_int(h, "SELECT count(*) FROM stat_open"), 0);
    wait_until_exact(h);
    reply = ask(h, t->admin, "interval=day&group_by=event_type");
    assert_string_equal(strstr(reply.body, "\"data\""), strstr(before.body, "\"data\""));
    publish_mixture(h, t, 5);
    sinker_wait(h, "/hook", 13, SOON_MS);
    sinker_wait(h, "/other", 10, SOON_MS);
    wait_until_exact(h);
    fold(h);
    wait_until_exact(h);
    reply = ask(h, t->admin, "interval=hour&group_by=subscription&event_type=order.paid");
    assert_int_equal(reply_int(&reply, "groups"), 2);
    assert_true(reply_count(&reply, "data") >= 2);
}

/* Each grain as long as its setting says and to the end of its page, today included. */
static bool has_swept(void *arg)
{
    return strcmp(db_text(arg, "SELECT string_agg(g.grain || ' ' || (g.n BETWEEN g.least AND "
                               "g.least + 1)::text, ', ' ORDER BY g.least)"
                               "  FROM (SELECT grain, count(*) AS n,"
                               "               CASE grain WHEN 'minute' THEN 2 WHEN 'hour' THEN 97 "
                               "ELSE 430 END AS least FROM stat_page GROUP BY grain) g"),
                  "minute true, hour true, day true") == 0;
}

static void test_what_has_had_its_time_is_taken_away(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)db_text(h,
                  "INSERT INTO stat_page"
                  " SELECT '%s', g.grain, uuid_min(), uuid_min(), '', now() - d * interval '1 day',"
                  "        ARRAY[row(0, 1, 0, NULL, 0, 0, NULL, NULL, NULL)::stat_part]"
                  " FROM (VALUES ('minute'), ('hour'), ('day')) AS g (grain), generate_series(0, "
                  "800) d",
                  t->id);
    assert_true(wait_until(has_swept, h, SOON_MS));
}

static void test_too_much_is_refused(void **state)
{
    static const char *const wrong[] = {
        "interval=week",
        "interval=minute&since=2026-01-01T00:00:00Z&until=2026-01-03T00:00:00Z",
        "interval=minute&group_by=app&event_type=order.paid",
        "interval=minute&group_by=event_type&app_id=00000000-0000-0000-0000-000000000000",
        "groups=0&group_by=app",
        "groups=101&group_by=app",
        "groups=x&group_by=app",
        "group_by=company",
        ("interval=hour&group_by=app&groups=10&since=2026-01-01T00:00:00Z"
         "&until=2026-03-01T00:00:00Z"),
        "app_id=1",
        "since=yesterday",
        "outcome=maybe"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++) {
        reply = api_call(h, t->admin, "GET", at(h, "/v1/stats?%s", wrong[i]), NULL);
        assert_problem(h, reply, 422, "invalid_parameter", NULL);
    }
    reply = api_call(h, t->producer, "GET", "/v1/stats", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = ask(h, t->admin, "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z");
    assert_int_equal(reply_count(&reply, "data"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_is_counted_is_what_the_log_says, .env = quick),
        harness_test(test_others_see_their_own_only, .env = quick),
        harness_test(test_workers_that_are_killed_count_nothing_twice, .n_workers = 2,
                     .env = quick),
        harness_test(test_what_is_being_written_is_waited_for, .env = quick),
        harness_test(test_what_was_there_before_is_rolled_up_once, .env = quick),
        harness_test(test_an_hour_that_is_over_is_moved_and_gets_more, .env = quick),
        harness_test(test_what_has_had_its_time_is_taken_away, .env = quick),
        harness_test(test_too_much_is_refused, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
