/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/delivery_checks.h"

#include <strings.h>

#include "api/resources/checks.h"
#include "hk/certificate.h"
#include "hk/clock.h"
#include "hk/responses.h"
#include "hk/schedule.h"
#include "hk/sign.h"

#define MAX_HEADER_VALUE_BYTES 4096
#define MAX_SCHEDULE_DAYS      90

/* Names that belong to HTTP, to us or to what stands between; those that end in '-' are prefixes.
 */
static const char *const forbidden_names[] = {
    "age",
    "cache-control",
    "ce-",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "hookline-",
    "host",
    "keep-alive",
    "pragma",
    "proxy-",
    "svix-",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "warning",
    "webhook-",
    "x-amz-",
    "x-amzn-",
    "x-azure-",
    "x-delivery-",
    "x-fd-",
    "x-forwarded-",
    "x-gfe-",
    "x-goog-",
    "x-google-",
    "x-hookline-",
    "x-svix-",
};

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum hk_code check_event_pattern(struct hk_str value, struct hk_error *reterr)
{
    if (hk_str_eq(value, HK_STR("*")))
        return HK_OK;
    if (value.n > 2 && memcmp(value.p + value.n - 2, ".*", 2) == 0)
        value.n -= 2;
    if (check_event_type(value, NULL) == HK_OK)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be the name of an event type, a prefix of whole parts and \".*\", or "
                   "\"*\"");
}

enum hk_code check_schedule(struct hk_str value, struct hk_error *reterr)
{
    struct hk_schedule schedule;

    if (!hk_schedule_read(value, 0, &schedule))
        return hk_fail(
            reterr, HK_INVALID_BODY, "",
            "must be delays of 1 s at least, like \"5s 5m 2h\", \"1h*168\", \"1h for 7d\" "
            "or \"5s x2 to 1h for 3d\", at most %d",
            HK_SCHEDULE_MAX_DELAYS);
    if (schedule.total_ms > MAX_SCHEDULE_DAYS * INT64_C(86400000))
        return hk_fail(reterr, HK_INVALID_BODY, "", "must not go on for more than %d days",
                       MAX_SCHEDULE_DAYS);
    return HK_OK;
}

enum hk_code check_response_key(struct hk_str value, struct hk_error *reterr)
{
    if (hk_response_key_is_valid(value))
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be a status from 200 to 599, a class like \"4xx\", or \"error\"");
}

enum hk_code check_response(struct hk_str value, struct hk_error *reterr)
{
    struct hk_response response;

    if (hk_response_read(value, &response))
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be success, retry, throttle (also \"throttle 5m\", up to a day), disable, "
                   "unsubscribe or drop");
}

enum hk_code check_profile_name(struct hk_str value, struct hk_error *reterr)
{
    bool is_legal = value.n >= 1 && value.n <= 64;

    for (size_t i = 0; i < value.n && is_legal; i++) {
        char c = value.p[i];

        is_legal =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i > 0 && (c == '-' || c == '_'));
    }
    if (is_legal)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be 1 to 64 of a-z, 0-9 and, behind the first, '-' and '_'");
}

static bool is_forbidden(struct hk_str name)
{
    for (size_t i = 0; i < HK_COUNTOF(forbidden_names); i++) {
        size_t n = strlen(forbidden_names[i]);
        bool is_prefix = forbidden_names[i][n - 1] == '-';

        if ((name.n == n || (is_prefix && name.n > n)) &&
            strncasecmp(name.p, forbidden_names[i], n) == 0)
            return true;
    }
    return false;
}

enum hk_code check_header_name(struct hk_str value, struct hk_error *reterr)
{
    bool is_token = value.n >= 1 && value.n <= 128;

    for (size_t i = 0; i < value.n && is_token; i++)
        is_token = is_alphanumeric(value.p[i]) ||
                   (value.p[i] != '\0' && strchr("!#$%&'*+-.^_`|~", value.p[i]) != NULL);
    if (!is_token)
        return hk_fail(reterr, HK_INVALID_BODY, "", "is not the name of a header field");
    if (is_forbidden(value))
        return hk_fail(reterr, HK_INVALID_BODY, "", "is a header field that cannot be set");
    return HK_OK;
}

enum hk_code check_header_value(struct hk_str value, struct hk_error *reterr)
{
    bool is_legal = value.n > 0 && value.n <= MAX_HEADER_VALUE_BYTES;

    for (size_t i = 0; i < value.n && is_legal; i++)
        is_legal = (unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7f;
    if (is_legal && value.p[0] != ' ' && value.p[value.n - 1] != ' ')
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be 1 to %d bytes without control characters and outer blanks",
                   MAX_HEADER_VALUE_BYTES);
}

enum hk_code check_bearer_token(struct hk_str value, struct hk_error *reterr)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= 0x20 || value.p[i] > 0x7e)
            return hk_fail(reterr, HK_INVALID_BODY, "", "must be visible ASCII");
    }
    return HK_OK;
}

enum hk_code check_token_scope(struct hk_str value, struct hk_error *reterr)
{
    bool is_legal = value.n > 0 && value.p[0] != ' ' && value.p[value.n - 1] != ' ';

    for (size_t i = 0; i < value.n && is_legal; i++)
        is_legal = value.p[i] >= ' ' && value.p[i] <= '~' && value.p[i] != '"' &&
                   value.p[i] != '\\' && !(value.p[i] == ' ' && value.p[i - 1] == ' ');
    if (is_legal)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "", "must be scopes, separated by single blanks");
}

enum hk_code check_client_certificate(struct hk_str value, struct hk_error *reterr)
{
    const char *fault = hk_certificate_fault(value, hk_wall_us() / 1000000);

    return fault == NULL ? HK_OK : hk_fail(reterr, HK_INVALID_BODY, "", "%s", fault);
}

enum hk_code check_client_key(struct hk_str value, struct hk_error *reterr)
{
    const char *fault = hk_certificate_key_fault(value);

    return fault == NULL ? HK_OK : hk_fail(reterr, HK_INVALID_BODY, "", "%s", fault);
}

enum hk_code check_signing_secret(struct hk_str value, struct hk_error *reterr)
{
    if (hk_secret_is_valid(value))
        return HK_OK;
    return hk_fail(
        reterr, HK_INVALID_BODY, "",
        "must be \"whsec_\" and the base64 of 24 to 64 bytes, or \"whsk_\" and that of a seed "
        "and its public key");
}
