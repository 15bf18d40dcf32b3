/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/schema_cache.h - which payloads of which event types are checked, and by what: what
 * was true a moment ago, so that publishing does not ask the database each time. One per thread. A
 * change is heeded within SCHEMA_CACHE_TTL_MS everywhere. Pure: the monotonic time is an argument.
 */
#ifndef API_SCHEMA_CACHE_H
#define API_SCHEMA_CACHE_H

#include "api/schema/schema.h"
#include "hk/id.h"

enum {
    SCHEMA_CACHE_REFRESH_MS = 2500,
    SCHEMA_CACHE_TTL_MS = 4500,
    SCHEMA_CACHE_MAX_BYTES = 16 << 20, /* of compiled schemas; the latest one is kept whatever */
};

enum validation { VALIDATION_OFF, VALIDATION_WARN, VALIDATION_ENFORCE };

/* By its name in the database; what is none counts as off. */
enum validation validation_from_name(struct hk_str name);

/* What holds for the payloads of an event type. Valid until the next put. */
struct payload_rule {
    enum validation validation;
    const struct schema *schema;  /* NULL: anything goes, or `fault` says why none does */
    const struct hk_error *fault; /* a schema that cannot be checked: no payload matches it */
};

struct schema_cache; /* opaque */

struct schema_cache *schema_cache_new(void);
void schema_cache_free(struct schema_cache *cache);

/*
 * True while the entry is young. Between REFRESH and TTL one look-up is told to ask again (false),
 * so that a busy event type never makes many wait at once.
 */
HK_NODISCARD bool schema_cache_find(struct schema_cache *cache, const struct hk_id *tenant_id,
                                    struct hk_str event_type, int64_t now_ms,
                                    struct payload_rule *ret);

/* Compiles the schema, unless it is the one that is there. `schema` is .p NULL for none. */
void schema_cache_put(struct schema_cache *cache, const struct hk_id *tenant_id,
                      struct hk_str event_type, int64_t now_ms, enum validation validation,
                      struct hk_str schema, struct payload_rule *ret);

#endif
