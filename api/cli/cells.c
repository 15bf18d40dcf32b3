/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/cells.h"

#include <stdlib.h>

#include "api/cli/exit.h"
#include "api/cli/session.h"
#include "api/cli/table.h"

/* ---- all of them ----------------------------------------------------------------------------- */

/* What has failed needs somebody to look at it; who is away may just come back. */
static int worse(int a, int b)
{
    return a == EXIT_FAILED || b == EXIT_OK ? a : b;
}

int cells_each(const struct hk_config *config, cells_run_fn *run, void *arg)
{
    struct hk_cells cells;
    int worst = EXIT_OK;

    if (!hk_cells_load(&cells, config, stderr))
        return EXIT_CONFIG;
    for (unsigned i = 0; i < cells.n; i++) {
        const struct hk_cell *cell = &cells.cells[i];
        int code;

        if (cells.n > 1)
            (void)printf("cell %s\n", cell->name);
        code = run(&cell->config, arg);
        (void)fflush(stdout);
        if (cells.n > 1 && code == EXIT_FAILED)
            (void)fprintf(stderr, "hookline: cell %s is not as it should be\n", cell->name);
        worst = worse(worst, code);
    }
    hk_cells_done(&cells);
    return worst;
}

/* ---- the one of a tenant --------------------------------------------------------------------- */

/* The directory is the home cell's; who is not in it lives there. */
static int look_up(PGconn *home, const struct hk_cells *cells, const char *tenant_id,
                   const struct hk_cell **ret_cell)
{
    static const char ask[] = "SELECT c.cell FROM tenant_cell c WHERE c.tenant_id = $1::uuid";
    PGresult *found = session_query(home, ask, 1, &tenant_id);
    const char *name;

    if (found == NULL)
        return EXIT_FAILED;
    name = PQntuples(found) == 0 ? HK_CELLS_HOME : PQgetvalue(found, 0, 0);
    *ret_cell = hk_cells_find(cells, hk_str(name));
    if (*ret_cell == NULL)
        (void)fprintf(stderr, "hookline: the tenant lives in cell %s: HOOKLINE_CELLS has none\n",
                      name);
    PQclear(found);
    return *ret_cell == NULL ? EXIT_FAILED : EXIT_OK;
}

int cells_find_tenant(const struct hk_cells *cells, const char *tenant_id,
                      const struct hk_cell **ret_cell)
{
    PGconn *home;
    int code;

    *ret_cell = &cells->cells[0];
    if (cells->n == 1)
        return EXIT_OK;
    home = session_open(&cells->cells[0].config);
    if (home == NULL)
        return EXIT_UNAVAILABLE;
    code = look_up(home, cells, tenant_id, ret_cell);
    PQfinish(home);
    return code;
}

/* ---- hookline cells -------------------------------------------------------------------------- */

enum { TEXT_SIZE = 96 };

/* What is known of a cell. */
struct look {
    char state[TEXT_SIZE], version[16], tenants[24];
    char place[TEXT_SIZE]; /* of its database: the same for the same, however it is spelled */
    bool is_well;
};

static void keep(char *ret, size_t size, const PGresult *result, int column)
{
    (void)snprintf(ret, size, "%s", PQgetvalue(result, 0, column));
}

/* The server since its start, and the database there. */
static bool look_at_place(PGconn *connection, struct look *look)
{
    static const char ask[] = "SELECT pg_postmaster_start_time() || ' ' || d.oid,"
                              "       to_regclass('schema_migration') IS NOT NULL"
                              "  FROM pg_database d"
                              " WHERE d.datname = current_database()";
    PGresult *result = session_query(connection, ask, 0, NULL);
    bool has_schema;

    if (result == NULL)
        return false;
    keep(look->place, sizeof(look->place), result, 0);
    has_schema = PQgetvalue(result, 0, 1)[0] == 't';
    if (!has_schema)
        (void)snprintf(look->state, sizeof(look->state), "empty: hookline migrate up");
    PQclear(result);
    return has_schema;
}

static bool look_at_version(PGconn *connection, struct look *look)
{
    PGresult *result =
        session_query(connection, "SELECT max(m.version) FROM schema_migration m", 0, NULL);
    long version;

    if (result == NULL)
        return false;
    keep(look->version, sizeof(look->version), result, 0);
    PQclear(result);
    version = strtol(look->version, NULL, 10);
    look->is_well = version >= HOOKLINE_SCHEMA_VERSION;
    (void)snprintf(look->state, sizeof(look->state), "%s",
                   version < HOOKLINE_SCHEMA_VERSION   ? "old: hookline migrate up"
                   : version > HOOKLINE_SCHEMA_VERSION ? "newer than this program"
                                                       : "up");
    return look->is_well;
}

