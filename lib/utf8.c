/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/utf8.h"

/* The table of RFC 3629, section 4: only the second byte's range depends on the first. */
size_t hk_utf8_size(const char *p, size_t n)
{
    const uint8_t *byte = (const uint8_t *)p;
    uint8_t second_min = byte[0] == 0xe0 ? 0xa0 : byte[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t second_max = byte[0] == 0xed ? 0x9f : byte[0] == 0xf4 ? 0x8f : 0xbf;
    size_t size;

    if (byte[0] < 0x80)
        return 1;
    if (byte[0] < 0xc2 || byte[0] > 0xf4)
        return 0;
    size = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (n < size || byte[1] < second_min || byte[1] > second_max)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
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

/* Whether eight bytes are ASCII and none of them is NUL, as nearly all are. */
static bool is_ascii(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return ((word | (word - ones)) & tops) == 0;
}

void hk_utf8_scrub(char *p, size_t n)
{
    size_t at = 0, size;

    while (at < n) {
        if (n - at >= sizeof(uint64_t) && is_ascii(p + at)) {
            at += sizeof(uint64_t);
            continue;
        }
        size = p[at] == '\0' ? 0 : hk_utf8_size(p + at, n - at);
        if (size == 0)
            p[at] = '?';
        at += size == 0 ? 1 : size;
    }
}
