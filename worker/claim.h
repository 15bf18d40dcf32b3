/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/claim.h - leases due messages for the free slots. Owns the claim connection.
 */
#ifndef WORKER_CLAIM_H
#define WORKER_CLAIM_H

#include "hk/config.h"
#include "worker/attempt.h"

#define CLAIM_MAX      256
#define CLAIM_AHEAD_MS 20 /* so long a claimed message may wait for a slot, as things go */
#define CLAIM_BURST_MS 5  /* between two claims while there is work, or was just now */
#define CLAIM_LINGER_MS                                                                            \
    20 /* how long "just now" is: covers the notifications that are throttled                      \
        */

struct claim; /* opaque */
struct hk_db;
struct hk_loop;
struct hk_vault;

/* How many messages end. All 0: none have. */
struct claim_pace {
    int64_t since_ms;
    unsigned n, n_before; /* since then; in the CLAIM_AHEAD_MS before */
};

/* What a worker is busy with. */
struct claim_load {
    unsigned n_in_flight;  /* leased or sending */
    unsigned n_of_lanes;   /* of them */
    unsigned n_on_trial;   /* of those */
    unsigned n_unrecorded; /* have ended */
    unsigned n_ahead;      /* so many more than there are slots will have one soon */
    unsigned apart_ms;     /* claims are, while nothing is in a hurry */
};

/* Takes ownership of `attempt`. `arg` is the options' found_arg. */
typedef void claim_found_fn(void *found_arg, struct attempt *attempt);

/*
 * Something was stopped: attempts of `tenant_id` that have not begun to be sent must not be; with
 * `subscription_id`, those of that subscription. `tenant_id` NULL: of whom is not known, because
 * this program was not listening for a while.
 */
typedef void claim_stopped_fn(void *found_arg, const struct hk_id *tenant_id,
                              const struct hk_id *subscription_id);

struct claim_options {
    struct hk_loop *loop;
    const struct hk_config *config;
    const struct hk_vault *vault;
    claim_found_fn *found; /* for each claimed message, from the loop */
    claim_stopped_fn *stopped;
    void *found_arg; /* of both */
};

/* The database of the role hookline_worker is asked for the first time on the first turn. */
struct claim *claim_new(const struct claim_options *options);
void claim_free(struct claim *claim);

/*
 * Once per turn of the loop: claims when there is a reason to and claim_size() allows it.
 * Never two claims at a time.
 */
void claim_turn(struct claim *claim, unsigned n_slots, const struct claim_load *load);

/* How many messages the claim under way may still bring. */
unsigned claim_n_under_way(const struct claim *claim);

/* Whether the last claim found as many as it had asked for: there may be more. */
bool claim_wants_more(const struct claim *claim);

/* There may be something to claim at once, such as the next step of a run. */
void claim_want(struct claim *claim);

/* There may be something to send in a lane. */
void claim_want_lanes(struct claim *claim);

/* For what goes with claims; do not free. */
struct hk_db *claim_db(struct claim *claim);

/* No more claims; one that is under way still hands over what it found. */
void claim_stop(struct claim *claim);
bool claim_is_under_way(const struct claim *claim);

/* One has ended. Pure. */
void claim_pace_add(struct claim_pace *pace, int64_t now_ms);

/* How many ended in the last CLAIM_AHEAD_MS, more or less. Pure. */
unsigned claim_pace_lately(struct claim_pace *pace, int64_t now_ms);

/*
 * How long to gather what is claimed at a pace of `n_lately`: nothing below 250 a second, 16 ms
 * from 4,000 a second on; eight times as long as the last claim took, `took_us`, when that is more,
 * up to 16 ms: then the database has much to do, or other workers claim as well. Pure.
 */
unsigned claim_apart_ms(unsigned n_lately, int64_t took_us);

/* The same of what is recorded, which nobody waits for: 32 ms from 250 a second on. Pure. */
unsigned claim_record_apart_ms(unsigned n_lately);

/* How long the last claim took, without its load. */
int64_t claim_took_us(const struct claim *claim);

/*
 * How many messages of no lane to claim: the free slots and load->n_ahead, up to CLAIM_MAX, or 0
 * for not now: fewer than a quarter of the slots are free, or there is still work ahead (many small
 * claims cost more than few large ones: each some 0.6 ms of PostgreSQL's time before its first
 * message), or the records lag behind. Pure.
 */
unsigned claim_size(unsigned n_slots, const struct claim_load *load);

/*
 * How many messages of lanes to claim, and in *ret_n_on_trial how many of them of lanes on trial:
 * lanes have three quarters of the slots, those on trial one quarter. Pure.
 */
unsigned claim_lane_size(unsigned n_slots, const struct claim_load *load, unsigned *ret_n_on_trial);

#endif
