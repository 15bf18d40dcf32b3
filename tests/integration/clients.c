/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth clients, their secrets, and POST /oauth/token as a client library would use it. */
#include <string.h>

#include "tests/support/oauth.h"

static const char form[] = "grant_type=client_credentials";

static const char *client_path(struct harness *h, const struct client *client)
{
    return http_text(h->http, "/v1/clients/%s", client->id);
}

static int token_status(struct harness *h, const struct client *client)
{
    return ask_token(h, basic(h, client->client_id, client->secret), form).status;
}

static void test_a_client_is_made_with_a_secret_that_is_shown_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made =
        api_call(h, t->admin, "POST", "/v1/clients", "{\"name\": \"erp\", \"role\": \"producer\"}");
    struct reply shown;

    assert_status(made, 201);
    assert_members(made, "",
                   "id,client_id,name,role,partner,scopes,token_lifetime_s,secrets,created_at,"
                   "updated_at,revoked_at,client_secret");
    assert_string_equal(reply_header(h->http, &made, "location"),
                        http_text(h->http, "/v1/clients/%s", reply_text(&made, "id")));
    assert_memory_equal(reply_text(&made, "client_id"), "hkc_", 4);
    assert_memory_equal(reply_text(&made, "client_secret"), "hks_", 4);
    assert_true(reply_is_null(&made, "scopes"));
    assert_int_equal(reply_int(&made, "token_lifetime_s"), 900);
    assert_members(made, "secrets.0", "id,hint,created_at,expires_at");

    shown = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/clients/%s", reply_text(&made, "id")), NULL);
    assert_status(shown, 200);
    assert_false(reply_has(&shown, "client_secret"));
    assert_int_equal(
        db_int(h,
               "SELECT count(*) FROM hookline.oauth_client_secret s"
               " WHERE s.secret_sha256 = sha256('%s'::bytea) AND s.hint = right('%s', 4)",
               reply_text(&made, "client_secret"), reply_text(&made, "client_secret")),
        1);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log a WHERE strpos(a::text, '%s') > 0",
               reply_text(&made, "client_secret")),
        0);
    assert_null(strstr(harness_logs(h), reply_text(&made, "client_secret")));
}

static void test_what_no_client_can_be_is_refused(void **state)
{
    static const struct {
        const char *body, *pointer;
    } rows[] = {
        {"{\"role\": \"admin\"}", "/name"},
        {"{\"name\": \"x\", \"role\": \"operator\"}", "/role"},
        {"{\"name\": \"x\", \"role\": \"partner\"}", "/partner"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"partner\": \"acme\"}", "/partner"},
        {"{\"name\": \"x\", \"role\": \"producer\", \"scopes\": [\"apps:read\"]}", "/scopes/0"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"scopes\": [\"apps:read\", \"tenants:manage\"]}",
         "/scopes/1"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"scopes\": []}", "/scopes"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"token_lifetime_s\": 59}", "/token_lifetime_s"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"token_lifetime_s\": 3601}", "/token_lifetime_s"},
        {"{\"name\": \"x\", \"role\": \"admin\", \"secret\": \"x\"}", "/secret"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(rows); i++)
        expect_refused(h, t->admin, "POST /v1/clients", hk_str(rows[i].body), 422, "invalid_body",
                       rows[i].pointer);
}

static void test_a_client_changes_by_a_merge_patch(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *path = client_path(h, &client), *etag;
    struct reply reply;

    reply = api_call(h, t->admin, "PATCH", path,
                     "{\"name\": \"b\", \"scopes\": [\"apps:read\"], \"token_lifetime_s\": 60}");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "name"), "b");
    assert_string_equal(reply_text(&reply, "scopes.0"), "apps:read");
    etag = reply_header(h->http, &reply, "etag");
    reply = api_call(h, t->admin, "PATCH", path, "{\"scopes\": [\"apps:write\"]}");
    assert_problem(h, reply, 422, "invalid_body", "/scopes/0");
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"scopes\": null}"),
                     (const char *const[]){http_text(h->http, "If-Match: %s", etag), NULL});
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "scopes"));
    assert_int_equal(reply_int(&reply, "token_lifetime_s"), 60);
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"name\": \"c\"}"),
                     (const char *const[]){http_text(h->http, "If-Match: %s", etag), NULL});
    assert_problem(h, reply, 412, "precondition_failed", NULL);
    reply = api_call(h, t->admin, "PATCH", path, "{\"token_lifetime_s\": null}");
    assert_int_equal(reply_int(&reply, "token_lifetime_s"), 900);
    reply = api_call(h, t->admin, "GET", "/v1/clients", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.name"), "b");
}

