/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second wall (ADR 0007): what PostgreSQL itself refuses to the roles that the programs have,
 * whatever statement they may send.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tests/support/check.h"

static const char *const runtime_roles[] = {"hookline_api", "hookline_ingest", "hookline_worker"};

/* A session of a runtime role; with a tenant, as hk_db has one, unless that is NULL. */
static PGconn *log_in(struct harness *h, const char *role, const char *tenant_id)
{
    bool has_login = strcmp(role, "hookline_ingest") != 0; /* taken on by hookline_api */
    char url[PG_URL_SIZE];
    PGconn *connection;

    pg_url(h->database, false, url);
    connection = PQconnectdb(http_text(
        h->http, "%s user=%s options='-c search_path=hookline -c role=%s -c hookline.tenant_id=%s'",
        url, has_login ? role : "hookline_api", role, tenant_id == NULL ? "" : tenant_id));
    if (PQstatus(connection) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(connection));
    return connection;
}

/* The first value; fails unless the SQLSTATE is `wanted` (NULL: success). */
static long long run(PGconn *connection, const char *wanted, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    long long value = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;

    if (wanted == NULL ? state != NULL : state == NULL || strcmp(state, wanted) != 0)
        fail_msg("%s: %s", sql, state == NULL ? "no error" : PQresultErrorMessage(result));
    PQclear(result);
    return value;
}

/* The names that a query of the superuser gives, one after the other: NULL after the last. */
static const char *next_name(char **list)
{
    const char *name = *list == NULL ? NULL : strsep(list, " ");

    return name == NULL || *name == '\0' ? NULL : name;
}

#define TABLES_OF(role, what)                                                                      \
    "SELECT string_agg(c.relname, ' ') FROM pg_class c"                                            \
    " WHERE c.relnamespace = 'hookline'::regnamespace AND c.relkind IN ('r', 'p')"                 \
    "   AND has_table_privilege('" role "', c.oid, 'SELECT') AND " what

static char *list_names(struct harness *h, const char *sql)
{
    const char *names = db_text(h, "%s", sql);
    char *list = strdup(names == NULL ? "" : names);

    assert_non_null(list);
    return list;
}

/* Two tenants with something in every table. */
static struct tenant *given_two_tenants(struct harness *h)
{
    struct tenant *t = given_tenant(h), *other = given_tenant(h);

    (void)given_story(h, t, "/a");
    (void)given_story(h, other, "/b");
    (void)publish(h, t, "order.paid", "c1", "{}");
    (void)publish(h, other, "order.paid", "c1", "{}");
    sinker_wait(h, "/a", 1, 10000);
    sinker_wait(h, "/b", 1, 10000);
    return t;
}

static void test_without_a_tenant_the_api_sees_no_row(void **state)
{
    struct harness *h = *state;
    char *list, *rest;
    const char *table;
    PGconn *connection;

    (void)given_two_tenants(h);
    connection = log_in(h, "hookline_api", NULL);
    /* The shipped profiles are everybody's. */
    rest = list = list_names(h, TABLES_OF("hookline_api", "c.relname <> 'profile'"));
    assert_non_null(strstr(list, "event"));
    while ((table = next_name(&rest)) != NULL) {
        const char *sql = http_text(h->http, "SELECT count(*) FROM %s", table);

        if (run(connection, NULL, sql) != 0)
            fail_msg("%s shows rows", table);
    }
    free(list);
    PQfinish(connection);
}

static void test_with_a_tenant_the_api_sees_its_rows_only(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_two_tenants(h);
    PGconn *connection = log_in(h, "hookline_api", t->id);
    char *list, *rest;
    const char *table;

    rest = list = list_names(h, TABLES_OF("hookline_api", "c.relname <> 'profile'"));
    while ((table = next_name(&rest)) != NULL) {
        const char *sql =
            http_text(h->http, "SELECT count(*) FROM %s WHERE tenant_id <> '%s'", table, t->id);

        if (run(connection, NULL, sql) != 0)
            fail_msg("%s shows rows of others", table);
    }
    assert_int_equal(run(connection, NULL, "SELECT count(*) FROM event"), 1);
    assert_int_equal(run(connection, NULL, "SELECT count(*) FROM app"), 1);
    free(list);
    PQfinish(connection);
}

static void test_the_api_writes_no_row_of_another_tenant(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    PGconn *connection = log_in(h, "hookline_api", t->id);

    (void)given_story(h, other, "/b");
    (void)run(connection, "42501",
              http_text(h->http,
                        "INSERT INTO company (tenant_id, external_id, name)"
                        " VALUES ('%s', 'x', 'x')",
                        other->id));
    (void)run(connection, NULL, "UPDATE app SET name = 'mine'");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.app WHERE name = 'mine'"), 0);
    (void)run(connection, "42501", "DELETE FROM audit_log");
    (void)run(connection, "42501", "UPDATE audit_log SET action = ''");
    assert_int_equal(run(connection, NULL, "SELECT count(secret) FROM subscription_secret"), 0);
    assert_int_equal(run(connection, NULL, "SELECT count(password) FROM subscription_credentials"),
                     0);
    PQfinish(connection);
}

