/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the live tail and the exports read costs what they show, not what the log holds: 200,000
 * events of 50 tenants, 100 a second, each with a message and an attempt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/live/tail.sql.h"
#include "api/resources/exports.sql.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"

static const char seed[] =
    "SET search_path = hookline;"
    "INSERT INTO tenant (tenant_id, name) SELECT uuid_v7(), 't' || i FROM generate_series(1, 50) i;"
    "INSERT INTO app (tenant_id, partner, name) SELECT tenant_id, 'acme', 'a' FROM tenant;"
    "INSERT INTO company (tenant_id, external_id, name) SELECT tenant_id, 'c1', 'c' FROM tenant;"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT a.tenant_id, a.id, c.id, 'active' FROM app a JOIN company c USING (tenant_id);"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT tenant_id, id, 'https://example.com/', '{*}' FROM app;"
    "CREATE TEMP TABLE t AS SELECT c.tenant_id, c.id AS company_id, k.id AS connection_id,"
    "        s.id AS subscription_id, row_number() OVER () - 1 AS n"
    "   FROM company c JOIN connection k USING (tenant_id) JOIN subscription s USING (tenant_id);"
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload, recorded_at)"
    " SELECT t.tenant_id, uuid_v7(), 'order.paid', t.company_id, '{}',"
    "        now() - (200000 - i) * interval '10 ms'"
    "   FROM generate_series(1, 200000) i, t WHERE t.n = i % 51;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)"
    " SELECT e.tenant_id, message_id(e.id, t.subscription_id), e.id, t.subscription_id,"
    "        t.connection_id, 'succeeded'"
    "   FROM event e JOIN t USING (tenant_id);"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, duration_us,"
    "                     worker, recorded_at)"
    " SELECT m.tenant_id, m.id, 1, now(), 'https://example.com/', 'succeeded', 1, 'w',"
    "        e.recorded_at"
    "   FROM message m JOIN event e ON e.tenant_id = m.tenant_id AND e.id = m.event_id"
    "  ORDER BY e.recorded_at;";

/* Of one tenant, from so long before its newest row until so long before. */
#define TAIL(from, until, limit)                                                                   \
    "SELECT format('EXECUTE tail_read (%L, NULL, %L, %L, %L, 0, %L, " limit ", true)', tenant_id," \
    " '{}', floor(extract(epoch FROM max(recorded_at) - interval '" from "') * 1000000),"          \
    " uuid_min(), floor(extract(epoch FROM max(recorded_at) - interval '" until "') * 1000000))"   \
    " FROM event GROUP BY tenant_id ORDER BY tenant_id DESC LIMIT 1"
#define EXPORT(name, filter)                                                                       \
    "SELECT format('EXECUTE " name " (%L, NULL, NULL, NULL, %L)', tenant_id, '" filter "')"        \
    " FROM event ORDER BY tenant_id DESC LIMIT 1"

static const struct {
    const char *what, *make;
    int64_t max_blocks;
} reads[] = {
    /* Some 4 rows of the tenant's, of 200: the ranges of a BRIN index that hold them. */
    {"a second of the tail", TAIL("2 seconds", "1 second", "100"), 2500},
    {"a second, long ago", TAIL("1500 seconds", "1499 seconds", "100"), 2500},
    {"a minute, of which 10 are shown", TAIL("60 seconds", "1 second", "10"), 12000},
    {"a page of messages", EXPORT("message_export", "{}"), 25000},
    {"a page of messages that no attempt fits", EXPORT("message_export", "{\"error\": [\"dns\"]}"),
     25000},
    {"a page of attempts", EXPORT("attempt_export", "{}"), 20000},
};

static PGconn *connect_as_api(const char *database)
{
    char url[PG_URL_SIZE], text[PG_URL_SIZE + 512];
    PGconn *api;

    pg_url(database, true, url);
    (void)snprintf(text, sizeof(text), "%s options='-c search_path=hookline %s'", url,
                   HK_DB_API_OPTIONS);
    api = PQconnectdb(text);
    assert_int_equal(PQstatus(api), CONNECTION_OK);
    plan_prepare(api, &stmt_tail_read);
    plan_prepare(api, &stmt_message_export);
    plan_prepare(api, &stmt_attempt_export);
    return api;
}

static unsigned explain_all(PGconn *owner, PGconn *api)
{
    unsigned n_bad = 0;

    for (size_t i = 0; i < HK_COUNTOF(reads); i++) {
        char *execute = plan_value(owner, reads[i].make);
        struct plan_cost cost = plan_explain(api, execute);

        n_bad += !plan_is_within(&cost, reads[i].what, 100000, reads[i].max_blocks);
        plan_cost_done(&cost);
        free(execute);
    }
    return n_bad;
}

static void test_streams_cost_what_they_show(void **state)
{
    char database[PG_NAME_SIZE];
    PGconn *owner = plan_open_database(database), *api;
    unsigned n_bad;

    (void)state;
    PQclear(plan_query(owner, seed));
    /* As autovacuum does: ranges are summarized, and a tenant's share is known. */
    PQclear(plan_query(owner, "VACUUM ANALYZE event"));
    PQclear(plan_query(owner, "VACUUM ANALYZE attempt"));
    api = connect_as_api(database);
    (void)explain_all(owner, api); /* reads the catalogues */
    n_bad = explain_all(owner, api);
    PQfinish(api);
    PQfinish(owner);
    pg_drop_database(database);
    assert_int_equal(n_bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams_cost_what_they_show)};

    return cmocka_run_group_tests_name("plans_streams", tests, NULL, NULL);
}
