/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers of others: their tokens, their key sets, and what strangers cannot make us fetch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/buf.h"
#include "hk/clock.h"
#include "tests/support/oauth.h"
#include "tests/support/signer.h"

#define ISSUER "https://idp.example.com"

/* An issuer of the tenant, whose key set the sinker serves at `path`. */
struct idp {
    struct tenant *t;
    const char *id, *path;
    struct signer *signer;
    const char *alg;
};

static void serve(struct harness *h, const char *path, const char *keys, const char *headers)
{
    struct hk_buf buf;

    hk_buf_init(&buf, 4 << 20);
    hk_buf_add_json_string(&buf, hk_str(http_text(h->http, "{\"keys\":[%s]}", keys)));
    sinker_rule(h, path, "{\"then\": {\"status\": 200, \"headers\": {%s}, \"body\": %s}}", headers,
                buf.p);
    hk_buf_done(&buf);
}

static void serve_key(struct harness *h, const struct idp *idp)
{
    char *jwk = signer_jwk(idp->signer, idp->alg);

    serve(h, idp->path, jwk, "\"Cache-Control\": \"max-age=600\"");
    free(jwk);
}

static struct reply make_issuer(struct harness *h, const struct tenant *t, const char *path,
                                const char *alg, const char *more)
{
    return api_call(h, t->admin, "POST", "/v1/issuers",
                    "{\"issuer\": \"" ISSUER "\", \"jwks_uri\": \"%s\", \"audience\": \"hookline\","
                    " \"algorithms\": [\"%s\"], %s}",
                    sinker_url(h, path), alg, more);
}

static struct idp given_idp(struct harness *h, enum signer_key kind, const char *alg,
                            const char *more)
{
    struct idp idp = {.t = given_tenant(h), .path = "/jwks", .alg = alg};
    struct reply reply = make_issuer(h, idp.t, idp.path, alg, more);

    assert_status(reply, 201);
    idp.id = reply_text(&reply, "id");
    idp.signer = signer_new(kind, "k1");
    serve_key(h, &idp);
    return idp;
}

/* A token of the issuer; `more` are members (",\"x\":1"). To be freed. */
static char *token_of(struct harness *h, const struct idp *idp, const char *kid, const char *more)
{
    long long exp_s = hk_wall_us() / 1000000 + 600;
    const char *header = http_text(h->http, "{\"alg\":\"%s\",\"kid\":\"%s\"}", idp->alg, kid);
    const char *claims = http_text(h->http,
                                   "{\"iss\":\"" ISSUER "\",\"aud\":\"hookline\",\"sub\":\"bob\","
                                   "\"exp\":%lld%s}",
                                   exp_s, more);

    return signer_sign(idp->signer, idp->alg, header, claims);
}

static struct reply call_as(struct harness *h, const char *tenant_id, const char *token,
                            const char *path)
{
    const char *const headers[] = {http_text(h->http, "Hookline-Tenant-Id: %s", tenant_id), NULL};

    return api_send(h, token, "GET", path, HK_STR_NULL, headers);
}

/* Takes the token over. */
static void expect(struct harness *h, const struct idp *idp, char *token, int status)
{
    struct reply reply = call_as(h, idp->t->id, token, "/v1/apps");

    assert_status(reply, status);
    if (status == 401)
        assert_string_equal(reply_header(h->http, &reply, "www-authenticate"),
                            "Bearer realm=\"hookline\", error=\"invalid_token\"");
    free(token);
}

static const char admin[] = "\"role\": \"admin\"";

static void test_a_token_of_each_algorithm_is_believed(void **state)
{
    static const struct {
        enum signer_key kind;
        const char *alg;
    } rows[] = {{SIGNER_RSA, "RS256"},
                {SIGNER_RSA, "PS256"},
                {SIGNER_P256, "ES256"},
                {SIGNER_ED25519, "EdDSA"}};
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        struct idp idp = given_idp(h, rows[i].kind, rows[i].alg, admin);
        char *token = token_of(h, &idp, "k1", "");
        struct reply reply = call_as(h, idp.t->id, token, "/v1/apps");

        assert_status(reply, 200);
        assert_int_equal(call_as(h, idp.t->id, token, "/v1/tenants").status, 403);
        expect(h, &idp, token, 200);
        assert_int_equal(sinker_count(h, "/jwks"), i + 1);
        signer_free(idp.signer);
    }
}

