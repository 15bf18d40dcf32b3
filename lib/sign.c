/* SPDX-License-Identifier: Apache-2.0 */
/* Standard Webhooks v1 and v1a. Keys are in memory only while a signature is made, and wiped after.
 */
#include "hk/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "hk/encode.h"
#include "hk/mac.h"

#define SECRET_PREFIX  "whsec_"
#define PRIVATE_PREFIX "whsk_"
#define PUBLIC_PREFIX  "whpk_"
#define V1_PREFIX      "v1,"
#define V1A_PREFIX     "v1a,"

enum { NEW_KEY_BYTES = 32, MIN_KEY_BYTES = 24, MAX_KEY_BYTES = 64, MAC_BYTES = HK_SHA256_SIZE };
enum { SEED_BYTES = 32, PUBLIC_BYTES = 32, PAIR_BYTES = SEED_BYTES + PUBLIC_BYTES };
enum { SIGNATURE_BYTES = 64 };

/* Of v1: the shared bytes. Of v1a: the seed, then the public key. */
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

static bool read_key(struct hk_str text, struct hk_str prefix, struct key *key)
{
    return skip_prefix(&text, prefix) &&
           hk_b64_decode(text, key->bytes, sizeof(key->bytes), &key->n);
}

static bool key_from_secret(struct hk_str secret, struct key *key)
{
    return read_key(secret, HK_STR(SECRET_PREFIX), key) && key->n >= MIN_KEY_BYTES;
}

static bool pair_from_secret(struct hk_str secret, struct key *pair)
{
    return read_key(secret, HK_STR(PRIVATE_PREFIX), pair) && pair->n == PAIR_BYTES;
}

static HK_NORETURN void die(void)
{
    (void)fputs("OpenSSL has no Ed25519\n", stderr);
    abort();
}

/* The public key that belongs to a seed: a multiplication on the curve, as dear as a signature. */
static void derive_public(const uint8_t seed[SEED_BYTES], uint8_t ret[PUBLIC_BYTES])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_BYTES);
    size_t n = PUBLIC_BYTES;

    if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, ret, &n) != 1 || n != PUBLIC_BYTES)
        die();
    EVP_PKEY_free(pkey);
}

/* `ret` has room for both. */
static void write_text(const char *prefix, const uint8_t *bytes, size_t n, char *ret)
{
    char *end = stpcpy(ret, prefix);

    (void)hk_b64_encode(bytes, n, end);
}

void hk_secret_new(enum hk_secret_kind kind, char ret[HK_SECRET_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key key = {.n = NEW_KEY_BYTES};

    hk_random(key.bytes, key.n);
    if (kind == HK_SECRET_V1) {
        write_text(SECRET_PREFIX, key.bytes, key.n, ret);
        return;
    }
    derive_public(key.bytes, key.bytes + SEED_BYTES);
    write_text(PRIVATE_PREFIX, key.bytes, PAIR_BYTES, ret);
}

bool hk_secret_check(struct hk_str text, enum hk_secret_kind *ret)
{
    HK_CLEANUP(key_done) struct key key = {.n = 0};
    uint8_t public[PUBLIC_BYTES];

    if (key_from_secret(text, &key)) {
        *ret = HK_SECRET_V1;
        return true;
    }
    if (!pair_from_secret(text, &key))
        return false;
    derive_public(key.bytes, public);
    if (memcmp(public, key.bytes + SEED_BYTES, PUBLIC_BYTES) != 0)
        return false;
    *ret = HK_SECRET_V1A;
    return true;
}

bool hk_secret_is_valid(struct hk_str text)
{
    enum hk_secret_kind kind;

    return hk_secret_check(text, &kind);
}

bool hk_secret_public_key(struct hk_str secret, char ret[HK_PUBLIC_KEY_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key pair = {.n = 0};

    if (!pair_from_secret(secret, &pair))
        return false;
    write_text(PUBLIC_PREFIX, pair.bytes + SEED_BYTES, PUBLIC_BYTES, ret);
    return true;
}

bool hk_public_key_is_valid(struct hk_str text)
{
    struct key key;

    return read_key(text, HK_STR(PUBLIC_PREFIX), &key) && key.n == PUBLIC_BYTES;
}

/* ---- v1 -------------------------------------------------------------------------------------- */

static void compute_mac(struct hk_str key, const struct hk_str *parts, size_t n_parts,
                        uint8_t ret[MAC_BYTES])
{
    uint8_t mac[HK_MAC_MAX_BYTES];

    (void)hk_mac(HK_SHA256, key, parts, n_parts, mac);
    memcpy(ret, mac, MAC_BYTES);
}

/* ".<timestamp>.": what stands between the id and the body of the signed content. */
static struct hk_str write_time(int64_t timestamp_s, char ret[32])
{
    (void)snprintf(ret, 32, ".%" PRId64 ".", timestamp_s);
    return hk_str(ret);
}

static void compute(const struct key *key, struct hk_str id, int64_t timestamp_s,
                    struct hk_str body, uint8_t ret[MAC_BYTES])
{
    char time[32];

    compute_mac((struct hk_str){(const char *)key->bytes, key->n},
                (const struct hk_str[]){id, write_time(timestamp_s, time), body}, 3, ret);
}

void hk_sign_body(struct hk_str secret, struct hk_str body, uint8_t ret[MAC_BYTES])
{
    compute_mac(secret, &body, 1, ret);
}

static bool sign_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s, struct hk_str body,
                    char ret[HK_SIGNATURE_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key key = {.n = 0};
    uint8_t mac[MAC_BYTES];

    if (!key_from_secret(secret, &key))
        return false;

    compute(&key, id, timestamp_s, body, mac);
    write_text(V1_PREFIX, mac, sizeof(mac), ret);
    return true;
}

/* ---- v1a ------------------------------------------------------------------------------------- */

/*
 * Of both halves: OpenSSL would have to compute the public one again, which would double what a
 * signature costs. Keys that are made in 2 us need not be kept.
 */
static EVP_PKEY *pkey_from_pair(struct key *pair)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, pair->bytes, SEED_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pair->bytes + SEED_BYTES,
                                          PUBLIC_BYTES),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        die();
    EVP_PKEY_CTX_free(context);
    return pkey;
}

