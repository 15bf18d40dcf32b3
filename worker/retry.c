/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/retry.h"

#include <assert.h>
#include <stdio.h>

#include "hk/schedule.h"

/* What a response that ends the message leads to; NULL: the others. */
static const struct ending {
    const char *word; /* the reason is "<word>_by_<status>" */
    const char *stop;
} endings[HK_RESPONSE_COUNT] = {
    [HK_RESPONSE_DISABLE] = {"disabled", "disabled"},
    [HK_RESPONSE_UNSUBSCRIBE] = {"unsubscribed", "unsubscribed"},
    [HK_RESPONSE_DROP] = {"dropped", NULL},
};

/* An answer that was not complete is none. */
static struct hk_response find_response(const struct retry_policy *policy,
                                        const struct hk_outcome *outcome)
{
    return hk_responses_find(policy->responses,
                             outcome->kind == HK_OUTCOME_ANSWERED ? outcome->status : 0);
}

bool retry_is_success(const struct retry_policy *policy, const struct hk_outcome *outcome)
{
    return outcome->kind == HK_OUTCOME_ANSWERED &&
           find_response(policy, outcome).kind == HK_RESPONSE_SUCCESS;
}

/* What the receiver asks for, or else the rule; -1: neither. */
static int64_t choose_pause_ms(const struct retry_policy *policy, const struct hk_outcome *outcome,
                               struct hk_response response)
{
    if (outcome->retry_after_ms < 0)
        return response.kind == HK_RESPONSE_THROTTLE ? response.throttle_ms : -1;
    return outcome->retry_after_ms < policy->retry_after_cap_ms ? outcome->retry_after_ms
                                                                : policy->retry_after_cap_ms;
}

/* What the rest of the subscription waits: less than the message, but not less than the rule says.
 */
static int64_t choose_rest_ms(const struct retry_policy *policy, int64_t pause_ms,
                              struct hk_response response)
{
    int64_t most_ms =
        policy->rest_cap_ms > response.throttle_ms ? policy->rest_cap_ms : response.throttle_ms;

    return pause_ms < most_ms ? pause_ms : most_ms;
}

static struct verdict failed(const char *reason)
{
    struct verdict verdict = {.kind = VERDICT_FAILED};

    (void)snprintf(verdict.reason, sizeof(verdict.reason), "%s", reason);
    return verdict;
}

static struct verdict end(const struct ending *ending, int status)
{
    struct verdict verdict = {.kind = VERDICT_FAILED, .stop = ending->stop};

    (void)snprintf(verdict.reason, sizeof(verdict.reason), "%s_by_%d", ending->word, status);
    return verdict;
}

/* The schedule's delay, or the pause when that is longer; jitter comes on top, so that neither the
 * schedule nor the receiver is ever undercut. */
static struct verdict try_again(const struct retry_policy *policy, int64_t pause_ms, unsigned nth,
                                uint32_t random)
{
    struct hk_schedule schedule;
    int64_t delay_ms;

    if (!hk_schedule_read(policy->schedule, nth, &schedule))
        return failed("schedule_invalid");
    if (nth > schedule.n_delays)
        return failed("schedule_exhausted");
    delay_ms = pause_ms > schedule.delay_ms ? pause_ms : schedule.delay_ms;
    delay_ms += delay_ms * policy->jitter_percent * (random % 1001) / 100000;
    return (struct verdict){.kind = VERDICT_RETRY, .delay_ms = delay_ms / policy->divisor};
}

struct verdict retry_judge(const struct retry_policy *policy, const struct hk_outcome *outcome,
                           unsigned nth, uint32_t random)
{
    struct hk_response response = find_response(policy, outcome);
    int64_t pause_ms = choose_pause_ms(policy, outcome, response);
    struct verdict verdict;

    assert(nth >= 1 && policy->divisor >= 1);
    if (outcome->kind == HK_OUTCOME_ANSWERED && response.kind == HK_RESPONSE_SUCCESS)
        return (struct verdict){.kind = VERDICT_SUCCEEDED};
    if (endings[response.kind].word != NULL)
        return end(&endings[response.kind], outcome->status);
    verdict = try_again(policy, pause_ms, nth, random);
    if (response.kind == HK_RESPONSE_THROTTLE)
        verdict.throttle_ms = choose_rest_ms(policy, pause_ms, response) / policy->divisor;
    return verdict;
}

const char *retry_verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {
        [VERDICT_SUCCEEDED] = "succeeded", [VERDICT_RETRY] = "retry", [VERDICT_FAILED] = "failed",
        [VERDICT_RELEASE] = "release",     [VERDICT_WAIT] = "wait",
    };

    assert(kind < HK_COUNTOF(names));
    return names[kind];
}

const char *retry_outcome_name(const struct retry_policy *policy, const struct hk_outcome *outcome)
{
    return retry_is_success(policy, outcome) ? "succeeded" : hk_outcome_name(outcome->kind);
}
