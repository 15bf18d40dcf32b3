/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_connection.c - one libpq connection in pipeline mode.
 *
 * A query goes out as [prepare, set context], [set timeout], [prepare], execute, Sync in one flush:
 * one round trip and, since everything before a Sync is one implicit transaction, one transaction.
 * A query that goes on has a BEGIN before it, the last of its transaction a COMMIT behind it.
 * Events arrive in the order of the functions below.
 */
#include "db_connection.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/log.h"

#include "db_sqlstate.h"

enum { CONNECT_TIMEOUT_MS = 10000, MIN_RETRY_MS = 50, MAX_RETRY_MS = 2000, MAX_TRIES = 3 };

static hk_watch_fn on_connect_ready;
static hk_watch_fn on_ready;
static hk_timer_fn on_timer;

void db_connection_dialed(struct db_connection *connection)
{
    if (connection->pg == NULL || PQstatus(connection->pg) == CONNECTION_BAD) {
        db_connection_fail(connection, "no connection");
        return;
    }
    hk_loop_watch(connection->db->loop, &connection->watch, PQsocket(connection->pg), HK_WRITABLE,
                  on_connect_ready);
}

void db_connection_start(struct db_connection *connection)
{
    connection->state = DB_CONNECTING;
    connection->n_prepared = connection->n_steps = connection->step = 0;
    connection->stmt = NULL;
    connection->is_open = connection->is_continued = false;
    connection->sqlstate[0] = '\0';
    hk_loop_set_timer(connection->db->loop, &connection->timer, CONNECT_TIMEOUT_MS, on_timer);
    db_dial(connection);
}

/* Sends what is pending and watches for what comes back. False when the connection is lost. */
static bool watch_socket(struct db_connection *connection)
{
    int pending = PQflush(connection->pg);

    if (pending < 0)
        return false;
    hk_loop_watch(connection->db->loop, &connection->watch, PQsocket(connection->pg),
                  pending == 0 ? HK_READABLE : HK_READABLE | HK_WRITABLE, on_ready);
    return true;
}

/* done() may not be called before hk_db_submit() has returned: fail from the loop instead. */
static void fail_soon(struct db_connection *connection)
{
    hk_loop_unwatch(connection->db->loop, &connection->watch);
    hk_loop_set_timer(connection->db->loop, &connection->timer, 0, on_timer);
}

static void become_idle(struct db_connection *connection)
{
    hk_loop_stop_timer(connection->db->loop, &connection->timer); /* of connecting, rolling back */
    connection->state = DB_IDLE;
    connection->n_failures = 0;
}

