/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/own_token.h - access tokens of our own: ES256, signed and checked by libjwt, behind the
 * walls that libjwt 1.10 needs (api/auth/jwt.h). Pure.
 */
#ifndef API_OWN_TOKEN_H
#define API_OWN_TOKEN_H

#include "api/auth/jwt.h"

/* A key pair on P-256, as text. */
struct own_key {
    char kid[48]; /* the JWK's thumbprint (RFC 7638) */
    char x[48];   /* coordinates of the public key, base64url */
    char y[48];
    char public_pem[256];
    char private_pem[320]; /* "": not ours to sign with (any more) */
};

/* Makes a new pair; ends the process when OpenSSL cannot. Clear it after use: explicit_bzero(). */
void own_key_new(struct own_key *ret);

/* The claims' JSON text as a signed token, to be freed with free(); NULL when the key is none. */
char *own_token_sign(const struct own_key *key, const char *claims);

/*
 * Whether the token is signed by that key. `token` is the text that `jwt` was parsed from. The
 * header must be exactly what own_token_sign() makes: ES256, typ JWT, the key's kid.
 */
HK_NODISCARD bool own_token_verify(const struct own_key *key, struct hk_str token,
                                   const struct jwt *jwt);

#endif
