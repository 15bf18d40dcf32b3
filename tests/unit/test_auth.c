/* SPDX-License-Identifier: Apache-2.0 */
/* API keys, and what each role may do: the roles of the glossary, one row per scope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth/auth.h"

enum { TENANT_AT = 3, UNDERSCORE_AT = 25, RANDOM_AT = 26, CRC_AT = 56, KEY_N = 62 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const struct hk_id tenant = {
    .bytes = {1, 0x92, 3, 4, 5, 6, 0x77, 8, 0x99, 10, 11, 12, 13, 14, 15, 0xff}};

static bool is_key(struct hk_str text)
{
    uint8_t sha256[HK_SHA256_SIZE];
    struct hk_id id;

    return auth_key_parse(text, &id, sha256);
}

/* Makes the last six characters right again, so that a test reaches what is behind that check. */
static void fix_crc(char key[AUTH_KEY_TEXT_SIZE])
{
    uint32_t crc = hk_crc32(key, CRC_AT);

    for (int i = KEY_N - 1; i >= CRC_AT; i--) {
        key[i] = digits[crc % 62];
        crc /= 62;
    }
}

static void test_a_key_has_its_shape(void **state)
{
    char key[AUTH_KEY_TEXT_SIZE];

    (void)state;
    auth_key_new(&tenant, key);

    assert_int_equal(strlen(key), KEY_N);
    assert_memory_equal(key, "hk_", TENANT_AT);
    assert_int_equal(key[UNDERSCORE_AT], '_');
    for (size_t i = TENANT_AT; i < KEY_N; i++) {
        if (i != UNDERSCORE_AT)
            assert_non_null(strchr(digits, key[i]));
    }
}

static void test_a_key_that_comes_again_is_the_same_until_another_comes(void **state)
{
    static const struct auth_key none;
    char text[2][AUTH_KEY_TEXT_SIZE];
    struct auth_key key = none, parsed;

    (void)state;
    auth_key_new(&tenant, text[0]);
    auth_key_new(&(struct hk_id){.bytes = {7}}, text[1]);
    for (unsigned i = 0; i < 6; i++) {
        struct hk_str given = hk_str(text[i / 2 % 2]);

        assert_true(auth_key_parse_again(given, &key));
        assert_true(auth_key_parse(given, &parsed.tenant_id, parsed.sha256));
        assert_memory_equal(&key.tenant_id, &parsed.tenant_id, sizeof(parsed.tenant_id));
        assert_memory_equal(key.sha256, parsed.sha256, sizeof(parsed.sha256));
    }
    text[0][RANDOM_AT] ^= 1;
    assert_false(auth_key_parse_again(hk_str(text[0]), &key));
    assert_string_equal(key.text, "");
    assert_memory_equal(key.sha256, none.sha256, sizeof(key.sha256));
    assert_false(auth_key_parse_again(HK_STR(""), &key));
    assert_false(auth_key_parse_again(HK_STR_NULL, &key));
    assert_true(auth_key_parse_again(hk_str(text[1]), &key));
}

static void test_a_key_leads_to_its_tenant_and_its_hash(void **state)
{
    const struct hk_id tenants[] = {{.bytes = {0}}, tenant, {.bytes = {0xff, 0xff, 0xff}}};
    uint8_t wanted[HK_SHA256_SIZE];
    uint8_t sha256[HK_SHA256_SIZE];
    char key[AUTH_KEY_TEXT_SIZE];
    struct hk_id id;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(tenants); i++) {
        auth_key_new(&tenants[i], key);
        assert_true(auth_key_parse(hk_str(key), &id, sha256));
        assert_memory_equal(&id, &tenants[i], sizeof(id));
        hk_sha256(key, KEY_N, wanted);
        assert_memory_equal(sha256, wanted, sizeof(wanted));
    }
}

