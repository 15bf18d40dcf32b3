/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of others: the vectors of the RFCs, keys that are none, wrong signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "api/auth/issuer_keys.h"
#include "api/auth/jwk.h"
#include "hk/encode.h"
#include "tests/support/signer.h"

static EVP_PKEY *read_key(const char *jwk, const char *alg)
{
    json_t *json = json_loads(jwk, 0, NULL);
    EVP_PKEY *key;

    assert_non_null(json);
    key = jwk_read(json, alg);
    json_decref(json);
    return key;
}

/* Payloads of vectors need not be JSON. */
static bool verify(const char *jwk, const char *alg, const char *token)
{
    const char *dot = strrchr(token, '.');
    struct jwt jwt = {.signed_part = {token, (size_t)(dot - token)}, .alg = alg};
    EVP_PKEY *key = read_key(jwk, alg);
    bool is_good = key != NULL && hk_b64url_decode(hk_str(dot + 1), jwt.signature,
                                                   sizeof(jwt.signature), &jwt.n_signature);

    is_good = is_good && jwk_verify(key, alg, &jwt);
    EVP_PKEY_free(key);
    return is_good;
}

/* RFC 7515, A.2 and A.3; RFC 8037, A.4. */
static const struct vector {
    const char *alg, *jwk, *token;
} vectors[] = {
    {"RS256",
     "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
     "wWJcyQoTbji9k0l8W26m"
     "PddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soM"
     "Zo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4"
     "uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb"
     "54h4FRWyuXpoQ\"}",
     "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN"
     "vbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuH"
     "Im4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK"
     "5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7no"
     "OPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"ES256",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN"
     "vbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ"
     "xfKTUJqPP3-Kg6NU1Q"},
    {"EdDSA",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvM"
     "g3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

static void test_the_vectors_of_the_rfcs_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(vectors); i++) {
        char *token = strdup(vectors[i].token), *dot;

        assert_non_null(token);
        if (!verify(vectors[i].jwk, vectors[i].alg, token))
            fail_msg("%s", vectors[i].alg);
        dot = strrchr(token, '.');
        dot[5] = dot[5] == 'A' ? 'B' : 'A';
        assert_false(verify(vectors[i].jwk, vectors[i].alg, token));
        free(token);
        token = strdup(vectors[i].token);
        token[0] = 'f';
        assert_false(verify(vectors[i].jwk, vectors[i].alg, token));
        free(token);
    }
}

static void test_a_key_serves_its_algorithm_and_no_other(void **state)
{
    static const struct {
        enum signer_key kind;
        const char *algs;
    } rows[] = {{SIGNER_RSA, "RS256 PS256"},
                {SIGNER_P256, "ES256"},
                {SIGNER_ED25519, "EdDSA"},
                {SIGNER_RSA_1024, ""},
                {SIGNER_P384, ""}};
    static const char *const algs[] = {"RS256", "PS256", "ES256", "EdDSA",  "none",
                                       "None",  "nOnE",  "",      "HS256",  "rs256",
                                       "RS384", "ES384", "ES512", "ES256K", "RS1"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        struct signer *signer = signer_new(rows[i].kind, "k");
        char *jwk = signer_jwk(signer, "");

        for (size_t a = 0; a < HK_COUNTOF(algs); a++) {
            EVP_PKEY *key = read_key(jwk, algs[a]);
            bool is_wanted = algs[a][0] != '\0' && strstr(rows[i].algs, algs[a]) != NULL;

            if ((key != NULL) != is_wanted)
                fail_msg("%s with key %zu", algs[a], i);
            EVP_PKEY_free(key);
        }
        free(jwk);
        signer_free(signer);
    }
}

