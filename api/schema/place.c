/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema/place.h"

#include <stdio.h>

#include "api/schema/text.h"

enum { MAX_DEPTH = 80 }; /* of what hk_json_scan() accepts, and then some */

/* One name with its slash; 0 when it does not fit. */
static size_t write_name(struct hk_str name, char *ret, size_t size)
{
    size_t n = 0;

    if (size < 2)
        return 0;
    ret[n++] = '/';
    for (size_t at = 0; at < name.n;) {
        int32_t code_point = text_next(name, &at);
        char bytes[4] = {'~', code_point == '~' ? '0' : '1'};
        size_t length = 2;

        if (code_point != '~' && code_point != '/') /* a C string cannot hold U+0000 */
            length = text_encode(code_point == 0 ? 0xfffd : code_point, bytes);
        if (n + length >= size)
            return 0;
        memcpy(ret + n, bytes, length);
        n += length;
    }
    return n;
}

void place_write(const struct place *place, char *ret, size_t size)
{
    const struct place *path[MAX_DEPTH];
    size_t depth = 0, n = 0;

    for (; place != NULL && depth < MAX_DEPTH; place = place->parent)
        path[depth++] = place;
    while (depth > 0) {
        char number[24];
        size_t length;

        place = path[--depth];
        (void)snprintf(number, sizeof(number), "%zu", place->index);
        length =
            write_name(place->name.p == NULL ? hk_str(number) : place->name, ret + n, size - n);
        if (length == 0)
            break;
        n += length;
    }
    ret[n] = '\0';
}
