/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_cache.c - set-associative by the last bytes of the flow's id, which are random. */
#include "api/inbound/inbound_cache.h"

#include <stdlib.h>

enum { N_SETS = 2048, N_WAYS = 4 };

struct entry {
    bool is_used;
    bool is_refreshing;
    struct hk_id tenant_id, flow_id;
    int64_t asked_at_ms;
    struct inbound_flow *flow;
};

struct inbound_cache {
    struct entry entries[N_SETS][N_WAYS];
};

struct inbound_cache *inbound_cache_new(void)
{
    struct inbound_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        abort();
    return cache;
}

void inbound_cache_free(struct inbound_cache *cache)
{
    for (unsigned i = 0; cache != NULL && i < N_SETS * N_WAYS; i++)
        inbound_flow_release(cache->entries[i / N_WAYS][i % N_WAYS].flow);
    free(cache);
}

static bool is_of(const struct entry *entry, const struct hk_flow_key *key)
{
    return entry->is_used &&
           memcmp(&entry->tenant_id, &key->tenant_id, sizeof(key->tenant_id)) == 0 &&
           memcmp(&entry->flow_id, &key->flow_id, sizeof(key->flow_id)) == 0;
}

static struct entry *set_of(struct inbound_cache *cache, const struct hk_flow_key *key)
{
    return cache->entries[(key->flow_id.bytes[14] << 8 | key->flow_id.bytes[15]) % N_SETS];
}

/* NULL: it is not there. */
static struct entry *entry_of(struct inbound_cache *cache, const struct hk_flow_key *key)
{
    struct entry *set = set_of(cache, key);

    for (unsigned i = 0; i < N_WAYS; i++) {
        if (is_of(&set[i], key))
            return &set[i];
    }
    return NULL;
}

/* One that is free, or else the one that was asked about longest ago. */
static struct entry *place_for(struct inbound_cache *cache, const struct hk_flow_key *key)
{
    struct entry *set = set_of(cache, key), *place = &set[0];

    for (unsigned i = 0; i < N_WAYS && place->is_used; i++) {
        if (!set[i].is_used || set[i].asked_at_ms < place->asked_at_ms)
            place = &set[i];
    }
    return place;
}

bool inbound_cache_find(struct inbound_cache *cache, const struct hk_flow_key *key, bool is_fresh,
                        int64_t now_ms, struct inbound_flow **ret)
{
    struct entry *entry = entry_of(cache, key);
    int64_t age_ms = entry == NULL ? INT64_MAX : now_ms - entry->asked_at_ms;

    if (age_ms >= (is_fresh ? INBOUND_CACHE_FRESH_MS : INBOUND_CACHE_TTL_MS))
        return false;
    if (age_ms >= INBOUND_CACHE_REFRESH_MS && !entry->is_refreshing) {
        entry->is_refreshing = true;
        return false;
    }
    *ret = entry->flow;
    return true;
}

struct inbound_flow *inbound_cache_peek(struct inbound_cache *cache, const struct hk_flow_key *key)
{
    const struct entry *entry = entry_of(cache, key);

    return entry == NULL ? NULL : entry->flow;
}

void inbound_cache_put(struct inbound_cache *cache, const struct hk_flow_key *key, int64_t now_ms,
                       struct inbound_flow *flow)
{
    struct entry *entry = entry_of(cache, key);

    if (flow == NULL && entry == NULL)
        return; /* who asks for what there is not drives out nobody */
    if (entry == NULL)
        entry = place_for(cache, key);
    if (flow != NULL)
        inbound_flow_keep(flow);
    inbound_flow_release(entry->flow);
    *entry = (struct entry){
        .is_used = flow != NULL,
        .tenant_id = key->tenant_id,
        .flow_id = key->flow_id,
        .asked_at_ms = now_ms,
        .flow = flow,
    };
}
