/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as a resource: what they may be, what is kept secret, who may see and change them. */
#include <stdio.h>
#include <string.h>

#include "hk/buf.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define OPEN       "\"credential\": {\"kind\": \"none\"}"

static struct reply make(struct harness *h, const struct tenant *t, const char *app_id,
                         const char *members)
{
    return api_call(h, t->partner, "POST", "/v1/flows", "{\"app_id\": \"%s\", %s}", app_id,
                    members);
}

static void test_a_flow_has_its_defaults_and_a_url_of_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *id, *url;
    struct reply reply = make(h, t, app_id, "\"name\": \"in\", " OPEN);

    assert_status(reply, 201);
    assert_members(reply, "",
                   "id,app_id,name,state,url,methods,credential,answer,content_types,"
                   "max_body_bytes,rate_per_second,delivery,max_receives,steps,version,secrets,"
                   "created_at,updated_at");
    id = reply_text(&reply, "id");
    url = reply_text(&reply, "url");
    assert_string_equal(reply_text(&reply, "state"), "running");
    assert_string_equal(reply_text(&reply, "methods.0"), "POST");
    assert_int_equal(reply_int(&reply, "answer.status"), 202);
    assert_string_equal(reply_text(&reply, "answer.body"), "{}");
    assert_int_equal(reply_int(&reply, "max_body_bytes"), 1048576);
    assert_string_equal(reply_text(&reply, "delivery"), "steps");
    assert_int_equal(reply_int(&reply, "version"), 1);
    assert_int_equal(strlen(url), strlen("/in/") + 64);

    reply = api_want(h, 200, t->support, "GET", at(h, "/v1/flows/%s", id), NULL);
    assert_true(reply_is_null(&reply, "url")); /* whoever has it may send */
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/tenant",
                     "{\"base_url\": \"https://hooks.example.com/\"}");
    reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/flows/%s", id), NULL);
    assert_string_equal(reply_text(&reply, "url"), at(h, "https://hooks.example.com%s", url));
    reply = api_want(h, 200, t->partner, "POST", at(h, "/v1/flows/%s/rotate-url", id), NULL);
    assert_string_not_equal(reply_text(&reply, "url"), at(h, "https://hooks.example.com%s", url));
    assert_int_equal(reply_int(&reply, "version"), 2);
}

static void test_a_flow_is_no_subscription(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *id;
    struct reply reply = make(h, t, app_id, "\"name\": \"in\", " OPEN);

    assert_status(reply, 201);
    id = reply_text(&reply, "id");
    reply = api_want(h, 200, t->admin, "GET", "/v1/subscriptions", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    (void)api_want(h, 404, t->admin, "GET", at(h, "/v1/subscriptions/%s", id), NULL);
    (void)api_want(h, 404, t->admin, "DELETE", at(h, "/v1/subscriptions/%s", id), NULL);
    (void)api_want(h, 404, t->admin, "PATCH", at(h, "/v1/subscriptions/%s", id),
                   "{\"url\": \"https://evil.example.com/\"}");
    (void)api_want(h, 404, t->admin, "POST", at(h, "/v1/subscriptions/%s/pause", id), NULL);
    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    (void)given_connection(h, t, app_id, "c1");
    (void)publish(h, t, "order.paid", "c1", "{}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.skip"), 0);
    reply = api_want(h, 200, h->operator_key, "GET", at(h, "/v1/tenants/%s", t->id), NULL);
    (void)api_want(h, 204, t->admin, "DELETE", at(h, "/v1/apps/%s", app_id), NULL);
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s", id), NULL);
    assert_string_equal(reply_text(&reply, "state"), "archived");
    assert_int_equal(db_int(h, "SELECT used FROM hookline.quota_use WHERE kind = 'apps'"), 0);
}