static void test_a_token_is_a_bearer_that_is_not_stored_anywhere(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t,
                                        "\"name\": \"a\", \"role\": \"partner\","
                                        " \"partner\": \"acme\", \"token_lifetime_s\": 300");
    struct reply reply = ask_token(h, basic(h, client.client_id, client.secret), form);
    const char *token;

    assert_status(reply, 200);
    assert_members(reply, "", "access_token,token_type,expires_in,scope");
    assert_string_equal(reply_text(&reply, "token_type"), "Bearer");
    assert_int_equal(reply_int(&reply, "expires_in"), 300);
    assert_non_null(strstr(reply_text(&reply, "scope"), "apps:read apps:write"));
    assert_string_equal(reply_header(h->http, &reply, "cache-control"), "no-store");
    token = reply_text(&reply, "access_token");
    assert_non_null(strstr(token_part(h, token, 0), "\"alg\":\"ES256\""));
    assert_non_null(strstr(token_part(h, token, 1), "\"partner\":\"acme\""));
    assert_null(strstr(harness_logs(h), token));

    reply = api_call(h, token, "POST", "/v1/apps", "{\"name\": \"made by a client\"}");
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    assert_string_equal(
        db_text(h, "SELECT actor FROM hookline.audit_log WHERE action = 'app.created'"),
        http_text(h->http, "client:%s", client.id));
    reply = api_call(h, token, "GET", "/v1/companies", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    assert_string_equal(reply_header(h->http, &reply, "www-authenticate"),
                        "Bearer realm=\"hookline\", error=\"insufficient_scope\","
                        " scope=\"companies:read\"");
}

static void test_a_client_asks_for_fewer_scopes_and_gets_no_more(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(
        h, t, "\"name\": \"a\", \"role\": \"admin\", \"scopes\": [\"apps:read\", \"apps:write\"]");
    const char *credentials = basic(h, client.client_id, client.secret), *token;
    struct reply reply = ask_token(h, credentials, form);

    assert_string_equal(reply_text(&reply, "scope"), "apps:read apps:write");
    reply = ask_token(h, credentials, "grant_type=client_credentials&scope=apps%3Aread");
    assert_string_equal(reply_text(&reply, "scope"), "apps:read");
    token = reply_text(&reply, "access_token");
    assert_int_equal(api_call(h, token, "GET", "/v1/apps", NULL).status, 200);
    reply = api_call(h, token, "POST", "/v1/apps", "{\"name\": \"x\", \"partner\": \"acme\"}");
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply =
        ask_token(h, credentials, "grant_type=client_credentials&scope=apps:read+companies:read");
    assert_status(reply, 400);
    assert_string_equal(reply_text(&reply, "error"), "invalid_scope");
    reply = ask_token(h, credentials, "grant_type=client_credentials&scope=everything");
    assert_string_equal(reply_text(&reply, "error"), "invalid_scope");
}

static void test_the_secret_may_stand_in_the_form(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *body = http_text(h->http, "%s&client_id=%s&client_secret=%s", form,
                                 client.client_id, client.secret);
    struct reply reply = ask_token(h, NULL, body);

    assert_status(reply, 200);
    reply = ask_token(h, basic(h, client.client_id, client.secret), body);
    assert_status(reply, 400);
    assert_string_equal(reply_text(&reply, "error"), "invalid_request");
}

/* RFC 6749, 5.2, and our problem's members beside. */
static void test_errors_are_those_of_oauth(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client a = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    struct client b = given_client(h, t, "\"name\": \"b\", \"role\": \"support\"");
    const char *good = basic(h, a.client_id, a.secret);
    const struct {
        const char *authorization, *form;
        int status;
        const char *error;
    } rows[] = {
        {good, "", 400, "invalid_request"},
        {good, "scope=apps:read", 400, "invalid_request"},
        {good, "grant_type=password", 400, "unsupported_grant_type"},
        {good, "grant_type=client_credentials&grant_type=client_credentials", 400,
         "invalid_request"},
        {good, "grant_type=client%5", 400, "invalid_request"},
        {NULL, form, 401, "invalid_client"},
        {"Authorization: Bearer x", form, 401, "invalid_client"},
        {"Authorization: Basic !", form, 401, "invalid_client"},
        {basic(h, a.client_id, b.secret), form, 401, "invalid_client"},
        {basic(h, b.client_id, a.secret), form, 401, "invalid_client"},
        {basic(h, "hkc_nobody", a.secret), form, 401, "invalid_client"},
        {basic(h, a.client_id, ""), form, 401, "invalid_client"},
        {basic(h, a.client_id, http_text(h->http, "%sx", a.secret)), form, 401, "invalid_client"},
    };

    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        struct reply reply = ask_token(h, rows[i].authorization, rows[i].form);

        assert_status(reply, rows[i].status);
        assert_string_equal(reply_text(&reply, "error"), rows[i].error);
        assert_true(reply_has(&reply, "error_description"));
        assert_int_equal(reply_int(&reply, "status"), rows[i].status);
        assert_string_equal(reply_header(h->http, &reply, "content-type"), "application/json");
        assert_string_equal(reply_header(h->http, &reply, "cache-control"), "no-store");
        if (rows[i].status == 401)
            assert_string_equal(reply_header(h->http, &reply, "www-authenticate"),
                                "Basic realm=\"hookline\"");
    }
    assert_int_equal(api_send(h, NULL, "POST", "/oauth/token", HK_STR("{}"), NULL).status, 415);
    assert_int_equal(
        api_send(
            h, NULL, "POST", "/oauth/token?grant_type=client_credentials", HK_STR("a=b"),
            (const char *const[]){good, "Content-Type: application/x-www-form-urlencoded", NULL})
            .status,
        400);
}