static void test_what_is_said_of_a_key_is_believed(void **state)
{
    static const struct {
        const char *member;
        bool is_fit;
    } rows[] = {
        {"\"alg\":\"ES256\"", true},
        {"\"alg\":\"ES384\"", false},
        {"\"alg\":\"HS256\"", false},
        {"\"alg\":1", false},
        {"\"use\":\"sig\"", true},
        {"\"use\":\"enc\"", false},
        {"\"use\":null", false},
        {"\"key_ops\":[\"verify\"]", true},
        {"\"key_ops\":[\"sign\",\"verify\"]", true},
        {"\"key_ops\":[\"encrypt\"]", false},
        {"\"key_ops\":[]", false},
        {"\"key_ops\":\"verify\"", false},
    };
    char jwk[512];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        EVP_PKEY *key;

        (void)snprintf(jwk, sizeof(jwk), "{%s,%s", rows[i].member, vectors[1].jwk + 1);
        key = read_key(jwk, "ES256");
        if ((key != NULL) != rows[i].is_fit)
            fail_msg("%s", rows[i].member);
        EVP_PKEY_free(key);
    }
}

static void test_what_is_no_key_is_none(void **state)
{
    static const char *const rows[][2] = {
        {"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\"}"},
        {"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}"},
        /* not on the curve; at infinity */
        {"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\","
                  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5b0\"}"},
        {"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\","
                  "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}"},
        {"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"X25519\","
                  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"},
        {"RS256", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"},
        {"RS256", "{\"kty\":\"oct\",\"k\":\"AQAB\"}"},
        {"HS256", "{\"kty\":\"oct\",\"k\":\"AQAB\"}"},
    };
    char jwk[1024];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        if (read_key(rows[i][1], rows[i][0]) != NULL)
            fail_msg("%s", rows[i][1]);
    }
    /* Exponents: 1, even, too long. */
    for (size_t i = 0; i < 3; i++) {
        static const char *const exponents[] = {"AQ", "Ag", "AQAAAAAAAAAB"};

        (void)snprintf(jwk, sizeof(jwk), "{\"kty\":\"RSA\",\"e\":\"%s\",%s", exponents[i],
                       strstr(vectors[0].jwk, "\"n\""));
        assert_null(read_key(jwk, "RS256"));
    }
}

static bool sign_and_verify(struct signer *signer, const char *sign_alg, const char *verify_alg)
{
    char header[64], *token, *jwk = signer_jwk(signer, "");
    bool is_good;

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", verify_alg);
    token = signer_sign(signer, sign_alg, header, "{}");
    is_good = verify(jwk, verify_alg, token);
    free(token);
    free(jwk);
    return is_good;
}

static void test_pss_and_pkcs1_are_not_each_other(void **state)
{
    struct signer *signer = signer_new(SIGNER_RSA, "k");

    (void)state;
    assert_true(sign_and_verify(signer, "RS256", "RS256"));
    assert_true(sign_and_verify(signer, "PS256", "PS256"));
    assert_false(sign_and_verify(signer, "RS256", "PS256"));
    assert_false(sign_and_verify(signer, "PS256", "RS256"));
    signer_free(signer);
}

static void test_an_ecdsa_signature_is_64_bytes_and_not_zero(void **state)
{
    static const struct {
        uint8_t bytes[72];
        size_t n;
    } rows[] = {
        {{0}, 64}, /* "psychic" */
        {{0}, 0},
        {{0}, 63},
        {{0}, 65},
        {{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01}, 8}, /* DER */
        {{0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00}, 8},
    };
    EVP_PKEY *key = read_key(vectors[1].jwk, "ES256");

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        struct jwt jwt = {
            .signed_part = HK_STR("e30.e30"), .alg = "ES256", .n_signature = rows[i].n};

        memcpy(jwt.signature, rows[i].bytes, rows[i].n);
        assert_false(jwk_verify(key, "ES256", &jwt));
    }
    EVP_PKEY_free(key);
}

