/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/concurrency/sessions.h - the programs' own statements, run by hand in sessions of their
 * roles, so that a test decides what happens between two of them.
 */
#ifndef CONCURRENCY_SESSIONS_H
#define CONCURRENCY_SESSIONS_H

#include <libpq-fe.h>

#include "tests/support/harness.h"

/* What message_claim returned; text borrowed until done. */
struct claimed {
    PGresult *rows;
    unsigned n;
};

PGconn *session_worker(struct harness *h);                      /* role hookline_worker */
PGconn *session_ingest(struct harness *h);                      /* role hookline_ingest */
PGconn *session_api(struct harness *h, const struct tenant *t); /* role hookline_api, of a tenant */

void session_run(PGconn *session, const char *sql);
void session_finish(PGconn *session); /* what was sent to it */

/* Claims with a lease of so many milliseconds: what is in no lane, or of lanes. */
struct claimed session_claim(PGconn *worker, unsigned limit, unsigned lease_ms);
struct claimed session_claim_lanes(PGconn *worker, unsigned limit, unsigned lease_ms);
/* Of lanes, so many of them at most of those on trial. */
struct claimed session_claim_trials(PGconn *worker, unsigned limit, unsigned trial_limit);

/* In two steps. */
void session_claim_send(PGconn *worker, unsigned limit, unsigned lease_ms);
void session_claim_lanes_send(PGconn *worker, unsigned limit, unsigned lease_ms);
struct claimed session_finish_claim(PGconn *worker);
/* Whether what was claimed belongs to a subscription that is active, as the worker's load says. */
bool session_may_send(PGconn *worker, const struct claimed *claimed, unsigned i);
unsigned claimed_n_moved(const struct claimed *claimed); /* into lanes */
const char *claimed_message(const struct claimed *claimed, unsigned i);
void claimed_done(struct claimed *claimed);

/* Records one verdict ("succeeded", "failed", "retry", "release") on the i-th; 1 when applied. */
int session_record(PGconn *worker, const struct claimed *claimed, unsigned i, const char *verdict);

/* The same, and the subscription stops: "unsubscribed". */
int session_record_stop(PGconn *worker, const struct claimed *claimed, unsigned i);

/* In two steps, for a statement that has to wait; _hold_: an ordered head fails, the rest is held.
 */
void session_record_send(PGconn *worker, const struct claimed *claimed, unsigned i,
                         const char *verdict);
void session_record_stop_send(PGconn *worker, const struct claimed *claimed, unsigned i);
void session_record_hold_send(PGconn *worker, const struct claimed *claimed, unsigned i);
int session_finish_record(PGconn *worker);

/* Tells the subscription's lane that its receiver has answered; there is one from here on. */
void session_tell_answer(PGconn *worker, const char *tenant_id, const char *subscription_id);

/* The same of several, in the order of their keys; in two steps: session_finish(). */
struct told_lane {
    const char *tenant_id, *subscription_id;
};
void session_tell_send(PGconn *worker, const struct told_lane *lanes, unsigned n);

/* What upkeep does for lanes: how many were taken away, how many were wakened. */
int session_sweep_lanes(PGconn *worker);
int session_mend_lanes(PGconn *worker);

/* What upkeep does with what waits, until there is no more of it. */
void session_change_queue(PGconn *worker);

/* Stores one event of "order.paid", company c1; `ret_is_duplicate` may be NULL. Its id. */
const char *session_publish(struct harness *h, PGconn *ingest, const struct tenant *t,
                            const char *event_id, const char *external_id);
void session_publish_send(PGconn *ingest, const struct tenant *t, const char *event_id,
                          const char *external_id);
const char *session_finish_publish(struct harness *h, PGconn *ingest, bool *ret_is_duplicate);

/* Waits until the session's backend waits for a lock. */
void session_wait_blocked(struct harness *h, PGconn *session);

#endif
