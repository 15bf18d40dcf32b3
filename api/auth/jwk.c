/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk.c - what a key must be is a table, by algorithm: a key has one type, and a token's algorithm
 * never chooses another. Making an EVP_PKEY is dear in OpenSSL 3: a set does it on first use.
 */
#include "api/auth/jwk.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "hk/encode.h"

#define COORDINATE_N ((size_t)32) /* of P-256 and of Ed25519 */

enum {
    MIN_RSA_BITS = 2048,
    MAX_RSA_BITS = 8 * JWT_MAX_SIGNATURE_BYTES,
    MAX_EXPONENT_BYTES = 8,
};

enum kind { KIND_RSA, KIND_P256, KIND_ED25519 };

static const struct algorithm {
    const char *name, *kty, *crv;
    enum kind kind;
    bool is_pss;
} algorithms[] = {
    {"RS256", "RSA", NULL, KIND_RSA, false},
    {"PS256", "RSA", NULL, KIND_RSA, true},
    {"ES256", "EC", "P-256", KIND_P256, false},
    {"EdDSA", "OKP", "Ed25519", KIND_ED25519, false},
};

struct jwk_set {
    json_t *json; /* the whole document: `keys` below borrow from it */
    size_t n;
    struct {
        const json_t *jwk;
        EVP_PKEY *key; /* NULL: not made yet */
    } keys[JWK_MAX_KEYS];
};

static const struct algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; i < HK_COUNTOF(algorithms); i++) {
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

bool jwk_knows(const char *alg)
{
    return find_algorithm(alg) != NULL;
}

/* ---- reading a key -------------------------------------------------------------------------- */

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && strcmp(text, wanted) == 0;
}

/* Absent, or a list that names what we do. */
static bool may_verify(const json_t *operations)
{
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *operation = json_string_value(json_array_get(operations, i));

        if (operation != NULL && strcmp(operation, "verify") == 0)
            return true;
    }
    return operations == NULL;
}

static bool is_fit(const json_t *jwk, const struct algorithm *algorithm)
{
    return is_text(jwk, "kty", algorithm->kty) &&
           (algorithm->crv == NULL || is_text(jwk, "crv", algorithm->crv)) &&
           (json_object_get(jwk, "use") == NULL || is_text(jwk, "use", "sig")) &&
           (json_object_get(jwk, "alg") == NULL || is_text(jwk, "alg", algorithm->name)) &&
           may_verify(json_object_get(jwk, "key_ops"));
}

/* A member's bytes; 0 when it is not base64url or does not fit. */
static size_t read_bytes(const json_t *jwk, const char *name, uint8_t *ret, size_t capacity)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    size_t n = 0;

    return text != NULL && hk_b64url_decode(hk_str(text), ret, capacity, &n) ? n : 0;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *key = NULL;

    if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* At least 2048 bits and an odd exponent from 3. */