/* The signed content in one piece, which Ed25519 needs; to be freed. */
static uint8_t *join_content(struct hk_str id, int64_t timestamp_s, struct hk_str body,
                             size_t *ret_n)
{
    char text[32];
    struct hk_str time = write_time(timestamp_s, text);
    const struct hk_str parts[] = {id, time, body};
    uint8_t *content = malloc(id.n + time.n + body.n);

    if (content == NULL)
        die();
    *ret_n = 0;
    for (size_t i = 0; i < HK_COUNTOF(parts); i++) {
        if (parts[i].n > 0)
            memcpy(content + *ret_n, parts[i].p, parts[i].n);
        *ret_n += parts[i].n;
    }
    return content;
}

static bool sign_v1a(struct hk_str secret, struct hk_str id, int64_t timestamp_s,
                     struct hk_str body, char ret[HK_SIGNATURE_TEXT_SIZE])
{
    HK_CLEANUP(key_done) struct key pair = {.n = 0};
    uint8_t signature[SIGNATURE_BYTES], *content;
    size_t n_content, n = sizeof(signature);
    EVP_MD_CTX *context;
    EVP_PKEY *pkey;

    if (!pair_from_secret(secret, &pair))
        return false;

    content = join_content(id, timestamp_s, body, &n_content);
    context = EVP_MD_CTX_new();
    pkey = pkey_from_pair(&pair);
    if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) != 1 ||
        EVP_DigestSign(context, signature, &n, content, n_content) != 1 || n != sizeof(signature))
        die();
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    free(content);
    write_text(V1A_PREFIX, signature, sizeof(signature), ret);
    return true;
}

bool hk_sign(struct hk_str secret, struct hk_str id, int64_t timestamp_s, struct hk_str body,
             char ret[HK_SIGNATURE_TEXT_SIZE])
{
    return sign_v1(secret, id, timestamp_s, body, ret) ||
           sign_v1a(secret, id, timestamp_s, body, ret);
}

/* ---- verifying ------------------------------------------------------------------------------- */

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

static bool is_signature_v1a(EVP_PKEY *pkey, struct hk_str text, const uint8_t *content, size_t n)
{
    uint8_t claimed[SIGNATURE_BYTES];
    EVP_MD_CTX *context;
    size_t n_claimed;
    bool is_ours;

    if (!skip_prefix(&text, HK_STR(V1A_PREFIX)) ||
        !hk_b64_decode(text, claimed, sizeof(claimed), &n_claimed) || n_claimed != SIGNATURE_BYTES)
        return false;
    context = EVP_MD_CTX_new();
    is_ours = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(context, claimed, sizeof(claimed), content, n) == 1;
    EVP_MD_CTX_free(context);
    return is_ours;
}

bool hk_verify_v1a(struct hk_str public_key, struct hk_str id, int64_t timestamp_s,
                   struct hk_str body, struct hk_str signatures)
{
    struct key key = {.n = 0};
    bool is_ours = false;
    uint8_t *content;
    EVP_PKEY *pkey;
    size_t n;

    if (!read_key(public_key, HK_STR(PUBLIC_PREFIX), &key) || key.n != PUBLIC_BYTES)
        return false;
    pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key.bytes, key.n);
    if (pkey == NULL)
        return false;

    content = join_content(id, timestamp_s, body, &n);
    while (signatures.n > 0)
        is_ours |= is_signature_v1a(pkey, next_word(&signatures), content, n);
    free(content);
    EVP_PKEY_free(pkey);
    return is_ours;
}
