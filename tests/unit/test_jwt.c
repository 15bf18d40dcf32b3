/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens taken apart: what no token may be, whatever its signature. The list is standards 3.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/auth/jwt.h"
#include "tests/support/signer.h"

enum { NOW_S = 1800000000 };

static const char good_header[] = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}";
static const char good_claims[] =
    "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"nbf\":1800000000,\"iat\":1800000000}";
static const struct jwt_expected expected = {"i", "a", NOW_S, true};

/* Whether it parses, and with these claims may be believed. */
static bool is_legal(const char *token, bool wants_claims)
{
    const char *why = NULL;
    struct jwt jwt;
    bool is_good = jwt_parse(hk_str(token), &jwt, &why);

    if (is_good && wants_claims)
        is_good = jwt_check_claims(&jwt, &expected, &why);
    jwt_done(&jwt);
    if (!is_good)
        assert_non_null(why);
    return is_good;
}

static bool is_legal_of(const char *header, const char *claims)
{
    char *token = signer_token(header, claims, "signature", 9);
    bool is_good = is_legal(token, true);

    free(token);
    return is_good;
}

static void test_a_good_token_is_taken_apart(void **state)
{
    char *token = signer_token(good_header, good_claims, "signature", 9);
    const char *why;
    struct jwt jwt;

    (void)state;
    assert_true(jwt_parse(hk_str(token), &jwt, &why));
    assert_string_equal(jwt.alg, "ES256");
    assert_string_equal(jwt.kid, "k1");
    assert_string_equal(jwt.typ, "JWT");
    assert_int_equal(jwt.n_signature, 9);
    assert_memory_equal(jwt.signature, "signature", 9);
    assert_ptr_equal(jwt.signed_part.p, token);
    assert_int_equal(token[jwt.signed_part.n], '.');
    assert_string_equal(jwt_text(&jwt, "iss"), "i");
    assert_null(jwt_text(&jwt, "exp"));
    assert_true(jwt_check_claims(&jwt, &expected, &why));
    jwt_done(&jwt);
    free(token);
}

static void test_the_shape_is_three_parts_of_base64url(void **state)
{
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "e30",
        "e30.e30",
        "e30.e30.",
        ".e30.e30",
        "e30..e30",
        "e30.e30.e30.",
        "e30.e30.e30.e30",
        "e30.e30.e30.e30.e30", /* JWE */
        "e30.e30.c2ln ",
        " e30.e30.c2ln",
        "e30.e30.c2ln\n",
        "e30=.e30.c2ln",
        "e30.e30.c2+n",
        "e30.e30.c2/n",
        "e30.e30.c2\xc3\xa9n",
        "e3.e30.c2ln!",
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(tokens); i++) {
        if (is_legal(tokens[i], false))
            fail_msg("%s", tokens[i]);
    }
}

static void test_a_signature_has_one_spelling(void **state)
{
    char *token = signer_token(good_header, good_claims, "signature!", 10); /* 4 bits left over */
    size_t n = strlen(token);

    (void)state;
    assert_true(is_legal(token, true));
    token[n - 1]++;
    assert_false(is_legal(token, true));
    free(token);
}

static void test_a_token_is_at_most_8_kib(void **state)
{
    static const size_t sizes[] = {7000, 8000, 100000, 16 << 20};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(sizes); i++) {
        char *token = malloc(sizes[i] + 16);

        assert_non_null(token);
        memset(token, 'A', sizes[i]);
        memcpy(token + sizes[i], ".e30.c2ln", 10);
        assert_false(is_legal(token, false));
        free(token);
    }
}

static void test_headers_that_are_refused(void **state)
{
    static const char *const headers[] = {
        "{}",
        "[]",
        "null",
        "\"alg\"",
        "{\"alg\":\"ES256\"",
        "{\"alg\":\"ES256\"}x",
        "{\"alg\":\"ES256\"} {}",
        "{\"alg\":null}",
        "{\"alg\":[\"ES256\"]}",
        "{\"alg\":1}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"b64\":true}",
        "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}",
        "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ES256\",\"kid\":\"\"}",
        "{\"alg\":\"ES256\",\"kid\":7}",
        "{\"alg\":\"ES256\",\"kid\":null}",
        "{\"alg\":\"ES256\",\"kid\":\"' OR 1=1--\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}",
        "{\"alg\":\"ES256\",\"kid\":\"k\\n\"}",
        "{\"alg\":\"ES256\",\"kid\":\"\xc3\xa9\"}",
        "{\"alg\":\"ES256\",\"typ\":7}",
        "{\"alg\":\"ES256\",\"x\":\"\xff\"}",
    };
    char long_kid[256], header[512];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(headers); i++) {
        if (is_legal_of(headers[i], good_claims))
            fail_msg("%s", headers[i]);
    }
    memset(long_kid, 'k', sizeof(long_kid));
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%.129s\"}", long_kid);
    assert_false(is_legal_of(header, good_claims));
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%.128s\"}", long_kid);
    assert_true(is_legal_of(header, good_claims));
}

