/* SPDX-License-Identifier: Apache-2.0 */
/* HMACs against the vectors of RFC 2202 and RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/encode.h"
#include "hk/mac.h"

static void must_be(enum hk_hash hash, struct hk_str key, struct hk_str text, const char *hex)
{
    struct hk_str parts[] = {
        {text.p, text.n / 2}, HK_STR_NULL, {text.p + text.n / 2, text.n - text.n / 2}};
    uint8_t mac[HK_MAC_MAX_BYTES];
    char encoded[2 * HK_MAC_MAX_BYTES + 1];

    hk_hex_encode(mac, hk_mac(hash, key, parts, HK_COUNTOF(parts), mac), encoded);
    assert_string_equal(encoded, hex);
}

static void each_hash_is_as_its_rfc_says(void **state)
{
    struct hk_str key = HK_STR("Jefe"), text = HK_STR("what do ya want for nothing?");

    (void)state;
    must_be(HK_SHA1, key, text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    must_be(HK_SHA256, key, text,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    must_be(HK_SHA384, key, text,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
            "8e2240ca5e69e2c78b3239ecfab21649");
    must_be(HK_SHA512, key, text,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

static void a_key_of_no_bytes_is_not_the_one_of_before(void **state)
{
    (void)state;
    must_be(HK_SHA256, HK_STR("k"), HK_STR(""),
            "8bb990c40a7d61cb97597a942125025be50ac8beb74436e3735b98893a7f6620");
    must_be(HK_SHA256, HK_STR(""), HK_STR(""),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hash_is_as_its_rfc_says),
        cmocka_unit_test(a_key_of_no_bytes_is_not_the_one_of_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
