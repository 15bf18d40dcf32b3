/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/park.h"

#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "hk/loop.h"
#include "worker/share.h"
#include "worker/step.h"

#define PARK_MS 100 /* how long a claimed message waits for a window to open... */
#define OPENING_MS                                                                                 \
    200 /* and so much longer for one that opens: it doubles with each answer's time */
#define LOOK_AGAIN_MS 10 /* whether what may stay longer still may */
/* In one look at those that wait, which each turn has: what is behind them may wait as well. */
#define MAX_REFUSALS 8 /* to so many kinds */
#define MAX_STAYING  128

struct park {
    struct hk_loop *loop;
    struct share *share;
    struct hk_timer timer;
    struct attempt *first, **end; /* in the order in which they came */
};

struct park *park_new(struct hk_loop *loop, unsigned n_slots)
{
    struct park *park = calloc(1, sizeof(*park));

    if (park == NULL)
        abort();
    park->loop = loop;
    park->share = share_new(n_slots);
    park->end = &park->first;
    return park;
}

void park_free(struct park *park)
{
    if (park == NULL)
        return;
    hk_loop_stop_timer(park->loop, &park->timer);
    share_free(park->share);
    free(park);
}

void park_set_slots(struct park *park, unsigned n_slots)
{
    share_set_slots(park->share, n_slots);
}

unsigned park_n_held(const struct park *park)
{
    return share_n_held(park->share);
}

static bool take_slot(struct park *park, struct attempt *attempt)
{
    struct share_claimant claimant = {
        .subscription_id = attempt->subscription_id,
        .tenant_id = attempt->tenant_id,
        .host = share_host(attempt->url),
        .is_laned = attempt->is_laned,
    };

    return share_take(park->share, &claimant, hk_mono_ms(), &attempt->hold);
}

static void start(struct attempt *attempt)
{
    (void)attempt_fire(attempt,
                       attempt_fits_lease(attempt, hk_mono_ms()) ? EVENT_STARTED : EVENT_WITHHELD);
}

static void on_timer(struct hk_timer *timer)
{
    (void)timer; /* park_turn() sees whose time is over */
}

void park_arrive(struct park *park, struct attempt *attempt)
{
    /* A step that calls nobody needs none: there is nobody to learn of, and no window would open.
     */
    if ((attempt->run != NULL && !step_is_http(attempt)) || take_slot(park, attempt)) {
        start(attempt);
        return;
    }
    attempt->parked_until_ms = hk_mono_ms() + PARK_MS;
    attempt->next_waiting = NULL;
    *park->end = attempt;
    park->end = &attempt->next_waiting;
    if (!park->timer.is_set)
        hk_loop_set_timer(park->loop, &park->timer, PARK_MS, on_timer);
}

void park_leave(struct park *park, struct attempt *attempt)
{
    unsigned cost = share_give_back(park->share, &attempt->hold, attempt->failure_cost,
                                    attempt->outcome.duration_us / 1000, hk_mono_ms());

    if (!attempt->is_laned && attempt->failure_cost > 0)
        attempt->failure_cost = (int)cost;
}

static struct attempt *take_out(struct park *park, struct attempt **link)
{
    struct attempt *attempt = *link;

    *link = attempt->next_waiting;
    if (park->end == &attempt->next_waiting)
        park->end = link;
    attempt->next_waiting = NULL;
    return attempt;
}

/* What is refused to one is refused to all of its kind. */
struct refusal {
    struct hk_id subscription_id;
    bool is_laned;
    bool is_opening;
};

struct refusals { /* in one look */
    unsigned n;
    struct refusal of[MAX_REFUSALS];
};

static const struct refusal *find_refusal(const struct refusals *refusals,
                                          const struct attempt *attempt)
{
    for (unsigned i = 0; i < refusals->n; i++) {
        const struct refusal *refusal = &refusals->of[i];

        if (refusal->is_laned == attempt->is_laned &&
            memcmp(&refusal->subscription_id, &attempt->subscription_id, sizeof(struct hk_id)) == 0)
            return refusal;
    }
    return NULL;
}

static const struct refusal *add_refusal(struct refusals *refusals, struct park *park,
                                         const struct attempt *attempt, int64_t now_ms)
{
    struct refusal *refusal = &refusals->of[refusals->n++];

    *refusal = (struct refusal){
        .subscription_id = attempt->subscription_id,
        .is_laned = attempt->is_laned,
        .is_opening = share_is_opening(park->share, &attempt->subscription_id, now_ms),
    };
    return refusal;
}

/* A receiver that is new here, and answers well: its lane would cost more, and last longer. */
static bool may_stay(const struct attempt *attempt, const struct refusal *refusal, int64_t now_ms)
{
    return now_ms < attempt->parked_until_ms || (!attempt->is_laned && refusal->is_opening &&
                                                 now_ms < attempt->parked_until_ms + OPENING_MS);
}

/* Those whose time is over come first. */
void park_turn(struct park *park)
{
    struct attempt **link = &park->first, *attempt;
    struct refusals refusals = {.n = 0};
    int64_t now_ms = hk_mono_ms(), rest_ms;
    unsigned n_staying = 0;

    while ((attempt = *link) != NULL && n_staying < MAX_STAYING) {
        const struct refusal *refusal = find_refusal(&refusals, attempt);

        if (refusal == NULL && refusals.n == MAX_REFUSALS)
            break;
        if (refusal == NULL && take_slot(park, attempt)) {
            start(take_out(park, link));
            continue;
        }
        if (refusal == NULL)
            refusal = add_refusal(&refusals, park, attempt, now_ms);
        if (may_stay(attempt, refusal, now_ms)) {
            link = &attempt->next_waiting;
            n_staying++;
            continue;
        }
        /* Claimed ahead of slots that did not come: nothing to hold against its own kind. */
        (void)attempt_fire(take_out(park, link), !attempt->is_laned && share_is_full(park->share)
                                                     ? EVENT_WITHHELD
                                                     : EVENT_CROWDED);
    }
    if (park->first == NULL || park->timer.is_set)
        return;
    rest_ms = park->first->parked_until_ms - now_ms;
    hk_loop_set_timer(park->loop, &park->timer, rest_ms > 0 ? rest_ms : LOOK_AGAIN_MS, on_timer);
}

static bool is_or_any(const struct hk_id *id, const struct hk_id *wanted)
{
    return wanted == NULL || memcmp(id, wanted, sizeof(*id)) == 0;
}

void park_clear(struct park *park, const struct hk_id *tenant_id,
                const struct hk_id *subscription_id, enum attempt_event event)
{
    struct attempt **link = &park->first, *attempt;

    while ((attempt = *link) != NULL) {
        if (is_or_any(&attempt->tenant_id, tenant_id) &&
            is_or_any(&attempt->subscription_id, subscription_id))
            (void)attempt_fire(take_out(park, link), event);
        else
            link = &attempt->next_waiting;
    }
}

bool park_is_proven(struct park *park, const struct attempt *attempt)
{
    return share_is_proven(park->share, &attempt->subscription_id, hk_mono_ms());
}
