/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas of event types when they are written: with validation on only what can be heeded is
 * taken; and producers who try a payload.
 */
#include "tests/support/check.h"

#define TYPE "/v1/event_types/order.paid"

static struct tenant *given_type(struct harness *h, const char *members)
{
    struct tenant *t = given_tenant(h);

    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types",
                   http_text(h->http, "{\"name\": \"order.paid\"%s}", members));
    return t;
}

/* `request` with that body is refused at the pointer, with that sentence, and changes nothing. */
static void refused(struct harness *h, const struct tenant *t, const char *request,
                    const char *body, const char *pointer, const char *detail)
{
    const char *path = strchr(request, ' ') + 1;
    const char *method = http_text(h->http, "%.*s", (int)(path - request) - 1, request);
    struct reply reply = api_want(h, 422, t->admin, method, path, body);

    assert_problem(h, reply, 422, "invalid_body", pointer);
    if (strstr(reply_text(&reply, "errors.0.detail"), detail) == NULL)
        fail_test("%s: %s", body, reply.body);
    expect_refused(h, t->admin, request, hk_str(body), 422, "invalid_body", pointer);
}

static void test_a_schema_that_is_to_be_heeded_has_to_be_one(void **state)
{
    static const struct {
        const char *members, *pointer, *detail;
    } cases[] = {
        {"\"validation\": \"enforce\"", "/validation", "needs a schema"},
        {"\"validation\": \"warn\", \"schema\": null", "/validation", "needs a schema"},
        {"\"validation\": \"warn\", \"schema\": {\"properties\": {\"a\": {\"type\": \"money\"}}}",
         "/schema/properties/a/type", "must be a type"},
        {"\"validation\": \"warn\", \"schema\": {\"$dynamicRef\": \"#a\"}", "/schema/$dynamicRef",
         "is not supported"},
        {"\"validation\": \"warn\", \"schema\": {\"items\": {\"pattern\": \"(?=a)\"}}",
         "/schema/items/pattern", "not supported"},
        {"\"validation\": \"enforce\", \"schema\": {\"$ref\": \"https://example.com/s\"}",
         "/schema/$ref", "outside"},
        {"\"validation\": \"enforce\", \"schema\": {\"required\": [\"a\"]}, \"sample\": {\"b\": 1}",
         "/sample/a", "is required"},
    };
    struct harness *h = *state;
    struct tenant *t = given_type(h, "");

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        refused(h, t, "POST /v1/event_types",
                http_text(h->http, "{\"name\": \"x\", %s}", cases[i].members), cases[i].pointer,
                cases[i].detail);
        refused(h, t, "PATCH " TYPE, http_text(h->http, "{%s}", cases[i].members), cases[i].pointer,
                cases[i].detail);
        refused(h, t, "POST /v1/event_types/import",
                http_text(h->http,
                          "{\"event_types\": [{\"name\": \"good\"}, {\"name\": \"x\", %s}]}",
                          cases[i].members),
                http_text(h->http, "/event_types/1%s", cases[i].pointer), cases[i].detail);
    }
}

static void test_a_schema_for_readers_may_be_anything(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_type(h, ", \"schema\": {\"type\": \"money\"}, \"sample\": 1");

    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"schema\": [\"no schema\"]}");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"validation\": \"off\"}");
}

/* What a change leaves as it is counts as it is stored. */
static void test_a_change_is_judged_with_what_is_stored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_type(h, ", \"schema\": {\"type\": \"money\"}, \"sample\": 1");

    refused(h, t, "PATCH " TYPE, "{\"validation\": \"warn\"}", "/schema/type", "must be a type");
    refused(h, t, "POST /v1/event_types/import",
            "{\"event_types\": [{\"name\": \"order.paid\", \"validation\": \"warn\"}]}",
            "/event_types/0/schema/type", "must be a type");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE,
                   "{\"schema\": {\"type\": \"string\"}, \"validation\": \"warn\"}");
    refused(h, t, "PATCH " TYPE, "{\"validation\": \"enforce\"}", "/sample", "must be a string");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"sample\": \"a\"}");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"validation\": \"enforce\"}");
    refused(h, t, "PATCH " TYPE, "{\"sample\": 1}", "/sample", "must be a string");
    refused(h, t, "PATCH " TYPE, "{\"schema\": {\"minLength\": 2}}", "/sample", "at least 2");
    refused(h, t, "PATCH " TYPE, "{\"schema\": null}", "/validation", "needs a schema");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"description\": \"other\"}");
    (void)api_want(h, 200, t->admin, "PATCH", TYPE, "{\"sample\": null}");
}

