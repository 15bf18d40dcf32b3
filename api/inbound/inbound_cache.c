/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_cache.c - direct-mapped by the last bytes of the flow's id, which are random. */
#include "api/inbound/inbound_cache.h"

#include <stdlib.h>

enum { N_ENTRIES = 512 };

struct entry {
    bool is_used;
    bool is_refreshing;
    struct hk_id tenant_id, flow_id;
    int64_t asked_at_ms;
    struct inbound_flow *flow;
};

struct inbound_cache {
    struct entry entries[N_ENTRIES];
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
    for (unsigned i = 0; cache != NULL && i < N_ENTRIES; i++)
        inbound_flow_release(cache->entries[i].flow);
    free(cache);
}

static struct entry *slot_of(struct inbound_cache *cache, const struct hk_flow_key *key)
{
    return &cache->entries[(key->flow_id.bytes[14] << 8 | key->flow_id.bytes[15]) % N_ENTRIES];
}

static bool is_of(const struct entry *entry, const struct hk_flow_key *key)
{
    return entry->is_used &&
           memcmp(&entry->tenant_id, &key->tenant_id, sizeof(key->tenant_id)) == 0 &&
           memcmp(&entry->flow_id, &key->flow_id, sizeof(key->flow_id)) == 0;
}

bool inbound_cache_find(struct inbound_cache *cache, const struct hk_flow_key *key, bool is_fresh,
                        int64_t now_ms, struct inbound_flow **ret)
{
    struct entry *entry = slot_of(cache, key);
    int64_t age_ms = now_ms - entry->asked_at_ms;

    if (!is_of(entry, key) || age_ms >= (is_fresh ? INBOUND_CACHE_FRESH_MS : INBOUND_CACHE_TTL_MS))
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
    const struct entry *entry = slot_of(cache, key);

    return is_of(entry, key) ? entry->flow : NULL;
}

void inbound_cache_put(struct inbound_cache *cache, const struct hk_flow_key *key, int64_t now_ms,
                       struct inbound_flow *flow)
{
    struct entry *entry = slot_of(cache, key);

    if (flow == NULL && !is_of(entry, key))
        return; /* who asks for what there is not drives out nobody */
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
