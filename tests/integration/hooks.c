/* SPDX-License-Identifier: Apache-2.0 */
/* REST hooks (standards 2.11): subscribing, samples and unsubscribing as Zapier does them. */
#include <string.h>

#include "tests/support/check.h"

#define SAMPLE "{\"siteId\": 7, \"price\": 1.50, \"url\": null}"

static void expect(struct harness *h, struct reply reply, int status, const char *slug,
                   const char *pointer)
{
    assert_problem(h, reply, status, slug, pointer);
}

static struct tenant *given_catalogue(struct harness *h)
{
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->admin, "POST", "/v1/event_types",
                                  "{\"name\": \"site.publish\", \"sample\": " SAMPLE "}");

    assert_status(reply, 201);
    given_event_type(h, t, "booking.updated");
    return t;
}

static struct reply subscribe(struct harness *h, const char *key, const char *more)
{
    return api_call(h, key, "POST", "/v1/hooks",
                    "{\"target_url\": \"%s\", \"event\": \"site.publish\"%s}",
                    sinker_url(h, "/zap"), more);
}

static void test_a_partner_without_an_app_gets_one_and_keeps_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply first = subscribe(h, t->partner, ""), second = subscribe(h, t->partner, ""), app;

    assert_status(first, 201);
    assert_status(second, 201);
    assert_members(first, "", "id,app_id,target_url,event,state,created_at");
    assert_string_equal(reply_text(&first, "target_url"), sinker_url(h, "/zap"));
    assert_string_equal(reply_text(&first, "event"), "site.publish");
    assert_string_equal(reply_text(&first, "app_id"), reply_text(&second, "app_id"));
    app = api_call(h, t->partner, "GET",
                   http_text(h->http, "/v1/apps/%s", reply_text(&first, "app_id")), NULL);
    assert_status(app, 200);
    assert_string_equal(reply_text(&app, "name"), "acme");
}

static void test_several_apps_need_a_choice(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    const char *app_id = given_app(h, t, "acme"), *choice;
    struct reply reply;

    (void)given_app(h, t, "acme");
    choice = http_text(h->http, ", \"app_id\": \"%s\"", app_id);
    expect(h, subscribe(h, t->partner, ""), 422, "invalid_body", "/app_id");
    reply = subscribe(h, t->partner, choice);
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "app_id"), app_id);

    expect(h, subscribe(h, t->admin, ""), 422, "invalid_body", "/app_id");
    reply = subscribe(h, t->admin, choice);
    assert_status(reply, 201);
    expect(h, subscribe(h, given_key(h, t, "partner", "other"), choice), 422, "invalid_body",
           "/app_id");
    expect(h, subscribe(h, t->partner, ", \"app_id\": \"x\""), 422, "invalid_body", "/app_id");
}

static void test_what_is_refused_leaves_no_app_behind(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);

    expect_refused(h, t->partner, "POST /v1/hooks",
                   HK_STR("{\"target_url\": \"https://e.example/\", \"event\": \"no.such\"}"), 422,
                   "invalid_body", "/event");
    expect_refused(
        h, t->partner, "POST /v1/hooks",
        HK_STR("{\"target_url\": \"https://e.example/#x\", \"event\": \"site.publish\"}"), 422,
        "invalid_body", "/target_url");
}

static void test_hooks_are_listed_and_end(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply made = subscribe(h, t->partner, ""), reply;
    const char *path = http_text(h->http, "/v1/hooks/%s", reply_text(&made, "id"));

    reply = api_call(h, t->partner, "GET", "/v1/hooks", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.id"), reply_text(&made, "id"));
    reply = api_call(h, given_key(h, t, "partner", "other"), "GET", "/v1/hooks", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);

    expect(h, api_call(h, given_key(h, t, "partner", "other"), "DELETE", path, NULL), 404,
           "not_found", NULL);
    reply = api_call(h, t->partner, "DELETE", path, NULL);
    assert_status(reply, 204);
    expect(h, api_call(h, t->partner, "DELETE", path, NULL), 404, "not_found", NULL);
    reply = api_call(h, t->partner, "GET", "/v1/hooks", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static void test_samples_are_an_array_of_what_a_hook_gets(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply reply =
        api_call(h, t->partner, "GET", "/v1/hooks/samples?event=site.publish", NULL);

    assert_status(reply, 200);
    assert_string_equal(reply.body, "[" SAMPLE "]");
    reply = api_call(h, t->partner, "GET", "/v1/hooks/samples?event=booking.updated", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply.body, "[]");
    reply = api_call(h, t->partner, "GET", "/v1/hooks/samples", NULL);
    assert_string_equal(reply.body, "[" SAMPLE "]");
    expect(h, api_call(h, t->partner, "GET", "/v1/hooks/samples?event=no.such", NULL), 422,
           "invalid_parameter", "");
}

static void test_410_disables_a_hook(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_catalogue(h);
    struct reply made, secret = api_call(h, t->admin, "POST", "/v1/tenant/secrets", NULL);

    assert_status(secret, 201);
    made = subscribe(h, t->partner, "");
    (void)given_company(h, t, "c1");
    (void)given_connection(h, t, reply_text(&made, "app_id"), "c1");
    sinker_rule(h, "/zap", "{\"then\": {\"status\": 410}}");
    (void)publish(h, t, "site.publish", "c1", SAMPLE);
    api_wait_for(h, t->partner, "/v1/hooks", "data.0.state", "disabled", 20000);
    assert_int_equal(sinker_count(h, "/zap"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_partner_without_an_app_gets_one_and_keeps_it),
        harness_test(test_several_apps_need_a_choice),
        harness_test(test_what_is_refused_leaves_no_app_behind),
        harness_test(test_hooks_are_listed_and_end),
        harness_test(test_samples_are_an_array_of_what_a_hook_gets),
        harness_test(test_410_disables_a_hook),
    };

    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
