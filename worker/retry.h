/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/retry.h - what to do after an attempt. Pure: no clock, no randomness, no I/O of its own.
 */
#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H

#include "hk/outcome.h"
#include "hk/responses.h"

#define RETRY_REASON_SIZE 24 /* "unsubscribed_by_401" and its NUL fit */

/* From the subscription's profile and the settings. */
struct retry_policy {
    struct hk_str responses;    /* see hk/responses.h */
    struct hk_str schedule;     /* see hk/schedule.h */
    unsigned jitter_percent;    /* 0..100: up to this much is added to a delay */
    int64_t retry_after_cap_ms; /* a receiver's Retry-After counts up to this */
    int64_t rest_cap_ms;        /* the same of the subscription's rest */
    int64_t divisor;            /* every delay is divided by this; at least 1 */
};

enum verdict_kind {
    VERDICT_SUCCEEDED,
    VERDICT_RETRY,
    VERDICT_FAILED,
    VERDICT_RELEASE,
    VERDICT_WAIT /* of a run: nothing was carried out; it waits for a signal */
};

struct verdict {
    enum verdict_kind kind;
    int64_t delay_ms;               /* with VERDICT_RETRY and VERDICT_RELEASE, else 0 */
    char reason[RETRY_REASON_SIZE]; /* with VERDICT_FAILED, else "" */
    const char *stop;    /* static: the subscription's new state; NULL: it stays as it is */
    int64_t throttle_ms; /* for so long the receiver wants nothing of this subscription; or 0 */
};

/*
 * Judges attempt `nth` of the schedule (1 is the first since the schedule started).
 * `random` is any 32 bits; equal arguments give an equal verdict.
 */
struct verdict retry_judge(const struct retry_policy *policy, const struct hk_outcome *outcome,
                           unsigned nth, uint32_t random);

/* Whether the outcome is a success under the policy. */
bool retry_is_success(const struct retry_policy *policy, const struct hk_outcome *outcome);

/* "succeeded", "retry", "failed", "release", "wait": as record.sql and flow.sql have them. */
const char *retry_verdict_name(enum verdict_kind kind);

/* As the attempt log has them: "succeeded", "http_status", "timeout", ... */
const char *retry_outcome_name(const struct retry_policy *policy, const struct hk_outcome *outcome);

#endif
