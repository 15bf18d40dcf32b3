/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_search(): whichever way it takes, page by page it finds each message that a filter means
 * once, and no other, in the order of ids; and a page touches no more than its reach allows. The
 * filters are asked again in plain SQL, as the API's role, beside a tenant that has the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/db.h"
#include "tests/support/harness.h"
#include "tests/support/plan.h"

static const char seed[] =
    "SET search_path = hookline;"
    "SELECT setseed(0.5);"
    "CREATE FUNCTION mine() RETURNS uuid IMMUTABLE LANGUAGE sql"
    " AS $$SELECT '00000000-0000-7000-8000-000000000001'::uuid$$;"
    "INSERT INTO tenant (tenant_id, name) SELECT ('00000000-0000-7000-8000-00000000000' || "
    "i)::uuid, 't' || i"
    "  FROM generate_series(1, 2) i;"
    "INSERT INTO event_type (tenant_id, name, attributes)"
    " SELECT t.tenant_id, 'order.paid', '{\"amount\": \"$.amount\"}' FROM tenant t WHERE t.name ~ "
    "'^t';"
    "INSERT INTO company (tenant_id, external_id, name)"
    " SELECT t.tenant_id, 'c' || i, 'Company ' || i % 25 FROM tenant t, generate_series(1, 30) i "
    "WHERE t.name ~ '^t';"
    "INSERT INTO app (tenant_id, partner, name)"
    " SELECT t.tenant_id, 'p' || i % 2, 'a' || i FROM tenant t, generate_series(1, 4) i WHERE "
    "t.name ~ '^t';"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT a.tenant_id, a.id, 'https://example.com/', ARRAY['*'] FROM app a, generate_series(1, "
    "2);"
    /* One app has many that nothing has been sent to. */
    "INSERT INTO subscription (tenant_id, app_id, url, event_types, state)"
    " SELECT a.tenant_id, a.id, 'https://quiet.example.com/', ARRAY['*'], 'paused' FROM app a, "
    "generate_series(1, 60) WHERE a.name = 'a1';"
    /* Some events share the first 64 bits of their ids. */
    "INSERT INTO event (tenant_id, id, event_type, company_id, external_id, payload, traceparent)"
    " SELECT c.tenant_id, overlay(uuid_v7()::text PLACING lpad(to_hex(i / 3), 3, '0') FROM 16 FOR "
    "3)::uuid,"
    "        (ARRAY['order.paid', 'order.sent', 'invoice.paid'])[1 + (random() * 2)::integer], "
    "c.id, 'e' || i,"
    "        json_build_object('amount', i), CASE WHEN i % 2 = 0"
    "        THEN '00-' || md5((i % 7)::text) || '-00f067aa0ba902b7-01' END"
    "   FROM company c, generate_series(1, 40) i;"
    "INSERT INTO event_key (tenant_id, external_id, event_id)"
    " SELECT DISTINCT ON (e.tenant_id, e.external_id) e.tenant_id, e.external_id, e.id FROM event "
    "e;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, status, status_reason, origin)"
    " SELECT x.tenant_id, message_id(x.id, x.subscription_id), x.id, x.subscription_id, x.status,"
    "        CASE WHEN x.status IN ('failed', 'cancelled', 'held') THEN 'why' END,"
    "        CASE WHEN x.luck < 0.1 THEN 'resend' END"
    "   FROM (SELECT e.tenant_id, e.id, s.id AS subscription_id, random() AS luck,"
    "                (ARRAY['succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', "
    "'succeeded', 'failed',"
    "                       'pending', 'cancelled', 'held'])[1 + (random() * 9)::integer] AS status"
    "           FROM event e JOIN subscription s ON s.tenant_id = e.tenant_id AND s.state = "
    "'active'"
    "          WHERE random() < 0.3) x;"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, "
    "status_code, duration_us, worker)"
    " SELECT m.tenant_id, m.id, n, now(), 'https://example.com/', x.o,"
    "        CASE x.o WHEN 'succeeded' THEN 200 WHEN 'http_status' THEN 500 + n END, (random() ^ 4 "
    "* 3000000)::bigint, 'w'"
    "   FROM message m"
    "  CROSS JOIN LATERAL (SELECT CASE WHEN m.id IS NULL THEN 0 ELSE floor(random() * 3)::integer "
    "END AS n_failed) f"
    "  CROSS JOIN LATERAL generate_series(1, f.n_failed + (m.status = 'succeeded')::integer) n"
    "  CROSS JOIN LATERAL (SELECT CASE WHEN n > f.n_failed THEN 'succeeded'"
    "                                  WHEN random() < 0.5 THEN 'timeout' ELSE 'http_status' END "
    "AS o) x;"
    "UPDATE message m SET attempts = (SELECT count(*) FROM attempt t"
    "                                  WHERE t.tenant_id = m.tenant_id AND t.message_id = m.id);"
    "INSERT INTO queue (tenant_id, subscription_id, message_id, attempts, leased, due_at)"
    " SELECT m.tenant_id, m.subscription_id, m.id, m.attempts, m.status = 'pending' AND m.attempts "
    "= 1,"
    "        CASE m.status WHEN 'held' THEN 'infinity' ELSE now() + interval '1 hour' END"
    "   FROM message m WHERE m.status IN ('pending', 'held');"
    "CREATE FUNCTION pages(partner text, filter jsonb, n integer, reach integer) RETURNS TABLE (id "
    "uuid, place bigint)"
    " LANGUAGE plpgsql AS $$"
    " DECLARE before uuid; one record; n_page integer; is_cut boolean;"
    " BEGIN place := 0;"
    "  FOR i IN 1 .. 100000 LOOP n_page := 0; is_cut := false;"
    "   FOR one IN SELECT s.* FROM message_search(mine(), partner, filter, before, n, reach) s LOOP"
    "    IF (one.message).id IS NULL THEN is_cut := true;"
    "     IF before < one.reached_id OR before = one.reached_id AND n_page = 0 THEN RAISE "
    "EXCEPTION 'no progress: %', filter; END IF;"
    "     before := one.reached_id;"
    "    ELSE n_page := n_page + 1; before := (one.message).id; id := before; place := place + 1; "
    "RETURN NEXT;"
    "    END IF;"
    "   END LOOP;"
    "   EXIT WHEN n_page < n AND NOT is_cut;"
    "  END LOOP;"
    " END $$;"
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hookline TO hookline_api;"
    "ANALYZE;";

#define ATTEMPT(condition)                                                                         \
    "EXISTS (SELECT FROM attempt t WHERE t.tenant_id = m.tenant_id AND t.message_id = m.id "       \
    "AND " condition ")"
#define TRACE_OF_3 "substr(e.traceparent, 4, 32) = md5('3')"

/* A filter, and what it means of m, its event e, company c and app a. */
static const struct {
    const char *filter, *means;
} cases[] = {
    {"{}", "true"},
    {"{\"status\": [\"failed\"]}", "m.status = 'failed'"},
    {"{\"status\": [\"held\", \"cancelled\"]}", "m.status IN ('held', 'cancelled')"},
    {"{\"status\": [\"sending\"]}", "m.status = 'pending' AND m.attempts = 1"},
    {"{\"status\": [\"pending\", \"held\"]}",
     "m.status = 'held' OR m.status = 'pending' AND m.attempts <> 1"},
    {"{\"not\": {\"status\": [\"succeeded\", \"pending\"]}}",
     "m.status NOT IN ('succeeded', 'pending') OR m.status = 'pending' AND m.attempts = 1"},
    {"{\"code\": [\"5xx\"]}", ATTEMPT("t.status_code >= 500")},
    {"{\"code\": [\"501\", \"none\"]}", ATTEMPT("(t.status_code = 501 OR t.status_code IS NULL)")},
    {"{\"code\": [\"2xx\"], \"latency_ms\": {\"gte\": 1000}}",
     ATTEMPT("t.status_code = 200 AND t.duration_us >= 1000000")},
    {"{\"latency_ms\": {\"gte\": 100, \"lte\": 200}}",
     ATTEMPT("t.duration_us / 1000 BETWEEN 100 AND 200")},
    {"{\"error\": [\"timeout\"], \"latency_ms\": {\"lte\": 10}}",
     ATTEMPT("t.outcome = 'timeout' AND t.duration_us < 11000")},
    {"{\"not\": {\"error\": [\"succeeded\", \"timeout\"]}}", ATTEMPT("t.outcome = 'http_status'")},
    {"{\"attempts\": {\"gte\": 2}}", "m.attempts >= 2"},
    {"{\"attempts\": {\"gte\": 0, \"lte\": 0}}", "m.attempts = 0"},
    {"{\"company\": [\"c3\"]}", "c.external_id = 'c3'"},
    {"{\"company\": [\"Company 3\", \"c7\"]}", "c.name = 'Company 3' OR c.external_id = 'c7'"},
    {"{\"company\": [\"Company 3\"], \"status\": [\"failed\"], \"code\": [\"5xx\"]}",
     "c.name = 'Company 3' AND m.status = 'failed' AND " ATTEMPT("t.status_code >= 500")},
    {"{\"not\": {\"company\": [\"c3\"]}, \"event_type\": [\"order.*\"]}",
     "c.external_id <> 'c3' AND e.event_type LIKE 'order.%'"},
    {"{\"event_type\": [\"invoice.paid\"], \"error\": [\"timeout\"]}",
     "e.event_type = 'invoice.paid' AND " ATTEMPT("t.outcome = 'timeout'")},
    {"{\"trace_id\": [\"eccbc87e4b5ce2fe28308fd9f2a7baf3\"]}", TRACE_OF_3},
    {"{\"trace_id\": [\"eccbc87e4b5ce2fe28308fd9f2a7baf3\"], \"company\": [\"c4\"]}",
     TRACE_OF_3 " AND c.external_id = 'c4'"},
    {"{\"external_id\": [\"e5\"]}", "e.id = (SELECT k.event_id FROM event_key k WHERE k.tenant_id "
                                    "= mine() AND k.external_id = 'e5')"},
    {"{\"origin\": [\"resend\"], \"status\": [\"succeeded\"]}",
     "m.origin = 'resend' AND m.status = 'succeeded'"},
    {"{\"since\": \"2000-01-01T00:00:00.000Z\", \"path\": \"$.amount >= 39\"}",
     "(e.payload::json ->> 'amount')::integer >= 39"},
    {"{\"attribute\": {\"amount\": [\"39\", \"2\"]}}",
     "e.event_type = 'order.paid' AND e.payload::json ->> 'amount' IN ('39', '2')"},
    {"{\"not\": {\"code\": [\"2xx\"]}, \"company\": [\"c9\"]}",
     "c.external_id = 'c9' AND " ATTEMPT("t.status_code IS DISTINCT FROM 200")},
    {"{\"until\": \"2000-01-01T00:00:00.000Z\"}", "false"},
};

static struct {
    char database[PG_NAME_SIZE];
    PGconn *owner, *api;
} world;

/* What pages find and what plain SQL does, compared: "" or how they differ. */
static void must_agree(const char *filter, const char *means, const char *partner, int n, int reach)
{
    char sql[4096], *difference;

    (void)snprintf(
        sql, sizeof(sql),
        "WITH found AS MATERIALIZED (SELECT * FROM pages(%s, '%s', %d, %d)),"
        " wanted AS MATERIALIZED (SELECT m.id FROM message m"
        "   JOIN event e ON e.tenant_id = m.tenant_id AND e.id = m.event_id"
        "   JOIN company c ON c.tenant_id = e.tenant_id AND c.id = e.company_id"
        "   JOIN subscription s ON s.tenant_id = m.tenant_id AND s.id = m.subscription_id"
        "   JOIN app a ON a.tenant_id = s.tenant_id AND a.id = s.app_id"
        "  WHERE m.tenant_id = mine() AND (%s IS NULL OR a.partner = %s) AND (%s))"
        "SELECT concat((SELECT count(*) || ' missing ' FROM (SELECT id FROM wanted EXCEPT SELECT "
        "id FROM found) x"
        "                HAVING count(*) > 0),"
        "              (SELECT count(*) || ' too many ' FROM (SELECT id FROM found EXCEPT ALL "
        "SELECT id FROM wanted) x"
        "                HAVING count(*) > 0),"
        "              (SELECT 'out of order ' FROM found f JOIN found g ON g.place = f.place + 1 "
        "AND g.id >= f.id LIMIT 1))",
        partner, filter, n, reach, partner, partner, means);
    difference = plan_value(world.api, sql);
    if (difference == NULL || difference[0] != '\0')
        fail_msg("%s, partner %s, %d of %d: %s", filter, partner, n, reach, difference);
    free(difference);
}

static void test_every_way_finds_what_plain_sql_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        must_agree(cases[i].filter, cases[i].means, "NULL::text", 200, 800);
        must_agree(cases[i].filter, cases[i].means, "'p1'::text", 60, 200);
    }
}

