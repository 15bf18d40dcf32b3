/* SPDX-License-Identifier: Apache-2.0 */
#include "log_query_value.h"

#include <stdio.h>

#include "hk/clock.h"

#define US_PER_S  INT64_C(1000000)
#define MAX_AGO_S (INT64_C(3650) * 86400)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct hk_str behind(struct hk_str text, size_t n)
{
    return (struct hk_str){text.p + n, text.n - n};
}

/* Takes `start` when the text begins with it. */
static bool take(struct hk_str *text, const char *start)
{
    size_t n = strlen(start);

    if (text->n < n || memcmp(text->p, start, n) != 0)
        return false;
    *text = behind(*text, n);
    return true;
}

bool log_value_is_one_of(const char *choices, struct hk_str text)
{
    while (choices != NULL) {
        const char *bar = strchr(choices, '|');
        size_t n = bar == NULL ? strlen(choices) : (size_t)(bar - choices);

        if (hk_str_eq(text, (struct hk_str){choices, n}))
            return true;
        choices = bar == NULL ? NULL : bar + 1;
    }
    return false;
}

bool log_value_is_code(struct hk_str text)
{
    if (hk_str_eq(text, HK_STR("none")))
        return true;
    return text.n == 3 && text.p[0] >= '1' && text.p[0] <= '5' &&
           ((is_digit(text.p[1]) && is_digit(text.p[2])) || (text.p[1] == 'x' && text.p[2] == 'x'));
}

bool log_value_is_trace(struct hk_str text)
{
    bool is_legal = text.n == 32;

    for (size_t i = 0; i < text.n && is_legal; i++)
        is_legal = is_digit(text.p[i]) || (text.p[i] >= 'a' && text.p[i] <= 'f');
    return is_legal;
}

/* Of the name of an event type, as check_event_type() has them. */
static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '.' || c == '-';
}

bool log_value_is_event_type(struct hk_str text)
{
    bool is_pattern = text.n > 0 && text.p[text.n - 1] == '*';
    size_t n = text.n - is_pattern;

    for (size_t i = 0; i < n; i++) {
        if (!is_of_name(text.p[i]))
            return false;
    }
    return text.n >= 1 && text.n <= 130 && (!is_pattern || n == 0 || text.p[n - 1] == '.');
}

/* Digits at the start of `*text`, which moves behind them; -1: none, or too many. */
static int64_t take_number(struct hk_str *text)
{
    int64_t number = 0;
    size_t n = 0;

    while (n < text->n && is_digit(text->p[n]) && n < 10)
        number = number * 10 + (text->p[n++] - '0');
    *text = behind(*text, n);
    return n == 0 || n == 10 ? -1 : number;
}

struct unit {
    const char *name;
    int64_t factor;
};

/* A number with one of the units behind it; -1: it is none, or too large. */
static int64_t take_amount(struct hk_str *text, const struct unit *units, int64_t max)
{
    int64_t number = take_number(text);

    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (take(text, unit->name))
            return number < 0 || number > max / unit->factor ? -1 : number * unit->factor;
    }
    return -1;
}

bool log_value_bounds(struct hk_str text, bool is_duration, struct log_bounds *ret)
{
    static const struct unit numbers[] = {{"", 1}, {NULL, 0}};
    static const struct unit durations[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 1}, {NULL, 0}};
    const struct unit *units = is_duration ? durations : numbers;
    int64_t max = is_duration ? LOG_VALUE_MAX_DURATION_MS : LOG_VALUE_MAX_COUNT, first, second;
    bool is_more = take(&text, ">"), is_less = !is_more && take(&text, "<");
    bool is_strict = (is_more || is_less) && !take(&text, "=");

    first = take_amount(&text, units, max);
    if (first < 0)
        return false;
    second = !is_more && !is_less && take(&text, "..") ? take_amount(&text, units, max) : first;
    if (second < first || text.n > 0 || (is_less && is_strict && first == 0))
        return false;
    ret->least = is_less ? -1 : first + (is_more && is_strict);
    ret->most = is_more ? -1 : second - (is_less && is_strict);
    return true;
}

bool log_value_time(struct hk_str text, int64_t now_us, int64_t *ret_us)
{
    static const struct unit units[] = {{"s", 1},     {"m", 60},     {"h", 3600},
                                        {"d", 86400}, {"w", 604800}, {NULL, 0}};
    char midnight[32];
    int64_t us, ago_s;

    if (text.n == sizeof("2026-01-31") - 1) {
        (void)snprintf(midnight, sizeof(midnight), "%.10sT00:00:00Z", text.p);
        if (hk_parse_rfc3339(hk_str(midnight), &us) && us >= 0) {
            *ret_us = us;
            return true;
        }
    }
    if (hk_parse_rfc3339(text, &us)) {
        *ret_us = us;
        return us >= 0;
    }
    ago_s = take_amount(&text, units, MAX_AGO_S);
    if (ago_s < 0 || text.n > 0)
        return false;
    *ret_us = now_us > ago_s * US_PER_S ? now_us - ago_s * US_PER_S : 0;
    return true;
}
