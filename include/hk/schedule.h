/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/schedule.h - when a message is tried again. Pure.
 *
 * A schedule is text: the delays before the 2nd, 3rd, ... attempt, separated by blanks. A delay is
 * a number and s, m, h or d; "1h*168" is 168 of them. At most HK_SCHEDULE_MAX_DELAYS delays, each
 * 1 s to 366 days. Empty: one attempt and no more.
 */
#ifndef HK_SCHEDULE_H
#define HK_SCHEDULE_H

#include "hk/base.h"

#define HK_SCHEDULE_MAX_DELAYS 1000

/*
 * The number of delays in `schedule`, or -1 when it is not a schedule. `ret_ms` (may be NULL) is
 * the delay after attempt `nth`, when there is one.
 */
int hk_schedule_read(struct hk_str schedule, unsigned nth, int64_t *ret_ms);

#endif
