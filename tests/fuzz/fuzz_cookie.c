/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cookie_find(), session_token_parse(), csrf_token_is_valid(), origin_is_ours(): any bytes of a
 * header. What is found lies inside the header, and nothing but a token is one.
 */
#include "api/http/cookie.h"
#include "tests/fuzz/fuzz.h"

static void must_lie_within(struct hk_str found, struct hk_str header)
{
    FUZZ_MUST(found.p >= header.p && found.p + found.n <= header.p + header.n);
    FUZZ_MUST(memchr(found.p, ';', found.n) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str header = {(const char *)data, size};
    struct hk_str found = cookie_find(header, HK_STR(SESSION_COOKIE_NAME));
    uint8_t hash[HK_SHA256_SIZE];
    char csrf[CSRF_TOKEN_SIZE];
    struct hk_id tenant_id;

    if (found.p != NULL) {
        must_lie_within(found, header);
        if (session_token_parse(found, &tenant_id, hash))
            FUZZ_MUST(found.n == SESSION_TOKEN_SIZE - 1);
    }
    (void)!session_token_parse(header, &tenant_id, hash);
    csrf_token_of(header, csrf);
    FUZZ_MUST(csrf_token_is_valid(header, hk_str(csrf)));
    FUZZ_MUST(!csrf_token_is_valid(header, HK_STR_NULL));
    for (size_t i = 0; i <= size; i++) {
        struct hk_str origin = {header.p, i}, host = {header.p + i, size - i};

        if (origin_is_ours(origin, HK_STR_NULL, host))
            FUZZ_MUST(origin.n > host.n && host.n > 0);
    }
    return 0;
}
