/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/lanes.h - what this worker has learned since it last told the lanes: which messages of
 * lanes have ended, how receivers answered, which claimed messages have to wait in a lane.
 * See docs/adr/0022-lanes.md.
 */
#ifndef WORKER_LANES_H
#define WORKER_LANES_H

#include "hk/config.h"
#include "worker/attempt.h"

struct lanes; /* opaque */
struct hk_db;
struct hk_loop;

typedef void lanes_told_fn(void *told_arg);

struct lanes_options {
    struct hk_loop *loop;
    const struct hk_config *config;
    struct hk_db *db;    /* the claim's: it must live longer */
    lanes_told_fn *told; /* lanes may have something to send now */
    void *told_arg;
};

struct lanes *lanes_new(const struct lanes_options *options);
void lanes_free(struct lanes *lanes); /* the attempts that enter are not its own */

/* An attempt has ended, and its record is durable, or will never be. */
void lanes_note(struct lanes *lanes, const struct attempt *attempt);

/*
 * Puts an attempt that was not sent into its subscription's lane, and has the lane wait a little
 * when it comes from there. Later exactly one of EVENT_RECORDED, EVENT_LEASE_LOST is fired.
 */
void lanes_enter(struct lanes *lanes, struct attempt *attempt);

/* Once per turn of the loop: tells what there is, unless that is under way or was just now. */
void lanes_turn(struct lanes *lanes);

/* Nothing is left to tell. */
bool lanes_are_told(const struct lanes *lanes);

/*
 * What a failure costs: 0 when the receiver answered and was not in trouble, -1 when it was not
 * asked; else 1, and 1 more for each 2 s that it took. Pure.
 */
int lanes_failure_cost(const struct hk_outcome *outcome);

#endif
