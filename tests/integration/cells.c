/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several cells: whatever a tenant asks for is done in the cell that it lives in, and operators see
 * all cells as one. Two databases of the test's server are the cells "default" and "b".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/inlet.h"
#include "tests/support/oauth.h"
#include "tests/support/user.h"

static long long count_in(const char *database, const char *sql)
{
    char *text = pg_text(database, sql);
    long long n = text == NULL ? 0 : strtoll(text, NULL, 10);

    free(text);
    return n;
}

#define IN_DEFAULT(h, ...) count_in((h)->database, http_text((h)->http, __VA_ARGS__))
#define IN_B(h, ...)       count_in((h)->cells[0], http_text((h)->http, __VA_ARGS__))

/* Lets nobody in, and nobody stay. The other database is where that can be said from. */
static void shut(struct harness *h, const char *from, const char *database)
{
    free(pg_text(from, http_text(h->http, "ALTER DATABASE %s ALLOW_CONNECTIONS false", database)));
    free(pg_text(from, http_text(h->http,
                                 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                 " WHERE datname = '%s'",
                                 database)));
}

static void open_again(struct harness *h, const char *from, const char *database)
{
    free(pg_text(from, http_text(h->http, "ALTER DATABASE %s ALLOW_CONNECTIONS true", database)));
}

/* ---- routing -------------------------------------------------------------------------------- */

static void test_what_a_tenant_publishes_is_stored_and_delivered_in_its_cell(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b"), *other = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/b");
    (void)given_story(h, other, "/default");
    (void)publish(h, t, "order.paid", "c1", "{}");
    (void)publish(h, other, "order.paid", "c1", "{}");
    reply = api_want(h, 202, t->producer, "POST", "/v1/events",
                     "{\"events\": [{\"event_type\": \"order.paid\", \"company\": \"c1\","
                     " \"payload\": {}}, {\"event_type\": \"order.paid\", \"company\": \"c1\","
                     " \"payload\": {}}]}");
    assert_int_equal(reply_int(&reply, "accepted"), 2);
    sinker_wait(h, "/b", 3, 10000);
    sinker_wait(h, "/default", 1, 10000);
    assert_int_equal(IN_B(h, "SELECT count(*) FROM event WHERE tenant_id = '%s'", t->id), 3);
    assert_int_equal(IN_DEFAULT(h, "SELECT count(*) FROM event WHERE tenant_id = '%s'", other->id),
                     1);
    assert_int_equal(IN_DEFAULT(h, "SELECT count(*) FROM tenant WHERE tenant_id = '%s'", t->id), 0);
    assert_int_equal(IN_B(h, "SELECT count(*) FROM event WHERE tenant_id = '%s'", other->id), 0);
    assert_int_equal(
        IN_DEFAULT(h, "SELECT count(*) FROM tenant_cell WHERE tenant_id = '%s' AND cell = 'b'",
                   t->id),
        1);
}

static void test_tokens_sessions_and_inbound_urls_lead_to_the_cell(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b");
    struct client client = given_client(h, t, "\"name\": \"c\", \"role\": \"support\"");
    const char *app_id = given_app(h, t, "acme"), *token;
    struct inlet inlet;
    struct session session;
    struct user user;
    struct reply reply;

    token = given_token(h, &client);
    reply = api_want(h, 200, token, "GET", "/v1/apps", NULL);
    assert_string_equal(reply_text(&reply, "data.0.id"), app_id);

    user = given_user(h, t, "admin", "ada@example.com");
    session = given_session(h, &user, USER_PASSWORD);
    reply = session_call(h, &session, "GET", "/v1/apps", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "data.0.id"), app_id);
    reply = session_call(h, &session, "POST", "/v1/companies",
                         "{\"external_id\": \"c2\", \"name\": \"x\"}");
    assert_status(reply, 201);

    inlet = given_inlet(h, t, app_id, "{\"kind\": \"none\"}", NULL, "");
    reply = inlet_post(h, &inlet, HK_STR("{\"a\": 1}"), NULL);
    assert_status(reply, 202);
    assert_int_equal(IN_B(h, "SELECT count(*) FROM event WHERE event_type = 'flow.request'"), 1);
    assert_int_equal(IN_B(h, "SELECT count(*) FROM company WHERE external_id = 'c2'"), 1);
    assert_int_equal(IN_DEFAULT(h, "SELECT count(*) FROM app"), 0);
}

static void test_idempotency_keys_and_cursors_hold_in_the_cell(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: k1", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b");
    const struct hk_str app = HK_STR("{\"name\": \"a\", \"partner\": \"acme\"}");
    struct reply first, again;
    const char *id;

    first = api_send(h, t->admin, "POST", "/v1/apps", app, headers);
    again = api_send(h, t->admin, "POST", "/v1/apps", app, headers);
    assert_status(first, 201);
    assert_status(again, 201);
    id = reply_text(&first, "id");
    assert_string_equal(reply_text(&again, "id"), id);
    assert_string_equal(reply_header(h->http, &again, "Idempotency-Replayed"), "true");

    (void)given_app(h, t, "acme");
    first = api_want(h, 200, t->admin, "GET", "/v1/apps?limit=1", NULL);
    again = api_want(
        h, 200, t->admin, "GET",
        http_text(h->http, "/v1/apps?limit=1&cursor=%s", reply_text(&first, "next_cursor")), NULL);
    assert_string_equal(reply_text(&again, "data.0.id"), id);
    assert_true(reply_is_null(&again, "next_cursor"));
}

