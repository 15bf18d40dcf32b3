/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/idempotency_key.h"

#include <assert.h>

/* One character of a quoted string off the front of `rest`; -1 when it is none. */
static int take_quoted(struct hk_str *rest)
{
    char c = rest->p[0];
    size_t n = 1;

    if (c == '\\') {
        if (rest->n < 2 || (rest->p[1] != '"' && rest->p[1] != '\\'))
            return -1;
        c = rest->p[1];
        n = 2;
    } else if (c < ' ' || c > '~' || c == '"') {
        return -1;
    }
    *rest = (struct hk_str){rest->p + n, rest->n - n};
    return c;
}

static int take_bare(struct hk_str *rest)
{
    char c = rest->p[0];

    *rest = (struct hk_str){rest->p + 1, rest->n - 1};
    return c > ' ' && c <= '~' ? c : -1;
}

bool idempotency_key_read(struct hk_str header, char ret[IDEMPOTENCY_KEY_MAX_BYTES + 1])
{
    bool is_quoted = header.n >= 2 && header.p[0] == '"' && header.p[header.n - 1] == '"';
    struct hk_str rest = is_quoted ? (struct hk_str){header.p + 1, header.n - 2} : header;
    size_t n = 0;

    if (!is_quoted && header.n > 0 && header.p[0] == '"')
        return false;
    while (rest.n > 0 && n < IDEMPOTENCY_KEY_MAX_BYTES) {
        int c = is_quoted ? take_quoted(&rest) : take_bare(&rest);

        if (c < 0)
            return false;
        ret[n++] = (char)c;
    }
    ret[n] = '\0';
    return n > 0 && rest.n == 0;
}

/* A hash of hashes, so that no two lists of parts read the same. */
static void hash_parts(const struct hk_str *parts, size_t n, uint8_t ret[HK_SHA256_SIZE])
{
    uint8_t hashes[4][HK_SHA256_SIZE];

    assert(n <= HK_COUNTOF(hashes));
    for (size_t i = 0; i < n; i++)
        hk_sha256(parts[i].p, parts[i].n, hashes[i]);
    hk_sha256(hashes, n * HK_SHA256_SIZE, ret);
}

void idempotency_key_derive(struct hk_str text, const struct idempotency_scope *scope,
                            struct hk_str query, struct hk_str body, struct idempotency_key *ret)
{
    const struct hk_str secrets[] = {text, scope->proof};
    const struct hk_str places[] = {scope->actor, scope->partner, scope->method, scope->path};
    const struct hk_str contents[] = {query, body};
    uint8_t secret[HK_SHA256_SIZE], place[HK_SHA256_SIZE], content[HK_SHA256_SIZE];
    uint8_t keys[3 * HK_SHA256_SIZE];

    hash_parts(secrets, HK_COUNTOF(secrets), secret);
    hash_parts(places, HK_COUNTOF(places), place);
    hash_parts(contents, HK_COUNTOF(contents), content);
    hk_derive_key((struct hk_str){(const char *)secret, sizeof(secret)},
                  (struct hk_str){(const char *)place, sizeof(place)},
                  HK_STR("hookline idempotency key"), keys, sizeof(keys));
    memcpy(ret->id, keys, sizeof(ret->id));
    hk_hmac_sha256(keys + HK_SHA256_SIZE, HK_SHA256_SIZE, content, sizeof(content),
                   ret->fingerprint);
    memcpy(ret->seal_key, keys + (size_t)2 * HK_SHA256_SIZE, sizeof(ret->seal_key));
}
