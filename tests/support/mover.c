/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mover.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "tests/support/second.h"

enum { WAIT_MS = 60000 };

/* ---- two cells ---- */

static void url_of(const struct mover *m, enum mover_side side, bool as_superuser,
                   char ret[PG_URL_SIZE])
{
    if (side == HOME)
        pg_url(m->database[HOME], as_superuser, ret);
    else
        second_url(m->database[B], as_superuser, ret);
}

struct mover *mover_begin(struct harness *h)
{
    struct mover *m = calloc(1, sizeof(*m));
    char url[PG_URL_SIZE];

    assert_non_null(m);
    m->h = h;
    memcpy(m->database[HOME], h->database, sizeof(h->database));
    second_create_database(m->database[B]);
    url_of(m, B, false, url);
    (void)snprintf(h->cells_variable, sizeof(h->cells_variable), "HOOKLINE_CELLS=b hookline %s",
                   url);
    harness_restart_api(h);
    (void)harness_start_worker(h);
    return m;
}

void mover_end(struct mover *m)
{
    assert_false(proc_is_running(&m->proc));
    free(m);
}

static HK_PRINTF(3, 0) char *ask(struct mover *m, enum mover_side side, const char *sql_format,
                                 va_list args)
{
    char url[PG_URL_SIZE], *sql, *in_schema, *text;

    assert_true(vasprintf(&sql, sql_format, args) >= 0);
    assert_true(asprintf(&in_schema, "SET search_path = hookline, pg_temp; %s", sql) >= 0);
    url_of(m, side, true, url);
    text = pg_text_at(url, in_schema);
    free(in_schema);
    free(sql);
    return text;
}

char *mover_text(struct mover *m, enum mover_side side, const char *sql_format, ...)
{
    va_list args;
    char *text;

    va_start(args, sql_format);
    text = ask(m, side, sql_format, args);
    va_end(args);
    return text;
}

int64_t mover_int(struct mover *m, enum mover_side side, const char *sql_format, ...)
{
    va_list args;
    char *text;
    int64_t value;

    va_start(args, sql_format);
    text = ask(m, side, sql_format, args);
    va_end(args);
    if (text == NULL)
        fail_test("the statement gave no value: %s", sql_format);
    value = strtoll(text, NULL, 10);
    free(text);
    return value;
}

/* ---- the process ---- */

enum { MAX_ARGS = 10 };

void mover_start_beside(struct mover *m, struct proc *ret, const char *const arguments[])
{
    char program[PROC_PATH_SIZE], name[32], url[PG_URL_SIZE];
    char home[PG_URL_SIZE + 32], cells[PG_URL_SIZE + 32];
    const char *argv[MAX_ARGS] = {program};
    const char *const env[] = {home, cells, m->h->master_key, NULL};

    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i + 2 < MAX_ARGS);
        argv[i + 1] = arguments[i];
    }
    proc_program("hookline", program);
    url_of(m, HOME, true, url);
    (void)snprintf(home, sizeof(home), "HOOKLINE_DATABASE_URL=%s", url);
    url_of(m, B, true, url);
    (void)snprintf(cells, sizeof(cells), "HOOKLINE_CELLS=b hookline %s", url);
    (void)snprintf(name, sizeof(name), "move-%u", ++m->n_runs);
    proc_start(ret, name, m->h->directory, argv, env);
}

void mover_start(struct mover *m, const struct tenant *t, const char *to, const char *option)
{
    mover_start_beside(m, &m->proc,
                       (const char *const[]){"tenants", "move", t->id, "--to", to, option, NULL});
}

int mover_wait(struct mover *m)
{
    int code = proc_wait(&m->proc, WAIT_MS);

    if (code == PROC_TIMED_OUT)
        fail_test("the move has not ended");
    return code;
}

void mover_kill(struct mover *m)
{
    proc_kill(&m->proc);
}

void mover_cut_off(struct mover *m)
{
    for (enum mover_side side = HOME; side <= B; side++)
        (void)mover_int(m, side,
                        "SELECT count(pg_terminate_backend(a.pid, 10000)) FROM pg_stat_activity a"
                        " WHERE a.application_name = 'hookline'"
                        "   AND a.datname = current_database()");
}

static bool is_lost(void *arg)
{
    PGconn *db = arg;

    (void)PQconsumeInput(db);
    return PQstatus(db) == CONNECTION_BAD;
}

static bool is_open(void *url)
{
    return PQping(url) == PQPING_OK;
}

