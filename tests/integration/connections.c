/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: named by either id, tried without being made, found, their values' versions. */
#include <string.h>

#include "tests/support/check.h"

#define SOON_MS    10000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

struct world {
    struct tenant *t;
    const char *app_id, *connections; /* the path */
    const char *company_ids[2];       /* of "c1" and "c2" */
};

static struct world given_world(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};

    for (unsigned i = 0; i < 2; i++) {
        struct reply reply;

        (void)given_company(h, w.t, at(h, "c%u", i + 1));
        reply = api_want(h, 200, w.t->admin, "GET",
                         at(h, "/v1/companies/by_external_id/c%u", i + 1), NULL);
        w.company_ids[i] = reply_text(&reply, "id");
    }
    w.app_id = given_app(h, w.t, "acme");
    w.connections = at(h, "/v1/apps/%s/connections", w.app_id);
    return w;
}

static void test_a_company_is_named_by_either_of_its_ids(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct reply reply;

    reply = api_want(h, 201, w.t->admin, "POST", w.connections,
                     at(h, "{\"companies\": [{\"company_id\": \"%s\"}, {\"company\": \"c2\"}]}",
                        w.company_ids[0]));
    assert_string_equal(reply_text(&reply, "data.0.company.external_id"), "c1");
    assert_string_equal(reply_text(&reply, "data.1.company.id"), w.company_ids[1]);
}

static void test_a_company_that_is_named_badly_is_pointed_at(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct tenant *other = given_tenant(h);
    struct reply foreign = api_want(h, 201, other->admin, "POST", "/v1/companies",
                                    "{\"external_id\": \"f\", \"name\": \"F\"}");
    const char *id = w.company_ids[0];
    const struct {
        const char *companies, *pointer;
    } cases[] = {
        {"{}", "/companies/0/company"},
        {at(h, "{\"company\": \"c1\", \"company_id\": \"%s\"}", id), "/companies/0/company"},
        {at(h, "{\"company\": \"c1\"}, {\"company_id\": \"%s\"}", id), "/companies/1/company_id"},
        {"{\"company_id\": \"x\"}", "/companies/0/company_id"},
        {at(h, "{\"company_id\": \"%s\"}", reply_text(&foreign, "id")), "/companies/0/company_id"},
        {"{\"company\": \"f\"}", "/companies/0/company"},
    };

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, w.t->admin, at(h, "POST %s", w.connections),
                       hk_str(at(h, "{\"companies\": [%s]}", cases[i].companies)), 422,
                       "invalid_body", cases[i].pointer);
}

static void test_a_dry_run_answers_as_if_and_changes_nothing(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *before;
    struct reply reply;

    (void)api_want(h, 201, w.t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", w.app_id),
                   "{\"key\": \"f\", \"type\": \"text\", \"required\": true}");
    before = db_all_rows(h);
    reply = api_want(h, 200, w.t->admin, "POST", w.connections,
                     "{\"companies\": [{\"company\": \"c1\"},"
                     " {\"company\": \"c2\", \"values\": {\"f\": \"x\"}}], \"dry_run\": true}");
    assert_string_equal(reply_text(&reply, "data.0.state"), "incomplete");
    assert_string_equal(reply_text(&reply, "data.0.missing.0"), "f");
    assert_string_equal(reply_text(&reply, "data.1.state"), "active");
    assert_string_equal(db_all_rows(h), before);
    reply = api_want(h, 422, w.t->admin, "POST", w.connections,
                     "{\"companies\": [{\"company\": \"c1\", \"values\": {\"f\": 1}}],"
                     " \"dry_run\": true}");
    assert_problem(h, reply, 422, "invalid_body", "/companies/0/values/f");
}

static void test_each_version_of_the_values_is_listed(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *connection_id, *path;
    struct reply reply;

    given_event_type(h, w.t, "a");
    (void)api_want(h, 201, w.t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", w.app_id),
                   "{\"key\": \"f\", \"type\": \"number\", \"event_types\": [\"a\"]}");
    connection_id = given_connection(h, w.t, w.app_id, "c1");
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/connections/%s", connection_id),
                   "{\"values\": {\"f\": 1.50}}");
    path = at(h, "/v1/connections/%s/values", connection_id);
    reply = api_want(h, 200, w.t->partner, "GET", at(h, "%s?limit=1", path), NULL);
    assert_members(reply, "data.0", "version,values,applies,created_at");
    assert_int_equal(reply_int(&reply, "data.0.version"), 2);
    assert_non_null(strstr(reply.body, "1.50"));
    assert_string_equal(reply_text(&reply, "data.0.applies.f.0"), "a");
    reply = api_want(h, 200, w.t->partner, "GET",
                     at(h, "%s?limit=1&cursor=%s", path, reply_text(&reply, "next_cursor")), NULL);
    assert_int_equal(reply_int(&reply, "data.0.version"), 1);
    assert_int_equal(reply_count(&reply, "data.0.values"), 0);
    (void)api_want(h, 404, given_key(h, w.t, "partner", "other"), "GET", path, NULL);
}

