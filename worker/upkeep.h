/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/upkeep.h - what some worker must do now and then; harmless when several do it.
 * Each second, and when something was stopped: goes on with changes of what waits for a
 * subscription. At start and each hour: makes the partitions of the coming weeks, takes away what
 * has had its time (limits that nobody uses, Idempotency-Keys of more than a day). Each minute:
 * looks at subscriptions that have been failing for long. Every 10 s: at tenants that a move has
 * left held. What takes long (retention) is done on a connection that nobody waits for, changes of
 * what waits on one of their own.
 */
#ifndef WORKER_UPKEEP_H
#define WORKER_UPKEEP_H

#include <stdint.h>

struct upkeep; /* opaque */
struct hk_config;
struct hk_db;
struct hk_loop;

struct upkeep_options {
    struct hk_loop *loop;
    const struct hk_config *config; /* must live longer, as the next ones */
    struct hk_db *db;
    struct hk_db *long_db; /* for what takes long: nobody waits for it */
    const char *worker;    /* who this is, for the audit log */
};

/* Starts at once. */
struct upkeep *upkeep_new(const struct upkeep_options *options);
void upkeep_free(struct upkeep *upkeep);

/* Something was stopped: what waits for it is to be held or cancelled. */
void upkeep_hurry(struct upkeep *upkeep);

#endif
