/* SPDX-License-Identifier: Apache-2.0 */
/* idset.c - see idset.h. */
#include "tests/sinker/idset.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_SIZE 64

/* A UUIDv7 begins with a clock: only a mix of all its bytes spreads well. */
static size_t hash(const struct hk_id *id)
{
    uint64_t high, low;

    memcpy(&high, id->bytes, sizeof(high));
    memcpy(&low, id->bytes + sizeof(high), sizeof(low));
    low ^= high * UINT64_C(0x9e3779b97f4a7c15);
    low ^= low >> 32;
    low *= UINT64_C(0xd6e8feb86659fd93);
    low ^= low >> 29;
    return (size_t)low;
}

/* The slot that holds the id, or the free one where it belongs. */
static struct hk_id *find_slot(const struct idset *set, const struct hk_id *id)
{
    static const struct hk_id free_slot;
    size_t i = hash(id) & (set->n_slots - 1);

    while (memcmp(&set->slots[i], &free_slot, sizeof(free_slot)) != 0 &&
           memcmp(&set->slots[i], id, sizeof(*id)) != 0)
        i = (i + 1) & (set->n_slots - 1);
    return &set->slots[i];
}

static void grow(struct idset *set)
{
    static const struct hk_id free_slot;
    struct idset bigger = {.n_slots = set->n_slots == 0 ? FIRST_SIZE : set->n_slots * 2};

    bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
    assert(bigger.slots != NULL);
    for (size_t i = 0; i < set->n_slots; i++) {
        if (memcmp(&set->slots[i], &free_slot, sizeof(free_slot)) != 0)
            *find_slot(&bigger, &set->slots[i]) = set->slots[i];
    }
    bigger.n = set->n;
    free(set->slots);
    *set = bigger;
}

bool idset_add(struct idset *set, const struct hk_id *id)
{
    struct hk_id *slot;

    if (set->n * 3 >= set->n_slots * 2)
        grow(set);
    slot = find_slot(set, id);
    if (memcmp(slot, id, sizeof(*id)) == 0)
        return false;
    *slot = *id;
    set->n++;
    return true;
}

void idset_done(struct idset *set)
{
    free(set->slots);
    *set = (struct idset){0};
}
