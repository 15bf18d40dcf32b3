/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg.c - see pg.h.
 *
 * PostgreSQL refuses to run as root: then it runs as `postgres`, by setpriv, which also makes the
 * server end when the test program does, however that ends. Test programs that share a server make
 * the template under an advisory lock; its name holds the age of the migrating binary, so that a
 * template of an older build is never taken.
 */
#include "tests/support/pg.h"

#include <assert.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "tests/support/proc.h"

#ifndef PG_BIN_DIR
#define PG_BIN_DIR "/usr/lib/postgresql/15/bin"
#endif

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS  10000

static struct {
    char directory[PROC_PATH_SIZE]; /* ours: socket and data; "" when the server is not ours */
    char socket_directory[PROC_PATH_SIZE];
    struct proc server;
    unsigned n_starts;
    char template[PG_NAME_SIZE];
    unsigned n_databases;
} pg;

static HK_NORETURN void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "tests/support/pg: %s: %s\n", what, why);
    exit(2);
}

/* ---- server ---- */

void pg_argv(const char *program, const char *const arguments[], const char *ret[PG_MAX_ARGS])
{
    static char paths[4][PROC_PATH_SIZE]; /* of so many programs */
    static unsigned n_paths;
    char *path = paths[n_paths++ % HK_COUNTOF(paths)];
    static const char *const as_postgres[] = {
        "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "QUIT"};
    size_t n = 0;

    for (size_t i = 0; geteuid() == 0 && i < HK_COUNTOF(as_postgres); i++)
        ret[n++] = as_postgres[i];
    (void)snprintf(path, PROC_PATH_SIZE, "%s/%s", PG_BIN_DIR, program);
    ret[n++] = path;
    for (size_t i = 0; arguments[i] != NULL; i++)
        ret[n++] = arguments[i];
    assert(n < PG_MAX_ARGS);
    ret[n] = NULL;
}

void pg_give(const char *path)
{
    const struct passwd *user;

    if (geteuid() != 0)
        return;
    user = getpwnam("postgres");
    if (user == NULL || chown(path, user->pw_uid, user->pw_gid) != 0)
        die(path, "cannot be given to user postgres");
}

static void make_cluster(const char *data)
{
    const char *argv[PG_MAX_ARGS];

    pg_argv("initdb",
            (const char *const[]){"-D", data, "-U", "hookline", "-A", "trust", "-E", "UTF8",
                                  "--locale=C.UTF-8", "--no-sync", "--no-instructions", NULL},
            argv);
    if (proc_run("initdb", pg.directory, argv, NULL, NULL) != 0)
        die("initdb", "failed");
}

static void stop_server(void)
{
    proc_signal(&pg.server, SIGQUIT); /* at once: the data are thrown away */
    if (proc_wait(&pg.server, STOP_TIMEOUT_MS) == PROC_TIMED_OUT)
        proc_kill(&pg.server);
    proc_remove_directory(pg.directory);
}

/* Each run of the server has its log to itself, and has to say by itself that it is ready. */
static void run_server(void)
{
    const char *argv[PG_MAX_ARGS];
    char data[PROC_PATH_SIZE + 8], sockets[PROC_PATH_SIZE + 32], name[32];
    char *said;

    (void)snprintf(data, sizeof(data), "%s/data", pg.directory);
    (void)snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", pg.directory);
    (void)snprintf(name, sizeof(name), "postgres-%u", pg.n_starts++);
    pg_argv("postgres",
            (const char *const[]){"-D", data, "-c", "listen_addresses=", "-c", sockets, "-c",
                                  "fsync=off", "-c", "full_page_writes=off", "-c",
                                  "max_connections=200", "-c", "shared_buffers=64MB", NULL},
            argv);
    proc_start(&pg.server, name, pg.directory, argv, NULL);
    said = proc_wait_for_text(&pg.server, pg.server.err_path, "ready to accept connections",
                              START_TIMEOUT_MS);
    if (said == NULL) {
        proc_print_logs(&pg.server);
        die("postgres", "did not start");
    }
    free(said);
}

static void start_server(void)
{
    char data[PROC_PATH_SIZE + 8];

    proc_make_directory("hookline-pg", pg.directory);
    pg_give(pg.directory);
    (void)snprintf(data, sizeof(data), "%s/data", pg.directory);
    make_cluster(data);
    (void)atexit(stop_server);
    run_server();
    (void)snprintf(pg.socket_directory, sizeof(pg.socket_directory), "%s", pg.directory);
}

void pg_stop(int signal_no)
{
    assert(pg.directory[0] != '\0');
    proc_signal(&pg.server, signal_no);
    if (proc_wait(&pg.server, START_TIMEOUT_MS) == PROC_TIMED_OUT)
        die("postgres", "did not stop");
}

void pg_start(void)
{
    run_server();
}

const char *pg_server(void)
{
    const char *given = getenv("HOOKLINE_TEST_PG");

    if (pg.socket_directory[0] != '\0')
        return pg.socket_directory;
    if (given != NULL && given[0] != '\0')
        (void)snprintf(pg.socket_directory, sizeof(pg.socket_directory), "%s", given);
    else
        start_server();
    return pg.socket_directory;
}

/* ---- SQL ---- */

void pg_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE])
{
    (void)snprintf(ret, PG_URL_SIZE, "host=%s dbname=%s%s", pg_server(), database,
                   as_superuser ? " user=hookline" : "");
}

