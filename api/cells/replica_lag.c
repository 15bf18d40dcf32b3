/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cells/replica_lag.h"

void replica_lag_note_primary(struct replica_lag *lag, uint64_t position, int64_t asked_ms)
{
    bool is_idle = lag->n > 0 && lag->marks[lag->newest].position == position;

    if (!is_idle) {
        lag->newest = lag->n == 0 ? 0 : (lag->newest + 1) % REPLICA_MARKS;
        lag->n += lag->n < REPLICA_MARKS;
    }
    lag->marks[lag->newest].position = position;
    lag->marks[lag->newest].asked_ms = asked_ms;
}

void replica_lag_note_standby(struct replica_lag *lag, uint64_t position)
{
    for (unsigned i = 0; i < lag->n; i++) {
        if (lag->marks[i].position > position ||
            (lag->is_known && lag->marks[i].asked_ms <= lag->as_of_ms))
            continue;
        lag->is_known = true;
        lag->as_of_ms = lag->marks[i].asked_ms;
    }
}

int64_t replica_lag_ms(const struct replica_lag *lag, int64_t now_ms)
{
    return lag->is_known ? now_ms - lag->as_of_ms : INT64_MAX;
}
