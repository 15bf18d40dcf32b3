/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every attack on a token of standards 3.7, against the running API. The attacker even has the real
 * signing key where that makes the test sharper: what is refused is refused for one reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "hk/encode.h"
#include "tests/support/oauth.h"
#include "tests/support/sealed.h"
#include "tests/support/signer.h"

#define ISSUER "http://localhost:8080"

/* A client of the tenant, its token, and the key that signs. */
struct forge {
    struct tenant *t;
    struct client client;
    const char *kid, *public_pem;
    struct signer *signer;
};

static struct forge given_forge(struct harness *h, const char *role)
{
    struct forge forge = {.t = given_tenant(h)};
    struct hk_vault_place place;

    forge.client =
        given_client(h, forge.t, http_text(h->http, "\"name\": \"a\", \"role\": \"%s\"", role));
    (void)given_token(h, &forge.client); /* makes the keys */
    forge.kid = db_text(h, "SELECT kid FROM hookline.signing_key WHERE state = 'signing'");
    forge.public_pem =
        db_text(h, "SELECT public_key FROM hookline.signing_key WHERE state = 'signing'");
    place = hk_place_of_signing_key(hk_str(forge.kid));
    forge.signer = signer_from_pem(
        open_sealed(
            h, &place,
            db_text(h, "SELECT private_key FROM hookline.signing_key WHERE state = 'signing'")),
        forge.kid);
    return forge;
}

static const char *header(struct harness *h, const struct forge *forge, const char *alg)
{
    return http_text(h->http, "{\"alg\":%s,\"typ\":\"JWT\",\"kid\":\"%s\"}", alg, forge->kid);
}

/* The claims of a good token; `name` has `value` (JSON) instead, or is left out with NULL. */
static const char *claims_with(struct harness *h, const struct forge *forge, const char *name,
                               const char *value)
{
    long long now_s = hk_wall_us() / 1000000;
    const char *id = http_text(h->http, "\"%s\"", forge->client.client_id);
    const char *now = http_text(h->http, "%lld", now_s), *text = "{";
    const struct {
        const char *name, *value;
    } claims[] = {
        {"iss", "\"" ISSUER "\""},
        {"aud", "\"" ISSUER "\""},
        {"sub", id},
        {"client_id", id},
        {"tenant", http_text(h->http, "\"%s\"", forge->t->id)},
        {"role", "\"support\""},
        {"scope", "\"apps:read\""},
        {"iat", now},
        {"nbf", now},
        {"exp", http_text(h->http, "%lld", now_s + 600)},
        {"jti", "\"x\""},
    };

    for (size_t i = 0; i < HK_COUNTOF(claims); i++) {
        const char *used = strcmp(claims[i].name, name) == 0 ? value : claims[i].value;

        if (used != NULL)
            text = http_text(h->http, "%s%s\"%s\":%s", text, text[1] == '\0' ? "" : ",",
                             claims[i].name, used);
    }
    return http_text(h->http, "%s}", text);
}

static const char *good_claims(struct harness *h, const struct forge *forge)
{
    return claims_with(h, forge, "", NULL);
}

static int status_of(struct harness *h, const char *token)
{
    return api_call(h, token, "GET", "/v1/apps", NULL).status;
}

/* Takes the token over. */
static void expect_401(struct harness *h, char *token, const char *what)
{
    struct reply reply = api_call(h, token, "GET", "/v1/apps", NULL);

    if (reply.status != 401)
        fail_test("%s: %d", what, reply.status);
    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_string_equal(reply_header(h->http, &reply, "www-authenticate"),
                        "Bearer realm=\"hookline\", error=\"invalid_token\"");
    free(token);
}

static void expect_status(struct harness *h, char *token, int status)
{
    assert_int_equal(status_of(h, token), status);
    free(token);
}

static void test_the_attacker_could_sign_a_good_token(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");

    expect_status(h, signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""), good_claims(h, &f)),
                  200);
    signer_free(f.signer);
}

static void test_the_algorithm_is_not_the_tokens_choice(void **state)
{
    static const char *const algs[] = {
        "\"none\"",  "\"None\"",   "\"nOnE\"",  "\"NONE\"",  "\"\"", "\"es256\"", "\"ES384\"",
        "\"ES512\"", "\"ES256K\"", "\"RS256\"", "\"HS256\"", "null", "7",         "[\"ES256\"]"};
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");

    for (size_t i = 0; i < HK_COUNTOF(algs); i++) {
        const char *head = header(h, &f, algs[i]), *claims = good_claims(h, &f);
        char *part = signer_part(head, claims);

        expect_401(h, signer_sign(f.signer, "ES256", head, claims), algs[i]);
        expect_401(h, signer_token(head, claims, "x", 1), algs[i]);
        expect_401(h, strdup(http_text(h->http, "%s.", part)), algs[i]);
        expect_401(h, strdup(part), algs[i]);
        free(part);
    }
    signer_free(f.signer);
}

