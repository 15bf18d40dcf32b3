/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_cursor_decode(): no bytes are a cursor but those that page_cursor_encode() gives out, whose
 * key comes back as it was.
 */
#include "api/http/page.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t secret[PAGE_SECRET_BYTES] = {7}, scope[HK_SHA256_SIZE] = {9};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str given = {(const char *)data, size};
    char cursor[PAGE_CURSOR_SIZE], key[PAGE_MAX_KEY_BYTES + 1];

    if (page_cursor_decode(secret, scope, given, key)) {
        FUZZ_MUST(page_cursor_encode(secret, scope, hk_str(key), cursor));
        FUZZ_MUST(hk_str_eq(given, hk_str(cursor)));
    }
    if (page_cursor_encode(secret, scope, given, cursor) && memchr(data, '\0', size) == NULL) {
        FUZZ_MUST(page_cursor_decode(secret, scope, hk_str(cursor), key));
        FUZZ_MUST(hk_str_eq(given, hk_str(key)));
        cursor[size % strlen(cursor)] ^= 1;
        FUZZ_MUST(!page_cursor_decode(secret, scope, hk_str(cursor), key));
    }
    return 0;
}
