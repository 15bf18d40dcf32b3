/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/checks.h"

#include "api/auth/auth.h"
#include "hk/addr.h"
#include "hk/clock.h"
#include "hk/id.h"
#include "hk/url.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

enum hk_code check_url(struct hk_str value, struct hk_error *reterr)
{
    return hk_url_check(value, true, reterr);
}

enum hk_code check_network(struct hk_str value, struct hk_error *reterr)
{
    struct hk_networks networks;
    char text[64];

    if (value.n < sizeof(text)) {
        memcpy(text, value.p, value.n);
        text[value.n] = '\0';
        if (hk_networks_parse(text, &networks) && networks.n == 1)
            return HK_OK;
    }
    return hk_fail(reterr, HK_INVALID_BODY, "", "must be a network like \"10.1.0.0/16\"");
}

static bool is_name_byte(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

/* The end of one step of a path at `p`, NULL when there is none. */
static const char *skip_path_step(const char *p, const char *end)
{
    const char *name = p + 1;

    if (end - p >= 3 && memcmp(p, "[*]", 3) == 0)
        return p + 3;
    if (end - p < 2 || *p != '.')
        return NULL;
    if (*name == '*')
        return name + 1;
    for (p = name; p < end && is_name_byte(*p);)
        p++;
    return p > name ? p : NULL;
}

enum hk_code check_sensitive_path(struct hk_str value, struct hk_error *reterr)
{
    enum { MAX_STEPS = 10, MAX_PATH = 200 };
    const char *p = value.p, *end = value.p + value.n;
    unsigned n_steps = 0;

    if (value.n > 1 && value.n <= MAX_PATH && *p == '$') {
        for (p++; p != NULL && p < end; n_steps++)
            p = skip_path_step(p, end);
        if (p != NULL && n_steps <= MAX_STEPS)
            return HK_OK;
    }
    return hk_fail(
        reterr, HK_INVALID_BODY, "",
        "must be a place like \"$.person.iban\" or \"$.lines[*].note\", at most %d steps",
        MAX_STEPS);
}

enum hk_code check_id(struct hk_str value, struct hk_error *reterr)
{
    struct hk_id id;

    return hk_id_parse(value, &id) ? HK_OK : hk_fail(reterr, HK_INVALID_BODY, "", "must be a UUID");
}

enum hk_code check_base_url(struct hk_str value, struct hk_error *reterr)
{
    const char *path;

    if (hk_url_check(value, false, reterr) != HK_OK)
        return reterr->code;
    path = memchr(value.p + sizeof("https://") - 1, '/', value.n - (sizeof("https://") - 1));
    if (memchr(value.p, '?', value.n) != NULL || (path != NULL && path + 1 != value.p + value.n))
        return hk_fail(reterr, HK_INVALID_BODY, "", "must have no path and no query");
    return HK_OK;
}

enum hk_code check_timestamp(struct hk_str value, struct hk_error *reterr)
{
    int64_t wall_us;

    if (hk_parse_rfc3339(value, &wall_us))
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be a moment as RFC 3339 has it, like 2030-01-31T23:59:59Z");
}

enum hk_code check_field_key(struct hk_str value, struct hk_error *reterr)
{
    bool is_legal = value.n >= 1 && value.n <= 64 && is_letter(value.p[0]);

    for (size_t i = 0; i < value.n && is_legal; i++)
        is_legal = is_letter(value.p[i]) || is_digit(value.p[i]) || value.p[i] == '_';
    if (is_legal)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be a letter and up to 63 letters, digits and underscores");
}

/* The length of ".name" or "[12]" at the start of `text`; 0: neither is there. */
static size_t path_step_size(struct hk_str text)
{
    size_t n = 1;

    if (text.n > 1 && text.p[0] == '.' && (is_letter(text.p[1]) || text.p[1] == '_')) {
        while (n < text.n && (is_letter(text.p[n]) || is_digit(text.p[n]) || text.p[n] == '_'))
            n++;
        return n;
    }
    while (text.n > 0 && text.p[0] == '[' && n < text.n && n <= 4 && is_digit(text.p[n]))
        n++;
    return n > 1 && n < text.n && text.p[n] == ']' ? n + 1 : 0;
}

enum hk_code check_attribute_path(struct hk_str value, struct hk_error *reterr)
{
    size_t at = value.n > 0 && value.p[0] == '$' ? 1 : 0, n = at;

    while (at > 0 && at < value.n && n > 0) {
        n = path_step_size((struct hk_str){value.p + at, value.n - at});
        at += n;
    }
    if (at > 1 && at == value.n && value.n <= 128)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be a path of at most 128 bytes, like $.order.lines[0].id");
}

enum hk_code check_event_type(struct hk_str value, struct hk_error *reterr)
{
    bool is_legal = value.n >= 1 && value.n <= 128;

    for (size_t i = 0; i < value.n && is_legal; i++) {
        bool is_end = i == 0 || i == value.n - 1;
        char c = value.p[i];

        is_legal = is_letter(c) || is_digit(c) || (!is_end && (c == '_' || c == '.' || c == '-'));
    }
    if (is_legal)
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "must be 1 to 128 letters, digits, and between them '.', '-' and '_'");
}

enum hk_code check_own_event_type(struct hk_str value, struct hk_error *reterr)
{
    const struct hk_str reserved = HK_STR("hookline.");

    if (value.n >= reserved.n && memcmp(value.p, reserved.p, reserved.n) == 0)
        return hk_fail(reterr, HK_INVALID_BODY, "",
                       "must not begin with \"hookline.\": those are operational events");
    return check_event_type(value, reterr);
}

static bool has_control(struct hk_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return true;
    }
    return false;
}

enum hk_code check_username(struct hk_str value, struct hk_error *reterr)
{
    if (has_control(value) || memchr(value.p, ':', value.n) != NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "", "must not hold control characters or a colon");
    return HK_OK;
}

enum hk_code check_password(struct hk_str value, struct hk_error *reterr)
{
    if (has_control(value))
        return hk_fail(reterr, HK_INVALID_BODY, "", "must not hold control characters");
    return HK_OK;
}

enum hk_code check_email(struct hk_str value, struct hk_error *reterr)
{
    const char *at = memchr(value.p, '@', value.n);
    bool is_good = at != NULL && at > value.p && at + 1 < value.p + value.n &&
                   memchr(at + 1, '@', (size_t)(value.p + value.n - at - 1)) == NULL;

    for (size_t i = 0; i < value.n; i++)
        is_good = is_good && (unsigned char)value.p[i] > ' ' && value.p[i] != 0x7f;
    return is_good ? HK_OK : hk_fail(reterr, HK_INVALID_BODY, "", "must be an e-mail address");
}

enum hk_code check_partner_size(struct hk_str value, struct hk_error *reterr)
{
    static const size_t max_bytes = sizeof(((struct caller *)NULL)->partner) - 1;

    return value.n <= max_bytes ? HK_OK
                                : hk_fail(reterr, HK_INVALID_BODY, "",
                                          "must not be longer than %zu bytes", max_bytes);
}
