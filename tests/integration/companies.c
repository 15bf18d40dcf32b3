/* SPDX-License-Identifier: Apache-2.0 */
/* Companies: put by the tenant's own id, imported, archived and restored. */
#include <string.h>

#include "hk/buf.h"
#include "tests/support/check.h"

enum { MAX_IMPORT = 1000 };

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static struct reply put(struct harness *h, const struct tenant *t, int status,
                        const char *external_id, const char *name)
{
    return api_want(h, status, t->admin, "PUT",
                    at(h, "/v1/companies/by_external_id/%s", external_id),
                    at(h, "{\"name\": \"%s\"}", name));
}

/* {"companies": [...]} of `n` rows, "i-0" and on, with the rest of the object. */
static struct hk_str import_of(struct harness *h, unsigned n, const char *name, const char *rest)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 1 << 20);
    hk_buf_add_text(&buf, "{\"companies\": [");
    for (unsigned i = 0; i < n; i++)
        hk_buf_printf(&buf, "%s{\"external_id\": \"i-%u\", \"name\": \"%s\"}", i == 0 ? "" : ",", i,
                      name);
    hk_buf_printf(&buf, "]%s}", rest);
    return hk_str(at(h, "%s", hk_buf_str(&buf).p));
}

static void assert_counts(const struct reply *reply, int created, int updated, int restored,
                          int unchanged)
{
    assert_int_equal(reply_int(reply, "created"), created);
    assert_int_equal(reply_int(reply, "updated"), updated);
    assert_int_equal(reply_int(reply, "restored"), restored);
    assert_int_equal(reply_int(reply, "unchanged"), unchanged);
}

static void test_put_creates_once_and_then_changes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = put(h, t, 201, "c-1", "One"), reply;

    assert_string_equal(reply_header(h->http, &first, "location"),
                        at(h, "/v1/companies/%s", reply_text(&first, "id")));
    reply = put(h, t, 200, "c-1", "Two");
    assert_null(reply_header(h->http, &reply, "location"));
    assert_string_equal(reply_text(&reply, "id"), reply_text(&first, "id"));
    assert_string_equal(reply_text(&reply, "name"), "Two");
    reply = put(h, t, 200, "c-1", "Two");
    reply = api_want(h, 200, t->admin, "GET", "/v1/companies/by_external_id/c-1", NULL);
    assert_string_equal(reply_text(&reply, "name"), "Two");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action LIKE "
                               "'company.%%'"),
                     2); /* created, changed: the third put did nothing */
}

