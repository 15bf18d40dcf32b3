/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/encode.h"
#include "hk/seal.h"

static void assert_hex(const uint8_t *bytes, size_t n, const char *wanted)
{
    char hex[2 * 128 + 1];

    hk_hex_encode(bytes, n, hex);
    assert_string_equal(hex, wanted);
}

/* RFC 5869, A.1 and A.3. */
static void test_keys_are_derived_as_the_rfc_does(void **state)
{
    static const char secret[22] = "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                                   "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b";
    static const char salt[13] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c";
    static const char info[10] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
    uint8_t key[42];

    (void)state;
    hk_derive_key((struct hk_str){secret, sizeof(secret)}, (struct hk_str){salt, sizeof(salt)},
                  (struct hk_str){info, sizeof(info)}, key, sizeof(key));
    assert_hex(key, sizeof(key),
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
               "34007208d5b887185865");
    hk_derive_key((struct hk_str){secret, sizeof(secret)}, HK_STR(""), HK_STR(""), key,
                  sizeof(key));
    assert_hex(key, sizeof(key),
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
               "9d201395faa4b61a96c8");
}

static void test_what_is_sealed_can_be_read_with_the_key_only(void **state)
{
    static const uint8_t key[HK_SEAL_KEY_SIZE] = {1}, other[HK_SEAL_KEY_SIZE] = {2};
    static const char text[] = "{\"secret\": \"whsec_abc\"}";
    uint8_t sealed[sizeof(text) + HK_SEAL_OVERHEAD], again[sizeof(sealed)], opened[sizeof(text)];
    struct hk_str bytes = {(const char *)sealed, sizeof(sealed)};

    (void)state;
    hk_seal(key, HK_STR("about"), (struct hk_str){text, sizeof(text)}, sealed);
    hk_seal(key, HK_STR("about"), (struct hk_str){text, sizeof(text)}, again);
    assert_memory_not_equal(sealed, again, sizeof(sealed)); /* no nonce twice */
    assert_null(memmem(sealed, sizeof(sealed), "whsec", 5));
    assert_true(hk_unseal(key, HK_STR("about"), bytes, opened));
    assert_memory_equal(opened, text, sizeof(text));
    assert_false(hk_unseal(other, HK_STR("about"), bytes, opened));
    assert_false(hk_unseal(key, HK_STR("abouT"), bytes, opened));
    assert_false(hk_unseal(key, HK_STR(""), bytes, opened));
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_false(hk_unseal(key, HK_STR("about"), bytes, opened));
        sealed[i] ^= 1;
    }
    for (size_t n = 0; n < sizeof(sealed); n++)
        assert_false(hk_unseal(key, HK_STR("about"), (struct hk_str){bytes.p, n}, opened));
}

static void test_nothing_can_be_sealed(void **state)
{
    static const uint8_t key[HK_SEAL_KEY_SIZE] = {1};
    uint8_t sealed[HK_SEAL_OVERHEAD], opened[1];

    (void)state;
    hk_seal(key, HK_STR("about"), HK_STR(""), sealed);
    assert_true(hk_unseal(key, HK_STR("about"),
                          (struct hk_str){(const char *)sealed, sizeof(sealed)}, opened));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_derived_as_the_rfc_does),
        cmocka_unit_test(test_what_is_sealed_can_be_read_with_the_key_only),
        cmocka_unit_test(test_nothing_can_be_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
