/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - pure. */
#include "worker/slots.h"

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned rest(unsigned most, unsigned n)
{
    return n < most ? most - n : 0;
}

unsigned slots_of(unsigned n_slots, unsigned n_cells, const struct slots_use uses[], unsigned i)
{
    unsigned own = 0, n_kept = 0, n_wanted = 0; /* by others */

    for (unsigned j = 0; j < n_cells; j++) {
        unsigned share = n_slots / n_cells + (j < n_slots % n_cells ? 1 : 0);

        if (j == i) {
            own = share;
            continue;
        }
        n_kept += larger(uses[j].n_held, (share + 1) / 2);
        n_wanted += larger(uses[j].n_held, uses[j].wants_more ? share : (share + 1) / 2);
    }
    /* Up to its share it takes what is free, beyond that what nobody else wants. */
    return larger(smaller(own, rest(n_slots, n_kept)), rest(n_slots, n_wanted));
}