/* A foreign object is as one that is not there, a foreign tenant's forged key as any other. */
static void test_nothing_tells_of_a_tenant_of_another_cell(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b"), *other = given_tenant(h);
    const char *app_id = given_app(h, other, "acme");
    char forged[128];
    struct reply foreign, missing;

    foreign = api_call(h, t->admin, "GET", http_text(h->http, "/v1/apps/%s", app_id), NULL);
    missing = api_call(h, t->admin, "GET", "/v1/apps/00000000-0000-7000-8000-000000000000", NULL);
    assert_problem(h, foreign, 404, "not_found", NULL);
    assert_problem(h, missing, 404, "not_found", NULL);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(forged, sizeof(forged), "%s", i == 0 ? t->admin : other->admin);
        forged[30] = forged[30] == 'a' ? 'b' : 'a';
        foreign = api_call(h, forged, "GET", "/v1/apps", NULL);
        assert_problem(h, foreign, 401, "unauthenticated", NULL);
    }
}

/* ---- operators ------------------------------------------------------------------------------ */

static void test_operators_make_and_change_tenants_in_any_cell(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: t1", NULL};
    const struct hk_str body = HK_STR("{\"name\": \"Ada\", \"cell\": \"b\"}");
    struct harness *h = *state;
    struct reply reply, again;
    const char *path;

    reply = api_call(h, h->operator_key, "POST", "/v1/tenants", "%s",
                     "{\"name\": \"x\", \"cell\": \"c\"}");
    assert_problem(h, reply, 422, "invalid_body", "/cell");
    reply = api_send(h, h->operator_key, "POST", "/v1/tenants", body, headers);
    again = api_send(h, h->operator_key, "POST", "/v1/tenants", body, headers);
    assert_status(reply, 201);
    assert_status(again, 201);
    assert_string_equal(reply_text(&reply, "cell"), "b");
    assert_string_equal(reply_text(&again, "id"), reply_text(&reply, "id"));

    path = http_text(h->http, "/v1/tenants/%s", reply_text(&reply, "id"));
    reply = api_want(h, 200, h->operator_key, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "cell"), "b");
    reply = api_want(h, 200, h->operator_key, "PATCH", path, "{\"name\": \"Bea\"}");
    assert_string_equal(reply_text(&reply, "name"), "Bea");
    reply = api_want(h, 201, h->operator_key, "POST", http_text(h->http, "%s/keys", path),
                     "{\"name\": \"k\"}");
    (void)api_want(h, 200, reply_text(&reply, "key"), "GET", "/v1/tenant", NULL);
    (void)api_want(h, 204, h->operator_key, "DELETE", path, NULL);
    assert_int_equal(IN_B(h, "SELECT count(*) FROM tenant WHERE state = 'archived'"), 1);
}

/* All pages of the list, which has to say the tenants latest first, each in its cell. */
static void expect_list(struct harness *h, const char *query, struct tenant *const expected[],
                        const char *const cells[], size_t n)
{
    const char *cursor = "";
    struct reply reply;
    size_t seen = 0;

    do {
        reply = api_want(h, 200, h->operator_key, "GET",
                         http_text(h->http, "/v1/tenants?%s%s", query, cursor), NULL);
        for (size_t i = 0; i < reply_count(&reply, "data"); i++, seen++) {
            assert_true(seen < n);
            assert_string_equal(reply_text(&reply, http_text(h->http, "data.%zu.id", i)),
                                expected[n - 1 - seen]->id);
            assert_string_equal(reply_text(&reply, http_text(h->http, "data.%zu.cell", i)),
                                cells[n - 1 - seen]);
        }
        assert_false(reply_has(&reply, "unavailable_cells"));
        if (!reply_is_null(&reply, "next_cursor"))
            cursor = http_text(h->http, "&cursor=%s", reply_text(&reply, "next_cursor"));
    } while (!reply_is_null(&reply, "next_cursor"));
    assert_int_equal(seen, n);
}