static void test_a_set_is_looked_up_by_kid(void **state)
{
    struct signer *a = signer_new(SIGNER_P256, "a"), *b = signer_new(SIGNER_P256, "b");
    char *jwk_a = signer_jwk(a, ""), *jwk_b = signer_jwk(b, "ES256"), text[2048];
    const char *why;
    struct jwk_set *set;

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "{\"keys\":[%s,{\"kty\":\"oct\",\"kid\":\"c\",\"k\":\"AA\"},7,null,%s]}", jwk_a,
                   jwk_b);
    set = jwk_set_new(hk_str(text), &why);
    assert_non_null(set);
    assert_non_null(jwk_set_find(set, "a", "ES256"));
    assert_ptr_equal(jwk_set_find(set, "a", "ES256"), jwk_set_find(set, "a", "ES256"));
    assert_ptr_not_equal(jwk_set_find(set, "a", "ES256"), jwk_set_find(set, "b", "ES256"));
    assert_null(jwk_set_find(set, "a", "RS256"));
    assert_null(jwk_set_find(set, "c", "ES256"));
    assert_null(jwk_set_find(set, "c", "HS256"));
    assert_null(jwk_set_find(set, "d", "ES256"));
    assert_null(jwk_set_find(set, NULL, "ES256")); /* two would do */
    jwk_set_free(set);

    (void)snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk_a);
    set = jwk_set_new(hk_str(text), &why);
    assert_non_null(jwk_set_find(set, NULL, "ES256"));
    jwk_set_free(set);
    free(jwk_a);
    free(jwk_b);
    signer_free(a);
    signer_free(b);
}

/* A set of that many keys; its length. */
static size_t write_set(char *ret, unsigned n_keys)
{
    size_t n = (size_t)snprintf(ret, 16, "{\"keys\":[");

    for (unsigned i = 0; i < n_keys; i++)
        n += (size_t)snprintf(ret + n, 8, "%s{}", i == 0 ? "" : ",");
    return n + (size_t)snprintf(ret + n, 8, "]}");
}

static void test_a_set_has_limits(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "{\"keys\":[],\"keys\":[]}"};
    char *large = malloc(JWK_MAX_SET_BYTES + 2);
    const char *why = NULL;
    size_t n = 0;

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < HK_COUNTOF(texts); i++)
        assert_null(jwk_set_new(hk_str(texts[i]), &why));
    memset(large, ' ', JWK_MAX_SET_BYTES + 1);
    (void)write_set(large, 0);
    large[strlen(large)] = ' ';
    assert_null(jwk_set_new((struct hk_str){large, JWK_MAX_SET_BYTES + 1}, &why));
    for (unsigned n_keys = 100; n_keys <= 101; n_keys++) {
        struct jwk_set *set;

        n = write_set(large, n_keys);
        set = jwk_set_new((struct hk_str){large, n}, &why);
        assert_int_equal(set != NULL, n_keys == 100);
        jwk_set_free(set);
    }
    free(large);
}

static void test_a_set_lives_between_5_minutes_and_a_day(void **state)
{
    static const struct {
        const char *cache_control;
        int64_t minutes;
    } rows[] = {
        {NULL, 5},
        {"", 5},
        {"no-store", 5},
        {"max-age=0", 5},
        {"max-age=600", 10},
        {"public, max-age=3600, must-revalidate", 60},
        {"Public,Max-Age=3600", 60},
        {"s-max-age=3600", 5},
        {"max-age=-1", 5},
        {"max-age=x", 5},
        {"max-age=", 5},
        {"max-age=99999999999999999999999999", (int64_t)24 * 60},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++)
        assert_int_equal(issuer_keys_lifetime_ms(hk_str(rows[i].cache_control)),
                         rows[i].minutes * 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_of_the_rfcs_hold),
        cmocka_unit_test(test_a_key_serves_its_algorithm_and_no_other),
        cmocka_unit_test(test_what_is_said_of_a_key_is_believed),
        cmocka_unit_test(test_what_is_no_key_is_none),
        cmocka_unit_test(test_pss_and_pkcs1_are_not_each_other),
        cmocka_unit_test(test_an_ecdsa_signature_is_64_bytes_and_not_zero),
        cmocka_unit_test(test_a_set_is_looked_up_by_kid),
        cmocka_unit_test(test_a_set_has_limits),
        cmocka_unit_test(test_a_set_lives_between_5_minutes_and_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
