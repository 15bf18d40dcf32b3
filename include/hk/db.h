/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/db.h - prepared statements on PostgreSQL, without blocking the event loop.
 *
 * One pool belongs to one loop and is used on that loop's thread only. Every statement is prepared
 * once per connection and runs in a transaction of its own, or in one with those that its done()
 * goes on with (hk_db_continue()). A lost connection comes back by itself, with a growing, jittered
 * delay. A query without a context sees what the role's policies show.
 *
 * Lifetime in one picture:
 *
 *     caller owns struct hk_db_query ---submit---> pool owns a slot that points at it
 *          |                                             |
 *          |<------------- done(), exactly once ---------|
 *          |--------------- abandon() ------------------>|  slot forgets it; done() never comes
 */
#ifndef HK_DB_H
#define HK_DB_H

#include "hk/err.h"
#include "hk/id.h"

#define HK_STMT_MAX_PARAMS 32
#define HK_DB_MAX_CHANNELS 2

struct hk_loop;
struct hk_db; /* opaque: lib/db.c */
struct hk_db_query;

/* A statement embedded from a .sql file at build time; generated, never written by hand. */
struct hk_stmt {
    const char *name;   /* "subscription_create": the server-side name and the name in logs */
    const char *text;   /* with $1..$n */
    unsigned n_params;  /* at most HK_STMT_MAX_PARAMS */
    const char *source; /* "api/resources/subscriptions.sql:12" */
};

/*
 * Who asks: set for the transaction before the statement, for row-level security and the audit log.
 * `tenant_id` is the text of a UUID; the others may be empty; all are NUL-terminated.
 */
struct hk_db_context {
    struct hk_str tenant_id;
    struct hk_str actor; /* "key:<id>", ... */
    struct hk_str request_id;
    bool sees_all; /* else what is sensitive is masked: migrations/repeatable/masking.sql */
};

/* What a statement came back with. Borrowed: valid until done() returns. */
struct hk_db_result {
    /* HK_OK, HK_DB_UNAVAILABLE (also: timed out), HK_CONFLICT, HK_QUOTA_EXCEEDED, HK_INTERNAL,
     * HK_TENANT_MOVING (nothing was done);
     * of a slow query: HK_SEARCH_TOO_SLOW, HK_BUSY (its turn has not come in time) */
    enum hk_code code;
    bool is_data_error; /* SQLSTATE class 22 or 23: this input can never succeed */
    bool is_timeout;    /* unavailable, because the server gave it up: it or a lock took too long */
    unsigned n_rows;    /* 0 unless code is HK_OK */
    const void *handle; /* private */
    void *transaction;  /* private; NULL unless hk_db_continue() may be called */
};

typedef void hk_db_done_fn(struct hk_db_query *query, const struct hk_db_result *result);

struct hk_db_query {
    const struct hk_stmt *stmt;
    /* .p == NULL binds NULL. Text format is NUL-terminated. Borrowed until sent or done. */
    struct hk_str params[HK_STMT_MAX_PARAMS];
    uint32_t binary_params; /* bit i: params[i] is in binary format, else text */
    bool wants_binary_result;
    const struct hk_db_context *context; /* NULL: none; borrowed as params are */
    hk_db_done_fn *done;
    unsigned timeout_ms; /* from submit to the last row, time in the queue included; not 0 */
    bool goes_on;        /* the transaction stays open for done() to call hk_db_continue() */
    bool is_slow; /* may take long, see struct hk_db_options; has a context, does not go on */

    void *slot; /* private; NULL while not submitted */
};

/* Called on the loop's thread for each notification of `listen_channels`, after the results that
 * came with it. Both texts are borrowed. */
typedef void hk_db_notified_fn(void *notified_arg, const char *channel, const char *payload);

/* Called when a connection listens, at first and after each loss: what was notified before it did
 * has not been heard. */
typedef void hk_db_listening_fn(void *notified_arg);

