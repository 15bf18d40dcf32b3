/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/retry.h"

#include <assert.h>

#include "hk/schedule.h"

bool retry_is_success(const struct retry_policy *policy, const struct hk_outcome *outcome)
{
    if (outcome->kind != HK_OUTCOME_ANSWERED)
        return false;
    return policy->wants_200 ? outcome->status == 200
                             : outcome->status >= 200 && outcome->status <= 299;
}

/* The schedule's delay, or what the receiver asked for when that is longer; jitter comes on top, so
 * that neither the schedule nor the receiver is ever undercut. */
static int64_t choose_delay_ms(const struct retry_policy *policy, const struct hk_outcome *outcome,
                               int64_t delay_ms, uint32_t random)
{
    int64_t asked_ms = outcome->retry_after_ms;

    if (asked_ms > policy->retry_after_cap_ms)
        asked_ms = policy->retry_after_cap_ms;
    if (asked_ms > delay_ms)
        delay_ms = asked_ms;
    delay_ms += delay_ms * policy->jitter_percent * (random % 1001) / 100000;
    return delay_ms / policy->divisor;
}

struct verdict retry_judge(const struct retry_policy *policy, const struct hk_outcome *outcome,
                           unsigned nth, uint32_t random)
{
    int64_t delay_ms = 0;
    int n_delays;

    assert(nth >= 1 && policy->divisor >= 1);
    if (retry_is_success(policy, outcome))
        return (struct verdict){.kind = VERDICT_SUCCEEDED};
    if (outcome->kind == HK_OUTCOME_ANSWERED && outcome->status == 401 &&
        policy->unsubscribes_on_401)
        return (struct verdict){
            .kind = VERDICT_FAILED, .reason = "unsubscribed_by_401", .stop = "unsubscribed"};
    if (outcome->kind == HK_OUTCOME_ANSWERED && outcome->status == 410 && policy->disables_on_410)
        return (struct verdict){
            .kind = VERDICT_FAILED, .reason = "disabled_by_410", .stop = "disabled"};

    n_delays = hk_schedule_read(policy->schedule, nth, &delay_ms);
    if (n_delays < 0)
        return (struct verdict){.kind = VERDICT_FAILED, .reason = "schedule_invalid"};
    if (nth > (unsigned)n_delays)
        return (struct verdict){.kind = VERDICT_FAILED, .reason = "schedule_exhausted"};
    return (struct verdict){
        .kind = VERDICT_RETRY,
        .delay_ms = choose_delay_ms(policy, outcome, delay_ms, random),
    };
}

const char *retry_verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {
        [VERDICT_SUCCEEDED] = "succeeded",
        [VERDICT_RETRY] = "retry",
        [VERDICT_FAILED] = "failed",
        [VERDICT_RELEASE] = "release",
    };

    assert(kind < HK_COUNTOF(names));
    return names[kind];
}

const char *retry_outcome_name(const struct retry_policy *policy, const struct hk_outcome *outcome)
{
    return retry_is_success(policy, outcome) ? "succeeded" : hk_outcome_name(outcome->kind);
}
