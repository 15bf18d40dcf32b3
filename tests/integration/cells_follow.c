/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API process that knows a tenant in one cell, and the tenant is not there any more: while it is
 * on its way it is told so, and once it has come the request goes on in its new cell. Each kind of
 * request is the first one behind a move of its own: no other may have taught the process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/inlet.h"
#include "tests/support/oauth.h"
#include "tests/support/user.h"

#define EVENT "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}"

/* A tenant of cell b with one of everything. */
struct scene {
    struct tenant *t;
    struct client client;
    const char *token, *app_id;
    struct inlet inlet;
    struct user user;
    struct session session;
    bool is_at_home; /* in the cell "default" */
};

static struct scene given_scene(struct harness *h)
{
    struct scene scene = {.t = given_tenant_in(h, "b")};
    struct reply reply;

    (void)given_story(h, scene.t, "/hook");
    reply = api_want(h, 200, scene.t->admin, "GET", "/v1/apps", NULL);
    scene.app_id = reply_text(&reply, "data.0.id");
    scene.client = given_client(h, scene.t, "\"name\": \"c\", \"role\": \"support\"");
    scene.token = given_token(h, &scene.client);
    scene.inlet = given_inlet(h, scene.t, scene.app_id, "{\"kind\": \"none\"}", NULL, "");
    scene.user = given_user(h, scene.t, "admin", "ada@example.com");
    scene.session = given_session(h, &scene.user, USER_PASSWORD);
    return scene;
}

static void move(struct harness *h, struct scene *scene)
{
    const char *const arguments[] = {
        "tenants", "move", scene->t->id, "--to", scene->is_at_home ? "b" : "default", NULL};

    assert_int_equal(harness_cli(h, arguments, NULL), 0);
    scene->is_at_home = !scene->is_at_home;
}

static void fence(struct harness *h, const char *tenant_id, bool is_away)
{
    free(
        pg_text(h->cells[0], http_text(h->http,
                                       is_away ? "INSERT INTO tenant_away (tenant_id, state) VALUES"
                                                 " ('%s', 'moving')"
                                               : "DELETE FROM tenant_away WHERE tenant_id = '%s'",
                                       tenant_id)));
}

static void expect_moving(struct harness *h, struct reply reply)
{
    assert_problem(h, reply, 503, "tenant_moving", NULL);
    assert_string_equal(reply_header(h->http, &reply, "Retry-After"), "1");
}

static void test_while_a_tenant_moves_whatever_is_asked_of_it_is_told_so(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: k1", NULL};
    struct harness *h = *state;
    struct scene scene = given_scene(h);
    const struct tenant *t = scene.t;
    struct tenant *other = given_tenant_in(h, "b");
    const char *basic_header = basic(h, scene.client.client_id, scene.client.secret);

    (void)given_story(h, other, "/other");
    fence(h, t->id, true);
    expect_moving(h, api_call(h, t->producer, "POST", "/v1/events", "%s", EVENT));
    expect_moving(
        h, api_call(h, t->producer, "POST", "/v1/events", "{\"events\": [%s, %s]}", EVENT, EVENT));
    expect_moving(h, api_send(h, t->producer, "POST", "/v1/events", HK_STR(EVENT), headers));
    expect_moving(h, api_call(h, t->admin, "GET", "/v1/apps", NULL));
    expect_moving(h, api_call(h, t->admin, "POST", "/v1/companies", "%s",
                              "{\"external_id\": \"c2\", \"name\": \"x\"}"));
    expect_moving(h, api_call(h, scene.token, "GET", "/v1/apps", NULL));
    expect_moving(h, session_call(h, &scene.session, "GET", "/v1/apps", NULL));
    expect_moving(h, sign_in(h, &scene.user, USER_PASSWORD));
    expect_moving(h, ask_token(h, basic_header, "grant_type=client_credentials"));
    expect_moving(h, inlet_post(h, &scene.inlet, HK_STR("{}"), NULL));
    expect_moving(
        h, api_call(h, h->operator_key, "GET", http_text(h->http, "/v1/tenants/%s", t->id), NULL));

    assert_null(strstr(harness_logs(h), "statement.failed")); /* nothing is wrong */

    (void)publish(h, other, "order.paid", "c1", "{}");
    fence(h, t->id, false);
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, 10000);
    sinker_wait(h, "/other", 1, 10000);
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_a_tenant_that_has_moved_is_served_without_an_error(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: k1", NULL};
    struct harness *h = *state;
    struct scene scene = given_scene(h);
    const struct tenant *t = scene.t;
    struct reply reply;

    move(h, &scene);
    (void)publish(h, t, "order.paid", "c1", "{}");
    move(h, &scene);
    reply = api_call(h, t->producer, "POST", "/v1/events", "{\"events\": [%s, %s]}", EVENT, EVENT);
    assert_status(reply, 202);
    assert_int_equal(reply_int(&reply, "accepted"), 2);
    move(h, &scene);
    reply = api_send(h, t->producer, "POST", "/v1/events", HK_STR(EVENT), headers);
    assert_status(reply, 202);
    move(h, &scene);
    reply = api_send(h, t->producer, "POST", "/v1/events", HK_STR(EVENT), headers);
    assert_string_equal(reply_header(h->http, &reply, "Idempotency-Replayed"), "true");
    move(h, &scene);
    reply = inlet_post(h, &scene.inlet, HK_STR("{}"), NULL);
    assert_status(reply, 202);
    sinker_wait(h, "/hook", 4, 20000);
    assert_int_equal(sinker_count(h, "/hook"), 4);
}

