/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/migrate.h"

#include <inttypes.h>

#include "api/cli/cells.h"
#include "api/cli/exit.h"
#include "api/cli/session.h"
#include "hk/clock.h"
#include "hk/encode.h"
#include "migrations/numbered.h"
#include "migrations/repeatables.h"

#define WEEKS_AHEAD "4" /* of partitions; the worker makes more as time goes by */

enum { HEX_SIZE = 2 * HK_SHA256_SIZE + 1, APPLIED_AT_SIZE = 40 };

enum file_state { FILE_PENDING, FILE_APPLIED, FILE_CHANGED };

/* A file of the program beside what the database knows of it. */
struct file {
    const struct hk_file *file;
    bool is_repeatable;
    char sha256[HEX_SIZE];
    enum file_state state;
    char applied_at[APPLIED_AT_SIZE]; /* "" while pending */
};

static struct file make_file(const struct hk_file *file, bool is_repeatable)
{
    struct file made = {.file = file, .is_repeatable = is_repeatable};
    uint8_t hash[HK_SHA256_SIZE];

    hk_sha256(file->bytes.p, file->bytes.n, hash);
    hk_hex_encode(hash, sizeof(hash), made.sha256);
    return made;
}

/* Session-wide, so that it holds across the transactions of the files; ends with the connection. */
static bool take_lock(PGconn *connection, const char *schema)
{
    return session_run(connection, "SELECT pg_advisory_lock(hashtext('hookline.migrate.' || $1))",
                       1, &schema);
}

static bool make_schema(PGconn *connection, const char *schema)
{
    char *name = PQescapeIdentifier(connection, schema, strlen(schema));
    char sql[256];
    int n;

    if (name == NULL)
        return false;
    n = snprintf(sql, sizeof(sql), "CREATE SCHEMA IF NOT EXISTS %s", name);
    PQfreemem(name);
    return n > 0 && (size_t)n < sizeof(sql) && session_run(connection, sql, 0, NULL);
}

static bool make_tables(PGconn *connection)
{
    return session_run(connection,
                       "CREATE TABLE IF NOT EXISTS schema_migration ("
                       "    version integer PRIMARY KEY,"
                       "    name text NOT NULL,"
                       "    sha256 text NOT NULL,"
                       "    applied_at timestamptz NOT NULL DEFAULT now(),"
                       "    took_ms bigint NOT NULL);"
                       "CREATE TABLE IF NOT EXISTS schema_repeatable ("
                       "    name text PRIMARY KEY,"
                       "    sha256 text NOT NULL,"
                       "    applied_at timestamptz NOT NULL DEFAULT now());",
                       0, NULL);
}

/* What the database knows: rows of (name, sha256, applied_at, is repeatable). */
static PGresult *read_applied(PGconn *connection)
{
    PGresult *result = session_query(
        connection, "SELECT 1 WHERE to_regclass('schema_repeatable') IS NOT NULL", 0, NULL);
    bool is_there = result != NULL && PQntuples(result) == 1;

    if (result == NULL || !is_there)
        return result; /* no rows: everything is pending */
    PQclear(result);
    return session_query(
        connection,
        "SELECT m.name, m.sha256, to_char(m.applied_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'n'"
        "  FROM schema_migration m"
        " UNION ALL "
        "SELECT r.name, r.sha256, to_char(r.applied_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'r'"
        "  FROM schema_repeatable r",
        0, NULL);
}

static bool row_is_of(const PGresult *applied, int row, const struct file *file)
{
    return strcmp(PQgetvalue(applied, row, 0), file->file->name) == 0 &&
           (PQgetvalue(applied, row, 3)[0] == 'r') == file->is_repeatable;
}

static void compare(struct file *file, const PGresult *applied)
{
    for (int row = 0; row < PQntuples(applied); row++) {
        if (!row_is_of(applied, row, file))
            continue;
        file->state =
            strcmp(PQgetvalue(applied, row, 1), file->sha256) == 0 ? FILE_APPLIED : FILE_CHANGED;
        (void)snprintf(file->applied_at, sizeof(file->applied_at), "%s",
                       PQgetvalue(applied, row, 2));
    }
}

