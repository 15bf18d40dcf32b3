/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "hk/encode.h"

bool page_cursor_encode(const struct hk_id *tenant_id, struct hk_str key,
                        char ret[PAGE_CURSOR_SIZE])
{
    uint8_t bytes[16 + PAGE_MAX_KEY_BYTES];

    if (key.n == 0 || key.n > PAGE_MAX_KEY_BYTES)
        return false;
    memcpy(bytes, tenant_id->bytes, 16);
    memcpy(bytes + 16, key.p, key.n);
    (void)hk_b64url_encode(bytes, 16 + key.n, ret);
    return true;
}

bool page_cursor_decode(struct hk_str cursor, const struct hk_id *tenant_id,
                        char ret_key[PAGE_MAX_KEY_BYTES + 1])
{
    uint8_t bytes[16 + PAGE_MAX_KEY_BYTES];
    size_t n;

    if (!hk_b64url_decode(cursor, bytes, sizeof(bytes), &n) || n <= 16 ||
        memcmp(bytes, tenant_id->bytes, 16) != 0 || memchr(bytes + 16, '\0', n - 16) != NULL)
        return false;
    for (size_t i = 16; i < n; i++) {
        if (bytes[i] >= 0x80)
            return false; /* keys are ASCII: ids, numbers and names of event types */
    }
    memcpy(ret_key, bytes + 16, n - 16);
    ret_key[n - 16] = '\0';
    return true;
}

bool page_limit_is_valid(struct hk_str text)
{
    int value = 0;

    if (text.n == 0 || text.n > 3)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (text.p[i] - '0');
    }
    return value >= 1 && value <= PAGE_MAX_LIMIT;
}
