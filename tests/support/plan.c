/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - see plan.h. */
#include "tests/support/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

/* Not of the size of a tenant: profiles, and what an operator makes by hand. */
static const char *const small_tables[] = {"profile", "signing_key", "tenant_secret",
                                           "user_account", "user_session"};

static const char no_autovacuum[] =
    "SET search_path = hookline;"
    "DO $$ DECLARE name text; BEGIN"
    "  FOR name IN SELECT c.oid::regclass FROM pg_class c"
    "               WHERE c.relnamespace = 'hookline'::regnamespace AND c.relkind = 'r' LOOP"
    "    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);"
    "  END LOOP;"
    "END $$;";

PGconn *plan_open_database(char ret_database[PG_NAME_SIZE])
{
    char url[PG_URL_SIZE];
    PGconn *owner;

    pg_create_database(ret_database);
    pg_url(ret_database, true, url);
    owner = PQconnectdb(url);
    PQclear(plan_query(owner, no_autovacuum));
    return owner;
}

PGresult *plan_query(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%.600s: %s", sql, PQerrorMessage(session));
    return result;
}

char *plan_value(PGconn *session, const char *sql)
{
    PGresult *result = plan_query(session, sql);
    char *value = PQntuples(result) == 0 || PQgetisnull(result, 0, 0)
                      ? NULL
                      : strdup(PQgetvalue(result, 0, 0));

    PQclear(result);
    return value;
}

void plan_prepare(PGconn *session, const struct hk_stmt *stmt)
{
    char sql[32768];
    int n = snprintf(sql, sizeof(sql), "PREPARE %s AS %s", stmt->name, stmt->text);

    assert_true(n > 0 && n < (int)sizeof(sql));
    PQclear(plan_query(session, sql));
}

static int64_t number(const json_t *node, const char *name)
{
    return (int64_t)json_number_value(json_object_get(node, name));
}

static int64_t blocks(const json_t *node)
{
    return number(node, "Shared Hit Blocks") + number(node, "Shared Read Blocks");
}

static bool is_small(const char *table)
{
    for (size_t i = 0; i < HK_COUNTOF(small_tables); i++) {
        if (strcmp(small_tables[i], table) == 0)
            return true;
    }
    return false;
}

static void walk(const json_t *node, struct plan_cost *cost)
{
    const char *type = json_string_value(json_object_get(node, "Node Type"));
    const char *table = json_string_value(json_object_get(node, "Relation Name"));
    const json_t *child;
    size_t i;

    if (table != NULL || strcmp(type, "Bitmap Index Scan") == 0)
        cost->n_rows += number(node, "Actual Loops") *
                        (number(node, "Actual Rows") + number(node, "Rows Removed by Filter") +
                         number(node, "Rows Removed by Index Recheck"));
    if (table != NULL && strcmp(type, "Seq Scan") == 0 && !is_small(table) &&
        number(node, "Actual Loops") > 0)
        (void)snprintf(cost->seq_scan, sizeof(cost->seq_scan), "%s", table);
    json_array_foreach(json_object_get(node, "Plans"), i, child) walk(child, cost);
}

struct plan_cost plan_explain(PGconn *session, const char *execute)
{
    static const char explain[] = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ";
    size_t size = sizeof(explain) + strlen(execute);
    char *sql = malloc(size);
    struct plan_cost cost = {0};
    json_t *plan;
    const json_t *root, *child;
    size_t i;

    assert_non_null(sql);
    (void)snprintf(sql, size, "%s%s", explain, execute);
    cost.text = plan_value(session, sql);
    plan = json_loads(cost.text, 0, NULL);
    root = json_object_get(json_array_get(plan, 0), "Plan");
    assert_non_null(root);
    walk(root, &cost);
    cost.n_blocks = blocks(root);
    /* A change that nothing reads from runs when the rest has ended, and is not in its count. */
    json_array_foreach(json_object_get(root, "Plans"), i, child)
    {
        if (strcmp(json_string_value(json_object_get(child, "Node Type")), "ModifyTable") == 0 &&
            json_object_get(child, "Subplan Name") != NULL)
            cost.n_blocks += blocks(child);
    }
    json_decref(plan);
    free(sql);
    return cost;
}

void plan_cost_done(struct plan_cost *cost)
{
    free(cost->text);
    cost->text = NULL;
}

bool plan_is_within(const struct plan_cost *cost, const char *what, int64_t max_rows,
                    int64_t max_blocks)
{
    bool is_within =
             cost->seq_scan[0] == '\0' && cost->n_rows <= max_rows && cost->n_blocks <= max_blocks,
         is_verbose = getenv("PLANS_VERBOSE") != NULL;

    if (!is_within || is_verbose)
        print_error("%s: %lld rows, %lld blocks%s%s\n", what, (long long)cost->n_rows,
                    (long long)cost->n_blocks, cost->seq_scan[0] == '\0' ? "" : ", Seq Scan on ",
                    cost->seq_scan);
    if (!is_within && is_verbose)
        (void)fprintf(stderr, "%s\n", cost->text);
    return is_within;
}
