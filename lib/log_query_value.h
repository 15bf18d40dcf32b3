/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_query_value.h - single values of a query: whether they are what their field wants, and the
 * numbers and times in them. Private to log_query.c. Pure.
 */
#ifndef LIB_LOG_QUERY_VALUE_H
#define LIB_LOG_QUERY_VALUE_H

#include "hk/base.h"

enum {
    LOG_VALUE_MAX_COUNT = 1000000,
    LOG_VALUE_MAX_DURATION_MS = 3600000,
};

/* Both included; -1: none. */
struct log_bounds {
    int64_t least, most;
};

/* 404, 5xx, none; in lower case. */
bool log_value_is_code(struct hk_str text);

/* 32 hexadecimal digits in lower case. */
bool log_value_is_trace(struct hk_str text);

/* A name, or a pattern: "*" stands at its end only, alone or behind a dot. */
bool log_value_is_event_type(struct hk_str text);

/* Whether `choices`, "a|b|c", have the text. */
bool log_value_is_one_of(const char *choices, struct hk_str text);

/* 3, >3, >=3, <3, <=3, 2..5; durations in milliseconds, or with a unit: ms, s, m. */
HK_NODISCARD bool log_value_bounds(struct hk_str text, bool is_duration, struct log_bounds *ret);

/* An RFC 3339 time, a date (UTC), or so long before `now_us`: 90s, 15m, 24h, 7d, 2w. */
HK_NODISCARD bool log_value_time(struct hk_str text, int64_t now_us, int64_t *ret_us);

#endif
