/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot statements - publishing, claiming, recording, and what else the worker does all the time
 * - cost what their batch costs, whatever the tables' sizes and whatever the planner knew of them:
 * a connection plans a statement once (HK_DB_HOT_OPTIONS), in the worst case on the empty tables of
 * a new installation, and keeps the plan while these grow. See docs/adr/0005. What a worker does
 * when a subscription stops, which takes all of its messages, is not meant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/inbound/inbound.sql.h"
#include "api/publish/ingest.sql.h"
#include "hk/db.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"
#include "worker/claim.sql.h"
#include "worker/load.sql.h"
#include "worker/record.sql.h"
#include "worker/reseal.sql.h"
#include "worker/upkeep.sql.h"

enum {
    N_BATCH = 100, /* events, claims, verdicts, what a sweep takes */
    /* A company has 2 connections, of apps with 4 subscriptions: an event looks at those 10, at the
       company and the type, and at its key. */
    MAX_ROWS = 20 * N_BATCH,
    /* ... and becomes 8 messages or skips. */
    MAX_BLOCKS = 250 * N_BATCH,
};

enum role { INGEST, CLAIM, RECORD, N_ROLES };

static const struct {
    const char *user, *options;
} sessions[N_ROLES] = {
    [INGEST] = {"hookline_api", "-c role=hookline_ingest " HK_DB_INGEST_OPTIONS},
    [CLAIM] = {"hookline_worker", HK_DB_HOT_OPTIONS " -c enable_sort=off"},
    [RECORD] = {"hookline_worker", HK_DB_HOT_OPTIONS},
};

/* Verdicts on messages that are leased, as the text of an EXECUTE. */
#define RECORD_OF(verdict, reason, attempt_no)                                                     \
    "SELECT format('EXECUTE attempt_record (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L,"   \
    " %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)', "              \
    "array_agg(tenant_id),"                                                                        \
    " array_agg(subscription_id), array_agg(message_id), array_agg(fence), array_agg(" verdict     \
    "), array_agg(" reason "), array_agg(5000), array_agg(NULL::text), array_agg(" attempt_no      \
    "), array_agg(0), array_agg('https://example.com/'::text), array_agg('http_status'::text),"    \
    " array_agg(500), array_agg(1), array_agg(1), array_agg(1), array_agg(1), array_agg(1),"       \
    " array_agg('192.0.2.1'::text), array_agg(NULL::text), array_agg(NULL::text),"                 \
    " array_agg(NULL::bytea), array_agg(false), array_agg(NULL::int), array_agg(NULL::text),"      \
    " array_agg('TLSv1.3'::text), array_agg('x'::text), array_agg(1), array_agg('a: b'::text),"    \
    " uuid_min(), uuid_max(), 'w')"                                                                \
    " FROM (SELECT * FROM queue WHERE leased ORDER BY md5(message_id::text) LIMIT 100) q"

#define RECORD_SUCCESSES                                                                           \
    "SELECT format('EXECUTE success_record (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L,"   \
    " %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)', array_agg(tenant_id),"                 \
    " array_agg(subscription_id), array_agg(message_id), array_agg(fence), array_agg(1),"          \
    " array_agg(0), array_agg('https://example.com/'::text), array_agg('succeeded'::text),"        \
    " array_agg(200), array_agg(1), array_agg(1), array_agg(1), array_agg(1), array_agg(1),"       \
    " array_agg('192.0.2.1'::text), array_agg(NULL::text), array_agg(NULL::text),"                 \
    " array_agg(NULL::bytea), array_agg(false), array_agg(NULL::int), array_agg(NULL::text),"      \
    " array_agg('TLSv1.3'::text), array_agg('x'::text), array_agg(1), array_agg('a: b'::text),"    \
    " 'w')"                                                                                        \
    " FROM (SELECT * FROM queue WHERE leased ORDER BY md5(message_id::text) LIMIT 100) q"

