/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/failure_guard.h - who has failed to authenticate how often, in a table of fixed size.
 * Pure: the monotonic time is an argument. One per thread.
 *
 * A source (an address, a tenant) that has failed `per_minute` times at once, or more often than so
 * many times a minute for longer, has to wait until its failures have drained. Its waiting is never
 * more than two minutes, whatever it does.
 *
 * A proof that was good once is remembered, so that it is asked about whoever floods beside it.
 */
#ifndef API_FAILURE_GUARD_H
#define API_FAILURE_GUARD_H

#include "hk/encode.h"

enum { FAILURE_GUARD_REPORT_MS = 60000 };

struct failure_guard; /* opaque */

/* What is to be logged of a source that floods. */
struct failure_report {
    unsigned n_failures; /* since the last report of it */
    unsigned n_refused;
};

/* `per_minute` 0: counts nothing and lets everybody pass. */
struct failure_guard *failure_guard_new(int64_t per_minute);
void failure_guard_free(struct failure_guard *guard);

/* Nobody has to wait now: cheaper than to find out who asks. */
bool failure_guard_is_quiet(const struct failure_guard *guard, int64_t now_ms);

/* How long the source has to wait, 0: not at all; that is counted as refused. */
int64_t failure_guard_wait_ms(struct failure_guard *guard, const uint8_t source[16],
                              int64_t now_ms);

/* Counts a failure. True, once in FAILURE_GUARD_REPORT_MS: the source floods, log it. */
HK_NODISCARD bool failure_guard_add(struct failure_guard *guard, const uint8_t source[16],
                                    int64_t now_ms, struct failure_report *ret);

/* A proof, by its SHA-256, is good, or is not (any more). */
void failure_guard_trust(struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE]);
void failure_guard_distrust(struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE]);
bool failure_guard_trusts(const struct failure_guard *guard, const uint8_t sha256[HK_SHA256_SIZE]);

#endif
