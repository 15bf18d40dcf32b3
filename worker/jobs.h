/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/jobs.h - carries out backfills and replays: a bounded step at a time, on a connection of
 * its own, so that what is published now never waits for it. Any number of workers may: each step
 * takes a job that nobody is at. A step is one transaction; who is killed in it has done nothing.
 */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "hk/config.h"

struct jobs; /* opaque */
struct hk_db;
struct hk_loop;

/* Starts at once. Keeps `name`, which goes into the audit log. */
struct jobs *jobs_new(struct hk_loop *loop, const struct hk_config *config, const char *name);
void jobs_free(struct jobs *jobs);

/* The connection, for other work that nobody waits for. */
struct hk_db *jobs_db(struct jobs *jobs);

#endif