void mover_crash_b(struct mover *m)
{
    char url[PG_URL_SIZE];
    PGconn *db;

    url_of(m, B, true, url);
    db = PQconnectdb(url);
    assert_int_equal(PQstatus(db), CONNECTION_OK);
    assert_int_equal(kill((pid_t)mover_int(m, B,
                                           "SELECT a.pid FROM pg_stat_activity a"
                                           " WHERE a.application_name = 'hookline'"
                                           "   AND a.datname = current_database() LIMIT 1"),
                          SIGKILL),
                     0);
    assert_true(wait_until(is_lost, db, WAIT_MS));
    assert_true(wait_until(is_open, url, WAIT_MS));
    PQfinish(db);
}

void mover_interrupt(struct mover *m)
{
    proc_signal(&m->proc, SIGINT);
}

void mover_run(struct mover *m, const struct tenant *t, const char *to, const char *option,
               int exit_code)
{
    mover_start(m, t, to, option);
    assert_int_equal(mover_wait(m), exit_code);
}

/* ---- locks ---- */

struct mover_lock {
    PGconn *db;
};

struct mover_lock *mover_lock(struct mover *m, enum mover_side side, const char *sql_format, ...)
{
    struct mover_lock *lock = calloc(1, sizeof(*lock));
    char url[PG_URL_SIZE], *sql;
    va_list args;
    PGresult *result;

    assert_non_null(lock);
    va_start(args, sql_format);
    assert_true(vasprintf(&sql, sql_format, args) >= 0);
    va_end(args);
    url_of(m, side, true, url);
    lock->db = PQconnectdb(url);
    PQclear(PQexec(lock->db, "SET search_path = hookline; BEGIN"));
    result = PQexec(lock->db, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_test("%s: %s", sql, PQerrorMessage(lock->db));
    PQclear(result);
    free(sql);
    return lock;
}

void mover_unlock(struct mover_lock *lock)
{
    PQclear(PQexec(lock->db, "COMMIT"));
    PQfinish(lock->db);
    free(lock);
}

struct blocked {
    struct mover *m;
    enum mover_side side;
    bool is_advisory;
};

static bool is_blocked(void *arg)
{
    const struct blocked *blocked = arg;

    return mover_int(blocked->m, blocked->side,
                     "SELECT count(*) FROM pg_stat_activity a"
                     " WHERE a.application_name = 'hookline' AND a.datname = current_database()"
                     "   AND a.wait_event_type = 'Lock' AND %s (a.wait_event = 'advisory')",
                     blocked->is_advisory ? "" : "NOT") > 0;
}

void mover_wait_blocked(struct mover *m, enum mover_side side)
{
    struct blocked blocked = {m, side, false};

    if (!wait_until(is_blocked, &blocked, WAIT_MS))
        fail_test("the move does not wait for the lock in cell %s", side == HOME ? "default" : "b");
}

static bool is_all_delivered(void *arg)
{
    struct mover *m = arg;

    return mover_int(m, B, "SELECT count(*) FROM message x WHERE x.status <> 'succeeded'") == 0;
}

void mover_wait_delivered(struct mover *m)
{
    assert_true(wait_until(is_all_delivered, m, WAIT_MS));
}

void mover_wait_advisory(struct mover *m, enum mover_side side)
{
    struct blocked blocked = {m, side, true};

    assert_true(wait_until(is_blocked, &blocked, WAIT_MS));
}

/* ---- what a cell has ---- */

#define OWN_TABLES                                                                                 \
    "(SELECT t.relation FROM tenant_move_tables() t UNION ALL SELECT 'queue') AS t (relation)"

/* One statement over all tables, which the catalogue makes. */
static char *over_all(struct mover *m, enum mover_side side, const struct tenant *t,
                      const char *each, const char *all)
{
    char *unions = mover_text(m, side,
                              "SELECT string_agg(format('%s', t.relation, '%s'), ' UNION ALL '"
                              " ORDER BY t.relation) FROM " OWN_TABLES,
                              each, t->id);
    char *text = mover_text(m, side, "SELECT %s FROM (%s) AS x (relation, v)", all, unions);

    free(unions);
    return text;
}

int64_t mover_n_rows(struct mover *m, enum mover_side side, const struct tenant *t)
{
    char *text =
        over_all(m, side, t, "SELECT %1$L, count(*) FROM %1$I WHERE tenant_id = %2$L", "sum(v)");
    int64_t n = strtoll(text, NULL, 10);

    free(text);
    return n;
}

char *mover_digest(struct mover *m, enum mover_side side, const struct tenant *t)
{
    return over_all(
        m, side, t,
        "SELECT %1$L, md5(coalesce(string_agg(x::text, chr(10) ORDER BY x::text), ''''))"
        " FROM %1$I x WHERE tenant_id = %2$L",
        "string_agg(relation || ' ' || v, chr(10) ORDER BY relation)");
}
