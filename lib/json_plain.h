/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/json_plain.h - over the bytes of a JSON string that stand for themselves, sixteen at a time:
 * most of what is published stands in strings. Private to lib. Pure.
 */
#ifndef LIB_JSON_PLAIN_H
#define LIB_JSON_PLAIN_H

#include <string.h>

#include "hk/base.h"

/* Of gcc and clang, on any machine; in one instruction where it has such. */
typedef int8_t json_sixteen __attribute__((vector_size(16)));

/* ASCII but for quote, backslash and controls, all of them; bytes beyond ASCII are negative. */
static inline bool are_plain(json_sixteen bytes)
{
    json_sixteen marks = (bytes < ' ') | (bytes == '"') | (bytes == '\\');
    uint64_t halves[2];

    memcpy(halves, &marks, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

/* `p`, or behind so many sixteens as are plain; less before `end` are left to the caller. */
static inline const char *json_skip_plain(const char *p, const char *end)
{
    json_sixteen bytes;

    for (; end - p >= (ptrdiff_t)sizeof(bytes); p += sizeof(bytes)) {
        memcpy(&bytes, p, sizeof(bytes));
        if (!are_plain(bytes))
            break;
    }
    return p;
}

#endif