static void test_a_short_reach_finds_all_of_it_too(void **state)
{
    static const size_t some[] = {1, 6, 8, 12, 15, 19};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(some); i++) {
        must_agree(cases[some[i]].filter, cases[some[i]].means, "NULL::text", 9, 40);
        must_agree(cases[some[i]].filter, cases[some[i]].means, "'p0'::text", 9, 40);
    }
}

static void test_lanes_with_nothing_on_them_make_no_page_short(void **state)
{
    char *n = plan_value(
        world.api, "SELECT count((s.message).id) FROM message_search(mine(), 'p1', '{}', NULL, 51, "
                   "2000) s");

    (void)state;
    assert_string_equal(n, "51");
    free(n);
}

static void test_those_of_a_list_that_match_are_told(void **state)
{
    char *n;

    (void)state;
    n = plan_value(
        world.api,
        "SELECT count(*) FROM message_matches(mine(), 'p1', '{\"status\": [\"failed\"]}',"
        " ARRAY(SELECT m.id FROM message m WHERE m.tenant_id = mine())) x"
        " FULL JOIN (SELECT m.id FROM message m JOIN subscription s ON s.id = m.subscription_id"
        "              JOIN app a ON a.id = s.app_id"
        "             WHERE m.tenant_id = mine() AND m.status = 'failed' AND a.partner = 'p1') y "
        "ON y.id = x.id"
        " WHERE x.id IS NULL OR y.id IS NULL");
    assert_string_equal(n, "0");
    free(n);
    n = plan_value(world.api, "SELECT count(*) FROM message_matches(mine(), NULL, '{}', '{}')");
    assert_string_equal(n, "0");
    free(n);
}

