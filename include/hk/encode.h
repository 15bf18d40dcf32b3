/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/encode.h - base64, base64url, base62, hex, SHA-256, HMAC, CRC-32, random bytes. Pure but for
 * the last. Sizes: HK_B64_SIZE(n) characters hold n bytes in padded base64, with a NUL.
 */
#ifndef HK_ENCODE_H
#define HK_ENCODE_H

#include "hk/base.h"

#define HK_B64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
#define HK_SHA256_SIZE 32

/* Standard base64 with padding; writes a NUL; returns the number of characters. */
size_t hk_b64_encode(const void *p, size_t n, char *ret);

/* Strict: no blanks, no junk; padding may be missing. False when `text` is not base64 or does not
 * fit. */
HK_NODISCARD bool hk_b64_decode(struct hk_str text, uint8_t *ret, size_t capacity, size_t *ret_n);

/* URL-safe alphabet, no padding, the same rules. */
size_t hk_b64url_encode(const void *p, size_t n, char *ret);
HK_NODISCARD bool hk_b64url_decode(struct hk_str text, uint8_t *ret, size_t capacity,
                                   size_t *ret_n);

/* The big-endian number in 16 bytes as exactly 22 base62 digits (0-9A-Za-z), and back. */
void hk_base62_encode16(const uint8_t p[16], char ret[22]);
HK_NODISCARD bool hk_base62_decode16(const char p[22], uint8_t ret[16]);

/* `n` random base62 digits, each as likely as any other; no NUL. */
void hk_base62_random(char *ret, size_t n);

/* Lower-case, two digits a byte; writes a NUL: `ret` has room for 2 * n + 1. */
void hk_hex_encode(const void *p, size_t n, char *ret);

void hk_sha256(const void *p, size_t n, uint8_t ret[HK_SHA256_SIZE]);
void hk_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
                    uint8_t ret[HK_SHA256_SIZE]);
uint32_t hk_crc32(const void *p, size_t n);

/* Whether n bytes are equal, in a time that does not tell where they differ: for MACs. */
HK_NODISCARD bool hk_equal_secretly(const void *a, const void *b, size_t n);

/* Cryptographic random bytes; ends the process when the system has none. */
void hk_random(void *ret, size_t n);

#endif
