/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/form.h"

#include "hk/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t hk_form_decode(struct hk_str raw, char *ret, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = raw.n - i > 2 ? hex_digit(raw.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(raw.p[i + 2]);

            if (low < 0)
                return SIZE_MAX;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return SIZE_MAX;
        ret[n++] = c;
    }
    ret[n] = '\0';
    return hk_utf8_is_valid((struct hk_str){ret, n}) ? n : SIZE_MAX;
}

bool hk_form_next(struct hk_str *rest, struct hk_str *ret_name, struct hk_str *ret_value)
{
    while (rest->n > 0) {
        const char *end = memchr(rest->p, '&', rest->n);
        struct hk_str pair = {rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};
        const char *equals = memchr(pair.p, '=', pair.n);
        size_t n_taken = pair.n + (end != NULL);

        *rest = (struct hk_str){rest->p + n_taken, rest->n - n_taken};
        if (pair.n == 0)
            continue;
        *ret_name = pair;
        *ret_value = HK_STR_NULL;
        if (equals != NULL) {
            ret_name->n = (size_t)(equals - pair.p);
            *ret_value = (struct hk_str){equals + 1, pair.n - ret_name->n - 1};
        }
        return true;
    }
    return false;
}

size_t hk_form_read(struct hk_str form, struct hk_form_pair *ret, size_t max, char *text)
{
    size_t size = form.n + 2 * max + 1; /* a NUL for each */
    struct hk_str raw[2];
    size_t n = 0;

    while (hk_form_next(&form, &raw[0], &raw[1])) {
        struct hk_str decoded[2];

        if (n == max)
            return SIZE_MAX;
        for (size_t i = 0; i < 2; i++) {
            size_t length = hk_form_decode(raw[i], text, size);

            if (length == SIZE_MAX)
                return SIZE_MAX;
            decoded[i] = (struct hk_str){text, length};
            text += length + 1;
            size -= length + 1;
        }
        ret[n++] = (struct hk_form_pair){decoded[0], decoded[1]};
    }
    return n;
}

enum hk_form_result hk_form_value(struct hk_str form, const char *name, char *ret, size_t size)
{
    enum hk_form_result result = HK_FORM_ABSENT;
    char decoded_name[64];
    struct hk_str raw_name, raw_value;

    while (hk_form_next(&form, &raw_name, &raw_value)) {
        if (hk_form_decode(raw_name, decoded_name, sizeof(decoded_name)) == SIZE_MAX ||
            strcmp(decoded_name, name) != 0)
            continue;
        if (result == HK_FORM_FOUND || raw_value.p == NULL ||
            hk_form_decode(raw_value, ret, size) == SIZE_MAX)
            return HK_FORM_MALFORMED;
        result = HK_FORM_FOUND;
    }
    return result;
}
