/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors SW1, SW2, SW3 and the negative cases of standards 1.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/sign.h"

#define SECRET    HK_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
#define ID        HK_STR("msg_p5jXN8AQM9LWM0D4loKWxJek")
#define TIMESTAMP INT64_C(1614265330)
#define BODY      HK_STR("{\"test\": 2432232314}")
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER     "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

static bool verifies(const char *signatures)
{
    return hk_verify_v1(SECRET, ID, TIMESTAMP, BODY, hk_str(signatures));
}

static void test_SW1_is_signed_as_the_reference_libraries_sign_it(void **state)
{
    char signature[HK_SIGNATURE_TEXT_SIZE];

    (void)state;

    assert_true(hk_sign(SECRET, ID, TIMESTAMP, BODY, signature));
    assert_string_equal(signature, SIGNATURE);
    assert_true(verifies(signature));
}

static void test_SW2_is_signed_as_the_reference_libraries_sign_it(void **state)
{
    char signature[HK_SIGNATURE_TEXT_SIZE];

    (void)state;

    assert_true(hk_sign(HK_STR("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
                        HK_STR("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"), 1649367553,
                        HK_STR("{\"email\":\"test@example.com\",\"username\":\"test_user\"}"),
                        signature));
    assert_string_equal(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

static void test_an_empty_body_can_be_signed_and_verified(void **state)
{
    char signature[HK_SIGNATURE_TEXT_SIZE];

    (void)state;

    assert_true(hk_sign(SECRET, ID, TIMESTAMP, HK_STR(""), signature));
    assert_true(hk_verify_v1(SECRET, ID, TIMESTAMP, HK_STR_NULL, hk_str(signature)));
    assert_false(hk_verify_v1(SECRET, ID, TIMESTAMP, BODY, hk_str(signature)));
}

static void test_wrong_signatures_do_not_verify(void **state)
{
    static const char *const cases[] = {
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=", /* last byte changed */
        "v1,",
        "v1,g0hM9SsE", /* first 8 characters only */
        "v1,dawfeoifkpqwoekfpqoekf",
        "v1",
        "",
        " ",
        "   ",
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1, g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=,x",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OEA",
        OTHER,
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(verifies(cases[i]));
    assert_false(hk_verify_v1(SECRET, ID, TIMESTAMP, BODY, HK_STR_NULL));
}

static void test_a_signature_holds_for_its_id_timestamp_body_and_secret_only(void **state)
{
    struct hk_str signature = HK_STR(SIGNATURE);

    (void)state;

    assert_true(hk_verify_v1(SECRET, ID, TIMESTAMP, BODY, signature));
    assert_false(
        hk_verify_v1(SECRET, HK_STR("msg_p5jXN8AQM9LWM0D4loKWxJeK"), TIMESTAMP, BODY, signature));
    assert_false(hk_verify_v1(SECRET, HK_STR(""), TIMESTAMP, BODY, signature));
    assert_false(hk_verify_v1(SECRET, ID, TIMESTAMP + 301, BODY, signature));
    assert_false(hk_verify_v1(SECRET, ID, TIMESTAMP - 301, BODY, signature));
    assert_false(hk_verify_v1(SECRET, ID, TIMESTAMP, HK_STR("{\"test\":2432232314}"), signature));
    assert_false(hk_verify_v1(HK_STR("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), ID, TIMESTAMP, BODY,
                              signature));
}

static void test_any_of_several_signatures_may_be_ours(void **state)
{
    (void)state;

    assert_true(
        verifies(OTHER " v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= " SIGNATURE " " OTHER));
    assert_true(verifies(SIGNATURE " " OTHER));
    assert_true(verifies("  " SIGNATURE "  "));
    assert_false(verifies(OTHER " v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= " OTHER));
}

#define SW3_SECRET                                                                                 \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SW3_PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define SW3_SIGNATURE                                                                              \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

static bool verifies_v1a(const char *signatures)
{
    return hk_verify_v1a(HK_STR(SW3_PUBLIC), ID, TIMESTAMP, BODY, hk_str(signatures));
}

static void test_SW3_is_signed_as_the_reference_signs_it(void **state)
{
    char signature[HK_SIGNATURE_TEXT_SIZE], public_key[HK_PUBLIC_KEY_TEXT_SIZE];

    (void)state;

    assert_true(hk_sign(HK_STR(SW3_SECRET), ID, TIMESTAMP, BODY, signature));
    assert_string_equal(signature, SW3_SIGNATURE);
    assert_true(hk_secret_public_key(HK_STR(SW3_SECRET), public_key));
    assert_string_equal(public_key, SW3_PUBLIC);
    assert_true(verifies_v1a(signature));
    assert_true(verifies_v1a(OTHER " " SW3_SIGNATURE " " SIGNATURE));
}

static void test_wrong_v1a_signatures_do_not_verify(void **state)
{
    static const char *const cases[] = {
        ("v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBA"
         "w=="),
        ("v1,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg"
         "=="),
        "v1a,",
        "v1a,hnO3f9T8",
        "v1a,dawfeoifkpqwoekfpqoekf",
        "v1a",
        "",
        SIGNATURE,
    };
    static const char *const no_keys[] = {"", "whpk_", "whpk_AAAA", (SW3_SECRET),
                                          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(verifies_v1a(cases[i]));
    for (size_t i = 0; i < HK_COUNTOF(no_keys); i++)
        assert_false(hk_verify_v1a(hk_str(no_keys[i]), ID, TIMESTAMP, BODY, HK_STR(SW3_SIGNATURE)));
    assert_false(
        hk_verify_v1a(HK_STR(SW3_PUBLIC), HK_STR("msg_2"), TIMESTAMP, BODY, HK_STR(SW3_SIGNATURE)));
    assert_false(
        hk_verify_v1a(HK_STR(SW3_PUBLIC), ID, TIMESTAMP + 301, BODY, HK_STR(SW3_SIGNATURE)));
    assert_false(
        hk_verify_v1a(HK_STR(SW3_PUBLIC), ID, TIMESTAMP - 301, BODY, HK_STR(SW3_SIGNATURE)));
    assert_false(hk_verify_v1a(HK_STR(SW3_PUBLIC), ID, TIMESTAMP, HK_STR("{\"test\":2432232314}"),
                               HK_STR(SW3_SIGNATURE)));
}

static void test_a_pair_whose_halves_do_not_belong_together_is_no_secret(void **state)
{
    static const char mixed[] = /* the last byte of the public half changed */
        "whsk_"
        "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw==";

    (void)state;

    assert_true(hk_secret_is_valid(HK_STR(SW3_SECRET)));
    assert_false(hk_secret_is_valid(hk_str(mixed)));
}

static void test_a_new_pair_signs_what_its_public_key_verifies(void **state)
{
    char one[HK_SECRET_TEXT_SIZE], two[HK_SECRET_TEXT_SIZE];
    char signature[HK_SIGNATURE_TEXT_SIZE], public_key[HK_PUBLIC_KEY_TEXT_SIZE];
    enum hk_secret_kind kind = HK_SECRET_V1;

    (void)state;

    hk_secret_new(HK_SECRET_V1A, one);
    hk_secret_new(HK_SECRET_V1A, two);
    assert_string_not_equal(one, two);
    assert_true(hk_secret_check(hk_str(one), &kind));
    assert_int_equal(kind, HK_SECRET_V1A);
    assert_true(hk_secret_public_key(hk_str(one), public_key));
    assert_true(hk_sign(hk_str(one), ID, TIMESTAMP, HK_STR(""), signature));
    assert_true(hk_verify_v1a(hk_str(public_key), ID, TIMESTAMP, HK_STR_NULL, hk_str(signature)));
    assert_false(hk_secret_public_key(SECRET, public_key));
}

static const char *const bad_secrets[] = {
    "",
    "w",
    "whsec_",
    "whsec_%",
    "whsec_wronglength",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kv",
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=", /* the seed alone */
    "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", /* 22 bytes */
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
    /* 84 bytes */
    ("whsec_V09IYXZUaFJoSnFobnpJQkpPMXdpdGFNWnJsRzAxdXZCeTVndVpwRmxSSXFsc0oyYzBTRWRUekJhYnlaZ0JSR"
     "GNPQ3BGZG1xYjFVVmRGQ3UK"),
};

static const char *const good_secrets[] = {
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", /* unpadded, as the python library accepts it */
    /* 64 bytes */
    ("whsec_TUdfVE5UMnZlci1TeWxOYXQtX1ZlTW1kLTRtMFdhYmEwanIxdHJvenRCbmlTQ2hFdzBnbHhFbWdFaTJLdzQwSA"
     "=="),
};

static void test_secrets_are_whsec_and_24_to_64_bytes_of_base64(void **state)
{
    char signature[HK_SIGNATURE_TEXT_SIZE];

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(good_secrets); i++) {
        assert_true(hk_secret_is_valid(hk_str(good_secrets[i])));
        assert_true(hk_sign(hk_str(good_secrets[i]), ID, TIMESTAMP, BODY, signature));
    }
    for (size_t i = 0; i < HK_COUNTOF(bad_secrets); i++) {
        assert_false(hk_secret_is_valid(hk_str(bad_secrets[i])));
        assert_false(hk_sign(hk_str(bad_secrets[i]), ID, TIMESTAMP, BODY, signature));
        assert_false(hk_verify_v1(hk_str(bad_secrets[i]), ID, TIMESTAMP, BODY, HK_STR(SIGNATURE)));
    }
    assert_false(hk_secret_is_valid(HK_STR_NULL));
}

static void test_a_new_secret_is_valid_of_32_bytes_and_never_the_same(void **state)
{
    char one[HK_SECRET_TEXT_SIZE];
    char two[HK_SECRET_TEXT_SIZE];

    (void)state;

    hk_secret_new(HK_SECRET_V1, one);
    hk_secret_new(HK_SECRET_V1, two);
    assert_true(hk_secret_is_valid(hk_str(one)));
    assert_int_equal(strlen(one), 6 + 44);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_SW1_is_signed_as_the_reference_libraries_sign_it),
        cmocka_unit_test(test_SW2_is_signed_as_the_reference_libraries_sign_it),
        cmocka_unit_test(test_an_empty_body_can_be_signed_and_verified),
        cmocka_unit_test(test_wrong_signatures_do_not_verify),
        cmocka_unit_test(test_a_signature_holds_for_its_id_timestamp_body_and_secret_only),
        cmocka_unit_test(test_any_of_several_signatures_may_be_ours),
        cmocka_unit_test(test_secrets_are_whsec_and_24_to_64_bytes_of_base64),
        cmocka_unit_test(test_SW3_is_signed_as_the_reference_signs_it),
        cmocka_unit_test(test_wrong_v1a_signatures_do_not_verify),
        cmocka_unit_test(test_a_pair_whose_halves_do_not_belong_together_is_no_secret),
        cmocka_unit_test(test_a_new_pair_signs_what_its_public_key_verifies),
        cmocka_unit_test(test_a_new_secret_is_valid_of_32_bytes_and_never_the_same),
    };

    return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