static void test_the_same_values_again_are_no_new_version(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *rows, *path;
    struct reply reply;

    (void)api_want(h, 201, w.t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", w.app_id),
                   "{\"key\": \"f\", \"type\": \"number\"}");
    path = at(h, "/v1/connections/%s", given_connection(h, w.t, w.app_id, "c1"));
    (void)api_want(h, 200, w.t->admin, "PATCH", path, "{\"values\": {\"f\": 1.50}}");
    rows = db_all_rows(h);
    (void)api_want(h, 200, w.t->admin, "PATCH", path, "{\"values\": {\"f\": 1.50}}");
    (void)api_want(h, 200, w.t->admin, "PATCH", path, "{\"values\": {}}");
    assert_string_equal(db_all_rows(h), rows);
    reply = api_want(h, 201, w.t->admin, "POST", w.connections,
                     "{\"companies\": [{\"company\": \"c1\", \"values\": {\"f\": 1.50}}]}");
    assert_int_equal(reply_int(&reply, "data.0.values_version"), 2);
    reply = api_want(h, 201, w.t->admin, "POST", w.connections,
                     "{\"companies\": [{\"company\": \"c1\", \"values\": {\"f\": 2}}]}");
    assert_int_equal(reply_int(&reply, "data.0.values_version"), 3);
}

static void test_connections_and_apps_are_found(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *other = given_app(h, w.t, "other");
    struct reply reply;

    (void)given_connection(h, w.t, w.app_id, "c1");
    (void)given_connection(h, w.t, other, "c2");
    reply = api_want(h, 200, w.t->support, "GET",
                     at(h, "/v1/connections?company_id=%s", w.company_ids[1]), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.app_id"), other);
    reply = api_want(h, 200, w.t->partner, "GET",
                     at(h, "/v1/connections?company_id=%s", w.company_ids[1]), NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = api_want(h, 200, w.t->support, "GET", at(h, "/v1/apps/%s/companies", other), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.external_id"), "c2");

    reply = api_want(h, 200, w.t->support, "GET", "/v1/apps?partner=other", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_want(h, 200, w.t->partner, "GET", "/v1/apps?partner=other", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    (void)api_want(h, 204, w.t->admin, "DELETE", at(h, "/v1/apps/%s", other), NULL);
    reply = api_want(h, 200, w.t->support, "GET", "/v1/apps?state=archived", NULL);
    assert_string_equal(reply_text(&reply, "data.0.id"), other);
    (void)api_want(h, 200, w.t->partner, "PATCH", at(h, "/v1/apps/%s", w.app_id),
                   "{\"name\": \"Zeta\"}");
    reply = api_want(h, 200, w.t->support, "GET", "/v1/apps?name=zE", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
}

static void test_an_app_is_changed_by_a_merge_patch(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *path = at(h, "/v1/apps/%s", w.app_id);
    struct reply first = api_want(h, 200, w.t->partner, "PATCH", path, "{\"description\": \"D\"}"),
                 reply;

    reply = api_want(h, 200, w.t->partner, "PATCH", path, "{}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, w.t->partner, "PATCH", path, "{\"description\": null}");
    assert_string_equal(reply_text(&reply, "description"), "");
    reply = api_want(h, 422, w.t->partner, "PATCH", path, "{\"name\": null}");
    assert_problem(h, reply, 422, "invalid_body", "/name");
}

static void test_what_is_not_connected_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *message, *connection;
    struct reply reply;

    (void)given_story(h, t, "/hook");
    (void)publish(h, t, "order.paid", "c1", "{}");
    api_wait_for(h, t->admin, "/v1/messages", "data.0.status", "succeeded", SOON_MS);
    reply = api_want(h, 200, t->admin, "GET", "/v1/messages", NULL);
    message = at(h, "/v1/messages/%s/resend", reply_text(&reply, "data.0.id"));
    reply = api_want(h, 200, t->admin, "GET", "/v1/connections", NULL);
    connection = at(h, "/v1/connections/%s", reply_text(&reply, "data.0.id"));

    (void)api_want(h, 200, t->admin, "POST", at(h, "%s/pause", connection), NULL);
    reply = api_send(h, t->support, "POST", message, HK_STR_NULL, NULL);
    assert_problem(h, reply, 409, "conflict", "");
    (void)api_want(h, 200, t->admin, "POST", at(h, "%s/resume", connection), NULL);
    reply = api_send(h, t->support, "POST", message, HK_STR_NULL, NULL);
    assert_true(reply.status < 300);
    sinker_wait(h, "/hook", 2, SOON_MS);
    api_wait_for(h, t->admin, "/v1/messages", "data.0.status", "succeeded", SOON_MS);
    (void)api_want(h, 204, t->admin, "DELETE", connection, NULL);
    reply = api_send(h, t->support, "POST", message, HK_STR_NULL, NULL);
    assert_problem(h, reply, 409, "conflict", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_company_is_named_by_either_of_its_ids, .has_no_worker = true),
        harness_test(test_a_company_that_is_named_badly_is_pointed_at, .has_no_worker = true),
        harness_test(test_a_dry_run_answers_as_if_and_changes_nothing, .has_no_worker = true),
        harness_test(test_each_version_of_the_values_is_listed, .has_no_worker = true),
        harness_test(test_the_same_values_again_are_no_new_version, .has_no_worker = true),
        harness_test(test_connections_and_apps_are_found, .has_no_worker = true),
        harness_test(test_an_app_is_changed_by_a_merge_patch, .has_no_worker = true),
        harness_test(test_what_is_not_connected_is_not_sent_again),
    };

    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
