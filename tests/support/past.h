/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/past.h - events of the past, which nobody can publish: rows as publishing and
 * delivering would have left them.
 */
#ifndef SUPPORT_PAST_H
#define SUPPORT_PAST_H

#include "tests/support/harness.h"

/* Makes the partitions of the week of so many days ago, if they are not there. */
void past_week(struct harness *h, unsigned days);

/*
 * An event of so many days ago, of the first company and event type of the tenant, payload
 * {"past": days}, with an event key, one message for the subscription, an attempt of it and a skip;
 * `status` is the message's: "held" waits in the queue. Its id.
 */
const char *past_event(struct harness *h, const struct tenant *t, const char *subscription_id,
                       unsigned days, const char *status);

/* So many of them at once, all that have succeeded. */
void past_events(struct harness *h, const struct tenant *t, const char *subscription_id,
                 unsigned days, unsigned n);

#endif
