/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/slots.h - how many of a process's slots each of its cells may have. Pure.
 *
 * All cells have equal shares. What a cell does not use, others may, but for half of its share,
 * which waits for it: so it can begin at once, however full the others are. A cell that wants more
 * gets its whole share as slots become free: others take nothing new beyond theirs until it has.
 */
#ifndef WORKER_SLOTS_H
#define WORKER_SLOTS_H

#include "hk/base.h"

/* What a cell is busy with. */
struct slots_use {
    unsigned n_held; /* slots that have a message, or are asked for right now */
    bool wants_more; /* the last claim found as much as there was room for */
};

/*
 * How many slots cell `i` may hold, all in all; fewer than it holds: none besides. To be asked for
 * one cell after the other, with what those before it hold by now. `n_slots` is at least `n_cells`,
 * so that each has one.
 */
unsigned slots_of(unsigned n_slots, unsigned n_cells, const struct slots_use uses[], unsigned i);

#endif
