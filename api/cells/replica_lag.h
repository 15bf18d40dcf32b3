/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/replica_lag.h - how old what a standby shows is at most. Pure: times are arguments.
 *
 * The primary is asked where its log is, and the standby where it has come to. What was committed
 * before the primary was asked is there once the standby has come to its answer. So a primary that
 * writes nothing does not make it look old, and one that is heard of no longer does not make it
 * look fresh, as the standby's own clock and positions would.
 */
#ifndef API_REPLICA_LAG_H
#define API_REPLICA_LAG_H

#include "hk/base.h"

enum { REPLICA_MARKS = 16 };

struct replica_lag { /* begins zeroed */
    struct {
        uint64_t position;
        int64_t asked_ms;
    } marks[REPLICA_MARKS];
    unsigned n, newest; /* of the marks; the oldest is given up */
    bool is_known;
    int64_t as_of_ms; /* what was committed before is there */
};

/* The primary, asked at `asked_ms`, is at `position`. */
void replica_lag_note_primary(struct replica_lag *lag, uint64_t position, int64_t asked_ms);

/* The standby has come to `position`; 0: it is none. */
void replica_lag_note_standby(struct replica_lag *lag, uint64_t position);

/* INT64_MAX when nothing is known of it. */
int64_t replica_lag_ms(const struct replica_lag *lag, int64_t now_ms);

#endif
