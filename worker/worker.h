/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/worker.h - puts the parts together: claim -> attempt -> http -> judge -> record. One of
 * them serves one cell; those of a process share a loop: worker/workers.h.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "hk/config.h"
#include "worker/slots.h"

struct worker; /* opaque */
struct hk_loop;
struct hk_vault;
struct send;

struct worker_options {
    struct hk_loop *loop;
    const struct hk_config *config; /* of the cell */
    const struct hk_vault *vault;
    struct send *send; /* of the process; freed before the worker is, see send.h */
    const char *name;  /* of the process, "<host>:<pid>", for the attempt log */
};

/* Borrows all that the options point to. Connects to the database at once. */
struct worker *worker_new(const struct worker_options *options);
void worker_free(struct worker *worker);

/* Once per turn of the loop, with the slots that it may hold at most: claims, records. */
void worker_turn(struct worker *worker, unsigned n_slots);

/* What it asks slots for. */
struct slots_use worker_use(const struct worker *worker);

/*
 * Begins to stop: claims nothing more, gives back what was not sent, and waits up to
 * worker_drain_ms for the requests under way and their records.
 */
void worker_drain(struct worker *worker);

/* A drain is over: everything is recorded, or its time is up. */
bool worker_is_finished(const struct worker *worker);

/* Messages that are claimed and not yet recorded. */
unsigned worker_n_unfinished(const struct worker *worker);

#endif
