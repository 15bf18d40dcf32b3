/* SPDX-License-Identifier: Apache-2.0 */
/* claim_size.c - how much to claim. Pure. */
#include "worker/claim.h"

#define MAX_UNRECORDED 1024
#define MAX_APART_MS   16
#define RECORDS_MS     32 /* as far are records apart */
#define PACE_PER_MS    5  /* messages in CLAIM_AHEAD_MS */
#define CLAIMING_SHARE 8  /* one part in so many of the time, without the loads */

static unsigned rest(unsigned most, unsigned n)
{
    return n < most ? most - n : 0;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void begin_anew(struct claim_pace *pace, int64_t now_ms)
{
    int64_t age_ms = now_ms - pace->since_ms;

    if (age_ms < CLAIM_AHEAD_MS)
        return;
    pace->n_before = age_ms < 2 * (int64_t)CLAIM_AHEAD_MS ? pace->n : 0;
    pace->n = 0;
    pace->since_ms = now_ms;
}

void claim_pace_add(struct claim_pace *pace, int64_t now_ms)
{
    begin_anew(pace, now_ms);
    pace->n++;
}

unsigned claim_pace_lately(struct claim_pace *pace, int64_t now_ms)
{
    begin_anew(pace, now_ms);
    return pace->n_before;
}

unsigned claim_apart_ms(unsigned n_lately, int64_t took_us)
{
    unsigned by_pace_ms = smaller(n_lately / PACE_PER_MS, MAX_APART_MS);
    int64_t by_time_ms = took_us * CLAIMING_SHARE / 1000;

    if (by_pace_ms == 0 || by_time_ms <= by_pace_ms)
        return by_pace_ms;
    return by_time_ms < MAX_APART_MS ? (unsigned)by_time_ms : MAX_APART_MS;
}

unsigned claim_record_apart_ms(unsigned n_lately)
{
    return n_lately < PACE_PER_MS ? 0 : RECORDS_MS;
}

unsigned claim_size(unsigned n_slots, const struct claim_load *load)
{
    unsigned n_ahead = smaller(load->n_ahead, CLAIM_MAX);
    unsigned n_free = rest(n_slots + n_ahead, load->n_in_flight);
    unsigned n_here = rest(n_slots, load->n_of_lanes); /* a slow lane gives its slots back late */

    if (n_free == 0 || n_free * 4 < n_here || n_free < n_ahead ||
        load->n_unrecorded >= MAX_UNRECORDED)
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
