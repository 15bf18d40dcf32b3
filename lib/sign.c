/* SPDX-License-Identifier: Apache-2.0 */
/* Standard Webhooks v1. Keys are in memory only while a signature is made, and wiped after. */
#include "hk/sign.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "hk/encode.h"

#define SECRET_PREFIX "whsec_"
#define V1_PREFIX     "v1,"

enum { NEW_KEY_BYTES = 32, MIN_KEY_BYTES = 24, MAX_KEY_BYTES = 64, MAC_BYTES = HK_SHA256_SIZE };

struct key {
    uint8_t bytes[MAX_KEY_BYTES];
    size_t n;
};

static void key_done(struct key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

/* Takes `prefix` off the front of `text`. */
static bool skip_prefix(struct hk_str *text, struct hk_str prefix)
{
    if (text->n < prefix.n || memcmp(text->p, prefix.p, prefix.n) != 0)
        return false;

    text->p += prefix.n;
    text->n -= prefix.n;
    return true;
}

static bool key_from_secret(struct hk_str secret, struct key *key)
{
    return skip_prefix(&secret, HK_STR(SECRET_PREFIX)) &&
           hk_b64_decode(secret, key->bytes, sizeof(key->bytes), &key->n) &&
           key->n >= MIN_KEY_BYTES;
}

void hk_secret_new(char ret[HK_SECRET_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key key = {.n = NEW_KEY_BYTES};

    hk_random(key.bytes, key.n);
    memcpy(ret, SECRET_PREFIX, sizeof(SECRET_PREFIX));
    (void)hk_b64_encode(key.bytes, key.n, ret + sizeof(SECRET_PREFIX) - 1);
}

bool hk_secret_is_valid(struct hk_str text)
{
    HK_CLEANUP(key_done) struct key key = {.n = 0};

    return key_from_secret(text, &key);
}

/*
 * HMAC-SHA256 without a key, copied for each signature: OpenSSL 3 would otherwise look both
 * algorithms up by name each time.
 */
static EVP_MAC_CTX *mac_template;

static HK_NORETURN void die(void)
{
    (void)fputs("OpenSSL has no HMAC-SHA256\n", stderr);
    abort();
}

static void make_mac_template(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    mac_template = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); /* the template holds it */
    if (mac_template == NULL || EVP_MAC_CTX_set_params(mac_template, params) != 1)
        die();
}

static bool update(EVP_MAC_CTX *mac, struct hk_str s)
{
    return s.n == 0 || EVP_MAC_update(mac, (const unsigned char *)s.p, s.n) == 1;
}

/* Over the parts, one after the other. */
static void compute_mac(const void *key, size_t n_key, const struct hk_str *parts, size_t n_parts,
                        uint8_t ret[MAC_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    EVP_MAC_CTX *mac;
    bool is_ok;
    size_t n;

    (void)pthread_once(&once, make_mac_template);
    mac = EVP_MAC_CTX_dup(mac_template);
    is_ok = mac != NULL && EVP_MAC_init(mac, key, n_key, NULL) == 1;
    for (size_t i = 0; i < n_parts && is_ok; i++)
        is_ok = update(mac, parts[i]);
    if (!is_ok || EVP_MAC_final(mac, ret, &n, MAC_BYTES) != 1 || n != MAC_BYTES)
        die();
    EVP_MAC_CTX_free(mac);
}

static void compute(const struct key *key, struct hk_str id, int64_t timestamp_s,
                    struct hk_str body, uint8_t ret[MAC_BYTES])
{
    char timestamp[32];

    (void)snprintf(timestamp, sizeof(timestamp), ".%" PRId64 ".", timestamp_s);
    compute_mac(key->bytes, key->n, (const struct hk_str[]){id, hk_str(timestamp), body}, 3, ret);
}

void hk_sign_body(struct hk_str secret, struct hk_str body, uint8_t ret[MAC_BYTES])
{
    compute_mac(secret.p, secret.n, &body, 1, ret);
}

bool hk_sign_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s, struct hk_str body,
                char ret[HK_SIGNATURE_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key key = {.n = 0};
    uint8_t mac[MAC_BYTES];

    if (!key_from_secret(secret, &key))
        return false;

    compute(&key, id, timestamp_s, body, mac);
    memcpy(ret, V1_PREFIX, sizeof(V1_PREFIX));
    (void)hk_b64_encode(mac, sizeof(mac), ret + sizeof(V1_PREFIX) - 1);
    return true;
}

static bool is_signature(struct hk_str text, const uint8_t mac[MAC_BYTES])
{
    uint8_t claimed[MAC_BYTES];
    size_t n;

    return skip_prefix(&text, HK_STR(V1_PREFIX)) &&
           hk_b64_decode(text, claimed, sizeof(claimed), &n) && n == MAC_BYTES &&
           CRYPTO_memcmp(claimed, mac, MAC_BYTES) == 0;
}

/* Takes the part before the next space off the front of `list`. */
static struct hk_str next_word(struct hk_str *list)
{
    const char *space = memchr(list->p, ' ', list->n);
    struct hk_str word = *list;

    if (space == NULL) {
        list->n = 0;
        return word;
    }
    word.n = (size_t)(space - list->p);
    list->p += word.n + 1;
    list->n -= word.n + 1;
    return word;
}

bool hk_verify_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s, struct hk_str body,
                  struct hk_str signatures)
{
    HK_CLEANUP(key_done) struct key key = {.n = 0};
    uint8_t mac[MAC_BYTES];
    bool is_ours = false;

    if (!key_from_secret(secret, &key))
        return false;

    compute(&key, id, timestamp_s, body, mac);
    while (signatures.n > 0)
        is_ours |= is_signature(next_word(&signatures), mac);

    OPENSSL_cleanse(mac, sizeof(mac)); /* it would sign a forged request */
    return is_ours;
}
