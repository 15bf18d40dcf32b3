/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/run_load.h - what runs of flows need besides what load.c brings: a second statement, for
 * the runs of a load, if there are any. As load.h in all else.
 */
#ifndef WORKER_RUN_LOAD_H
#define WORKER_RUN_LOAD_H

#include "worker/attempt.h"
#include "worker/claim.h"

struct run_load; /* opaque */
struct hk_db;
struct hk_vault;

struct run_load_options {
    const struct hk_config *config;
    const struct hk_vault *vault;
    struct hk_db *db; /* the claim's */
    claim_found_fn *found;
    void *found_arg;
};

struct run_load *run_load_new(const struct run_load_options *options);
void run_load_free(struct run_load *load);

/* An attempt of a run, whose body is the event's payload; the load's from now on. */
void run_load_add(struct run_load *load, struct attempt *attempt);

/* found() for each that was added, in their order. No-op without any. */
void run_load_begin(struct run_load *load);
bool run_load_is_under_way(const struct run_load *load);

#endif
