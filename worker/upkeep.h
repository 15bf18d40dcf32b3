/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/upkeep.h - what some worker must do now and then; harmless when several do it.
 * At start and each hour: makes the partitions of the coming weeks, takes away what has had its
 * time (limits that nobody uses, Idempotency-Keys of more than a day).
 */
#ifndef WORKER_UPKEEP_H
#define WORKER_UPKEEP_H

struct upkeep; /* opaque */
struct hk_db;
struct hk_loop;

/* Uses `db`, which must live longer. Starts at once. */
struct upkeep *upkeep_new(struct hk_loop *loop, struct hk_db *db);
void upkeep_free(struct upkeep *upkeep);

#endif
