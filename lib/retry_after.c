/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/retry_after.h"

#include <time.h>

#define MAX_RETRY_AFTER_S    INT64_C(1000000000) /* 31 years: keeps the products in range */
#define MAX_RETRY_AFTER_TEXT 64

/* "120", "1.5": RFC 9110 knows whole seconds only, but receivers send fractions. */
static bool parse_seconds(struct hk_str value, int64_t *ret_s)
{
    bool has_fraction = false;
    size_t at = 0;

    *ret_s = 0;
    for (; at < value.n && value.p[at] >= '0' && value.p[at] <= '9'; at++) {
        if (*ret_s < MAX_RETRY_AFTER_S)
            *ret_s = *ret_s * 10 + (value.p[at] - '0');
    }
    if (at == 0)
        return false;
    if (at < value.n && value.p[at] == '.' && ++at == value.n)
        return false;
    for (; at < value.n && value.p[at] >= '0' && value.p[at] <= '9'; at++)
        has_fraction = has_fraction || value.p[at] != '0';
    *ret_s += has_fraction ? 1 : 0;
    return at == value.n;
}

/* The three forms of RFC 9110 section 5.6.7. strptime() is in the C locale: no setlocale() here. */
static bool parse_http_date(struct hk_str value, int64_t *ret_s)
{
    static const char *const formats[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
        "%a, %d-%b-%y %H:%M:%S GMT", /* RFC 850; %a takes the long names too */
        "%a %b %d %H:%M:%S %Y",      /* asctime() */
    };
    char text[MAX_RETRY_AFTER_TEXT];

    if (value.n >= sizeof(text) || memchr(value.p, '\0', value.n) != NULL)
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    for (size_t i = 0; i < HK_COUNTOF(formats); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);

        if (end != NULL && *end == '\0') {
            *ret_s = timegm(&tm);
            return true;
        }
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hk_str trim(struct hk_str value)
{
    while (value.n > 0 && is_blank(value.p[0])) {
        value.p++;
        value.n--;
    }
    while (value.n > 0 && is_blank(value.p[value.n - 1]))
        value.n--;
    return value;
}

int64_t hk_retry_after_parse(struct hk_str value, int64_t now_s)
{
    int64_t seconds;

    value = trim(value);
    if (value.n == 0)
        return -1;
    if (!parse_seconds(value, &seconds)) {
        if (!parse_http_date(value, &seconds))
            return -1;
        seconds -= now_s;
    }
    if (seconds < 0)
        return 0;
    return (seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S) * 1000;
}