static void test_secrets_overlap_while_they_are_rotated(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client old = given_client(h, t, "\"name\": \"a\", \"role\": \"support\""), new = old;
    const char *path = http_text(h->http, "/v1/clients/%s/secrets", old.id);
    struct reply reply = api_call(h, t->admin, "POST", path, NULL);

    assert_status(reply, 200);
    new.secret = reply_text(&reply, "client_secret");
    assert_int_equal(reply_count(&reply, "secrets"), 2);
    assert_false(reply_is_null(&reply, "secrets.0.expires_at"));
    assert_true(reply_is_null(&reply, "secrets.1.expires_at"));
    assert_int_equal(token_status(h, &old), 200);
    assert_int_equal(token_status(h, &new), 200);

    assert_int_equal(api_call(h, t->admin, "DELETE",
                              http_text(h->http, "%s/%s", path, reply_text(&reply, "secrets.0.id")),
                              NULL)
                         .status,
                     204);
    assert_int_equal(token_status(h, &old), 401);
    assert_int_equal(token_status(h, &new), 200);
    reply = api_call(h, t->admin, "POST", path, "{\"overlap_s\": 0}");
    assert_status(reply, 200);
    assert_int_equal(token_status(h, &new), 401);
    for (int i = 0; i < 9; i++)
        assert_int_equal(api_call(h, t->admin, "POST", path, NULL).status, 200);
    reply = api_call(h, t->admin, "GET", client_path(h, &old), NULL);
    assert_int_equal(reply_count(&reply, "secrets"), 10);
    reply = api_call(h, t->admin, "POST", path, NULL);
    assert_problem(h, reply, 409, "conflict", NULL);
}

static void test_a_revoked_client_gets_no_token(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    const char *path = client_path(h, &client);
    struct reply reply;

    assert_int_equal(api_call(h, t->admin, "DELETE", path, NULL).status, 204);
    assert_int_equal(token_status(h, &client), 401);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_false(reply_is_null(&reply, "revoked_at"));
    assert_int_equal(api_call(h, t->admin, "DELETE", path, NULL).status, 404);
    assert_int_equal(api_call(h, t->admin, "PATCH", path, "{\"name\": \"x\"}").status, 404);
    assert_int_equal(
        api_call(h, t->admin, "POST", http_text(h->http, "%s/secrets", path), NULL).status, 404);
}

static void test_a_tenant_has_at_most_100_clients(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (int i = 0; i < 100; i++)
        (void)given_client(h, t, "\"name\": \"a\", \"role\": \"support\"");
    reply =
        api_call(h, t->admin, "POST", "/v1/clients", "{\"name\": \"x\", \"role\": \"support\"}");
    assert_problem(h, reply, 409, "conflict", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_client_is_made_with_a_secret_that_is_shown_once, .has_no_worker = true),
        harness_test(test_what_no_client_can_be_is_refused, .has_no_worker = true),
        harness_test(test_a_client_changes_by_a_merge_patch, .has_no_worker = true),
        harness_test(test_a_token_is_a_bearer_that_is_not_stored_anywhere, .has_no_worker = true),
        harness_test(test_a_client_asks_for_fewer_scopes_and_gets_no_more, .has_no_worker = true),
        harness_test(test_the_secret_may_stand_in_the_form, .has_no_worker = true),
        harness_test(test_errors_are_those_of_oauth, .has_no_worker = true),
        harness_test(test_secrets_overlap_while_they_are_rotated, .has_no_worker = true),
        harness_test(test_a_revoked_client_gets_no_token, .has_no_worker = true),
        harness_test(test_a_tenant_has_at_most_100_clients, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
