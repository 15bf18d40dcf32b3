/* SPDX-License-Identifier: Apache-2.0 */
/* claim_size.c - how much to claim. Pure. */
#include "worker/claim.h"

#define MAX_UNRECORDED 1024

static unsigned rest(unsigned most, unsigned n)
{
    return n < most ? most - n : 0;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned claim_size(unsigned n_slots, const struct claim_load *load)
{
    unsigned n_free = rest(n_slots, load->n_in_flight);
    unsigned n_here = rest(n_slots, load->n_of_lanes); /* a slow lane gives its slots back late */

    if (n_free == 0 || n_free * 4 < n_here || load->n_unrecorded >= MAX_UNRECORDED)
        return 0;
    return smaller(n_free, CLAIM_MAX);
}

unsigned claim_lane_size(unsigned n_slots, const struct claim_load *load, unsigned *ret_n_on_trial)
{
    unsigned n = smaller(rest(n_slots, load->n_in_flight), CLAIM_MAX);

    *ret_n_on_trial = rest((n_slots + 3) / 4, load->n_on_trial);
    if (load->n_unrecorded >= MAX_UNRECORDED)
        return 0;
    return smaller(n, rest((3 * n_slots + 3) / 4, load->n_of_lanes));
}
