/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c - the pool of hk/db.h: a queue of slots and the connections that run them.
 *
 * A slot is in the queue, or with one connection, or being finished; hk_db_query.slot points at it
 * all that time. db_slot_finish() is the only place that calls done().
 */
#include "hk/db.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "db_connection.h"

static char *copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);

    if (text != NULL && copy == NULL)
        abort();
    return copy;
}

/* The session's settings. Timeouts end what a lost network would leave hanging on the server. */
static char *make_connect_options(const struct hk_db_options *options)
{
    char *text;

    if (asprintf(&text,
                 "-c search_path=%s -c TimeZone=UTC -c statement_timeout=30s -c lock_timeout=10s "
                 "-c idle_in_transaction_session_timeout=30s %s%s %s",
                 options->schema, options->role == NULL ? "" : "-c role=",
                 options->role == NULL ? "" : options->role,
                 options->session_options == NULL ? "" : options->session_options) < 0)
        abort();
    return text;
}

struct hk_db *hk_db_new(struct hk_loop *loop, const struct hk_db_options *options)
{
    struct hk_db *db = calloc(1, sizeof(*db));

    if (db == NULL)
        abort();
    db->loop = loop;
    db->options = *options;
    db->options.url = copy_text(options->url);
    db->options.user = copy_text(options->user);
    db->options.name = copy_text(options->name);
    db->options.cell = copy_text(options->cell);
    for (size_t i = 0; i < HK_DB_MAX_CHANNELS; i++)
        db->options.listen_channels[i] = copy_text(options->listen_channels[i]);
    db->connect_options = make_connect_options(options);
    db->queue.previous = db->queue.next = &db->queue;
    db->connections = calloc(options->n_connections, sizeof(*db->connections));
    if (db->connections == NULL)
        abort();
    for (unsigned i = 0; i < options->n_connections; i++) {
        db->connections[i].db = db;
        db_connection_start(&db->connections[i]);
    }
    return db;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text); /* ours, const only to its readers */
}

static void free_slot(struct db_slot *slot)
{
    hk_loop_stop_timer(slot->db->loop, &slot->timeout);
    if (slot->query != NULL)
        slot->query->slot = NULL;
    free(slot);
}

static void unlink_slot(struct db_slot *slot)
{
    slot->previous->next = slot->next;
    slot->next->previous = slot->previous;
    slot->db->n_queued--;
}

void hk_db_free(struct hk_db *db)
{
    if (db == NULL)
        return;
    for (unsigned i = 0; i < db->options.n_connections; i++) {
        if (db->connections[i].slot != NULL)
            free_slot(db->connections[i].slot);
        db->connections[i].slot = NULL;
        db_connection_close(&db->connections[i]);
    }
    for (struct db_slot *slot = db->queue.next, *next; slot != &db->queue; slot = next) {
        next = slot->next;
        free_slot(slot);
    }
    free_text(db->options.url);
    free_text(db->options.user);
    free_text(db->options.name);
    free_text(db->options.cell);
    for (size_t i = 0; i < HK_DB_MAX_CHANNELS; i++)
        free_text(db->options.listen_channels[i]);
    free(db->connect_options);
    free(db->connections);
    free(db);
}

static void link_slot(struct db_slot *slot, struct db_slot *after)
{
    slot->connection = NULL;
    slot->previous = after;
    slot->next = after->next;
    after->next->previous = slot;
    after->next = slot;
    slot->db->n_queued++;
}

/* A query that takes too long takes its connection with it: nothing else ends a hung network. */
static void on_timeout(struct hk_timer *timer)
{
    static const struct hk_db_result timed_out = {.code = HK_DB_UNAVAILABLE};
    static const struct hk_db_result waited = {.code = HK_BUSY};
    struct db_slot *slot = HK_CONTAINER_OF(timer, struct db_slot, timeout);

    if (slot->connection != NULL) {
        db_connection_fail(slot->connection, "query timed out");
        return;
    }
    unlink_slot(slot);
    db_slot_finish(slot, slot->is_slow && hk_db_is_up(slot->db) ? &waited : &timed_out);
}

static bool is_slow_of(const struct db_slot *slot, struct hk_str tenant_id)
{
    return slot->is_slow && hk_str_eq(hk_str(slot->tenant_id), tenant_id);
}

/* A tenant's next one comes after one of each other tenant that waits. */
static uint64_t find_turn(const struct hk_db *db, struct hk_str tenant_id)
{
    uint64_t turn = db->turn;

    for (const struct db_slot *slot = db->queue.next; slot != &db->queue; slot = slot->next) {
        if (is_slow_of(slot, tenant_id) && slot->turn >= turn)
            turn = slot->turn;
    }
    return turn + 1;
}

static void make_slow(struct db_slot *slot)
{
    const struct hk_db_query *query = slot->query;

    assert(query->context != NULL && !query->goes_on);
    slot->is_slow = true;
    slot->turn = find_turn(slot->db, query->context->tenant_id);
    (void)snprintf(slot->tenant_id, sizeof(slot->tenant_id), "%s", query->context->tenant_id.p);
}

enum hk_code hk_db_submit(struct hk_db *db, struct hk_db_query *query)
{
    struct db_slot *slot;