static void test_a_webhook_that_is_imported_is_judged_with_what_is_stored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_type(h, ", \"schema\": true, \"validation\": \"warn\"");

    refused(h, t, "POST /v1/event_types/import_openapi",
            "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"t\", \"version\": \"1\"},"
            " \"webhooks\": {\"order.paid\": {\"post\": {\"requestBody\": {\"content\":"
            " {\"application/json\": {\"schema\": {\"nullable\": true}}}}}}}}",
            "/webhooks/order.paid/schema/nullable", "is not supported");
}

static void test_the_type_of_nobody_is_not_found(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)api_want(h, 404, t->admin, "PATCH", TYPE, "{\"validation\": \"enforce\"}");
    (void)api_want(h, 404, t->admin, "PATCH", "/v1/event_types/a%22b", "{\"sample\": 1}");
    (void)api_want(h, 404, t->producer, "POST", TYPE "/validate", "{\"payload\": 1}");
}

static void test_producers_try_payloads(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_type(h, ", \"schema\": {\"required\": [\"a\"],"
                                     " \"properties\": {\"a\": {\"multipleOf\": 0.01}}}");
    struct reply reply = api_want(h, 200, t->producer, "POST", TYPE "/validate",
                                  "{\"payload\": {\"a\": 12345678901234567890.07}}");

    assert_members(reply, "", "valid,errors");
    assert_true(reply_bool(&reply, "valid"));
    assert_int_equal(reply_count(&reply, "errors"), 0);
    reply =
        api_want(h, 200, t->producer, "POST", TYPE "/validate", "{\"payload\": {\"a\": 0.001}}");
    assert_false(reply_bool(&reply, "valid"));
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/payload/a");
    assert_string_equal(reply_text(&reply, "errors.0.detail"), "must be a multiple of 0.01");
    reply = api_want(h, 200, t->producer, "POST", "/v1/event_types/order%2epaid/validate",
                     "{\"payload\": {}}");
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/payload/a");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 0);
}

static void test_a_try_is_an_object_with_one_payload(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_type(h, ", \"schema\": {\"type\": \"money\"}");
    struct reply reply;

    expect_refused(h, t->producer, "POST " TYPE "/validate", HK_STR("{}"), 422, "invalid_body",
                   "/payload");
    expect_refused(h, t->producer, "POST " TYPE "/validate", HK_STR("[]"), 422, "invalid_body", "");
    expect_refused(h, t->producer, "POST " TYPE "/validate", HK_STR("{\"payload\": 1, \"x\": 2}"),
                   422, "invalid_body", "");
    expect_refused(h, t->producer, "POST " TYPE "/validate",
                   HK_STR("{\"payload\": 1, \"payload\": 2}"), 422, "invalid_body", "/payload");
    expect_refused(h, t->producer, "POST " TYPE "/validate", HK_STR("{"), 400, "malformed_json",
                   NULL);
    reply = api_want(h, 200, t->producer, "POST", TYPE "/validate", "{\"payload\": 1}");
    assert_false(reply_bool(&reply, "valid"));
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/payload");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_schema_that_is_to_be_heeded_has_to_be_one),
        harness_test(test_a_schema_for_readers_may_be_anything),
        harness_test(test_a_change_is_judged_with_what_is_stored),
        harness_test(test_a_webhook_that_is_imported_is_judged_with_what_is_stored),
        harness_test(test_the_type_of_nobody_is_not_found),
        harness_test(test_producers_try_payloads),
        harness_test(test_a_try_is_an_object_with_one_payload),
    };

    return cmocka_run_group_tests_name("payload_schemas", tests, NULL, NULL);
}
