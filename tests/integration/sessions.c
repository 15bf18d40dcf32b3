/* SPDX-License-Identifier: Apache-2.0 */
/* What a session's cookie is good for: CSRF, what ends it, and users as their admin changes them.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/user.h"

enum { ENDED_WITHIN_MS = 5000 };

static struct reply send(struct harness *h, const char *method, const char *path, const char *body,
                         const char *const headers[])
{
    return api_send(h, NULL, method, path, hk_str(body), headers);
}

static void test_a_change_needs_the_csrf_token_of_its_own_session(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "admin", "ann@example.com");
    struct session mine = given_session(h, &user, USER_PASSWORD),
                   other = given_session(h, &user, USER_PASSWORD);
    const char *const lists[][5] = {
        {mine.cookie, NULL},
        {mine.cookie, "X-CSRF-Token: ", NULL},
        {mine.cookie, "X-CSRF-Token: x", NULL},
        {mine.cookie, other.csrf_token, NULL},
        {mine.cookie, mine.csrf_token, "Origin: https://evil.example.com", NULL},
        {mine.cookie, mine.csrf_token, "Origin: null", NULL},
        {mine.cookie, mine.csrf_token, "Sec-Fetch-Site: cross-site", NULL},
        {mine.cookie, mine.csrf_token, "Sec-Fetch-Site: same-site", NULL},
    };
    static const char *const methods[] = {"POST", "PATCH", "DELETE"};
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(lists); i++) {
        for (size_t m = 0; m < HK_COUNTOF(methods); m++) {
            const char *path =
                m == 0 ? "/v1/event_types" : http_text(h->http, "/v1/users/%s", user.id);

            reply = send(h, methods[m], path, m == 2 ? NULL : "{\"name\": \"x\"}", lists[i]);
            assert_problem(h, reply, 403, "csrf_failed", NULL);
        }
        reply = send(h, "GET", "/v1/users", NULL, lists[i]);
        assert_status(reply, 200);
    }
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event_type"), 0);
}

static void test_our_own_pages_may_change_things(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "admin", "ann@example.com");
    struct session mine = given_session(h, &user, USER_PASSWORD);
    const char *const headers[] = {mine.cookie, mine.csrf_token,
                                   http_text(h->http, "Origin: %s", h->api_url),
                                   "Sec-Fetch-Site: same-origin", NULL};
    struct reply reply = send(h, "POST", "/v1/event_types", "{\"name\": \"x\"}", headers);

    assert_status(reply, 201);
}

static void test_nobody_is_signed_in_from_another_origin(void **state)
{
    static const char *const headers[] = {"Origin: https://evil.example.com", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = send(h, "POST", "/v1/session",
                              http_text(h->http,
                                        "{\"tenant_id\": \"%s\", \"email\": \"a@example.com\","
                                        " \"password\": \"x\"}",
                                        t->id),
                              headers);

    assert_problem(h, reply, 403, "csrf_failed", NULL);
}

static void test_an_authorization_header_wins_over_the_cookie(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "support", "ann@example.com");
    struct session mine = given_session(h, &user, USER_PASSWORD);
    const char *const bad[] = {mine.cookie, "Authorization: Basic eDp5", NULL};
    const char *const good[] = {mine.cookie,
                                http_text(h->http, "Authorization: Bearer %s", t->admin), NULL};
    struct reply reply = send(h, "GET", "/v1/apps", NULL, bad);

    assert_problem(h, reply, 401, "unauthenticated", NULL);
    reply = send(h, "POST", "/v1/event_types", "{\"name\": \"x\"}", good);
    assert_status(reply, 201); /* no CSRF token: no browser adds that header by itself */
}

static void test_a_garbled_cookie_is_401(void **state)
{
    static const char *const cookies[] = {
        "Cookie: __Host-hookline_session=",
        "Cookie: __Host-hookline_session=x",
        ("Cookie: __Host-hookline_session=hks_0000000000000000000000_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "Cookie: hookline_session=x",
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(cookies); i++) {
        const char *const headers[] = {cookies[i], NULL};
        struct reply reply = send(h, "GET", "/v1/apps", NULL, headers);

        assert_problem(h, reply, 401, "unauthenticated", NULL);
    }
}

struct awaited {
    struct harness *h;
    const struct session *session;
};

/* Twenty connections are spread over both threads, each of which has a cache of its own. */
static bool is_refused_everywhere(void *arg)
{
    struct awaited *awaited = arg;
    int n_refused = 0;

    for (int i = 0; i < 20; i++) {
        const char *const headers[] = {awaited->session->cookie, "Connection: close", NULL};

        n_refused += send(awaited->h, "GET", "/v1/session", NULL, headers).status == 401;
    }
    return n_refused == 20;
}

static void expect_end(struct harness *h, const struct session *session)
{
    struct awaited awaited = {h, session};

    assert_true(wait_until(is_refused_everywhere, &awaited, ENDED_WITHIN_MS));
}

static void test_sessions_that_are_ended_stop_everywhere_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user ann = given_user(h, t, "support", "ann@example.com");
    struct user bob = given_user(h, t, "support", "bob@example.com");
    struct user eve = given_user(h, t, "support", "eve@example.com");
    struct session of_ann = given_session(h, &ann, USER_PASSWORD);
    struct session of_bob = given_session(h, &bob, USER_PASSWORD);
    struct session of_eve = given_session(h, &eve, USER_PASSWORD);
    struct awaited awaited = {h, &of_ann};
    struct reply reply;

    assert_false(is_refused_everywhere(&awaited));
    reply = api_call(h, t->admin, "GET", http_text(h->http, "/v1/users/%s/sessions", ann.id), NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_false(reply_bool(&reply, "data.0.is_current"));
    reply =
        api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/users/%s/sessions", ann.id), NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/users/%s", bob.id),
                     "{\"state\": \"disabled\"}");
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/users/%s", eve.id), NULL);
    assert_status(reply, 204);
    expect_end(h, &of_ann);
    expect_end(h, &of_bob);
    expect_end(h, &of_eve);
}

