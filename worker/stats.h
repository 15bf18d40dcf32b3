/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/stats.h - keeps the roll-ups of the log, in steps that one worker at a time takes:
 * docs/adr/0032-roll-ups.md. On a connection of its own, so that no verdict waits for it.
 */
#ifndef WORKER_STATS_H
#define WORKER_STATS_H

#include "hk/config.h"

struct stats; /* opaque */
struct hk_loop;

/* Starts at once. */
struct stats *stats_new(struct hk_loop *loop, const struct hk_config *config);
void stats_free(struct stats *stats);

#endif
