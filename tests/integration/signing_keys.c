/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign tokens: published, rotated, known to every process within 5 s. */
#include <string.h>

#include "tests/support/oauth.h"

enum { KNOWN_WITHIN_MS = 5000 };

static const char *kid_of(struct harness *h, const char *token)
{
    const char *header = token_part(h, token, 0), *kid = strstr(header, "\"kid\":\"");

    assert_non_null(kid);
    return http_text(h->http, "%.43s", kid + 7);
}

static struct reply other_call(struct harness *h, const char *key, const char *path)
{
    return http_call(h->http, "GET", h->other_api_url, path, key, HK_STR_NULL, NULL);
}

struct awaited {
    struct harness *h;
    const char *token;
    int status; /* of both processes */
};

static bool both_answer(void *arg)
{
    struct awaited *awaited = arg;
    struct harness *h = awaited->h;

    return other_call(h, awaited->token, "/v1/apps").status == awaited->status &&
           api_call(h, awaited->token, "GET", "/v1/apps", NULL).status == awaited->status;
}

static void test_the_keys_and_the_metadata_are_public(void **state)
{
    struct harness *h = *state;
    struct reply keys = api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL);
    struct reply metadata =
        api_call(h, NULL, "GET", "/.well-known/oauth-authorization-server", NULL);

    assert_status(keys, 200);
    assert_int_equal(reply_count(&keys, "keys"), 2);
    assert_members(keys, "keys.0", "kty,crv,use,alg,kid,x,y");
    assert_string_equal(reply_header(h->http, &keys, "cache-control"), "public, max-age=300");
    assert_status(metadata, 200);
    assert_string_equal(reply_text(&metadata, "issuer"), "https://api.example.com");
    assert_string_equal(reply_text(&metadata, "token_endpoint"),
                        "https://api.example.com/oauth/token");
    assert_string_equal(reply_text(&metadata, "jwks_uri"),
                        "https://api.example.com/.well-known/jwks.json");
}

static void test_operators_see_and_rotate_the_keys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *before = given_token(h, &client), *after;
    struct reply reply = api_call(h, h->operator_key, "GET", "/v1/signing_keys", NULL);

    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_members(reply, "data.0", "kid,algorithm,state,created_at,signing_at,retired_at");
    assert_int_equal(api_call(h, t->admin, "GET", "/v1/signing_keys", NULL).status, 403);
    assert_int_equal(api_call(h, t->admin, "POST", "/v1/signing_keys", NULL).status, 403);

    reply = api_call(h, h->operator_key, "POST", "/v1/signing_keys", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "state"), "signing");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.signing_key"
                               " WHERE state = 'retired' AND private_key IS NULL"),
                     1);
    assert_true(wait_until(both_answer, &(struct awaited){h, before, 200}, KNOWN_WITHIN_MS));
    do
        after = given_token(h, &client);
    while (strcmp(kid_of(h, after), kid_of(h, before)) == 0);
    assert_string_equal(kid_of(h, after), reply_text(&reply, "kid"));
    assert_int_equal(api_call(h, before, "GET", "/v1/apps", NULL).status, 200);
    assert_int_equal(api_call(h, after, "GET", "/v1/apps", NULL).status, 200);
    assert_int_equal(other_call(h, after, "/v1/apps").status, 200);
    reply = api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL);
    assert_int_equal(reply_count(&reply, "keys"), 3);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action LIKE 'signing_key.%%'"
                               "   AND strpos(detail::text, 'PRIVATE') = 0"),
                     2);
    assert_null(strstr(harness_logs(h), "PRIVATE KEY"));
}

static void test_a_leaked_key_is_removed_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *token = given_token(h, &client);
    struct reply reply;

    assert_true(both_answer(&(struct awaited){h, token, 200}));
    reply = api_call(h, h->operator_key, "POST", "/v1/signing_keys", "{\"remove_previous\": true}");
    assert_status(reply, 200);
    assert_true(wait_until(both_answer, &(struct awaited){h, token, 401}, KNOWN_WITHIN_MS));
    reply = api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL);
    assert_int_equal(reply_count(&reply, "keys"), 2);
    token = given_token(h, &client);
    assert_true(wait_until(both_answer, &(struct awaited){h, token, 200}, KNOWN_WITHIN_MS));
}

static void test_two_processes_make_one_pair_of_first_keys(void **state)
{
    struct harness *h = *state;

    assert_int_equal(other_call(h, NULL, "/.well-known/jwks.json").status, 200);
    assert_int_equal(api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL).status, 200);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.signing_key"), 2);
}

/* The client is revoked on one process; its token is in the cache of both. */
static void test_a_revoked_client_is_refused_by_another_process_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *token = given_token(h, &client);

    assert_true(both_answer(&(struct awaited){h, token, 200}));
    assert_int_equal(
        api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/clients/%s", client.id), NULL)
            .status,
        204);
    assert_true(wait_until(both_answer, &(struct awaited){h, token, 401}, KNOWN_WITHIN_MS));
}

static void test_a_suspended_tenants_tokens_end_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *token = given_token(h, &client);

    assert_true(both_answer(&(struct awaited){h, token, 200}));
    assert_int_equal(api_call(h, h->operator_key, "PATCH",
                              http_text(h->http, "/v1/tenants/%s", t->id),
                              "{\"state\": \"suspended\"}")
                         .status,
                     200);
    assert_true(wait_until(both_answer, &(struct awaited){h, token, 401}, KNOWN_WITHIN_MS));
}

static void test_a_client_loses_a_scope_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *token = given_token(h, &client);

    assert_true(both_answer(&(struct awaited){h, token, 200}));
    assert_int_equal(api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/clients/%s", client.id),
                              "{\"scopes\": [\"companies:read\"]}")
                         .status,
                     200);
    assert_true(wait_until(both_answer, &(struct awaited){h, token, 403}, KNOWN_WITHIN_MS));
}

static int other_api(void **state)
{
    int code = harness_setup(state);

    if (code == 0)
        harness_start_other_api(*state);
    return code;
}

#define two_processes_test(fn, ...)                                                                \
    {                                                                                              \
#fn, harness_run, other_api, harness_teardown, &(struct harness_options)                   \
        {                                                                                          \
            .test = (fn), .has_no_worker = true __VA_OPT__(, ) __VA_ARGS__                         \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(
            test_the_keys_and_the_metadata_are_public, .has_no_worker = true,
            .env = (const char *const[]){"HOOKLINE_API_ISSUER=https://api.example.com", NULL}),
        two_processes_test(test_operators_see_and_rotate_the_keys),
        two_processes_test(test_a_leaked_key_is_removed_at_once),
        two_processes_test(test_two_processes_make_one_pair_of_first_keys),
        two_processes_test(test_a_revoked_client_is_refused_by_another_process_within_5_seconds),
        two_processes_test(test_a_suspended_tenants_tokens_end_within_5_seconds),
        two_processes_test(test_a_client_loses_a_scope_within_5_seconds),
    };

    return cmocka_run_group_tests_name("signing_keys", tests, NULL, NULL);
}
