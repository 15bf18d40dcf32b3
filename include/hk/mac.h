/* SPDX-License-Identifier: Apache-2.0 */
/* hk/mac.h - HMAC by one of the hashes that webhooks are signed with. Any thread. */
#ifndef HK_MAC_H
#define HK_MAC_H

#include "hk/base.h"

#define HK_MAC_MAX_BYTES 64

enum hk_hash { HK_SHA1, HK_SHA256, HK_SHA384, HK_SHA512, HK_HASH_COUNT };

/* Over the parts, one after the other. Returns the number of bytes written: 20, 32, 48 or 64. */
size_t hk_mac(enum hk_hash hash, struct hk_str key, const struct hk_str *parts, size_t n_parts,
              uint8_t ret[HK_MAC_MAX_BYTES]);

#endif
