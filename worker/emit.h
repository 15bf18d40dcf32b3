/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/emit.h - publishes what emit steps make, in batches, by the statement that the API
 * publishes with (api/publish/ingest.sql), on a connection of its own. A step that is repeated
 * publishes once: the event's external_id is the run's and the step's.
 */
#ifndef WORKER_EMIT_H
#define WORKER_EMIT_H

#include "hk/config.h"
#include "worker/attempt.h"

struct emit; /* opaque */
struct hk_loop;

struct emit *emit_new(struct hk_loop *loop, const struct hk_config *config);
void emit_free(struct emit *emit); /* the attempts that wait are not its own */

/* Queues an attempt of a prepared emit step: it ends (step.h), now or later. */
void emit_add(struct emit *emit, struct attempt *attempt);

/* Once per turn of the loop: publishes what waits, unless a batch is under way. */
void emit_turn(struct emit *emit);

#endif
