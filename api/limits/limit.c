/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c - a set-associative table of buckets; a bucket that waits for its lease has a list of the
 * calls that wait with it, in the order in which they came.
 */
#include "api/limits/limit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/limits/limit.sql.h"
#include "hk/clock.h"

enum {
    N_SETS = 1024,
    N_WAYS = 8,
    NAME_SIZE = 192, /* an actor's, see struct caller */
    NUMBER_SIZE = 24,
    LEASE_TIMEOUT_MS = 2000,
    BLIND_MS = 1000, /* the database did not answer: it is not asked again at once */
    MAX_HEADER_BYTES = 256,
    MAX_DAILY_SLICE = 1000,
    DAILY_PAUSE_MS = 5000, /* a quota may be raised, and days end */
    DAY_S = 86400,
};

struct limit_bucket {
    char tenant_id[HK_ID_TEXT_SIZE]; /* "": unused */
    char name[NAME_SIZE];
    struct bucket_limit limit; /* of events a day: the burst alone */
    struct bucket bucket;
    int64_t used_at_ms, blind_until_ms;

    struct limits *limits;
    struct call *first, **last; /* who waits for the lease */
    struct hk_db_query query;
    struct hk_db_context context;
    int64_t needed, asked;
    char numbers[3][NUMBER_SIZE];
};

struct limits {
    struct api_cell *cell;
    struct limit_bucket buckets[N_SETS][N_WAYS];
};

static hk_db_done_fn on_leased;

struct limits *limits_new(struct api_cell *cell)
{
    struct limits *limits = calloc(1, sizeof(*limits));

    if (limits == NULL)
        abort();
    limits->cell = cell;
    return limits;
}

void limits_free(struct limits *limits)
{
    free(limits);
}

/* ---- the caller's limits -------------------------------------------------------------------- */

static int64_t number_or(const struct hk_db_result *result, unsigned row, unsigned column,
                         int64_t otherwise)
{
    struct hk_str value = hk_db_value(result, row, column);

    return value.p == NULL ? otherwise : strtoll(value.p, NULL, 10);
}

static struct bucket_limit read_limit(const struct hk_db_result *result, unsigned row,
                                      unsigned column, int64_t otherwise)
{
    struct bucket_limit limit = {.per_second = number_or(result, row, column, otherwise)};

    limit.burst = number_or(result, row, column + 1, limit.per_second);
    return limit;
}

void limit_set_caller(struct caller *caller, const struct hk_config *config,
                      const struct hk_db_result *result, unsigned row, unsigned column)
{
    if (caller->role == ROLE_OPERATOR)
        return; /* who could set it right? */
    caller->events_per_day = number_or(result, row, column + 4, -1);
    caller->own_limit = read_limit(result, row, column, config->api_key_requests_per_second);
    caller->tenant_limit =
        read_limit(result, row, column + 2, config->api_tenant_requests_per_second);
}

/* ---- finding a bucket ----------------------------------------------------------------------- */