/* How many messages of the first tenant are as new as where a search stopped, or newer; -1: it did
 * not stop before the log does. */
static long count_looked_at(const char *partner, const char *filter, int n, int reach,
                            const char *condition)
{
    char sql[2048], *value;
    long n_messages;

    (void)snprintf(
        sql, sizeof(sql),
        "SELECT (SELECT count(*) FROM message m"
        "          JOIN subscription s ON s.tenant_id = m.tenant_id AND s.id = m.subscription_id"
        "          JOIN app a ON a.tenant_id = s.tenant_id AND a.id = s.app_id"
        "          JOIN event e ON e.tenant_id = m.tenant_id AND e.id = m.event_id"
        "          JOIN company c ON c.tenant_id = e.tenant_id AND c.id = e.company_id"
        "         WHERE m.tenant_id = mine() AND m.id >= found.reached_id AND (%s))"
        "  FROM message_search(mine(), %s, '%s', NULL, %d, %d) found WHERE (found.message).id IS "
        "NULL",
        condition, partner, filter, n, reach);
    value = plan_value(world.api, sql);
    n_messages = value == NULL ? -1 : strtol(value, NULL, 10);
    free(value);
    return n_messages;
}

/* Some are passed by beside the way; what is asked for in many lanes comes from all of them. */
static void test_a_page_looks_at_no_more_than_its_reach_however_much_is_asked_for(void **state)
{
    static const struct {
        const char *partner, *filter, *way;
        long most;
    } pages[] = {
        {"NULL", "{}", "true", 100},
        {"'p0'", "{}", "a.partner = 'p0'", 100},
        {"'p0'", "{\"attempts\": {\"gte\": 99}}", "a.partner = 'p0'", 100},
        {"'p1'", "{\"status\": [\"failed\"], \"attempts\": {\"gte\": 99}}",
         "a.partner = 'p1' AND m.status_reason IS NOT NULL", 100},
        /* A quarter of the reach are events, of some messages each. */
        {"NULL", "{\"company\": [\"Company 3\", \"c7\", \"c8\"], \"attempts\": {\"gte\": 99}}",
         "c.external_id IN ('c3', 'c28', 'c7', 'c8')", 100},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(pages); i++) {
        long n = count_looked_at(pages[i].partner, pages[i].filter, 50001, 100, pages[i].way);

        if (n < 12 || n > pages[i].most)
            fail_msg("%s, partner %s: %ld looked at", pages[i].filter, pages[i].partner, n);
    }
}