static void test_a_caller_is_named_by_issuer_and_subject(void **state)
{
    struct harness *h = *state;
    struct idp idp =
        given_idp(h, SIGNER_ED25519, "EdDSA", "\"role\": \"partner\", \"partner_claim\": \"org\"");
    char *token = token_of(h, &idp, "k1", ",\"org\":\"acme\"");
    const char *const headers[] = {http_text(h->http, "Hookline-Tenant-Id: %s", idp.t->id), NULL};
    struct reply reply =
        api_send(h, token, "POST", "/v1/apps", HK_STR("{\"name\": \"x\"}"), headers);

    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    assert_string_equal(
        db_text(h, "SELECT actor FROM hookline.audit_log WHERE action = 'app.created'"),
        http_text(h->http, "issuer:%s:bob", idp.id));
    free(token);
    expect(h, &idp, token_of(h, &idp, "k1", ""), 401);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"org\":\"\""), 401);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"org\":[\"acme\"]"), 401);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"org\":\"a\\nb\""), 401);
    signer_free(idp.signer);
}

/* One subject may act for several: the reply to one is not the other's. */
static void test_a_kept_reply_belongs_to_its_partner(void **state)
{
    struct harness *h = *state;
    struct idp idp =
        given_idp(h, SIGNER_ED25519, "EdDSA", "\"role\": \"partner\", \"partner_claim\": \"org\"");
    const char *const headers[] = {http_text(h->http, "Hookline-Tenant-Id: %s", idp.t->id),
                                   "Idempotency-Key: k1", NULL};
    static const char *const partners[] = {"acme", "rival", "acme"};

    for (size_t i = 0; i < HK_COUNTOF(partners); i++) {
        char *token = token_of(h, &idp, "k1", http_text(h->http, ",\"org\":\"%s\"", partners[i]));
        struct reply reply =
            api_send(h, token, "POST", "/v1/apps", HK_STR("{\"name\": \"x\"}"), headers);

        assert_status(reply, 201);
        assert_string_equal(reply_text(&reply, "partner"), partners[i]);
        assert_int_equal(reply_header(h->http, &reply, "idempotency-replayed") != NULL, i == 2);
        free(token);
    }
    signer_free(idp.signer);
}

static void test_required_claims_must_be_there(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA",
                               "\"role\": \"support\", \"subject_claim\": \"email\","
                               " \"required_claims\": {\"groups\": \"ops\", \"level\": 3}");

    expect(h, &idp, token_of(h, &idp, "k1", ",\"email\":\"b@x\",\"groups\":\"ops\",\"level\":3"),
           200);
    expect(h, &idp,
           token_of(h, &idp, "k1", ",\"email\":\"b@x\",\"groups\":[\"a\",\"ops\"],\"level\":3"),
           200);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"groups\":\"ops\",\"level\":3"), 401);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"email\":\"b@x\",\"groups\":\"ops\""), 401);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"email\":\"b@x\",\"groups\":[],\"level\":3"), 401);
    expect(h, &idp,
           token_of(h, &idp, "k1", ",\"email\":\"b@x\",\"groups\":\"ops\",\"level\":\"3\""), 401);
    signer_free(idp.signer);
}