/* Numbered migrations of a newer program: this one must not touch the schema. */
static bool has_unknown(const PGresult *applied)
{
    bool is_unknown = false;

    for (int row = 0; row < PQntuples(applied); row++) {
        const struct hk_file *file = hk_migrations;

        if (PQgetvalue(applied, row, 3)[0] == 'r')
            continue;
        while (file->name != NULL && strcmp(file->name, PQgetvalue(applied, row, 0)) != 0)
            file++;
        if (file->name == NULL) {
            (void)fprintf(stderr, "hookline: the schema has %s, which this program does not know\n",
                          PQgetvalue(applied, row, 0));
            is_unknown = true;
        }
    }
    return is_unknown;
}

/* Calls `visit` with every file, numbered ones first, until it says false. */
typedef bool visit_fn(struct file *file, void *arg);

static bool visit_files(const PGresult *applied, visit_fn *visit, void *arg)
{
    const struct hk_file *const arrays[] = {hk_migrations, hk_repeatables};

    for (size_t i = 0; i < HK_COUNTOF(arrays); i++) {
        for (const struct hk_file *at = arrays[i]; at->name != NULL; at++) {
            struct file file = make_file(at, i == 1);

            compare(&file, applied);
            if (!visit(&file, arg))
                return false;
        }
    }
    return true;
}

/* The number that "0003_apps.sql" begins with, as text: "3". */
static void version_of(const char *name, char ret[16])
{
    size_t n = strspn(name, "0");
    size_t digits = strspn(name + n, "0123456789");

    (void)snprintf(ret, 16, "%.*s", (int)(digits < 9 ? digits : 9), name + n);
}

static bool note_applied(PGconn *connection, const struct file *file, int64_t took_ms)
{
    char version[16], took[24];
    const char *numbered[] = {version, file->file->name, file->sha256, took};
    const char *repeatable[] = {file->file->name, file->sha256};

    if (file->is_repeatable)
        return session_run(connection,
                           "INSERT INTO schema_repeatable (name, sha256) VALUES ($1, $2)"
                           " ON CONFLICT (name) DO UPDATE"
                           " SET sha256 = excluded.sha256, applied_at = now()",
                           HK_COUNTOF(repeatable), repeatable);
    version_of(file->file->name, version);
    (void)snprintf(took, sizeof(took), "%" PRId64, took_ms);
    return session_run(connection,
                       "INSERT INTO schema_migration (version, name, sha256, took_ms)"
                       " VALUES ($1::integer, $2, $3, $4::bigint)",
                       HK_COUNTOF(numbered), numbered);
}

/* "0003_apps.sql:57", where the server found fault with the text. */
static void print_place(const struct file *file, const PGresult *result)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    int at = 0, line = 1;

    /* In characters; a migration is ASCII. */
    for (; position != NULL && *position >= '0' && *position <= '9'; position++)
        at = at * 10 + (*position - '0');
    for (int i = 0; i < at - 1 && i < (int)file->file->bytes.n; i++)
        line += file->file->bytes.p[i] == '\n';
    (void)fprintf(stderr, "hookline: %s:%d: %s", file->file->name, line,
                  PQresultErrorMessage(result));
}

static bool run_text(PGconn *connection, const struct file *file)
{
    PGresult *result = PQexec(connection, file->file->bytes.p);
    ExecStatusType status = PQresultStatus(result);
    bool is_done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!is_done)
        print_place(file, result);
    PQclear(result);
    return is_done;
}

