/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - pure. */
#include "worker/slots.h"

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* What nobody else may have of cell i's. */
static unsigned kept_for(unsigned n_slots, unsigned n_cells, const struct slots_use *use,
                         unsigned i)
{
    unsigned share = n_slots / n_cells + (i < n_slots % n_cells ? 1 : 0);

    return larger(use->n_held, use->wants_more ? share : (share + 1) / 2);
}

unsigned slots_of(unsigned n_slots, unsigned n_cells, const struct slots_use uses[], unsigned i)
{
    unsigned n_of_others = 0;

    for (unsigned j = 0; j < n_cells; j++) {
        if (j != i)
            n_of_others += kept_for(n_slots, n_cells, &uses[j], j);
    }
    return n_slots > n_of_others ? n_slots - n_of_others : 0;
}
