/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/signer.h - JSON Web Tokens of the test's own making, good and bad, signed with
 * OpenSSL and with no library that the API uses for it.
 */
#ifndef SUPPORT_SIGNER_H
#define SUPPORT_SIGNER_H

#include <openssl/evp.h>

#include "hk/base.h"

enum signer_key { SIGNER_RSA, SIGNER_RSA_1024, SIGNER_P256, SIGNER_P384, SIGNER_ED25519 };

struct signer; /* opaque: a key pair and its kid */

struct signer *signer_new(enum signer_key kind, const char *kid);

/* Takes over a private key (PEM), for tokens that pretend to be of the API. */
struct signer *signer_from_pem(const char *pem, const char *kid);
void signer_free(struct signer *signer);

/* The public key as a JWK with that alg ("": none); as PEM; to be freed. */
char *signer_jwk(const struct signer *signer, const char *alg);
char *signer_public_pem(const struct signer *signer);

/* A token of these bytes with a good signature by `alg` (RS256, PS256, ES256, EdDSA). Free it. */
char *signer_sign(const struct signer *signer, const char *alg, const char *header,
                  const char *claims);

/* "header.claims" as it would be signed, and a whole token of any signature. To be freed. */
char *signer_part(const char *header, const char *claims);
char *signer_token(const char *header, const char *claims, const void *signature, size_t n);

/* A token with an HMAC-SHA-256 of that key. To be freed. */
char *signer_hmac(const char *header, const char *claims, const void *key, size_t n);

#endif
