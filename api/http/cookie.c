/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/cookie.h"

#include <strings.h>

enum { PREFIX_N = 4, TENANT_N = 22, RANDOM_BYTES = 32 };

static const char prefix[] = "hks_";

/* RFC 6265: pairs with ';' between them. The first of a name counts. */
struct hk_str cookie_find(struct hk_str header, struct hk_str name)
{
    while (header.n > 0) {
        const char *semicolon = memchr(header.p, ';', header.n);
        struct hk_str pair = {header.p,
                              semicolon == NULL ? header.n : (size_t)(semicolon - header.p)};
        const char *equals = memchr(pair.p, '=', pair.n);

        header.p += pair.n + (semicolon != NULL);
        header.n -= pair.n + (semicolon != NULL);
        if (equals == NULL)
            continue;
        if (hk_str_eq(hk_str_trim((struct hk_str){pair.p, (size_t)(equals - pair.p)}), name))
            return hk_str_trim((struct hk_str){equals + 1, (size_t)(pair.p + pair.n - equals - 1)});
    }
    return HK_STR_NULL;
}

void session_token_new(const struct hk_id *tenant_id, char ret[SESSION_TOKEN_SIZE])
{
    uint8_t random[RANDOM_BYTES];

    memcpy(ret, prefix, PREFIX_N);
    hk_base62_encode16(tenant_id->bytes, ret + PREFIX_N);
    ret[PREFIX_N + TENANT_N] = '_';
    hk_random(random, sizeof(random));
    (void)hk_b64url_encode(random, sizeof(random), ret + PREFIX_N + TENANT_N + 1);
    explicit_bzero(random, sizeof(random));
}

bool session_token_parse(struct hk_str token, struct hk_id *ret_tenant_id,
                         uint8_t ret_sha256[HK_SHA256_SIZE])
{
    if (token.n != SESSION_TOKEN_SIZE - 1 || memcmp(token.p, prefix, PREFIX_N) != 0 ||
        token.p[PREFIX_N + TENANT_N] != '_' ||
        !hk_base62_decode16(token.p + PREFIX_N, ret_tenant_id->bytes))
        return false;
    hk_sha256(token.p, token.n, ret_sha256);
    return true;
}

/* The hash of a text that no token is: knowing it, or what the database holds, leads nowhere. */
void csrf_token_of(struct hk_str session_token, char ret[CSRF_TOKEN_SIZE])
{
    static const char purpose[] = "hookline csrf ";
    char text[sizeof(purpose) - 1 + SESSION_TOKEN_SIZE];
    size_t n = session_token.n < SESSION_TOKEN_SIZE ? session_token.n : SESSION_TOKEN_SIZE;
    uint8_t hash[HK_SHA256_SIZE];

    memcpy(text, purpose, sizeof(purpose) - 1);
    memcpy(text + sizeof(purpose) - 1, session_token.p, n);
    hk_sha256(text, sizeof(purpose) - 1 + n, hash);
    (void)hk_b64url_encode(hash, sizeof(hash), ret);
    explicit_bzero(text, sizeof(text));
}

bool csrf_token_is_valid(struct hk_str session_token, struct hk_str given)
{
    char wanted[CSRF_TOKEN_SIZE];
    unsigned char difference = 0;

    if (given.n != sizeof(wanted) - 1)
        return false;
    csrf_token_of(session_token, wanted);
    for (size_t i = 0; i < given.n; i++)
        difference |= (unsigned char)((unsigned char)wanted[i] ^ (unsigned char)given.p[i]);
    return difference == 0;
}

static bool is_same_host(struct hk_str origin, struct hk_str host)
{
    static const char *const schemes[] = {"https://", "http://"};

    for (size_t i = 0; i < HK_COUNTOF(schemes); i++) {
        size_t n = strlen(schemes[i]);

        if (origin.n == n + host.n && strncasecmp(origin.p, schemes[i], n) == 0)
            return host.n > 0 && strncasecmp(origin.p + n, host.p, host.n) == 0;
    }
    return false;
}

bool origin_is_ours(struct hk_str origin, struct hk_str sec_fetch_site, struct hk_str host)
{
    if (sec_fetch_site.p != NULL && !hk_str_eq(sec_fetch_site, HK_STR("same-origin")))
        return false;
    return origin.p == NULL || is_same_host(origin, host);
}
