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

void hk_format_rfc3339(int64_t wall_us, char ret[25])
{
    int64_t us = wall_us < 0 ? 0 : wall_us; /* nothing here is older than the epoch */
    int64_t s = us / US_PER_S > MAX_WALL_S ? MAX_WALL_S : us / US_PER_S;
    unsigned s_of_day = (unsigned)(s % S_PER_DAY);
    struct date date = date_of_day(s / S_PER_DAY);

    /* The modulo of the year tells the compiler that the text fits. */
    (void)snprintf(ret, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", date.year % 10000,
                   date.month % 100, date.day % 100, s_of_day / 3600, s_of_day / 60 % 60,
                   s_of_day % 60, (unsigned)(us % US_PER_S / US_PER_MS));
}