static void test_what_is_not_of_that_issuer_is_refused(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_RSA, "RS256", admin), other;
    struct tenant *stranger = given_tenant(h);
    const char *good = "{\"alg\":\"RS256\",\"kid\":\"k1\"}";
    long long exp_s = hk_wall_us() / 1000000 + 600;
    const char *claims[] = {
        http_text(
            h->http,
            "{\"iss\":\"https://evil.example\",\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":%lld}",
            exp_s),
        http_text(h->http, "{\"iss\":\"" ISSUER "\",\"aud\":\"other\",\"sub\":\"b\",\"exp\":%lld}",
                  exp_s),
        http_text(h->http, "{\"iss\":\"" ISSUER "\",\"sub\":\"b\",\"exp\":%lld}", exp_s),
        http_text(h->http, "{\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":%lld}", exp_s),
        http_text(h->http, "{\"iss\":\"" ISSUER "\",\"aud\":\"hookline\",\"exp\":%lld}", exp_s),
        http_text(h->http,
                  "{\"iss\":\"" ISSUER "\",\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":%lld}",
                  exp_s - 700),
        http_text(h->http,
                  "{\"iss\":\"" ISSUER "\",\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":\"%lld\"}",
                  exp_s),
        http_text(h->http,
                  "{\"iss\":\"" ISSUER
                  "\",\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":%lld,\"nbf\":%lld}",
                  exp_s, exp_s),
        http_text(h->http, "{\"iss\":\"%s\",\"aud\":\"hookline\",\"sub\":\"b\"}", ISSUER),
    };
    char *token = token_of(h, &idp, "k1", ""), *pem = signer_public_pem(idp.signer);

    assert_int_equal(call_as(h, idp.t->id, token, "/v1/apps").status, 200);
    assert_int_equal(call_as(h, stranger->id, token, "/v1/apps").status, 401);
    assert_int_equal(call_as(h, "x", token, "/v1/apps").status, 401);
    assert_int_equal(api_call(h, token, "GET", "/v1/apps", NULL).status, 401);
    free(token);
    for (size_t i = 0; i < HK_COUNTOF(claims); i++)
        expect(h, &idp, signer_sign(idp.signer, "RS256", good, claims[i]), 401);
    /* The algorithm that the key could do, but the tenant does not allow; those of no key at all.
     */
    other = idp;
    other.alg = "PS256";
    expect(h, &idp, token_of(h, &other, "k1", ""), 401);
    claims[0] = http_text(
        h->http, "{\"iss\":\"" ISSUER "\",\"aud\":\"hookline\",\"sub\":\"b\",\"exp\":%lld}", exp_s);
    expect(h, &idp, signer_hmac("{\"alg\":\"HS256\",\"kid\":\"k1\"}", claims[0], pem, strlen(pem)),
           401);
    expect(h, &idp, signer_hmac(good, claims[0], pem, strlen(pem)), 401);
    expect(h, &idp, signer_token("{\"alg\":\"none\",\"kid\":\"k1\"}", claims[0], "x", 1), 401);
    expect(h, &idp,
           signer_sign(idp.signer, "RS256",
                       "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"logout+jwt\"}", claims[0]),
           401);
    expect(h, &idp,
           signer_sign(idp.signer, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}",
                       claims[0]),
           200);
    expect(h, &idp, signer_sign(idp.signer, "RS256", "{\"alg\":\"RS256\"}", claims[0]), 200);
    other.alg = "RS256";
    other.signer = signer_new(SIGNER_RSA, "k1");
    expect(h, &idp, token_of(h, &other, "k1", ""), 401);
    free(pem);
    signer_free(other.signer);
    signer_free(idp.signer);
}

static void test_unknown_kids_do_not_make_us_fetch(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA", admin);
    struct signer *next = signer_new(SIGNER_ED25519, "k2");

    expect(h, &idp, token_of(h, &idp, "k1", ""), 200);
    for (int i = 0; i < 50; i++)
        expect(h, &idp, token_of(h, &idp, http_text(h->http, "x%d", i), ""), 401);
    assert_int_equal(sinker_count(h, "/jwks"), 1);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"x\":1"), 200);
    signer_free(next);
    signer_free(idp.signer);
}

static void test_many_who_wait_make_one_fetch(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA", admin);
    char *jwk = signer_jwk(idp.signer, "EdDSA");
    int fds[20];

    serve(h, idp.path, jwk, "");
    free(jwk);
    for (size_t i = 0; i < HK_COUNTOF(fds); i++) {
        char *token = token_of(h, &idp, "k1", http_text(h->http, ",\"n\":%zu", i));

        fds[i] = raw_start(h, http_text(h->http, "%s\r\nHookline-Tenant-Id: %s", token, idp.t->id),
                           "GET", "/v1/apps", NULL);
        free(token);
    }
    raw_abandon(fds[0]);
    for (size_t i = 1; i < HK_COUNTOF(fds); i++)
        assert_int_equal(raw_finish(h, fds[i]).status, 200);
    assert_int_equal(sinker_count(h, "/jwks"), 1);
    signer_free(idp.signer);
}

