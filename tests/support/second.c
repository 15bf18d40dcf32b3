/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/second.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/proc.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS  10000
#define TEMPLATE         "migrated"

static struct {
    char directory[PROC_PATH_SIZE]; /* socket and data; "" while there is no server */
    char data[PROC_PATH_SIZE + 8];
    struct proc server;
    unsigned n_databases;
} second;

static HK_NORETURN void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "tests/support/second: %s: %s\n", what, why);
    exit(2);
}

static void throw_away(void)
{
    proc_signal(&second.server, SIGQUIT);
    if (proc_wait(&second.server, STOP_TIMEOUT_MS) == PROC_TIMED_OUT)
        proc_kill(&second.server);
    proc_remove_directory(second.directory);
}

static void make_cluster(void)
{
    const char *argv[PG_MAX_ARGS];

    pg_argv("initdb",
            (const char *const[]){"-D", second.data, "-U", "hookline", "-A", "trust", "-E", "UTF8",
                                  "--locale=C.UTF-8", "--no-sync", "--no-instructions", NULL},
            argv);
    if (proc_run("initdb", second.directory, argv, NULL, NULL) != 0)
        die("initdb", "failed");
}

static void run_server(void)
{
    const char *argv[PG_MAX_ARGS];
    char sockets[PROC_PATH_SIZE + 32];
    char *said;

    (void)snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", second.directory);
    pg_argv("postgres",
            (const char *const[]){"-D", second.data, "-c", "listen_addresses=", "-c", sockets, "-c",
                                  "fsync=off", "-c", "full_page_writes=off", "-c",
                                  "max_connections=100", "-c", "shared_buffers=64MB", NULL},
            argv);
    proc_start(&second.server, "second", second.directory, argv, NULL);
    said = proc_wait_for_text(&second.server, second.server.err_path, "ready to accept connections",
                              START_TIMEOUT_MS);
    if (said == NULL) {
        proc_print_logs(&second.server);
        die("postgres", "did not start");
    }
    free(said);
}

static void migrate(void)
{
    char program[PROC_PATH_SIZE], url[PG_URL_SIZE], variable[PG_URL_SIZE + 32];
    const char *const argv[] = {program, "migrate", "up", NULL};

    free(second_text("postgres", "CREATE DATABASE " TEMPLATE));
    second_url(TEMPLATE, true, url);
    (void)snprintf(variable, sizeof(variable), "HOOKLINE_DATABASE_URL=%s", url);
    proc_program("hookline", program);
    if (proc_run("migrate-second", second.directory, argv, (const char *const[]){variable, NULL},
                 NULL) != 0) {
        proc_print_directory(second.directory);
        die("hookline migrate up", "failed");
    }
}

static void start(void)
{
    proc_make_directory("hookline-second", second.directory);
    pg_give(second.directory);
    (void)snprintf(second.data, sizeof(second.data), "%s/data", second.directory);
    (void)atexit(throw_away);
    make_cluster();
    run_server();
    migrate();
}

void second_create_database(char ret_name[PG_NAME_SIZE])
{
    char sql[PG_NAME_SIZE + 96];

    if (second.directory[0] == '\0')
        start();
    (void)snprintf(ret_name, PG_NAME_SIZE, "second_%u", ++second.n_databases);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE " TEMPLATE " STRATEGY wal_log",
                   ret_name);
    free(second_text("postgres", sql));
}

void second_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE])
{
    (void)snprintf(ret, PG_URL_SIZE, "host=%s dbname=%s%s", second.directory, database,
                   as_superuser ? " user=hookline" : "");
}

char *second_text(const char *database, const char *sql)
{
    char url[PG_URL_SIZE];

    second_url(database, true, url);
    return pg_text_at(url, sql);
}
