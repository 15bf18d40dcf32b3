/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/inbound/inbound_cache.h - the flows that were asked for a moment ago, so that receiving does
 * not ask the database each time. One per thread. Who is let in is checked again by the statement
 * that stores what he sent; who is refused is so by what was true INBOUND_CACHE_FRESH_MS ago at
 * most. Pure: the monotonic time is an argument.
 */
#ifndef API_INBOUND_CACHE_H
#define API_INBOUND_CACHE_H

#include "api/inbound/inbound_flow.h"

enum {
    INBOUND_CACHE_FRESH_MS = 250,
    INBOUND_CACHE_REFRESH_MS = 2500,
    INBOUND_CACHE_TTL_MS = 4500,
};

struct inbound_cache; /* opaque */

struct inbound_cache *inbound_cache_new(void);
void inbound_cache_free(struct inbound_cache *cache);

/*
 * Whether the flow is known: `ret` is it, borrowed until the next put. `is_fresh` wants it no older
 * than INBOUND_CACHE_FRESH_MS. Between REFRESH and TTL one look-up is told to ask again (false), so
 * that a busy flow never makes many wait at once.
 */
HK_NODISCARD bool inbound_cache_find(struct inbound_cache *cache, const struct hk_flow_key *key,
                                     bool is_fresh, int64_t now_ms, struct inbound_flow **ret);

/* The flow that is kept, however old; NULL: none. */
struct inbound_flow *inbound_cache_peek(struct inbound_cache *cache, const struct hk_flow_key *key);

/* Keeps the flow, as its user; NULL: there is none (any more). */
void inbound_cache_put(struct inbound_cache *cache, const struct hk_flow_key *key, int64_t now_ms,
                       struct inbound_flow *flow);

#endif
