/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/utf8.h"

/* The table of RFC 3629, section 4: only the second byte's range depends on the first. */
size_t hk_utf8_size(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    uint8_t second_min = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t second_max = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t size;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < size || p[1] < second_min || p[1] > second_max)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool hk_utf8_is_valid(struct hk_str s)
{
    size_t at = 0, size;

    while (at < s.n) {
        size = hk_utf8_size(s.p + at, s.n - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}
