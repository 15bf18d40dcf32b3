/* SPDX-License-Identifier: Apache-2.0 */
/* Keys with fewer scopes than their role, changed keys, and who may give what. */
#include <string.h>

#include "tests/support/check.h"

static const char *given_admin_key(struct harness *h, const struct tenant *t, const char *scopes,
                                   const char **ret_path)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/keys",
                 "{\"name\": \"k\", \"role\": \"admin\", \"scopes\": [%s]}", scopes);

    assert_status(reply, 201);
    if (ret_path != NULL)
        *ret_path = http_text(h->http, "/v1/keys/%s", reply_text(&reply, "id"));
    return reply_text(&reply, "key");
}

static void test_a_key_may_do_what_its_scopes_say(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_admin_key(h, t, "\"apps:read\"", NULL);
    struct reply reply = api_call(h, key, "GET", "/v1/apps", NULL);

    assert_status(reply, 200);
    reply = api_call(h, key, "GET", "/v1/companies", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", "/v1/apps", "{\"partner\": \"a\", \"name\": \"b\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
}

static void test_scopes_are_known_and_of_the_role(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    static const struct {
        const char *role, *scopes, *pointer;
    } cases[] = {
        {"support", "[\"apps:write\"]", "/scopes"},
        {"support", "[\"apps:read\", \"no:such\"]", "/scopes/1"},
        {"support", "[\"apps:read apps:write\"]", "/scopes/0"},
        {"support", "[]", "/scopes"},
        {"producer", "[\"events:publish\", \"keys:manage\"]", "/scopes"},
    };

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct reply reply = api_call(h, t->admin, "POST", "/v1/keys",
                                      "{\"name\": \"k\", \"role\": \"%s\", \"scopes\": %s}",
                                      cases[i].role, cases[i].scopes);

        assert_problem(h, reply, 422, "invalid_body", cases[i].pointer);
    }
}

static void test_nobody_gives_more_than_it_has(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path, *key = given_admin_key(h, t, "\"keys:manage\", \"users:manage\"", &path),
                      *reader;
    struct reply reply;
    static const char *const keys[] = {
        "{\"name\": \"k\", \"role\": \"admin\"}",
        "{\"name\": \"k\", \"role\": \"producer\"}",
        "{\"name\": \"k\", \"role\": \"admin\", \"scopes\": [\"keys:manage\", \"apps:read\"]}",
    };

    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        reply = api_call(h, key, "POST", "/v1/keys", "%s", keys[i]);
        assert_problem(h, reply, 403, "forbidden", NULL);
    }
    reply = api_call(h, key, "PATCH", path, "{\"scopes\": null}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "PATCH", path, "{\"scopes\": [\"apps:read\"]}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    (void)given_admin_key(h, t, "\"apps:read\"", &reader); /* which may have expired */
    reply = api_call(h, key, "PATCH", reader, "{\"expires_at\": null}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "PATCH", reader, "{\"name\": \"reader\"}");
    assert_status(reply, 200);
    reply = api_call(h, key, "PATCH", path, "{\"expires_at\": null}");
    assert_status(reply, 200);
    reply = api_call(h, key, "POST", "/v1/users",
                     "{\"email\": \"a@example.com\", \"name\": \"a\", \"role\": \"admin\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", "/v1/keys",
                     "{\"name\": \"k\", \"role\": \"admin\", \"scopes\": [\"keys:manage\"]}");
    assert_status(reply, 201);
}

static const char *made_path(struct harness *h, const char *key, const char *path, const char *body)
{
    struct reply reply = api_call(h, key, "POST", path, "%s", body);

    assert_status(reply, 201);
    return http_text(h->http, "%s/%s", path, reply_text(&reply, "id"));
}

/* A client has all scopes of its role when it is given none; its secret is as good as they are. */
static void test_nobody_gets_more_by_way_of_a_client(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_admin_key(h, t, "\"clients:manage\"", NULL);
    const char *full =
        made_path(h, t->admin, "/v1/clients", "{\"name\": \"c\", \"role\": \"admin\"}");
    const char *own =
        made_path(h, key, "/v1/clients",
                  "{\"name\": \"c\", \"role\": \"admin\", \"scopes\": [\"clients:manage\"]}");
    static const char *const bodies[] = {
        "{\"name\": \"c\", \"role\": \"admin\"}",
        "{\"name\": \"c\", \"role\": \"producer\"}",
        "{\"name\": \"c\", \"role\": \"admin\", \"scopes\": [\"clients:manage\", \"apps:read\"]}",
    };
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(bodies); i++) {
        reply = api_call(h, key, "POST", "/v1/clients", "%s", bodies[i]);
        assert_problem(h, reply, 403, "forbidden", NULL);
    }
    reply = api_call(h, key, "PATCH", own, "{\"scopes\": null}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "PATCH", own, "{\"scopes\": [\"apps:read\"]}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", http_text(h->http, "%s/secrets", full), "{}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", http_text(h->http, "%s/secrets", own), "{}");
    assert_status(reply, 200);
    reply = api_call(h, key, "PATCH", full, "{\"name\": \"d\"}");
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "PATCH", own, "{\"scopes\": null}");
    assert_status(reply, 200);
}

/* Whoever says where the keys of an issuer are can sign as its callers. */
static void test_nobody_gets_more_by_way_of_an_issuer(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_admin_key(h, t, "\"issuers:manage\"", NULL);
    const char *reader = given_admin_key(h, t,
                                         "\"issuers:manage\", \"event_types:read\","
                                         " \"events:read\", \"messages:read\","
                                         " \"flows:receive\"",
                                         NULL);
    static const char issuer[] =
        "{\"issuer\": \"%s\", \"jwks_uri\": \"https://idp.example.com/\", \"audience\": \"a\","
        " \"algorithms\": [\"ES256\"], \"role\": \"%s\"%s}";
    const char *admins = http_text(h->http, issuer, "one", "admin", "");
    const char *receivers = http_text(h->http, issuer, "two", "receiver", ", \"partner\": \"p\"");
    const char *full = made_path(h, t->admin, "/v1/issuers", admins), *path;
    struct reply reply = api_call(h, key, "POST", "/v1/issuers", "%s",
                                  http_text(h->http, issuer, "three", "admin", ""));

    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, key, "POST", "/v1/issuers", "%s", receivers);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, reader, "PATCH", full, "{\"jwks_uri\": \"https://my.example.com/\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    path = made_path(h, reader, "/v1/issuers", receivers);
    reply = api_call(h, reader, "PATCH", path, "{\"audience\": \"b\"}");
    assert_status(reply, 200);
    reply = api_call(h, reader, "PATCH", path, "{\"role\": \"admin\", \"partner\": null}");
    assert_problem(h, reply, 403, "forbidden", NULL);
}

