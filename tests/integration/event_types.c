/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of event types: versions, loading many at once, OpenAPI documents. */
#include <string.h>

#include "hk/buf.h"
#include "tests/support/check.h"

enum { MAX_IMPORT = 1000 };

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static void assert_counts(const struct reply *reply, int created, int updated, int unchanged)
{
    assert_int_equal(reply_int(reply, "created"), created);
    assert_int_equal(reply_int(reply, "updated"), updated);
    assert_int_equal(reply_int(reply, "unchanged"), unchanged);
}

static void test_each_schema_is_a_version_that_stays_readable(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"a.b\", \"schema\": {\"type\": \"object\", \"x\": 1.50}}");
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/event_types/a.b", "{\"description\": \"D\"}");
    assert_int_equal(reply_int(&reply, "version"), 1);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/event_types/a.b", "{\"schema\": null}");
    assert_int_equal(reply_int(&reply, "version"), 2);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/event_types/a.b", "{\"schema\": true}");
    assert_int_equal(reply_int(&reply, "version"), 3);

    reply = api_want(h, 200, t->partner, "GET", "/v1/event_types/a.b/versions?limit=2", NULL);
    assert_members(reply, "data.0", "name,version,schema,created_at");
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_int_equal(reply_int(&reply, "data.0.version"), 3);
    assert_true(reply_is_null(&reply, "data.1.schema"));
    reply = api_want(
        h, 200, t->partner, "GET",
        at(h, "/v1/event_types/a.b/versions?limit=2&cursor=%s", reply_text(&reply, "next_cursor")),
        NULL);
    assert_int_equal(reply_int(&reply, "data.0.version"), 1);
    assert_true(reply_is_null(&reply, "next_cursor"));
    reply = api_want(h, 200, t->partner, "GET", "/v1/event_types/a.b/versions/1", NULL);
    assert_non_null(strstr(reply.body, "\"x\": 1.50"));
    (void)api_want(h, 404, t->partner, "GET", "/v1/event_types/a.b/versions/4", NULL);
    (void)api_want(h, 404, t->partner, "GET", "/v1/event_types/a.b/versions/1x", NULL);
    (void)api_want(h, 404, t->partner, "GET", "/v1/event_types/b/versions", NULL);
}

/* RFC 7396: absent is unchanged, null is none, no members is no change. */
static void test_a_change_is_a_merge_patch(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = "/v1/event_types/a";
    struct reply first = api_want(h, 201, t->admin, "POST", "/v1/event_types",
                                  "{\"name\": \"a\", \"description\": \"D\", \"sample\": [1],"
                                  " \"schema\": {}, \"enrichable\": true}"),
                 reply;

    reply = api_want(h, 200, t->admin, "PATCH", path, "{}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, t->admin, "PATCH", path, "{\"description\": \"D\"}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, t->admin, "PATCH", path, "{\"description\": null, \"sample\": null}");
    assert_string_equal(reply_text(&reply, "description"), "");
    assert_true(reply_is_null(&reply, "sample"));
    assert_true(reply_bool(&reply, "enrichable"));
    assert_int_equal(reply_int(&reply, "version"), 1);
    reply = api_want(h, 422, t->admin, "PATCH", path, "{\"enrichable\": null}");
    assert_problem(h, reply, 422, "invalid_body", "/enrichable");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action = 'event_type.changed'"),
                     1);
}

static void test_types_are_found_by_name_and_state(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    given_event_type(h, t, "invoice.paid");
    given_event_type(h, t, "invoice.sent");
    given_event_type(h, t, "invoices");
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/event_types/invoice.sent",
                   "{\"state\": \"deprecated\"}");
    reply = api_want(h, 200, t->support, "GET", "/v1/event_types?name=invoice.", NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    reply = api_want(h, 200, t->support, "GET", "/v1/event_types?state=deprecated", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.name"), "invoice.sent");
}

static void test_a_deprecated_type_is_still_delivered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/event_types/order.paid",
                   "{\"state\": \"deprecated\"}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, 10000);
}

#define CATALOGUE                                                                                  \
    "{\"event_types\": [{\"name\": \"new\", \"sample\": {\"n\": 1.0}},"                            \
    " {\"name\": \"same\", \"description\": \"S\"}, {\"name\": \"other\", \"schema\": {}}]"

static void test_a_catalogue_is_loaded_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"same\", \"description\": \"S\", \"enrichable\": true}");
    given_event_type(h, t, "other");
    for (int is_dry_run = 1; is_dry_run >= 0; is_dry_run--) {
        const char *before = db_all_rows(h);

        reply = api_want(h, 200, t->admin, "POST", "/v1/event_types/import",
                         is_dry_run ? CATALOGUE ", \"dry_run\": true}" : CATALOGUE "}");
        assert_members(reply, "", "dry_run,created,updated,unchanged,data");
        assert_counts(&reply, 1, 1, 1);
        assert_string_equal(reply_text(&reply, "data.0.result"), "created");
        assert_string_equal(reply_text(&reply, "data.1.result"), "unchanged");
        assert_string_equal(reply_text(&reply, "data.2.result"), "updated");
        assert_int_equal(reply_int(&reply, "data.2.version"), 2);
        assert_true((strcmp(before, db_all_rows(h)) == 0) == (is_dry_run == 1));
    }
    reply = api_want(h, 200, t->admin, "GET", "/v1/event_types/same", NULL);
    assert_true(reply_bool(&reply, "enrichable")); /* what is absent stays */
    reply = api_want(h, 200, t->admin, "POST", "/v1/event_types/import", CATALOGUE "}");
    assert_counts(&reply, 0, 0, 3);
}

