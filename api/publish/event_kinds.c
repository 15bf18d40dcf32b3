/* SPDX-License-Identifier: Apache-2.0 */
/* event_kinds.c - a hash table with open addressing. */
#include "api/publish/event_kinds.h"

#include <assert.h>
#include <string.h>

_Static_assert(EVENT_KINDS_N_SLOTS > EVENT_KINDS_MAX, "there is always an empty slot");

void event_kinds_clear(struct event_kinds *kinds)
{
    if (kinds->n > 0)
        memset(kinds->slots, 0, sizeof(kinds->slots));
    kinds->n = 0;
}

/* FNV-1a */
static uint32_t hash_bytes(uint32_t hash, const void *p, size_t n)
{
    const uint8_t *bytes = p;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT32_C(16777619);
    return hash;
}

static uint32_t hash_of(const struct event_kind *kind)
{
    uint32_t hash =
        hash_bytes(UINT32_C(2166136261), kind->tenant_id.bytes, sizeof(kind->tenant_id.bytes));

    hash = hash_bytes(hash, kind->event_type.p, kind->event_type.n);
    return hash_bytes(hash, kind->company.p, kind->company.n);
}

static bool is_same(const struct event_kind *a, const struct event_kind *b)
{
    return hk_str_eq(a->company, b->company) && hk_str_eq(a->event_type, b->event_type) &&
           memcmp(&a->tenant_id, &b->tenant_id, sizeof(a->tenant_id)) == 0;
}

static unsigned add(struct event_kinds *kinds, const struct event_kind *kind,
                    struct hk_pgarray arrays[3])
{
    assert(kinds->n < EVENT_KINDS_MAX);
    kinds->kinds[kinds->n] = *kind;
    hk_pgarray_add_id(&arrays[0], &kind->tenant_id);
    hk_pgarray_add_str(&arrays[1], kind->event_type);
    hk_pgarray_add_str(&arrays[2], kind->company);
    return ++kinds->n;
}

unsigned event_kinds_place(struct event_kinds *kinds, const struct event_kind *kind,
                           struct hk_pgarray arrays[3])
{
    uint16_t *slot;

    /* Who publishes many, publishes many alike. */
    if (kinds->n > 0 && is_same(&kinds->kinds[kinds->n - 1], kind))
        return kinds->n;
    slot = &kinds->slots[hash_of(kind) % EVENT_KINDS_N_SLOTS];
    while (*slot != 0 && !is_same(&kinds->kinds[*slot - 1], kind)) {
        if (++slot == kinds->slots + EVENT_KINDS_N_SLOTS)
            slot = kinds->slots;
    }
    if (*slot == 0)
        *slot = (uint16_t)add(kinds, kind, arrays);
    return *slot;
}
