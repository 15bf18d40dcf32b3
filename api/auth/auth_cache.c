/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_cache.c - set-associative by the first bytes of the hash, which are as good as random. Half
 * a kilobyte for each key in use: pages that none has fallen into are not there.
 */
#include "api/auth/auth_cache.h"

#include <stdlib.h>

enum { N_SETS = 4096, N_WAYS = 4 };

struct entry {
    bool is_used;
    bool is_refreshing;
    uint8_t sha256[HK_SHA256_SIZE];
    int64_t checked_at_ms;
    struct caller caller;
};

struct auth_cache {
    struct entry entries[N_SETS][N_WAYS];
};

struct auth_cache *auth_cache_new(void)
{
    struct auth_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        abort();
    return cache;
}

void auth_cache_free(struct auth_cache *cache)
{
    free(cache);
}

static struct entry *set_of(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE])
{
    return cache->entries[(sha256[0] << 8 | sha256[1]) % N_SETS];
}

static bool is_of(const struct entry *entry, const uint8_t sha256[HK_SHA256_SIZE])
{
    return entry->is_used && memcmp(entry->sha256, sha256, HK_SHA256_SIZE) == 0;
}

/* NULL: nobody knows it. */
static struct entry *entry_of(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE])
{
    struct entry *set = set_of(cache, sha256);

    for (unsigned i = 0; i < N_WAYS; i++) {
        if (is_of(&set[i], sha256))
            return &set[i];
    }
    return NULL;
}

/* One that is free, or else the one that was asked about longest ago. */
static struct entry *place_for(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE])
{
    struct entry *set = set_of(cache, sha256), *place = &set[0];

    for (unsigned i = 0; i < N_WAYS && place->is_used; i++) {
        if (!set[i].is_used || set[i].checked_at_ms < place->checked_at_ms)
            place = &set[i];
    }
    return place;
}

bool auth_cache_find(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE], int64_t now_ms,
                     struct caller *ret)
{
    struct entry *entry = entry_of(cache, sha256);
    int64_t age_ms = entry == NULL ? INT64_MAX : now_ms - entry->checked_at_ms;

    if (age_ms >= AUTH_CACHE_TTL_MS)
        return false;
    if (age_ms >= AUTH_CACHE_REFRESH_MS && !entry->is_refreshing) {
        entry->is_refreshing = true;
        return false;
    }
    *ret = entry->caller;
    return true;
}

void auth_cache_put(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE], int64_t now_ms,
                    const struct caller *caller)
{
    struct entry *entry = entry_of(cache, sha256);

    if (entry == NULL)
        entry = place_for(cache, sha256);
    entry->is_used = true;
    entry->is_refreshing = false;
    memcpy(entry->sha256, sha256, HK_SHA256_SIZE);
    entry->checked_at_ms = now_ms;
    entry->caller = *caller;
}

void auth_cache_drop(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE])
{
    struct entry *entry = entry_of(cache, sha256);

    if (entry != NULL)
        entry->is_used = false;
}
