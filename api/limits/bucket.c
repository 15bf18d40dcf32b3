/* SPDX-License-Identifier: Apache-2.0 */
#include "api/limits/bucket.h"

#include <assert.h>
#include <inttypes.h>

enum {
    LEASES_PER_SECOND = 4, /* of a busy bucket: see bucket_most() */
    CLOSE_MS = 500,        /* leases nearer than this grow */
    MIN_PAUSE_MS = 100,    /* a flood on an empty bucket asks ten times a second */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

enum bucket_verdict bucket_take(struct bucket *bucket, int64_t n, int64_t now_ms)
{
    if (bucket->tokens >= n) {
        bucket->tokens -= n;
        return BUCKET_TAKEN;
    }
    return now_ms < bucket->empty_until_ms ? BUCKET_EMPTY : BUCKET_ASK;
}

void bucket_put_back(struct bucket *bucket, int64_t n)
{
    bucket->tokens += n;
}

int64_t bucket_most(const struct bucket_limit *limit)
{
    return larger(1, smaller(limit->burst, limit->per_second / LEASES_PER_SECOND));
}

int64_t bucket_slice(const struct bucket *bucket, int64_t n, int64_t most, int64_t now_ms)
{
    int64_t needed = n - bucket->tokens;
    int64_t slice = now_ms - bucket->leased_at_ms < CLOSE_MS ? 2 * bucket->n_slice : needed;

    return larger(needed, smaller(slice, most));
}

void bucket_fill(struct bucket *bucket, int64_t asked, int64_t granted, int64_t shared,
                 int64_t wait_ms, int64_t now_ms)
{
    assert(granted >= 0 && granted <= asked);
    bucket->tokens += granted;
    bucket->shared = shared;
    bucket->n_slice = granted;
    bucket->leased_at_ms = now_ms;
    bucket->empty_until_ms = granted < asked ? now_ms + wait_ms : 0;
}

int64_t bucket_pause_ms(const struct bucket_limit *limit)
{
    return larger(MIN_PAUSE_MS, divide_up(1000, limit->per_second));
}

int64_t bucket_wait_ms(const struct bucket *bucket, int64_t now_ms)
{
    return larger(0, bucket->empty_until_ms - now_ms);
}

int64_t bucket_left(const struct bucket *bucket, const struct bucket_limit *limit, int64_t now_ms)
{
    int64_t age_ms = smaller(larger(0, now_ms - bucket->leased_at_ms), 3600000);

    return smaller(limit->burst,
                   bucket->tokens + bucket->shared + age_ms * limit->per_second / 1000);
}

static void write_comma(struct hk_buf *buf)
{
    if (buf->n > 0)
        hk_buf_add_text(buf, ", ");
}

void bucket_write_policy(struct hk_buf *buf, const char *name, const struct bucket_limit *limit)
{
    write_comma(buf);
    hk_buf_printf(buf, "\"%s\";q=%" PRId64 ";w=%" PRId64, name, limit->burst,
                  divide_up(limit->burst, limit->per_second));
}

void bucket_write_left(struct hk_buf *buf, const char *name, const struct bucket_limit *limit,
                       int64_t left)
{
    write_comma(buf);
    hk_buf_printf(buf, "\"%s\";r=%" PRId64 ";t=%" PRId64, name, left,
                  divide_up(limit->burst - left, limit->per_second));
}
