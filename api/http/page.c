/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/page.h"

enum { VERSION = 1, HEAD_BYTES = 1 + PAGE_MAC_BYTES, MAX_BYTES = HEAD_BYTES + PAGE_MAX_KEY_BYTES };

/* The version is signed with the rest: a cursor of another one is none of this. */
static void sign(const uint8_t secret[PAGE_SECRET_BYTES], const uint8_t scope[HK_SHA256_SIZE],
                 struct hk_str key, uint8_t ret[PAGE_MAC_BYTES])
{
    uint8_t text[1 + HK_SHA256_SIZE + PAGE_MAX_KEY_BYTES] = {VERSION}, mac[HK_SHA256_SIZE];

    memcpy(text + 1, scope, HK_SHA256_SIZE);
    memcpy(text + 1 + HK_SHA256_SIZE, key.p, key.n);
    hk_hmac_sha256(secret, PAGE_SECRET_BYTES, text, 1 + HK_SHA256_SIZE + key.n, mac);
    memcpy(ret, mac, PAGE_MAC_BYTES);
}

bool page_cursor_encode(const uint8_t secret[PAGE_SECRET_BYTES],
                        const uint8_t scope[HK_SHA256_SIZE], struct hk_str key,
                        char ret[PAGE_CURSOR_SIZE])
{
    uint8_t bytes[MAX_BYTES] = {VERSION};

    if (key.n == 0 || key.n > PAGE_MAX_KEY_BYTES)
        return false;
    sign(secret, scope, key, bytes + 1);
    memcpy(bytes + HEAD_BYTES, key.p, key.n);
    (void)hk_b64url_encode(bytes, HEAD_BYTES + key.n, ret);
    return true;
}

bool page_cursor_decode(const uint8_t secret[PAGE_SECRET_BYTES],
                        const uint8_t scope[HK_SHA256_SIZE], struct hk_str cursor,
                        char ret_key[PAGE_MAX_KEY_BYTES + 1])
{
    uint8_t bytes[MAX_BYTES], mac[PAGE_MAC_BYTES];
    char canonical[PAGE_CURSOR_SIZE];
    struct hk_str key;
    size_t n;

    if (!hk_b64url_decode(cursor, bytes, sizeof(bytes), &n) || n <= HEAD_BYTES ||
        bytes[0] != VERSION)
        return false;
    /* The last character may have bits that stand for nothing. */
    if (!hk_str_eq(cursor, (struct hk_str){canonical, hk_b64url_encode(bytes, n, canonical)}))
        return false;
    key = (struct hk_str){(const char *)bytes + HEAD_BYTES, n - HEAD_BYTES};
    sign(secret, scope, key, mac);
    if (!hk_equal_secretly(mac, bytes + 1, PAGE_MAC_BYTES) || memchr(key.p, '\0', key.n) != NULL)
        return false;
    memcpy(ret_key, key.p, key.n);
    ret_key[key.n] = '\0';
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