/* Those that live there. */
static void count_tenants(PGconn *connection, struct look *look)
{
    static const char ask[] =
        "SELECT count(*) FROM tenant t"
        " WHERE t.tenant_id <> installation_id() AND t.state <> 'archived'"
        "   AND NOT EXISTS (SELECT FROM tenant_away w"
        "                    WHERE w.tenant_id = t.tenant_id AND w.state = 'moved')";
    PGresult *result = session_query(connection, ask, 0, NULL);

    if (result == NULL)
        return;
    keep(look->tenants, sizeof(look->tenants), result, 0);
    PQclear(result);
}

/*
 * A move that was killed while it flipped has left a tenant that nobody serves until it is run
 * again. One that is under way has its lock: api/cli/move.c.
 */
static void look_for_held(PGconn *connection, struct look *look)
{
    static const char ask[] =
        "SELECT count(*) FROM tenant_move v"
        "  JOIN tenant_away w ON w.tenant_id = v.tenant_id AND w.state = 'moving'"
        " WHERE pg_try_advisory_xact_lock(hashtext('hookline.move.cell.' || current_schema()"
        "                                          || '.' || v.tenant_id))";
    PGresult *result = session_query(connection, ask, 0, NULL);
    const char *n = result == NULL ? "0" : PQgetvalue(result, 0, 0);

    if (strcmp(n, "0") != 0) {
        (void)snprintf(look->state, sizeof(look->state), "tenants held: %.10s", n);
        look->is_well = false;
    }
    PQclear(result);
}

static struct look look_at(const struct hk_config *config)
{
    struct look look = {.state = "failed", .version = "-", .tenants = "-"};
    PGconn *connection = session_open(config);

    if (connection == NULL) {
        (void)snprintf(look.state, sizeof(look.state), "down");
        return look;
    }
    if (look_at_place(connection, &look) && look_at_version(connection, &look)) {
        count_tenants(connection, &look);
        look_for_held(connection, &look);
    }
    PQfinish(connection);
    return look;
}

/* Two names of one database would both be served: an error that nothing else would show. */
static void compare(const struct hk_cells *cells, struct look *looks, unsigned i)
{
    for (unsigned j = 0; j < i; j++) {
        if (looks[i].place[0] == '\0' || strcmp(looks[i].place, looks[j].place) != 0 ||
            strcmp(cells->cells[i].config.database_schema,
                   cells->cells[j].config.database_schema) != 0)
            continue;
        (void)snprintf(looks[i].state, sizeof(looks[i].state), "the same database as %s",
                       cells->cells[j].name);
        looks[i].is_well = false;
    }
}

static int print_cells(const struct hk_cells *cells)
{
    static const struct table_column columns[] = {{.title = "CELL"},
                                                  {.title = "SCHEMA"},
                                                  {.title = "VERSION", .is_right = true},
                                                  {.title = "TENANTS", .is_right = true},
                                                  {.title = "REPLICA"},
                                                  {.title = "STATE"},
                                                  {.title = NULL}};
    struct look looks[HK_CELLS_MAX + 1];
    struct table table;
    int code = EXIT_OK;

    table_init(&table, columns);
    for (unsigned i = 0; i < cells->n; i++) {
        const struct hk_cell *cell = &cells->cells[i];
        struct look *look = &looks[i];

        *look = look_at(&cell->config);
        compare(cells, looks, i);
        table_add(&table, cell->name, COLOUR_NONE);
        table_add(&table, cell->config.database_schema, COLOUR_NONE);
        table_add(&table, look->version, COLOUR_NONE);
        table_add(&table, look->tenants, COLOUR_NONE);
        table_add(&table, cell->replica_url == NULL ? "-" : "yes", COLOUR_NONE);
        table_add(&table, look->state, look->is_well ? COLOUR_GOOD : COLOUR_BAD);
        if (!look->is_well)
            code = worse(code, look->place[0] == '\0' ? EXIT_UNAVAILABLE : EXIT_FAILED);
    }
    table_print(&table);
    table_done(&table);
    return code;
}

int cells_list(const struct hk_config *config, int argc, char **argv)
{
    struct hk_cells cells;
    int code;

    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;
    if (!hk_cells_load(&cells, config, stderr))
        return EXIT_CONFIG;
    code = print_cells(&cells);
    hk_cells_done(&cells);
    return code;
}