static void test_a_key_is_changed_and_says_who_made_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path, *key = given_admin_key(h, t, "\"apps:read\"", &path);
    struct reply reply = api_call(h, t->admin, "GET", path, NULL);
    const char *const stale[] = {"If-Match: \"0123\"", NULL};

    assert_memory_equal(reply_text(&reply, "created_by"), "key:", 4);
    assert_true(reply_is_null(&reply, "last_used_at"));
    reply = api_call(h, key, "GET", "/v1/apps", NULL);
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_true(is_rfc3339_utc(reply_text(&reply, "last_used_at")));
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"name\": \"x\"}"), stale);
    assert_problem(h, reply, 412, "precondition_failed", NULL);
    reply = api_call(h, t->admin, "PATCH", path,
                     "{\"name\": \"new\", \"expires_at\": \"2120-01-01T00:00:00Z\","
                     " \"scopes\": [\"companies:read\"]}");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "name"), "new");
    assert_string_equal(reply_text(&reply, "scopes.0"), "companies:read");
    reply = api_call(h, t->admin, "PATCH", path, "{\"expires_at\": null, \"scopes\": null}");
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "scopes"));
    reply = api_call(h, t->admin, "PATCH", path, "{\"expires_at\": \"2020-01-01T00:00:00Z\"}");
    assert_problem(h, reply, 422, "invalid_body", "/expires_at");
    reply = api_call(h, t->admin, "DELETE", path, NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->admin, "PATCH", path, "{\"name\": \"x\"}");
    assert_problem(h, reply, 409, "conflict", NULL);
}

static void test_keys_are_listed_by_role_and_state(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply reply;

    (void)given_admin_key(h, t, "\"apps:read\"", &path);
    reply = api_call(h, t->admin, "DELETE", path, NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->admin, "GET", "/v1/keys?state=revoked", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(h, t->admin, "GET", "/v1/keys?role=admin&state=active", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(h, t->admin, "GET", "/v1/keys?state=expired", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_key_may_do_what_its_scopes_say, .has_no_worker = true),
        harness_test(test_scopes_are_known_and_of_the_role, .has_no_worker = true),
        harness_test(test_nobody_gives_more_than_it_has, .has_no_worker = true),
        harness_test(test_nobody_gets_more_by_way_of_a_client, .has_no_worker = true),
        harness_test(test_nobody_gets_more_by_way_of_an_issuer, .has_no_worker = true),
        harness_test(test_a_key_is_changed_and_says_who_made_it, .has_no_worker = true),
        harness_test(test_keys_are_listed_by_role_and_state, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
