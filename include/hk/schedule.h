/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/schedule.h - when a message is tried again. Pure.
 *
 * A schedule is text: the delays before the 2nd, 3rd, ... attempt. Its elements stand behind one
 * another, separated by blanks; empty, there is one attempt and no more.
 *
 *     5m                    one delay: a number and s, m, h or d
 *     1h*168                168 of them
 *     1h for 7d             as many of them as fit into 7 days
 *     5s x2 to 1h for 3d    the first of 5 s, each of the others twice the one before (1.1 to 10
 *                           times, rounded up to seconds), at most 1 h ("to 1h" may be missing), as
 *                           many as fit into 3 days
 *
 * A delay is 1 s to 366 days; there are HK_SCHEDULE_MAX_DELAYS of them at most. Jitter is no part
 * of it.
 */
#ifndef HK_SCHEDULE_H
#define HK_SCHEDULE_H

#include "hk/base.h"

#define HK_SCHEDULE_MAX_DELAYS 1000

struct hk_schedule {
    unsigned n_delays;
    int64_t total_ms; /* all of them */
    int64_t delay_ms; /* the nth; 0: there are not as many */
};

/* False, and nothing of use in `ret`, when the text is none. `nth` is from 1; 0: none of them. */
HK_NODISCARD bool hk_schedule_read(struct hk_str schedule, unsigned nth, struct hk_schedule *ret);

/* Reads one delay, "5m", which must be all of `text`. */
HK_NODISCARD bool hk_delay_read(struct hk_str text, int64_t *ret_ms);

#endif