static void test_an_external_id_in_a_path_may_be_any_text(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = put(h, t, 201, "a-b%20%C3%BC%3A1", "One");

    assert_string_equal(reply_text(&reply, "external_id"), "a-b \xc3\xbc:1");
    reply = api_want(h, 200, t->admin, "GET", "/v1/companies?external_id=a-b+%C3%BC:1", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = put(h, t, 422, at(h, "%0129d", 0), "One");
    assert_problem(h, reply, 422, "invalid_parameter", "");
    (void)put(h, t, 201, at(h, "%0128d", 0), "One");
}

static void test_put_minds_if_match(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = "/v1/companies/by_external_id/c-1";
    const char *any[] = {"If-Match: *", NULL}, *tag[] = {NULL, NULL};
    struct hk_str body = HK_STR("{\"name\": \"New\"}");
    struct reply reply = api_send(h, t->admin, "PUT", path, body, any);

    assert_problem(h, reply, 412, "precondition_failed", NULL); /* there is none */
    (void)put(h, t, 201, "c-1", "One");
    reply = api_want(h, 200, t->admin, "GET", path, NULL);
    tag[0] = at(h, "If-Match: %s", reply_header(h->http, &reply, "etag"));
    reply = api_send(h, t->admin, "PUT", path, body, tag);
    assert_status(reply, 200);
    reply = api_send(h, t->admin, "PUT", path, body, tag);
    assert_problem(h, reply, 412, "precondition_failed", NULL);
}

static void test_a_patch_without_members_changes_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = put(h, t, 201, "c-1", "One"), reply;
    const char *path = at(h, "/v1/companies/%s", reply_text(&first, "id"));

    reply = api_want(h, 200, t->admin, "PATCH", path, "{}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, t->admin, "PATCH", path, "{\"name\": \"Two\"}");
    assert_string_equal(reply_text(&reply, "name"), "Two");
    reply = api_want(h, 422, t->admin, "PATCH", path, "{\"name\": null}");
    assert_problem(h, reply, 422, "invalid_body", "/name");
}

#define ROWS                                                                                       \
    "{\"companies\": [{\"external_id\": \"new\", \"name\": \"New\"},"                              \
    " {\"external_id\": \"same\", \"name\": \"Same\"},"                                            \
    " {\"external_id\": \"gone\", \"name\": \"Gone\"},"                                            \
    " {\"external_id\": \"moved\", \"name\": \"Moved again\"}]"

static void test_an_import_tells_what_became_of_each_row(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = put(h, t, 201, "gone", "Gone");

    (void)api_want(h, 204, t->admin, "DELETE", at(h, "/v1/companies/%s", reply_text(&reply, "id")),
                   NULL);
    (void)put(h, t, 201, "same", "Same");
    (void)put(h, t, 201, "moved", "Moved");
    for (int is_dry_run = 1; is_dry_run >= 0; is_dry_run--) {
        const char *before = db_all_rows(h);

        reply = api_want(h, 200, t->admin, "POST", "/v1/companies/import",
                         at(h, ROWS "%s}", is_dry_run ? ", \"dry_run\": true" : ""));
        assert_members(reply, "", "dry_run,created,updated,restored,unchanged,data");
        assert_true(reply_bool(&reply, "dry_run") == (is_dry_run == 1));
        assert_counts(&reply, 1, 1, 1, 1);
        assert_string_equal(reply_text(&reply, "data.0.result"), "created");
        assert_true(is_dry_run ? reply_is_null(&reply, "data.0.id")
                               : is_uuid_v7(reply_text(&reply, "data.0.id")));
        assert_string_equal(reply_text(&reply, "data.1.result"), "unchanged");
        assert_string_equal(reply_text(&reply, "data.2.result"), "restored");
        assert_string_equal(reply_text(&reply, "data.3.external_id"), "moved");
        assert_string_equal(reply_text(&reply, "data.3.result"), "updated");
        assert_true((strcmp(before, db_all_rows(h)) == 0) == (is_dry_run == 1));
    }
    reply = api_want(h, 200, t->admin, "POST", "/v1/companies/import", ROWS "}");
    assert_counts(&reply, 0, 0, 0, 4);
}

static void test_an_import_has_at_most_1000_rows(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    expect_refused(h, t->admin, "POST /v1/companies/import",
                   import_of(h, MAX_IMPORT + 1, "One", ""), 422, "invalid_body", "/companies");
    expect_refused(h, t->admin, "POST /v1/companies/import", HK_STR("{\"companies\": []}"), 422,
                   "invalid_body", "/companies");
    reply = api_send(h, t->admin, "POST", "/v1/companies/import",
                     import_of(h, MAX_IMPORT, "One", ""), NULL);
    assert_status(reply, 200);
    assert_counts(&reply, MAX_IMPORT, 0, 0, 0);
    assert_int_equal(reply_count(&reply, "data"), MAX_IMPORT);
    reply = api_send(h, t->admin, "POST", "/v1/companies/import",
                     import_of(h, MAX_IMPORT, "Two", ""), NULL);
    assert_counts(&reply, 0, MAX_IMPORT, 0, 0);
}

static void test_an_import_is_all_or_nothing_and_points_at_the_row(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    expect_refused(h, t->admin, "POST /v1/companies/import",
                   HK_STR("{\"companies\": [{\"external_id\": \"a\", \"name\": \"A\"},"
                          " {\"external_id\": \"b\", \"name\": \"B\"},"
                          " {\"external_id\": \"a\", \"name\": \"C\"}]}"),
                   422, "invalid_body", "/companies/2/external_id");
    expect_refused(h, t->admin, "POST /v1/companies/import",
                   HK_STR("{\"companies\": [{\"external_id\": \"a\", \"name\": \"A\"},"
                          " {\"external_id\": \"b\"}]}"),
                   422, "invalid_body", "/companies/1/name");
}

static void test_an_archived_company_takes_no_events_until_it_is_put_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *event = "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}";
    struct reply reply;
    const char *path;

    (void)given_story(h, t, "/hook");
    reply = api_want(h, 200, t->admin, "GET", "/v1/companies/by_external_id/c1", NULL);
    path = at(h, "/v1/companies/%s", reply_text(&reply, "id"));
    (void)api_want(h, 204, t->admin, "DELETE", path, NULL);
    (void)api_want(h, 404, t->admin, "DELETE", path, NULL);
    reply = api_want(h, 200, t->admin, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "archived");
    reply = api_want(h, 409, t->admin, "PATCH", path, "{\"name\": \"x\"}");
    reply = api_want(h, 422, t->producer, "POST", "/v1/events", event);
    assert_problem(h, reply, 422, "invalid_body", "/company");
    reply = api_want(h, 200, t->admin, "GET", "/v1/connections", NULL);
    assert_string_equal(reply_text(&reply, "data.0.state"), "disconnected");
    path = at(h, "/v1/apps/%s/connections", reply_text(&reply, "data.0.app_id"));
    reply = api_want(h, 422, t->admin, "POST", path, "{\"companies\": [{\"company\": \"c1\"}]}");
    assert_problem(h, reply, 422, "invalid_body", "/companies/0/company");

    reply = put(h, t, 200, "c1", "Back");
    assert_string_equal(reply_text(&reply, "state"), "active");
    (void)api_want(h, 202, t->producer, "POST", "/v1/events", event);
    assert_int_equal(sinker_count(h, "/hook"), 0); /* it is not connected yet */
    (void)api_want(h, 201, t->admin, "POST", path, "{\"companies\": [{\"company\": \"c1\"}]}");
    (void)api_want(h, 202, t->producer, "POST", "/v1/events", event);
    sinker_wait(h, "/hook", 1, 10000);
}