static PGconn *connect_at(const char *url)
{
    char quiet_url[PG_URL_SIZE + 64];
    PGconn *connection;

    (void)snprintf(quiet_url, sizeof(quiet_url), "%s options='-c client_min_messages=warning'",
                   url);
    connection = PQconnectdb(quiet_url);
    if (PQstatus(connection) != CONNECTION_OK)
        die("connection", PQerrorMessage(connection));
    return connection;
}

static PGconn *connect_to(const char *database)
{
    char url[PG_URL_SIZE];

    pg_url(database, true, url);
    return connect_at(url);
}

static char *run_sql(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    char *text = NULL;

    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        die(sql, PQerrorMessage(connection));
    if (PQntuples(result) > 0 && PQnfields(result) > 0 && !PQgetisnull(result, 0, 0)) {
        text = strdup(PQgetvalue(result, 0, 0));
        assert(text != NULL);
    }
    PQclear(result);
    return text;
}

char *pg_text_at(const char *url, const char *sql)
{
    PGconn *connection = connect_at(url);
    char *text = run_sql(connection, sql);

    PQfinish(connection);
    return text;
}

char *pg_text(const char *database, const char *sql)
{
    char url[PG_URL_SIZE];

    pg_url(database, true, url);
    return pg_text_at(url, sql);
}

/* ---- databases ---- */

static void migrate_template(void)
{
    char program[PROC_PATH_SIZE];
    const char *const argv[] = {program, "migrate", "up", NULL};
    char variable[PG_URL_SIZE + 32], url[PG_URL_SIZE], directory[PROC_PATH_SIZE];
    int code;

    pg_url(pg.template, true, url);
    (void)snprintf(variable, sizeof(variable), "HOOKLINE_DATABASE_URL=%s", url);
    proc_program("hookline", program);
    proc_make_directory("hookline-migrate", directory);
    code = proc_run("migrate", directory, argv, (const char *const[]){variable, NULL}, NULL);
    proc_remove_directory(directory);
    if (code != 0)
        die("hookline migrate up", "failed");
}

/* Being a template is the mark of a template that is complete. */
static void make_template(void)
{
    PGconn *connection = connect_to("postgres");
    char sql[256];
    char *is_there;

    free(run_sql(connection, "SELECT pg_advisory_lock(7164)"));
    (void)snprintf(sql, sizeof(sql),
                   "SELECT 1 FROM pg_database WHERE datistemplate AND datname='%s'", pg.template);
    is_there = run_sql(connection, sql);
    if (is_there == NULL) {
        (void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s", pg.template);
        free(run_sql(connection, sql));
        (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'",
                       pg.template);
        free(run_sql(connection, sql));
        migrate_template();
        (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s IS_TEMPLATE true", pg.template);
        free(run_sql(connection, sql));
    }
    free(is_there);
    PQfinish(connection); /* and with it the lock */
}

void pg_create_database(char ret_name[PG_NAME_SIZE])
{
    char sql[256];
    struct stat binary;

    (void)pg_server();
    if (pg.template[0] == '\0') {
        if (stat(HOOKLINE_BIN_DIR "/hookline", &binary) != 0)
            die(HOOKLINE_BIN_DIR "/hookline", "is not built");
        (void)snprintf(pg.template, sizeof(pg.template), "hookline_template_%llx_%llx",
                       (unsigned long long)binary.st_mtim.tv_sec,
                       (unsigned long long)binary.st_mtim.tv_nsec);
        make_template();
    }
    (void)snprintf(ret_name, PG_NAME_SIZE, "t_%d_%u", (int)getpid(), ++pg.n_databases);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s STRATEGY wal_log", ret_name,
                   pg.template);
    free(pg_text("postgres", sql));
}

void pg_drop_database(const char *name)
{
    char sql[PG_NAME_SIZE + 64];

    (void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
    free(pg_text("postgres", sql));
}
