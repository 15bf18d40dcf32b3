/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.c - see sessions.h. */
#include "tests/concurrency/sessions.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/publish/ingest.sql.h"
#include "hk/buf.h"
#include "hk/db.h"
#include "worker/claim.sql.h"
#include "worker/lanes.sql.h"
#include "worker/load.sql.h"
#include "worker/record.sql.h"
#include "worker/upkeep.sql.h"

#define ID_MIN  "00000000-0000-0000-0000-000000000000"
#define ID_MAX  "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define OPTIONS "-c search_path=hookline -c statement_timeout=10s"

static PGconn *connect_as(struct harness *h, const char *user, const char *options)
{
    char base[PG_URL_SIZE], url[2048];
    PGconn *session;

    pg_url(h->database, false, base);
    (void)snprintf(url, sizeof(url), "%s user=%s options='" OPTIONS " %s'", base, user, options);
    session = PQconnectdb(url);
    if (PQstatus(session) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(session));
    return session;
}

PGconn *session_worker(struct harness *h)
{
    return connect_as(h, "hookline_worker", HK_DB_HOT_OPTIONS);
}

PGconn *session_ingest(struct harness *h)
{
    return connect_as(h, "hookline_api", "-c role=hookline_ingest " HK_DB_INGEST_OPTIONS);
}

PGconn *session_api(struct harness *h, const struct tenant *t)
{
    PGconn *session = connect_as(h, "hookline_api", "");

    session_run(session,
                http_text(h->http, "SELECT set_config('hookline.tenant_id', '%s', false)", t->id));
    return session;
}

void session_run(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

static PGresult *checked(PGconn *session, PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(session));
    return result;
}

/* The last result of what was sent; to be cleared. */
static PGresult *finish(PGconn *session)
{
    PGresult *result = checked(session, PQgetResult(session)), *more;

    while ((more = PQgetResult(session)) != NULL)
        PQclear(more);
    return result;
}

void session_finish(PGconn *session)
{
    PQclear(finish(session));
}

static int first_int(PGresult *result)
{
    int n = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);

    PQclear(result);
    return n;
}

/* ---- claiming ---- */

static void claim_send(PGconn *worker, const struct hk_stmt *stmt, unsigned limit,
                       unsigned lease_ms, unsigned trial_limit)
{
    char limit_text[16], lease_text[16], trial_limit_text[16];
    const char *const params[] = {limit_text, lease_text, trial_limit_text};

    (void)snprintf(limit_text, sizeof(limit_text), "%u", limit);
    (void)snprintf(lease_text, sizeof(lease_text), "%u", lease_ms);
    (void)snprintf(trial_limit_text, sizeof(trial_limit_text), "%u", trial_limit);
    assert_int_equal(
        PQsendQueryParams(worker, stmt->text, (int)stmt->n_params, NULL, params, NULL, NULL, 0), 1);
}

void session_claim_send(PGconn *worker, unsigned limit, unsigned lease_ms)
{
    claim_send(worker, &stmt_message_claim, limit, lease_ms, 0); /* from 0 on */
}

void session_claim_lanes_send(PGconn *worker, unsigned limit, unsigned lease_ms)
{
    claim_send(worker, &stmt_lane_claim, limit, lease_ms, limit);
}

struct claimed session_finish_claim(PGconn *worker)
{
    struct claimed claimed = {finish(worker), 0};

    if (!PQgetisnull(claimed.rows, 0, PQfnumber(claimed.rows, "message_id")))
        claimed.n = (unsigned)PQntuples(claimed.rows);
    return claimed;
}

struct claimed session_claim(PGconn *worker, unsigned limit, unsigned lease_ms)
{
    session_claim_send(worker, limit, lease_ms);
    return session_finish_claim(worker);
}

struct claimed session_claim_lanes(PGconn *worker, unsigned limit, unsigned lease_ms)
{
    session_claim_lanes_send(worker, limit, lease_ms);
    return session_finish_claim(worker);
}

struct claimed session_claim_trials(PGconn *worker, unsigned limit, unsigned trial_limit)
{
    claim_send(worker, &stmt_lane_claim, limit, 60000, trial_limit);
    return session_finish_claim(worker);
}

unsigned claimed_n_moved(const struct claimed *claimed)
{
    return (unsigned)strtoul(PQgetvalue(claimed->rows, 0, PQfnumber(claimed->rows, "n_moved")),
                             NULL, 10);
}

const char *claimed_message(const struct claimed *claimed, unsigned i)
{
    return PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, "message_id"));
}

void claimed_done(struct claimed *claimed)
{
    PQclear(claimed->rows);
    claimed->rows = NULL;
}

/* ---- loading ---- */