struct hk_db_options {
    const char *url;             /* libpq connection string */
    const char *schema;          /* becomes the search_path */
    const char *user;            /* login role; overrides the one in `url` when not NULL */
    const char *role;            /* role to take on after login, or NULL */
    const char *session_options; /* more "-c name=value", or NULL */
    const char *name;            /* application_name and name in logs */
    const char *cell;            /* hk_config.cell, for logs */
    unsigned n_connections;
    unsigned max_queued; /* queries that may wait for a connection */
    /*
     * Slow queries hold so many connections at most, and no others wait behind them; they take
     * turns by tenant. The server ends one that runs longer, with HK_SEARCH_TOO_SLOW. 0: no such
     * bound.
     */
    unsigned max_slow;
    unsigned slow_timeout_ms;
    /* A standby: what a conflict with recovery has ended is not tried again there. */
    bool is_standby;
    bool asks_away;     /* a transaction of a tenant that is away ends with HK_TENANT_MOVING */
    int schema_version; /* a connection to an older schema is none; 0: not asked */
    int64_t system_identifier; /* one to another server or its copies is none; 0: not asked */
    const char *listen_channels[HK_DB_MAX_CHANNELS]; /* NULL: none, no more */
    hk_db_notified_fn *on_notified;                  /* or NULL, as the next */
    hk_db_listening_fn *on_listening;
    void *notified_arg;
};

/*
 * The planner settings that the hot statements (ingest, claim, record) need, so that they join in
 * the order they are written, by index, whatever the statistics of the day: see docs/adr/0005.
 */
#define HK_DB_HOT_OPTIONS                                                                          \
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off "          \
    "-c enable_mergejoin=off -c enable_bitmapscan=off -c enable_memoize=off "                      \
    "-c join_collapse_limit=1 -c jit=off"

/*
 * Those of statements that join only what they have been given or have made themselves, and reach
 * tables by LATERAL (... OFFSET 0) alone: a batch is joined with itself in time that grows as it
 * does.
 */
#define HK_DB_INGEST_OPTIONS HK_DB_HOT_OPTIONS " -c enable_hashjoin=on"

/*
 * Those of all other statements: optional filters need a plan of their own each; a page is read in
 * its order from an index, row by row, whatever the statistics: tests/integration/plans.c.
 */
#define HK_DB_API_OPTIONS                                                                          \
    "-c plan_cache_mode=force_custom_plan -c enable_seqscan=off -c enable_bitmapscan=off "         \
    "-c enable_sort=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"

/*
 * For statements that are a step of something and postpone it themselves when it takes too long
 * (job_postpone() in SQL). There is time for it, and for another step before, in a query's timeout.
 */
#define HK_DB_STEP_OPTIONS    "-c statement_timeout=15s"
#define HK_DB_STEP_TIMEOUT_MS 40000

/* Starts connecting at once; queries wait until a connection is ready. Copies the strings. */
struct hk_db *hk_db_new(struct hk_loop *loop, const struct hk_db_options *options);

/* Closes the connections; done() of queries under way is not called. */
void hk_db_free(struct hk_db *db);

/*
 * Queues `query`, which must stay where it is until done() or hk_db_abandon().
 *
 * Never calls done() before it returns. After HK_OK, done() is called exactly once, on the
 * loop's thread. After HK_BUSY (the queue holds `max_queued` queries), never.
 */
HK_NODISCARD enum hk_code hk_db_submit(struct hk_db *db, struct hk_db_query *query);

/*
 * A transaction of several statements: to be called in done() of a query that `goes_on` and came
 * back with HK_OK, at most once. Sends `query` (the same struct or another one) on the same
 * connection, in the same transaction, which is committed with the first query that does not go on:
 * its done() comes after the commit. A context takes the place of the one before, NULL keeps it;
 * `timeout_ms` is not looked at: that of the first query is for all. All is rolled back when done()
 * returns without having called this, when a query fails, and when one that goes on is abandoned or
 * timed out (as any last query, the last may still be committed then). No query but the first is
 * tried again by itself.
 */
void hk_db_continue(const struct hk_db_result *result, struct hk_db_query *query);

/*
 * Forgets a submitted query: done() will not be called, and the caller may free `query` at once.
 * The statement may still run to its end on the server, and be committed unless it `goes_on`. No-op
 * when `query` is not submitted.
 */
void hk_db_abandon(struct hk_db_query *query);

/* Connections that are ready and have nothing to do. */
unsigned hk_db_n_idle(const struct hk_db *db);

/* Slow queries of a tenant that wait or run, abandoned ones that still run among them. */
unsigned hk_db_n_slow(const struct hk_db *db, struct hk_str tenant_id);

/* Whether at least one connection is up. */
bool hk_db_is_up(const struct hk_db *db);

/* The value at row, column; .p is NULL for SQL NULL. Borrowed, as `result` is. */
struct hk_str hk_db_value(const struct hk_db_result *result, unsigned row, unsigned column);

/* The same, from binary results: int2/int4/int8 as a number, 0 for NULL; a uuid's bytes. */
int64_t hk_db_int(const struct hk_db_result *result, unsigned row, unsigned column);
struct hk_id hk_db_id(const struct hk_db_result *result, unsigned row, unsigned column);

#endif
