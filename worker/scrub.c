/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/scrub.h"

#include "hk/utf8.h"

void scrub_utf8(char *p, size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t size = p[at] == '\0' ? 0 : hk_utf8_size(p + at, n - at);

        if (size == 0)
            p[at] = '?';
        at += size == 0 ? 1 : size;
    }
}
