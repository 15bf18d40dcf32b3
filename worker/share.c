/* SPDX-License-Identifier: Apache-2.0 */
/* share.c - a hash table of those who have had a slot lately, and their windows. */
#include "worker/share.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hk/encode.h"

#define N_BUCKETS     4096
#define MAX_ENTRIES   16384
#define FORGET_MS     60000 /* since the last request */
#define SLOW_MS       1000  /* an answer that takes longer does not open a window */
#define SILENT_MS     500   /* nothing has come back for so long: no more than a newcomer gets */
#define BELIEVE_MS    30000 /* that a subscription is in trouble */
#define MAX_COST      1000000
#define FIRST_AT_ONCE 4u /* of a new subscription, when there are so many slots */

struct share_entry {
    struct share_entry *next;     /* of the bucket */
    uint64_t key[3];              /* the kind, and the id or the hash of the name */
    unsigned n_held, n_newcomers; /* of them */
    unsigned window;
    unsigned cost; /* of the failures since the last answer */
    bool is_proven;
    bool is_quick;     /* the last answer was a good one, and opened the window */
    int64_t active_ms; /* the last answer, or the first request after a pause */
};

/* In slots. */
struct limits {
    unsigned first, least;
};

struct share {
    unsigned n_slots, most, n_held, n_newcomers, n_entries;
    struct limits limits[SHARE_KIND_COUNT];
    uint64_t seed[2];
    unsigned i_sweep; /* the bucket that is looked through next */
    struct share_entry *buckets[N_BUCKETS];
};

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void share_set_slots(struct share *share, unsigned n_slots)
{
    if (share->n_slots == n_slots)
        return;
    share->n_slots = n_slots;
    share->most = larger(1, n_slots - n_slots / 4);
    share->limits[SHARE_SUBSCRIPTION] =
        (struct limits){smaller(share->most, larger(FIRST_AT_ONCE, n_slots / 32)), 1};
    share->limits[SHARE_TENANT] = (struct limits){larger(1, n_slots / 2), larger(1, n_slots / 8)};
    share->limits[SHARE_HOST] = (struct limits){larger(1, n_slots / 4), larger(1, n_slots / 16)};
}

struct share *share_new(unsigned n_slots)
{
    struct share *share = calloc(1, sizeof(*share));

    if (share == NULL)
        abort();
    share_set_slots(share, n_slots);
    hk_random(share->seed, sizeof(share->seed));
    return share;
}

