/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/retry.h"

#include <assert.h>

#define DAY_MS       INT64_C(86400000)
#define MAX_DELAY_MS (366 * DAY_MS)

/* Reads decimal digits at *at. False when there is none or the number is above `max`. */
static bool read_number(struct hk_str text, size_t *at, int64_t max, int64_t *ret)
{
    size_t start = *at;
    int64_t number = 0;

    while (*at < text.n && text.p[*at] >= '0' && text.p[*at] <= '9') {
        number = number * 10 + (text.p[*at] - '0');
        if (number > max)
            return false;
        (*at)++;
    }
    *ret = number;
    return *at > start;
}

static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return 1000;
    case 'm':
        return INT64_C(60) * 1000;
    case 'h':
        return INT64_C(3600) * 1000;
    case 'd':
        return DAY_MS;
    default:
        return 0;
    }
}

/* One element, "5m" or "1h*168", at *at. */
static bool read_delay(struct hk_str text, size_t *at, int64_t *ret_ms, int64_t *ret_times)
{
    int64_t number, unit;

    if (!read_number(text, at, MAX_DELAY_MS, &number) || *at == text.n)
        return false;
    unit = unit_ms(text.p[(*at)++]);
    if (unit == 0 || number > MAX_DELAY_MS / unit)
        return false;
    *ret_ms = number * unit;
    *ret_times = 1;
    if (*at == text.n || text.p[*at] != '*')
        return true;
    (*at)++;
    return read_number(text, at, RETRY_MAX_DELAYS, ret_times) && *ret_times > 0;
}

int retry_schedule_read(struct hk_str schedule, unsigned nth, int64_t *ret_ms)
{
    int64_t n_delays = 0;
    size_t at = 0;

    while (at < schedule.n) {
        int64_t delay_ms, times;

        if (schedule.p[at] == ' ') {
            at++;
            continue;
        }
        if (!read_delay(schedule, &at, &delay_ms, &times) ||
            (at < schedule.n && schedule.p[at] != ' '))
            return -1;
        if (ret_ms != NULL && nth > n_delays && nth <= n_delays + times)
            *ret_ms = delay_ms;
        n_delays += times;
        if (n_delays > RETRY_MAX_DELAYS)
            return -1;
    }
    return (int)n_delays;
}

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

    n_delays = retry_schedule_read(policy->schedule, nth, &delay_ms);
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
    static const char *const names[HK_OUTCOME_COUNT] = {
        [HK_OUTCOME_ANSWERED] = "http_status",
        [HK_OUTCOME_TIMEOUT] = "timeout",
        [HK_OUTCOME_DNS] = "dns",
        [HK_OUTCOME_CONNECT] = "connect",
        [HK_OUTCOME_TLS] = "tls",
        [HK_OUTCOME_RESET] = "reset",
        [HK_OUTCOME_BLOCKED_ADDRESS] = "blocked_address",
        [HK_OUTCOME_PROTOCOL] = "protocol",
        [HK_OUTCOME_REQUEST_INVALID] = "request_invalid",
    };

    assert(outcome->kind < HK_OUTCOME_COUNT);
    return retry_is_success(policy, outcome) ? "succeeded" : names[outcome->kind];
}
