/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/backfill.h - carries out backfills: a bounded step at a time, on a connection of its own,
 * so that what is published now never waits for it. Any number of workers may: each step takes a
 * backfill that nobody is at. A step is one transaction; who is killed in it has done nothing.
 */
#ifndef WORKER_BACKFILL_H
#define WORKER_BACKFILL_H

#include "hk/config.h"

struct backfill; /* opaque */
struct hk_db;
struct hk_loop;

/* Starts at once. Keeps `name`, which goes into the audit log. */
struct backfill *backfill_new(struct hk_loop *loop, const struct hk_config *config,
                              const char *name);
void backfill_free(struct backfill *backfill);

/* The connection, for other work that nobody waits for. */
struct hk_db *backfill_db(struct backfill *backfill);

#endif