static void test_secrets_are_sealed_never_shown_and_rotated(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *path;
    struct reply reply = make(
        h, t, app_id,
        "\"name\": \"in\", \"credential\": {\"kind\": \"github\", \"secret\": \"s3cret-one\"}");

    assert_status(reply, 201);
    assert_null(strstr(reply.body, "s3cret"));
    path = at(h, "/v1/flows/%s", reply_text(&reply, "id"));
    assert_string_equal(reply_text(&reply, "secrets.0.name"), "credential");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.flow_secret"
                               " WHERE name = 'credential' AND secret LIKE 'v1.%%'"),
                     1);
    /* what is not given again stays */
    reply = api_want(h, 200, t->partner, "PATCH", path, "{\"credential\": {\"kind\": \"github\"}}");
    assert_int_equal(reply_count(&reply, "secrets"), 1);
    reply = api_want(h, 200, t->partner, "PATCH", path,
                     "{\"credential\": {\"kind\": \"github\", \"secret\": \"s3cret-two\"},"
                     " \"credential_overlap_s\": 3600}");
    assert_null(strstr(reply.body, "s3cret"));
    assert_string_equal(reply_text(&reply, "secrets.1.name"), "credential.old");
    assert_true(is_rfc3339_utc(reply_text(&reply, "secrets.1.expires_at")));
    reply = api_want(h, 200, t->partner, "PATCH", path,
                     "{\"credential\": {\"kind\": \"github\", \"secret\": \"s3cret-three\"}}");
    assert_int_equal(reply_count(&reply, "secrets"), 1);
    reply = api_want(h, 200, t->partner, "PATCH", path, "{\"credential\": {\"kind\": \"none\"}}");
    assert_int_equal(reply_count(&reply, "secrets"), 0);
    expect_refused(h, t->partner, at(h, "PATCH %s", path),
                   HK_STR("{\"credential\": {\"kind\": \"github\"}}"), 422, "invalid_body",
                   "/credential/secret");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE detail::text LIKE '%%s3cret%%'"),
                     0);
}

#define STEP(url, secret)                                                                          \
    "{\"steps\": [{\"name\": \"tell\", \"kind\": \"http\", \"url\": \"" url "\","                  \
    " \"credentials\": {\"kind\": \"bearer\"" secret "}}]}"

static void test_a_steps_secret_does_not_move_to_another_receiver(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = make(h, t, given_app(h, t, "acme"), "\"name\": \"in\", " OPEN);
    const char *path = at(h, "/v1/flows/%s", reply_text(&reply, "id"));
    const char *change = at(h, "PATCH %s", path);

    expect_refused(h, t->partner, change, HK_STR(STEP("https://a.example.com/x", "")), 422,
                   "invalid_body", "/steps/0/credentials/secret");
    reply = api_want(h, 200, t->partner, "PATCH", path,
                     STEP("https://a.example.com/x", ", \"secret\": \"t0ken\""));
    assert_null(strstr(reply.body, "t0ken"));
    assert_string_equal(reply_text(&reply, "secrets.0.name"), "step.tell");
    (void)api_want(h, 200, t->partner, "PATCH", path, STEP("https://a.example.com/y", ""));
    expect_refused(h, t->partner, change, HK_STR(STEP("https://b.example.com/y", "")), 422,
                   "invalid_body", "/steps/0/credentials/secret");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.flow_version"), 3);
    (void)api_want(h, 200, t->partner, "PATCH", path,
                   STEP("https://b.example.com/y", ", \"secret\": \"t0ken-b\""));
    reply = api_want(h, 200, t->partner, "PATCH", path, "{\"steps\": null}");
    assert_int_equal(reply_count(&reply, "steps"), 0);
}

