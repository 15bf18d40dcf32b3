/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/park.h - claimed messages get a slot here, or wait a moment for a window to open (see
 * worker/share.h), and else for their turn in their subscription's lane.
 */
#ifndef WORKER_PARK_H
#define WORKER_PARK_H

#include "worker/attempt.h"

struct park; /* opaque */
struct hk_loop;

struct park *park_new(struct hk_loop *loop, unsigned n_slots);
void park_free(struct park *park); /* the attempts that wait are not its own */

/* How many slots there are from here on. */
void park_set_slots(struct park *park, unsigned n_slots);

/* How many slots are held. */
unsigned park_n_held(const struct park *park);

/* What calls nobody needs no slot. Fires EVENT_STARTED now, or later exactly one of EVENT_STARTED,
 * EVENT_WITHHELD, EVENT_CROWDED. */
void park_arrive(struct park *park, struct attempt *attempt);

/* Gives back the slot of an attempt that has one, and learns from its outcome. */
void park_leave(struct park *park, struct attempt *attempt);

/* Once per turn of the loop. */
void park_turn(struct park *park);

/* Fires the event on those that wait; of the tenant, the subscription, NULL: any. */
void park_clear(struct park *park, const struct hk_id *tenant_id,
                const struct hk_id *subscription_id, enum attempt_event event);

/* Whether the subscription's last request was answered well. */
bool park_is_proven(struct park *park, const struct attempt *attempt);

#endif
