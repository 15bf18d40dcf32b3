/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/config.h"
#include "hk/vault.h"

#define KEY_A "lGYBaf5UsZeNrsQ0avaeBprTGmyZxZyFUdyQS0xPS4I="
#define KEY_B "nQxUiCeXOd3XJ7YPgtBuxzCqYMmZ6bwyJQAfXlmRZLE="

static const struct hk_vault_place place = {
    {"0190c3a0-0000-7000-8000-00000000000a", 36},
    {"subscription_secret", 19},
    {"0190c3a0-0000-7000-8000-00000000000b", 36},
    {"0190c3a0-0000-7000-8000-0000000000bb", 36},
    {"secret", 6},
};

/* What loading says; "" when the keys are good. Freed by the caller. */
static char *load(struct hk_vault *ret, const char *key, const char *old)
{
    char *key_text = strdup(key), *old_text = strdup(old), *said = NULL;
    struct hk_config config = {.master_key = key_text, .master_key_old = old_text};
    size_t n = 0, key_n = strlen(key);
    FILE *errors = open_memstream(&said, &n);
    bool is_good;

    assert_non_null(key_text);
    assert_non_null(old_text);
    assert_non_null(errors);
    is_good = hk_vault_load(ret, &config, errors);
    assert_int_equal(fclose(errors), 0);
    assert_int_equal(is_good, said[0] == '\0');
    for (size_t i = 0; i < key_n; i++)
        assert_int_equal(key_text[i], '\0'); /* nothing of it stays */
    assert_string_equal(config.master_key, "");
    assert_string_equal(config.master_key_old, "");
    free(key_text);
    free(old_text);
    return said;
}

static struct hk_vault given_vault(const char *key, const char *old)
{
    struct hk_vault vault;
    char *said = load(&vault, key, old);

    assert_string_equal(said, "");
    free(said);
    return vault;
}

static void seal(const struct hk_vault *vault, const struct hk_vault_place *where, const char *text,
                 char *ret, size_t size)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, size - 1);
    hk_vault_seal(vault, where, hk_str(text), &buf);
    assert_false(buf.is_full);
    memcpy(ret, buf.p, buf.n + 1);
}

static bool opens(const struct hk_vault *vault, const struct hk_vault_place *where,
                  struct hk_str stored, const char *wanted)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    bool is_open;

    hk_buf_init(&buf, 1024);
    is_open = hk_vault_open(vault, where, stored, &buf);
    if (is_open)
        assert_string_equal(buf.p, wanted);
    else
        assert_int_equal(buf.n, 0);
    return is_open;
}

static void test_a_sealed_text_opens_in_its_place_only(void **state)
{
    struct hk_vault vault = given_vault(KEY_A, "");
    struct hk_vault_place other = place;
    char sealed[256], again[256];

    (void)state;
    seal(&vault, &place, "whsec_abc", sealed, sizeof(sealed));
    seal(&vault, &place, "whsec_abc", again, sizeof(again));
    assert_string_not_equal(sealed, again); /* no nonce twice */
    assert_null(strstr(sealed, "whsec"));
    assert_true(strlen(sealed) < HK_VAULT_SEALED_SIZE(9));
    assert_true(opens(&vault, &place, hk_str(sealed), "whsec_abc"));

    other.tenant_id = HK_STR("0190c3a0-0000-7000-8000-00000000000c");
    assert_false(opens(&vault, &other, hk_str(sealed), ""));
    other = place;
    other.table = HK_STR("tenant_secret");
    assert_false(opens(&vault, &other, hk_str(sealed), ""));
    other = place;
    other.owner_id = HK_STR("0190c3a0-0000-7000-8000-00000000000c");
    assert_false(opens(&vault, &other, hk_str(sealed), ""));
    other = place;
    other.row_id = HK_STR("0190c3a0-0000-7000-8000-00000000000c");
    assert_false(opens(&vault, &other, hk_str(sealed), ""));
    other = place;
    other.column = HK_STR("password");
    assert_false(opens(&vault, &other, hk_str(sealed), ""));
}

static void test_a_changed_text_does_not_open(void **state)
{
    struct hk_vault vault = given_vault(KEY_A, "");
    char sealed[256];
    size_t n;

    (void)state;
    seal(&vault, &place, "whsec_abc", sealed, sizeof(sealed));
    n = strlen(sealed);
    for (size_t i = 12; i < n; i++) {
        for (const char *c = "AQgw_"; *c != '\0'; c++) {
            char kept = sealed[i];

            sealed[i] = *c;
            assert_int_equal(opens(&vault, &place, hk_str(sealed), "whsec_abc"), *c == kept);
            sealed[i] = kept;
        }
    }
    for (size_t cut = n - 1; hk_vault_is_sealed((struct hk_str){sealed, cut}); cut--)
        assert_false(opens(&vault, &place, (struct hk_str){sealed, cut}, ""));
}