/* Keys that come along are not looked at; whether the kid leads anywhere is for the key set. */
static void test_keys_in_the_header_are_ignored(void **state)
{
    (void)state;
    assert_true(is_legal_of("{\"alg\":\"ES256\",\"jku\":\"https://evil.example/\",\"x5u\":\"x\","
                            "\"x5c\":[\"x\"],\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
                            good_claims));
    assert_true(is_legal_of("{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}", good_claims));
}

static void test_claims_that_are_refused(void **state)
{
    static const char *const claims[] = {
        "[]",
        "",
        "{\"iss\":\"i\",\"aud\":\"a\",\"nbf\":1,\"iat\":1}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"nbf\":1,\"exp\":1800000600}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"iat\":1,\"exp\":1800000600}",
#define WITH(rest) "{\"iss\":\"i\",\"aud\":\"a\",\"nbf\":1,\"iat\":1," rest "}"
        WITH("\"exp\":1800000600.0"),
        WITH("\"exp\":1.8000006e9"),
        WITH("\"exp\":\"1800000600\""),
        WITH("\"exp\":true"),
        WITH("\"exp\":null"),
        WITH("\"exp\":[1800000600]"),
        WITH("\"exp\":-1"),
        WITH("\"exp\":0"),
        WITH("\"exp\":9223372036854775807"),
        WITH("\"exp\":9223372036854775808"),
        WITH("\"exp\":1e400"),
        WITH("\"exp\":1799999970"), /* 30 s ago: the leeway is over */
        WITH("\"exp\":1,\"exp\":1800000600"),
        WITH("\"exp\":1800000600,\"exp\":1800000600"),
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"iat\":1,\"nbf\":1800000031}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"nbf\":1,\"iat\":1800000031}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"nbf\":\"1\",\"iat\":1}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"nbf\":1.5,\"iat\":1}",
#define OF(iss, aud) "{\"iss\":" iss ",\"aud\":" aud ",\"nbf\":1,\"iat\":1,\"exp\":1800000600}"
        OF("\"j\"", "\"a\""),
        OF("\"i \"", "\"a\""),
        OF("[\"i\"]", "\"a\""),
        OF("null", "\"a\""),
        OF("\"i\"", "\"b\""),
        OF("\"i\"", "\"A\""),
        OF("\"i\"", "[]"),
        OF("\"i\"", "[\"b\",\"c\"]"),
        OF("\"i\"", "[[\"a\"]]"),
        OF("\"i\"", "{\"a\":\"a\"}"),
        OF("\"i\"", "null"),
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(claims); i++) {
        if (is_legal_of(good_header, claims[i]))
            fail_msg("%s", claims[i]);
    }
}

static void test_claims_that_are_good(void **state)
{
    static const char *const claims[] = {
        OF("\"i\"", "\"a\""),
        OF("\"i\"", "[\"b\",\"a\"]"),
        WITH("\"exp\":1799999971"),
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000600,\"nbf\":1800000030,\"iat\":1800000030}",
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(claims); i++) {
        if (!is_legal_of(good_header, claims[i]))
            fail_msg("%s", claims[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_token_is_taken_apart),
        cmocka_unit_test(test_the_shape_is_three_parts_of_base64url),
        cmocka_unit_test(test_a_signature_has_one_spelling),
        cmocka_unit_test(test_a_token_is_at_most_8_kib),
        cmocka_unit_test(test_headers_that_are_refused),
        cmocka_unit_test(test_keys_in_the_header_are_ignored),
        cmocka_unit_test(test_claims_that_are_refused),
        cmocka_unit_test(test_claims_that_are_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
