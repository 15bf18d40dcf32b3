/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/responses.h - what follows from a receiver's answer. Pure.
 *
 * The table of a profile is text, as the database keeps it: "2xx success,410 disable,429 throttle
 * 60s". Behind each comma stands a status, a class ("4xx") or "error" (no answer), then what
 * follows from it. An exact status goes before a class, and what is further left before what is
 * further right: so a subscription's own rules stand before its profile's. What no rule names is
 * HK_RESPONSE_RETRY.
 */
#ifndef HK_RESPONSES_H
#define HK_RESPONSES_H

#include "hk/base.h"

enum hk_response_kind {
    HK_RESPONSE_RETRY,
    HK_RESPONSE_SUCCESS,
    HK_RESPONSE_THROTTLE, /* as RETRY, and the whole subscription waits */
    HK_RESPONSE_DISABLE,
    HK_RESPONSE_UNSUBSCRIBE,
    HK_RESPONSE_DROP,
    HK_RESPONSE_COUNT
};

struct hk_response {
    enum hk_response_kind kind;
    int64_t throttle_ms; /* with THROTTLE: how long, unless the receiver says it; else 0 */
};

/* What follows from `status`; 0: there was no answer. */
struct hk_response hk_responses_find(struct hk_str responses, int status);

/* Reads "drop", "throttle", "throttle 5m", ...; false when it is none. */
bool hk_response_read(struct hk_str text, struct hk_response *ret);

/* Whether it can stand before one: "429", "4xx" or "error". */
bool hk_response_key_is_valid(struct hk_str key);

#endif
