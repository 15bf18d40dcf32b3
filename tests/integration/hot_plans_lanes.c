/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers do with lanes all the time costs what it moves and sends, whatever waits: 1,000
 * lanes, 100,000 messages of one subscription. As in hot_plans.c, with plans of empty tables and
 * stale statistics, which a connection keeps. See docs/adr/0022-lanes.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hk/db.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"
#include "worker/claim.sql.h"
#include "worker/jobs.sql.h"
#include "worker/lanes.sql.h"
#include "worker/upkeep.sql.h"

enum session { CLAIM, OTHER, N_SESSIONS };

static const char *const options[N_SESSIONS] = {
    [CLAIM] = HK_DB_HOT_OPTIONS " -c enable_sort=off",
    [OTHER] = HK_DB_HOT_OPTIONS,
};

/* Notes on 100 lanes, and of each a message that goes into it. */
#define TELL                                                                                       \
    "SELECT format('EXECUTE lane_tell (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, 1, %L, %L, %L, "    \
    "%L)',"                                                                                        \
    " array_agg(tenant_id), array_agg(subscription_id), array_agg(1), array_agg(0), array_agg(0)," \
    " array_agg(0), array_agg(0), array_agg(1), array_agg(0), array_agg(true), "                   \
    "array_agg(tenant_id),"                                                                        \
    " array_agg(subscription_id), array_agg(message_id), array_agg(fence))"                        \
    " FROM (SELECT * FROM (SELECT DISTINCT ON (tenant_id, subscription_id) * FROM queue"           \
    "                       WHERE leased AND due_at > now()) d"                                    \
    "        ORDER BY tenant_id, subscription_id LIMIT 100) q"

#define BIG "(SELECT id FROM subscription WHERE url = 'https://big.example/')"

/* These wait in no lane and have been due for long. */
#define LATE(which)                                                                                \
    "UPDATE queue SET due_at = now() - interval '1 day', laned = false WHERE NOT leased "          \
    "AND " which

/* Is to be worked on next, from the 10,000th message on. */
#define CHANGE(kind, target)                                                                       \
    "INSERT INTO queue_change (tenant_id, subscription_id, kind, target_id, reason, as_of,"        \
    "                          from_id)"                                                           \
    " SELECT s.tenant_id, s.id, '" kind "', " target ", 'r', now(),"                               \
    "        (SELECT m.id FROM message m WHERE m.subscription_id = s.id"                           \
    "          ORDER BY m.id OFFSET 10000 LIMIT 1)"                                                \
    "   FROM subscription s WHERE s.id = " BIG

/* `prepare` comes before, in the same transaction; `make`, asked as the superuser, is what is
 * explained.
 */
/* What is as old as to be forgotten, of the big one's tenant first; all has been delivered. */
#define RETENTION(ends)                                                                            \
    "CREATE OR REPLACE FUNCTION retention_ends(tenant_id uuid, OUT payload_id uuid,"               \
    " OUT attempt_id uuid, OUT message_id uuid, OUT forgets_payloads boolean,"                     \
    " OUT forgets_attempts boolean) LANGUAGE sql STABLE AS $$ SELECT " ends " $$;"                 \
    "INSERT INTO retention (tenant_id, due_at)"                                                    \
    " SELECT tenant_id, '2020-01-01' FROM subscription WHERE id = " BIG
#define RETENTION_STEP "SELECT 'EXECUTE retention_step (100, 60000)'"

