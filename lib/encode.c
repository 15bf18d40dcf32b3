/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes, hashes and random bytes. Hashes and randomness are OpenSSL's. */
#include "hk/encode.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base62_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char b64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Writes the digits only; returns their number. */
static size_t encode_b64(const char *digits, const uint8_t *p, size_t n, char *ret)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t length = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        n_bits += 8;
        while (n_bits >= 6) {
            n_bits -= 6;
            ret[length++] = digits[bits >> n_bits & 63];
        }
    }
    if (n_bits > 0)
        ret[length++] = digits[bits << (6 - n_bits) & 63];

    return length;
}

size_t hk_b64_encode(const void *p, size_t n, char *ret)
{
    size_t length = encode_b64(b64_digits, p, n, ret);

    while (length % 4 != 0)
        ret[length++] = '=';
    ret[length] = '\0';
    return length;
}

size_t hk_b64url_encode(const void *p, size_t n, char *ret)
{
    size_t length = encode_b64(b64url_digits, p, n, ret);

    ret[length] = '\0';
    return length;
}

/* The value of a digit of either alphabet but for the last two, which are `digit_62`, `digit_63`.
 */
static int b64_value(char c, char digit_62, char digit_63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == digit_62)
        return 62;
    return c == digit_63 ? 63 : -1;
}

/*
 * The bits that are left over after the last byte may be anything: secrets that were cut to an
 * unpadded form elsewhere have such bits, and other libraries accept them (standards 1.3).
 */
static bool decode_b64(const char *digits, struct hk_str text, uint8_t *ret, size_t capacity,
                       size_t *ret_n)
{
    size_t n = text.n / 4 * 3 + (text.n % 4 > 0 ? text.n % 4 - 1 : 0);
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t length = 0;

    if (text.n % 4 == 1 || n > capacity)
        return false;

    for (size_t i = 0; i < text.n; i++) {
        if (b64_value(text.p[i], digits[62], digits[63]) < 0)
            return false;
    }

    for (size_t i = 0; i < text.n; i++) {
        bits = bits << 6 | (uint32_t)b64_value(text.p[i], digits[62], digits[63]);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            ret[length++] = (uint8_t)(bits >> n_bits);
        }
    }
    *ret_n = length;
    return true;
}

bool hk_b64_decode(struct hk_str text, uint8_t *ret, size_t capacity, size_t *ret_n)
{
    struct hk_str digits = text;

    while (digits.n > 0 && text.n - digits.n < 2 && digits.p[digits.n - 1] == '=')
        digits.n--;
    if (digits.n != text.n && text.n % 4 != 0)
        return false; /* padding, but not as much as there must be */

    return decode_b64(b64_digits, digits, ret, capacity, ret_n);
}

bool hk_b64url_decode(struct hk_str text, uint8_t *ret, size_t capacity, size_t *ret_n)
{
    return decode_b64(b64url_digits, text, ret, capacity, ret_n);
}

void hk_base62_encode16(const uint8_t p[16], char ret[22])
{
    uint8_t number[16];

    memcpy(number, p, sizeof(number));
    for (unsigned i = 22; i-- > 0;) {
        unsigned remainder = 0;

        for (unsigned j = 0; j < sizeof(number); j++) {
            unsigned part = remainder << 8 | number[j];

            number[j] = (uint8_t)(part / 62);
            remainder = part % 62;
        }
        ret[i] = base62_digits[remainder];
    }
}

static int base62_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'z' ? c - 'a' + 36 : -1;
}

bool hk_base62_decode16(const char p[22], uint8_t ret[16])
{
    unsigned __int128 number = 0;

    for (unsigned i = 0; i < 22; i++) {
        int value = base62_value(p[i]);

        if (value < 0 || __builtin_mul_overflow(number, 62u, &number) ||
            __builtin_add_overflow(number, (unsigned)value, &number))
            return false; /* 22 digits can say more than 128 bits */
    }
    for (unsigned i = 16; i-- > 0; number >>= 8)
        ret[i] = (uint8_t)number;
    return true;
}

static HK_NORETURN void die(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* OpenSSL 3 looks an algorithm up by name at each use unless it was fetched before. */
static EVP_MD *sha256;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (sha256 == NULL)
        die("OpenSSL has no SHA-256");
}

void hk_hex_encode(const void *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;

    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * n] = '\0';
}

void hk_sha256(const void *p, size_t n, uint8_t ret[HK_SHA256_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fetch_sha256);
    if (EVP_Digest(p, n, ret, NULL, sha256, NULL) != 1)
        die("SHA-256 failed");
}

void hk_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
                    uint8_t ret[HK_SHA256_SIZE])
{
    assert(key_n <= INT_MAX);
    if (HMAC(EVP_sha256(), key, (int)key_n, p, n, ret, NULL) == NULL)
        die("HMAC-SHA256 failed");
}

bool hk_equal_secretly(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

/* By halves of bytes: each request's key has one, of a few dozen bytes. */
uint32_t hk_crc32(const void *p, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *bytes = p;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

void hk_random(void *ret, size_t n)
{
    assert(n <= INT_MAX);
    if (RAND_bytes(ret, (int)n) != 1)
        die("no random bytes");
}

/* A byte that would make the first digits likelier is drawn again. */
void hk_base62_random(char *ret, size_t n)
{
    size_t length = 0;

    while (length < n) {
        uint8_t bytes[64];

        hk_random(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && length < n; i++) {
            if (bytes[i] < 248) /* 4 * 62 */
                ret[length++] = base62_digits[bytes[i] % 62];
        }
    }
}