    assert(query->slot == NULL && query->timeout_ms > 0 &&
           query->stmt->n_params <= HK_STMT_MAX_PARAMS);
    if (db->n_queued >= db->options.max_queued)
        return HK_BUSY;
    slot = calloc(1, sizeof(*slot));
    if (slot == NULL)
        abort();
    slot->db = db;
    slot->query = query;
    query->slot = slot;
    if (query->is_slow)
        make_slow(slot);
    hk_loop_set_timer(db->loop, &slot->timeout, query->timeout_ms, on_timeout);
    link_slot(slot, db->queue.previous);
    db_dispatch(db);
    return HK_OK;
}

void hk_db_continue(const struct hk_db_result *result, struct hk_db_query *query)
{
    struct db_slot *slot = result->transaction;

    assert(slot != NULL && slot->connection->state == DB_OFFERED && query->slot == NULL);
    slot->query = query;
    query->slot = slot;
    db_connection_send(slot->connection, slot);
}

void hk_db_abandon(struct hk_db_query *query)
{
    struct db_slot *slot = query->slot;

    if (slot == NULL)
        return;
    query->slot = NULL;
    slot->query = NULL;
    if (slot->connection != NULL)
        return; /* the connection ends it */
    unlink_slot(slot);
    free_slot(slot);
}

void db_slot_requeue(struct db_slot *slot)
{
    slot->n_tries++;
    link_slot(slot, &slot->db->queue); /* at the head: it has waited already */
}

void db_slot_finish(struct db_slot *slot, const struct hk_db_result *result)
{
    struct hk_db_query *query = slot->query;

    free_slot(slot);
    if (query != NULL)
        query->done(query, result);
}

static struct db_connection *find_idle(struct hk_db *db)
{
    for (unsigned i = 0; i < db->options.n_connections; i++) {
        if (db->connections[i].state == DB_IDLE)
            return &db->connections[i];
    }
    return NULL;
}

static bool has_room_for_slow(const struct hk_db *db)
{
    unsigned n = 0;

    for (unsigned i = 0; i < db->options.n_connections; i++)
        n += db->connections[i].slot != NULL && db->connections[i].slot->is_slow;
    return db->options.max_slow == 0 || n < db->options.max_slow;
}

/* The first that may run; when that is a slow one, the slow one whose turn it is. NULL: none. */
static struct db_slot *find_next(struct hk_db *db)
{
    bool has_room = has_room_for_slow(db);
    struct db_slot *next = NULL;

    for (struct db_slot *slot = db->queue.next; slot != &db->queue; slot = slot->next) {
        if (!slot->is_slow && next == NULL)
            return slot;
        if (slot->is_slow && has_room && (next == NULL || slot->turn < next->turn))
            next = slot;
    }
    return next;
}

void db_dispatch(struct hk_db *db)
{
    struct db_connection *idle;
    struct db_slot *slot;

    while ((idle = find_idle(db)) != NULL && (slot = find_next(db)) != NULL) {
        unlink_slot(slot);
        if (slot->is_slow)
            db->turn = slot->turn;
        db_connection_send(idle, slot);
    }
}

unsigned hk_db_n_slow(const struct hk_db *db, struct hk_str tenant_id)
{
    unsigned n = 0;

    for (const struct db_slot *slot = db->queue.next; slot != &db->queue; slot = slot->next)
        n += is_slow_of(slot, tenant_id);
    for (unsigned i = 0; i < db->options.n_connections; i++)
        n += db->connections[i].slot != NULL && is_slow_of(db->connections[i].slot, tenant_id);
    return n;
}

unsigned hk_db_n_idle(const struct hk_db *db)
{
    unsigned n = 0;

    for (unsigned i = 0; i < db->options.n_connections; i++)
        n += db->connections[i].state == DB_IDLE;
    return n;
}

bool hk_db_is_up(const struct hk_db *db)
{
    for (unsigned i = 0; i < db->options.n_connections; i++) {
        if (db->connections[i].state >= DB_IDLE)
            return true;
    }
    return false;
}

struct hk_str hk_db_value(const struct hk_db_result *result, unsigned row, unsigned column)
{
    const PGresult *rows = result->handle;

    if (PQgetisnull(rows, (int)row, (int)column))
        return HK_STR_NULL;
    return (struct hk_str){PQgetvalue(rows, (int)row, (int)column),
                           (size_t)PQgetlength(rows, (int)row, (int)column)};
}

int64_t hk_db_int(const struct hk_db_result *result, unsigned row, unsigned column)
{
    struct hk_str value = hk_db_value(result, row, column);
    uint64_t number = 0;

    for (size_t i = 0; i < value.n; i++)
        number = number << 8 | (uint8_t)value.p[i];
    if (value.n == 4)
        return (int32_t)number;
    return value.n == 2 ? (int16_t)number : (int64_t)number;
}

struct hk_id hk_db_id(const struct hk_db_result *result, unsigned row, unsigned column)
{
    struct hk_str value = hk_db_value(result, row, column);
    struct hk_id id = {{0}};

    if (value.n == sizeof(id.bytes))
        memcpy(id.bytes, value.p, sizeof(id.bytes));
    return id;
}