static const struct hot {
    const char *name;
    enum session session;
    const char *prepare, *make;
    int64_t max_rows, max_blocks; /* rows 0: inside of a function, not told */
} hots[] = {
    /* 100 that no lane asks for. */
    {"fast claim", CLAIM, LATE("NOT laned AND attempts = 2"),
     "SELECT 'EXECUTE message_claim (100, 60000, 0)'", 1500, 10000},
    /* 100, and 2,000 more of the one whose lane is busy: some 30 blocks for each. */
    {"fast claim that moves a crowd", CLAIM,
     LATE("subscription_id = " BIG " AND message_id <= (SELECT message_id FROM queue"
          " WHERE subscription_id = " BIG " ORDER BY message_id OFFSET 5000 LIMIT 1)"),
     "SELECT 'EXECUTE message_claim (100, 60000, 0)'", 20000, 100000},
    /* 100 of 64 lanes. */
    {"lane claim", CLAIM, NULL, "SELECT 'EXECUTE lane_claim (100, 60000, 100)'", 5000, 25000},
    {"lane claim of the big one", CLAIM,
     "UPDATE lane SET next_at = now() - interval '2 days'"
     " WHERE subscription_id = " BIG,
     "SELECT 'EXECUTE lane_claim (100, 60000, 100)'", 5000, 25000},
    {"lane claim, all ordered", CLAIM, "UPDATE subscription SET ordered = true",
     "SELECT 'EXECUTE lane_claim (100, 60000, 100)'", 5000, 25000},
    {"lane_tell", CLAIM, NULL, TELL, 2000, 10000},
    {"lane_sweep", OTHER, "UPDATE lane SET next_at = 'infinity' WHERE n_turns % 2 = 0",
     "SELECT 'EXECUTE lane_sweep (100)'", 2000, 2000},
    /* Every minute, all lanes. */
    {"lane_mend", OTHER, "UPDATE lane SET next_at = 'infinity' WHERE n_turns % 10 = 0",
     "SELECT 'EXECUTE lane_mend'", 5000, 25000},
    /* Looks at 500 events, makes at most 100 messages. */
    /* 100 of what waits for the big one, some 30 blocks for each. */
    {"queue_change_step that holds", OTHER,
     "UPDATE subscription SET state = 'paused' WHERE id = " BIG ";" CHANGE("state", "uuid_min()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 10000},
    {"queue_change_step that cancels", OTHER,
     "UPDATE subscription SET state = 'archived' WHERE id = " BIG ";" CHANGE("state", "uuid_min()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 10000},
    {"queue_change_step that cancels those of a connection", OTHER,
     CHANGE("cancel",
            "(SELECT connection_id FROM message WHERE subscription_id = " BIG " LIMIT 1)"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 10000},
    {"queue_change_step that finds none of a connection", OTHER, CHANGE("cancel", "uuid_max()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 3000},
    /* Behind 100,000 that have just been held, and were in the lane before. */
    {"queue_change_step that releases", OTHER,
     "UPDATE queue SET due_at = 'infinity', leased = false, laned = false"
     " WHERE subscription_id = " BIG ";" CHANGE("state", "uuid_min()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 10000},
    {"queue_change_step that has no room", OTHER,
     "UPDATE subscription SET state_changed_at = now() - interval '1 day';" CHANGE("state",
                                                                                   "uuid_min()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 15000},
    {"queue_change_step that revives", OTHER,
     "DELETE FROM queue WHERE subscription_id = " BIG ";"
     "UPDATE message SET status = 'cancelled', status_reason = 'r', finished_at = now()"
     " WHERE subscription_id = " BIG ";" CHANGE("revive", "uuid_min()"),
     "SELECT 'EXECUTE queue_change_step (100)'", 0, 10000},
    {"backfill_step that counts", OTHER, NULL, "SELECT 'EXECUTE backfill_step (''w'', 0)'", 0,
     60000},
    {"backfill_step that sends", OTHER,
     "UPDATE backfill SET state = 'sending', cursor = uuid_v7_floor(since)",
     "SELECT 'EXECUTE backfill_step (''w'', 0)'", 0, 25000},
    /* 100 events of the big one's tenant, each with one message. */
    {"retention_step that forgets payloads", OTHER,
     RETENTION("uuid_max(), uuid_min(), uuid_min(), true, false"), RETENTION_STEP, 0, 10000},
    {"retention_step that forgets attempts", OTHER,
     RETENTION("uuid_min(), uuid_max(), uuid_min(), false, true"), RETENTION_STEP, 0, 10000},
    {"backfill_step that has no room", OTHER, "UPDATE backfill SET subscription_id = " BIG,
     "SELECT 'EXECUTE backfill_step (''w'', 0)'", 0, 500},
};

static const struct {
    enum session session;
    const struct hk_stmt *stmt;
    const char *execute;
} statements[] = {
    {CLAIM, &stmt_message_claim, "EXECUTE message_claim (100, 60000, 0)"},
    {CLAIM, &stmt_lane_claim, "EXECUTE lane_claim (100, 60000, 100)"},
    {CLAIM, &stmt_lane_tell,
     "EXECUTE lane_tell ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 1, '{}', '{}',"
     " '{}', '{}')"},
    {OTHER, &stmt_lane_sweep, "EXECUTE lane_sweep (100)"},
    {OTHER, &stmt_lane_mend, "EXECUTE lane_mend"},
    {OTHER, &stmt_queue_change_step, "EXECUTE queue_change_step (100)"},
    {OTHER, &stmt_retention_step, "EXECUTE retention_step (100, 60000)"},
    {OTHER, &stmt_backfill_step, "EXECUTE backfill_step ('w', 0)"},
};

/* Statistics come when the test says. */
/* 5 tenants of 200 subscriptions and 200 companies each; one subscription is the big one. */
static const char tenants_growth[] =
    "INSERT INTO tenant (tenant_id, name) SELECT uuid_v7(), 't' || i FROM generate_series(1, 5) i;"
    "INSERT INTO event_type (tenant_id, name, enrichable)"
    " SELECT t.tenant_id, 'type.1', false FROM tenant t WHERE t.tenant_id <> installation_id();"
    "INSERT INTO app (tenant_id, partner, name)"
    " SELECT t.tenant_id, 'acme', i::text FROM tenant t, generate_series(1, 200) i"
    "  WHERE t.tenant_id <> installation_id();"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT a.tenant_id, a.id, CASE WHEN row_number() OVER () = 1 THEN 'https://big.example/'"
    "                                ELSE 'https://example.com/' END, ARRAY['type.*'] FROM app a;"
    "INSERT INTO subscription_secret (tenant_id, subscription_id, secret)"
    " SELECT tenant_id, id, 'whsec_' FROM subscription;"
    "INSERT INTO company (tenant_id, external_id, name)"
    " SELECT t.tenant_id, 'c' || i, i::text FROM tenant t, generate_series(1, 200) i"
    "  WHERE t.tenant_id <> installation_id();"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT a.tenant_id, a.id, c.id, 'active' FROM app a"
    "   JOIN company c ON c.tenant_id = a.tenant_id AND c.name = a.name;";

/* 100,000 messages of the big one, of which 1,000 are not in its lane yet and 7 are in flight; 50
 * of each other, of which 20 are in the lane and one is in flight. What is in no lane is not due
 * yet.
 */
static const char events_growth[] =
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT c.tenant_id, uuid_v7(), 'type.1', c.id, '{}'"
    "   FROM company c JOIN connection k ON k.tenant_id = c.tenant_id AND k.company_id = c.id"
    "   JOIN subscription s ON s.tenant_id = c.tenant_id AND s.app_id = k.app_id,"
    "        LATERAL generate_series(1, CASE WHEN s.url = 'https://big.example/' THEN 100000"
    "                                        ELSE 50 END);"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id)"
    " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, k.id FROM event e"
    "   JOIN connection k ON k.tenant_id = e.tenant_id AND k.company_id = e.company_id"
    "   JOIN subscription s ON s.tenant_id = k.tenant_id AND s.app_id = k.app_id;"
    "INSERT INTO queue (tenant_id, subscription_id, message_id, due_at, laned, leased, fence,"
    "                   attempts)"
    " SELECT m.tenant_id, m.subscription_id, m.id,"
    "        now() + CASE WHEN m.is_leased OR NOT m.is_laned THEN 600 ELSE m.n % 2000 - 1800 END"
    "                * interval '1 second', m.is_laned, m.is_leased, 1,"
    "        m.n % 50"
    "   FROM (SELECT m.*, CASE WHEN s.is_big THEN m.n % 100 > 0 ELSE m.n % 5 < 2 END AS is_laned,"
    "                CASE WHEN s.is_big THEN m.n < 8 ELSE m.n = 1 END AS is_leased"
    "           FROM (SELECT *, row_number() OVER (PARTITION BY tenant_id, subscription_id) AS n"
    "                   FROM message) m"
    "           JOIN (SELECT *, url = 'https://big.example/' AS is_big FROM subscription) s"
    "             ON s.tenant_id = m.tenant_id AND s.id = m.subscription_id) m;"
    "INSERT INTO lane (tenant_id, subscription_id, next_at, n_turns, succeeded_at)"
    " SELECT tenant_id, id, now() - n * interval '1 second', n, now()"
    "   FROM (SELECT *, row_number() OVER () AS n FROM subscription) s;"
    /* Only the big one's lane is busy: the rest of the fast path goes out. */
    "UPDATE lane SET is_busy = (subscription_id = " BIG ");"
    /* Another of the big one's tenant, whose backfill can look at 100,000 events. */
    "INSERT INTO backfill (tenant_id, subscription_id, reason, since, max_events, may_predate,"
    "                      created_at, due_at)"
    " SELECT s.tenant_id, o.id, 'requested', now() - interval '1 hour', 10000, true,"
    "        now() + interval '1 minute', now() - interval '1 minute'"
    "   FROM subscription s,"
    "        LATERAL (SELECT x.id FROM subscription x WHERE x.tenant_id = s.tenant_id"
    "                    AND x.url <> s.url LIMIT 1) o WHERE s.url = 'https://big.example/';"
    "DELETE FROM queue q USING backfill b WHERE q.subscription_id = b.subscription_id;"
    "DELETE FROM message m USING backfill b WHERE m.subscription_id = b.subscription_id;";

struct world {
    char database[PG_NAME_SIZE];
    PGconn *owner, *sessions[N_SESSIONS];
};

static void run(PGconn *session, const char *sql)
{
    PQclear(plan_query(session, sql));
}

static PGconn *connect_to(const struct world *w, enum session session)
{
    char url[PG_URL_SIZE], text[PG_URL_SIZE + 512];
    PGconn *connection;

    pg_url(w->database, true, url);
    (void)snprintf(text, sizeof(text),
                   "%s options='-c search_path=hookline -c role=hookline_worker %s'", url,
                   options[session]);
    connection = PQconnectdb(text);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    return connection;
}

/* Connects anew; each statement is planned now. */
static void connect_all(struct world *w)
{
    for (enum session i = 0; i < N_SESSIONS; i++) {
        PQfinish(w->sessions[i]);
        w->sessions[i] = connect_to(w, i);
    }
    for (size_t i = 0; i < HK_COUNTOF(statements); i++) {
        PGconn *session = w->sessions[statements[i].session];

        plan_prepare(session, statements[i].stmt);
        run(session, "BEGIN");
        run(session, statements[i].execute);
        run(session, "ROLLBACK");
    }
}

/* As the superuser prepares it, as the worker runs it; nothing of it stays. */
static struct plan_cost explain(struct world *w, const struct hot *hot)
{
    PGconn *session = w->sessions[hot->session];
    char *execute = plan_value(w->owner, hot->make);
    struct plan_cost cost;

    assert_non_null(execute);
    run(session, "BEGIN");
    run(session, "SET LOCAL ROLE NONE");
    if (hot->prepare != NULL)
        run(session, hot->prepare);
    run(session, "SET LOCAL ROLE hookline_worker");
    cost = plan_explain(session, execute);
    run(session, "ROLLBACK");
    free(execute);
    return cost;
}

static void explain_all(struct world *w, const char *when)
{
    unsigned n_bad = 0;

    for (size_t i = 0; i < HK_COUNTOF(hots); i++) {
        const struct hot *hot = &hots[i];
        struct plan_cost cost = explain(w, hot);

        assert_true(cost.n_rows > 0 || hot->max_rows == 0);
        n_bad += !plan_is_within(&cost, hot->name, hot->max_rows, hot->max_blocks);
        plan_cost_done(&cost);
    }
    if (n_bad > 0)
        fail_msg("%s: %u plans touch too much", when, n_bad);
}

static void test_lanes_with_plans_of_empty_tables_cost_what_they_send(void **state)
{
    struct world *w = *state;

    connect_all(w);
    run(w->owner, tenants_growth);
    run(w->owner, events_growth);
    explain_all(w, "planned on empty tables");
    connect_all(w);
    explain_all(w, "never analyzed");
    run(w->owner, "VACUUM ANALYZE");
    explain_all(w, "planned before they were analyzed");
    connect_all(w);
    explain_all(w, "analyzed");
}

static void test_lanes_with_plans_of_tables_known_to_be_empty_cost_what_they_send(void **state)
{
    struct world *w = *state;

    run(w->owner, tenants_growth);
    run(w->owner, "VACUUM ANALYZE");
    connect_all(w);
    run(w->owner, events_growth);
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

    for (enum session i = 0; i < N_SESSIONS; i++)
        PQfinish(w->sessions[i]);
    PQfinish(w->owner);
    pg_drop_database(w->database);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lanes_with_plans_of_empty_tables_cost_what_they_send,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(
            test_lanes_with_plans_of_tables_known_to_be_empty_cost_what_they_send, open_world,
            close_world),
    };

    return cmocka_run_group_tests_name("hot_plans_lanes", tests, NULL, NULL);
}
