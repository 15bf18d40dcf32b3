/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/responses.h"

#include "hk/schedule.h"

#define DEFAULT_THROTTLE_MS INT64_C(60000)
#define MAX_THROTTLE_MS     INT64_C(86400000)
#define KEY_BYTES           3 /* "429", "4xx" */

static const char *const kind_names[HK_RESPONSE_COUNT] = {
    [HK_RESPONSE_RETRY] = "retry",       [HK_RESPONSE_SUCCESS] = "success",
    [HK_RESPONSE_THROTTLE] = "throttle", [HK_RESPONSE_DISABLE] = "disable",
    [HK_RESPONSE_DROP] = "drop",         [HK_RESPONSE_UNSUBSCRIBE] = "unsubscribe",
};

/* Takes what stands before `separator` off the front of `rest`: all, when there is none. */
static struct hk_str take_until(struct hk_str *rest, char separator)
{
    const char *end = rest->n == 0 ? NULL : memchr(rest->p, separator, rest->n);
    struct hk_str taken = {rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};
    size_t n = taken.n + (end == NULL ? 0 : 1);

    if (n > 0)
        *rest = (struct hk_str){rest->p + n, rest->n - n};
    return taken;
}

bool hk_response_read(struct hk_str text, struct hk_response *ret)
{
    bool has_delay = text.n > 0 && memchr(text.p, ' ', text.n) != NULL;
    struct hk_str name = take_until(&text, ' ');
    struct hk_response response = {.kind = HK_RESPONSE_RETRY};

    while (response.kind < HK_RESPONSE_COUNT && !hk_str_eq(name, hk_str(kind_names[response.kind])))
        response.kind++;
    if (response.kind == HK_RESPONSE_COUNT || (has_delay && response.kind != HK_RESPONSE_THROTTLE))
        return false;
    if (response.kind == HK_RESPONSE_THROTTLE)
        response.throttle_ms = DEFAULT_THROTTLE_MS;
    if (has_delay &&
        (!hk_delay_read(text, &response.throttle_ms) || response.throttle_ms > MAX_THROTTLE_MS))
        return false;
    *ret = response;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool hk_response_key_is_valid(struct hk_str key)
{
    if (hk_str_eq(key, HK_STR("error")))
        return true;
    return key.n == KEY_BYTES && key.p[0] >= '2' && key.p[0] <= '5' &&
           ((key.p[1] == 'x' && key.p[2] == 'x') || (is_digit(key.p[1]) && is_digit(key.p[2])));
}

static struct hk_str find_rule(struct hk_str responses, struct hk_str key)
{
    while (responses.n > 0) {
        struct hk_str rule = take_until(&responses, ',');

        if (hk_str_eq(take_until(&rule, ' '), key))
            return rule;
    }
    return HK_STR_NULL;
}

struct hk_response hk_responses_find(struct hk_str responses, int status)
{
    char exact[KEY_BYTES] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                             (char)('0' + status % 10)};
    char class[KEY_BYTES] = {exact[0], 'x', 'x'};
    struct hk_response response = {.kind = HK_RESPONSE_RETRY};
    struct hk_str rule;

    if (status == 0)
        rule = find_rule(responses, HK_STR("error"));
    else
        rule = find_rule(responses, (struct hk_str){exact, KEY_BYTES});
    if (status != 0 && rule.p == NULL)
        rule = find_rule(responses, (struct hk_str){class, KEY_BYTES});
    if (rule.p != NULL && !hk_response_read(rule, &response))
        response = (struct hk_response){.kind = HK_RESPONSE_RETRY}; /* a newer schema's */
    return response;
}
