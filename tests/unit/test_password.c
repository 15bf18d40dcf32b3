/* SPDX-License-Identifier: Apache-2.0 */
/* api/auth/password.h: what is good enough, and what argon2id makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth/password.h"

#define EMAIL HK_STR("ann.long@example.com")

static enum hk_code check(const char *password, struct hk_error *ret)
{
    *ret = (struct hk_error){0};
    return password_check(hk_str(password), EMAIL, "/password", ret);
}

static void test_12_to_128_characters_whichever_they_are(void **state)
{
    static const char *const good[] = {
        "twelve chars", "ALL CAPITALS", "593105827364",
        ("\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0\xc3\xa2\xc3\xae\xc3\xaf\xc3\xb4\xc3\xb9\xc3\xbb"
         "\xc3\xa7"), /* 12 characters in 24 bytes */
    };
    struct hk_error error;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(good); i++)
        assert_int_equal(check(good[i], &error), HK_OK);
}

static void test_too_short_and_too_long_is_said_with_the_limits(void **state)
{
    char text[PASSWORD_MAX_CHARACTERS + 2];
    struct hk_error error;

    (void)state;
    assert_int_equal(check("elevenchars", &error), HK_INVALID_BODY);
    assert_string_equal(error.pointer, "/password");
    assert_string_equal(error.detail, "must have 12 to 128 characters");
    assert_int_equal(check("\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0\xc3\xa2", &error),
                     HK_INVALID_BODY); /* 6 characters in 12 bytes */
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + i % 26);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(check(text, &error), HK_INVALID_BODY);
    text[sizeof(text) - 2] = '\0';
    assert_int_equal(check(text, &error), HK_OK);
}

static void test_the_email_and_what_everybody_tries_are_refused(void **state)
{
    static const char *const bad[] = {
        "ann.long@example.com", "Ann.Long@Example.COM", "password1234",      "PasswordPassword",
        "123456789012",         "qwertyuiop123",        "aaaaaaaaaaaaaaaaa", "abababababababab",
        "abcabcabcabcabc",      "hooklinehookline",     "            ",
    };
    struct hk_error error;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(bad); i++)
        assert_int_equal(check(bad[i], &error), HK_INVALID_BODY);
}

static void test_a_hash_is_salted_and_knows_its_password(void **state)
{
    static const char today[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    char phc[PASSWORD_HASH_SIZE], other[PASSWORD_HASH_SIZE];

    (void)state;
    assert_true(password_hash(HK_STR("correct horse"), phc));
    assert_true(password_hash(HK_STR("correct horse"), other));
    assert_string_not_equal(phc, other);
    assert_memory_equal(phc, today, sizeof(today) - 1);
    assert_true(password_verify(phc, HK_STR("correct horse")));
    assert_false(password_verify(phc, HK_STR("Correct horse")));
    assert_false(password_verify(phc, HK_STR("")));
    assert_false(password_is_outdated(phc));
}

static void test_nobody_has_a_password(void **state)
{
    (void)state;
    assert_false(password_verify(NULL, HK_STR("correct horse")));
    assert_false(password_verify("", HK_STR("correct horse")));
    assert_false(password_verify("$argon2id$", HK_STR("correct horse")));
}

/* Of the command line tool "argon2", with 4 MiB: what an older version might have made. */
static void test_a_hash_of_other_parameters_is_outdated_and_still_good(void **state)
{
    static const char old[] = "$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHQxMjM0NTY$%s";

    (void)state;
    assert_true(password_is_outdated(old));
    assert_true(password_is_outdated("$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_12_to_128_characters_whichever_they_are),
        cmocka_unit_test(test_too_short_and_too_long_is_said_with_the_limits),
        cmocka_unit_test(test_the_email_and_what_everybody_tries_are_refused),
        cmocka_unit_test(test_a_hash_is_salted_and_knows_its_password),
        cmocka_unit_test(test_nobody_has_a_password),
        cmocka_unit_test(test_a_hash_of_other_parameters_is_outdated_and_still_good),
    };

    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
