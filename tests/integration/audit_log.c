/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: who did what, listed, exported whole, and never changed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/user.h"

enum { N_LINES = 1234 };

static size_t count_in(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    return n;
}

/* Lines that no request has made: what counts is how many there are. */
static void given_lines(struct harness *h, const struct tenant *t, const char *object_id)
{
    (void)db_text(h,
                  "INSERT INTO hookline.audit_log (tenant_id, actor, action, object_id, detail)"
                  " SELECT '%s', '=cmd()', 'thing.made', '%s', '{\"a\": \"b\",\n \"n\": 1}'"
                  "   FROM generate_series(1, %d)",
                  t->id, object_id, N_LINES);
}

static void test_a_change_has_a_line_that_says_who_and_by_which_request(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made = api_call(h, t->admin, "POST", "/v1/event_types", "{\"name\": \"a.b\"}");
    struct reply reply =
        api_call(h, t->admin, "GET", "/v1/audit-log?action=event_type.created", NULL);

    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_members(reply, "data.0", "id,at,actor,action,object_id,request_id,detail");
    assert_string_equal(reply_text(&reply, "data.0.object_id"), "a.b");
    assert_memory_equal(reply_text(&reply, "data.0.actor"), "key:", 4);
    assert_memory_equal(reply_header(h->http, &made, "x-request-id"),
                        reply_text(&reply, "data.0.request_id"), 36);
}

static void test_filters_lead_to_the_lines_alone_and_together(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;
    const char *actor;
    static const struct {
        const char *query;
        size_t n;
    } cases[] = {
        {"object_id=x", 1},
        {"object_id=x&action=event_type.created", 1},
        {"object_id=x&action=key.created", 0},
        {"action=event_type.created", 2},
        {"since=2020-01-01T00:00:00Z&action=event_type.created", 2},
        {"since=2120-01-01T00:00:00Z", 0},
        {"until=2020-01-01T00:00:00Z", 0},
    };

    given_event_type(h, t, "x");
    given_event_type(h, t, "y");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        reply = api_call(h, t->admin, "GET", http_text(h->http, "/v1/audit-log?%s", cases[i].query),
                         NULL);
        assert_status(reply, 200);
        assert_int_equal(reply_count(&reply, "data"), cases[i].n);
    }
    reply = api_call(h, t->admin, "GET", "/v1/audit-log?object_id=x", NULL);
    actor = reply_text(&reply, "data.0.actor");
    reply = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/audit-log?actor=%s&action=event_type.created", actor),
                     NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    reply = api_call(h, t->admin, "GET", "/v1/audit-log?since=yesterday", NULL);
    assert_problem(h, reply, 422, "invalid_parameter", NULL);
}

static void test_a_tenant_sees_its_own_and_an_operator_each(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *path = http_text(h->http, "/v1/tenants/%s/audit-log", t->id);
    struct reply reply;

    given_event_type(h, t, "mine");
    given_event_type(h, other, "theirs");
    reply = api_call(h, t->admin, "GET", "/v1/audit-log", NULL);
    assert_non_null(strstr(reply.body, "mine"));
    assert_null(strstr(reply.body, "theirs"));
    reply = api_call(h, h->operator_key, "GET", path, NULL);
    assert_status(reply, 200);
    assert_non_null(strstr(reply.body, "mine"));
    assert_null(strstr(reply.body, "theirs"));
    reply = api_call(h, h->operator_key, "GET", "/v1/audit-log", NULL);
    assert_status(reply, 200);
    assert_null(strstr(reply.body, "mine"));
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, t->support, "GET", "/v1/audit-log/export", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, h->operator_key, "GET",
                     "/v1/tenants/0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee01/audit-log", NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
}

static void test_an_export_has_all_lines_each_on_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    given_lines(h, t, "x");
    reply = api_call(h, t->admin, "GET", "/v1/audit-log/export?object_id=x", NULL);
    assert_status(reply, 200);
    assert_memory_equal(reply_header(h->http, &reply, "content-type"), "application/x-ndjson", 20);
    assert_memory_equal(reply_header(h->http, &reply, "content-disposition"),
                        "attachment; filename=\"audit-log.ndjson\"", 38);
    assert_int_equal(count_in(reply.body, "\n"), N_LINES);
    assert_int_equal(count_in(reply.body, "\"thing.made\""), N_LINES);
    assert_int_equal(count_in(reply.body, "{\"a\": \"b\",  \"n\": 1}}\n"), N_LINES);
    reply = api_call(h, t->admin, "GET", "/v1/audit-log/export?action=no.such", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply.body_n, 0);
}

