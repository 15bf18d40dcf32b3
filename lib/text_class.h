/* SPDX-License-Identifier: Apache-2.0 */
/* lib/text_class.h - what a text is made of. Private to lib. Pure. */
#ifndef LIB_TEXT_CLASS_H
#define LIB_TEXT_CLASS_H

#include "hk/base.h"

static inline bool text_has_controls(struct hk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

/* Visible ASCII, and blanks if they are taken. */
static inline bool text_is_visible(struct hk_str s, bool takes_blanks)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < (takes_blanks ? ' ' : '!') || s.p[i] > '~')
            return false;
    }
    return true;
}

/* Letters, digits and `marks`. */
static inline bool text_is_made_of(struct hk_str s, const char *marks)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        char lower = (char)(c | 0x20);

        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') &&
            (c == '\0' || strchr(marks, c) == NULL))
            return false;
    }
    return true;
}

/* Of a header field's name (RFC 9110, 5.6.2); that it has a character at all is not asked. */
static inline bool text_is_token(struct hk_str s)
{
    return text_is_made_of(s, "!#$%&'*+-.^_`|~");
}

#endif