/* Events of so many companies of all tenants, each with the external_id. */
#define PUBLISH_OF(company, external_id)                                                           \
    "SELECT format('EXECUTE ingest_events (%L, %L, %L, %L, %L, %L, %L, %L, %L, false)',"           \
    " array_agg(tenant_id), array_agg('type.' || n), array_agg(" company                           \
    "), array_agg(n::integer), array_agg(uuid_v7()), array_agg(" external_id                       \
    "), array_agg(NULL::text), array_agg('{\"n\": 1}'::text), array_agg(NULL::text))"              \
    " FROM (SELECT *, row_number() OVER (ORDER BY md5(id::text)) AS n FROM company"                \
    "        ORDER BY n LIMIT 100) c"

/* Requests to so many flows of all tenants, each with the provider's id. */
#define RECEIVE_OF(external_id)                                                                    \
    "SELECT format('EXECUTE inbound_receive (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, false)',"     \
    " array_agg(tenant_id), array_agg(uuid_v7()), array_agg(id), array_agg(version),"              \
    " array_agg(" external_id "), array_agg('{}'::text), array_agg(NULL::bytea),"                  \
    " array_agg('{}'::text), array_agg(NULL::text), array_agg(NULL::text))"                        \
    " FROM (SELECT *, row_number() OVER () AS n FROM flow ORDER BY md5(id::text) LIMIT 100) f"

/* One page of a walk; what it puts back. */
#define RESEAL_PAGE(column)                                                                        \
    "SELECT 'EXECUTE reseal_" column "_page (''v1.0%'', '''', '''', '''', 100)'"
#define RESEAL_PUT(column, owner, row, table, name, text)                                          \
    "SELECT format('EXECUTE reseal_" column "_put (%L, %L, %L, %L, %L, %L)',"                      \
    " array_agg(tenant_id::text), array_agg(" owner "::text), array_agg(" row "::text),"           \
    " array_agg(" name "::text), array_agg(" text "), array_agg('v1.0'::text))"                    \
    " FROM (SELECT * FROM " table " ORDER BY md5(" row "::text) LIMIT 100) k"
#define RESEAL_NOTHING(column) "EXECUTE reseal_" column "_put ('{}', '{}', '{}', '{}', '{}', '{}')"

/* What is explained: `make`, asked as the superuser, is the EXECUTE. */
static const struct hot {
    const char *name;
    enum role role;
    const char *make;
} hots[] = {
    {"publish", INGEST, PUBLISH_OF("external_id", "NULL::text")},
    {"publish with new keys", INGEST, PUBLISH_OF("external_id", "'new' || n")},
    {"publish with known keys", INGEST, PUBLISH_OF("external_id", "'k' || n")},
    {"publish of unknown companies", INGEST, PUBLISH_OF("'nobody'::text", "'new' || n")},
    {"receive", INGEST, RECEIVE_OF("NULL::text")},
    {"receive with new ids", INGEST, RECEIVE_OF("'in/new' || n")},
    {"receive with known ids", INGEST, RECEIVE_OF("'k' || n")},
    {"find flows", INGEST,
     "SELECT format('EXECUTE inbound_find (%L, %L, false)', array_agg(tenant_id), array_agg(id))"
     " FROM (SELECT * FROM flow ORDER BY md5(id::text) LIMIT 100) f"},
    {"queue_age", INGEST, "SELECT 'EXECUTE queue_age'"},
    {"claim", CLAIM, "SELECT 'EXECUTE message_claim (100, 60000, 0)'"},
    {"load", CLAIM,
     "SELECT format('EXECUTE message_load (%L, %L, %L, %L, uuid_min(), uuid_max())',"
     " array_agg(tenant_id), array_agg(subscription_id), array_agg(message_id), array_agg(true))"
     " FROM (SELECT * FROM queue ORDER BY md5(message_id::text) LIMIT 100) q"},
    {"record successes", RECORD, RECORD_SUCCESSES},
    {"record failures", RECORD, RECORD_OF("'failed'::text", "'why'::text", "1")},
    {"record retries", RECORD, RECORD_OF("'retry'::text", "NULL::text", "1")},
    {"release", RECORD, RECORD_OF("'release'::text", "'why'::text", "NULL::integer")},
    {"idempotency_key_sweep", RECORD, "SELECT 'EXECUTE idempotency_key_sweep (100)'"},
    {"subscription_secret_sweep", RECORD, "SELECT 'EXECUTE subscription_secret_sweep (100)'"},
    {"reseal: secrets", RECORD, RESEAL_PAGE("subscription_secret")},
    {"reseal: passwords", RECORD, RESEAL_PAGE("password")},
    {"reseal: headers", RECORD, RESEAL_PAGE("header")},
    {"reseal: put secrets", RECORD,
     RESEAL_PUT("subscription_secret", "subscription_id", "id", "subscription_secret", "''",
                "secret")},
    {"reseal: put passwords", RECORD,
     RESEAL_PUT("password", "''", "subscription_id", "subscription_credentials", "''", "password")},
    {"reseal: put headers", RECORD,
     RESEAL_PUT("header", "''", "id", "subscription", "'X-Key'", "'v'::text")},
};