static void test_a_public_key_is_no_secret(void **state)
{
    static const char *const algs[] = {"\"HS256\"", "\"ES256\""};
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    struct reply jwks = api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL);
    const char *pem = f.public_pem;
    char der[512];
    size_t der_n;
    const char *base64 = http_text(h->http, "%s", strchr(pem, '\n') + 1);
    char *body = strdup(base64), *out = body;

    assert_status(jwks, 200);
    for (const char *p = base64; *p != '-'; p++) {
        if (*p != '\n')
            *out++ = *p;
    }
    assert_true(hk_b64_decode((struct hk_str){body, (size_t)(out - body)}, (uint8_t *)der,
                              sizeof(der), &der_n));
    free(body);
    for (size_t i = 0; i < HK_COUNTOF(algs); i++) {
        const char *head = header(h, &f, algs[i]), *claims = good_claims(h, &f);

        expect_401(h, signer_hmac(head, claims, pem, strlen(pem)), "PEM");
        expect_401(h, signer_hmac(head, claims, pem, strlen(pem) - 1), "PEM without newline");
        expect_401(h, signer_hmac(head, claims, der, der_n), "DER");
        expect_401(h, signer_hmac(head, claims, jwks.body, jwks.body_n), "JWK");
        expect_401(h, signer_hmac(head, claims, "", 0), "empty key");
    }
    signer_free(f.signer);
}

static void test_a_kid_is_only_looked_up(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    const char *kids[] = {"\"../../dev/null\"",
                          "\"/dev/null\"",
                          "\"' OR 1=1--\"",
                          "\"\"",
                          "null",
                          "7",
                          "[]",
                          "\"x\"",
                          http_text(h->http, "\"%06000d\"", 0),
                          http_text(h->http, "\"%s \"", f.kid)};

    for (size_t i = 0; i < HK_COUNTOF(kids); i++) {
        const char *head =
            http_text(h->http, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":%s}", kids[i]);

        expect_401(h, signer_sign(f.signer, "ES256", head, good_claims(h, &f)), kids[i]);
        expect_401(h, signer_hmac(head, good_claims(h, &f), "", 0), kids[i]);
    }
    expect_401(
        h,
        signer_sign(f.signer, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", good_claims(h, &f)),
        "no kid");
    signer_free(f.signer);
}

static void test_a_key_that_comes_along_is_not_used(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    struct signer *own = signer_new(SIGNER_P256, f.kid);
    char *jwk = signer_jwk(own, "ES256");
    const char *members[] = {
        http_text(h->http, "\"jwk\":%s", jwk),
        http_text(h->http, "\"jku\":\"%s\"", sinker_url(h, "/jwks")),
        http_text(h->http, "\"x5u\":\"%s\"", sinker_url(h, "/jwks")),
        "\"x5c\":[\"MIIB\"]",
        "\"crit\":[\"exp\"]",
        "\"b64\":false,\"crit\":[\"b64\"]",
        "\"b64\":true",
        "\"zip\":\"DEF\"",
        "\"alg\":\"ES256\"", /* twice */
    };

    for (size_t i = 0; i < HK_COUNTOF(members); i++) {
        const char *head = http_text(
            h->http, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",%s}", f.kid, members[i]);

        expect_401(h, signer_sign(own, "ES256", head, good_claims(h, &f)), members[i]);
        expect_401(h, signer_sign(f.signer, "ES256", head, good_claims(h, &f)), members[i]);
    }
    assert_int_equal(sinker_count(h, "/jwks"), 0);
    expect_401(h, signer_sign(own, "ES256", header(h, &f, "\"ES256\""), good_claims(h, &f)),
               "another key");
    free(jwk);
    signer_free(own);
    signer_free(f.signer);
}

static void test_claims_are_strict(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    struct tenant *other = given_tenant(h);
    long long now_s = hk_wall_us() / 1000000;
    const struct {
        const char *name, *value;
    } rows[] = {
        {"exp", NULL},
        {"exp", http_text(h->http, "%lld", now_s - 60)},
        {"exp", http_text(h->http, "\"%lld\"", now_s + 600)},
        {"exp", http_text(h->http, "%lld.0", now_s + 600)},
        {"exp", "1e20"},
        {"exp", "-1"},
        {"exp", "0"},
        {"exp", "9223372036854775807"},
        {"exp", "9223372036854775808"},
        {"exp", "null"},
        {"exp", http_text(h->http, "1,\"exp\":%lld", now_s + 600)},
        {"exp", http_text(h->http, "%lld,\"exp\":1", now_s + 600)},
        {"nbf", http_text(h->http, "%lld", now_s + 3600)},
        {"nbf", NULL},
        {"iat", http_text(h->http, "%lld", now_s + 3600)},
        {"iat", NULL},
        {"iss", "\"https://evil.example\""},
        {"iss", "\"" ISSUER "/\""},
        {"iss", NULL},
        {"aud", "\"https://evil.example\""},
        {"aud", "[\"a\",\"b\"]"},
        {"aud", "{}"},
        {"aud", NULL},
        {"client_id", NULL},
        {"client_id", "\"hkc_x\""},
        {"client_id", "[]"},
        {"tenant", NULL},
        {"tenant", http_text(h->http, "\"%s\"", other->id)},
        {"tenant", "\"00000000-0000-0000-0000-000000000000\""},
        {"scope", NULL},
        {"scope", "[\"apps:read\"]"},
    };

    for (size_t i = 0; i < HK_COUNTOF(rows); i++)
        expect_401(h,
                   signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""),
                               claims_with(h, &f, rows[i].name, rows[i].value)),
                   http_text(h->http, "%s: %s", rows[i].name, rows[i].value));
    expect_status(h,
                  signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""),
                              claims_with(h, &f, "aud", "[\"x\",\"" ISSUER "\"]")),
                  200);
    signer_free(f.signer);
}

