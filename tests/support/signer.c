/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/signer.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "hk/buf.h"
#include "hk/encode.h"

struct signer {
    EVP_PKEY *key;
    char kid[64];
};

static void must(bool is_good)
{
    if (!is_good) {
        (void)fputs("signer: OpenSSL failed\n", stderr);
        abort();
    }
}

static struct signer *new_signer(EVP_PKEY *key, const char *kid)
{
    struct signer *signer = calloc(1, sizeof(*signer));

    must(signer != NULL && key != NULL);
    signer->key = key;
    (void)snprintf(signer->kid, sizeof(signer->kid), "%s", kid);
    return signer;
}

struct signer *signer_new(enum signer_key kind, const char *kid)
{
    switch (kind) {
    case SIGNER_RSA:
        return new_signer(EVP_RSA_gen(2048), kid);
    case SIGNER_RSA_1024:
        return new_signer(EVP_RSA_gen(1024), kid);
    case SIGNER_P256:
        return new_signer(EVP_EC_gen("P-256"), kid);
    case SIGNER_P384:
        return new_signer(EVP_EC_gen("P-384"), kid);
    case SIGNER_ED25519:
        return new_signer(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), kid);
    }
    abort();
}

struct signer *signer_from_pem(const char *pem, const char *kid)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return new_signer(key, kid);
}

void signer_free(struct signer *signer)
{
    if (signer == NULL)
        return;
    EVP_PKEY_free(signer->key);
    free(signer);
}

static void add_b64url(struct hk_buf *buf, const void *p, size_t n)
{
    char *text = malloc(HK_B64_SIZE(n));

    must(text != NULL);
    (void)hk_b64url_encode(p, n, text);
    hk_buf_add_text(buf, text);
    free(text);
}

static char *take(struct hk_buf *buf)
{
    must(!buf->is_full && buf->p != NULL);
    return buf->p; /* malloc()ed, NUL-terminated */
}

/* `size` 0: as many bytes as it has. */
static void add_number(struct hk_buf *buf, const struct signer *signer, const char *member,
                       const char *name, int size)
{
    BIGNUM *number = NULL;
    uint8_t bytes[1024];

    must(EVP_PKEY_get_bn_param(signer->key, name, &number) == 1);
    size = size == 0 ? BN_num_bytes(number) : size;
    must(BN_bn2binpad(number, bytes, size) == size);
    BN_free(number);
    hk_buf_printf(buf, ",\"%s\":\"", member);
    add_b64url(buf, bytes, (size_t)size);
    hk_buf_add_text(buf, "\"");
}

char *signer_jwk(const struct signer *signer, const char *alg)
{
    struct hk_buf buf;

    hk_buf_init(&buf, 65536);
    hk_buf_printf(&buf, "{\"kid\":\"%s\",\"use\":\"sig\"", signer->kid);
    if (alg[0] != '\0')
        hk_buf_printf(&buf, ",\"alg\":\"%s\"", alg);
    if (EVP_PKEY_is_a(signer->key, "RSA")) {
        hk_buf_add_text(&buf, ",\"kty\":\"RSA\"");
        add_number(&buf, signer, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        add_number(&buf, signer, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (EVP_PKEY_is_a(signer->key, "EC")) {
        int size = (EVP_PKEY_get_bits(signer->key) + 7) / 8;

        hk_buf_printf(&buf, ",\"kty\":\"EC\",\"crv\":\"P-%d\"", EVP_PKEY_get_bits(signer->key));
        add_number(&buf, signer, "x", OSSL_PKEY_PARAM_EC_PUB_X, size);
        add_number(&buf, signer, "y", OSSL_PKEY_PARAM_EC_PUB_Y, size);
    } else {
        uint8_t x[32];
        size_t n = sizeof(x);

        must(EVP_PKEY_get_raw_public_key(signer->key, x, &n) == 1 && n == sizeof(x));
        hk_buf_add_text(&buf, ",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        add_b64url(&buf, x, n);
        hk_buf_add_text(&buf, "\"");
    }
    hk_buf_add_text(&buf, "}");
    return take(&buf);
}

char *signer_public_pem(const struct signer *signer)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct hk_buf buf;
    char *text;
    long n;

    must(PEM_write_bio_PUBKEY(bio, signer->key) == 1);
    n = BIO_get_mem_data(bio, &text);
    hk_buf_init(&buf, 65536);
    hk_buf_add(&buf, text, (size_t)n);
    BIO_free(bio);
    return take(&buf);
}

char *signer_part(const char *header, const char *claims)
{
    struct hk_buf buf;

    hk_buf_init(&buf, 64u << 20);
    add_b64url(&buf, header, strlen(header));
    hk_buf_add_text(&buf, ".");
    add_b64url(&buf, claims, strlen(claims));
    return take(&buf);
}

char *signer_token(const char *header, const char *claims, const void *signature, size_t n)
{
    char *part = signer_part(header, claims);
    struct hk_buf buf;

    hk_buf_init(&buf, 64u << 20);
    hk_buf_add_text(&buf, part);
    hk_buf_add_text(&buf, ".");
    if (n > 0)
        add_b64url(&buf, signature, n);
    free(part);
    return take(&buf);
}

char *signer_hmac(const char *header, const char *claims, const void *key, size_t n)
{
    char *part = signer_part(header, claims), *token;
    uint8_t mac[32];
    unsigned mac_n = sizeof(mac);

    must(HMAC(EVP_sha256(), key, (int)n, (const uint8_t *)part, strlen(part), mac, &mac_n) != NULL);
    token = signer_token(header, claims, mac, mac_n);
    free(part);
    return token;
}

/* DER to r||s of 32 bytes each. */
static size_t flatten(uint8_t *signature, size_t n)
{
    const uint8_t *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)n);
    uint8_t flat[64];

    must(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), flat, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(pair), flat + 32, 32) == 32);
    ECDSA_SIG_free(pair);
    memcpy(signature, flat, sizeof(flat));
    return sizeof(flat);
}

char *signer_sign(const struct signer *signer, const char *alg, const char *header,
                  const char *claims)
{
    const EVP_MD *md = strcmp(alg, "EdDSA") == 0 ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char *part = signer_part(header, claims), *token;
    EVP_PKEY_CTX *options;
    uint8_t signature[1024];
    size_t n = sizeof(signature);

    must(EVP_DigestSignInit(context, &options, md, NULL, signer->key) == 1);
    if (strcmp(alg, "PS256") == 0)
        must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
    must(EVP_DigestSign(context, signature, &n, (const uint8_t *)part, strlen(part)) == 1);
    if (strcmp(alg, "ES256") == 0)
        n = flatten(signature, n);
    token = signer_token(header, claims, signature, n);
    EVP_MD_CTX_free(context);
    free(part);
    return token;
}
