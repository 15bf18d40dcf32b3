/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/secrets.h"

#include "api/call.h"
#include "hk/encode.h"
#include "hk/sign.h"

void secrets_set_signing(struct call *call)
{
    char secret[HK_SECRET_TEXT_SIZE];

    hk_secret_new(secret);
    call_set_param(call, "=secret", hk_str(secret));
    explicit_bzero(secret, sizeof(secret));
}

void secrets_set_imported(struct call *call, struct hk_str secret)
{
    size_t n_padding = (4 - (secret.n - strlen("whsec_")) % 4) % 4;
    size_t n = secret.n + n_padding;
    char *padded = call_alloc(call, n);

    memcpy(padded, secret.p, secret.n);
    memset(padded + secret.n, '=', n_padding);
    call_set_param(call, "=secret", (struct hk_str){padded, n});
}

void secrets_set_key(struct call *call, const struct hk_id *tenant_id)
{
    char key[AUTH_KEY_TEXT_SIZE];
    uint8_t hash[HK_SHA256_SIZE];
    char hex[2 * HK_SHA256_SIZE + 1];

    auth_key_new(tenant_id, key);
    hk_sha256(key, strlen(key), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    call_set_param(call, "=key", hk_str(key));
    call_set_param(call, "=key_sha256", hk_str(hex));
    explicit_bzero(key, sizeof(key));
}

void secrets_set_token(struct call *call)
{
    uint8_t random[32], hash[HK_SHA256_SIZE];
    char token[HK_B64_SIZE(sizeof(random))], hex[2 * HK_SHA256_SIZE + 1];

    hk_random(random, sizeof(random));
    hk_sha256(token, hk_b64url_encode(random, sizeof(random), token), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    call_set_param(call, "=token", hk_str(token));
    call_set_param(call, "=token_sha256", hk_str(hex));
    explicit_bzero(token, sizeof(token));
    explicit_bzero(random, sizeof(random));
}