static void test_what_is_no_flow_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *other = given_app(h, t, "other");
    const struct {
        const char *members, *pointer;
    } cases[] = {
        {OPEN, "/name"},
        {"\"name\": \"x\"", "/credential"},
        {"\"name\": \"x\", \"credential\": {\"kind\": \"stripe\"}", "/credential/secret"},
        {"\"name\": \"x\", \"credential\": []", "/credential"},
        {"\"name\": \"x\", \"methods\": [\"BREW\"], " OPEN, "/methods/0"},
        {"\"name\": \"x\", \"methods\": [], " OPEN, "/methods"},
        {"\"name\": \"x\", \"answer\": {\"status\": 500}, " OPEN, "/answer/status"},
        {"\"name\": \"x\", \"answer\": {\"headers\": {\"X-A\": \"a\\nb\"}}, " OPEN,
         "/answer/headers/X-A"},
        {"\"name\": \"x\", \"answer\": {\"status\": 205}, " OPEN, "/answer/status"},
        {"\"name\": \"x\", \"methods\": [\"HEAD\"], " OPEN, "/methods/0"},
        {"\"name\": \"x\", \"answer\": {\"headers\": {\"X-Accel-Redirect\": \"/a\"}}, " OPEN,
         "/answer/headers/X-Accel-Redirect"},
        {"\"name\": \"x\", \"answer\": {\"headers\": {\"Alt-Svc\": \"clear\"}}, " OPEN,
         "/answer/headers/Alt-Svc"},
        {"\"name\": \"x\", \"content_types\": [\"json\"], " OPEN, "/content_types/0"},
        {"\"name\": \"x\", \"max_body_bytes\": 1073741824, " OPEN, "/max_body_bytes"},
        {"\"name\": \"x\", \"rate_per_second\": 0, " OPEN, "/rate_per_second"},
        {"\"name\": \"x\", \"max_receives\": 3, " OPEN, "/max_receives"},
        {"\"name\": \"x\", \"steps\": {}, " OPEN, "/steps"},
        {"\"name\": \"x\", \"delivery\": \"pull\", \"steps\": [{\"name\": \"a\", \"kind\": "
         "\"wait\", \"key\": \"k\", \"timeout_seconds\": 60}], " OPEN,
         "/steps"},
        {"\"name\": \"x\", \"steps\": [{\"name\": \"a\", \"kind\": \"emit\", \"event_type\": "
         "\"no.such\", \"company\": \"c1\"}], " OPEN,
         "/steps/0/event_type"},
        {"\"name\": \"x\", \"state\": \"stopped\", " OPEN, "/state"},
    };
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, t->partner, "POST /v1/flows",
                       hk_str(at(h, "{\"app_id\": \"%s\", %s}", app_id, cases[i].members)), 422,
                       "invalid_body", cases[i].pointer);
    expect_refused(h, t->partner, "POST /v1/flows",
                   hk_str(at(h, "{\"app_id\": \"%s\", \"name\": \"x\", " OPEN "}", other)), 422,
                   "invalid_body", "/app_id");
    expect_refused(h, t->support, "POST /v1/flows",
                   hk_str(at(h, "{\"app_id\": \"%s\", \"name\": \"x\", " OPEN "}", app_id)), 403,
                   "forbidden", NULL);
    reply = make(h, t, app_id, "\"name\": \"one\", " OPEN);
    assert_status(reply, 201);
    expect_refused(h, t->partner, "POST /v1/flows",
                   hk_str(at(h, "{\"app_id\": \"%s\", \"name\": \"one\", " OPEN "}", app_id)), 409,
                   "conflict", "/name");
}

#define EMIT(company)                                                                              \
    "{\"name\": \"tell\", \"kind\": \"emit\", \"event_type\": \"order.paid\","                     \
    " \"company\": \"" company "\"}"
#define FILTER "{\"name\": \"only\", \"kind\": \"filter\", \"condition\": \"$.a == 1\"}"

static void test_only_the_tenants_admins_let_a_flow_publish(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *path;
    struct reply reply;

    given_event_type(h, t, "order.paid");
    expect_refused(h, t->partner, "POST /v1/flows",
                   hk_str(at(h, "{\"app_id\": \"%s\", \"name\": \"x\", \"steps\": [%s], " OPEN "}",
                             app_id, EMIT("c1"))),
                   422, "invalid_body", "/steps");
    reply = make(h, t, app_id, "\"name\": \"in\", " OPEN);
    path = at(h, "/v1/flows/%s", reply_text(&reply, "id"));
    expect_refused(h, t->partner, at(h, "PATCH %s", path), HK_STR("{\"steps\": [" EMIT("c1") "]}"),
                   422, "invalid_body", "/steps");
    (void)api_want(h, 200, t->admin, "PATCH", path, "{\"steps\": [" EMIT("c1") "]}");
    /* what an admin has made of it stays, and nothing more */
    (void)api_want(h, 200, t->partner, "PATCH", path,
                   "{\"steps\": [" FILTER ", " EMIT("c1") "], \"name\": \"y\"}");
    expect_refused(h, t->partner, at(h, "PATCH %s", path), HK_STR("{\"steps\": [" EMIT("c2") "]}"),
                   422, "invalid_body", "/steps");
}

