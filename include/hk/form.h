/* SPDX-License-Identifier: Apache-2.0 */
/* hk/form.h - bodies of application/x-www-form-urlencoded, and queries. Pure. */
#ifndef HK_FORM_H
#define HK_FORM_H

#include "hk/base.h"

#define HK_FORM_MEDIA_TYPE "application/x-www-form-urlencoded"

enum hk_form_result {
    HK_FORM_ABSENT,
    HK_FORM_FOUND,
    HK_FORM_MALFORMED, /* there twice, or not to be decoded */
};

/*
 * Decodes into `ret`, NUL-terminated; the length, or SIZE_MAX: too long, U+0000, not UTF-8, a
 * percent sign without two digits.
 */
size_t hk_form_decode(struct hk_str raw, char *ret, size_t size);

/*
 * Takes the next pair that is not empty off `rest`, as it is written there; false when there is
 * none. The value of one without a "=" has .p == NULL.
 */
HK_NODISCARD bool hk_form_next(struct hk_str *rest, struct hk_str *ret_name,
                               struct hk_str *ret_value);

struct hk_form_pair {
    struct hk_str name, value;
};

/*
 * Decodes all pairs into `text`, which has room for form.n + 2 * max + 1 bytes, and `ret`, which
 * has room for `max`. Their number, or SIZE_MAX: there are more, or one is not to be decoded.
 */
size_t hk_form_read(struct hk_str form, struct hk_form_pair *ret, size_t max, char *text);

/* The decoded value of `name`, NUL-terminated, at most `size - 1` bytes. */
enum hk_form_result hk_form_value(struct hk_str form, const char *name, char *ret, size_t size);

#endif
