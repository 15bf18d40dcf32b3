/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of a replay costs what it finds or sends, however long the log and the plan are: 100,000
 * messages. As in hot_plans.c, with plans of tables of a single row, without statistics and with
 * them. See docs/adr/0034-replays.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hk/db.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"
#include "worker/jobs.sql.h"

#define STEP "EXECUTE replay_step ('w')"

/* One step of each: it looks at 1,000 messages, sends 500, cancels 1,000. */
static const struct hot {
    const char *name, *prepare;
    int64_t max_blocks;
} hots[] = {
    {"plans", "UPDATE replay SET due_at = now() WHERE source = 'search'", 60000},
    {"sends again", "UPDATE replay SET due_at = now() WHERE source = 'recover'", 60000},
    {"makes what was missed", "UPDATE replay SET due_at = now() WHERE source = 'missed'", 60000},
    {"cancels",
     "UPDATE replay_message SET outcome = 'replayed' WHERE replay_id = (SELECT id FROM replay"
     " WHERE source = 'recover') AND message_id < (SELECT message_id FROM replay_message"
     " ORDER BY message_id OFFSET 2000 LIMIT 1);"
     "UPDATE replay SET due_at = now(), state = 'cancelling', cursor = uuid_min()"
     " WHERE source = 'recover'",
     40000},
};

static const char tenants[] =
    "INSERT INTO tenant (tenant_id, name) VALUES (uuid_v7(), 't');"
    "INSERT INTO event_type (tenant_id, name, enrichable)"
    " SELECT t.tenant_id, 'type.1', false FROM tenant t WHERE t.tenant_id <> installation_id();"
    "INSERT INTO app (tenant_id, partner, name)"
    " SELECT t.tenant_id, 'acme', 'a' FROM tenant t WHERE t.tenant_id <> installation_id();"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT a.tenant_id, a.id, u, ARRAY['type.*'] FROM app a, unnest(ARRAY['sent', 'missed']) u;"
    "INSERT INTO company (tenant_id, external_id, name)"
    " SELECT a.tenant_id, 'c', 'c' FROM app a;"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT a.tenant_id, a.id, c.id, 'active' FROM app a, company c;"
    "INSERT INTO replay (tenant_id, source, asked, filter, max_messages, has_todays_values,"
    "                    has_own_id, rate_per_second, runs_at_once, state, due_at, paced_at)"
    " SELECT a.tenant_id, s, '{}', '{\"status\": [\"failed\"]}', 500000, false, false, 1000, true,"
    "        CASE s WHEN 'search' THEN 'planning' ELSE 'running' END, NULL, now() - interval '1 "
    "day'"
    "   FROM app a, unnest(ARRAY['search', 'recover', 'missed']) s;";

/* Events, each failed at one subscription and missed by the other; all of it is planned. */
static const char growth[] =
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT c.tenant_id, uuid_v7(), 'type.1', c.id, '{}' FROM company c, generate_series(1, %u);"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status,"
    "                     status_reason, attempts, finished_at)"
    " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, k.id, 'failed', 'x', 1, now()"
    "   FROM event e, subscription s, connection k WHERE s.url = 'sent' ON CONFLICT DO NOTHING;"
    "INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)"
    " SELECT e.tenant_id, e.id, s.id, k.id, 'subscription_paused'"
    "   FROM event e, subscription s, connection k WHERE s.url = 'missed' ON CONFLICT DO NOTHING;"
    "INSERT INTO replay_message (tenant_id, replay_id, message_id, event_id, subscription_id, was)"
    " SELECT e.tenant_id, r.id, message_id(e.id, s.id), e.id, s.id,"
    "        CASE r.source WHEN 'recover' THEN 'failed' END"
    "   FROM event e, replay r, subscription s"
    "  WHERE (r.source, s.url) IN (('recover', 'sent'), ('missed', 'missed'))"
    "     ON CONFLICT DO NOTHING;"
    "UPDATE replay SET n_planned = %u WHERE source <> 'search';";

struct world {
    char database[PG_NAME_SIZE];
    PGconn *owner, *session;
};

static void run(PGconn *session, const char *sql)
{
    PQclear(plan_query(session, sql));
}

static void grow(struct world *w, unsigned n)
{
    char sql[sizeof(growth) + 32];

    (void)snprintf(sql, sizeof(sql), growth, n, n + 1);
    run(w->owner, sql);
}

/* As the superuser prepares it, as the worker runs it; nothing of it stays but the plans. */
static struct plan_cost explain(struct world *w, const struct hot *hot)
{
    struct plan_cost cost;

    run(w->session, "BEGIN");
    run(w->session, "SET LOCAL ROLE NONE");
    run(w->session, hot->prepare);
    run(w->session, "SET LOCAL ROLE hookline_worker");
    cost = plan_explain(w->session, STEP);
    run(w->session, "ROLLBACK");
    return cost;
}

static void connect_anew(struct world *w)
{
    char url[PG_URL_SIZE], text[PG_URL_SIZE + 512];

    PQfinish(w->session);
    pg_url(w->database, true, url);
    (void)snprintf(text, sizeof(text),
                   "%s options='-c search_path=hookline -c role=hookline_worker %s'", url,
                   HK_DB_HOT_OPTIONS);
    w->session = PQconnectdb(text);
    assert_int_equal(PQstatus(w->session), CONNECTION_OK);
    plan_prepare(w->session, &stmt_replay_step);
    for (size_t i = 0; i < HK_COUNTOF(hots); i++) {
        struct plan_cost cost = explain(w, &hots[i]);

        plan_cost_done(&cost);
    }
}

static void explain_all(struct world *w, const char *when)
{
    unsigned n_bad = 0;

    for (size_t i = 0; i < HK_COUNTOF(hots); i++) {
        struct plan_cost cost = explain(w, &hots[i]);

        n_bad += !plan_is_within(&cost, hots[i].name, 0, hots[i].max_blocks);
        plan_cost_done(&cost);
    }
    if (n_bad > 0)
        fail_msg("%s: %u plans touch too much", when, n_bad);
}

static void test_a_step_of_a_replay_costs_what_it_does(void **state)
{
    struct world *w = *state;

    run(w->owner, tenants);
    grow(w, 1);
    connect_anew(w);
    grow(w, 100000);
    explain_all(w, "planned with one message");
    connect_anew(w);
    explain_all(w, "never analyzed");
    run(w->owner, "VACUUM ANALYZE");
    explain_all(w, "planned before they were analyzed");
    connect_anew(w);
    explain_all(w, "analyzed");
}

static void test_a_step_planned_on_tables_known_to_be_small_costs_what_it_does(void **state)
{
    struct world *w = *state;

    run(w->owner, tenants);
    grow(w, 1);
    run(w->owner, "VACUUM ANALYZE");
    connect_anew(w);
    grow(w, 100000);
    explain_all(w, "analyzed when small");
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

    PQfinish(w->session);
    PQfinish(w->owner);
    pg_drop_database(w->database);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_step_of_a_replay_costs_what_it_does, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(
            test_a_step_planned_on_tables_known_to_be_small_costs_what_it_does, open_world,
            close_world),
    };

    return cmocka_run_group_tests_name("hot_plans_replays", tests, NULL, NULL);
}
