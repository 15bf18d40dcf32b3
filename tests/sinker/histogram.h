/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/sinker/histogram.h - percentiles of durations in fixed memory. Buckets grow with the value
 * (32 to an octave), so that a percentile is off by 3 % at most. Pure.
 */
#ifndef SINKER_HISTOGRAM_H
#define SINKER_HISTOGRAM_H

#include "hk/base.h"

#define HISTOGRAM_BUCKETS 1024 /* up to 2^36 us: nineteen hours */

/* Zero-initialised is empty. */
struct histogram {
    uint32_t *counts; /* made by the first value: most paths never get one */
    uint64_t n;
    int64_t max_us;
};

/* A negative duration (two clocks) counts as 0. */
void histogram_add(struct histogram *histogram, int64_t duration_us);

/* Adds all of `from`. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* The value that `percent` of the values do not exceed; 0 when there is none. */
int64_t histogram_percentile(const struct histogram *histogram, double percent);

void histogram_done(struct histogram *histogram);

#endif
