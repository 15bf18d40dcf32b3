/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/jwk.h - public keys of others (RFC 7517) and signatures by them, checked with OpenSSL:
 * RS256, PS256, ES256 and EdDSA with Ed25519 (RFC 7518, RFC 8037). Pure.
 */
#ifndef API_JWK_H
#define API_JWK_H

#include <jansson.h>

#include "api/auth/jwt.h"

enum { JWK_MAX_SET_BYTES = 256 * 1024, JWK_MAX_KEYS = 100 };

typedef struct evp_pkey_st EVP_PKEY;

struct jwk_set; /* opaque */

/*
 * Reads a JWK Set; keys that no algorithm of ours fits are passed over. NULL with static words in
 * `reterr` when it is none, or larger than JWK_MAX_SET_BYTES or JWK_MAX_KEYS.
 */
struct jwk_set *jwk_set_new(struct hk_str text, const char **reterr);
void jwk_set_free(struct jwk_set *set);

/* Whether that algorithm is one of ours: "RS256", in exactly this spelling. */
HK_NODISCARD bool jwk_knows(const char *alg);

/*
 * The key with that kid (NULL: the only one that fits) that may check signatures by that
 * algorithm; NULL when there is none. Made once and borrowed from the set.
 */
EVP_PKEY *jwk_set_find(struct jwk_set *set, const char *kid, const char *alg);

/* A key of its own from one JWK; NULL when it is not fit for the algorithm. EVP_PKEY_free() it. */
EVP_PKEY *jwk_read(const json_t *jwk, const char *alg);

/* Whether the token's signature is by that key and algorithm. */
HK_NODISCARD bool jwk_verify(EVP_PKEY *key, const char *alg, const struct jwt *jwt);

#endif
