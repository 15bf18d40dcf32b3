/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies webhooks with OpenSSL 1.1.1 or newer (-lcrypto). All texts end with a zero byte; the body need not. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define TOLERANCE_S     300
#define MAX_BASE64      128 /* characters of a key or a signature */
#define BASE64_SIZE(n)  (((n) + 2) / 3 * 4 + 1)
#define HMAC_BYTES      32
#define ED25519_BYTES   32
#define SIGNATURE_BYTES 64

/* Decodes n characters, padded or not; the number of bytes, or -1. */
static int decode_base64(const char *text, size_t n, unsigned char ret[MAX_BASE64])
{
    unsigned char padded[MAX_BASE64];
    int decoded;

    while (n > 0 && text[n - 1] == '=')
        n--;
    if (n == 0 || n > MAX_BASE64 - 4)
        return -1;
    memset(padded, '=', sizeof(padded));
    memcpy(padded, text, n);
    decoded = EVP_DecodeBlock(ret, padded, (int)((n + 3) / 4 * 4));
    return decoded < 0 ? -1 : decoded - (int)((4 - n % 4) % 4);
}

static bool fits_public_key(const unsigned char *key, const char *text, size_t text_n,
                            const unsigned char *bytes, size_t n)
{
    unsigned char signature[MAX_BASE64];
    EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fits = public_key != NULL && context != NULL &&
                decode_base64(text, text_n, signature) == SIGNATURE_BYTES &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) == 1 &&
                EVP_DigestVerify(context, signature, SIGNATURE_BYTES, bytes, n) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return fits;
}

/* Whether one of the signatures, separated by blanks, fits. */
static bool any_fits(const char *signatures, bool is_public, const unsigned char *key, int key_n,
                     const unsigned char *bytes, size_t n)
{
    unsigned char digest[HMAC_BYTES];
    char expected[3 + BASE64_SIZE(HMAC_BYTES)] = "v1,";
    size_t expected_n;

    if (HMAC(EVP_sha256(), key, key_n, bytes, n, digest, NULL) == NULL)
        return false;
    expected_n = 3 + (size_t)EVP_EncodeBlock((unsigned char *)expected + 3, digest, HMAC_BYTES);
    for (const char *text = signatures, *end; *text != '\0'; text = end + strspn(end, " ")) {
        end = text + strcspn(text, " ");
        if (is_public && strncmp(text, "v1a,", 4) == 0 &&
            fits_public_key(key, text + 4, (size_t)(end - text) - 4, bytes, n))
            return true;
        if (!is_public && (size_t)(end - text) == expected_n &&
            CRYPTO_memcmp(text, expected, expected_n) == 0)
            return true;
    }
    return false;
}

/*
 * Standard Webhooks. key: the secret "whsec_...", or for v1a the public key "whpk_...". The three headers:
 * NULL when they are missing. body: the raw bytes, before any JSON parser. now_s: time(NULL).
 */
bool webhook_is_genuine(const char *key, const char *id, const char *timestamp,
                        const char *signatures, const void *body, size_t body_n, int64_t now_s)
{
    bool is_public = strncmp(key, "whpk_", 5) == 0, is_genuine;
    const char *encoded = is_public || strncmp(key, "whsec_", 6) == 0 ? strchr(key, '_') + 1 : key;
    unsigned char key_bytes[MAX_BASE64];
    int key_n = decode_base64(encoded, strlen(encoded), key_bytes);
    unsigned char *bytes;
    size_t head_n;
    int64_t age_s;

    if (id == NULL || timestamp == NULL || signatures == NULL || key_n < 1 ||
        (is_public && key_n != ED25519_BYTES) || *timestamp == '\0' || strlen(timestamp) > 12 ||
        timestamp[strspn(timestamp, "0123456789")] != '\0')
        return false;
    age_s = now_s - strtoll(timestamp, NULL, 10);
    head_n = strlen(id) + strlen(timestamp) + 2;
    if (age_s > TOLERANCE_S || age_s < -TOLERANCE_S || (bytes = malloc(head_n + body_n + 1)) == NULL)
        return false;
    (void)snprintf((char *)bytes, head_n + 1, "%s.%s.", id, timestamp);
    memcpy(bytes + head_n, body, body_n);
    is_genuine = any_fits(signatures, is_public, key_bytes, key_n, bytes, head_n + body_n);
    free(bytes);
    return is_genuine;
}

/* Profile basekit. secret: the whole text, "whsec_" and all. signature: X-Delivery-Hmac-SHA256. */
bool webhook_has_genuine_hmac(const char *secret, const char *signature, const void *body, size_t body_n)
{
    unsigned char digest[HMAC_BYTES];
    char expected[2 * HMAC_BYTES + 1];

    if (*secret == '\0' || strlen(signature) != 2 * HMAC_BYTES ||
        HMAC(EVP_sha256(), secret, (int)strlen(secret), body, body_n, digest, NULL) == NULL)
        return false;
    for (size_t i = 0; i < HMAC_BYTES; i++)
        (void)snprintf(expected + 2 * i, 3, "%02x", digest[i]);
    return CRYPTO_memcmp(expected, signature, 2 * HMAC_BYTES) == 0;
}
