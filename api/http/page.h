/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/page.h - cursors: opaque to clients, the key of the last row inside, signed. Pure.
 *
 * A cursor is base64url of a version byte, a MAC of 16 bytes and the key. The MAC covers the list
 * that gave the cursor out as well: its scope, a hash of the route, the tenant, the caller's
 * partner and all filters (bind_list_scope()). So a cursor is good for going on in that list, and
 * for nothing else; there is nothing in it to be changed.
 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "hk/encode.h"

enum {
    PAGE_DEFAULT_LIMIT = 50,
    PAGE_MAX_LIMIT = 250,
    PAGE_MAX_KEY_BYTES = 256,
    PAGE_MAC_BYTES = 16,
    PAGE_SECRET_BYTES = 32,
};

#define PAGE_CURSOR_SIZE HK_B64_SIZE(1 + PAGE_MAC_BYTES + PAGE_MAX_KEY_BYTES)

/* False when the key is too long to be one of ours. */
HK_NODISCARD bool page_cursor_encode(const uint8_t secret[PAGE_SECRET_BYTES],
                                     const uint8_t scope[HK_SHA256_SIZE], struct hk_str key,
                                     char ret[PAGE_CURSOR_SIZE]);

/* `ret_key` is NUL-terminated. False when this list did not give the cursor out. */
HK_NODISCARD bool page_cursor_decode(const uint8_t secret[PAGE_SECRET_BYTES],
                                     const uint8_t scope[HK_SHA256_SIZE], struct hk_str cursor,
                                     char ret_key[PAGE_MAX_KEY_BYTES + 1]);

/* 1 to PAGE_MAX_LIMIT in decimal. */
HK_NODISCARD bool page_limit_is_valid(struct hk_str text);

#endif
