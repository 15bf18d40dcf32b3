/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/load.h - makes attempts of claimed messages: fetches what is to be sent, to whom and how.
 *
 * On the loop's thread. One load at a time. When the connection is lost the messages are given
 * back. One that cannot be read is an attempt that fails, one that takes too long is given back and
 * due later; its neighbours are sent.
 */
#ifndef WORKER_LOAD_H
#define WORKER_LOAD_H

#include "hk/config.h"
#include "worker/attempt.h"
#include "worker/claim.h"

struct load; /* opaque */
struct hk_db;
struct hk_vault;

/* A message that was just leased. */
struct claimed {
    struct hk_id tenant_id, subscription_id, message_id;
    int32_t fence;
    unsigned attempts, schedule_from; /* see struct attempt */
    bool is_on_trial;
};

struct load_options {
    const struct hk_config *config;
    const struct hk_vault *vault;
    struct hk_db *db; /* the claim's */
    claim_found_fn *found;
    void *found_arg;
};

struct load *load_new(const struct load_options *options);
void load_free(struct load *load);

/* For at most CLAIM_MAX messages; this one is the next. Not while a load is under way. */
void load_add(struct load *load, const struct claimed *claimed);

/* Those that were added; found() for each, in their order. `lease_ends_ms`: monotonic. */
void load_begin(struct load *load, bool is_of_lanes, int64_t lease_ends_ms);
bool load_is_under_way(const struct load *load);

#endif