static void test_no_two_keys_are_alike(void **state)
{
    char keys[64][AUTH_KEY_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        auth_key_new(&tenant, keys[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    }
}

static void test_one_wrong_character_is_found_without_a_look_up(void **state)
{
    char key[AUTH_KEY_TEXT_SIZE];

    (void)state;
    auth_key_new(&tenant, key);
    for (size_t i = 0; i < KEY_N; i++) {
        char right = key[i];

        for (size_t d = 0; d < sizeof(digits) - 1; d++) {
            key[i] = digits[d];
            if (key[i] != right && is_key(hk_str(key)))
                fail_msg("with '%c' at %zu: %s", digits[d], i, key);
        }
        key[i] = right;
    }
    assert_true(is_key(hk_str(key)));
}

static void test_what_has_another_shape_is_no_key(void **state)
{
    char key[AUTH_KEY_TEXT_SIZE + 1];

    (void)state;
    auth_key_new(&tenant, key);
    for (size_t n = 0; n < KEY_N; n++)
        assert_false(is_key((struct hk_str){key, n}));
    key[KEY_N] = '0';
    assert_false(is_key((struct hk_str){key, KEY_N + 1}));
    assert_false(is_key(HK_STR_NULL));
}

static void test_a_tenant_beyond_128_bits_is_no_key(void **state)
{
    char key[AUTH_KEY_TEXT_SIZE];

    (void)state;
    auth_key_new(&tenant, key);
    memset(key + TENANT_AT, 'z', UNDERSCORE_AT - TENANT_AT);
    fix_crc(key);
    assert_false(is_key(hk_str(key)));
    key[TENANT_AT] = '/';
    fix_crc(key);
    assert_false(is_key(hk_str(key)));
}

static const struct {
    const char *name;
    enum role role;
} roles[] = {
    {"operator", ROLE_OPERATOR}, {"admin", ROLE_ADMIN},       {"partner", ROLE_PARTNER},
    {"support", ROLE_SUPPORT},   {"producer", ROLE_PRODUCER}, {"receiver", ROLE_RECEIVER},
};

static void test_a_role_has_a_name(void **state)
{
    (void)state;
    assert_int_equal(HK_COUNTOF(roles), ROLE_COUNT - 1);
    for (size_t i = 0; i < HK_COUNTOF(roles); i++)
        assert_int_equal(auth_role_from_name(hk_str(roles[i].name)), roles[i].role);
    assert_int_equal(auth_role_from_name(HK_STR("")), ROLE_NONE);
    assert_int_equal(auth_role_from_name(HK_STR("Admin")), ROLE_NONE);
    assert_int_equal(auth_role_from_name(HK_STR("adminx")), ROLE_NONE);
    assert_int_equal(auth_role_from_name(HK_STR_NULL), ROLE_NONE);
}

static void test_a_role_grants_its_scopes_and_no_other(void **state)
{
    static const struct {
        enum scope scope;
        const char *roles;
    } rows[] = {
        {SCOPE_TENANTS_MANAGE, "operator"},
        {SCOPE_TENANT_READ, "admin support"},
        {SCOPE_TENANT_WRITE, "admin"},
        {SCOPE_KEYS_MANAGE, "admin"},
        {SCOPE_USERS_MANAGE, "operator admin"},
        {SCOPE_CLIENTS_MANAGE, "admin"},
        {SCOPE_ISSUERS_MANAGE, "admin"},
        {SCOPE_SESSION, "operator admin partner support"},
        {SCOPE_AUDIT_READ, "operator admin"},
        {SCOPE_APPS_READ, "admin partner support"},
        {SCOPE_APPS_WRITE, "admin partner"},
        {SCOPE_COMPANIES_READ, "admin support"},
        {SCOPE_COMPANIES_WRITE, "admin"},
        {SCOPE_CONNECTIONS_READ, "admin partner support"},
        {SCOPE_CONNECTIONS_WRITE, "admin"}, /* BC-03: the partner cannot */
        {SCOPE_EVENT_TYPES_READ, "admin partner support producer receiver"},
        {SCOPE_EVENT_TYPES_WRITE, "admin"},
        {SCOPE_PROFILES_READ, "admin partner support"},
        {SCOPE_PROFILES_WRITE, "admin"},
        {SCOPE_SUBSCRIPTIONS_READ, "admin partner support"},
        {SCOPE_SUBSCRIPTIONS_WRITE, "admin partner"},
        {SCOPE_SECRETS_MANAGE, "admin partner"},
        {SCOPE_TESTS_SEND, "admin partner"},
        {SCOPE_EVENTS_PUBLISH, "producer"},
        {SCOPE_EVENTS_READ, "admin partner support receiver"},
        {SCOPE_MESSAGES_READ, "admin partner support receiver"},
        {SCOPE_MESSAGES_RESEND, "admin partner support"},
        {SCOPE_FLOWS_READ, "admin partner support"},
        {SCOPE_FLOWS_WRITE, "admin partner"},
        {SCOPE_FLOWS_RECEIVE, "admin partner receiver"},
        {SCOPE_RUNS_READ, "admin partner support"},
        {SCOPE_RUNS_WRITE, "admin partner support"},
        {SCOPE_PAYLOADS_EXPUNGE, "admin"},
        {SCOPE_PAYLOADS_UNMASK, "admin support"},
    };

    (void)state;
    assert_int_equal(HK_COUNTOF(rows), SCOPE_COUNT - SCOPE_PUBLIC - 1);
    for (size_t s = 0; s < HK_COUNTOF(rows); s++) {
        for (size_t r = 0; r < HK_COUNTOF(roles); r++) {
            struct caller caller = {.scopes = auth_role_scopes(roles[r].role)};
            bool is_wanted = strstr(rows[s].roles, roles[r].name) != NULL;

            if (auth_may(&caller, rows[s].scope) != is_wanted)
                fail_msg("%s on %s", roles[r].name, auth_scope_name(rows[s].scope));
        }
    }
}

static void test_names_of_scopes_grant_no_more_than_the_role(void **state)
{
    (void)state;
    assert_true(auth_scopes_from_names(HK_STR("apps:read apps:write x"), ROLE_PARTNER) ==
                (AUTH_SCOPE_BIT(SCOPE_APPS_READ) | AUTH_SCOPE_BIT(SCOPE_APPS_WRITE)));
    assert_true(auth_scopes_from_names(HK_STR("tenants:manage  apps:read"), ROLE_SUPPORT) ==
                AUTH_SCOPE_BIT(SCOPE_APPS_READ));
    assert_true(auth_scopes_from_names(HK_STR(""), ROLE_ADMIN) == 0);
}

/* A role that is added sees masks until somebody says otherwise. */
static void test_whoever_is_not_known_to_see_all_sees_masks(void **state)
{
    (void)state;
    for (unsigned role = 0; role < ROLE_COUNT + 2U; role++)
        assert_int_equal(auth_sees_all((enum role)role),
                         role == ROLE_OPERATOR || role == ROLE_ADMIN || role == ROLE_PARTNER ||
                             role == ROLE_PRODUCER || role == ROLE_RECEIVER);
}

static void test_public_needs_no_role(void **state)
{
    (void)state;
    assert_true(auth_may(&(struct caller){0}, SCOPE_PUBLIC));
    assert_false(auth_may(&(struct caller){0}, SCOPE_APPS_READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_has_its_shape),
        cmocka_unit_test(test_a_key_leads_to_its_tenant_and_its_hash),
        cmocka_unit_test(test_a_key_that_comes_again_is_the_same_until_another_comes),
        cmocka_unit_test(test_no_two_keys_are_alike),
        cmocka_unit_test(test_one_wrong_character_is_found_without_a_look_up),
        cmocka_unit_test(test_what_has_another_shape_is_no_key),
        cmocka_unit_test(test_a_tenant_beyond_128_bits_is_no_key),
        cmocka_unit_test(test_a_role_has_a_name),
        cmocka_unit_test(test_a_role_grants_its_scopes_and_no_other),
        cmocka_unit_test(test_names_of_scopes_grant_no_more_than_the_role),
        cmocka_unit_test(test_whoever_is_not_known_to_see_all_sees_masks),
        cmocka_unit_test(test_public_needs_no_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