/* A connection prepares these, and runs each once before there is a row. */
static const struct {
    enum role role;
    const struct hk_stmt *stmt;
    const char *execute;
} statements[] = {
    {INGEST, &stmt_ingest_events,
     "EXECUTE ingest_events ('{00000000-0000-7000-8000-000000000001}', '{a}', '{c}', '{1}',"
     " '{00000000-0000-7000-8000-000000000002}', '{k}', '{NULL}', '{1}', '{NULL}', false)"},
    {INGEST, &stmt_inbound_receive,
     "EXECUTE inbound_receive ('{00000000-0000-7000-8000-000000000001}',"
     " '{00000000-0000-7000-8000-000000000002}', '{00000000-0000-7000-8000-000000000003}', '{1}',"
     " '{k}', '{null}', '{NULL}', '{\"{}\"}', '{NULL}', '{NULL}', false)"},
    {INGEST, &stmt_inbound_find,
     "EXECUTE inbound_find ('{00000000-0000-7000-8000-000000000001}',"
     " '{00000000-0000-7000-8000-000000000003}', false)"},
    {INGEST, &stmt_queue_age, "EXECUTE queue_age"},
    {CLAIM, &stmt_message_claim, "EXECUTE message_claim (100, 60000, 0)"},
    {RECORD, &stmt_success_record,
     "EXECUTE success_record ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
     " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 'w')"},
    {RECORD, &stmt_attempt_record,
     "EXECUTE attempt_record ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
     " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
     " '{}', '{}', '{}', uuid_min(), uuid_max(), 'w')"},
    {CLAIM, &stmt_message_load,
     "EXECUTE message_load ('{}', '{}', '{}', '{}', uuid_min(), uuid_max())"},
    {RECORD, &stmt_idempotency_key_sweep, "EXECUTE idempotency_key_sweep (100)"},
    {RECORD, &stmt_subscription_secret_sweep, "EXECUTE subscription_secret_sweep (100)"},
    {RECORD, &stmt_reseal_subscription_secret_page,
     "EXECUTE reseal_subscription_secret_page ('', '', '', '', 1)"},
    {RECORD, &stmt_reseal_password_page, "EXECUTE reseal_password_page ('', '', '', '', 1)"},
    {RECORD, &stmt_reseal_header_page, "EXECUTE reseal_header_page ('', '', '', '', 1)"},
    {RECORD, &stmt_reseal_subscription_secret_put, RESEAL_NOTHING("subscription_secret")},
    {RECORD, &stmt_reseal_password_put, RESEAL_NOTHING("password")},
    {RECORD, &stmt_reseal_header_put, RESEAL_NOTHING("header")},
};