static void test_a_session_that_is_idle_or_too_old_ends(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "support", "ann@example.com");
    struct session idle = given_session(h, &user, USER_PASSWORD), old;

    (void)db_text(h, "UPDATE hookline.user_session SET seen_at = now() - interval '2 hours'");
    expect_end(h, &idle);
    old = given_session(h, &user, USER_PASSWORD);
    (void)db_text(h, "UPDATE hookline.user_session SET expires_at = now()");
    expect_end(h, &old);
}

static void test_users_are_made_listed_changed_and_removed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user ann = given_new_user(h, t->admin, t->id, "admin", NULL, "ann@example.com");
    const char *path = http_text(h->http, "/v1/users/%s", ann.id);
    struct reply reply;

    (void)given_new_user(h, t->admin, t->id, "partner", "acme", "bob@example.com");
    reply = api_call(h, t->admin, "POST", "/v1/users",
                     "{\"email\": \"ANN@example.com\", \"name\": \"x\", \"role\": \"admin\"}");
    assert_problem(h, reply, 409, "conflict", "/email");
    reply = api_call(h, t->admin, "POST", "/v1/users",
                     "{\"email\": \"c@example.com\", \"name\": \"x\", \"role\": \"partner\"}");
    assert_problem(h, reply, 422, "invalid_body", "/partner");
    reply = api_call(h, t->admin, "POST", "/v1/users",
                     "{\"email\": \"c.example.com\", \"name\": \"x\", \"role\": \"admin\"}");
    assert_problem(h, reply, 422, "invalid_body", "/email");
    reply = api_call(h, t->admin, "GET", "/v1/users?email=Ann@Example.com", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(h, t->admin, "GET", "/v1/users?role=partner&state=active", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "PATCH", path, "{\"role\": \"partner\", \"partner\": \"acme\"}");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    reply = api_call(h, t->admin, "DELETE", path, NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
}

static void test_an_operator_is_no_user_of_a_tenant_nor_the_other_way_round(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply =
        api_call(h, h->operator_key, "POST", "/v1/users",
                 "{\"email\": \"c@example.com\", \"name\": \"x\", \"role\": \"admin\"}");

    assert_problem(h, reply, 422, "invalid_body", "/role");
    reply = api_call(h, t->admin, "POST", "/v1/users",
                     "{\"email\": \"c@example.com\", \"name\": \"x\", \"role\": \"operator\"}");
    assert_problem(h, reply, 422, "invalid_body", "/role");
}

static void test_nobody_takes_its_own_rights_away(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "admin", "ann@example.com");
    struct session session = given_session(h, &user, USER_PASSWORD);
    const char *path = http_text(h->http, "/v1/users/%s", user.id);
    struct reply reply = session_call(h, &session, "DELETE", path, NULL);

    assert_problem(h, reply, 409, "conflict", NULL);
    reply = session_call(h, &session, "PATCH", path, "{\"state\": \"disabled\"}");
    assert_problem(h, reply, 409, "conflict", NULL);
    reply = session_call(h, &session, "PATCH", path, "{\"role\": \"support\"}");
    assert_problem(h, reply, 409, "conflict", NULL);
    reply = session_call(h, &session, "PATCH", path, "{\"name\": \"Ann\"}");
    assert_status(reply, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_change_needs_the_csrf_token_of_its_own_session, .has_no_worker = true),
        harness_test(test_our_own_pages_may_change_things, .has_no_worker = true),
        harness_test(test_nobody_is_signed_in_from_another_origin, .has_no_worker = true),
        harness_test(test_an_authorization_header_wins_over_the_cookie, .has_no_worker = true),
        harness_test(test_a_garbled_cookie_is_401, .has_no_worker = true),
        harness_test(test_sessions_that_are_ended_stop_everywhere_within_5_seconds,
                     .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_THREADS=2", NULL}),
        harness_test(test_a_session_that_is_idle_or_too_old_ends, .has_no_worker = true),
        harness_test(test_users_are_made_listed_changed_and_removed, .has_no_worker = true),
        harness_test(test_an_operator_is_no_user_of_a_tenant_nor_the_other_way_round,
                     .has_no_worker = true),
        harness_test(test_nobody_takes_its_own_rights_away, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
