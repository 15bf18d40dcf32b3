/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/sign.h - Standard Webhooks 1.0.0 signatures, version v1 (HMAC-SHA256), their secrets, and a
 * plain HMAC-SHA256.
 */
#ifndef HK_SIGN_H
#define HK_SIGN_H

#include "hk/base.h"

#define HK_SECRET_TEXT_SIZE    (6 + 88 + 1) /* "whsec_", base64 of 64 bytes, NUL */
#define HK_SIGNATURE_TEXT_SIZE (3 + 44 + 1) /* "v1,", base64 of 32 bytes, NUL */

/* A new secret of 32 random bytes as "whsec_<base64>". Wipe it when it has been used. */
void hk_secret_new(char ret[HK_SECRET_TEXT_SIZE]);

/* Whether `text` is "whsec_" and base64 of 24 to 64 bytes. */
HK_NODISCARD bool hk_secret_is_valid(struct hk_str text);

/*
 * Signs "<id>.<timestamp_s>.<body>" as "v1,<base64>". False when the secret is not valid.
 * `timestamp_s`: Unix seconds of this attempt.
 */
HK_NODISCARD bool hk_sign_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s,
                             struct hk_str body, char ret[HK_SIGNATURE_TEXT_SIZE]);

/*
 * HMAC-SHA256 over the body alone. The key is the secret's text, "whsec_" and all: what the
 * receiver was given, without a way to decode it wrongly.
 */
void hk_sign_body(struct hk_str secret, struct hk_str body, uint8_t ret[32]);

/*
 * Whether one signature of the space-separated `signatures` header is ours, in constant time.
 * Unknown versions are passed over. The caller checks the age of `timestamp_s`.
 */
HK_NODISCARD bool hk_verify_v1(struct hk_str secret, struct hk_str id, int64_t timestamp_s,
                               struct hk_str body, struct hk_str signatures);

#endif