/* The lock timeout keeps a migration from standing in line with all traffic behind it. */
static bool apply(struct file *file, void *arg)
{
    PGconn *connection = arg;
    int64_t start_ms = hk_mono_ms();

    if (file->state == FILE_APPLIED)
        return true;
    if (file->state == FILE_CHANGED && !file->is_repeatable) {
        (void)fprintf(stderr, "hookline: %s has changed since it was applied on %s\n",
                      file->file->name, file->applied_at);
        return false;
    }
    if (!session_run(connection, "BEGIN; SET LOCAL lock_timeout = '5s'", 0, NULL))
        return false;
    if (!run_text(connection, file) || !note_applied(connection, file, hk_mono_ms() - start_ms) ||
        !session_run(connection, "COMMIT", 0, NULL)) {
        PQclear(PQexec(connection, "ROLLBACK"));
        return false;
    }
    (void)printf("applied %s (%" PRId64 " ms)\n", file->file->name, hk_mono_ms() - start_ms);
    return true;
}

static bool bring_up(PGconn *connection, const char *schema)
{
    PGresult *applied;
    bool is_up;

    if (!take_lock(connection, schema) || !make_schema(connection, schema) ||
        !make_tables(connection))
        return false;
    applied = read_applied(connection);
    if (applied == NULL)
        return false;

    is_up = !has_unknown(applied) && visit_files(applied, apply, connection) &&
            session_run(connection, "SELECT partition_create(" WEEKS_AHEAD ")", 0, NULL);
    PQclear(applied);
    return is_up;
}

static int bring_cell_up(const struct hk_config *config, void *arg)
{
    PGconn *connection = session_open(config);
    bool is_up;

    (void)arg;
    if (connection == NULL)
        return EXIT_UNAVAILABLE;

    is_up = bring_up(connection, config->database_schema);
    PQfinish(connection);
    return is_up ? EXIT_OK : EXIT_FAILED;
}

int migrate_up(const struct hk_config *config, int argc, char **argv)
{
    (void)argv;
    return argc == 0 ? cells_each(config, bring_cell_up, NULL) : EXIT_USAGE;
}

static bool print_file(struct file *file, void *arg)
{
    static const char *const states[] = {
        [FILE_PENDING] = "pending", [FILE_APPLIED] = "applied", [FILE_CHANGED] = "changed"};

    (void)fprintf(arg, "%-8s %-20s %s%s\n", states[file->state], file->applied_at,
                  file->is_repeatable ? "repeatable/" : "", file->file->name);
    return true;
}

static bool is_applied(struct file *file, void *arg)
{
    (void)arg;
    return file->state == FILE_APPLIED;
}

/* What the database knows, as rows; the exit code when that cannot be had. */
static int look(const struct hk_config *config, PGresult **ret)
{
    PGconn *connection = session_open(config);

    if (connection == NULL)
        return EXIT_UNAVAILABLE;
    *ret = read_applied(connection);
    PQfinish(connection);
    return *ret == NULL ? EXIT_FAILED : EXIT_OK;
}

static int print_status(const struct hk_config *config, void *arg)
{
    PGresult *applied;
    int code = look(config, &applied);

    (void)arg;
    if (code != EXIT_OK)
        return code;

    (void)visit_files(applied, print_file, stdout);
    (void)has_unknown(applied);
    PQclear(applied);
    return EXIT_OK;
}

int migrate_status(const struct hk_config *config, int argc, char **argv)
{
    (void)argv;
    return argc == 0 ? cells_each(config, print_status, NULL) : EXIT_USAGE;
}

static int check_cell(const struct hk_config *config, void *arg)
{
    PGresult *applied;
    int code = look(config, &applied);

    (void)arg;
    if (code != EXIT_OK)
        return code;

    /* A newer schema is well: programs are older for a while in every rollout. */
    if (!visit_files(applied, is_applied, NULL)) {
        (void)visit_files(applied, print_file, stderr);
        code = EXIT_FAILED;
    }
    PQclear(applied);
    return code;
}

int migrate_check(const struct hk_config *config, int argc, char **argv)
{
    (void)argv;
    return argc == 0 ? cells_each(config, check_cell, NULL) : EXIT_USAGE;
}
