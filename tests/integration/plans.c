/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No list reads a table: every list statement of the route tables, with each of its filters alone,
 * all of them and none, is run under EXPLAIN on tables that are large, before ANALYZE and after it,
 * as the API runs it. What counts is the rows that it touched, not only how the nodes are called:
 * an index that is read from end to end is no better than the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/route.h"
#include "hk/db.h"
#include "tests/support/check.h"
#include "tests/support/plan.h"

enum {
    MAX_PARAMS = HK_STMT_MAX_PARAMS,
    LIMIT = 50,
    /* A page and what its rows look up; what a filter that no index serves may look at (5,000, see
       list_reach()) and look up for each of those. */
    MAX_ROWS = 4 * 5000 + 40 * LIMIT,
    MAX_BLOCKS = 8 * MAX_ROWS,
    N_PARTNERS = 3,
};

/* Values that are there, but rare and old: the last that a scan from the newest would find. */
static const struct {
    const char *name, *sql;
} known_values[] = {
    {"app_id", "SELECT id FROM app WHERE tenant_id = big() AND name = 'rare'"},
    {"company", "SELECT 'rare'"},
    {"external_id", "SELECT 'rare'"},
    {"event_type", "SELECT 'rare.type'"},
    {"event_id", "SELECT min(id::text) FROM event WHERE tenant_id = big()"},
    {"subscription_id", "SELECT min(s.id::text) FROM subscription s JOIN app a ON a.id = s.app_id"
                        " WHERE s.tenant_id = big() AND a.name = 'rare'"},
    {"message_id", "SELECT min(id::text) FROM message WHERE tenant_id = big()"},
};

static const char seed[] =
    "SET search_path = hookline;"
    "CREATE FUNCTION big() RETURNS uuid IMMUTABLE LANGUAGE sql"
    " AS $$SELECT '00000000-0000-7000-8000-000000000001'::uuid$$;"
    "INSERT INTO tenant (tenant_id, name) SELECT big(), 'big' UNION ALL"
    " SELECT uuid_v7(), 't' || i FROM generate_series(1, 25000) i;"
    "INSERT INTO event_type (tenant_id, name)"
    " SELECT big(), 'type.' || i FROM generate_series(1, 25000) i UNION ALL"
    " SELECT big(), 'rare.type';"
    "INSERT INTO api_key (tenant_id, name, role, key_sha256, hint)"
    " SELECT big(), 'k', 'admin', sha256(i::text::bytea), 'hint' FROM generate_series(1, 25000) i;"
    /* The rare ones first: their ids are the oldest. */
    "INSERT INTO company (tenant_id, external_id, name) SELECT big(), 'rare', 'rare';"
    "INSERT INTO app (tenant_id, partner, name) SELECT big(), 'rare', 'rare';"
    "INSERT INTO app (tenant_id, partner, name)"
    " SELECT big(), CASE WHEN i <= 100 THEN 'acme' ELSE 'p' || i / 10 END, 'a' || i"
    "   FROM generate_series(1, 25000) i;"
    "INSERT INTO company (tenant_id, external_id, name)"
    " SELECT big(), 'c' || i, 'company ' || i FROM generate_series(1, 50000) i;"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT big(), a.id, c.id, 'active' FROM app a, company c"
    "  WHERE a.name = 'rare' AND c.external_id = 'rare';"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT big(), a.id, c.id, 'active' FROM app a, company c WHERE a.name = 'a1';"
    "INSERT INTO connection (tenant_id, app_id, company_id, state)"
    " SELECT big(), a.id, c.id, 'active' FROM app a, company c"
    "  WHERE a.name ~ '^a[0-9]+00$' AND c.external_id ~ '^c[0-9]+00$';"
    "INSERT INTO connection_values (tenant_id, connection_id, version, \"values\")"
    " SELECT tenant_id, id, 1, '{}' FROM connection;"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT big(), a.id, 'https://example.com/', ARRAY['type.1'] FROM app a WHERE a.name = 'rare';"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT big(), a.id, 'https://example.com/', ARRAY['type.1']"
    "   FROM app a, generate_series(1, 50) i WHERE a.partner = 'acme';"
    "INSERT INTO subscription (tenant_id, app_id, url, event_types)"
    " SELECT big(), a.id, 'https://example.com/', ARRAY['type.1'] FROM app a"
    "  WHERE a.partner NOT IN ('acme', 'rare');"
    "INSERT INTO backfill (tenant_id, subscription_id, reason, since, max_events, may_predate, "
    "due_at)"
    " SELECT big(), s.id, 'requested', now(), 1, true, NULL FROM subscription s;"
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT big(), uuid_v7(), 'rare.type', c.id, '{}' FROM company c WHERE external_id = 'rare';"
    "INSERT INTO event (tenant_id, id, event_type, company_id, payload)"
    " SELECT big(), uuid_v7(), 'type.' || right(c.external_id, 1), c.id, '{}'"
    "   FROM company c, generate_series(1, 2) WHERE c.external_id <> 'rare';"
    "CREATE TEMP TABLE chosen AS SELECT s.id, s.app_id, row_number() OVER (ORDER BY s.id) - 1 AS n"
    "   FROM subscription s JOIN app a ON a.id = s.app_id WHERE a.partner = 'acme';"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)"
    " SELECT big(), message_id(e.id, s.id), e.id, s.id, x.id, 'pending'"
    "   FROM (SELECT * FROM event WHERE event_type = 'rare.type') e,"
    "        subscription s JOIN app a ON a.id = s.app_id AND a.name = 'rare'"
    "        JOIN connection x ON x.app_id = a.id;"
    "INSERT INTO message (tenant_id, id, event_id, subscription_id, connection_id, status)"
    " SELECT big(), message_id(e.id, s.id), e.id, s.id, gen_random_uuid(), 'succeeded'"
    "   FROM (SELECT id, row_number() OVER () AS n FROM event WHERE event_type <> 'rare.type') e"
    "   JOIN chosen s ON s.n = e.n % 5000;"
    "INSERT INTO queue (tenant_id, subscription_id, message_id)"
    " SELECT tenant_id, subscription_id, id FROM message WHERE status = 'pending';"
    "INSERT INTO skip (tenant_id, event_id, subscription_id, connection_id, reason)"
    " SELECT big(), e.id, s.id, gen_random_uuid(), 'type_not_selected'"
    "   FROM (SELECT id, row_number() OVER () AS n FROM event) e JOIN chosen s ON s.n = e.n % 5000;"
    "INSERT INTO attempt (tenant_id, message_id, attempt_no, started_at, url, outcome, duration_us,"
    "                     worker)"
    " SELECT big(), id, 1, now(), 'https://example.com/', 'succeeded', 1, 'w' FROM message;"
    "INSERT INTO audit_log (tenant_id, action, object_id)"
    " SELECT big(), CASE WHEN i = 1 THEN 'rare.done' ELSE 'app.changed' END, i::text"
    "   FROM generate_series(1, 50000) i;";