#define MESSAGES "/v1/messages?company=%s&status=%s"

static void test_archiving_keeps_or_cancels_what_is_queued(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    (void)given_company(h, t, "c2");
    reply = api_want(h, 200, t->admin, "GET", "/v1/apps", NULL);
    (void)given_connection(h, t, reply_text(&reply, "data.0.id"), "c2");
    (void)api_want(h, 200, t->partner, "POST", at(h, "/v1/subscriptions/%s/pause", s.id), NULL);
    (void)api_want(h, 200, t->partner, "POST", at(h, "/v1/subscriptions/%s/resume", s.id), NULL);
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 500}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    (void)publish(h, t, "order.paid", "c2", "{}");
    sinker_wait(h, "/hook", 2, 10000);
    api_wait_for(h, t->admin, at(h, MESSAGES, "c2", "pending"), "data.0.attempts", "1", 10000);
    api_wait_for(h, t->admin, at(h, MESSAGES, "c1", "pending"), "data.0.attempts", "1", 10000);

    for (int i = 1; i <= 2; i++) {
        reply =
            api_want(h, 200, t->admin, "GET", at(h, "/v1/companies/by_external_id/c%d", i), NULL);
        (void)api_want(
            h, 204, t->admin, "DELETE",
            at(h, "/v1/companies/%s%s", reply_text(&reply, "id"), i == 1 ? "" : "?queued=cancel"),
            NULL);
    }
    reply = api_want(h, 200, t->admin, "GET", at(h, MESSAGES, "c1", "pending"), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_want(h, 200, t->admin, "GET", at(h, MESSAGES, "c2", "cancelled"), NULL);
    assert_string_equal(reply_text(&reply, "data.0.status_reason"), "connection_disconnected");
}

static void test_companies_are_found_by_name_and_state(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = put(h, t, 201, "c-1", "Bakery de Vries");

    (void)put(h, t, 201, "c-2", "BAKERY Jansen");
    (void)put(h, t, 201, "c-3", "The Bakery");
    (void)api_want(h, 204, t->admin, "DELETE", at(h, "/v1/companies/%s", reply_text(&reply, "id")),
                   NULL);
    reply = api_want(h, 200, t->support, "GET", "/v1/companies?name=bakery", NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_string_equal(reply_text(&reply, "data.0.external_id"), "c-2");
    reply = api_want(h, 200, t->support, "GET", "/v1/companies?name=bakery&state=active", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_want(h, 200, t->support, "GET", "/v1/companies?name=%25", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = api_want(h, 200, t->support, "GET", "/v1/companies?state=archived", NULL);
    assert_string_equal(reply_text(&reply, "data.0.external_id"), "c-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_put_creates_once_and_then_changes),
        harness_test(test_an_external_id_in_a_path_may_be_any_text),
        harness_test(test_put_minds_if_match),
        harness_test(test_a_patch_without_members_changes_nothing),
        harness_test(test_an_import_tells_what_became_of_each_row),
        harness_test(test_an_import_has_at_most_1000_rows),
        harness_test(test_an_import_is_all_or_nothing_and_points_at_the_row),
        harness_test(test_an_archived_company_takes_no_events_until_it_is_put_again),
        harness_test(test_archiving_keeps_or_cancels_what_is_queued),
        harness_test(test_companies_are_found_by_name_and_state),
    };

    return cmocka_run_group_tests_name("companies", tests, NULL, NULL);
}