static void test_a_bad_key_set_is_none(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA", admin);
    char *jwk = signer_jwk(idp.signer, "EdDSA"), *junk = malloc(300001);

    assert_non_null(junk);
    memset(junk, ' ', 300000);
    junk[300000] = '\0';
    serve(h, idp.path, http_text(h->http, "%s%s", jwk, junk), ""); /* more than 256 KiB */
    expect(h, &idp, token_of(h, &idp, "k1", ""), 401);
    assert_int_equal(sinker_count(h, "/jwks"), 1);

    /* Another address is asked at once: nothing is remembered of the former one. */
    assert_int_equal(api_call(h, idp.t->admin, "PATCH",
                              http_text(h->http, "/v1/issuers/%s", idp.id),
                              "{\"jwks_uri\": \"%s\"}", sinker_url(h, "/redirect"))
                         .status,
                     200);
    sinker_rule(h, "/redirect",
                "{\"then\": {\"status\": 302, \"headers\": {\"Location\": \"%s\"}}}",
                sinker_url(h, "/good"));
    serve(h, "/good", jwk, "");
    expect(h, &idp, token_of(h, &idp, "k1", ",\"x\":2"), 401);
    assert_int_equal(sinker_count(h, "/redirect"), 1);
    assert_int_equal(sinker_count(h, "/good"), 0);
    assert_int_equal(api_call(h, idp.t->admin, "PATCH",
                              http_text(h->http, "/v1/issuers/%s", idp.id),
                              "{\"jwks_uri\": \"%s\"}", sinker_url(h, "/good"))
                         .status,
                     200);
    expect(h, &idp, token_of(h, &idp, "k1", ",\"x\":3"), 200);
    free(junk);
    free(jwk);
    signer_free(idp.signer);
}

static void test_a_private_address_is_not_fetched_from(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA", admin);

    expect(h, &idp, token_of(h, &idp, "k1", ""), 401);
    assert_int_equal(sinker_count(h, "/jwks"), 0);
    signer_free(idp.signer);
}

struct awaited {
    struct harness *h;
    struct idp *idp;
    const char *token;
};

static bool is_refused(void *arg)
{
    struct awaited *awaited = arg;

    return call_as(awaited->h, awaited->idp->t->id, awaited->token, "/v1/apps").status == 401;
}

static void test_a_deleted_issuer_ends_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct idp idp = given_idp(h, SIGNER_ED25519, "EdDSA", admin);
    char *token = token_of(h, &idp, "k1", "");
    struct awaited awaited = {h, &idp, token};

    assert_false(is_refused(&awaited));
    assert_int_equal(
        api_call(h, idp.t->admin, "DELETE", http_text(h->http, "/v1/issuers/%s", idp.id), NULL)
            .status,
        204);
    assert_true(wait_until(is_refused, &awaited, 5000));
    assert_int_equal(
        api_call(h, idp.t->admin, "GET", http_text(h->http, "/v1/issuers/%s", idp.id), NULL).status,
        404);
    free(token);
    signer_free(idp.signer);
}

static void test_issuers_are_kept_as_a_resource(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made = make_issuer(h, t, "/jwks", "ES256", admin), reply;
    const char *path, *etag;

    assert_status(made, 201);
    assert_members(made, "",
                   "id,issuer,jwks_uri,audience,algorithms,role,partner,partner_claim,"
                   "subject_claim,required_claims,created_at,updated_at");
    assert_string_equal(reply_text(&made, "subject_claim"), "sub");
    path = http_text(h->http, "/v1/issuers/%s", reply_text(&made, "id"));
    reply = make_issuer(h, t, "/jwks", "ES256", admin);
    assert_problem(h, reply, 409, "conflict", "/issuer");
    reply = api_call(h, t->admin, "GET", path, NULL);
    etag = reply_header(h->http, &reply, "etag");
    reply = api_send(h, t->admin, "PATCH", path,
                     HK_STR("{\"role\": \"partner\", \"partner\": \"acme\", \"algorithms\": "
                            "[\"RS256\", \"PS256\"]}"),
                     (const char *const[]){http_text(h->http, "If-Match: %s", etag), NULL});
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    assert_int_equal(reply_count(&reply, "algorithms"), 2);
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"audience\": \"x\"}"),
                     (const char *const[]){http_text(h->http, "If-Match: %s", etag), NULL});
    assert_problem(h, reply, 412, "precondition_failed", NULL);
    reply = api_call(h, t->admin, "PATCH", path, "{\"partner\": null}");
    assert_problem(h, reply, 422, "invalid_body", "/partner");
    reply = api_call(h, t->admin, "GET", "/v1/issuers", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action LIKE 'issuer.%%'"), 2);
}