static void test_an_answer_is_no_larger_than_can_be_kept(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = make(h, t, given_app(h, t, "acme"), "\"name\": \"in\", " OPEN);
    const char *path = at(h, "/v1/flows/%s", reply_text(&reply, "id"));
    char value[4001];
    struct hk_buf body HK_CLEANUP(hk_buf_done);

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    hk_buf_init(&body, 100000);
    hk_buf_add_text(&body, "{\"answer\": {\"headers\": {\"X-0\": \"0\"");
    for (unsigned i = 1; i < 17; i++)
        hk_buf_printf(&body, ", \"X-%u\": \"%s\"", i, value);
    hk_buf_printf(&body, "}, \"body\": \"%s\"}}", value);
    expect_refused(h, t->partner, at(h, "PATCH %s", path), hk_buf_str(&body), 422, "invalid_body",
                   "/answer");
}

static void test_a_flow_is_stopped_started_changed_and_archived(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = make(h, t, given_app(h, t, "acme"), "\"name\": \"in\", " OPEN);
    const char *path = at(h, "/v1/flows/%s", reply_text(&reply, "id"));
    const char *stale[] = {"If-Match: \"no\"", NULL};

    reply = api_want(h, 200, t->partner, "POST", at(h, "%s/stop", path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "stopped");
    reply = api_want(h, 200, t->partner, "GET", "/v1/flows?state=stopped", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_want(h, 200, t->partner, "POST", at(h, "%s/start", path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "running");
    reply = api_want(h, 200, t->partner, "PATCH", path, "{}");
    assert_int_equal(reply_int(&reply, "version"), 3);
    reply = api_want(h, 200, t->partner, "PATCH", path,
                     "{\"answer\": {\"status\": 200, \"body\": \"ok\"}, \"rate_per_second\": 5}");
    assert_int_equal(reply_int(&reply, "answer.status"), 200);
    assert_string_equal(reply_text(&reply, "answer.content_type"), "application/json");
    reply = api_want(h, 200, t->partner, "PATCH", path,
                     "{\"answer\": {\"status\": null}, \"rate_per_second\": null}");
    assert_int_equal(reply_int(&reply, "answer.status"), 202);
    assert_string_equal(reply_text(&reply, "answer.body"), "ok");
    reply = api_send(h, t->partner, "PATCH", path, HK_STR("{\"name\": \"y\"}"), stale);
    assert_status(reply, 412);
    (void)api_want(h, 204, t->partner, "DELETE", path, NULL);
    (void)api_want(h, 404, t->partner, "DELETE", path, NULL);
    (void)api_want(h, 409, t->partner, "PATCH", path, "{\"name\": \"y\"}");
    (void)api_want(h, 409, t->partner, "POST", at(h, "%s/start", path), NULL);
    reply = api_want(h, 200, t->partner, "GET", "/v1/flow-presets", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_flow_has_its_defaults_and_a_url_of_its_own),
        harness_test(test_a_flow_is_no_subscription),
        harness_test(test_secrets_are_sealed_never_shown_and_rotated),
        harness_test(test_a_steps_secret_does_not_move_to_another_receiver),
        harness_test(test_what_is_no_flow_is_refused),
        harness_test(test_only_the_tenants_admins_let_a_flow_publish),
        harness_test(test_an_answer_is_no_larger_than_can_be_kept),
        harness_test(test_a_flow_is_stopped_started_changed_and_archived),
    };

    return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
