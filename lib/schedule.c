/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/schedule.h"

#define DAY_S             INT64_C(86400)
#define MAX_DELAY_S       (366 * DAY_S)
#define FACTOR_TENTHS     INT64_C(10) /* 1.0 */
#define MAX_FACTOR_TENTHS (10 * FACTOR_TENTHS)

/* What is left of the text; each take_...() moves on only when it finds what it looks for. */
struct reader {
    const char *p, *end;
};

/* One element: delays that begin with `delay_s` and grow, until there are `times` of them or their
 * sum would be more than `total_s`. */
struct element {
    int64_t delay_s;
    int64_t factor_tenths;
    int64_t most_s; /* of one delay */
    int64_t times;
    int64_t total_s;
};

static bool take_text(struct reader *reader, struct hk_str text)
{
    if ((size_t)(reader->end - reader->p) < text.n || memcmp(reader->p, text.p, text.n) != 0)
        return false;
    reader->p += text.n;
    return true;
}

static bool is_digit(const struct reader *reader)
{
    return reader->p < reader->end && *reader->p >= '0' && *reader->p <= '9';
}

/* False when there is no digit, or the number is above `max`. */
static bool take_number(struct reader *reader, int64_t max, int64_t *ret)
{
    const char *start = reader->p;
    int64_t number = 0;

    for (; is_digit(reader); reader->p++) {
        number = number * 10 + (*reader->p - '0');
        if (number > max)
            return false;
    }
    *ret = number;
    return reader->p > start;
}

static int64_t unit_s(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return DAY_S;
    default:
        return 0;
    }
}

/* "5m" */
static bool take_delay(struct reader *reader, int64_t *ret_s)
{
    int64_t number, unit;

    if (!take_number(reader, MAX_DELAY_S, &number) || reader->p == reader->end)
        return false;
    unit = unit_s(*reader->p++);
    if (unit == 0 || number == 0 || number > MAX_DELAY_S / unit)
        return false;
    *ret_s = number * unit;
    return true;
}

/* "2", "1.5": from 1.1 to 10. */
static bool take_factor(struct reader *reader, int64_t *ret_tenths)
{
    int64_t whole, tenths = 0;

    if (!take_number(reader, 10, &whole))
        return false;
    if (take_text(reader, HK_STR("."))) {
        if (!is_digit(reader))
            return false;
        tenths = *reader->p++ - '0';
    }
    *ret_tenths = whole * FACTOR_TENTHS + tenths;
    return *ret_tenths > FACTOR_TENTHS && *ret_tenths <= MAX_FACTOR_TENTHS;
}

/* "5m", "1h*168", "1h for 7d", "5s x2 to 1h for 3d" */
static bool take_element(struct reader *reader, struct element *ret)
{
    bool grows = false;

    *ret = (struct element){
        .factor_tenths = FACTOR_TENTHS, .most_s = MAX_DELAY_S, .times = 1, .total_s = INT64_MAX};
    if (!take_delay(reader, &ret->delay_s))
        return false;
    if (take_text(reader, HK_STR("*")))
        return take_number(reader, HK_SCHEDULE_MAX_DELAYS, &ret->times) && ret->times > 0;
    if (take_text(reader, HK_STR(" x"))) {
        grows = true;
        if (!take_factor(reader, &ret->factor_tenths))
            return false;
        if (take_text(reader, HK_STR(" to ")) &&
            (!take_delay(reader, &ret->most_s) || ret->most_s < ret->delay_s))
            return false;
    }
    if (!take_text(reader, HK_STR(" for ")))
        return !grows; /* growth has to end */
    ret->times = HK_SCHEDULE_MAX_DELAYS + 1;
    return take_delay(reader, &ret->total_s) && ret->total_s >= ret->delay_s;
}

/* Rounded up, as schedule_delays_s() does it in SQL. */
static int64_t grow(const struct element *element, int64_t delay_s)
{
    delay_s = (delay_s * element->factor_tenths + FACTOR_TENTHS - 1) / FACTOR_TENTHS;
    return delay_s < element->most_s ? delay_s : element->most_s;
}

/* Counts an element's delays into `ret`; false when there are too many. */
static bool add_element(const struct element *element, unsigned nth, struct hk_schedule *ret)
{
    int64_t delay_s = element->delay_s, sum_s = 0;

    for (int64_t i = 0; i < element->times && sum_s + delay_s <= element->total_s; i++) {
        if (ret->n_delays == HK_SCHEDULE_MAX_DELAYS)
            return false;
        if (++ret->n_delays == nth)
            ret->delay_ms = delay_s * 1000;
        sum_s += delay_s;
        delay_s = grow(element, delay_s);
    }
    ret->total_ms += sum_s * 1000;
    return true;
}

bool hk_schedule_read(struct hk_str schedule, unsigned nth, struct hk_schedule *ret)
{
    struct reader reader = {schedule.p, schedule.n == 0 ? schedule.p : schedule.p + schedule.n};
    struct element element;

    *ret = (struct hk_schedule){0};
    while (reader.p < reader.end) {
        if (take_text(&reader, HK_STR(" ")))
            continue;
        if (!take_element(&reader, &element) || (reader.p < reader.end && *reader.p != ' ') ||
            !add_element(&element, nth, ret))
            return false;
    }
    return true;
}

bool hk_delay_read(struct hk_str text, int64_t *ret_ms)
{
    struct reader reader = {text.p, text.n == 0 ? text.p : text.p + text.n};
    int64_t delay_s;

    if (!take_delay(&reader, &delay_s) || reader.p < reader.end)
        return false;
    *ret_ms = delay_s * 1000;
    return true;
}
