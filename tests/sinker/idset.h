/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/sinker/idset.h - a set of 16-byte ids: which webhook-ids came already. Open addressing,
 * 16 bytes an entry, so that a bench may send ten million different ones.
 */
#ifndef SINKER_IDSET_H
#define SINKER_IDSET_H

#include "hk/id.h"

/* Zero-initialised is an empty set. */
struct idset {
    struct hk_id *slots; /* all-zero: free */
    size_t n_slots;      /* a power of two, or 0 */
    size_t n;
};

/* Adds the id; false when it was there already. */
bool idset_add(struct idset *set, const struct hk_id *id);

void idset_done(struct idset *set);

#endif