static EVP_PKEY *make_rsa(const json_t *jwk)
{
    uint8_t n_bytes[MAX_RSA_BITS / 8 + 1], e_bytes[MAX_EXPONENT_BYTES];
    size_t n_n = read_bytes(jwk, "n", n_bytes, sizeof(n_bytes));
    size_t e_n = read_bytes(jwk, "e", e_bytes, sizeof(e_bytes));
    BIGNUM *n = BN_bin2bn(n_bytes, (int)n_n, NULL), *e = BN_bin2bn(e_bytes, (int)e_n, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if (n != NULL && e != NULL && builder != NULL && BN_num_bits(n) >= MIN_RSA_BITS &&
        BN_num_bits(n) <= MAX_RSA_BITS && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = make_key("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *make_p256(const json_t *jwk)
{
    uint8_t point[1 + 2 * COORDINATE_N] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if (builder != NULL && read_bytes(jwk, "x", point + 1, COORDINATE_N) == COORDINATE_N &&
        read_bytes(jwk, "y", point + 1 + COORDINATE_N, COORDINATE_N) == COORDINATE_N &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1)
        key = make_key("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static EVP_PKEY *make_ed25519(const json_t *jwk)
{
    uint8_t x[COORDINATE_N];

    return read_bytes(jwk, "x", x, sizeof(x)) == sizeof(x)
               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x))
               : NULL;
}

static EVP_PKEY *make_any(const json_t *jwk, enum kind kind)
{
    switch (kind) {
    case KIND_RSA:
        return make_rsa(jwk);
    case KIND_P256:
        return make_p256(jwk);
    case KIND_ED25519:
        return make_ed25519(jwk);
    }
    return NULL;
}

EVP_PKEY *jwk_read(const json_t *jwk, const char *alg)
{
    const struct algorithm *algorithm = find_algorithm(alg);

    return algorithm != NULL && is_fit(jwk, algorithm) ? make_any(jwk, algorithm->kind) : NULL;
}

/* ---- sets ----------------------------------------------------------------------------------- */

static bool fits_any(const json_t *jwk)
{
    for (size_t i = 0; i < HK_COUNTOF(algorithms); i++) {
        if (is_fit(jwk, &algorithms[i]))
            return true;
    }
    return false;
}

struct jwk_set *jwk_set_new(struct hk_str text, const char **reterr)
{
    struct jwk_set *set = NULL;
    json_t *json, *keys;

    *reterr = "the key set is too large";
    if (text.n > JWK_MAX_SET_BYTES)
        return NULL;
    json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    keys = json_object_get(json, "keys");
    if (!json_is_array(keys))
        *reterr = "the key set is not a JSON object with keys";
    else if (json_array_size(keys) <= JWK_MAX_KEYS)
        set = calloc(1, sizeof(*set));
    if (set == NULL) {
        json_decref(json);
        return NULL;
    }
    set->json = json;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        if (fits_any(json_array_get(keys, i)))
            set->keys[set->n++].jwk = json_array_get(keys, i);
    }
    return set;
}

void jwk_set_free(struct jwk_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n; i++)
        EVP_PKEY_free(set->keys[i].key);
    json_decref(set->json);
    free(set);
}

EVP_PKEY *jwk_set_find(struct jwk_set *set, const char *kid, const char *alg)
{
    const struct algorithm *algorithm = find_algorithm(alg);
    size_t found = set->n;

    for (size_t i = 0; algorithm != NULL && i < set->n; i++) {
        if (!is_fit(set->keys[i].jwk, algorithm) ||
            (kid != NULL && !is_text(set->keys[i].jwk, "kid", kid)))
            continue;
        if (found < set->n)
            return NULL; /* which one is meant, nobody says */
        found = i;
    }
    if (found == set->n)
        return NULL;
    if (set->keys[found].key == NULL)
        set->keys[found].key = make_any(set->keys[found].jwk, algorithm->kind);
    return set->keys[found].key;
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* r||s of exactly 32 bytes each as DER, which OpenSSL takes; 0 when it is none. */
static size_t make_der(const struct jwt *jwt, uint8_t *ret, size_t capacity)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r, *s;
    int n = 0;

    if (pair == NULL || jwt->n_signature != 2 * COORDINATE_N) {
        ECDSA_SIG_free(pair);
        return 0;
    }
    r = BN_bin2bn(jwt->signature, (int)COORDINATE_N, NULL);
    s = BN_bin2bn(jwt->signature + COORDINATE_N, (int)COORDINATE_N, NULL);
    if (r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        n = i2d_ECDSA_SIG(pair, NULL);
        n = n > 0 && (size_t)n <= capacity ? i2d_ECDSA_SIG(pair, &ret) : 0;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return n > 0 ? (size_t)n : 0;
}

/* Anything but 1 from OpenSSL is a signature that does not hold, 0 and negative alike. */
static bool verify(EVP_PKEY *key, const struct algorithm *algorithm, struct hk_str text,
                   const uint8_t *signature, size_t n)
{
    const EVP_MD *md = algorithm->kind == KIND_ED25519 ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    bool is_good = context != NULL && EVP_DigestVerifyInit(context, &options, md, NULL, key) == 1;

    if (is_good && algorithm->is_pss)
        is_good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
    is_good =
        is_good && EVP_DigestVerify(context, signature, n, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(context);
    return is_good;
}

bool jwk_verify(EVP_PKEY *key, const char *alg, const struct jwt *jwt)
{
    const struct algorithm *algorithm = find_algorithm(alg);
    uint8_t der[2 * COORDINATE_N + 16];
    size_t n;

    if (algorithm == NULL || key == NULL || strcmp(jwt->alg, alg) != 0)
        return false;
    if (algorithm->kind != KIND_P256)
        return verify(key, algorithm, jwt->signed_part, jwt->signature, jwt->n_signature);
    n = make_der(jwt, der, sizeof(der));
    return n > 0 && verify(key, algorithm, jwt->signed_part, der, n);
}
