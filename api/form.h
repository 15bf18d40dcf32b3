/* SPDX-License-Identifier: Apache-2.0 */
/* api/form.h - bodies of application/x-www-form-urlencoded, for a route that takes them. Pure. */
#ifndef API_FORM_H
#define API_FORM_H

#include "hk/base.h"

#define FORM_MEDIA_TYPE "application/x-www-form-urlencoded"

enum form_result {
    FORM_ABSENT,
    FORM_FOUND,
    FORM_MALFORMED, /* there twice, too long, U+0000, not UTF-8, a percent sign without two digits
                     */
};

/* Decodes into `ret`, NUL-terminated; the length, or SIZE_MAX when malformed or too long. */
size_t form_decode(struct hk_str raw, char *ret, size_t size);

/* The decoded value of `name`, NUL-terminated, at most `size - 1` bytes. */
enum form_result form_value(struct hk_str form, const char *name, char *ret, size_t size);

#endif
