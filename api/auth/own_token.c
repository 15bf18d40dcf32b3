/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/own_token.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "hk/encode.h"

enum { COORDINATE_N = 32, ES256_SIGNATURE_N = 64 };

/* OpenSSL fails here for want of memory or randomness only. */
static void must(bool is_good)
{
    if (!is_good) {
        (void)fputs("OpenSSL cannot make a key\n", stderr);
        abort();
    }
}

static void write_coordinate(const EVP_PKEY *key, const char *name, char *ret)
{
    uint8_t bytes[COORDINATE_N];
    BIGNUM *number = NULL;

    must(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    must(BN_bn2binpad(number, bytes, sizeof(bytes)) == sizeof(bytes));
    BN_free(number);
    (void)hk_b64url_encode(bytes, sizeof(bytes), ret);
}

/* Moves what has been written into `ret`, as text. */
static void take_text(BIO *bio, char *ret, size_t size)
{
    int n = BIO_read(bio, ret, (int)size - 1);

    must(n > 0 && (size_t)n < size - 1);
    ret[n] = '\0';
    BIO_free_all(bio);
}

void own_key_new(struct own_key *ret)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *public_bio = BIO_new(BIO_s_mem()), *private_bio = BIO_new(BIO_s_secmem());
    uint8_t thumbprint[HK_SHA256_SIZE];
    char jwk[160];
    int n;

    must(key != NULL && public_bio != NULL && private_bio != NULL);
    write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, ret->x);
    write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, ret->y);
    must(PEM_write_bio_PUBKEY(public_bio, key) == 1);
    must(PEM_write_bio_PKCS8PrivateKey(private_bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    take_text(public_bio, ret->public_pem, sizeof(ret->public_pem));
    take_text(private_bio, ret->private_pem, sizeof(ret->private_pem));
    EVP_PKEY_free(key);

    n = snprintf(jwk, sizeof(jwk), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                 ret->x, ret->y);
    hk_sha256(jwk, (size_t)n, thumbprint);
    (void)hk_b64url_encode(thumbprint, sizeof(thumbprint), ret->kid);
}

char *own_token_sign(const struct own_key *key, const char *claims)
{
    int n = (int)strlen(key->private_pem);
    jwt_t *token = NULL;
    char *text = NULL;

    if (n == 0 || jwt_new(&token) != 0)
        return NULL;
    if (jwt_set_alg(token, JWT_ALG_ES256, (const unsigned char *)key->private_pem, n) == 0 &&
        jwt_add_header(token, "kid", key->kid) == 0 && jwt_add_grants_json(token, claims) == 0)
        text = jwt_encode_str(token);
    jwt_free(token);
    return text;
}

static bool header_is_ours(const struct own_key *key, const struct jwt *jwt)
{
    return strcmp(jwt->alg, "ES256") == 0 && jwt->typ != NULL && strcmp(jwt->typ, "JWT") == 0 &&
           jwt->kid != NULL && strcmp(jwt->kid, key->kid) == 0 &&
           json_object_size(jwt->header) == 3;
}

/*
 * libjwt accepts anything when it is given no key, so it never is; and it lets the token choose the
 * algorithm, which is therefore looked at before and after.
 */
bool own_token_verify(const struct own_key *key, struct hk_str token, const struct jwt *jwt)
{
    int n = (int)strlen(key->public_pem);
    char text[JWT_MAX_BYTES + 1];
    jwt_t *decoded = NULL;
    bool is_good;

    if (n == 0 || token.n > JWT_MAX_BYTES || !header_is_ours(key, jwt) ||
        jwt->n_signature != ES256_SIGNATURE_N)
        return false;
    memcpy(text, token.p, token.n);
    text[token.n] = '\0';
    is_good = jwt_decode(&decoded, text, (const unsigned char *)key->public_pem, n) == 0 &&
              jwt_get_alg(decoded) == JWT_ALG_ES256;
    jwt_free(decoded);
    return is_good;
}
