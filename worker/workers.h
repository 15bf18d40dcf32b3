/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/workers.h - the workers of a process, one for each cell, on one loop. They have nothing
 * in common but the HTTP client and HOOKLINE_WORKER_MAX_IN_FLIGHT, which they share (slots.h).
 */
#ifndef WORKER_WORKERS_H
#define WORKER_WORKERS_H

#include "hk/cells.h"

struct workers; /* opaque */
struct hk_loop;
struct hk_networks;
struct hk_vault;

struct workers_options {
    struct hk_loop *loop;
    const struct hk_cells *cells;
    const struct hk_vault *vault;
    const struct hk_networks *allowed_networks;
    const char *name; /* of the process, "<host>:<pid>", for the attempt log */
};

/* Borrows all that the options point to. Connects to all cells at once. */
struct workers *workers_new(const struct workers_options *options);
void workers_free(struct workers *workers);

/* Runs the loop once; or false: the drain of all of them is over. */
bool workers_turn(struct workers *workers);

/* worker_drain() of all. */
void workers_drain(struct workers *workers);

/* Of all. */
unsigned workers_n_unfinished(const struct workers *workers);

#endif
