/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/auth_cache.h - the keys that were good a moment ago, so that publishing does not ask the
 * database each time. One per thread. A revoked key stops within AUTH_CACHE_TTL_MS everywhere.
 * Pure: the monotonic time is an argument.
 */
#ifndef API_AUTH_CACHE_H
#define API_AUTH_CACHE_H

#include "api/auth/auth.h"

enum { AUTH_CACHE_REFRESH_MS = 2500, AUTH_CACHE_TTL_MS = 4500 };

struct auth_cache; /* opaque */

struct auth_cache *auth_cache_new(void);
void auth_cache_free(struct auth_cache *cache);

/*
 * Copies the caller and returns true while the entry is young. Between REFRESH and TTL one
 * look-up is told to ask again (false), so that a busy key never makes many wait at once.
 */
HK_NODISCARD bool auth_cache_find(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE],
                                  int64_t now_ms, struct caller *ret);

void auth_cache_put(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE], int64_t now_ms,
                    const struct caller *caller);

/* The database does not know the key (any more). */
void auth_cache_drop(struct auth_cache *cache, const uint8_t sha256[HK_SHA256_SIZE]);

#endif
