/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/encode.h"

/* RFC 4648, section 10. */
static const struct {
    const char *bytes;
    const char *padded;
    const char *bare;
} rfc4648[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
};

static void test_base64_encodes_as_rfc_4648_says(void **state)
{
    char text[HK_B64_SIZE(6)];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(rfc4648); i++) {
        size_t n = strlen(rfc4648[i].bytes);

        assert_int_equal(hk_b64_encode(rfc4648[i].bytes, n, text), strlen(rfc4648[i].padded));
        assert_string_equal(text, rfc4648[i].padded);
        assert_int_equal(hk_b64url_encode(rfc4648[i].bytes, n, text), strlen(rfc4648[i].bare));
        assert_string_equal(text, rfc4648[i].bare);
    }
}

static void assert_decodes(const char *text, const char *bytes)
{
    uint8_t decoded[6];
    size_t n = 99;

    assert_true(hk_b64_decode(hk_str(text), decoded, sizeof(decoded), &n));
    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(decoded, bytes, n);
}

static void test_base64_decodes_with_and_without_padding(void **state)
{
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(rfc4648); i++) {
        assert_decodes(rfc4648[i].padded, rfc4648[i].bytes);
        assert_decodes(rfc4648[i].bare, rfc4648[i].bytes);
    }
}

static void test_the_two_alphabets_differ_in_their_last_two_digits(void **state)
{
    static const uint8_t bytes[] = {0xfb, 0xef, 0xff};
    char text[HK_B64_SIZE(3)];
    uint8_t decoded[3];
    size_t n;

    (void)state;

    (void)hk_b64_encode(bytes, 3, text);
    assert_string_equal(text, "++//");
    (void)hk_b64url_encode(bytes, 3, text);
    assert_string_equal(text, "--__");

    assert_true(hk_b64_decode(HK_STR("++//"), decoded, 3, &n));
    assert_memory_equal(decoded, bytes, 3);
    assert_true(hk_b64url_decode(HK_STR("--__"), decoded, 3, &n));
    assert_memory_equal(decoded, bytes, 3);
    assert_false(hk_b64_decode(HK_STR("--__"), decoded, 3, &n));
    assert_false(hk_b64url_decode(HK_STR("++//"), decoded, 3, &n));
}

static void test_what_is_not_base64_is_refused_and_nothing_is_written(void **state)
{
    static const char *const cases[] = {
        "A",        "AAAAA", "Zg=",  "Zg===", "=",      "==",     "====", "Zm8==", "Zm9v=",
        "Zm9v====", "Z=g=",  "Zg =", " Zg==", "Zg==\n", "Zm\n9v", "Zm9%", "Zm9-",  "Zm9\xc3",
    };
    uint8_t decoded[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t n = 99;

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(hk_b64_decode(hk_str(cases[i]), decoded, sizeof(decoded), &n));
    assert_false(hk_b64_decode((struct hk_str){"Zg\0=", 4}, decoded, sizeof(decoded), &n));
    assert_false(hk_b64url_decode(HK_STR("Zg=="), decoded, sizeof(decoded), &n));
    assert_int_equal(n, 99);
    assert_memory_equal(decoded, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
}

static void test_base64_that_does_not_fit_is_refused(void **state)
{
    uint8_t decoded[3];
    size_t n;

    (void)state;

    assert_true(hk_b64_decode(HK_STR("Zm9v"), decoded, 3, &n));
    assert_false(hk_b64_decode(HK_STR("Zm9v"), decoded, 2, &n));
    assert_true(hk_b64_decode(HK_STR("Zm8="), decoded, 2, &n));
    assert_false(hk_b64_decode(HK_STR("Zm9vYg=="), decoded, 3, &n));
}

static void test_sixteen_bytes_are_22_base62_digits(void **state)
{
    static const struct {
        uint8_t bytes[16];
        const char *text;
    } cases[] = {
        {{0}, "0000000000000000000000"},
        {{[15] = 61}, "000000000000000000000z"},
        {{[15] = 62}, "0000000000000000000010"},
        {{[14] = 1}, "0000000000000000000048"},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff},
         "7n42DGM5Tflk9n8mt7Fhc7"},
    };
    char text[23] = {0};
    uint8_t bytes[16];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        hk_base62_encode16(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
        assert_true(hk_base62_decode16(text, bytes));
        assert_memory_equal(bytes, cases[i].bytes, 16);
    }
}

static void test_base62_refuses_other_characters_and_more_than_128_bits(void **state)
{
    uint8_t bytes[16];

    (void)state;

    assert_false(hk_base62_decode16("7n42DGM5Tflk9n8mt7Fhc8", bytes));
    assert_false(hk_base62_decode16("zzzzzzzzzzzzzzzzzzzzzz", bytes));
    assert_false(hk_base62_decode16("000000000000000000000-", bytes));
    assert_false(hk_base62_decode16("-000000000000000000000", bytes));
    assert_false(hk_base62_decode16("00000000000 0000000000", bytes));
}

static void test_sha256_of_abc_and_of_nothing_are_those_of_fips_180(void **state)
{
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const uint8_t empty[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                      0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                      0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    uint8_t hash[HK_SHA256_SIZE];

    (void)state;

    hk_sha256("abc", 3, hash);
    assert_memory_equal(hash, abc, sizeof(abc));
    hk_sha256(NULL, 0, hash);
    assert_memory_equal(hash, empty, sizeof(empty));
}

static void test_hex_has_two_lower_case_digits_a_byte(void **state)
{
    char text[9];

    (void)state;
    hk_hex_encode("\x00\x9f\xa0\xff", 4, text);
    assert_string_equal(text, "009fa0ff");
    hk_hex_encode("", 0, text);
    assert_string_equal(text, "");
}

static void test_crc32_is_that_of_zlib(void **state)
{
    (void)state;

    assert_int_equal(hk_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(hk_crc32("a", 1), 0xe8b7be43);
    assert_int_equal(hk_crc32("", 0), 0);
}

static void test_random_bytes_differ(void **state)
{
    uint8_t a[16], b[16];

    (void)state;

    hk_random(a, sizeof(a));
    hk_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    hk_random(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_encodes_as_rfc_4648_says),
        cmocka_unit_test(test_base64_decodes_with_and_without_padding),
        cmocka_unit_test(test_the_two_alphabets_differ_in_their_last_two_digits),
        cmocka_unit_test(test_what_is_not_base64_is_refused_and_nothing_is_written),
        cmocka_unit_test(test_base64_that_does_not_fit_is_refused),
        cmocka_unit_test(test_sixteen_bytes_are_22_base62_digits),
        cmocka_unit_test(test_base62_refuses_other_characters_and_more_than_128_bits),
        cmocka_unit_test(test_sha256_of_abc_and_of_nothing_are_those_of_fips_180),
        cmocka_unit_test(test_hex_has_two_lower_case_digits_a_byte),
        cmocka_unit_test(test_crc32_is_that_of_zlib),
        cmocka_unit_test(test_random_bytes_differ),
    };

    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
