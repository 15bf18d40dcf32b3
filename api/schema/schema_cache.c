/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_cache.c - set-associative by a hash of tenant and name. Compiled schemas are counted, and
 * given up round the table when they are too many.
 */
#include "api/schema/schema_cache.h"

#include <assert.h>
#include <stdlib.h>

enum { N_SETS = 4096, N_WAYS = 4, N_ENTRIES = N_SETS * N_WAYS, MAX_NAME_BYTES = 128 };

struct entry {
    bool is_used;
    bool is_refreshing;
    enum validation validation;
    struct hk_id tenant_id;
    uint8_t name_n;
    char name[MAX_NAME_BYTES];
    int64_t asked_at_ms;
    struct schema *schema;
    struct hk_error *fault;
};

struct schema_cache {
    struct entry entries[N_ENTRIES];
    size_t n_bytes; /* of all schemas */
    unsigned hand;  /* where giving up goes on */
};

enum validation validation_from_name(struct hk_str name)
{
    if (hk_str_eq(name, HK_STR("enforce")))
        return VALIDATION_ENFORCE;
    return hk_str_eq(name, HK_STR("warn")) ? VALIDATION_WARN : VALIDATION_OFF;
}

struct schema_cache *schema_cache_new(void)
{
    struct schema_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        abort();
    return cache;
}

static void clear(struct schema_cache *cache, struct entry *entry)
{
    if (entry->schema != NULL)
        cache->n_bytes -= schema_size(entry->schema);
    schema_free(entry->schema);
    free(entry->fault);
    *entry = (struct entry){.is_used = false};
}

void schema_cache_free(struct schema_cache *cache)
{
    for (unsigned i = 0; cache != NULL && i < N_ENTRIES; i++)
        clear(cache, &cache->entries[i]);
    free(cache);
}

static bool is_of(const struct entry *entry, const struct hk_id *tenant_id, struct hk_str name)
{
    return entry->is_used && entry->name_n == name.n && memcmp(entry->name, name.p, name.n) == 0 &&
           memcmp(entry->tenant_id.bytes, tenant_id->bytes, sizeof(tenant_id->bytes)) == 0;
}

/* The first of the set of a hash, FNV-1a, of the tenant's id and the name. */
static struct entry *set_of(struct schema_cache *cache, const struct hk_id *tenant_id,
                            struct hk_str name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < sizeof(tenant_id->bytes); i++)
        hash = (hash ^ tenant_id->bytes[i]) * 16777619u;
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (uint8_t)name.p[i]) * 16777619u;
    return &cache->entries[(size_t)((hash ^ hash >> 16) % N_SETS) * N_WAYS];
}

/* NULL: it is not there. */
static struct entry *entry_of(struct schema_cache *cache, const struct hk_id *tenant_id,
                              struct hk_str name)
{
    struct entry *set = set_of(cache, tenant_id, name);

    for (unsigned i = 0; i < N_WAYS; i++) {
        if (is_of(&set[i], tenant_id, name))
            return &set[i];
    }
    return NULL;
}

/* One that is free, or else the one that was asked about longest ago. */
static struct entry *place_for(struct schema_cache *cache, const struct hk_id *tenant_id,
                               struct hk_str name)
{
    struct entry *set = set_of(cache, tenant_id, name), *place = &set[0];

    for (unsigned i = 0; i < N_WAYS && place->is_used; i++) {
        if (!set[i].is_used || set[i].asked_at_ms < place->asked_at_ms)
            place = &set[i];
    }
    return place;
}

static struct payload_rule rule_of(const struct entry *entry)
{
    return (struct payload_rule){entry->validation, entry->schema, entry->fault};
}

bool schema_cache_find(struct schema_cache *cache, const struct hk_id *tenant_id,
                       struct hk_str event_type, int64_t now_ms, struct payload_rule *ret)
{
    struct entry *entry = entry_of(cache, tenant_id, event_type);
    int64_t age_ms = entry == NULL ? INT64_MAX : now_ms - entry->asked_at_ms;

    if (age_ms >= SCHEMA_CACHE_TTL_MS)
        return false;
    if (age_ms >= SCHEMA_CACHE_REFRESH_MS && !entry->is_refreshing) {
        entry->is_refreshing = true;
        return false;
    }
    *ret = rule_of(entry);
    return true;
}

/* Gives schemas up until the rest is small enough; never the one of `keep`. */
static void make_room(struct schema_cache *cache, const struct entry *keep)
{
    for (unsigned i = 0; i < N_ENTRIES && cache->n_bytes > SCHEMA_CACHE_MAX_BYTES; i++) {
        struct entry *entry = &cache->entries[cache->hand];

        cache->hand = (cache->hand + 1) % N_ENTRIES;
        if (entry != keep && entry->schema != NULL)
            clear(cache, entry);
    }
}

static void set_schema(struct schema_cache *cache, struct entry *entry, struct hk_str text)
{
    struct hk_error fault = {.code = HK_OK};

    entry->schema = schema_compile(text, &fault);
    if (entry->schema != NULL) {
        cache->n_bytes += schema_size(entry->schema);
        make_room(cache, entry);
        return;
    }
    entry->fault = malloc(sizeof(*entry->fault));
    if (entry->fault == NULL)
        abort();
    *entry->fault = fault;
}

void schema_cache_put(struct schema_cache *cache, const struct hk_id *tenant_id,
                      struct hk_str event_type, int64_t now_ms, enum validation validation,
                      struct hk_str schema, struct payload_rule *ret)
{
    struct entry *entry = entry_of(cache, tenant_id, event_type);
    bool has_schema = validation != VALIDATION_OFF && schema.p != NULL;
    bool is_compiled = entry != NULL && has_schema && entry->schema != NULL &&
                       hk_str_eq(schema_text(entry->schema), schema);

    assert(event_type.n <= MAX_NAME_BYTES);
    if (entry == NULL)
        entry = place_for(cache, tenant_id, event_type);
    if (!is_compiled) {
        clear(cache, entry);
        if (has_schema)
            set_schema(cache, entry, schema);
    }
    entry->is_used = true;
    entry->is_refreshing = false;
    entry->validation = validation;
    entry->tenant_id = *tenant_id;
    entry->name_n = (uint8_t)event_type.n;
    memcpy(entry->name, event_type.p, event_type.n);
    entry->asked_at_ms = now_ms;
    *ret = rule_of(entry);
}