static void test_csv_is_quoted_and_holds_no_formula(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    given_lines(h, t, "say \"hi\", you");
    reply = api_call(h, t->admin, "GET", "/v1/audit-log/export?format=csv&action=thing.made", NULL);
    assert_status(reply, 200);
    assert_memory_equal(reply_header(h->http, &reply, "content-type"), "text/csv", 8);
    assert_memory_equal(reply.body, "\"id\",\"at\",\"actor\",\"action\",", 27);
    assert_int_equal(count_in(reply.body, "\r\n"), N_LINES + 1);
    assert_int_equal(count_in(reply.body, ",\"say \"\"hi\"\", you\","), N_LINES);
    assert_int_equal(count_in(reply.body, ",\"'=cmd()\","), N_LINES);
}

/* Each of these changes something, and leaves a line of whoever did it; none tells a secret. */
static void test_every_change_leaves_a_line_without_a_secret(void **state)
{
    static const struct {
        const char *request, *body, *action, *secret; /* the reply's member that is shown once */
    } changes[] = {
        {"POST /v1/keys", "{\"name\": \"k\", \"role\": \"support\"}", "key.created", "key"},
        {"POST /v1/users", "{\"email\": \"a@e.com\", \"name\": \"a\", \"role\": \"support\"}",
         "user.created", "password_token.token"},
        {"POST /v1/clients", "{\"name\": \"c\", \"role\": \"producer\"}", "client.created",
         "client_secret"},
        {"POST /v1/tenant/secrets", NULL, "tenant_secret.created", "secret"},
        {"POST /v1/companies", "{\"external_id\": \"c9\", \"name\": \"c\"}", "company.created",
         NULL},
        {"POST /v1/event_types", "{\"name\": \"a.b\"}", "event_type.created", NULL},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(changes); i++) {
        const char *path = strchr(changes[i].request, ' ') + 1;
        struct reply reply = api_send(h, t->admin, "POST", path, hk_str(changes[i].body), NULL);
        const char *request_id = reply_header(h->http, &reply, "x-request-id");

        assert_status(reply, 201);
        assert_int_equal(db_int(h,
                                "SELECT count(*) FROM hookline.audit_log WHERE request_id = '%.36s'"
                                " AND action = '%s' AND actor LIKE 'key:%%'",
                                request_id, changes[i].action),
                         1);
        if (changes[i].secret != NULL)
            assert_int_equal(db_int(h,
                                    "SELECT count(*) FROM hookline.audit_log a"
                                    " WHERE strpos(a::text, '%s') > 0",
                                    reply_text(&reply, changes[i].secret)),
                             0);
    }
}

static void test_the_api_can_neither_change_nor_remove_a_line(void **state)
{
    static const char *const roles[] = {"hookline_api", "hookline_ingest", "hookline_worker"};
    static const char *const rights[] = {"UPDATE", "DELETE", "TRUNCATE"};
    struct harness *h = *state;

    for (size_t r = 0; r < HK_COUNTOF(roles); r++) {
        for (size_t i = 0; i < HK_COUNTOF(rights); i++)
            assert_string_equal(
                db_text(h, "SELECT has_table_privilege('%s', 'hookline.audit_log', '%s')", roles[r],
                        rights[i]),
                "f");
    }
}

static void test_an_export_stops_when_its_client_goes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (int i = 0; i < 20; i++)
        given_lines(h, t, "x");
    for (int i = 0; i < 3; i++) {
        int fd = raw_start(h, t->admin, "GET", "/v1/audit-log/export", NULL);
        char some[4096];

        assert_true(http_raw_read(fd, some, sizeof(some), 5000, NULL) > 0);
        (void)close(fd);
    }
    reply = api_call(h, t->admin, "GET", "/v1/audit-log/export", NULL);
    assert_status(reply, 200);
    assert_true(count_in(reply.body, "\n") > (size_t)20 * N_LINES);
}

static void test_head_of_an_export_has_no_body(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;
    int fd;

    given_lines(h, t, "x");
    fd = raw_start(h, t->admin, "HEAD", "/v1/audit-log/export", NULL);
    reply = raw_finish(h, fd);
    assert_status(reply, 200);
    assert_int_equal(reply.body_n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_change_has_a_line_that_says_who_and_by_which_request,
                     .has_no_worker = true),
        harness_test(test_filters_lead_to_the_lines_alone_and_together, .has_no_worker = true),
        harness_test(test_a_tenant_sees_its_own_and_an_operator_each, .has_no_worker = true),
        harness_test(test_an_export_has_all_lines_each_on_its_own, .has_no_worker = true),
        harness_test(test_csv_is_quoted_and_holds_no_formula, .has_no_worker = true),
        harness_test(test_every_change_leaves_a_line_without_a_secret, .has_no_worker = true),
        harness_test(test_the_api_can_neither_change_nor_remove_a_line, .has_no_worker = true),
        harness_test(test_an_export_stops_when_its_client_goes, .has_no_worker = true),
        harness_test(test_head_of_an_export_has_no_body, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
