/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/limits/bucket.h - one thread's share of a token bucket that all threads of all processes have
 * in common. Pure: the time is an argument. The bucket itself is a row of the database
 * (rate_lease()); a thread leases a slice of it, spends that without asking, and asks nobody while
 * it knows that the bucket is empty.
 */
#ifndef API_BUCKET_H
#define API_BUCKET_H

#include "hk/buf.h"

/* What a bucket gives: `burst` tokens at once, `per_second` of them on and on. */
struct bucket_limit {
    int64_t per_second; /* 0: no limit */
    int64_t burst;      /* 1 at least, when there is a limit */
};

/* Zero-initialised: nothing is known. */
struct bucket {
    int64_t tokens;  /* leased and not spent */
    int64_t shared;  /* what the lease left for others */
    int64_t n_slice; /* the size of the last lease */
    int64_t leased_at_ms;
    int64_t empty_until_ms; /* nothing is to be had before */
};

enum bucket_verdict {
    BUCKET_TAKEN,
    BUCKET_EMPTY, /* bucket_wait_ms() from now there may be some */
    BUCKET_ASK,   /* only a lease can tell: bucket_slice(), bucket_fill(), and take again */
};

/* Takes n tokens, or none. */
enum bucket_verdict bucket_take(struct bucket *bucket, int64_t n, int64_t now_ms);

/* Gives back what was taken for something that did not happen. */
void bucket_put_back(struct bucket *bucket, int64_t n);

/*
 * How many tokens to lease when n are needed: twice as many as the last time while leases follow
 * each other closely, at most `most`; what is leased and not needed is kept from others.
 */
int64_t bucket_slice(const struct bucket *bucket, int64_t n, int64_t most, int64_t now_ms);

/* The slice of a rate that is worth a lease: a quarter of a second's. */
int64_t bucket_most(const struct bucket_limit *limit);

/*
 * A lease has come: `granted` tokens of the `asked`, `shared` are left. When fewer came than were
 * asked for, the bucket counts as empty for `wait_ms`, once these are spent.
 */
void bucket_fill(struct bucket *bucket, int64_t asked, int64_t granted, int64_t shared,
                 int64_t wait_ms, int64_t now_ms);

/* How long an empty bucket of that limit is left alone. */
int64_t bucket_pause_ms(const struct bucket_limit *limit);

int64_t bucket_wait_ms(const struct bucket *bucket, int64_t now_ms);

/* What is left of the bucket of that limit, as far as this thread knows: 0 to burst. */
int64_t bucket_left(const struct bucket *bucket, const struct bucket_limit *limit, int64_t now_ms);

/*
 * The fields of draft-ietf-httpapi-ratelimit-headers-11, one member each, after a comma when there
 * is something before: `"key";q=100;w=1` of RateLimit-Policy, `"key";r=99;t=1` of RateLimit, where
 * t says in how many seconds the bucket is full again. `name` is a constant.
 */
void bucket_write_policy(struct hk_buf *buf, const char *name, const struct bucket_limit *limit);
void bucket_write_left(struct hk_buf *buf, const char *name, const struct bucket_limit *limit,
                       int64_t left);

#endif