static void test_another_key_does_not_open(void **state)
{
    struct hk_vault vault = given_vault(KEY_A, ""), other = given_vault(KEY_B, "");
    char sealed[256];

    (void)state;
    seal(&vault, &place, "whsec_abc", sealed, sizeof(sealed));
    assert_false(opens(&other, &place, hk_str(sealed), ""));
    memcpy(sealed + 3, other.current.id, 8); /* under a false name */
    assert_false(opens(&other, &place, hk_str(sealed), ""));
    assert_false(opens(&vault, &place, hk_str(sealed), ""));
}

static void test_two_keys_live_while_one_takes_the_place_of_the_other(void **state)
{
    struct hk_vault before = given_vault(KEY_A, ""), both = given_vault(KEY_B, KEY_A);
    struct hk_vault after = given_vault(KEY_B, "");
    char sealed[256];

    (void)state;
    seal(&before, &place, "whsec_abc", sealed, sizeof(sealed));
    assert_true(opens(&both, &place, hk_str(sealed), "whsec_abc"));
    assert_true(hk_vault_is_current(&before, hk_str(sealed)));
    assert_false(hk_vault_is_current(&both, hk_str(sealed)));
    seal(&both, &place, "whsec_abc", sealed, sizeof(sealed));
    assert_true(hk_vault_is_current(&both, hk_str(sealed)));
    assert_true(opens(&after, &place, hk_str(sealed), "whsec_abc"));
    assert_false(opens(&before, &place, hk_str(sealed), ""));
}

static void test_what_was_stored_before_is_its_own_clear_text(void **state)
{
    static const char *const clear[] = {"",
                                        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                        "v1",
                                        "v1.",
                                        "v1.0a1b2c3d.short",
                                        "v1.0A1B2C3D.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "v1.0a1b2c3d.AAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAA",
                                        "v2.0a1b2c3d.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct hk_vault vault = given_vault(KEY_A, "");

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(clear); i++) {
        assert_false(hk_vault_is_sealed(hk_str(clear[i])));
        assert_false(hk_vault_is_current(&vault, hk_str(clear[i])));
        if (clear[i][0] != '\0')
            assert_true(opens(&vault, &place, hk_str(clear[i]), clear[i]));
    }
}

static void test_keys_that_are_none_are_refused_in_words(void **state)
{
    static const char *const bad[] = {"", "secret",
                                      "lGYBaf5UsZeNrsQ0avaeBprTGmyZxZyFUdyQS0xPS4", /* 31 bytes */
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                      "lGYBaf5UsZeNrsQ0avaeBprTGmyZxZyFUdyQS0xPS4JAAAA="};
    struct hk_vault vault;
    char *said;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        said = load(&vault, bad[i], "");
        assert_non_null(strstr(said, "HOOKLINE_MASTER_KEY: "));
        assert_non_null(strstr(said, "hookline keys master"));
        if (bad[i][0] != '\0')
            assert_null(strstr(said, bad[i]));
        assert_string_equal(vault.current.id, "");
        free(said);
    }
    said = load(&vault, KEY_A, "secret");
    assert_non_null(strstr(said, "HOOKLINE_MASTER_KEY_OLD: "));
    free(said);
    said = load(&vault, KEY_A, KEY_A);
    assert_non_null(strstr(said, "HOOKLINE_MASTER_KEY_OLD: "));
    free(said);
}

static void test_new_keys_are_good_and_differ(void **state)
{
    char one[HK_VAULT_KEY_TEXT_SIZE], two[HK_VAULT_KEY_TEXT_SIZE];
    struct hk_vault vault;

    (void)state;
    hk_vault_new_key(one);
    hk_vault_new_key(two);
    vault = given_vault(one, two);
    assert_int_equal(strlen(vault.current.id), HK_VAULT_KEY_ID_SIZE - 1);
    assert_string_not_equal(vault.current.id, vault.old.id);
    hk_vault_done(&vault);
    assert_string_equal(vault.current.id, "");
    assert_int_equal(vault.current.bytes[0] | vault.old.bytes[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sealed_text_opens_in_its_place_only),
        cmocka_unit_test(test_a_changed_text_does_not_open),
        cmocka_unit_test(test_another_key_does_not_open),
        cmocka_unit_test(test_two_keys_live_while_one_takes_the_place_of_the_other),
        cmocka_unit_test(test_what_was_stored_before_is_its_own_clear_text),
        cmocka_unit_test(test_keys_that_are_none_are_refused_in_words),
        cmocka_unit_test(test_new_keys_are_good_and_differ),
    };

    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
