/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/load.h - a producer as it should be: a thread that publishes one event after the
 * other ("order.paid" of company c1) and repeats each, with the same external_id, until it is
 * answered 202. So when it has published n events, n different messages have to arrive.
 */
#ifndef SUPPORT_LOAD_H
#define SUPPORT_LOAD_H

#include "tests/support/harness.h"

struct load; /* opaque: load.c; freed by load_stop() */

struct load_counts {
    unsigned n_accepted;   /* answered 202: so many events are published */
    unsigned n_refused;    /* 503 with Retry-After */
    unsigned n_unanswered; /* no answer: nobody knows */
    unsigned n_wrong;      /* anything else */
};

struct load *load_start(struct harness *h, const struct tenant *t);
struct load_counts load_counts(const struct load *load);

/* Waits until so many are accepted; fails the test after `timeout_ms`. */
void load_wait(const struct load *load, unsigned n_accepted, int timeout_ms);

/* Ends after the next 202. */
struct load_counts load_stop(struct load *load);

#endif