static void test_keys_tokens_and_sessions_go_on_after_a_move(void **state)
{
    struct harness *h = *state;
    struct scene scene = given_scene(h);
    const char *basic_header = basic(h, scene.client.client_id, scene.client.secret);
    const char *tenant_path = http_text(h->http, "/v1/tenants/%s", scene.t->id);
    struct reply reply;

    move(h, &scene);
    (void)api_want(h, 200, scene.t->admin, "GET", "/v1/apps", NULL);
    move(h, &scene);
    (void)api_want(h, 200, scene.token, "GET", "/v1/apps", NULL);
    move(h, &scene);
    reply = session_call(h, &scene.session, "GET", "/v1/apps", NULL);
    assert_status(reply, 200);
    move(h, &scene);
    reply = sign_in(h, &scene.user, USER_PASSWORD);
    assert_status(reply, 201);
    move(h, &scene);
    reply = ask_token(h, basic_header, "grant_type=client_credentials");
    assert_status(reply, 200);
    move(h, &scene);
    reply = api_want(h, 200, h->operator_key, "GET", tenant_path, NULL);
    assert_string_equal(reply_text(&reply, "cell"), "b");
}

/* What a tenant was given before it moved, it may bring back behind. */
static void test_a_cursor_outlives_a_move(void **state)
{
    struct harness *h = *state;
    struct scene scene = given_scene(h);
    const char *cursor;
    struct reply reply;

    (void)given_app(h, scene.t, "acme");
    reply = api_want(h, 200, scene.t->admin, "GET", "/v1/apps?limit=1", NULL);
    cursor = reply_text(&reply, "next_cursor");
    move(h, &scene);
    reply = api_want(h, 200, scene.t->admin, "GET",
                     http_text(h->http, "/v1/apps?limit=1&cursor=%s", cursor), NULL);
    assert_string_equal(reply_text(&reply, "data.0.id"), scene.app_id);
    reply = api_want(h, 200, h->operator_key, "GET", "/v1/tenants", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.cell"), "default");
}

/* What an operator has done to a tenant is done, wherever the tenant is by now. */
static void test_an_operators_idempotency_key_follows_the_tenant(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: o1", NULL};
    static const struct hk_str body = {"{\"name\": \"k\"}", 13};
    struct harness *h = *state;
    struct scene scene = given_scene(h);
    const char *tenant_path = http_text(h->http, "/v1/tenants/%s", scene.t->id);
    const char *path = http_text(h->http, "%s/keys", tenant_path);
    struct reply first = api_send(h, h->operator_key, "POST", path, body, headers), again;

    assert_status(first, 201);
    for (int i = 0; i < 2; i++) {
        move(h, &scene);
        (void)api_want(h, 200, h->operator_key, "GET", tenant_path, NULL); /* and knows where */
        again = api_send(h, h->operator_key, "POST", path, body, headers);
        assert_status(again, 201);
        assert_string_equal(again.body, first.body);
        assert_string_equal(reply_header(h->http, &again, "Idempotency-Replayed"), "true");
    }
    path = "/v1/tenants/00000000-0000-7000-8000-000000000000/keys";
    again = api_send(h, h->operator_key, "POST", path, body, headers);
    assert_problem(h, again, 404, "not_found", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_while_a_tenant_moves_whatever_is_asked_of_it_is_told_so, .n_cells = 1),
        harness_test(test_a_tenant_that_has_moved_is_served_without_an_error, .n_cells = 1),
        harness_test(test_keys_tokens_and_sessions_go_on_after_a_move, .n_cells = 1),
        harness_test(test_a_cursor_outlives_a_move, .n_cells = 1),
        harness_test(test_an_operators_idempotency_key_follows_the_tenant, .n_cells = 1),
    };

    return cmocka_run_group_tests_name("cells_follow", tests, NULL, NULL);
}
