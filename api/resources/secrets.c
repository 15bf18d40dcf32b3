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

void secrets_set_key(struct call *call, const struct hk_id *tenant_id)
{
    static const char digits[] = "0123456789abcdef";
    char key[AUTH_KEY_TEXT_SIZE];
    uint8_t hash[HK_SHA256_SIZE];
    char hex[2 * HK_SHA256_SIZE];

    auth_key_new(tenant_id, key);
    hk_sha256(key, strlen(key), hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    call_set_param(call, "=key", hk_str(key));
    call_set_param(call, "=key_sha256", (struct hk_str){hex, sizeof(hex)});
    explicit_bzero(key, sizeof(key));
}