/* Statistics come when the test says. */
/* 5 tenants, 2,000 subscriptions, 500 flows, 20,000 companies with two connections. */
static const char tenants_growth[] =
    "INSERT INTO tenant (tenant_id, name) SELECT uuid_v7(), 't' || i FROM generate_series(1, 5) i;"
    "INSERT INTO event_type (tenant_id, name, enrichable)"
    " SELECT t.tenant_id, 'type.' || i, i % 2 = 0 FROM tenant t, generate_series(1, 200) i"
    "  WHERE t.tenant_id <> installation_id();"
    "INSERT INTO app (tenant_id, partner, name)"
    " SELECT t.tenant_id, 'acme', (i - 1)::text FROM tenant t, generate_series(1, 100) i"
    "  WHERE t.tenant_id <> installation_id();"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types, filter)"
    " SELECT a.tenant_id, a.id, 'https://example.com/', ARRAY['type.*'],"
    "        CASE WHEN i = 4 THEN '$.n == 1' END"
    "   FROM app a, generate_series(1, 4) i;"
    "INSERT INTO subscription_secret (tenant_id, subscription_id, secret, expires_at)"
    " SELECT s.tenant_id, s.id, 'whsec_', CASE WHEN i = 1 THEN now() - interval '1 day' END"
    "   FROM subscription s, generate_series(1, 2) i;"
    "INSERT INTO subscription_credentials (tenant_id, subscription_id, username, password)"
    " SELECT tenant_id, id, 'u', 'p' FROM subscription;"
    "INSERT INTO company (tenant_id, external_id, name)"
    " SELECT t.tenant_id, 'c' || i, (i % 100)::text FROM tenant t, generate_series(1, 4000) i"
    "  WHERE t.tenant_id <> installation_id();"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT c.tenant_id, a.id, c.id, 'active' FROM company c"
    "   JOIN app a ON a.tenant_id = c.tenant_id"
    "             AND a.name IN (c.name, ((c.name::integer + 37) % 100)::text);"
    "INSERT INTO connection_values (tenant_id, connection_id, version, \"values\")"
    " SELECT tenant_id, id, 1, '{}' FROM connection;"
    "INSERT INTO subscription (tenant_id, app_id, url, kind, event_types)"
    " SELECT tenant_id, id, 'flow:' || id, 'flow', '{}' FROM app;"
    "INSERT INTO flow (tenant_id, id, app_id, name, token, credential, answer)"
    " SELECT tenant_id, id, app_id, 'f', 't', '{}', '{}' FROM subscription WHERE kind = 'flow';"
    "INSERT INTO flow_secret (tenant_id, flow_id, name, secret)"
    " SELECT f.tenant_id, f.id, n.name, 's'"
    "   FROM flow f, unnest(ARRAY['credential', 'credential.old', 'step.a']) AS n (name);";

