/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/page.h"
#include "hk/encode.h"

static const struct hk_id tenant = {.bytes = {1, 2, 3}};
static const struct hk_id other = {.bytes = {1, 2, 4}};

static void assert_survives(const char *key)
{
    char cursor[PAGE_CURSOR_SIZE], back[PAGE_MAX_KEY_BYTES + 1];

    assert_true(page_cursor_encode(&tenant, hk_str(key), cursor));
    for (const char *c = cursor; *c != '\0'; c++)
        assert_true((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '_');
    assert_true(page_cursor_decode(hk_str(cursor), &tenant, back));
    assert_string_equal(back, key);
}

static void test_a_key_survives_in_url_safe_characters(void **state)
{
    char longest[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    assert_survives("0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee");
    assert_survives("1");
    assert_survives("order.paid-v2_x");
    memset(longest, '~', PAGE_MAX_KEY_BYTES);
    longest[PAGE_MAX_KEY_BYTES] = '\0';
    assert_survives(longest);
}

static void test_a_key_that_is_none_of_ours_is_not_written(void **state)
{
    char too_long[PAGE_MAX_KEY_BYTES + 1], cursor[PAGE_CURSOR_SIZE];

    (void)state;
    memset(too_long, 'x', sizeof(too_long));
    assert_false(page_cursor_encode(&tenant, HK_STR(""), cursor));
    assert_false(page_cursor_encode(&tenant, (struct hk_str){too_long, sizeof(too_long)}, cursor));
}

static void test_a_cursor_of_another_tenant_is_refused(void **state)
{
    char cursor[PAGE_CURSOR_SIZE], key[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    assert_true(page_cursor_encode(&other, HK_STR("a"), cursor));
    assert_false(page_cursor_decode(hk_str(cursor), &tenant, key));
    assert_true(page_cursor_decode(hk_str(cursor), &other, key));
}

/* base64url of the tenant and these bytes. */
static bool accepts_bytes(const char *p, size_t n)
{
    uint8_t bytes[16 + 600];
    char cursor[HK_B64_SIZE(sizeof(bytes))], key[PAGE_MAX_KEY_BYTES + 1];

    memcpy(bytes, tenant.bytes, 16);
    memcpy(bytes + 16, p, n);
    (void)hk_b64url_encode(bytes, 16 + n, cursor);
    return page_cursor_decode(hk_str(cursor), &tenant, key);
}

static void test_a_cursor_with_other_contents_is_refused(void **state)
{
    char many[600];

    (void)state;
    memset(many, 'k', sizeof(many));
    assert_true(accepts_bytes("k", 1));
    assert_true(accepts_bytes(many, PAGE_MAX_KEY_BYTES));
    assert_false(accepts_bytes("", 0));
    assert_false(accepts_bytes(many, PAGE_MAX_KEY_BYTES + 1));
    assert_false(accepts_bytes(many, sizeof(many)));
    assert_false(accepts_bytes("a\0b", 3));
    assert_false(accepts_bytes("\xc3\xa9", 2));
}

static void test_what_is_not_base64url_is_no_cursor(void **state)
{
    static const char *const cases[] = {"",         "x",   "not a cursor", "AAAA",
                                        "AQID====", "%00", "../.."};
    char key[PAGE_MAX_KEY_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(page_cursor_decode(hk_str(cases[i]), &tenant, key));
    assert_false(page_cursor_decode(HK_STR_NULL, &tenant, key));
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
        cmocka_unit_test(test_a_cursor_of_another_tenant_is_refused),
        cmocka_unit_test(test_a_cursor_with_other_contents_is_refused),
        cmocka_unit_test(test_what_is_not_base64url_is_no_cursor),
        cmocka_unit_test(test_a_limit_is_1_to_250),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
