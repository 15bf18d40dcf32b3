/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/sign.h - Standard Webhooks 1.0.0 signatures, v1 (HMAC-SHA256) and v1a (Ed25519), their
 * secrets, and a plain HMAC-SHA256.
 *
 * A secret says by its prefix how it signs: "whsec_" and base64 of 24 to 64 bytes as v1, "whsk_"
 * and base64 of 64 bytes (the seed, then the public key, as libsodium has them) as v1a. What a
 * receiver of v1a needs is the public key: "whpk_" and base64 of 32 bytes.
 */
#ifndef HK_SIGN_H
#define HK_SIGN_H

#include "hk/base.h"

#define HK_SECRET_TEXT_SIZE     (6 + 88 + 1) /* "whsec_", base64 of 64 bytes, NUL */
#define HK_PUBLIC_KEY_TEXT_SIZE (5 + 44 + 1) /* "whpk_", base64 of 32 bytes, NUL */
#define HK_SIGNATURE_TEXT_SIZE  (4 + 88 + 1) /* "v1a,", base64 of 64 bytes, NUL */

enum hk_secret_kind { HK_SECRET_V1, HK_SECRET_V1A };

/* A new secret, from 32 random bytes. Wipe it when it has been used. */
void hk_secret_new(enum hk_secret_kind kind, char ret[HK_SECRET_TEXT_SIZE]);

/*
 * Whether it is a secret, padded or not, and of which kind. Both halves of a v1a secret are asked:
 * a signature by halves that do not belong together would give the seed away.
 */
HK_NODISCARD bool hk_secret_check(struct hk_str text, enum hk_secret_kind *ret);
HK_NODISCARD bool hk_secret_is_valid(struct hk_str text);

/* The public key of a v1a secret, "whpk_<base64>". False for any other. */
HK_NODISCARD bool hk_secret_public_key(struct hk_str secret, char ret[HK_PUBLIC_KEY_TEXT_SIZE]);

/* Whether it is what a receiver of v1a has: "whpk_" and base64 of 32 bytes. */
HK_NODISCARD bool hk_public_key_is_valid(struct hk_str text);

/*
 * Signs "<id>.<timestamp_s>.<body>" as "v1,<base64>" or "v1a,<base64>", as the secret does. False
 * when it is none. The halves of a v1a secret are taken as they are: hk_secret_check() has judged
 * it when it came. `timestamp_s`: Unix seconds of this attempt.
 */
HK_NODISCARD bool hk_sign(struct hk_str secret, struct hk_str id, int64_t timestamp_s,
                          struct hk_str body, char ret[HK_SIGNATURE_TEXT_SIZE]);

/*
 * HMAC-SHA256 over the body alone. The key is the secret's text, "whsec_" and all: what the
 * receiver was given, without a way to decode it wrongly.
 */
void hk_sign_body(struct hk_str secret, struct hk_str body, uint8_t ret[32]);

/* Whether the receiver knows it too, as hk_sign_body() needs it: a v1a secret is the sender's. */
static inline bool hk_secret_is_shared(struct hk_str secret)
{
    return secret.n < 5 || memcmp(secret.p, "whsk_", 5) != 0;
}

/*
 * Whether one signature of the space-separated `signatures` header is ours, in constant time.
 * Unknown versions are passed over. The caller checks the age of `timestamp_s`.
 */
HK_NODISCARD bool hk_verify_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s,
                               struct hk_str body, struct hk_str signatures);

/* The same for v1a, by the public key ("whpk_..."). */
HK_NODISCARD bool hk_verify_v1a(struct hk_str public_key, struct hk_str id, int64_t timestamp_s,
                                struct hk_str body, struct hk_str signatures);

#endif
