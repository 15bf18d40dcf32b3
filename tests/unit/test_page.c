/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/page.h"
#include "hk/encode.h"

static const uint8_t secret[PAGE_SECRET_BYTES] = {1, 2, 3}, other_secret[PAGE_SECRET_BYTES] = {1};
static const uint8_t scope[HK_SHA256_SIZE] = {4, 5, 6}, other_scope[HK_SHA256_SIZE] = {4, 5, 7};

static void assert_survives(const char *key)
{
    char cursor[PAGE_CURSOR_SIZE], back[PAGE_MAX_KEY_BYTES + 1];

    assert_true(page_cursor_encode(secret, scope, hk_str(key), cursor));
    for (const char *c = cursor; *c != '\0'; c++)
        assert_true((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '_');
    assert_true(page_cursor_decode(secret, scope, hk_str(cursor), back));
    assert_string_equal(back, key);
}

static void test_a_key_survives_in_url_safe_characters(void **state)
{
    char longest[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    assert_survives("0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee");
    assert_survives("1");
    assert_survives("order.paid-v2_x");
    assert_survives("\xc3\xa9");
    memset(longest, '~', PAGE_MAX_KEY_BYTES);
    longest[PAGE_MAX_KEY_BYTES] = '\0';
    assert_survives(longest);
}

static void test_a_key_that_is_none_of_ours_is_not_written(void **state)
{
    char too_long[PAGE_MAX_KEY_BYTES + 1], cursor[PAGE_CURSOR_SIZE];

    (void)state;
    memset(too_long, 'x', sizeof(too_long));
    assert_false(page_cursor_encode(secret, scope, HK_STR(""), cursor));
    assert_false(
        page_cursor_encode(secret, scope, (struct hk_str){too_long, sizeof(too_long)}, cursor));
}

static void test_a_cursor_is_good_for_its_list_and_secret_only(void **state)
{
    char cursor[PAGE_CURSOR_SIZE], key[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    assert_true(page_cursor_encode(secret, scope, HK_STR("a"), cursor));
    assert_true(page_cursor_decode(secret, scope, hk_str(cursor), key));
    assert_false(page_cursor_decode(secret, other_scope, hk_str(cursor), key));
    assert_false(page_cursor_decode(other_secret, scope, hk_str(cursor), key));
}

/* Any other character, one less, one more: the MAC or the form tells. */
static void test_a_changed_cursor_is_refused(void **state)
{
    char cursor[PAGE_CURSOR_SIZE], changed[PAGE_CURSOR_SIZE + 1], key[PAGE_MAX_KEY_BYTES + 1];
    size_t n;

    (void)state;
    assert_true(
        page_cursor_encode(secret, scope, HK_STR("0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"), cursor));
    n = strlen(cursor);
    for (size_t i = 0; i < n; i++) {
        for (const char *c = "AZaz09-_"; *c != '\0'; c++) {
            memcpy(changed, cursor, n + 1);
            changed[i] = *c;
            if (*c != cursor[i])
                assert_false(page_cursor_decode(secret, scope, hk_str(changed), key));
        }
        assert_false(page_cursor_decode(secret, scope, (struct hk_str){cursor, i}, key));
    }
    memcpy(changed, cursor, n);
    memcpy(changed + n, "A", 2);
    assert_false(page_cursor_decode(secret, scope, hk_str(changed), key));
}

/* base64url of these bytes: what a client can make that knows the form, but not the secret. */
static bool accepts_bytes(const void *p, size_t n)
{
    char cursor[HK_B64_SIZE(700)], key[PAGE_MAX_KEY_BYTES + 1];

    (void)hk_b64url_encode(p, n, cursor);
    return page_cursor_decode(secret, scope, hk_str(cursor), key);
}

static void test_a_cursor_of_other_contents_is_refused(void **state)
{
    uint8_t bytes[700] = {1}, text[1 + HK_SHA256_SIZE + 2] = {1}, mac[HK_SHA256_SIZE];

    (void)state;
    for (size_t n = 0; n <= sizeof(bytes); n++)
        assert_false(accepts_bytes(bytes, n));
    /* Signed well, but of another version. */
    text[0] = bytes[0] = 2;
    memcpy(text + 1, scope, HK_SHA256_SIZE);
    text[1 + HK_SHA256_SIZE] = 'k';
    hk_hmac_sha256(secret, sizeof(secret), text, 1 + HK_SHA256_SIZE + 1, mac);
    memcpy(bytes + 1, mac, PAGE_MAC_BYTES);
    bytes[1 + PAGE_MAC_BYTES] = 'k';
    assert_false(accepts_bytes(bytes, 1 + PAGE_MAC_BYTES + 1));
    text[0] = bytes[0] = 1;
    hk_hmac_sha256(secret, sizeof(secret), text, 1 + HK_SHA256_SIZE + 1, mac);
    memcpy(bytes + 1, mac, PAGE_MAC_BYTES);
    assert_true(accepts_bytes(bytes, 1 + PAGE_MAC_BYTES + 1));
}

static void test_what_is_not_base64url_is_no_cursor(void **state)
{
    static const char *const cases[] = {"",         "x",   "not a cursor", "AAAA",
                                        "AQID====", "%00", "../.."};
    char key[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(page_cursor_decode(secret, scope, hk_str(cases[i]), key));
    assert_false(page_cursor_decode(secret, scope, HK_STR_NULL, key));
}

static void test_a_limit_is_1_to_250(void **state)
{
    static const char *const good[] = {"1", "9", "50", "249", "250", "007"};
    static const char *const bad[] = {"",   "0",  "00", "251", "999", "1000", "-1",
                                      "+1", " 1", "1 ", "1.0", "0x1", "1e1",  "ten"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(good); i++)
        assert_true(page_limit_is_valid(hk_str(good[i])));
    for (size_t i = 0; i < HK_COUNTOF(bad); i++)
        assert_false(page_limit_is_valid(hk_str(bad[i])));
    assert_false(page_limit_is_valid(HK_STR_NULL));
    assert_in_range(PAGE_DEFAULT_LIMIT, 1, PAGE_MAX_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_survives_in_url_safe_characters),
        cmocka_unit_test(test_a_key_that_is_none_of_ours_is_not_written),
        cmocka_unit_test(test_a_cursor_is_good_for_its_list_and_secret_only),
        cmocka_unit_test(test_a_changed_cursor_is_refused),
        cmocka_unit_test(test_a_cursor_of_other_contents_is_refused),
        cmocka_unit_test(test_what_is_not_base64url_is_no_cursor),
        cmocka_unit_test(test_a_limit_is_1_to_250),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
