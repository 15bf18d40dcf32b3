/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/worker.h - puts the parts together: claim -> attempt -> http -> judge -> record.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "hk/addr.h"
#include "hk/config.h"

struct worker; /* opaque */
struct hk_loop;
struct hk_vault;

struct worker_options {
    struct hk_loop *loop;
    const struct hk_config *config;
    const struct hk_vault *vault;
    const struct hk_networks *allowed_networks;
    const char *name; /* "<host>:<pid>", for the attempt log */
};

/* Borrows all that the options point to. Connects to the database at once. */
struct worker *worker_new(const struct worker_options *options);
void worker_free(struct worker *worker);

/* Runs the loop once; or false: a drain is over, everything is recorded or its time is up. */
bool worker_turn(struct worker *worker);

/*
 * Begins to stop: claims nothing more, gives back what was not sent, and waits up to
 * worker_drain_ms for the requests under way and their records.
 */
void worker_drain(struct worker *worker);

/* Messages that are claimed and not yet recorded. */
unsigned worker_n_unfinished(const struct worker *worker);

#endif