static void test_operators_see_the_tenants_of_all_cells_as_one_list(void **state)
{
    static const char *const cells[] = {"default", "b", "b", "b", "default"};
    struct harness *h = *state;
    struct tenant *tenants[HK_COUNTOF(cells)];
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(cells); i++)
        tenants[i] = given_tenant_in(h, cells[i]);
    for (int limit = 1; limit <= 6; limit++)
        expect_list(h, http_text(h->http, "limit=%d", limit), tenants, cells, HK_COUNTOF(cells));
    expect_list(h, "limit=2&name=tenant", tenants, cells, HK_COUNTOF(cells));
    expect_list(h, "limit=2&name=tenant%202", tenants + 1, cells + 1, 1);
    expect_list(h, "limit=2&state=archived", NULL, NULL, 0);

    reply = api_want(h, 200, h->operator_key, "GET", "/v1/cells", NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_members(reply, "data.0",
                   "name,replica,state,schema_version,tenants,queue_age_ms,backlog");
    assert_string_equal(reply_text(&reply, "data.0.name"), "default");
    assert_int_equal(reply_int(&reply, "data.0.tenants"), 2);
    assert_string_equal(reply_text(&reply, "data.1.name"), "b");
    assert_string_equal(reply_text(&reply, "data.1.state"), "up");
    assert_int_equal(reply_int(&reply, "data.1.tenants"), 3);
    assert_int_equal(reply_int(&reply, "data.1.backlog"), 0);
    reply = api_call(h, tenants[0]->admin, "GET", "/v1/cells", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
}

/* ---- a cell that is down -------------------------------------------------------------------- */

static void expect_publishes(struct harness *h, const struct tenant *t, int status)
{
    struct reply reply = api_call(h, t->producer, "POST", "/v1/events", "%s",
                                  "{\"event_type\": \"order.paid\", \"company\": \"c1\","
                                  " \"payload\": {}}");

    assert_status(reply, status);
}

static bool b_is(struct harness *h, const char *cell_state)
{
    struct reply reply = api_call(h, h->operator_key, "GET", "/v1/cells", NULL);

    return reply.status == 200 && strcmp(reply_text(&reply, "data.1.state"), cell_state) == 0;
}

static bool b_is_down(void *h)
{
    return b_is(h, "down");
}

static bool b_is_up(void *h)
{
    return b_is(h, "up");
}

static void test_a_cell_that_is_down_hurts_its_own_tenants_only(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b"), *other = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/b");
    (void)given_story(h, other, "/default");
    expect_publishes(h, t, 202);
    shut(h, h->database, h->cells[0]);
    assert_true(wait_until(b_is_down, h, 10000));
    expect_publishes(h, t, 503);
    assert_non_null(strstr(harness_logs(h), "\"pool\":\"hookline-ingest\",\"cell\":\"b\""));
    expect_publishes(h, other, 202);
    sinker_wait(h, "/default", 1, 10000);
    (void)api_want(h, 200, other->admin, "GET", "/v1/apps", NULL);
    (void)api_want(h, 200, NULL, "GET", "/readyz", NULL);
    reply = api_want(h, 200, h->operator_key, "GET", "/v1/tenants", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.id"), other->id);
    assert_string_equal(reply_text(&reply, "unavailable_cells.0"), "b");
    reply = api_call(h, h->operator_key, "POST", "/v1/tenants", "%s",
                     "{\"name\": \"x\", \"cell\": \"b\"}");
    assert_problem(h, reply, 503, "database_unavailable", NULL);

    open_again(h, h->database, h->cells[0]);
    assert_true(wait_until(b_is_up, h, 10000));
    expect_publishes(h, t, 202);
}

static bool home_is_down(void *h)
{
    return api_call(h, NULL, "GET", "/readyz", NULL).status == 503;
}

static void test_the_home_cell_that_is_down_does_not_hurt_tenants_that_are_known(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b"), *other = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"c\", \"role\": \"support\"");
    const char *token = given_token(h, &client), *old = given_token(h, &client);

    (void)given_story(h, t, "/b");
    (void)given_story(h, other, "/default");
    (void)api_want(h, 200, old, "GET", "/v1/apps", NULL);
    expect_publishes(h, t, 202);
    shut(h, h->cells[0], h->database);
    assert_true(wait_until(home_is_down, h, 10000));
    expect_publishes(h, t, 202);
    (void)api_want(h, 200, token, "GET", "/v1/apps", NULL);
    sinker_wait(h, "/b", 2, 10000);
    expect_publishes(h, other, 503);
    open_again(h, h->cells[0], h->database);
}

#define CELLS_TEST(fn) harness_test(fn, .n_cells = 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELLS_TEST(test_what_a_tenant_publishes_is_stored_and_delivered_in_its_cell),
        CELLS_TEST(test_tokens_sessions_and_inbound_urls_lead_to_the_cell),
        CELLS_TEST(test_idempotency_keys_and_cursors_hold_in_the_cell),
        CELLS_TEST(test_nothing_tells_of_a_tenant_of_another_cell),
        CELLS_TEST(test_operators_make_and_change_tenants_in_any_cell),
        CELLS_TEST(test_operators_see_the_tenants_of_all_cells_as_one_list),
        CELLS_TEST(test_a_cell_that_is_down_hurts_its_own_tenants_only),
        CELLS_TEST(test_the_home_cell_that_is_down_does_not_hurt_tenants_that_are_known),
    };

    return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
