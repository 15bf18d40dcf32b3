/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_guard.c - a leaky bucket for each source. Failures are counted in units of which
 * `per_minute` drain in a millisecond, so that everything is whole numbers.
 *
 * The table has sets of a few places; a new source takes that of the one with the least failures in
 * its set. Which set, a key of the process decides: nobody can choose addresses that push another
 * one out.
 */
#include "api/auth/failure_guard.h"

#include <stdlib.h>

enum {
    N_SETS = 512, /* with the ways: 4 x 512 sources, some 130 KiB */
    N_WAYS = 4,
    N_PROOFS = 2048, /* some 66 KiB */
    ONE = 60000,     /* the units of a failure */
};

/* All zero: has never failed. */
struct source {
    uint8_t name[16];
    int64_t units; /* when it last failed */
    int64_t failed_at_ms;
    int64_t reported_at_ms; /* 0: not since it was quiet */
    struct failure_report since;
};

struct proof {
    bool is_good;
    uint8_t sha256[HK_SHA256_SIZE];
};

struct failure_guard {
    int64_t per_minute;
    int64_t quiet_at_ms; /* all have drained then */
    uint8_t key[HK_SHA256_SIZE];
    struct source sources[N_SETS][N_WAYS];
    struct proof proofs[N_PROOFS];
};

struct failure_guard *failure_guard_new(int64_t per_minute)
{
    struct failure_guard *guard = calloc(1, sizeof(*guard));

    if (guard == NULL)
        abort();
    guard->per_minute = per_minute;
    hk_random(guard->key, sizeof(guard->key));
    return guard;
}

void failure_guard_free(struct failure_guard *guard)
{
    free(guard);
}

/* ---- sources -------------------------------------------------------------------------------- */

static struct source *set_of(struct failure_guard *guard, const uint8_t name[16])
{
    uint8_t hash[HK_SHA256_SIZE];

    hk_hmac_sha256(guard->key, sizeof(guard->key), name, 16, hash);
    return guard->sources[(hash[0] << 8 | hash[1]) % N_SETS];
}

static int64_t units_of(const struct failure_guard *guard, const struct source *source,
                        int64_t now_ms)
{
    int64_t units = source->units - (now_ms - source->failed_at_ms) * guard->per_minute;

    return units > 0 ? units : 0;
}

/* The source's place, or NULL; `ret_other` is the place that a new source gets. */
static struct source *find(struct failure_guard *guard, const uint8_t name[16], int64_t now_ms,
                           struct source **ret_other)
{
    struct source *set = set_of(guard, name);

    *ret_other = set;
    for (unsigned i = 0; i < N_WAYS; i++) {
        if (memcmp(set[i].name, name, sizeof(set[i].name)) == 0)
            return &set[i];
        if (units_of(guard, &set[i], now_ms) < units_of(guard, *ret_other, now_ms))
            *ret_other = &set[i];
    }
    return NULL;
}

static int64_t wait_ms(const struct failure_guard *guard, const struct source *source,
                       int64_t now_ms)
{
    int64_t excess = units_of(guard, source, now_ms) - (guard->per_minute - 1) * ONE;

    return excess <= 0 ? 0 : (excess + guard->per_minute - 1) / guard->per_minute;
}

bool failure_guard_is_quiet(const struct failure_guard *guard, int64_t now_ms)
{
    return now_ms >= guard->quiet_at_ms;
}

int64_t failure_guard_wait_ms(struct failure_guard *guard, const uint8_t source[16], int64_t now_ms)
{
    struct source *other, *found;
    int64_t ms;

    if (failure_guard_is_quiet(guard, now_ms))
        return 0;
    found = find(guard, source, now_ms, &other);
    ms = found == NULL ? 0 : wait_ms(guard, found, now_ms);
    if (ms > 0)
        found->since.n_refused++;
    return ms;
}

/* A second minute at most is owed: requests that were asked about at the same time. */
static void count(struct failure_guard *guard, struct source *source, int64_t now_ms)
{
    int64_t units = units_of(guard, source, now_ms), most = 2 * guard->per_minute * ONE;
    int64_t quiet_at_ms;

    if (units == 0) {
        source->since = (struct failure_report){0};
        source->reported_at_ms = 0;
    }
    source->units = units + ONE < most ? units + ONE : most;
    source->failed_at_ms = now_ms;
    source->since.n_failures++;
    quiet_at_ms = now_ms + source->units / guard->per_minute + 1;
    if (quiet_at_ms > guard->quiet_at_ms)
        guard->quiet_at_ms = quiet_at_ms;
}

bool failure_guard_add(struct failure_guard *guard, const uint8_t source[16], int64_t now_ms,
                       struct failure_report *ret)
{
    struct source *other, *found;

    if (guard->per_minute == 0)
        return false;
    found = find(guard, source, now_ms, &other);
    if (found == NULL) {
        found = other;
        *found = (struct source){0};
        memcpy(found->name, source, sizeof(found->name));
    }
    count(guard, found, now_ms);
    if (wait_ms(guard, found, now_ms) == 0 ||
        (found->reported_at_ms != 0 && now_ms - found->reported_at_ms < FAILURE_GUARD_REPORT_MS))
        return false;
    *ret = found->since;
    found->since = (struct failure_report){0};
    found->reported_at_ms = now_ms;
    return true;
}

/* ---- proofs --------------------------------------------------------------------------------- */

static size_t place_of(const uint8_t sha256[HK_SHA256_SIZE])
{
    return (size_t)(sha256[0] << 8 | sha256[1]) % N_PROOFS;
}

void failure_guard_trust(struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE])
{
    struct proof *proof = &guard->proofs[place_of(sha256)];

    proof->is_good = true;
    memcpy(proof->sha256, sha256, HK_SHA256_SIZE);
}

bool failure_guard_trusts(const struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE])
{
    const struct proof *proof = &guard->proofs[place_of(sha256)];

    return proof->is_good && memcmp(proof->sha256, sha256, HK_SHA256_SIZE) == 0;
}

void failure_guard_distrust(struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE])
{
    if (failure_guard_trusts(guard, sha256))
        guard->proofs[place_of(sha256)].is_good = false;
}
