/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, and RFC 3339 text without the C library's time zones. */
#include "hk/clock.h"

#include <stdio.h>
#include <time.h>

#define US_PER_MS  INT64_C(1000)
#define US_PER_S   INT64_C(1000000)
#define S_PER_DAY  INT64_C(86400)
#define MAX_WALL_S INT64_C(253402300799) /* 9999-12-31T23:59:59: the last year of four digits */

int64_t hk_wall_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t hk_mono_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

struct date {
    unsigned year, month, day;
};

/*
 * Proleptic Gregorian, by Howard Hinnant's civil_from_days: years begin in March, so that the leap
 * day is a year's last, and 400 years are 146,097 days.
 */
static struct date date_of_day(int64_t days_since_epoch)
{
    uint64_t days = (uint64_t)days_since_epoch + 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097;
    unsigned day_of_era = (unsigned)(days % 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    struct date date;

    date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    date.year = (unsigned)(era * 400) + year_of_era + (date.month <= 2 ? 1 : 0);
    return date;
}

bool hk_date_is_valid(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && is_leap);
}

/* The last `n` digits: for each event that is sent, snprintf() would take ten times as long. */
static void put_digits(char *ret, unsigned n, unsigned value)
{
    for (; n > 0; value /= 10)
        ret[--n] = (char)('0' + value % 10);
}

void hk_format_rfc3339(int64_t wall_us, char ret[25])
{
    int64_t us = wall_us < 0 ? 0 : wall_us; /* nothing here is older than the epoch */
    int64_t s = us / US_PER_S > MAX_WALL_S ? MAX_WALL_S : us / US_PER_S;
    unsigned s_of_day = (unsigned)(s % S_PER_DAY);
    struct date date = date_of_day(s / S_PER_DAY);

    memcpy(ret, "0000-00-00T00:00:00.000Z", 25);
    put_digits(ret, 4, date.year);
    put_digits(ret + 5, 2, date.month);
    put_digits(ret + 8, 2, date.day);
    put_digits(ret + 11, 2, s_of_day / 3600);
    put_digits(ret + 14, 2, s_of_day / 60 % 60);
    put_digits(ret + 17, 2, s_of_day % 60);
    put_digits(ret + 20, 3, (unsigned)(us % US_PER_S / US_PER_MS));
}

/* The inverse of date_of_day(): Howard Hinnant's days_from_civil. */
static int64_t day_of_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* `n` digits at the start of `*text`, which moves behind them; -1 when there are fewer. */
static int take_digits(struct hk_str *text, size_t n)
{
    int value = 0;

    if (text->n < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text->p[i] < '0' || text->p[i] > '9')
            return -1;
        value = value * 10 + (text->p[i] - '0');
    }
    *text = (struct hk_str){text->p + n, text->n - n};
    return value;
}

static bool take_one_of(struct hk_str *text, const char *characters)
{
    if (text->n == 0 || text->p[0] == '\0' || strchr(characters, text->p[0]) == NULL)
        return false;
    *text = (struct hk_str){text->p + 1, text->n - 1};
    return true;
}

static bool take_date(struct hk_str *text, int64_t *ret_us)
{
    int year = take_digits(text, 4);
    int month = take_one_of(text, "-") ? take_digits(text, 2) : -1;
    int day = take_one_of(text, "-") ? take_digits(text, 2) : -1;

    if (!hk_date_is_valid(year, month, day))
        return false;
    *ret_us = day_of_date(year, month, day) * S_PER_DAY * US_PER_S;
    return true;
}

/* Adds the time of day; of the fraction, what is beyond microseconds is dropped. */
static bool take_time(struct hk_str *text, int64_t *us)
{
    int hour = take_digits(text, 2);
    int minute = take_one_of(text, ":") ? take_digits(text, 2) : -1;
    int second = take_one_of(text, ":") ? take_digits(text, 2) : -1;
    int digit;

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    *us += ((hour * INT64_C(60) + minute) * 60 + second) * US_PER_S;
    if (!take_one_of(text, "."))
        return true;
    digit = take_digits(text, 1);
    if (digit < 0)
        return false;
    for (int64_t unit_us = US_PER_S / 10; digit >= 0; unit_us /= 10) {
        *us += digit * unit_us;
        digit = take_digits(text, 1);
    }
    return true;
}

static bool take_offset(struct hk_str *text, int64_t *us)
{
    int sign, hour, minute;

    if (take_one_of(text, "Zz"))
        return true;
    sign = text->n > 0 && text->p[0] == '-' ? -1 : 1;
    if (!take_one_of(text, "+-"))
        return false;
    hour = take_digits(text, 2);
    minute = take_one_of(text, ":") ? take_digits(text, 2) : -1;
    *us -= sign * (hour * INT64_C(60) + minute) * 60 * US_PER_S;
    return hour >= 0 && hour <= 15 && minute >= 0 && minute <= 59; /* PostgreSQL's limit is 15:59 */
}

bool hk_parse_rfc3339(struct hk_str text, int64_t *ret_wall_us)
{
    int64_t us;

    if (!take_date(&text, &us) || !take_one_of(&text, "Tt ") || !take_time(&text, &us) ||
        !take_offset(&text, &us) || text.n != 0)
        return false;
    *ret_wall_us = us;
    return true;
}
