/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/utf8.h"

/* The valid ranges of the second byte after each first byte (RFC 3629, section 4). */
static const struct {
    uint8_t first_min, first_max, second_min, second_max;
    unsigned n_bytes;
} sequences[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* The length of the multi-byte sequence at `p`, or 0 when it is not one. */
static size_t sequence_size(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < HK_COUNTOF(sequences); i++) {
        if (p[0] < sequences[i].first_min || p[0] > sequences[i].first_max)
            continue;
        if (n < sequences[i].n_bytes || p[1] < sequences[i].second_min ||
            p[1] > sequences[i].second_max)
            return 0;
        for (unsigned j = 2; j < sequences[i].n_bytes; j++) {
            if ((p[j] & 0xc0) != 0x80)
                return 0;
        }
        return sequences[i].n_bytes;
    }
    return 0;
}

void utf8_scrub(char *p, size_t n)
{
    uint8_t *bytes = (uint8_t *)p;
    size_t at = 0;

    while (at < n) {
        size_t size;

        if (bytes[at] != 0 && bytes[at] < 0x80) {
            at++;
            continue;
        }
        size = bytes[at] == 0 ? 0 : sequence_size(bytes + at, n - at);
        if (size == 0)
            bytes[at] = '?';
        at += size == 0 ? 1 : size;
    }
}
