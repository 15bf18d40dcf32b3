/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/share.h - how many of a worker's slots a subscription, a tenant and a host may hold at a
 * time, by what became of their requests lately. Pure: time is an argument. See
 * docs/adr/0022-lanes.md.
 *
 * Each has a window, which opens by one with each good answer, up to three quarters of the slots,
 * and shrinks with failures. Newcomers, whose last request was not answered well, hold half of the
 * slots at most, and of these no more than the windows of their tenant and host; those of others
 * are not closed by their neighbours' failures. Whoever has not answered anything for a while gets
 * no more than a newcomer. A subscription whose failures have cost SHARE_BROKEN_COST since the last
 * answer gets nothing but what its lane sends, unless that was long ago. All that is known of
 * somebody is forgotten some time after his last request.
 */
#ifndef WORKER_SHARE_H
#define WORKER_SHARE_H

#include "hk/base.h"
#include "hk/id.h"

#define SHARE_BROKEN_COST 10

enum share_kind { SHARE_SUBSCRIPTION, SHARE_TENANT, SHARE_HOST, SHARE_KIND_COUNT };

struct share;       /* opaque */
struct share_entry; /* opaque */

/* Whose slot it is; zeros: nobody's. */
struct share_hold {
    struct share_entry *of[SHARE_KIND_COUNT];
    bool is_held, is_newcomer;
};

/* Who wants a slot. */
struct share_claimant {
    struct hk_id subscription_id, tenant_id;
    struct hk_str host;
    bool is_laned; /* its lane has heeded what there is to say about the subscription */
};

struct share *share_new(unsigned n_slots);
void share_free(struct share *share);

/* How many slots there are from here on; windows that are wider count as no wider than they may be.
 */
void share_set_slots(struct share *share, unsigned n_slots);

/* How many slots somebody holds; more than there are when they have become fewer since. */
unsigned share_n_held(const struct share *share);

/* Whether no slot is free, whoever asks. */
bool share_is_full(const struct share *share);

/*
 * Takes a slot; false, and *ret_hold is nobody's, when none is free, or one of the three has no
 * right to one now.
 */
bool share_take(struct share *share, const struct share_claimant *claimant, int64_t now_ms,
                struct share_hold *ret_hold);

/*
 * Gives the slot back; no-op for nobody's. `cost` of the failure, 0: the receiver answered; -1: it
 * was not asked. Returns what the subscription's failures cost since its last answer, this
 * included.
 */
unsigned share_give_back(struct share *share, struct share_hold *hold, int cost,
                         int64_t duration_ms, int64_t now_ms);

/* Whether its last request was answered well. */
bool share_is_proven(struct share *share, const struct hk_id *subscription_id, int64_t now_ms);

/* Whether it was, quickly, and more such answers give it a wider window. */
bool share_is_opening(struct share *share, const struct hk_id *subscription_id, int64_t now_ms);

/* The part of a URL between its scheme and its path. Borrowed. */
struct hk_str share_host(struct hk_str url);

#endif
