/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/json_plain.h - over the bytes of a JSON string that stand for themselves, eight at a time:
 * most of what is published stands in strings. Private to lib. Pure.
 */
#ifndef LIB_JSON_PLAIN_H
#define LIB_JSON_PLAIN_H

#include <string.h>

#include "hk/base.h"

#define REPEATED(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0 when one of the eight bytes is zero; which one, only the lowest mark says. */
static inline uint64_t mark_zeros(uint64_t bytes)
{
    return (bytes - REPEATED(0x01)) & ~bytes & REPEATED(0x80);
}

/* ASCII but for quote, backslash and controls, all eight. */
static inline bool are_plain(uint64_t bytes)
{
    uint64_t high = bytes | (bytes - REPEATED(' ')); /* beyond ASCII; below the blank */

    return ((mark_zeros(bytes ^ REPEATED('"')) | mark_zeros(bytes ^ REPEATED('\\')) | high) &
            REPEATED(0x80)) == 0;
}

/* `p`, or behind so many eights as are plain; less than eight before `end` are left to the caller.
 */
static inline const char *json_skip_plain(const char *p, const char *end)
{
    uint64_t bytes;

    for (; end - p >= (ptrdiff_t)sizeof(bytes); p += sizeof(bytes)) {
        memcpy(&bytes, p, sizeof(bytes));
        if (!are_plain(bytes))
            break;
    }
    return p;
}

#endif
