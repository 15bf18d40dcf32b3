/* SPDX-License-Identifier: Apache-2.0 */
#include "api/form.h"

#include "hk/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t form_decode(struct hk_str raw, char *ret, size_t size)
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

enum form_result form_value(struct hk_str form, const char *name, char *ret, size_t size)
{
    enum form_result result = FORM_ABSENT;
    char decoded_name[64];

    while (form.n > 0) {
        const char *end = memchr(form.p, '&', form.n);
        struct hk_str pair = {form.p, end == NULL ? form.n : (size_t)(end - form.p)};
        const char *equals = memchr(pair.p, '=', pair.n);
        size_t name_n = equals == NULL ? pair.n : (size_t)(equals - pair.p);

        form = (struct hk_str){form.p + pair.n + (end != NULL), form.n - pair.n - (end != NULL)};
        if (form_decode((struct hk_str){pair.p, name_n}, decoded_name, sizeof(decoded_name)) ==
                SIZE_MAX ||
            strcmp(decoded_name, name) != 0)
            continue;
        if (result == FORM_FOUND || equals == NULL ||
            form_decode((struct hk_str){equals + 1, pair.n - name_n - 1}, ret, size) == SIZE_MAX)
            return FORM_MALFORMED;
        result = FORM_FOUND;
    }
    return result;
}
