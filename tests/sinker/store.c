/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - see store.h. */
#include "tests/sinker/store.h"

#include <assert.h>
#include <stdlib.h>

#define N_BUCKETS 16384

static uint64_t hash(struct hk_str s, uint64_t seed)
{
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void store_init(struct store *store, size_t n_kept, size_t n_body)
{
    *store = (struct store){.n_ring = n_kept, .n_body = n_body};
    store->buckets = calloc(N_BUCKETS, sizeof(struct sink_path *));
    store->ring = calloc(n_kept == 0 ? 1 : n_kept, sizeof(struct sink_record *));
    assert(store->buckets != NULL && store->ring != NULL);
}

struct sink_path *store_find_path(const struct store *store, struct hk_str name)
{
    struct sink_path *path = store->buckets[hash(name, 0) % N_BUCKETS];

    while (path != NULL && !hk_str_eq((struct hk_str){path->name, path->name_n}, name))
        path = path->next_in_bucket;
    return path;
}

static struct sink_path *add_path(struct store *store, struct hk_str name)
{
    struct sink_path **bucket = &store->buckets[hash(name, 0) % N_BUCKETS];
    struct sink_path *path = calloc(1, sizeof(*path) + name.n + 1);

    assert(path != NULL);
    rule_init(&path->rule);
    path->name_n = name.n;
    memcpy(path->name, name.p, name.n);
    path->next_in_bucket = *bucket;
    *bucket = path;
    path->next = store->paths;
    store->paths = path;
    store->n_paths++;
    return path;
}

struct sink_path *store_path(struct store *store, struct hk_str name)
{
    struct sink_path *path;

    path = store_find_path(store, name);
    if (path != NULL)
        return path;
    if (store->n_paths < STORE_MAX_PATHS)
        return add_path(store, name);
    path = store_find_path(store, HK_STR("*"));
    return path != NULL ? path : add_path(store, HK_STR("*"));
}

static void count_status(struct sink_stats *stats, int status)
{
    unsigned i = 0;

    while (i < stats->n_statuses && stats->by_status[i].status != status)
        i++;
    if (i == stats->n_statuses && i < STORE_MAX_STATUSES)
        stats->by_status[stats->n_statuses++].status = status;
    if (i == STORE_MAX_STATUSES)
        i--;
    stats->by_status[i].n++;
}

/* An id that is no UUID counts too: by its hash. */
static void count_id(struct sink_path *path, struct hk_str text, int64_t received_at_us)
{
    struct hk_id id;

    if (hk_id_parse(text, &id)) {
        int64_t accepted_at_ms = 0;

        for (unsigned i = 0; i < 6; i++)
            accepted_at_ms = accepted_at_ms << 8 | id.bytes[i];
        if (id.bytes[6] >> 4 == 7)
            histogram_add(&path->stats.latency, received_at_us - accepted_at_ms * 1000);
    } else {
        uint64_t high = hash(text, 1), low = hash(text, 2) | 1;

        memcpy(id.bytes, &high, sizeof(high));
        memcpy(id.bytes + sizeof(high), &low, sizeof(low));
    }
    if (!idset_add(&path->ids, &id))
        path->stats.n_duplicates++;
}

static char *put(char *p, struct hk_str s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

static struct sink_record *copy_request(const struct sink_request *request, size_t n_body)
{
    struct hk_str body = request->body;
    struct sink_record *record;
    size_t headers_n = 0;
    char *p;

    for (size_t i = 0; i < request->n_headers; i++)
        headers_n += request->headers[i].name.n + request->headers[i].value.n + 2;
    if (body.n > n_body)
        body.n = n_body;
    record = malloc(sizeof(*record) + request->method.n + headers_n + body.n);
    assert(record != NULL);
    *record = (struct sink_record){
        .path = request->path,
        .received_at_us = request->received_at_us,
        .status = request->status,
        .signature = request->signature,
        .method_n = (uint32_t)request->method.n,
        .headers_n = (uint32_t)headers_n,
        .body_n = (uint32_t)body.n,
        .content_length = request->body.n,
    };
    p = put(record->bytes, request->method);
    for (size_t i = 0; i < request->n_headers; i++) {
        p = put(p, request->headers[i].name);
        *p++ = '\0';
        p = put(p, request->headers[i].value);
        *p++ = '\0';
    }
    (void)put(p, body);
    return record;
}

void store_add(struct store *store, const struct sink_request *request)
{
    struct sink_stats *stats = &request->path->stats;

    if (store->n_ring > 0) {
        struct sink_record **slot = &store->ring[store->n_requests % store->n_ring];

        free(*slot);
        *slot = copy_request(request, store->n_body);
        (*slot)->index = store->n_requests;
        (*slot)->number = stats->n_requests;
    }
    store->n_requests++;
    stats->n_requests++;
    stats->n_invalid += request->signature == SIGNATURE_INVALID;
    count_status(stats, request->status);
    if (request->webhook_id.p != NULL)
        count_id(request->path, request->webhook_id, request->received_at_us);
    if (++request->path->n_open > stats->max_open)
        stats->max_open = request->path->n_open;
}

void store_close(struct sink_path *path)
{
    assert(path->n_open > 0);
    path->n_open--;
}

const struct sink_record *store_record(const struct store *store, uint64_t index)
{
    if (store->n_requests > store->n_ring && index < store->n_requests - store->n_ring)
        index = store->n_requests - store->n_ring;
    return index < store->n_requests && store->n_ring > 0 ? store->ring[index % store->n_ring]
                                                          : NULL;
}

void store_clear(struct store *store)
{
    for (size_t i = 0; i < store->n_ring; i++) {
        free(store->ring[i]);
        store->ring[i] = NULL;
    }
    for (struct sink_path *path = store->paths; path != NULL; path = path->next) {
        histogram_done(&path->stats.latency);
        idset_done(&path->ids);
        path->stats = (struct sink_stats){.max_open = path->n_open}; /* they go on */
    }
    store->n_requests = 0;
}