static void test_what_no_issuer_can_be_is_refused(void **state)
{
#define ISSUER_WITH(rest)                                                                          \
    "{\"issuer\": \"i\", \"jwks_uri\": \"https://idp.example.com/jwks\", \"audience\": "           \
    "\"a\", " rest "}"
    static const struct {
        const char *body, *pointer;
    } rows[] = {
        {"{}", "/issuer"},
        {ISSUER_WITH("\"role\": \"admin\""), "/algorithms"},
        {ISSUER_WITH("\"algorithms\": [], \"role\": \"admin\""), "/algorithms"},
        {ISSUER_WITH("\"algorithms\": [\"HS256\"], \"role\": \"admin\""), "/algorithms/0"},
        {ISSUER_WITH("\"algorithms\": [\"none\"], \"role\": \"admin\""), "/algorithms/0"},
        {ISSUER_WITH("\"algorithms\": [\"RS256\"], \"role\": \"operator\""), "/role"},
        {ISSUER_WITH("\"algorithms\": [\"RS256\"], \"role\": \"partner\""), "/partner"},
        {ISSUER_WITH("\"algorithms\": [\"RS256\"], \"role\": \"partner\", \"partner\": \"a\","
                     " \"partner_claim\": \"b\""),
         "/partner"},
        {ISSUER_WITH("\"algorithms\": [\"RS256\"], \"role\": \"admin\", \"partner\": \"a\""),
         "/partner"},
        {ISSUER_WITH("\"algorithms\": [\"RS256\"], \"role\": \"admin\","
                     " \"required_claims\": {\"a\": []}"),
         "/required_claims/a"},
        {"{\"issuer\": \"a b\", \"jwks_uri\": \"https://idp.example.com/\", \"audience\": \"a\","
         " \"algorithms\": [\"RS256\"], \"role\": \"admin\"}",
         "/issuer"},
        {"{\"issuer\": \"a\", \"jwks_uri\": \"ftp://idp.example.com/\", \"audience\": \"a\","
         " \"algorithms\": [\"RS256\"], \"role\": \"admin\"}",
         "/jwks_uri"},
        {"{\"issuer\": \"a\", \"jwks_uri\": \"http://idp.example.com/\", \"audience\": \"a\","
         " \"algorithms\": [\"RS256\"], \"role\": \"admin\"}",
         "/jwks_uri"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    assert_int_equal(api_call(h, h->operator_key, "PATCH",
                              http_text(h->http, "/v1/tenants/%s", t->id),
                              "{\"allow_http\": false}")
                         .status,
                     200);
    for (size_t i = 0; i < HK_COUNTOF(rows); i++)
        expect_refused(h, t->admin, "POST /v1/issuers", hk_str(rows[i].body), 422, "invalid_body",
                       rows[i].pointer);
}

static void test_a_tenant_has_at_most_10_issuers(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (int i = 0; i <= 10; i++) {
        struct reply reply =
            api_call(h, t->admin, "POST", "/v1/issuers",
                     "{\"issuer\": \"i%d\", \"jwks_uri\": \"https://idp.example.com/\","
                     " \"audience\": \"a\", \"algorithms\": [\"EdDSA\"], \"role\": \"admin\"}",
                     i);

        assert_status(reply, i < 10 ? 201 : 409);
    }
}

#define LOCAL                                                                                      \
    .has_no_worker = true, .env = (const char *const[])                                            \
    {                                                                                              \
        "HOOKLINE_API_ALLOWED_NETWORKS=127.0.0.0/8", NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_token_of_each_algorithm_is_believed, LOCAL),
        harness_test(test_a_caller_is_named_by_issuer_and_subject, LOCAL),
        harness_test(test_a_kept_reply_belongs_to_its_partner, LOCAL),
        harness_test(test_required_claims_must_be_there, LOCAL),
        harness_test(test_what_is_not_of_that_issuer_is_refused, LOCAL),
        harness_test(test_unknown_kids_do_not_make_us_fetch, LOCAL),
        harness_test(test_many_who_wait_make_one_fetch, LOCAL),
        harness_test(test_a_bad_key_set_is_none, LOCAL),
        harness_test(test_a_private_address_is_not_fetched_from, .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_ALLOWED_NETWORKS=", NULL}),
        harness_test(test_a_deleted_issuer_ends_within_5_seconds, LOCAL),
        harness_test(test_issuers_are_kept_as_a_resource, LOCAL),
        harness_test(test_what_no_issuer_can_be_is_refused, LOCAL),
        harness_test(test_a_tenant_has_at_most_10_issuers, LOCAL),
    };

    return cmocka_run_group_tests_name("issuers", tests, NULL, NULL);
}
