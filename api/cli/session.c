/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/session.h"

/*
 * Functions with their owner's rights keep this path. Unless it is named, pg_temp comes first, and
 * a role that calls them could put tables of its own in place of the schema's.
 */
static bool set_search_path(PGconn *connection, const char *schema)
{
    static const char *const set =
        "SELECT set_config('search_path', quote_ident($1) || ', pg_temp', false)";

    return session_run(connection, set, 1, &schema);
}

/* What stands before the URL gives way to what is in it. */
PGconn *session_open(const struct hk_config *config)
{
    const char *keywords[] = {"connect_timeout", "dbname", "fallback_application_name", "options",
                              NULL};
    const char *values[] = {"10", config->database_url, "hookline",
                            "-c client_min_messages=warning -c timezone=UTC", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 1);

    if (PQstatus(connection) == CONNECTION_OK &&
        set_search_path(connection, config->database_schema))
        return connection;

    (void)fprintf(stderr, "hookline: %s%s%sthe database cannot be reached: %s",
                  config->cell == NULL ? "" : "cell ", config->cell == NULL ? "" : config->cell,
                  config->cell == NULL ? "" : ": ", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

PGresult *session_query(PGconn *connection, const char *sql, int n, const char *const *params)
{
    PGresult *result = n == 0 ? PQexec(connection, sql)
                              : PQexecParams(connection, sql, n, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;

    (void)fprintf(stderr, "hookline: %s", PQresultErrorMessage(result));
    PQclear(result);
    return NULL;
}

bool session_run(PGconn *connection, const char *sql, int n, const char *const *params)
{
    PGresult *result = session_query(connection, sql, n, params);

    PQclear(result);
    return result != NULL;
}