static void test_a_partition_cannot_be_addressed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_two_tenants(h);
    char *list, *rest;
    const char *table;

    rest = list = list_names(h, "SELECT string_agg(c.relname, ' ') FROM pg_class c"
                                " WHERE c.relnamespace = 'hookline'::regnamespace"
                                "   AND c.relispartition AND c.relkind = 'r'");
    assert_non_null(strstr(list, "event_"));
    while ((table = next_name(&rest)) != NULL) {
        for (size_t i = 0; i < HK_COUNTOF(runtime_roles); i++) {
            PGconn *connection = log_in(h, runtime_roles[i], t->id);

            (void)run(connection, "42501", http_text(h->http, "SELECT count(*) FROM %s", table));
            (void)run(connection, "42501", http_text(h->http, "DELETE FROM %s", table));
            PQfinish(connection);
        }
    }
    free(list);
}

static void test_runtime_roles_own_nothing_and_bypass_nothing(void **state)
{
    struct harness *h = *state;

    assert_int_equal(db_int(h, "SELECT count(*) FROM pg_roles WHERE rolname IN"
                               " ('hookline_api', 'hookline_ingest', 'hookline_worker')"),
                     HK_COUNTOF(runtime_roles));
    assert_int_equal(db_int(h, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hookline\\_%%'"
                               "   AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb"
                               "        OR rolreplication)"),
                     0);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
                            " WHERE r.rolname LIKE 'hookline\\_%%'"),
                     0);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
                            " WHERE r.rolname LIKE 'hookline\\_%%'"),
                     0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM pg_roles r, pg_namespace n"
                               " WHERE r.rolname LIKE 'hookline\\_%%' AND n.nspname = 'hookline'"
                               "   AND has_schema_privilege(r.oid, n.oid, 'CREATE')"),
                     0);
}

/* Else a temporary table of the caller stands in for one of the schema, with its owner's rights. */
static void test_functions_with_their_owners_rights_look_at_pg_temp_last(void **state)
{
    struct harness *h = *state;

    assert_null(db_text(h, "SELECT string_agg(p.proname, ' ') FROM pg_proc p"
                           " WHERE p.pronamespace = 'hookline'::regnamespace AND p.prosecdef"
                           "   AND p.proconfig IS DISTINCT FROM"
                           "       ARRAY['search_path=hookline, pg_temp']"));
    assert_true(db_int(h, "SELECT count(*) FROM pg_proc WHERE prosecdef"
                          "   AND pronamespace = 'hookline'::regnamespace") > 0);
}

static void test_every_table_of_a_tenant_has_its_policy(void **state)
{
    struct harness *h = *state;

    assert_null(db_text(h, "SELECT string_agg(c.relname, ' ') FROM pg_class c"
                           "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
                           " WHERE c.relnamespace = 'hookline'::regnamespace"
                           "   AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
                           "   AND (NOT c.relrowsecurity OR NOT EXISTS"
                           "        (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
                           "        AND EXISTS (SELECT FROM pg_roles r"
                           "                     WHERE r.rolname IN ('hookline_api',"
                           "                           'hookline_ingest', 'hookline_worker')"
                           "                       AND has_table_privilege(r.oid, c.oid,"
                           "                           'SELECT, INSERT, UPDATE, DELETE')))"));
}

/* The first column of every primary, unique and foreign key of the schema. */
/* But for what is the cell's: its schema, and the weeks that its partitions are of. */
static void test_every_key_starts_with_the_tenant(void **state)
{
    struct harness *h = *state;

    assert_null(db_text(h, "SELECT string_agg(k.conname, ' ') FROM pg_constraint k"
                           "  JOIN pg_class c ON c.oid = k.conrelid"
                           "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]"
                           " WHERE c.relnamespace = 'hookline'::regnamespace"
                           "   AND k.contype IN ('p', 'u', 'f') AND a.attname <> 'tenant_id'"
                           "   AND c.relname NOT LIKE 'schema\\_%%'"
                           "   AND c.relname <> 'retention_week'"));
}

/* Two for publishing, two for all else. */
static bool has_all_connections(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM pg_stat_activity"
                       " WHERE datname = current_database() AND usename = 'hookline_api'") == 4;
}

static void test_the_programs_have_these_roles_and_no_other(void **state)
{
    struct harness *h = *state;

    assert_true(wait_until(has_all_connections, h, 10000));
    assert_int_equal(db_int(h, "SELECT count(*) FROM pg_stat_activity"
                               " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                               "   AND backend_type = 'client backend'"
                               "   AND usename NOT IN ('hookline_api', 'hookline_worker')"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_without_a_tenant_the_api_sees_no_row),
        harness_test(test_with_a_tenant_the_api_sees_its_rows_only),
        harness_test(test_the_api_writes_no_row_of_another_tenant, .has_no_worker = true),
        harness_test(test_a_partition_cannot_be_addressed),
        harness_test(test_runtime_roles_own_nothing_and_bypass_nothing, .has_no_worker = true),
        harness_test(test_functions_with_their_owners_rights_look_at_pg_temp_last,
                     .has_no_worker = true),
        harness_test(test_every_table_of_a_tenant_has_its_policy, .has_no_worker = true),
        harness_test(test_every_key_starts_with_the_tenant, .has_no_worker = true),
        harness_test(test_the_programs_have_these_roles_and_no_other, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
