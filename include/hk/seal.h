/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/seal.h - keys derived from what somebody knows, and bytes that only who knows it can read.
 * From any thread.
 */
#ifndef HK_SEAL_H
#define HK_SEAL_H

#include "hk/base.h"

#define HK_SEAL_KEY_SIZE 32
#define HK_SEAL_OVERHEAD (12 + 16) /* nonce and tag */

/* HKDF with SHA-256 (RFC 5869): `n` bytes, at most 255 * 32. */
void hk_derive_key(struct hk_str secret, struct hk_str salt, struct hk_str info, uint8_t *ret,
                   size_t n);

/*
 * AES-256-GCM under a random nonce; writes text.n + HK_SEAL_OVERHEAD bytes. `about` is not in them,
 * but opens them: what they are of, or nothing.
 */
void hk_seal(const uint8_t key[HK_SEAL_KEY_SIZE], struct hk_str about, struct hk_str text,
             uint8_t *ret);

/*
 * Writes sealed.n - HK_SEAL_OVERHEAD bytes; false when they were not sealed with this key and
 * `about`: what has been written is to be forgotten then.
 */
HK_NODISCARD bool hk_unseal(const uint8_t key[HK_SEAL_KEY_SIZE], struct hk_str about,
                            struct hk_str sealed, uint8_t *ret);

#endif
