/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/schedule.h"

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
    if (unit == 0 || number == 0 || number > MAX_DELAY_MS / unit)
        return false;
    *ret_ms = number * unit;
    *ret_times = 1;
    if (*at == text.n || text.p[*at] != '*')
        return true;
    (*at)++;
    return read_number(text, at, HK_SCHEDULE_MAX_DELAYS, ret_times) && *ret_times > 0;
}

int hk_schedule_read(struct hk_str schedule, unsigned nth, int64_t *ret_ms)
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
        if (n_delays > HK_SCHEDULE_MAX_DELAYS)
            return -1;
    }
    return (int)n_delays;
}