#define BIG "{\"since\": \"2000-01-01T00:00:00.000Z\", \"path\": \"$.amount == -1\"}"

static void test_a_page_reads_so_many_bytes_of_payloads(void **state)
{
    (void)state;
    PQclear(plan_query(
        world.owner,
        "WITH e AS (INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
        "  SELECT c.tenant_id, uuid_v7(), 'order.big', c.id,"
        "         json_build_object('amount', -i, 'pad', repeat('x', 100000))"
        "    FROM company c, generate_series(1, 40) i"
        "   WHERE c.tenant_id = mine() AND c.external_id = 'c1' RETURNING *)"
        " INSERT INTO message (tenant_id, id, event_id, subscription_id, status)"
        " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, 'succeeded'"
        "   FROM e JOIN subscription s ON s.tenant_id = e.tenant_id AND s.state = 'active'"));
    /* 1,600 KiB: 17 payloads, each read for the first of eight messages. */
    assert_in_range(count_looked_at("NULL", BIG, 200, 800, "e.event_type = 'order.big'"), 16 * 8,
                    17 * 8);
    must_agree(BIG, "(e.payload::json ->> 'amount')::integer = -1", "NULL::text", 9, 800);
}

/* The payloads of the test before: 4 MiB are 41 of 320. */
static void test_a_tail_reads_so_many_bytes_of_payloads_too(void **state)
{
    char *pages;

    (void)state;
    PQclear(plan_query(
        world.owner,
        "CREATE FUNCTION tail_pages(filter jsonb, OUT n_pages integer, OUT n_lines integer)"
        " LANGUAGE plpgsql AS $$"
        " DECLARE p record; at timestamptz; id uuid := uuid_min(); no integer := 0;"
        " BEGIN n_pages := 0; n_lines := 0;"
        "  SELECT min(e.recorded_at) INTO at FROM event e WHERE e.event_type = 'order.big';"
        "  LOOP SELECT t.* INTO p"
        "         FROM tail_page(mine(), NULL, filter, at, id, no, now() + interval '1 s', 100, "
        "true) t;"
        "   n_pages := n_pages + 1; n_lines := n_lines + p.n_lines;"
        "   EXIT WHEN p.is_whole OR n_pages = 100;"
        "   at := p.reached_at; id := p.reached_id; no := p.reached_no;"
        "  END LOOP;"
        " END $$;"
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hookline TO hookline_api"));
    pages = plan_value(world.api, "SELECT n_pages || ' ' || n_lines FROM tail_pages('" BIG "')");
    assert_string_equal(pages, "8 8");
    free(pages);
}

static void test_a_page_ends_after_a_second(void **state)
{
    (void)state;
    PQclear(plan_query(
        world.owner,
        "CREATE OR REPLACE FUNCTION log_payload_holds(t log_terms, event_id uuid, event_type text,"
        " payload text)"
        " RETURNS boolean LANGUAGE plpgsql STABLE AS $$"
        " BEGIN PERFORM pg_sleep(0.1); RETURN false; END $$"));
    assert_in_range(count_looked_at("NULL", BIG, 200, 100000, "true"), 10, 400);
}

static int open_world(void **state)
{
    char url[PG_URL_SIZE], options[PG_URL_SIZE + 512];

    (void)state;
    world.owner = plan_open_database(world.database);
    PQclear(plan_query(world.owner, seed));
    pg_url(world.database, false, url);
    (void)snprintf(options, sizeof(options),
                   "%s user=hookline_api options='-c search_path=hookline %s"
                   " -c hookline.tenant_id=00000000-0000-7000-8000-000000000001'",
                   url, HK_DB_API_OPTIONS);
    world.api = PQconnectdb(options);
    return PQstatus(world.api) == CONNECTION_OK ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    PQfinish(world.owner);
    PQfinish(world.api);
    pg_drop_database(world.database);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_finds_what_plain_sql_finds),
        cmocka_unit_test(test_a_short_reach_finds_all_of_it_too),
        cmocka_unit_test(test_lanes_with_nothing_on_them_make_no_page_short),
        cmocka_unit_test(test_those_of_a_list_that_match_are_told),
        cmocka_unit_test(test_a_page_looks_at_no_more_than_its_reach_however_much_is_asked_for),
        cmocka_unit_test(test_a_page_reads_so_many_bytes_of_payloads),
        cmocka_unit_test(test_a_tail_reads_so_many_bytes_of_payloads_too),
        cmocka_unit_test(test_a_page_ends_after_a_second), /* changes the function */
    };

    return cmocka_run_group_tests_name("search_ways", tests, open_world, close_world);
}