static struct {
    char database[PG_NAME_SIZE];
    PGconn *owner, *api;
    unsigned n_explained;
    unsigned n_bad;
} world;

/* ---- a plan --------------------------------------------------------------------------------- */

/* Runs `EXECUTE statement(values)` under EXPLAIN, and complains when it has touched too much. */
static void explain(const char *what, const char *execute)
{
    struct plan_cost cost = plan_explain(world.api, execute);

    world.n_explained++;
    world.n_bad += !plan_is_within(&cost, what, MAX_ROWS, MAX_BLOCKS);
    plan_cost_done(&cost);
}

/* ---- a list --------------------------------------------------------------------------------- */

/* What $1, $2, ... are; NULL is NULL. */
struct values {
    const char *of[MAX_PARAMS];
};

static void write_execute(const struct route *route, const struct values *values, char *ret,
                          size_t size)
{
    size_t n = (size_t)snprintf(ret, size, "EXECUTE %s (", route->stmt->name);

    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        char *literal = values->of[i] == NULL
                            ? NULL
                            : PQescapeLiteral(world.api, values->of[i], strlen(values->of[i]));

        n += (size_t)snprintf(ret + n, size - n, "%s%s", i == 0 ? "" : ", ",
                              literal == NULL ? "NULL" : literal);
        assert_true(n < size);
        PQfreemem(literal);
    }
    (void)snprintf(ret + n, size - n, ")");
}

static void write_name(const struct route *route, const struct values *values, char *ret,
                       size_t size)
{
    size_t n = (size_t)snprintf(ret, size, "%s", route->path);

    for (unsigned i = 1; i < route->stmt->n_params && n < size; i++) {
        if (values->of[i] != NULL && route->bind[i][0] != ':')
            n += (size_t)snprintf(ret + n, size - n, " %s=%s", route->bind[i], values->of[i]);
    }
}

