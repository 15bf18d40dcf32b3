/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/config.h"
#include "hk/stored_secrets.h"

static const struct hk_str tenant = {"0190c3a0-0000-7000-8000-00000000000a", 36};
static const struct hk_str other_tenant = {"0190c3a0-0000-7000-8000-0000000000aa", 36};
static const struct hk_str subscription = {"0190c3a0-0000-7000-8000-00000000000b", 36};
static const struct hk_str other_subscription = {"0190c3a0-0000-7000-8000-0000000000bb", 36};
static const struct hk_str id = {"0190c3a0-0000-7000-8000-00000000000c", 36};

static struct hk_vault vault;

static int make_vault(void **state)
{
    char key[HK_VAULT_KEY_TEXT_SIZE];
    struct hk_config config = {.master_key = key, .master_key_old = ""};

    (void)state;
    hk_vault_new_key(key);
    return hk_vault_load(&vault, &config, stderr) ? 0 : -1;
}

/* Appends "<prefix><text, sealed>". */
static void add(struct hk_buf *buf, const char *prefix, const struct hk_vault_place *place,
                const char *text)
{
    hk_buf_add_text(buf, prefix);
    hk_vault_seal(&vault, place, hk_str(text), buf);
}

static void test_all_live_secrets_open_in_their_order(void **state)
{
    struct hk_vault_place place = hk_place_of_subscription_secret(tenant, subscription, id);
    struct hk_buf stored HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&stored, 1024);
    hk_buf_init(&opened, 1024);
    add(&stored, "0190c3a0-0000-7000-8000-00000000000c:", &place, "whsec_1");
    hk_buf_add_text(&stored, " 0190c3a0-0000-7000-8000-00000000000d:whsec_clear");
    assert_true(hk_stored_secrets_open(&vault, tenant, subscription, hk_buf_str(&stored), &opened));
    assert_string_equal(opened.p, "whsec_1 whsec_clear");
    assert_false(
        hk_stored_secrets_open(&vault, other_tenant, subscription, hk_buf_str(&stored), &opened));
    assert_false(
        hk_stored_secrets_open(&vault, tenant, other_subscription, hk_buf_str(&stored), &opened));
    assert_false(hk_stored_secrets_open(&vault, tenant, HK_STR_NULL, hk_buf_str(&stored), &opened));
}

static void test_one_secret_that_does_not_open_is_enough(void **state)
{
    struct hk_vault_place place = hk_place_of_tenant_secret(tenant, id);
    struct hk_buf stored HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&stored, 1024);
    hk_buf_init(&opened, 1024);
    add(&stored, "0190c3a0-0000-7000-8000-00000000000c:", &place, "whsec_1");
    assert_true(hk_stored_secrets_open(&vault, tenant, HK_STR_NULL, hk_buf_str(&stored), &opened));
    assert_string_equal(opened.p, "whsec_1");
    add(&stored, " 0190c3a0-0000-7000-8000-00000000000d:", &place, "whsec_2"); /* of another row */
    assert_false(hk_stored_secrets_open(&vault, tenant, HK_STR_NULL, hk_buf_str(&stored), &opened));
}

static void test_header_fields_open_by_their_caseless_names(void **state)
{
    char column[HK_HEADER_COLUMN_SIZE];
    struct hk_vault_place place =
        hk_place_of_header(tenant, subscription, HK_STR("x-API-key"), column);
    struct hk_buf stored HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&stored, 1024);
    hk_buf_init(&opened, 1024);
    hk_buf_add_text(&stored, "X-Environment: live: 1");
    add(&stored, "\nX-Api-Key: ", &place, "k: 1");
    hk_buf_add_text(&stored, "\nX-Token: stored before");
    assert_true(hk_stored_headers_open(&vault, tenant, subscription, hk_buf_str(&stored), &opened));
    assert_string_equal(opened.p,
                        "X-Environment: live: 1\nX-Api-Key: k: 1\nX-Token: stored before");
    assert_false(
        hk_stored_headers_open(&vault, tenant, other_subscription, hk_buf_str(&stored), &opened));
    hk_buf_clear(&stored);
    add(&stored, "X-Other-Key: ", &place, "k: 1"); /* moved to another field */
    assert_false(
        hk_stored_headers_open(&vault, tenant, subscription, hk_buf_str(&stored), &opened));
}

static void test_passwords_and_signing_keys_have_places_of_their_own(void **state)
{
    struct hk_vault_place places[] = {hk_place_of_password(tenant, subscription),
                                      hk_place_of_signing_key(HK_STR("kid"))};
    struct hk_buf stored HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&stored, 1024);
    hk_buf_init(&opened, 1024);
    hk_vault_seal(&vault, &places[0], HK_STR("hunter2"), &stored);
    assert_true(
        hk_stored_password_open(&vault, tenant, subscription, hk_buf_str(&stored), &opened));
    assert_string_equal(opened.p, "hunter2");
    assert_false(
        hk_stored_password_open(&vault, tenant, other_subscription, hk_buf_str(&stored), &opened));
    assert_false(hk_vault_open(&vault, &places[1], hk_buf_str(&stored), &opened));
    hk_buf_clear(&opened);
    assert_true(hk_stored_password_open(&vault, tenant, subscription, HK_STR_NULL, &opened));
    assert_int_equal(opened.n, 0);
}

static void test_a_flow_secret_opens_as_the_old_one_that_it_becomes(void **state)
{
    struct hk_vault_place place =
        hk_place_of_flow_secret(tenant, subscription, HK_STR("credential"));
    struct hk_buf stored HK_CLEANUP(hk_buf_done), opened HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&stored, 1024);
    hk_buf_init(&opened, 1024);
    add(&stored, "", &place, "s3cret");
    assert_true(hk_stored_flow_secret_open(&vault, tenant, subscription, HK_STR("credential.old"),
                                           hk_buf_str(&stored), &opened));
    assert_string_equal(opened.p, "s3cret");
    assert_false(hk_stored_flow_secret_open(&vault, tenant, subscription, HK_STR("step.credential"),
                                            hk_buf_str(&stored), &opened));
    assert_false(hk_stored_flow_secret_open(&vault, tenant, other_subscription,
                                            HK_STR("credential"), hk_buf_str(&stored), &opened));
}

static void test_sealed_header_fields_are_known_by_their_names(void **state)
{
    static const char *const sealed[] = {"Authorization", "X-API-KEY",  "x-token",
                                         "My-Secret",     "X-Password", "x-sig-Signature",
                                         "Credentials"};
    static const char *const plain[] = {"X-Environment", "", "Keep", "X-Ke-Y", "Tok-en"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(sealed); i++)
        assert_true(hk_header_is_sealed(hk_str(sealed[i])));
    for (size_t i = 0; i < HK_COUNTOF(plain); i++)
        assert_false(hk_header_is_sealed(hk_str(plain[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_live_secrets_open_in_their_order),
        cmocka_unit_test(test_one_secret_that_does_not_open_is_enough),
        cmocka_unit_test(test_header_fields_open_by_their_caseless_names),
        cmocka_unit_test(test_passwords_and_signing_keys_have_places_of_their_own),
        cmocka_unit_test(test_a_flow_secret_opens_as_the_old_one_that_it_becomes),
        cmocka_unit_test(test_sealed_header_fields_are_known_by_their_names),
    };

    return cmocka_run_group_tests_name("stored_secrets", tests, make_vault, NULL);
}