void share_free(struct share *share)
{
    if (share == NULL)
        return;
    for (unsigned i = 0; i < N_BUCKETS; i++) {
        struct share_entry *next;

        for (struct share_entry *entry = share->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    free(share);
}

unsigned share_n_held(const struct share *share)
{
    return share->n_held;
}

bool share_is_full(const struct share *share)
{
    return share->n_held >= share->n_slots;
}

static uint64_t hash(struct hk_str s, uint64_t seed)
{
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    return h ^ (h >> 29);
}

/* Takes away those of a bucket that nobody has heard of lately. */
static void forget_old(struct share *share, int64_t now_ms)
{
    struct share_entry **link = &share->buckets[share->i_sweep++ % N_BUCKETS];

    while (*link != NULL) {
        struct share_entry *entry = *link;

        if (entry->n_held > 0 || now_ms - entry->active_ms < FORGET_MS) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        share->n_entries--;
        free(entry);
    }
}

/* NULL: there are too many to know this one, too. */
static struct share_entry *find(struct share *share, enum share_kind kind, struct hk_str name,
                                int64_t now_ms)
{
    uint64_t key[3] = {kind, hash(name, share->seed[0]), hash(name, share->seed[1])};
    struct share_entry **bucket = &share->buckets[(key[1] + key[0]) % N_BUCKETS];
    struct share_entry *entry;

    for (entry = *bucket; entry != NULL; entry = entry->next) {
        if (memcmp(entry->key, key, sizeof(key)) == 0)
            return entry;
    }
    forget_old(share, now_ms);
    if (share->n_entries >= MAX_ENTRIES)
        return NULL;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        abort();
    memcpy(entry->key, key, sizeof(key));
    entry->window = share->limits[kind].first;
    entry->active_ms = now_ms;
    entry->next = *bucket;
    *bucket = entry;
    share->n_entries++;
    return entry;
}

/*
 * Those of tenants and hosts bind newcomers among themselves: whoever answers well does not pay for
 * his neighbours, and what lanes send has limits of its own.
 */
static bool has_room(const struct share *share, const struct share_entry *entry, bool is_newcomer,
                     int64_t now_ms)
{
    bool is_subscription = entry->key[0] == SHARE_SUBSCRIPTION;
    unsigned window =
        is_newcomer || is_subscription ? smaller(entry->window, share->most) : share->most;
    unsigned n_held = is_newcomer ? entry->n_newcomers : entry->n_held;

    if (is_subscription && entry->cost >= SHARE_BROKEN_COST &&
        now_ms - entry->active_ms < BELIEVE_MS)
        return false;
    if (n_held > 0 && now_ms - entry->active_ms > SILENT_MS)
        window = smaller(window, share->limits[entry->key[0]].first);
    return n_held < window;
}

static struct hk_str id_name(const struct hk_id *id)
{
    return (struct hk_str){(const char *)id->bytes, sizeof(id->bytes)};
}

bool share_take(struct share *share, const struct share_claimant *claimant, int64_t now_ms,
                struct share_hold *ret_hold)
{
    struct share_entry *of[SHARE_KIND_COUNT] = {
        find(share, SHARE_SUBSCRIPTION, id_name(&claimant->subscription_id), now_ms),
        find(share, SHARE_TENANT, id_name(&claimant->tenant_id), now_ms),
        find(share, SHARE_HOST, claimant->host, now_ms),
    };
    bool is_proven = of[SHARE_SUBSCRIPTION] != NULL && of[SHARE_SUBSCRIPTION]->is_proven;
    bool is_newcomer = !is_proven && !claimant->is_laned;

    *ret_hold = (struct share_hold){0};
    if (share_is_full(share))
        return false;
    if (is_newcomer && share->n_newcomers >= (share->n_slots + 1) / 2)
        return false;
    for (enum share_kind kind = 0; kind < SHARE_KIND_COUNT; kind++) {
        if (kind == SHARE_SUBSCRIPTION && claimant->is_laned)
            continue;
        if (of[kind] != NULL && !has_room(share, of[kind], is_newcomer, now_ms))
            return false;
    }
    for (enum share_kind kind = 0; kind < SHARE_KIND_COUNT; kind++) {
        if (of[kind] == NULL)
            continue;
        if (of[kind]->n_held++ == 0)
            of[kind]->active_ms = now_ms;
        of[kind]->n_newcomers += is_newcomer;
        ret_hold->of[kind] = of[kind];
    }
    share->n_held++;
    share->n_newcomers += is_newcomer;
    ret_hold->is_newcomer = is_newcomer;
    ret_hold->is_held = true;
    return true;
}

static void learn(struct share *share, struct share_entry *entry, unsigned cost,
                  int64_t duration_ms)
{
    enum share_kind kind = (enum share_kind)entry->key[0];
    unsigned least = share->limits[kind].least;

    entry->is_proven = cost == 0;
    entry->is_quick = cost == 0 && duration_ms < SLOW_MS;
    entry->cost = cost == 0 ? 0 : smaller(entry->cost + cost, MAX_COST);
    if (entry->is_quick)
        entry->window = smaller(entry->window + 1, share->most);
    else if (cost > 0 && kind == SHARE_SUBSCRIPTION)
        entry->window = larger(entry->window / 2, least);
    else if (cost > 0)
        entry->window = entry->window > least + cost ? entry->window - cost : least;
}

unsigned share_give_back(struct share *share, struct share_hold *hold, int cost,
                         int64_t duration_ms, int64_t now_ms)
{
    unsigned total = cost > 0 ? (unsigned)cost : 0;

    for (enum share_kind kind = 0; kind < SHARE_KIND_COUNT; kind++) {
        struct share_entry *entry = hold->of[kind];

        if (entry == NULL)
            continue;
        assert(entry->n_held > 0);
        entry->n_held--;
        entry->n_newcomers -= hold->is_newcomer;
        if (cost < 0)
            continue;
        entry->active_ms = now_ms;
        learn(share, entry, (unsigned)cost, duration_ms);
        if (kind == SHARE_SUBSCRIPTION)
            total = entry->cost;
    }
    share->n_held -= hold->is_held;
    share->n_newcomers -= hold->is_newcomer;
    *hold = (struct share_hold){0};
    return total;
}

bool share_is_proven(struct share *share, const struct hk_id *subscription_id, int64_t now_ms)
{
    struct share_entry *entry = find(share, SHARE_SUBSCRIPTION, id_name(subscription_id), now_ms);

    return entry != NULL && entry->is_proven;
}

bool share_is_opening(struct share *share, const struct hk_id *subscription_id, int64_t now_ms)
{
    struct share_entry *entry = find(share, SHARE_SUBSCRIPTION, id_name(subscription_id), now_ms);

    return entry != NULL && entry->is_quick && entry->window < share->most;
}

struct hk_str share_host(struct hk_str url)
{
    size_t begin = 0, end;

    for (size_t i = 0; i + 2 < url.n; i++) {
        if (memcmp(url.p + i, "://", 3) == 0) {
            begin = i + 3;
            break;
        }
    }
    for (end = begin; end < url.n && strchr("/?#", url.p[end]) == NULL; end++)
        ;
    return (struct hk_str){url.p + begin, end - begin};
}