/* 2,000 of last week, delivered. */
static const char last_week[] =
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT tenant_id, encode(overlay(uuid_send(gen_random_uuid()) PLACING"
    "            substring(uuid_send(uuid_v7_floor(now() - interval '7 days')) FROM 1 FOR 6)"
    "            FROM 1), 'hex')::uuid, 'type.1', id, '{}'"
    "   FROM company LIMIT 2000;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)"
    " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, c.id, 'succeeded'"
    "   FROM event e"
    "   JOIN (SELECT DISTINCT ON (company_id) * FROM connection) c ON c.company_id = e.company_id"
    "   JOIN (SELECT DISTINCT ON (app_id) * FROM subscription) s ON s.app_id = c.app_id;"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, duration_us,"
    "                     worker)"
    " SELECT tenant_id, id, 1, now(), 'https://example.com/', 'succeeded', 1, 'w' FROM message;";

/* 200,000 of all that is published, and what is swept. */
static const char events_growth[] =
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT tenant_id, uuid_v7(), 'type.' || i, id, '{}' FROM company, generate_series(1, 10) i;"
    "INSERT INTO event_key (tenant_id, external_id, event_id)"
    " SELECT tenant_id, 'k' || row_number() OVER (PARTITION BY tenant_id), id FROM event;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, values_version)"
    " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, c.id, 1"
    "   FROM event e"
    "   JOIN (SELECT DISTINCT ON (company_id) * FROM connection) c ON c.company_id = e.company_id"
    "   JOIN (SELECT DISTINCT ON (app_id) * FROM subscription) s ON s.app_id = c.app_id"
    "  WHERE e.id >= uuid_v7_floor(now() - interval '1 day');"
    "INSERT INTO queue (tenant_id, subscription_id, message_id, due_at, leased, fence)"
    " SELECT tenant_id, subscription_id, id, now() + (n % 2000 - 1000) * interval '1 second',"
    "        n % 1000 = 0, 1"
    "   FROM (SELECT *, row_number() OVER () AS n FROM message"
    "         WHERE status = 'pending') m;"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, duration_us,"
    "                     worker)"
    " SELECT tenant_id, id, 0, now(), 'https://example.com/', 'timeout', 1, 'w' FROM message;"
    "INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)"
    " SELECT tenant_id, event_id, subscription_id, connection_id, 'type_not_selected' FROM message;"
    "INSERT INTO idempotency_key (tenant_id, id, fingerprint, created_at)"
    " SELECT t.tenant_id, sha256(i::text::bytea), sha256(''), now() - i * interval '4 seconds'"
    "   FROM tenant t, generate_series(1, 40000) i"
    "  WHERE t.tenant_id <> installation_id();";

struct world {
    char database[PG_NAME_SIZE];
    PGconn *owner, *sessions[N_ROLES];
};

static PGconn *connect_to(const struct world *w, enum role role)
{
    char url[PG_URL_SIZE], options[PG_URL_SIZE + 512];
    PGconn *session;

    pg_url(w->database, false, url);
    (void)snprintf(options, sizeof(options), "%s user=%s options='-c search_path=hookline %s'", url,
                   sessions[role].user, sessions[role].options);
    session = PQconnectdb(options);
    assert_int_equal(PQstatus(session), CONNECTION_OK);
    return session;
}

/* Connects anew; each statement is planned now. */
static void connect_all(struct world *w)
{
    for (enum role role = 0; role < N_ROLES; role++) {
        PQfinish(w->sessions[role]);
        w->sessions[role] = connect_to(w, role);
    }
    for (size_t i = 0; i < HK_COUNTOF(statements); i++) {
        PGconn *session = w->sessions[statements[i].role];

        plan_prepare(session, statements[i].stmt);
        PQclear(plan_query(session, "BEGIN"));
        PQclear(plan_query(session, statements[i].execute));
        PQclear(plan_query(session, "ROLLBACK"));
    }
}

static void run(struct world *w, const char *sql)
{
    PQclear(plan_query(w->owner, sql));
}

static void explain_all(struct world *w, const char *when)
{
    unsigned n_bad = 0;

    for (size_t i = 0; i < HK_COUNTOF(hots); i++) {
        const struct hot *hot = &hots[i];
        PGconn *session = w->sessions[hot->role];
        char *execute = plan_value(w->owner, hot->make);
        struct plan_cost cost;

        PQclear(plan_query(session, "BEGIN"));
        cost = plan_explain(session, execute);
        PQclear(plan_query(session, "ROLLBACK"));
        assert_true(cost.n_rows > 0);
        n_bad += !plan_is_within(&cost, hot->name, MAX_ROWS, MAX_BLOCKS);
        plan_cost_done(&cost);
        free(execute);
    }
    if (n_bad > 0)
        fail_msg("%s: %u plans touch too much", when, n_bad);
}

static void test_plans_of_empty_tables_hold_when_these_have_grown(void **state)
{
    struct world *w = *state;

    connect_all(w);
    run(w, tenants_growth);
    run(w, events_growth);
    explain_all(w, "planned on empty tables");
    connect_all(w);
    explain_all(w, "never analyzed");
    run(w, "VACUUM ANALYZE");
    explain_all(w, "analyzed");
}

/* A queue that has run empty, this week's partitions on Monday: their statistics say 0 rows. */
static void test_plans_of_tables_known_to_be_empty_hold_when_these_have_grown(void **state)
{
    struct world *w = *state;

    run(w, tenants_growth);
    run(w, last_week);
    run(w, "VACUUM ANALYZE");
    connect_all(w);
    run(w, events_growth);
    explain_all(w, "analyzed when empty");
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->owner = plan_open_database(w->database);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    for (enum role role = 0; role < N_ROLES; role++)
        PQfinish(w->sessions[role]);
    PQfinish(w->owner);
    pg_drop_database(w->database);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plans_of_empty_tables_hold_when_these_have_grown,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(
            test_plans_of_tables_known_to_be_empty_hold_when_these_have_grown, open_world,
            close_world),
    };

    return cmocka_run_group_tests_name("hot_plans", tests, NULL, NULL);
}
