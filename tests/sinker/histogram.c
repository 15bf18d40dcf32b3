/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c - see histogram.h. */
#include "tests/sinker/histogram.h"

#include <assert.h>
#include <stdlib.h>

#define SUB_BITS 5 /* 32 buckets to an octave; values below 64 have one each */

static unsigned bucket_of(uint64_t value)
{
    unsigned octave =
        value < (1u << SUB_BITS) ? 0 : 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    unsigned bucket = (octave << SUB_BITS) + (unsigned)(value >> octave);

    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket: the inverse of bucket_of(). */
static int64_t value_of(unsigned bucket)
{
    unsigned octave = bucket < (2u << SUB_BITS) ? 0 : (bucket >> SUB_BITS) - 1;
    int64_t low = (int64_t)(bucket - (octave << SUB_BITS)) << octave;

    return low + (((INT64_C(1) << octave) - 1) >> 1);
}

static void make_counts(struct histogram *histogram)
{
    if (histogram->counts == NULL)
        histogram->counts = calloc(HISTOGRAM_BUCKETS, sizeof(*histogram->counts));
    assert(histogram->counts != NULL);
}

void histogram_add(struct histogram *histogram, int64_t duration_us)
{
    if (duration_us < 0)
        duration_us = 0;
    make_counts(histogram);
    histogram->counts[bucket_of((uint64_t)duration_us)]++;
    histogram->n++;
    if (duration_us > histogram->max_us)
        histogram->max_us = duration_us;
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    if (from->n == 0)
        return;
    make_counts(histogram);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->counts[i] += from->counts[i];
    histogram->n += from->n;
    if (from->max_us > histogram->max_us)
        histogram->max_us = from->max_us;
}

int64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    uint64_t seen = 0;

    for (unsigned i = 0; histogram->n > 0 && i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if ((double)seen * 100.0 >= percent * (double)histogram->n)
            return value_of(i) < histogram->max_us ? value_of(i) : histogram->max_us;
    }
    return histogram->max_us;
}

void histogram_done(struct histogram *histogram)
{
    free(histogram->counts);
    *histogram = (struct histogram){0};
}
