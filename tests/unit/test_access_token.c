/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6749, 4.4: what is asked of a token endpoint, and what counts as an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/access_token.h"

static const char *read(int status, const char *body, struct hk_access_token *ret)
{
    struct hk_outcome outcome = {.kind = HK_OUTCOME_ANSWERED, .status = status};

    outcome.response_body = hk_str(body);
    return hk_access_token_read(&outcome, ret);
}

static void test_a_token_is_read_with_its_lifetime(void **state)
{
    static const struct {
        const char *body;
        int64_t lifetime_s;
    } cases[] = {
        {"{\"access_token\":\"a.b-c\",\"token_type\":\"Bearer\",\"expires_in\":60}", 60},
        {" {\"expires_in\" : \"90\", \"token_type\":\"bearer\", \"access_token\" : \"a.b-c\"} ",
         90},
        {"{\"access_token\":\"a.b-c\"}", 300},
        {"{\"access_token\":\"a.b-c\",\"expires_in\":null}", 300},
        {"{\"access_token\":\"a.b-c\",\"expires_in\":-5}", 300},
        {"{\"access_token\":\"a.b-c\",\"expires_in\":59.9}", 59},
        {"{\"access_token\":\"a.b-c\",\"expires_in\":99999999999999999999999}", 86400},
    };
    struct hk_access_token token;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        assert_null(read(200, cases[i].body, &token));
        assert_string_equal(token.text, "a.b-c");
        assert_int_equal(token.n, 5);
        assert_int_equal(token.lifetime_s, cases[i].lifetime_s);
    }
}

static void test_what_is_no_token_is_told_in_words(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{\"access_token",
        "{\"access_token\\",
        "{\"access_token\":\"",
        "{\"access_token\":7}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":\"a b\"}",
        "{\"access_token\":\"a\\u0041\"}",
        "{\"access_token\":\"a\r\nx: y\"}",
        "{\"access_token\":\"a\",\"token_type\":\"mac\"}",
        "<html>",
    };
    struct hk_access_token token;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(bodies); i++)
        assert_non_null(read(200, bodies[i], &token));
    assert_string_equal(read(401, "{}", &token), "the token endpoint refused the client");
    assert_non_null(read(201, "{\"access_token\":\"a\"}", &token));
    assert_non_null(read(500, "", &token));
}

static void test_every_way_to_have_no_answer_has_words(void **state)
{
    struct hk_access_token token;

    (void)state;
    for (int kind = 0; kind < HK_OUTCOME_COUNT; kind++) {
        struct hk_outcome outcome = {.kind = (enum hk_outcome_kind)kind, .status = 500};

        if (kind != HK_OUTCOME_CREDENTIALS)
            assert_non_null(hk_access_token_read(&outcome, &token));
    }
}

static void test_the_request_has_the_client_form_encoded(void **state)
{
    struct hk_token_parts parts = {
        .url = "https://a.example/token",
        .client_id = HK_STR("id:1"),
        .client_secret = HK_STR("a b%\xc3\xa9"),
        .scope = HK_STR("x.y z"),
        .timeout_ms = 1000,
    };
    struct hk_buf body HK_CLEANUP(hk_buf_done);
    static struct hk_request request;
    const char *why;
    bool has_it = false;

    (void)state;
    hk_buf_init(&body, 4096);
    assert_true(hk_token_request_build(&parts, &body, &request, &why));
    assert_string_equal(body.p, "grant_type=client_credentials&scope=x.y+z");
    assert_int_equal(request.body.n, body.n);
    for (unsigned i = 0; i < request.n_headers; i++) /* id%3A1:a+b%25%C3%A9 */
        has_it |=
            strcmp(request.headers[i], "authorization: Basic aWQlM0ExOmErYiUyNSVDMyVBOQ==") == 0;
    assert_true(has_it);
    parts.scope = HK_STR_NULL;
    assert_true(hk_token_request_build(&parts, &body, &request, &why));
    assert_string_equal(body.p, "grant_type=client_credentials");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_read_with_its_lifetime),
        cmocka_unit_test(test_what_is_no_token_is_told_in_words),
        cmocka_unit_test(test_every_way_to_have_no_answer_has_words),
        cmocka_unit_test(test_the_request_has_the_client_form_encoded),
    };

    return cmocka_run_group_tests_name("access_token", tests, NULL, NULL);
}
