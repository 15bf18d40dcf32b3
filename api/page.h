/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/page.h - cursors: opaque to clients, a tenant and the key of the last row inside. The tenant
 * leads a router to the cell, and a cursor of another tenant is refused. Pure.
 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "hk/id.h"

enum { PAGE_DEFAULT_LIMIT = 50, PAGE_MAX_LIMIT = 250, PAGE_MAX_KEY_BYTES = 256 };

/* base64url of 16 bytes and a key, and a NUL. */
#define PAGE_CURSOR_SIZE ((16 + PAGE_MAX_KEY_BYTES + 2) / 3 * 4 + 1)

/* False when the key is too long to be one of ours. */
HK_NODISCARD bool page_cursor_encode(const struct hk_id *tenant_id, struct hk_str key,
                                     char ret[PAGE_CURSOR_SIZE]);

/* `ret_key` is NUL-terminated. False when the cursor is not one of this tenant. */
HK_NODISCARD bool page_cursor_decode(struct hk_str cursor, const struct hk_id *tenant_id,
                                     char ret_key[PAGE_MAX_KEY_BYTES + 1]);

/* 1 to PAGE_MAX_LIMIT in decimal. */
HK_NODISCARD bool page_limit_is_valid(struct hk_str text);

#endif