/* PQnoticeReceiver: libpq would write it to stderr, between our JSON lines. */
static void log_notice(void *arg, const PGresult *notice)
{
    const struct db_connection *connection = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool is_warning = severity != NULL && strcmp(severity, "WARNING") == 0;

    hk_log(is_warning ? HK_LOG_WARN : HK_LOG_DEBUG,
           is_warning ? "database.warned" : "database.noticed",
           HK_CTEXT("pool", connection->db->options.name), HK_CELL(connection->db->options.cell),
           HK_CTEXT("sqlstate", PQresultErrorField(notice, PG_DIAG_SQLSTATE)),
           HK_CTEXT("message", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

static bool send_text(struct db_connection *connection, const char *format, ...) HK_PRINTF(2, 3);

static bool send_text(struct db_connection *connection, const char *format, ...)
{
    char sql[96];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    return PQsendQueryParams(connection->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_listens(struct db_connection *connection)
{
    const char *const *channels = connection->db->options.listen_channels;

    for (size_t i = 0; i < HK_DB_MAX_CHANNELS; i++) {
        if (channels[i] != NULL && !send_text(connection, "LISTEN %s", channels[i]))
            return false;
    }
    return true;
}

/* Connected: pipeline mode, the schema's version, whose server it is, and LISTEN, where the pool
 * wants them. */
static void set_up(struct db_connection *connection)
{
    const struct hk_db_options *options = &connection->db->options;

    (void)PQsetNoticeReceiver(connection->pg, log_notice, connection);
    connection->state = DB_SETUP;
    if (PQsetnonblocking(connection->pg, 1) != 0 || PQenterPipelineMode(connection->pg) != 1 ||
        (options->schema_version > 0 &&
         !send_text(connection, "SELECT schema_require(%d)", options->schema_version)) ||
        (options->system_identifier != 0 &&
         !send_text(connection, "SELECT server_require(%" PRId64 ")",
                    options->system_identifier)) ||
        !send_listens(connection) || PQpipelineSync(connection->pg) != 1 ||
        !watch_socket(connection))
        db_connection_fail(connection, "cannot be set up");
}

/* libpq may change its socket while connecting: never keep a watch across PQconnectPoll(). */
static void on_connect_ready(struct hk_watch *watch, unsigned events)
{
    struct db_connection *connection = HK_CONTAINER_OF(watch, struct db_connection, watch);
    PostgresPollingStatusType status;

    (void)events;
    hk_loop_unwatch(connection->db->loop, watch);
    status = PQconnectPoll(connection->pg);
    if (status == PGRES_POLLING_OK)
        set_up(connection);
    else if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)
        hk_loop_watch(connection->db->loop, watch, PQsocket(connection->pg),
                      status == PGRES_POLLING_READING ? HK_READABLE : HK_WRITABLE,
                      on_connect_ready);
    else
        db_connection_fail(connection, "no connection");
}

static bool is_prepared(const struct db_connection *connection, const struct hk_stmt *stmt)
{
    for (unsigned i = 0; i < connection->n_prepared; i++) {
        if (connection->prepared[i] == stmt)
            return true;
    }
    return false;
}

static bool send_prepare(struct db_connection *connection, const struct hk_stmt *stmt,
                         enum db_step step)
{
    if (is_prepared(connection, stmt))
        return true;
    connection->steps[connection->n_steps++] = step;
    return PQsendPrepare(connection->pg, stmt->name, stmt->text, 0, NULL) == 1;
}

static bool send_execute(struct db_connection *connection, const struct hk_stmt *stmt,
                         const struct hk_str *params, uint32_t binary_params,
                         bool wants_binary_result, enum db_step step)
{
    const char *values[HK_STMT_MAX_PARAMS];
    int lengths[HK_STMT_MAX_PARAMS], formats[HK_STMT_MAX_PARAMS];

    for (unsigned i = 0; i < stmt->n_params; i++) {
        values[i] = params[i].p;
        lengths[i] = (int)params[i].n;
        formats[i] = (int)(binary_params >> i & 1u);
    }
    connection->steps[connection->n_steps++] = step;
    return PQsendQueryPrepared(connection->pg, stmt->name, (int)stmt->n_params, values, lengths,
                               formats, wants_binary_result ? 1 : 0) == 1;
}

static bool send_context(struct db_connection *connection, const struct hk_db_context *context)
{
    const struct hk_str params[] = {context->tenant_id, context->actor, context->request_id,
                                    context->sees_all ? HK_STR("true") : HK_STR("")};

    const struct hk_stmt *stmt = db_context_stmt(connection->db);

    return send_prepare(connection, stmt, STEP_PREPARE_CONTEXT) &&
           send_execute(connection, stmt, params, 0, false, STEP_SET_CONTEXT);
}

static bool send_command(struct db_connection *connection, const char *sql, enum db_step step)
{
    connection->steps[connection->n_steps++] = step;
    return send_text(connection, "%s", sql);
}

/* For this transaction. */
static bool send_timeout(struct db_connection *connection)
{
    unsigned timeout_ms = connection->db->options.slow_timeout_ms;

    if (timeout_ms == 0)
        return true;
    connection->steps[connection->n_steps++] = STEP_SET_TIMEOUT;
    return send_text(connection, "SELECT set_config('statement_timeout', '%u', true)", timeout_ms);
}

static void begin_batch(struct db_connection *connection, struct db_slot *slot,
                        const struct hk_stmt *stmt)
{
    connection->state = DB_BUSY;
    connection->slot = slot;
    connection->stmt = stmt;
    connection->n_steps = connection->step = 0;
    connection->sqlstate[0] = '\0';
}

void db_connection_send(struct db_connection *connection, struct db_slot *slot)
{
    const struct hk_db_query *query = slot->query;
    bool begins = query->goes_on && !connection->is_open;
    bool commits = !query->goes_on && connection->is_open;

    begin_batch(connection, slot, query->stmt);
    slot->connection = connection;
    connection->is_continued = connection->is_open;
    connection->is_open = connection->is_open || begins;
    if ((begins && !send_command(connection, "BEGIN", STEP_BEGIN)) ||
        (query->context != NULL && !send_context(connection, query->context)) ||
        (query->is_slow && !send_timeout(connection)) ||
        !send_prepare(connection, query->stmt, STEP_PREPARE) ||
        !send_execute(connection, query->stmt, query->params, query->binary_params,
                      query->wants_binary_result, STEP_EXECUTE) ||
        (commits && !send_command(connection, "COMMIT", STEP_END)) ||
        PQpipelineSync(connection->pg) != 1 || !watch_socket(connection))
        fail_soon(connection);
}

/* Ends what is open for nobody; nothing but the timer waits for it. */
static void roll_back(struct db_connection *connection)
{
    begin_batch(connection, NULL, NULL);
    hk_loop_set_timer(connection->db->loop, &connection->timer, CONNECT_TIMEOUT_MS, on_timer);
    if (!send_command(connection, "ROLLBACK", STEP_END) || PQpipelineSync(connection->pg) != 1 ||
        !watch_socket(connection))
        fail_soon(connection);
}

static void log_failure(const struct db_connection *connection, const PGresult *result)
{
    const struct hk_stmt *stmt = connection->stmt;

    if (strcmp(connection->sqlstate, "HKAWY") == 0)
        return; /* the tenant is in another cell: nothing is wrong here */
    hk_log(HK_LOG_WARN, "statement.failed", HK_CTEXT("pool", connection->db->options.name),
           HK_CELL(connection->db->options.cell),
           HK_CTEXT("statement", stmt == NULL ? "" : stmt->name),
           HK_CTEXT("source", stmt == NULL ? "" : stmt->source),
           HK_CTEXT("sqlstate", connection->sqlstate),
           HK_CTEXT("message", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

/* One result of the pipeline; takes it over. */
static void take_result(struct db_connection *connection, PGresult *result)
{
    enum db_step step =
        connection->step < connection->n_steps ? connection->steps[connection->step] : STEP_EXECUTE;
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK && step == STEP_EXECUTE && connection->state == DB_BUSY) {
        connection->rows = result;
        return;
    }
    if (status == PGRES_COMMAND_OK && connection->state == DB_BUSY &&
        connection->n_prepared < DB_MAX_PREPARED &&
        (step == STEP_PREPARE || step == STEP_PREPARE_CONTEXT))
        connection->prepared[connection->n_prepared++] =
            step == STEP_PREPARE ? connection->stmt : db_context_stmt(connection->db);
    if (status == PGRES_FATAL_ERROR && connection->sqlstate[0] == '\0') {
        (void)snprintf(connection->sqlstate, sizeof(connection->sqlstate), "%s",
                       db_sqlstate_of(result));
        log_failure(connection, result);
    }
    PQclear(result);
}

/* A plan or a prepared statement that the server no longer accepts, since a migration. */
static bool is_stale(const struct db_connection *connection)
{
    return strcmp(connection->sqlstate, "0A000") == 0 || strcmp(connection->sqlstate, "26000") == 0;
}

static struct hk_db_result judge(const struct db_connection *connection)
{
    struct hk_db_result result = {.code = HK_INTERNAL, .handle = connection->rows};

    db_sqlstate_judge(connection->sqlstate, &result);
    if (connection->is_continued && is_stale(connection))
        result.code = HK_DB_UNAVAILABLE; /* another connection would have prepared it anew */
    if (connection->slot != NULL && connection->slot->is_slow &&
        strcmp(connection->sqlstate, "57014") == 0)
        result.code = HK_SEARCH_TOO_SLOW;
    if (result.code == HK_OK && connection->rows == NULL)
        result.code = HK_INTERNAL;
    if (result.code == HK_OK)
        result.n_rows = (unsigned)PQntuples(connection->rows);
    return result;
}

/* Nothing of it was done, and there is somebody to do it for. */
static bool is_worth_another_try(const struct db_connection *connection)
{
    bool was_in_the_way =
        strncmp(connection->sqlstate, "40", 2) == 0 && !connection->db->options.is_standby;

    return (was_in_the_way || is_stale(connection)) && !connection->is_continued &&
           connection->slot->n_tries < MAX_TRIES && connection->slot->query != NULL;
}

/* Lets done() go on with the transaction. Afterwards BUSY with what it chose, or OFFERED still. */
static void offer(struct db_connection *connection, const struct hk_db_result *result)
{
    struct db_slot *slot = connection->slot;
    struct hk_db_query *query = slot->query;
    struct hk_db_result offered = *result;

    connection->state = DB_OFFERED;
    offered.transaction = slot;
    slot->query = NULL; /* done() may free it */
    if (query == NULL)
        return;
    query->slot = NULL;
    query->done(query, &offered);
}

/* The query has been given its answer, or is to be tried again. */
static void leave_query(struct db_connection *connection)
{
    connection->slot = NULL;
    if (connection->is_open)
        roll_back(connection);
    else
        become_idle(connection);
}

/* The Sync came back. Nothing touches `connection->slot` after it has been handed over. */
static void end_query(struct db_connection *connection)
{
    struct db_slot *slot = connection->slot;
    struct hk_db_result result = judge(connection);
    PGresult *rows = connection->rows;
    bool tries_again = slot != NULL && is_worth_another_try(connection);
    bool begins_afresh = is_stale(connection);
    bool has_ended = connection->n_steps > 0 && /* the last step was COMMIT or ROLLBACK */
                     connection->steps[connection->n_steps - 1] == STEP_END;

    if (slot == NULL && connection->sqlstate[0] != '\0') { /* the failure has been logged */
        db_connection_fail(connection,
                           connection->state == DB_SETUP ? "cannot be set up" : "cannot roll back");
        return;
    }
    connection->rows = NULL;
    if (has_ended && connection->sqlstate[0] == '\0')
        connection->is_open = false;
    if (slot != NULL && connection->is_open && result.code == HK_OK) {
        offer(connection, &result);
        if (connection->state == DB_OFFERED) {
            leave_query(connection);
            db_slot_finish(slot, NULL); /* done() has come already */
        }
        PQclear(rows);
        return;
    }
    leave_query(connection);
    if (begins_afresh)
        db_connection_fail(connection, "stale statement");
    if (tries_again)
        db_slot_requeue(slot);
    else if (slot != NULL)
        db_slot_finish(slot, &result);
    PQclear(rows);
}

static void read_results(struct db_connection *connection)
{
    while (connection->state == DB_BUSY || connection->state == DB_SETUP) {
        PGresult *result;

        if (PQisBusy(connection->pg))
            return;
        result = PQgetResult(connection->pg);
        if (result == NULL &&
            (PQstatus(connection->pg) == CONNECTION_BAD || connection->step > DB_MAX_STEPS)) {
            db_connection_fail(connection, "lost");
        } else if (result == NULL) {
            connection->step++; /* the end of one step's results */
        } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            end_query(connection);
        } else {
            take_result(connection, result);
        }
    }
}

/* After the results: a notification that came with them is handed out only then. */
static void hand_out_notifications(struct db_connection *connection)
{
    const struct hk_db_options *options = &connection->db->options;
    PGnotify *notify;

    while (connection->pg != NULL && (notify = PQnotifies(connection->pg)) != NULL) {
        if (options->on_notified != NULL)
            options->on_notified(options->notified_arg, notify->relname, notify->extra);
        PQfreemem(notify);
    }
}

static void on_ready(struct hk_watch *watch, unsigned events)
{
    struct db_connection *connection = HK_CONTAINER_OF(watch, struct db_connection, watch);
    struct hk_db *db = connection->db;
    bool was_set_up = connection->state > DB_SETUP;

    if ((events & HK_READABLE) != 0 && PQconsumeInput(connection->pg) != 1) {
        db_connection_fail(connection, "lost");
        return;
    }
    read_results(connection);
    if (!was_set_up && connection->state > DB_SETUP && db->options.on_listening != NULL)
        db->options.on_listening(db->options.notified_arg);
    hand_out_notifications(connection);
    if (connection->state >= DB_SETUP && !watch_socket(connection))
        db_connection_fail(connection, "lost");
    db_dispatch(db);
}

static void on_timer(struct hk_timer *timer)
{
    struct db_connection *connection = HK_CONTAINER_OF(timer, struct db_connection, timer);

    if (connection->state == DB_DOWN)
        db_connection_start(connection);
    else
        db_connection_fail(connection, connection->state == DB_BUSY ? "cannot send"
                                                                    : "connecting took too long");
}

void db_connection_close(struct db_connection *connection)
{
    hk_loop_unwatch(connection->db->loop, &connection->watch);
    hk_loop_stop_timer(connection->db->loop, &connection->timer);
    db_address_abandon(connection->address);
    connection->address = NULL;
    PQclear(connection->rows);
    PQfinish(connection->pg);
    connection->rows = NULL;
    connection->pg = NULL;
    connection->state = DB_DOWN;
}

/* 50 ms, doubling to 2 s, and up to as much again at random: many must not come back as one. */
static int64_t retry_delay_ms(unsigned n_failures)
{
    int64_t delay_ms = MIN_RETRY_MS;
    uint16_t random;

    for (unsigned i = 0; i < n_failures && delay_ms < MAX_RETRY_MS; i++)
        delay_ms *= 2;
    hk_random(&random, sizeof(random));
    return delay_ms + delay_ms * random / UINT16_MAX;
}

void db_connection_fail(struct db_connection *connection, const char *why)
{
    static const struct hk_db_result lost = {.code = HK_DB_UNAVAILABLE};
    struct db_slot *slot = connection->slot;

    hk_log(HK_LOG_WARN, "database.lost", HK_CTEXT("pool", connection->db->options.name),
           HK_CELL(connection->db->options.cell), HK_CTEXT("why", why),
           HK_CTEXT("message", connection->pg == NULL ? "" : PQerrorMessage(connection->pg)));
    connection->slot = NULL;
    db_connection_close(connection);
    hk_loop_set_timer(connection->db->loop, &connection->timer,
                      retry_delay_ms(connection->n_failures++), on_timer);
    db_dispatch(connection->db); /* a slow query that waited for it may run on another one */
    if (slot != NULL)
        db_slot_finish(slot, &lost);
}
