/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/record.h - makes verdicts durable, in batches. Owns the record connection.
 */
#ifndef WORKER_RECORD_H
#define WORKER_RECORD_H

#include "hk/config.h"
#include "worker/attempt.h"

#define RECORD_MAX 256 /* rows of one batch */

struct record; /* opaque */
struct hk_db;
struct hk_loop;

struct record_options {
    struct hk_loop *loop;
    const struct hk_config *config;
    const char *worker; /* who this is, for the attempt log; borrowed */
};

struct record *record_new(const struct record_options *options);
void record_free(struct record *record); /* the attempts that wait are not its own */

/*
 * Queues an attempt with its verdict; its response's text is made valid UTF-8. Later exactly one of
 * EVENT_RECORDED, EVENT_LEASE_LOST is fired, after any number of EVENT_RECORD_FAILED.
 */
void record_add(struct record *record, struct attempt *attempt);

/* Queues it again, before all others. */
void record_add_again(struct record *record, struct attempt *attempt);

/*
 * Once per turn of the loop: sends what waits as one batch, unless one is under way or, when there
 * are nothing but successes outside of lanes, the last one began less than `apart_ms` ago.
 */
void record_turn(struct record *record, unsigned apart_ms);

/* Queued, or in the batch under way. */
unsigned record_n_unrecorded(const struct record *record);

/* For what a worker does now and then; do not free. */
struct hk_db *record_db(struct record *record);

#endif
