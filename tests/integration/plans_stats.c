/* SPDX-License-Identifier: Apache-2.0 */
/* What statistics and gaps touch: one range of the roll-ups for each line of a chart, a bounded
 * part of the log for a step of the roll-ups and for a page of gaps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/resources/gaps.sql.h"
#include "api/resources/stats.sql.h"
#include "hk/db.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"
#include "worker/stats.sql.h"

/* 20 tenants with 10 apps, a year of 20 keys each; the log is of 40,000 events in one day. */
static const char *const given =
    "INSERT INTO tenant (tenant_id, name)"
    " SELECT md5('t' || n)::uuid, 't' || n FROM generate_series(1, 20) n;"
    "INSERT INTO app (tenant_id, id, partner, name)"
    " SELECT md5('t' || n)::uuid, md5('a' || a)::uuid, 'p' || a % 2, 'a'"
    "   FROM generate_series(1, 20) n, generate_series(1, 10) a;"
    "INSERT INTO subscription (tenant_id, id, app_id, url, event_types)"
    " SELECT md5('t' || n)::uuid, md5('s' || a)::uuid, md5('a' || a)::uuid, 'http://r/', ARRAY['*']"
    "   FROM generate_series(1, 20) n, generate_series(1, 10) a;"
    "INSERT INTO stat_page"
    " SELECT md5('t' || n)::uuid, g.grain, CASE WHEN a = 0 THEN uuid_min() ELSE md5('a' || "
    "a)::uuid END,"
    "        CASE WHEN s = 0 THEN uuid_min() ELSE md5('s' || a)::uuid END, '',"
    "        date_trunc(g.page, now(), 'UTC') - d * g.span,"
    "        ARRAY(SELECT row(p, 0, 5, NULL, 5, 0, NULL, '[3:5]={1,2,5}', NULL)::stat_part"
    "                FROM generate_series(0, g.n_parts - 1) p)"
    "   FROM generate_series(1, 20) n, generate_series(0, 10) a, generate_series(0, 1) s, "
    "generate_series(0, 12) d,"
    "        (VALUES ('day', 'month', interval '1 month', 30), ('hour', 'week', '1 week', 168))"
    "        AS g (grain, page, span, n_parts)"
    "  WHERE a > 0 OR s = 0;"
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT md5('t' || n % 20 + 1)::uuid, overlay(md5(n::text)::text PLACING"
    "        left(uuid_v7_floor(now() - n * interval '2 seconds')::text, 13) FROM 1 FOR 12)::uuid, "
    "'order.paid',"
    "        uuid_min(), '{}' FROM generate_series(1, 40000) n;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)"
    " SELECT e.tenant_id, message_id(e.id, md5('s1')::uuid), e.id, md5('s1')::uuid, uuid_min(), "
    "'succeeded' FROM event e;"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, "
    "status_code, duration_us, worker,"
    "                     recorded_at)"
    " SELECT m.tenant_id, m.id, 1, uuid_v7_time(m.id), 'http://r/', 'succeeded', 200, 20000, 'w', "
    "uuid_v7_time(m.id)"
    "   FROM message m ORDER BY m.id;"
    /* One in ten failed, three are skipped by each of another tenant's events. */
    "UPDATE message SET status = 'failed', status_reason = 'status_410' WHERE "
    "get_byte(uuid_send(id), 15) % 10 = 0;"
    "INSERT INTO skip (tenant_id, event_id, subscription_id, reason)"
    " SELECT e.tenant_id, e.id, md5('s' || a)::uuid, CASE a WHEN 2 THEN 'subscription_paused' ELSE "
    "'type_not_selected' END"
    "   FROM event e, generate_series(2, 4) a;";

/* In the API's session, and a worker's. Rows within functions are not told; 0: not looked at. */
static const struct {
    const char *what, *statement, *rest;
    int64_t max_blocks;
} reads[] = {
    {"90 days", "stat_report",
     "NULL, 'day', now() - interval '89 days', NULL, NULL, NULL, NULL, NULL, "
     "NULL, NULL",
     2500},
    {"90 days of each app", "stat_report",
     "NULL, 'day', now() - interval '89 days', NULL, 'app', NULL, NULL, NULL, "
     "NULL, NULL",
     2500},
    {"90 days of each subscription of a partner", "stat_report",
     "'p1', 'day', now() - interval '89 days', NULL, 'subscription', NULL, NULL, "
     "NULL, NULL, NULL",
     2500},
    {"a day by the hour", "stat_report",
     "NULL, 'hour', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL", 2500},
    /* 2,000 rows of each source at most, of which 50 are shown; each costs its look-ups in all
       partitions. */
    {"a page of gaps", "gap_list", "NULL, 50, NULL, NULL, NULL, NULL, NULL, NULL", 25000},
    {"a page of gaps with a reason", "gap_list", "NULL, 50, NULL, NULL, NULL, 'failed', NULL, NULL",
     10000},
    {"a page of no gaps", "gap_list", "NULL, 50, NULL, NULL, NULL, 'nothing', NULL, NULL", 10000},
};

static PGconn *log_in(const char *database, const char *options,
                      const struct hk_stmt *const statements[])
{
    char url[PG_URL_SIZE], text[1024];
    PGconn *session;

    pg_url(database, true, url);
    (void)snprintf(text, sizeof(text), "%s options='-c search_path=hookline -c TimeZone=UTC %s'",
                   url, options);
    session = PQconnectdb(text);
    assert_int_equal(PQstatus(session), CONNECTION_OK);
    for (; *statements != NULL; statements++)
        plan_prepare(session, *statements);
    return session;
}

/* A thirtieth of what is there, or less, whatever the statistics say. */
static void test_charts_and_gaps_read_what_they_show(void **state)
{
    static const struct hk_stmt *const statements[] = {&stmt_stat_report, &stmt_gap_list, NULL};
    char database[PG_NAME_SIZE], execute[512];
    PGconn *owner = plan_open_database(database);
    PGconn *session;
    char *tenant;
    bool is_good = true;

    (void)state;
    PQclear(plan_query(owner, given));
    PQclear(plan_query(owner, "VACUUM ANALYZE"));
    tenant = plan_value(owner, "SELECT quote_literal(md5('t1')::uuid)");
    session = log_in(database, HK_DB_API_OPTIONS, statements);
    for (size_t i = 0; i < HK_COUNTOF(reads); i++) {
        struct plan_cost cost;

        (void)snprintf(execute, sizeof(execute), "EXECUTE %s (%s, %s)", reads[i].statement, tenant,
                       reads[i].rest);
        cost = plan_explain(session, execute);
        is_good &= plan_is_within(&cost, reads[i].what, INT64_MAX, reads[i].max_blocks);
        plan_cost_done(&cost);
    }
    PQfinish(session);
    free(tenant);
    PQfinish(owner);
    pg_drop_database(database);
    assert_true(is_good);
}

/* 50,000 minutes of three hours ago, and nothing else to do. */
static const char *const open_rows =
    "TRUNCATE stat_open, stat_page;"
    "INSERT INTO stat_open"
    " SELECT md5('t' || n % 20 + 1)::uuid, md5('a' || n / 1200)::uuid, uuid_min(), '',"
    "        date_trunc('hour', now() - interval '3 hours', 'UTC') + n / 20 % 60 * interval '1 "
    "minute',"
    "        1, 0, NULL, 0, 0, NULL, NULL, NULL FROM generate_series(0, 49999) n;"
    "UPDATE stat_progress SET settled_to = now(), attempts_to = now(), events_to = now(),"
    "  mark_xid = '9223372036854775807', folded_to = '-infinity';";

/* However much there is to catch up with, and whatever the tables' statistics. */
static void test_a_step_of_the_roll_ups_is_bounded(void **state)
{
    static const struct hk_stmt *const statements[] = {&stmt_stat_step, NULL};
    char database[PG_NAME_SIZE];
    PGconn *owner = plan_open_database(database);
    PGconn *session =
        log_in(database, "-c enable_seqscan=off -c enable_sort=off -c work_mem=32MB -c jit=off",
               statements);
    struct plan_cost cost;
    char *text;

    (void)state;
    PQclear(plan_query(owner, given));
    PQclear(plan_query(owner, "TRUNCATE stat_page"));
    PQclear(plan_query(owner, "VACUUM attempt"));
    PQclear(plan_query(
        owner,
        "UPDATE stat_progress SET settled_to = now(), attempts_to = now() - interval '22 hours',"
        " attempts_span = '1 day', events_to = now() - interval '22 hours',"
        " events_span = '1 day', history_before = '-infinity'"));
    cost = plan_explain(session, "EXECUTE stat_step (0, 0, 5000, '{2,90,400}')");
    assert_true(plan_is_within(&cost, "a step", INT64_MAX, 1500000));
    plan_cost_done(&cost);
    text = plan_value(
        owner,
        "SELECT sum(p.n_attempts) BETWEEN 1 AND 20000 AND sum(p.n_events) BETWEEN 1 AND 20000"
        "  FROM stat_page s, unnest(s.parts) p"
        " WHERE s.grain = 'hour' AND s.app_id = uuid_min() AND s.event_type = ''");
    assert_non_null(text);
    assert_string_equal(text, "t");
    free(text);
    /* One fold of what lies in hours that are over, and no more. */
    PQclear(plan_query(owner, open_rows));
    cost = plan_explain(session, "EXECUTE stat_step (0, 0, 5000, '{2,90,400}')");
    assert_true(plan_is_within(&cost, "a fold", INT64_MAX, 1000000));
    plan_cost_done(&cost);
    text = plan_value(owner, "SELECT (SELECT count(*) FROM stat_open) || ' '"
                             "       || (SELECT sum(p.n_events) FROM stat_page s, unnest(s.parts) p"
                             "            WHERE s.grain = 'day')");
    assert_non_null(text);
    assert_string_equal(text, "30000 20000");
    free(text);
    PQfinish(session);
    PQfinish(owner);
    pg_drop_database(database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charts_and_gaps_read_what_they_show),
        cmocka_unit_test(test_a_step_of_the_roll_ups_is_bounded),
    };

    return cmocka_run_group_tests_name("plans_stats", tests, NULL, NULL);
}
