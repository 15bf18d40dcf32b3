/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - a sealed text is nonce, ciphertext, tag. */
#include "hk/seal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "hk/encode.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, MAX_INFO_BYTES = 64 };

void hk_derive_key(struct hk_str secret, struct hk_str salt, struct hk_str info, uint8_t *ret,
                   size_t n)
{
    uint8_t extracted[HK_SHA256_SIZE], block[HK_SHA256_SIZE];
    uint8_t text[HK_SHA256_SIZE + MAX_INFO_BYTES + 1];
    size_t previous_n = 0;

    assert(info.n <= MAX_INFO_BYTES && n <= (size_t)255 * HK_SHA256_SIZE);
    hk_hmac_sha256(salt.p, salt.n, secret.p, secret.n, extracted);
    for (uint8_t i = 1; n > 0; i++) {
        size_t part_n = n < sizeof(block) ? n : sizeof(block);

        memcpy(text, block, previous_n);
        if (info.n > 0)
            memcpy(text + previous_n, info.p, info.n);
        text[previous_n + info.n] = i;
        hk_hmac_sha256(extracted, sizeof(extracted), text, previous_n + info.n + 1, block);
        memcpy(ret, block, part_n);
        ret += part_n;
        n -= part_n;
        previous_n = sizeof(block);
    }
    OPENSSL_cleanse(extracted, sizeof(extracted));
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(text, sizeof(text));
}

/* OpenSSL 3 looks an algorithm up by name at each use unless it was fetched before. */
static EVP_CIPHER *aes_256_gcm;

static void fetch_cipher(void)
{
    aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (aes_256_gcm == NULL)
        abort();
}

static const EVP_CIPHER *get_cipher(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fetch_cipher);
    return aes_256_gcm;
}

void hk_seal(const uint8_t key[HK_SEAL_KEY_SIZE], struct hk_str about, struct hk_str text,
             uint8_t *ret)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t *body = ret + NONCE_BYTES;
    int n;

    hk_random(ret, NONCE_BYTES);
    if (cipher == NULL || EVP_EncryptInit_ex2(cipher, get_cipher(), key, ret, NULL) != 1 ||
        EVP_EncryptUpdate(cipher, NULL, &n, (const uint8_t *)about.p, (int)about.n) != 1 ||
        EVP_EncryptUpdate(cipher, body, &n, (const uint8_t *)text.p, (int)text.n) != 1 ||
        EVP_EncryptFinal_ex(cipher, body + text.n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + text.n) != 1)
        abort();
    EVP_CIPHER_CTX_free(cipher);
}

bool hk_unseal(const uint8_t key[HK_SEAL_KEY_SIZE], struct hk_str about, struct hk_str sealed,
               uint8_t *ret)
{
    const uint8_t *nonce = (const uint8_t *)sealed.p;
    EVP_CIPHER_CTX *cipher;
    uint8_t tag[TAG_BYTES];
    bool is_authentic;
    size_t text_n;
    int n;

    if (sealed.n < HK_SEAL_OVERHEAD)
        return false;
    text_n = sealed.n - HK_SEAL_OVERHEAD;
    memcpy(tag, sealed.p + NONCE_BYTES + text_n, sizeof(tag));
    cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL || EVP_DecryptInit_ex2(cipher, get_cipher(), key, nonce, NULL) != 1 ||
        EVP_DecryptUpdate(cipher, NULL, &n, (const uint8_t *)about.p, (int)about.n) != 1 ||
        EVP_DecryptUpdate(cipher, ret, &n, nonce + NONCE_BYTES, (int)text_n) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1)
        abort();
    is_authentic = EVP_DecryptFinal_ex(cipher, ret + text_n, &n) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return is_authentic;
}
