/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMACs without keys, made once and copied for each use: OpenSSL 3 would otherwise look both
 * algorithms up by name each time.
 */
#include "hk/mac.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static EVP_MAC_CTX *templates[HK_HASH_COUNT];

static HK_NORETURN void die(void)
{
    (void)fputs("OpenSSL has no HMAC, or not one of its hashes\n", stderr);
    abort();
}

static void make_templates(void)
{
    static const char *const names[HK_HASH_COUNT] = {"SHA1", "SHA256", "SHA384", "SHA512"};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    for (size_t i = 0; i < HK_HASH_COUNT; i++) {
        char name[8] = "";
        OSSL_PARAM params[2];

        (void)stpcpy(name, names[i]);
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
        params[1] = OSSL_PARAM_construct_end();
        templates[i] = EVP_MAC_CTX_new(mac);
        if (templates[i] == NULL || EVP_MAC_CTX_set_params(templates[i], params) != 1)
            die();
    }
    EVP_MAC_free(mac); /* the templates hold it */
}

static bool update(EVP_MAC_CTX *mac, struct hk_str s)
{
    return s.n == 0 || EVP_MAC_update(mac, (const unsigned char *)s.p, s.n) == 1;
}

size_t hk_mac(enum hk_hash hash, struct hk_str key, const struct hk_str *parts, size_t n_parts,
              uint8_t ret[HK_MAC_MAX_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *key_bytes = key.n == 0 ? "" : key.p; /* NULL would be "the key of before" */
    EVP_MAC_CTX *mac;
    bool is_ok;
    size_t n;

    (void)pthread_once(&once, make_templates);
    mac = EVP_MAC_CTX_dup(templates[hash]);
    is_ok = mac != NULL && EVP_MAC_init(mac, (const unsigned char *)key_bytes, key.n, NULL) == 1;
    for (size_t i = 0; i < n_parts && is_ok; i++)
        is_ok = update(mac, parts[i]);
    if (!is_ok || EVP_MAC_final(mac, ret, &n, HK_MAC_MAX_BYTES) != 1)
        die();
    EVP_MAC_CTX_free(mac);
    return n;
}
