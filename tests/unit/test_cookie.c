/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/cookie.h: finding our cookie, tokens, and who may send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/cookie.h"

static const struct hk_id tenant = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void assert_found(const char *header, const char *wanted)
{
    struct hk_str found = cookie_find(hk_str(header), HK_STR(SESSION_COOKIE_NAME));

    if (wanted == NULL) {
        assert_null(found.p);
        return;
    }
    assert_int_equal(found.n, strlen(wanted));
    assert_memory_equal(found.p, wanted, found.n);
}

static void test_a_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_found("__Host-hookline_session=abc", "abc");
    assert_found("a=1; __Host-hookline_session=abc; b=2", "abc");
    assert_found("a=1;__Host-hookline_session = abc ;b", "abc");
    assert_found("__Host-hookline_session=a=b", "a=b");
    assert_found("__Host-hookline_session=first; __Host-hookline_session=second", "first");
    assert_found("__Host-hookline_session=", "");
    assert_found("", NULL);
    assert_found(";;;=;", NULL);
    assert_found("hookline_session=abc", NULL);
    assert_found("x__Host-hookline_session=abc", NULL);
    assert_found("__Host-hookline_sessions=abc", NULL);
    assert_found("__host-hookline_session=abc", NULL);
    assert_found("a=__Host-hookline_session=abc", NULL);
    assert_found("__Host-hookline_session", NULL);
}

static void test_a_token_leads_to_its_tenant(void **state)
{
    char token[SESSION_TOKEN_SIZE], other[SESSION_TOKEN_SIZE];
    uint8_t hash[HK_SHA256_SIZE];
    struct hk_id found;

    (void)state;
    session_token_new(&tenant, token);
    session_token_new(&tenant, other);
    assert_string_not_equal(token, other);
    assert_int_equal(strlen(token), SESSION_TOKEN_SIZE - 1);
    assert_true(session_token_parse(hk_str(token), &found, hash));
    assert_memory_equal(found.bytes, tenant.bytes, 16);
    assert_false(session_token_parse((struct hk_str){token, strlen(token) - 1}, &found, hash));
    assert_false(session_token_parse(HK_STR(""), &found, hash));
    token[0] = 'x';
    assert_false(session_token_parse(hk_str(token), &found, hash));
    other[4] = '_';
    assert_false(session_token_parse(hk_str(other), &found, hash));
}

static void test_a_csrf_token_is_that_of_its_session_only(void **state)
{
    char token[SESSION_TOKEN_SIZE], other[SESSION_TOKEN_SIZE], csrf[CSRF_TOKEN_SIZE];

    (void)state;
    session_token_new(&tenant, token);
    session_token_new(&tenant, other);
    csrf_token_of(hk_str(token), csrf);
    assert_true(csrf_token_is_valid(hk_str(token), hk_str(csrf)));
    assert_false(csrf_token_is_valid(hk_str(other), hk_str(csrf)));
    assert_false(csrf_token_is_valid(hk_str(token), HK_STR_NULL));
    assert_false(csrf_token_is_valid(hk_str(token), HK_STR("")));
    assert_false(csrf_token_is_valid(hk_str(token), hk_str(token)));
    csrf[0] = csrf[0] == 'A' ? 'B' : 'A';
    assert_false(csrf_token_is_valid(hk_str(token), hk_str(csrf)));
}

static void test_the_origin_is_ours_or_not_told(void **state)
{
    static const struct {
        const char *origin, *site;
        bool is_ours;
    } cases[] = {
        {NULL, NULL, true},
        {"https://hooks.example.com:8443", NULL, true},
        {"http://Hooks.Example.com:8443", "same-origin", true},
        {NULL, "same-origin", true},
        {"https://hooks.example.com", NULL, false},
        {"https://hooks.example.com:8443.evil.com", NULL, false},
        {"https://evil.com", NULL, false},
        {"https://evil.com", "same-origin", false},
        {"null", NULL, false},
        {"", NULL, false},
        {"ftp://hooks.example.com:8443", NULL, false},
        {"https://hooks.example.com:8443", "cross-site", false},
        {"https://hooks.example.com:8443", "same-site", false},
        {NULL, "none", false},
        {NULL, "", false},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_int_equal(origin_is_ours(hk_str(cases[i].origin), hk_str(cases[i].site),
                                        HK_STR("hooks.example.com:8443")),
                         cases[i].is_ours);
    assert_false(origin_is_ours(HK_STR("https://"), HK_STR_NULL, HK_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(test_a_token_leads_to_its_tenant),
        cmocka_unit_test(test_a_csrf_token_is_that_of_its_session_only),
        cmocka_unit_test(test_the_origin_is_ours_or_not_told),
    };

    return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
