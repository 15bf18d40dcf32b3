/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/jwt.h - reading a JSON Web Token (RFC 7519, as RFC 8725 wants it), strictly and before
 * any library sees it. Pure: the time is an argument. Nothing in here checks a signature: that is
 * own_token.h for tokens of ours and jwk.h for those of others, and nothing that a struct jwt holds
 * may be believed before.
 */
#ifndef API_JWT_H
#define API_JWT_H

#include <jansson.h>

#include "hk/base.h"

enum {
    JWT_MAX_BYTES = 8192,
    JWT_MAX_SIGNATURE_BYTES = 1024, /* RSA with 8192 bits */
    JWT_MAX_KID = 128,
    JWT_LEEWAY_S = 30, /* between two clocks; with what a cache adds it stays below 60 */
};

/* A token taken apart. `header` and `claims` are objects without duplicate names. */
struct jwt {
    struct hk_str signed_part; /* header.payload, borrowed from the token */
    size_t n_signature;
    uint8_t signature[JWT_MAX_SIGNATURE_BYTES];
    json_t *header;
    json_t *claims;
    const char *alg; /* of the header, as the next two; borrowed from it */
    const char *kid; /* NULL: absent. Only ever looked up, never a path and never SQL */
    const char *typ; /* NULL: absent */
};

/* Who must have issued a token, and for whom. */
struct jwt_expected {
    const char *issuer;
    const char *audience;
    int64_t now_s;
    bool needs_times; /* iat and nbf must be there as well; exp always must */
};

/*
 * Takes the token apart. False with static words in `reterr`: longer than JWT_MAX_BYTES, not three
 * parts of base64url, JSON that is not strictly an object, `crit`, `b64` or anything of encryption
 * in the header, an alg or a kid that none could have. `ret` is to be given to jwt_done() then too.
 */
HK_NODISCARD bool jwt_parse(struct hk_str token, struct jwt *ret, const char **reterr);
void jwt_done(struct jwt *jwt);

/*
 * Whether issuer, audience and times are right; what is a number must be an integer. The signature
 * must have been checked. False with static words in `reterr`.
 */
HK_NODISCARD bool jwt_check_claims(const struct jwt *jwt, const struct jwt_expected *expected,
                                   const char **reterr);

/* When it expires, in seconds since the epoch, once jwt_check_claims() has found it good. */
int64_t jwt_expires_s(const struct jwt *jwt);

/* A claim that is a string; NULL when it is not there or none. Borrowed from the token's claims. */
const char *jwt_text(const struct jwt *jwt, const char *name);

/* Whether the claim is that string, or a list that has it. */
HK_NODISCARD bool jwt_claim_has(const struct jwt *jwt, const char *name, const char *wanted);

#endif