bool session_may_send(PGconn *worker, const struct claimed *claimed, unsigned i)
{
    static const char *const columns[] = {"tenant_id", "subscription_id", "message_id"};
    char texts[HK_COUNTOF(columns)][64];
    const char *const params[] = {
        texts[0], texts[1], texts[2], "{true}", ID_MIN, ID_MAX,
    };
    PGresult *loaded;
    bool may_send;

    for (unsigned p = 0; p < HK_COUNTOF(columns); p++)
        (void)snprintf(texts[p], sizeof(texts[p]), "{%s}",
                       PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, columns[p])));
    assert_int_equal(PQsendQueryParams(worker, stmt_message_load.text, HK_COUNTOF(params), NULL,
                                       params, NULL, NULL, 0),
                     1);
    loaded = finish(worker);
    assert_int_equal(PQntuples(loaded), 1);
    may_send = strcmp(PQgetvalue(loaded, 0, PQfnumber(loaded, "state")), "active") == 0 &&
               strcmp(PQgetvalue(loaded, 0, PQfnumber(loaded, "is_revoked")), "f") == 0;
    PQclear(loaded);
    return may_send;
}

/* ---- recording ---- */

enum { N_PARAMS = 32, PARAM_SIZE = 64 };

/* Where the message went: its subscription's URL, as it is now. */
static void read_url(PGconn *worker, const char *subscription_id, char ret[PARAM_SIZE])
{
    PGresult *result =
        checked(worker, PQexecParams(worker, "SELECT url FROM subscription WHERE id = $1", 1, NULL,
                                     &subscription_id, NULL, NULL, 0));

    (void)snprintf(ret, PARAM_SIZE, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
}

/* The parameters as arrays of one element; absent ones are {NULL}. */
static void send_record(PGconn *worker, const struct claimed *claimed, unsigned i,
                        const char *verdict, const char *stop)
{
    static const char *const columns[] = {"tenant_id", "subscription_id", "message_id", "fence"};
    bool has_attempt = strcmp(verdict, "release") != 0;
    char attempt_no[24], url[PARAM_SIZE];
    const char *const values[N_PARAMS] = {
        [4] = verdict,
        [5] = strcmp(verdict, "failed") == 0 ? "because" : NULL,
        [6] = "5000",
        [7] = stop,
        [8] = has_attempt ? attempt_no : NULL,
        [9] = has_attempt ? "0" : NULL,
        [10] = has_attempt ? url : NULL,
        [11] = has_attempt ? "http_status" : NULL,
        [13] = has_attempt ? "1" : NULL,
        [22] = has_attempt ? "f" : NULL,
    };
    char texts[N_PARAMS][PARAM_SIZE];
    const char *params[N_PARAMS];
    const struct hk_stmt *stmt = &stmt_attempt_record;

    read_url(worker, PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, "subscription_id")),
             url);
    (void)snprintf(
        attempt_no, sizeof(attempt_no), "%ld",
        1 + strtol(PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, "attempts")), NULL,
                   10));
    for (int p = 0; p < N_PARAMS; p++) {
        const char *value = values[p];

        if (p < (int)HK_COUNTOF(columns))
            value = PQgetvalue(claimed->rows, (int)i, PQfnumber(claimed->rows, columns[p]));
        (void)snprintf(texts[p], PARAM_SIZE, "{%s}", value == NULL ? "NULL" : value);
        params[p] = texts[p];
    }
    params[N_PARAMS - 3] = ID_MIN;
    params[N_PARAMS - 2] = ID_MAX;
    params[N_PARAMS - 1] = "test";
    if (strcmp(verdict, "succeeded") == 0) { /* the same but for what the verdict says */
        memmove(&params[4], &params[8], 21 * sizeof(params[0]));
        params[25] = "test";
        stmt = &stmt_success_record;
    }
    assert_int_equal(
        PQsendQueryParams(worker, stmt->text, (int)stmt->n_params, NULL, params, NULL, NULL, 0), 1);
}

void session_record_send(PGconn *worker, const struct claimed *claimed, unsigned i,
                         const char *verdict)
{
    send_record(worker, claimed, i, verdict, NULL);
}

int session_finish_record(PGconn *worker)
{
    return first_int(finish(worker));
}

int session_record(PGconn *worker, const struct claimed *claimed, unsigned i, const char *verdict)
{
    send_record(worker, claimed, i, verdict, NULL);
    return session_finish_record(worker);
}

void session_record_stop_send(PGconn *worker, const struct claimed *claimed, unsigned i)
{
    send_record(worker, claimed, i, "failed", "unsubscribed");
}

void session_record_hold_send(PGconn *worker, const struct claimed *claimed, unsigned i)
{
    send_record(worker, claimed, i, "failed", "held");
}

int session_record_stop(PGconn *worker, const struct claimed *claimed, unsigned i)
{
    session_record_stop_send(worker, claimed, i);
    return session_finish_record(worker);
}

/* ---- lanes ---- */

