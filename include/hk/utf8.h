/* SPDX-License-Identifier: Apache-2.0 */
/* hk/utf8.h - well-formed UTF-8 as RFC 3629 has it: no surrogates, no longer forms. Pure. */
#ifndef HK_UTF8_H
#define HK_UTF8_H

#include "hk/base.h"

/* The bytes of the character that begins at `p`, 1 to 4; 0 when it is not well-formed. `n` is not
 * 0. */
size_t hk_utf8_size(const char *p, size_t n);

bool hk_utf8_is_valid(struct hk_str s);

/* Replaces in place each byte that is not part of well-formed UTF-8, and each NUL, by '?'. */
void hk_utf8_scrub(char *p, size_t n);

#endif