static unsigned hash(const char *tenant_id, const char *name)
{
    unsigned h = 2166136261u; /* FNV-1a: who picks its names can only crowd its own set */

    for (const char *p = tenant_id; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (const char *p = name; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return h ^ h >> 16;
}

static bool is_in_use(const struct limit_bucket *bucket)
{
    return bucket->first != NULL || bucket->query.slot != NULL;
}

static bool is_worse(const struct limit_bucket *a, const struct limit_bucket *b)
{
    return b == NULL || a->used_at_ms < b->used_at_ms;
}

/* The bucket, in the place of the one that was not used for longest; NULL: all of them are busy. */
static struct limit_bucket *find(struct limits *limits, const char *tenant_id, const char *name,
                                 const struct bucket_limit *limit, int64_t now_ms)
{
    struct limit_bucket *set = limits->buckets[hash(tenant_id, name) % N_SETS], *oldest = NULL;

    for (unsigned i = 0; i < N_WAYS; i++) {
        struct limit_bucket *bucket = &set[i];

        if (strcmp(bucket->tenant_id, tenant_id) == 0 && strcmp(bucket->name, name) == 0) {
            bool is_changed = bucket->limit.per_second != limit->per_second ||
                              bucket->limit.burst != limit->burst;

            if (is_changed && !is_in_use(bucket)) {
                bucket->bucket = (struct bucket){0};
                bucket->limit = *limit;
            }
            bucket->used_at_ms = now_ms;
            return bucket;
        }
        if (!is_in_use(bucket) && is_worse(bucket, oldest))
            oldest = bucket;
    }
    if (oldest == NULL)
        return NULL;
    *oldest = (struct limit_bucket){.limits = limits, .limit = *limit, .used_at_ms = now_ms};
    oldest->last = &oldest->first;
    (void)snprintf(oldest->tenant_id, sizeof(oldest->tenant_id), "%s", tenant_id);
    (void)snprintf(oldest->name, sizeof(oldest->name), "%s", name);
    oldest->context = (struct hk_db_context){
        .tenant_id = hk_str(oldest->tenant_id), .actor = HK_STR(""), .request_id = HK_STR("")};
    return oldest;
}

/* ---- waiting for a lease -------------------------------------------------------------------- */

static void wait_for(struct limit_bucket *bucket, struct call *call)
{
    call->limit.bucket = bucket;
    call->limit.next = NULL;
    *bucket->last = call;
    bucket->last = &call->limit.next;
}

static void stop_waiting(struct call *call)
{
    struct limit_bucket *bucket = call->limit.bucket;
    struct call **at = &bucket->first;

    while (*at != call)
        at = &(*at)->limit.next;
    *at = call->limit.next;
    if (bucket->last == &call->limit.next)
        bucket->last = at;
    call->limit.bucket = NULL;
}

void limit_abandon(struct call *call)
{
    if (call->limit.bucket != NULL)
        stop_waiting(call);
}

static struct hk_str write_number(struct limit_bucket *bucket, unsigned i, int64_t value)
{
    (void)snprintf(bucket->numbers[i], NUMBER_SIZE, "%" PRId64, value);
    return hk_str(bucket->numbers[i]);
}

static bool is_daily(const struct limit_bucket *bucket)
{
    return bucket->limit.per_second == 0;
}

static void prepare_lease(struct limit_bucket *bucket)
{
    struct hk_db_query *query = &bucket->query;

    *query = (struct hk_db_query){
        .stmt = is_daily(bucket) ? &stmt_quota_lease : &stmt_rate_lease,
        .params = {hk_str(bucket->tenant_id)},
        .context = &bucket->context,
        .done = on_leased,
        .timeout_ms = LEASE_TIMEOUT_MS,
    };
    if (is_daily(bucket)) {
        query->params[1] = write_number(bucket, 0, bucket->limit.burst);
        query->params[2] = write_number(bucket, 1, bucket->needed);
        query->params[3] = write_number(bucket, 2, bucket->asked);
    } else {
        query->params[1] = hk_str(bucket->name);
        query->params[2] = write_number(bucket, 0, bucket->limit.per_second);
        query->params[3] = write_number(bucket, 1, bucket->limit.burst);
        query->params[4] = write_number(bucket, 2, bucket->asked);
    }
}

/*
 * Asks the database for what the call, which needs n tokens, lacks, unless it has been asked
 * already; false when it cannot be asked now.
 */
static bool start_lease(struct limit_bucket *bucket, int64_t n, int64_t now_ms)
{
    int64_t most = is_daily(bucket) ? MAX_DAILY_SLICE : bucket_most(&bucket->limit);

    if (bucket->query.slot != NULL)
        return true;
    if (now_ms < bucket->blind_until_ms)
        return false;
    bucket->needed = n - bucket->bucket.tokens;
    bucket->asked = bucket_slice(&bucket->bucket, n, most, now_ms);
    prepare_lease(bucket);
    return hk_db_submit(bucket->limits->cell->db, &bucket->query) == HK_OK;
}

/* Their tenant is not here: they may find it elsewhere. None is touched after it has been told. */
static void refuse_all(struct limit_bucket *bucket)
{
    struct call *waiting = bucket->first;

    bucket->first = NULL;
    bucket->last = &bucket->first;
    for (struct call *call = waiting, *next; call != NULL; call = next) {
        next = call->limit.next;
        call->limit.bucket = NULL;
        call_fail_code(call, HK_TENANT_MOVING, HK_STR_NULL);
    }
}

/*
 * All that waited try again; those for whom it was not enough wait for the next lease, which the
 * first of them starts, or are refused. None of them is touched after it has run: it may be gone.
 */
static void on_leased(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct limit_bucket *bucket = HK_CONTAINER_OF(query, struct limit_bucket, query);
    int64_t now_ms = hk_mono_ms();
    struct call *call;

    if (result->code == HK_TENANT_MOVING) {
        refuse_all(bucket);
        return;
    }
    if (result->code == HK_OK && result->n_rows == 1) {
        int64_t granted = number_or(result, 0, 0, 0);

        /* Of a day a lease gives what is needed, and then only a part of what is left. */
        bucket_fill(&bucket->bucket,
                    is_daily(bucket) && granted >= bucket->needed ? granted : bucket->asked,
                    granted, number_or(result, 0, 1, 0),
                    is_daily(bucket) ? DAILY_PAUSE_MS : bucket_pause_ms(&bucket->limit), now_ms);
    } else {
        bucket->blind_until_ms = now_ms + BLIND_MS;
    }
    for (size_t n = 0; bucket->query.slot == NULL && (call = bucket->first) != NULL; n++) {
        stop_waiting(call);
        call_run(call);
    }
}

/* ---- the stage ------------------------------------------------------------------------------ */

static const struct bucket_limit *limit_of(const struct call *call, unsigned which)
{
    return which == 0 ? &call->caller.own_limit : &call->caller.tenant_limit;
}

static const char *const public_names[LIMIT_COUNT] = {"caller", "tenant"};

static void add_headers(struct call *call)
{
    struct hk_buf policy HK_CLEANUP(hk_buf_done), left HK_CLEANUP(hk_buf_done);

    hk_buf_init(&policy, MAX_HEADER_BYTES);
    hk_buf_init(&left, MAX_HEADER_BYTES);
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        const struct bucket_limit *limit = limit_of(call, i);

        if (limit->per_second == 0)
            continue;
        bucket_write_policy(&policy, public_names[i], limit);
        if (call->limit.n_taken >= i)
            bucket_write_left(&left, public_names[i], limit, call->limit.left[i]);
    }
    reply_add_header(call, "ratelimit-policy", hk_buf_str(&policy));
    reply_add_header(call, "ratelimit", hk_buf_str(&left));
}

/* What the caller's own bucket gave is of no use when the tenant's is empty. */
static void put_back(struct call *call, int64_t now_ms)
{
    if (call->limit.n_taken == 1 && call->caller.own_limit.per_second > 0) {
        struct limit_bucket *own = find(call->cell->limits, call->tenant_id, call->caller.actor,
                                        &call->caller.own_limit, now_ms);

        if (own != NULL)
            bucket_put_back(&own->bucket, 1);
    }
}

static enum stage_result refuse(struct call *call, const struct limit_bucket *bucket,
                                int64_t now_ms)
{
    put_back(call, now_ms);
    call->limit.left[call->limit.n_taken] = 0;
    add_headers(call);
    call->retry_after_s = (unsigned)((bucket_wait_ms(&bucket->bucket, now_ms) + 999) / 1000);
    return call_stage_fail(call, HK_RATE_LIMITED);
}

/* Nobody can tell whether there is a token: see limit_stage() in the header. */
static enum stage_result go_blind(struct call *call)
{
    if (call->match.route->scope != SCOPE_EVENTS_PUBLISH)
        return call_stage_fail(call, HK_DB_UNAVAILABLE);
    call->limit.n_taken = LIMIT_COUNT;
    call->limit.is_blind = true;
    return STAGE_NEXT;
}

void limit_begin(struct call *call)
{
    call->limit.n_taken = 0;
    call->limit.is_blind = false;
}

/* Runs again for a call that has waited: n_taken says how far it is. */
static enum stage_result take_until(struct call *call, unsigned n)
{
    for (; call->limit.n_taken < n; call->limit.n_taken++) {
        unsigned which = call->limit.n_taken;
        const struct bucket_limit *limit = limit_of(call, which);
        struct limit_bucket *bucket;
        enum bucket_verdict verdict;
        int64_t now_ms;

        if (limit->per_second == 0)
            continue;
        now_ms = hk_mono_ms();
        bucket = find(call->cell->limits, call->tenant_id,
                      which == 0 ? call->caller.actor : public_names[which], limit, now_ms);
        if (bucket == NULL)
            return go_blind(call);
        verdict = bucket_take(&bucket->bucket, 1, now_ms);
        if (verdict == BUCKET_EMPTY)
            return refuse(call, bucket, now_ms);
        if (verdict == BUCKET_ASK) {
            if (!start_lease(bucket, 1, now_ms))
                return go_blind(call);
            wait_for(bucket, call);
            return STAGE_WAIT;
        }
        call->limit.left[which] = bucket_left(&bucket->bucket, limit, now_ms);
    }
    return STAGE_NEXT;
}

enum stage_result limit_take_own(struct call *call)
{
    return take_until(call, LIMIT_OF_CALLER + 1);
}

enum stage_result limit_stage(struct call *call)
{
    bool is_done = call->limit.n_taken == LIMIT_COUNT; /* and its header fields are there */
    enum stage_result result = take_until(call, LIMIT_COUNT);

    if (result == STAGE_NEXT && !is_done && !call->limit.is_blind &&
        call->caller.own_limit.per_second + call->caller.tenant_limit.per_second > 0)
        add_headers(call);
    return result;
}

/* ---- events a day --------------------------------------------------------------------------- */

enum stage_result limit_take_events(struct call *call, int64_t n)
{
    struct bucket_limit limit = {.burst = call->caller.events_per_day};
    int64_t now_ms = hk_mono_ms();
    struct limit_bucket *bucket;

    if (limit.burst < 0)
        return STAGE_NEXT;
    bucket = find(call->cell->limits, call->tenant_id, "events", &limit, now_ms);
    if (bucket == NULL)
        return STAGE_NEXT;
    switch (bucket_take(&bucket->bucket, n, now_ms)) {
    case BUCKET_TAKEN:
        return STAGE_NEXT;
    case BUCKET_EMPTY:
        call->retry_after_s = (unsigned)(DAY_S - hk_wall_us() / 1000000 % DAY_S);
        return call_stage_fail(call, HK_EVENTS_EXCEEDED);
    case BUCKET_ASK:
        break;
    }
    if (!start_lease(bucket, n, now_ms))
        return STAGE_NEXT;
    wait_for(bucket, call);
    return STAGE_WAIT;
}
