/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/sinker/store.h - what the sinker got: counts for each path, and the last requests in full.
 * One allocation a request; a path lives until the process ends. No I/O.
 */
#ifndef SINKER_STORE_H
#define SINKER_STORE_H

#include "tests/sinker/histogram.h"
#include "tests/sinker/idset.h"
#include "tests/sinker/rule.h"

#define STORE_MAX_PATHS    65536
#define STORE_BODY_BYTES   65536 /* kept of a body, unless the sinker is told otherwise */
#define STORE_MAX_STATUSES 12

/* Where a status belongs but the reply has none. */
enum { STATUS_HANG = 0, STATUS_RESET = -1 };

enum signature { SIGNATURE_UNCHECKED, SIGNATURE_VALID, SIGNATURE_INVALID };

struct sink_stats {
    uint64_t n_requests;
    uint64_t n_duplicates;
    uint64_t n_invalid;
    unsigned n_statuses;
    struct {
        int status;
        uint64_t n;
    } by_status[STORE_MAX_STATUSES];
    unsigned max_open; /* at a time */
    struct histogram latency;
};

struct sink_path {
    struct sink_path *next_in_bucket;
    struct sink_path *next; /* of all */
    struct rule rule;
    struct sink_stats stats;
    unsigned n_open; /* requests that came and have no answer yet */
    struct idset ids;
    size_t name_n;
    char name[];
};

/* A header of a request; both parts borrowed. */
struct sink_header {
    struct hk_str name; /* lower case */
    struct hk_str value;
};

/* A request as it came; texts borrowed, the store copies what it keeps. */
struct sink_request {
    struct sink_path *path;
    struct hk_str method;
    struct hk_str webhook_id; /* .p is NULL when there was none */
    struct hk_str body;
    int64_t received_at_us;
    int status;
    enum signature signature;
    const struct sink_header *headers;
    size_t n_headers;
};

/* A request as it is kept: headers are "name\0value\0..." in `bytes`, then comes the body. */
struct sink_record {
    const struct sink_path *path;
    uint64_t index;  /* among all requests */
    uint64_t number; /* among those of the path */
    int64_t received_at_us;
    int status;
    enum signature signature;
    uint32_t method_n, headers_n, body_n;
    size_t content_length;
    char bytes[]; /* method, headers, body */
};

struct store {
    struct sink_path **buckets;
    struct sink_path *paths;
    unsigned n_paths;
    struct sink_record **ring; /* index % n_ring */
    size_t n_ring;
    size_t n_body; /* bytes kept of a body */
    uint64_t n_requests;
};

/* `n_kept` requests are kept, with the first `n_body` bytes of their bodies; 0: counts only. */
void store_init(struct store *store, size_t n_kept, size_t n_body);

/* The path with that name, made when there is none; past the maximum, one path stands for all. */
struct sink_path *store_path(struct store *store, struct hk_str name);

/* The path with that name, or NULL. */
struct sink_path *store_find_path(const struct store *store, struct hk_str name);

/* Counts the request and keeps it. It is open until store_close(). */
void store_add(struct store *store, const struct sink_request *request);
void store_close(struct sink_path *path);

/* The first kept request at or after `index`, or NULL. */
const struct sink_record *store_record(const struct store *store, uint64_t index);

/* Forgets requests and counts, not the rules; what is open goes on, and is the new max_open. */
void store_clear(struct store *store);

#endif