/* "{a,b,c}", the same text n times, or the ids. */
static void add_array(struct hk_buf *buf, const struct told_lane *lanes, unsigned n,
                      const char *(*text_of)(const struct told_lane *lane))
{
    for (unsigned i = 0; i < n; i++)
        hk_buf_printf(buf, "%s%s", i == 0 ? "{" : ",", text_of(&lanes[i]));
    hk_buf_add(buf, "}", 2);
}

static const char *tenant_of(const struct told_lane *lane)
{
    return lane->tenant_id;
}

static const char *subscription_of(const struct told_lane *lane)
{
    return lane->subscription_id;
}

static const char *zero_of(const struct told_lane *lane)
{
    (void)lane;
    return "0";
}

static const char *one_of(const struct told_lane *lane)
{
    (void)lane;
    return "1";
}

void session_tell_send(PGconn *worker, const struct told_lane *lanes, unsigned n)
{
    static const char *(*const texts[])(const struct told_lane *lane) = {
        tenant_of, subscription_of, one_of,  zero_of, zero_of,
        zero_of,   zero_of,         zero_of, zero_of, zero_of};
    struct hk_buf arrays[HK_COUNTOF(texts)];
    const char *params[] = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                            NULL, NULL, "1",  "{}", "{}", "{}", "{}"};

    for (size_t i = 0; i < HK_COUNTOF(texts); i++) {
        hk_buf_init(&arrays[i], 1 << 16);
        add_array(&arrays[i], lanes, n, texts[i]);
        params[i] = arrays[i].p;
    }
    assert_int_equal(PQsendQueryParams(worker, stmt_lane_tell.text, HK_COUNTOF(params), NULL,
                                       params, NULL, NULL, 0),
                     1);
    for (size_t i = 0; i < HK_COUNTOF(texts); i++)
        hk_buf_done(&arrays[i]);
}

void session_tell_answer(PGconn *worker, const char *tenant_id, const char *subscription_id)
{
    const struct told_lane lane = {tenant_id, subscription_id};

    session_tell_send(worker, &lane, 1);
    session_finish(worker);
}

int session_sweep_lanes(PGconn *worker)
{
    static const char *const params[] = {"1000"};

    return first_int(checked(
        worker, PQexecParams(worker, stmt_lane_sweep.text, 1, NULL, params, NULL, NULL, 0)));
}

int session_mend_lanes(PGconn *worker)
{
    return first_int(checked(worker, PQexec(worker, stmt_lane_mend.text)));
}

static bool is_queue_changed(void *worker)
{
    session_run(worker, "SELECT queue_change_step(1000)");
    return first_int(checked(worker, PQexec(worker, "SELECT count(*) FROM queue_change"
                                                    " WHERE due_at < 'infinity'"))) == 0;
}

void session_change_queue(PGconn *worker)
{
    assert_true(wait_until(is_queue_changed, worker, 10000));
}

/* ---- publishing ---- */

void session_publish_send(PGconn *ingest, const struct tenant *t, const char *event_id,
                          const char *external_id)
{
    char tenant[PARAM_SIZE], event[PARAM_SIZE], external[PARAM_SIZE];
    const char *const params[] = {tenant,   "{order.paid}", "{c1}", "{1}",    event,
                                  external, "{NULL}",       "{1}",  "{NULL}", "f"};

    (void)snprintf(tenant, sizeof(tenant), "{%s}", t->id);
    (void)snprintf(event, sizeof(event), "{%s}", event_id);
    (void)snprintf(external, sizeof(external), "{%s}", external_id == NULL ? "NULL" : external_id);
    assert_int_equal(PQsendQueryParams(ingest, stmt_ingest_events.text, HK_COUNTOF(params), NULL,
                                       params, NULL, NULL, 0),
                     1);
}

const char *session_finish_publish(struct harness *h, PGconn *ingest, bool *ret_is_duplicate)
{
    PGresult *result = finish(ingest);
    const char *id;

    assert_int_equal(PQntuples(result), 1);
    assert_string_equal(PQgetvalue(result, 0, 0), "");
    id = http_text(h->http, "%s", PQgetvalue(result, 0, 1));
    if (ret_is_duplicate != NULL)
        *ret_is_duplicate = PQgetvalue(result, 0, 2)[0] == 't';
    PQclear(result);
    return id;
}

const char *session_publish(struct harness *h, PGconn *ingest, const struct tenant *t,
                            const char *event_id, const char *external_id)
{
    session_publish_send(ingest, t, event_id, external_id);
    return session_finish_publish(h, ingest, NULL);
}

/* ---- waiting ---- */

struct blocked {
    struct harness *h;
    int pid;
};

static bool is_blocked(void *arg)
{
    struct blocked *blocked = arg;

    return db_int(
               blocked->h,
               "SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND wait_event_type = 'Lock'",
               blocked->pid) == 1;
}

void session_wait_blocked(struct harness *h, PGconn *session)
{
    struct blocked blocked = {h, PQbackendPID(session)};

    if (!wait_until(is_blocked, &blocked, 5000))
        fail_msg("the statement does not wait");
}