/* The first page, then the page behind it, if there is one. */
static void explain_pages(const struct route *route, struct values values)
{
    char execute[4096], name[512];
    char *key = NULL;
    PGresult *result;

    write_execute(route, &values, execute, sizeof(execute));
    write_name(route, &values, name, sizeof(name));
    explain(name, execute);
    result = plan_query(world.api, execute);
    if (PQnfields(result) > 2 && !PQgetisnull(result, 0, 2))
        key = strdup(PQgetvalue(result, 0, 2));
    PQclear(result);
    for (unsigned i = 0; i < route->stmt->n_params && key != NULL; i++) {
        if (strcmp(route->bind[i], "?cursor") == 0) {
            values.of[i] = key;
            write_execute(route, &values, execute, sizeof(execute));
            write_name(route, &values, name, sizeof(name));
            explain(name, execute);
        }
    }
    free(key);
}

static char *known[HK_COUNTOF(known_values)];

static const char *known_value(const char *name)
{
    for (size_t i = 0; i < HK_COUNTOF(known_values); i++) {
        if (strcmp(known_values[i].name, name) == 0)
            return known[i];
    }
    return NULL;
}

static const struct query_field *find_field(const struct route *route, const char *name)
{
    const struct query_field *field = route->query;

    while (strcmp(field->name, name) != 0)
        field++;
    return field;
}

/* Filters of the delivery log, of what is rare, old or not there. */
static const char *const log_filters[] = {
    "{\"status\": [\"failed\"], \"code\": [\"5xx\"], \"company\": [\"rare\"]}",
    "{\"status\": [\"failed\"]}",
    "{\"status\": [\"pending\"]}",
    "{\"status\": [\"cancelled\", \"held\"], \"event_type\": [\"rare.*\"]}",
    "{\"code\": [\"404\", \"none\"]}",
    "{\"code\": [\"2xx\"], \"latency_ms\": {\"lte\": 0}}",
    "{\"latency_ms\": {\"gte\": 5000}}",
    "{\"error\": [\"timeout\"], \"attempts\": {\"gte\": 3}}",
    "{\"company\": [\"rare\"]}",
    "{\"company\": [\"company 7\"], \"code\": [\"404\"]}",
    "{\"event_type\": [\"rare.type\"], \"not\": {\"status\": [\"succeeded\"]}}",
    "{\"trace_id\": [\"4bf92f3577b34da6a3ce929d0e0e4736\"]}",
    "{\"external_id\": [\"rare\"]}",
    "{\"origin\": [\"resend\"]}",
    "{\"path\": \"$.a == 1\", \"since\": \"2026-01-01T00:00:00.000Z\"}",
};

/* The n-th value worth trying for a filter; NULL after the last. Texts live as long as the test. */
static const char *filter_value(const struct query_field *field, unsigned n)
{
    static char choice[64];
    const char *value = known_value(field->name), *p = field->choices;

    if (field->type == QUERY_CHOICE) {
        for (; n > 0 && p != NULL; n--) {
            p = strchr(p, '|');
            p = p == NULL ? NULL : p + 1;
        }
        if (p == NULL)
            return NULL;
        (void)snprintf(choice, sizeof(choice), "%.*s", (int)strcspn(p, "|"), p);
        return choice;
    }
    if (field->type == QUERY_LOG)
        return n < HK_COUNTOF(log_filters) ? log_filters[n] : NULL;
    if (value != NULL && n-- == 0)
        return value;
    if (field->type == QUERY_ID) /* of nothing */
        return n == 0 ? "00000000-0000-7000-8000-0000000000ff" : NULL;
    if (strstr(field->name, "since") != NULL || strstr(field->name, "until") != NULL)
        return n == 0 ? "2026-01-01T00:00:00Z" : n == 1 ? "2100-01-01T00:00:00Z" : NULL;
    if (field->type == QUERY_STATUS)
        return n == 0 ? "404" : NULL;
    return n == 0 ? "nothing" : NULL;
}

static bool is_filter(const struct route *route, unsigned i)
{
    return route->bind[i][0] == '?' && strcmp(route->bind[i], "?limit") != 0 &&
           strcmp(route->bind[i], "?cursor") != 0;
}