static void test_a_bad_row_loads_nothing_and_is_pointed_at(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"event_types\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"a\"}]}",
         "/event_types/2/name"},
        {"{\"event_types\": [{\"name\": \"a\"}, {\"name\": \"-b\"}]}", "/event_types/1/name"},
        {"{\"event_types\": [{\"name\": \"a\", \"version\": 2}]}", "/event_types/0/version"},
        {"{\"event_types\": []}", "/event_types"},
        {"{}", "/event_types"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, t->admin, "POST /v1/event_types/import", hk_str(cases[i].body), 422,
                       "invalid_body", cases[i].pointer);
}

static struct hk_str types_of(struct harness *h, unsigned n)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 1 << 20);
    hk_buf_add_text(&buf, "{\"event_types\": [");
    for (unsigned i = 0; i < n; i++)
        hk_buf_printf(&buf, "%s{\"name\": \"t-%u\"}", i == 0 ? "" : ",", i);
    hk_buf_add_text(&buf, "]}");
    return hk_str(at(h, "%s", hk_buf_str(&buf).p));
}

static void test_a_catalogue_has_at_most_1000_rows(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    expect_refused(h, t->admin, "POST /v1/event_types/import", types_of(h, MAX_IMPORT + 1), 422,
                   "invalid_body", "/event_types");
    reply = api_send(h, t->admin, "POST", "/v1/event_types/import", types_of(h, MAX_IMPORT), NULL);
    assert_status(reply, 200);
    assert_counts(&reply, MAX_IMPORT, 0, 0);
}

#define DOCUMENT                                                                                   \
    "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"T\", \"version\": \"1\"}, \"x-more\": 1,"    \
    " \"webhooks\": {\"order.paid\": {\"post\": {\"description\": \"Paid.\", \"requestBody\":"     \
    " {\"content\": {\"application/json\": {\"schema\": {\"$ref\":"                                \
    " \"#/components/schemas/Order\"}, \"example\": {\"id\": 7}}}}}},"                             \
    " \"job-milestone-changed\": {\"post\": {\"summary\": \"Moved.\"}}},"                          \
    " \"components\": {\"schemas\": {\"Order\": {\"required\": [\"id\"]}}}}"

static void test_the_webhooks_of_an_openapi_document_are_types(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = "/v1/event_types/import_openapi", *before = db_all_rows(h);
    struct reply reply;

    reply = api_want(h, 200, t->admin, "POST", at(h, "%s?dry_run=true", path), DOCUMENT);
    assert_counts(&reply, 2, 0, 0);
    assert_string_equal(db_all_rows(h), before);
    reply = api_want(h, 200, t->admin, "POST", path, DOCUMENT);
    assert_counts(&reply, 2, 0, 0);
    reply = api_want(h, 200, t->admin, "GET", "/v1/event_types/order.paid", NULL);
    assert_string_equal(reply_text(&reply, "description"), "Paid.");
    assert_string_equal(reply_text(&reply, "schema.$ref"), "#/$defs/Order");
    assert_string_equal(reply_text(&reply, "schema.$defs.Order.required.0"), "id");
    assert_int_equal(reply_int(&reply, "sample.id"), 7);
    reply = api_want(h, 200, t->admin, "GET", "/v1/event_types/job-milestone-changed", NULL);
    assert_true(reply_is_null(&reply, "schema"));
    reply = api_want(h, 200, t->admin, "POST", path, DOCUMENT);
    assert_counts(&reply, 0, 0, 2);
}

static void test_a_document_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"openapi\": \"3.0.0\", \"webhooks\": {\"a\": {\"post\": {}}}}", "/openapi"},
        {"{\"openapi\": \"3.1.0\", \"paths\": {}}", "/webhooks"},
        {"{\"webhooks\": {\"a\": {\"post\": {}}}}", "/openapi"},
        {"{\"openapi\": \"3.1.0\", \"webhooks\": {\"a\": {}}}", "/webhooks/a"},
        {"{\"openapi\": \"3.1.0\", \"webhooks\": {\"a b\": {\"post\": {}}}}", "/webhooks"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, t->admin, "POST /v1/event_types/import_openapi", hk_str(cases[i].body),
                       422, "invalid_body", cases[i].pointer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_schema_is_a_version_that_stays_readable),
        harness_test(test_a_change_is_a_merge_patch),
        harness_test(test_types_are_found_by_name_and_state),
        harness_test(test_a_deprecated_type_is_still_delivered),
        harness_test(test_a_catalogue_is_loaded_at_once),
        harness_test(test_a_bad_row_loads_nothing_and_is_pointed_at),
        harness_test(test_a_catalogue_has_at_most_1000_rows),
        harness_test(test_the_webhooks_of_an_openapi_document_are_types),
        harness_test(test_a_document_that_is_none_is_refused),
    };

    return cmocka_run_group_tests_name("event_types", tests, NULL, NULL);
}
