/* SPDX-License-Identifier: Apache-2.0 */
/* tests/concurrency/lane_story.h - a subscription with a lane, and two workers' sessions. */
#ifndef CONCURRENCY_LANE_STORY_H
#define CONCURRENCY_LANE_STORY_H

#include "tests/concurrency/sessions.h"

#define LONG_MS 60000

struct two {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
    PGconn *a, *b;
};

/* So many messages of a subscription with these settings, which wait in no lane yet. */
struct two given_messages(void **state, const char *settings, unsigned n);

/* The same, and all of them in its lane, whose receiver has answered. */
struct two given_lane(void **state, const char *settings, unsigned n);

void end(struct two *two);

/* How many messages have a lease that has not ended. */
int64_t n_in_flight(struct two *two);

/* Claims of lanes until there is a message, as a worker does that polls. */
struct claimed wait_for_claim(PGconn *session);

void assert_claims_none(PGconn *session); /* of lanes */

#endif