static void explain_filters(const struct route *route, const struct values *without)
{
    struct values all = *without;
    char *copies[MAX_PARAMS];
    unsigned n_copies = 0;

    explain_pages(route, *without);
    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        const struct query_field *field;
        const char *value;

        if (!is_filter(route, i))
            continue;
        field = find_field(route, route->bind[i] + 1);
        for (unsigned n = 0; (value = filter_value(field, n)) != NULL; n++) {
            struct values alone = *without;

            alone.of[i] = value;
            explain_pages(route, alone);
        }
        copies[n_copies] = strdup(filter_value(field, 0));
        all.of[i] = copies[n_copies++];
    }
    explain_pages(route, all);
    while (n_copies > 0)
        free(copies[--n_copies]);
}

static bool set_values(const struct route *route, const char *tenant, const char *partner,
                       struct values *ret)
{
    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        const char *bind = route->bind[i];

        if (strcmp(bind, "tenant") == 0)
            ret->of[i] = tenant;
        else if (strcmp(bind, "partner") == 0)
            ret->of[i] = partner;
        else if (strcmp(bind, "?limit") == 0)
            ret->of[i] = "50";
        else if (bind[0] == ':')
            ret->of[i] = known_value(bind + 1) != NULL ? known_value(bind + 1)
                                                       : "00000000-0000-7000-8000-0000000000ff";
        else
            ret->of[i] = NULL;
    }
    return true;
}

static bool has_partner(const struct route *route)
{
    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        if (strcmp(route->bind[i], "partner") == 0)
            return true;
    }
    return false;
}

static void explain_list(const struct route *route)
{
    static const char *const partners[N_PARTNERS] = {NULL, "acme", "rare"};
    bool is_directory = strcmp(route->path, "/v1/tenants") == 0;
    const char *tenant = is_directory ? "00000000-0000-0000-0000-000000000000"
                                      : "00000000-0000-7000-8000-000000000001";
    char sql[256];

    (void)snprintf(sql, sizeof(sql), "SELECT set_config('hookline.tenant_id', '%s', false)",
                   tenant);
    PQclear(plan_query(world.api, sql));
    plan_prepare(world.api, route->stmt);
    for (unsigned i = 0; i < (has_partner(route) ? N_PARTNERS : 1); i++) {
        struct values values = {{NULL}};

        if (set_values(route, tenant, partners[i], &values))
            explain_filters(route, &values);
    }
    (void)snprintf(sql, sizeof(sql), "DEALLOCATE %s", route->stmt->name);
    PQclear(plan_query(world.api, sql));
}

static void explain_all(void)
{
    world.n_explained = world.n_bad = 0;
    for (size_t table = 0; route_tables[table] != NULL; table++) {
        for (const struct route *route = route_tables[table]; route->method != NULL; route++) {
            if (route->is_list && route->stmt != NULL)
                explain_list(route);
        }
    }
    print_message("%u plans\n", world.n_explained);
    assert_true(world.n_explained > 50);
    if (world.n_bad > 0)
        fail_msg("%u plans touch too much", world.n_bad);
}

static void test_no_list_reads_a_table_that_was_never_analyzed(void **state)
{
    (void)state;
    explain_all();
}

static void test_no_list_reads_a_table_that_is_analyzed(void **state)
{
    (void)state;
    PQclear(plan_query(world.owner, "VACUUM ANALYZE"));
    explain_all();
}

static int open_world(void **state)
{
    char url[PG_URL_SIZE], options[PG_URL_SIZE + 512];

    (void)state;
    pg_create_database(world.database);
    pg_url(world.database, true, url);
    world.owner = PQconnectdb(url);
    PQclear(plan_query(world.owner, seed));
    for (size_t i = 0; i < HK_COUNTOF(known_values); i++)
        known[i] = plan_value(world.owner, known_values[i].sql);
    pg_url(world.database, false, url);
    (void)snprintf(options, sizeof(options),
                   "%s user=hookline_api options='-c search_path=hookline %s'", url,
                   HK_DB_API_OPTIONS);
    world.api = PQconnectdb(options);
    return PQstatus(world.api) == CONNECTION_OK ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(known); i++)
        free(known[i]);
    PQfinish(world.owner);
    PQfinish(world.api);
    pg_drop_database(world.database);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_list_reads_a_table_that_was_never_analyzed),
        cmocka_unit_test(test_no_list_reads_a_table_that_is_analyzed),
    };

    return cmocka_run_group_tests_name("plans", tests, open_world, close_world);
}
