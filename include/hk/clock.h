/* SPDX-License-Identifier: Apache-2.0 */
/* hk/clock.h - the two clocks. Any thread. */
#ifndef HK_CLOCK_H
#define HK_CLOCK_H

#include "hk/base.h"

/* Microseconds since the Unix epoch; jumps when somebody sets the clock. */
int64_t hk_wall_us(void);

/* Milliseconds since some start; never jumps. For deadlines and durations. */
int64_t hk_mono_ms(void);

/* Whether the Gregorian calendar has the date; years are 1 to 9999. */
bool hk_date_is_valid(int year, int month, int day);

/* RFC 3339 UTC with milliseconds, "2026-11-22T06:28:00.123Z": 24 characters and a NUL. */
void hk_format_rfc3339(int64_t wall_us, char ret[25]);

/*
 * RFC 3339 with a date that exists, as PostgreSQL's timestamptz takes it: a blank may stand for the
 * "T". To the microsecond; what is older than the epoch is negative.
 */
HK_NODISCARD bool hk_parse_rfc3339(struct hk_str text, int64_t *ret_wall_us);

#endif
