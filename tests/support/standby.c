/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/standby.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tests/support/proc.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS  10000

static struct {
    char directory[PROC_PATH_SIZE]; /* socket and data */
    char data[PROC_PATH_SIZE + 8];
    struct proc server;
    unsigned n_starts;
} standby;

static HK_NORETURN void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "tests/support/standby: %s: %s\n", what, why);
    exit(2);
}

static void throw_away(void)
{
    proc_signal(&standby.server, SIGQUIT);
    if (proc_wait(&standby.server, STOP_TIMEOUT_MS) == PROC_TIMED_OUT)
        proc_kill(&standby.server);
    proc_remove_directory(standby.directory);
}

static void copy_primary(void)
{
    const char *argv[PG_MAX_ARGS];

    pg_argv("pg_basebackup",
            (const char *const[]){"-h", pg_server(), "-U", "hookline", "-D", standby.data, "-R",
                                  "-X", "stream", "-c", "fast", "--no-sync", NULL},
            argv);
    if (proc_run("pg_basebackup", standby.directory, argv, NULL, NULL) != 0) {
        proc_print_directory(standby.directory);
        die("pg_basebackup", "failed");
    }
}

/* A query that is in the way of what the primary has done is cancelled soon. */
void standby_start(void)
{
    const char *argv[PG_MAX_ARGS];
    char sockets[PROC_PATH_SIZE + 32], name[32];
    char *said;

    (void)snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", standby.directory);
    (void)snprintf(name, sizeof(name), "standby-%u", standby.n_starts++);
    pg_argv("postgres",
            (const char *const[]){"-D", standby.data, "-c", "listen_addresses=", "-c", sockets,
                                  "-c", "fsync=off", "-c", "max_connections=200", "-c",
                                  "shared_buffers=64MB", "-c", "hot_standby_feedback=on", "-c",
                                  "max_standby_streaming_delay=100ms", NULL},
            argv);
    proc_start(&standby.server, name, standby.directory, argv, NULL);
    said = proc_wait_for_text(&standby.server, standby.server.err_path,
                              "ready to accept read-only connections", START_TIMEOUT_MS);
    if (said == NULL) {
        proc_print_logs(&standby.server);
        die("postgres", "did not start");
    }
    free(said);
}

void standby_make(void)
{
    (void)pg_server();
    proc_make_directory("hookline-standby", standby.directory);
    pg_give(standby.directory);
    (void)snprintf(standby.data, sizeof(standby.data), "%s/data", standby.directory);
    (void)atexit(throw_away);
    copy_primary();
    standby_start();
}

void standby_stop(int signal_no)
{
    proc_signal(&standby.server, signal_no);
    if (proc_wait(&standby.server, START_TIMEOUT_MS) == PROC_TIMED_OUT)
        die("postgres", "did not stop");
}

void standby_url(const char *database, bool as_superuser, char ret[PG_URL_SIZE])
{
    (void)snprintf(ret, PG_URL_SIZE, "host=%s dbname=%s%s", standby.directory, database,
                   as_superuser ? " user=hookline" : "");
}

char *standby_text(const char *database, const char *sql)
{
    char url[PG_URL_SIZE];

    standby_url(database, true, url);
    return pg_text_at(url, sql);
}

/* ---- what it replays ---- */

static void tell(const char *sql)
{
    free(standby_text("postgres", sql));
}

static bool is_paused(void *arg)
{
    char *state = standby_text("postgres", "SELECT pg_get_wal_replay_pause_state()");
    bool is_so = state != NULL && strcmp(state, "paused") == 0;

    (void)arg;
    free(state);
    return is_so;
}

void standby_pause(void)
{
    tell("SELECT pg_wal_replay_pause()");
    if (!wait_until(is_paused, NULL, START_TIMEOUT_MS))
        die("postgres", "goes on replaying");
}

void standby_resume(void)
{
    tell("SELECT pg_wal_replay_resume()");
}

/* ---- a server that it is no copy of ---- */

const char *standby_make_stranger(void)
{
    static char url[PG_URL_SIZE];
    char program[PROC_PATH_SIZE], directory[PROC_PATH_SIZE], owner[PG_URL_SIZE];
    const char *const argv[] = {program, "migrate", "up", NULL};
    char variable[PG_URL_SIZE + 64];
    const char *sockets = getenv("HOOKLINE_TEST_PG");

    if (sockets == NULL || sockets[0] == '\0')
        return NULL;
    (void)snprintf(owner, sizeof(owner), "host=%s user=hookline dbname=postgres", sockets);
    (void)snprintf(url, sizeof(url), "host=%s dbname=stranger", sockets);
    (void)snprintf(variable, sizeof(variable), "HOOKLINE_DATABASE_URL=%s user=hookline", url);
    (void)unsetenv("HOOKLINE_TEST_PG");
    free(pg_text_at(owner, "DROP DATABASE IF EXISTS stranger"));
    free(pg_text_at(owner, "CREATE DATABASE stranger"));
    proc_program("hookline", program);
    proc_make_directory("hookline-migrate", directory);
    if (proc_run("migrate", directory, argv, (const char *const[]){variable, NULL}, NULL) != 0)
        die("hookline migrate up", "failed");
    proc_remove_directory(directory);
    return url;
}
