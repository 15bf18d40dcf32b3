/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of our own: made and checked by libjwt, which by itself would accept most of these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/auth/client_id.h"
#include "api/auth/own_token.h"
#include "tests/support/signer.h"

static struct own_key key;
static struct signer *signer; /* has the same private key */

static int make_key(void **state)
{
    (void)state;
    own_key_new(&key);
    signer = signer_from_pem(key.private_pem, key.kid);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    signer_free(signer);
    return 0;
}

static bool verify(const struct own_key *with, const char *token)
{
    const char *why;
    struct jwt jwt;
    bool is_good =
        jwt_parse(hk_str(token), &jwt, &why) && own_token_verify(with, hk_str(token), &jwt);

    jwt_done(&jwt);
    return is_good;
}

static bool verify_and_free(char *token)
{
    bool is_good = verify(&key, token);

    free(token);
    return is_good;
}

static const char *header_of(const char *format)
{
    static char header[512];

    (void)snprintf(header, sizeof(header), "{%s,\"kid\":\"%s\"}", format, key.kid);
    return header;
}

static void test_what_is_signed_holds_and_nothing_else(void **state)
{
    char *token = own_token_sign(&key, "{\"sub\":\"x\",\"exp\":1}");
    struct own_key other;

    (void)state;
    assert_non_null(token);
    assert_true(verify(&key, token));
    own_key_new(&other);
    assert_string_not_equal(other.kid, key.kid);
    assert_false(verify(&other, token));
    memcpy(other.kid, key.kid, sizeof(other.kid));
    assert_false(verify(&other, token));
    other.public_pem[0] = '\0'; /* libjwt believes everything without a key */
    assert_false(verify(&other, token));
    other.private_pem[0] = '\0';
    assert_null(own_token_sign(&other, "{}"));
    for (size_t i = 0; i < strlen(token); i += 7) {
        char right = token[i];

        token[i] = right == 'A' ? 'B' : 'A';
        if (verify(&key, token))
            fail_msg("with another character at %zu", i);
        token[i] = right;
    }
    free(token);
}

static void test_the_header_is_exactly_ours(void **state)
{
    static const char *const headers[] = {
        "\"alg\":\"ES256\"",
        "\"alg\":\"ES256\",\"typ\":\"at+jwt\"",
        "\"alg\":\"ES256\",\"typ\":\"jwt\"",
        "\"alg\":\"ES256\",\"typ\":\"JWT\",\"x\":1",
        "\"alg\":\"ES256\",\"typ\":\"JWT\",\"jku\":\"https://evil.example/\"",
        "\"alg\":\"es256\",\"typ\":\"JWT\"",
        "\"alg\":\"ES384\",\"typ\":\"JWT\"",
        "\"alg\":\"ES512\",\"typ\":\"JWT\"",
        "\"alg\":\"none\",\"typ\":\"JWT\"",
        "\"alg\":\"None\",\"typ\":\"JWT\"",
        "\"alg\":\"nOnE\",\"typ\":\"JWT\"",
        "\"alg\":\"\",\"typ\":\"JWT\"",
    };

    (void)state;
    assert_true(verify_and_free(
        signer_sign(signer, "ES256", header_of("\"alg\":\"ES256\",\"typ\":\"JWT\""), "{}")));
    for (size_t i = 0; i < HK_COUNTOF(headers); i++) {
        if (verify_and_free(signer_sign(signer, "ES256", header_of(headers[i]), "{}")))
            fail_msg("%s", headers[i]);
    }
    assert_false(
        verify_and_free(signer_sign(signer, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "{}")));
    assert_false(verify_and_free(
        signer_sign(signer, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"x\"}", "{}")));
}

/* What a public key makes when it is taken for a secret. */
static void test_an_hmac_with_the_public_key_is_no_signature(void **state)
{
    static const char *const algs[] = {"\"alg\":\"HS256\",\"typ\":\"JWT\"",
                                       "\"alg\":\"ES256\",\"typ\":\"JWT\""};
    char jwk[256];
    size_t n = strlen(key.public_pem);

    (void)state;
    (void)snprintf(jwk, sizeof(jwk), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                   key.x, key.y);
    for (size_t i = 0; i < HK_COUNTOF(algs); i++) {
        const char *header = header_of(algs[i]);

        assert_false(verify_and_free(signer_hmac(header, "{}", key.public_pem, n)));
        assert_false(verify_and_free(signer_hmac(header, "{}", key.public_pem, n - 1)));
        assert_false(verify_and_free(signer_hmac(header, "{}", jwk, strlen(jwk))));
        assert_false(verify_and_free(signer_hmac(header, "{}", "", 0)));
    }
}

static void test_signatures_of_no_value(void **state)
{
    static const uint8_t zero[72] = {0};
    static const uint8_t der[] = {0x30, 6, 2, 1, 1, 2, 1, 1};
    const char *header = header_of("\"alg\":\"ES256\",\"typ\":\"JWT\"");

    (void)state;
    assert_false(verify_and_free(signer_token(header, "{}", zero, 64))); /* "psychic" */
    assert_false(verify_and_free(signer_token(header, "{}", zero, 63)));
    assert_false(verify_and_free(signer_token(header, "{}", zero, 65)));
    assert_false(verify_and_free(signer_token(header, "{}", zero, 1)));
    assert_false(verify_and_free(signer_token(header, "{}", der, sizeof(der))));
    assert_false(verify_and_free(signer_token(header, "{}", "", 0)));
}

static void test_a_client_id_leads_to_its_tenant(void **state)
{
    const struct hk_id tenant = {.bytes = {1, 2, 3}}, client = {.bytes = {0xff, 0xee}};
    char text[CLIENT_ID_TEXT_SIZE], secret[CLIENT_SECRET_TEXT_SIZE], next[CLIENT_SECRET_TEXT_SIZE];
    struct hk_id a, b;

    (void)state;
    client_id_format(&tenant, &client, text);
    assert_int_equal(strlen(text), CLIENT_ID_TEXT_SIZE - 1);
    assert_true(client_id_parse(hk_str(text), &a, &b));
    assert_memory_equal(&a, &tenant, sizeof(a));
    assert_memory_equal(&b, &client, sizeof(b));
    assert_false(client_id_parse((struct hk_str){text, strlen(text) - 1}, &a, &b));
    assert_false(client_id_parse(HK_STR(""), &a, &b));
    text[3] = '-';
    assert_false(client_id_parse(hk_str(text), &a, &b));

    client_secret_new(secret);
    client_secret_new(next);
    assert_int_equal(strlen(secret), CLIENT_SECRET_TEXT_SIZE - 1);
    assert_memory_equal(secret, "hks_", 4);
    assert_string_not_equal(secret, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_signed_holds_and_nothing_else),
        cmocka_unit_test(test_the_header_is_exactly_ours),
        cmocka_unit_test(test_an_hmac_with_the_public_key_is_no_signature),
        cmocka_unit_test(test_signatures_of_no_value),
        cmocka_unit_test(test_a_client_id_leads_to_its_tenant),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