static void test_signatures_are_strict(void **state)
{
    static const uint8_t zero[65] = {0};
    static const uint8_t der[] = {0x30, 6, 2, 1, 1, 2, 1, 1};
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    const char *head = header(h, &f, "\"ES256\""), *claims = good_claims(h, &f);
    char *good = signer_sign(f.signer, "ES256", head, claims);
    const char *const others[] = {
        http_text(h->http, "%s.e30", good),
        http_text(h->http, "%s.e30.e30", good), /* JWE */
        http_text(h->http, "%sA", good),
        http_text(h->http, "%sAAAA", good),
        http_text(h->http, "%s=", good),
        http_text(h->http, "%s!", good),
        http_text(h->http, "%s e30", good),
        http_text(h->http, ".%s", good),
        http_text(h->http, "%.*s", (int)strlen(good) - 1, good),
        http_text(h->http, "%.*s", (int)(strrchr(good, '.') - good + 1), good),
        http_text(h->http, "%.*s", (int)(strrchr(good, '.') - good), good),
        http_text(h->http, "%.3000s%06000d.e30.e30", good, 0), /* too long */
        ".",
        "..",
        "a.b.c",
        "e30.e30.e30",
    };

    expect_401(h, signer_token(head, claims, zero, 64), "r = s = 0");
    expect_401(h, signer_token(head, claims, zero, 65), "65 bytes");
    expect_401(h, signer_token(head, claims, der, sizeof(der)), "DER");
    expect_401(h, signer_token(head, claims, "", 0), "empty");
    for (size_t i = 0; i < HK_COUNTOF(others); i++)
        expect_401(h, strdup(others[i]), others[i]);
    assert_int_equal(status_of(h, good), 200);
    free(good);
    signer_free(f.signer);
}

/* The token says what it likes: the client's row decides. */
static void test_a_token_gives_no_more_than_its_client_has(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    char *token =
        signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""),
                    claims_with(h, &f, "scope", "\"tenants:manage apps:write apps:read\""));
    struct reply reply = api_call(h, token, "GET", "/v1/tenants", NULL);

    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, token, "POST", "/v1/apps", "{\"name\": \"x\", \"partner\": \"acme\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    assert_int_equal(status_of(h, token), 200);
    free(token);
    token = signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""),
                        claims_with(h, &f, "role", "\"operator\""));
    assert_int_equal(api_call(h, token, "GET", "/v1/tenants", NULL).status, 403);
    free(token);
    signer_free(f.signer);
}

static void test_a_token_in_the_query_is_no_proof(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    const char *token = given_token(h, &f.client);
    struct reply reply =
        api_call(h, NULL, "GET", http_text(h->http, "/v1/apps?access_token=%s", token), NULL);

    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_string_equal(reply_header(h->http, &reply, "www-authenticate"),
                        "Bearer realm=\"hookline\"");
    signer_free(f.signer);
}

static void test_a_tenant_that_is_gone_takes_its_tokens_along(void **state)
{
    struct harness *h = *state;
    struct forge f = given_forge(h, "support");
    struct reply reply =
        api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", f.t->id),
                 "{\"state\": \"suspended\"}");

    assert_status(reply, 200);
    expect_401(h, signer_sign(f.signer, "ES256", header(h, &f, "\"ES256\""), good_claims(h, &f)),
               "suspended");
    assert_int_equal(
        ask_token(h, basic(h, f.client.client_id, f.client.secret), "grant_type=client_credentials")
            .status,
        401);
    signer_free(f.signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_attacker_could_sign_a_good_token, .has_no_worker = true),
        harness_test(test_the_algorithm_is_not_the_tokens_choice, .has_no_worker = true),
        harness_test(test_a_public_key_is_no_secret, .has_no_worker = true),
        harness_test(test_a_kid_is_only_looked_up, .has_no_worker = true),
        harness_test(test_a_key_that_comes_along_is_not_used, .has_no_worker = true),
        harness_test(test_claims_are_strict, .has_no_worker = true),
        harness_test(test_signatures_are_strict, .has_no_worker = true),
        harness_test(test_a_token_gives_no_more_than_its_client_has, .has_no_worker = true),
        harness_test(test_a_token_in_the_query_is_no_proof, .has_no_worker = true),
        harness_test(test_a_tenant_that_is_gone_takes_its_tokens_along, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("token_attacks", tests, NULL, NULL);
}
