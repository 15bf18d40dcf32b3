/* SPDX-License-Identifier: Apache-2.0 */
/* Users sign in, and out; passwords are set, changed and guessed at. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/user.h"

static struct reply set_password(struct harness *h, const struct user *user, const char *token,
                                 const char *password)
{
    return api_call(h, NULL, "POST", "/v1/password",
                    "{\"tenant_id\": \"%s\", \"token\": \"%s\", \"password\": \"%s\"}",
                    user->tenant_id, token, password);
}

static struct reply change_password(struct harness *h, const struct session *session,
                                    const char *old_password, const char *new_password)
{
    return session_call(h, session, "POST", "/v1/session/password",
                        http_text(h->http, "{\"old_password\": \"%s\", \"new_password\": \"%s\"}",
                                  old_password, new_password));
}

static void test_a_user_signs_in_and_is_known_by_the_cookie(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "admin", "ann@example.com");
    struct reply reply = sign_in(h, &user, USER_PASSWORD);
    struct session session;
    const char *cookie;

    assert_status(reply, 201);
    assert_members(reply, "", "user,csrf_token,expires_at");
    assert_string_equal(reply_text(&reply, "user.id"), user.id);
    cookie = reply_header(h->http, &reply, "set-cookie");
    assert_memory_equal(cookie, "__Host-hookline_session=hks_", 28);
    assert_non_null(strstr(cookie, "; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=86400"));
    session = session_of(h, &reply);

    reply = session_call(h, &session, "GET", "/v1/session", NULL);
    assert_status(reply, 200);
    assert_members(reply, "", "actor,role,partner,scopes,tenant,user,csrf_token,expires_at");
    assert_string_equal(reply_text(&reply, "actor"), http_text(h->http, "user:%s", user.id));
    assert_string_equal(reply_text(&reply, "tenant.id"), t->id);
    assert_string_equal(http_text(h->http, "X-CSRF-Token: %s", reply_text(&reply, "csrf_token")),
                        session.csrf_token);
    reply = session_call(h, &session, "POST", "/v1/event_types", "{\"name\": \"order.paid\"}");
    assert_status(reply, 201);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.audit_log WHERE actor = 'user:%s'"
                            " AND action = 'event_type.created'",
                            user.id),
                     1);
}

static void test_whoever_has_a_key_is_told_who_it_is(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->partner, "GET", "/v1/session", NULL);

    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "role"), "partner");
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    assert_true(reply_is_null(&reply, "user"));
    assert_true(reply_is_null(&reply, "csrf_token"));
    reply = api_call(h, t->partner, "DELETE", "/v1/session", NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
    reply = api_call(h, t->admin, "POST", "/v1/session/password",
                     "{\"old_password\": \"x\", \"new_password\": \"y\"}");
    assert_problem(h, reply, 404, "not_found", NULL);
}

static void test_whatever_is_wrong_gets_the_same_401(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct user user = given_user(h, t, "admin", "ann@example.com");
    struct user unset = given_new_user(h, t->admin, t->id, "admin", NULL, "new@example.com");
    struct user disabled = given_user(h, t, "support", "bob@example.com");
    struct user wrong[] = {user, user, user, unset, disabled, user};
    struct reply reply;

    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/users/%s", disabled.id),
                     "{\"state\": \"disabled\"}");
    assert_status(reply, 200);
    wrong[0].email = "nobody@example.com";
    wrong[1].tenant_id = other->id;
    wrong[2].tenant_id = "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee01";
    for (size_t i = 0; i < HK_COUNTOF(wrong); i++) {
        reply = sign_in(h, &wrong[i], i == 5 ? "another long password" : USER_PASSWORD);
        assert_problem(h, reply, 401, "sign_in_failed", NULL);
        assert_null(reply_header(h->http, &reply, "set-cookie"));
        assert_non_null(reply_header(h->http, &reply, "www-authenticate"));
    }
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_status(reply, 201);
}

static void test_the_email_address_has_no_case(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "support", "Ann@Example.com");
    struct reply reply;

    user.email = "aNN@eXAMPLE.COM";
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "user.email"), "ann@example.com");
}

static void test_a_session_ends_with_its_sign_out(void **state)
{
    struct harness *h = *state;
    struct user user = given_user(h, given_tenant(h), "admin", "ann@example.com");
    struct session session = given_session(h, &user, USER_PASSWORD);
    struct reply reply = session_call(h, &session, "DELETE", "/v1/session", NULL);

    assert_status(reply, 204);
    assert_non_null(strstr(reply_header(h->http, &reply, "set-cookie"), "_session=; Path=/;"));
    assert_non_null(strstr(reply_header(h->http, &reply, "set-cookie"), "Max-Age=0"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.user_session"), 0);
}

static void test_a_one_time_token_is_good_once_and_for_72_hours(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_new_user(h, t->admin, t->id, "admin", NULL, "ann@example.com");
    struct reply reply = set_password(h, &user, user.password_token, "short");

    assert_problem(h, reply, 422, "invalid_body", "/password");
    reply = set_password(h, &user, user.password_token, "ANN@example.com");
    assert_problem(h, reply, 422, "invalid_body", "/password");
    reply = set_password(h, &user, "another", USER_PASSWORD);
    assert_problem(h, reply, 422, "invalid_body", "/token");
    assert_int_equal(db_int(h, "SELECT round(extract(epoch FROM password_token_expires_at - now())"
                               " / 3600) FROM hookline.user_account"),
                     72);
    reply = set_password(h, &user, user.password_token, USER_PASSWORD);
    assert_status(reply, 204);
    reply = set_password(h, &user, user.password_token, USER_PASSWORD);
    assert_problem(h, reply, 422, "invalid_body", "/token");
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_status(reply, 201);
}

static void test_a_new_token_ends_sessions_when_it_is_used(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "support", "ann@example.com");
    struct reply reply;

    (void)given_session(h, &user, USER_PASSWORD);
    reply = api_call(h, t->admin, "POST",
                     http_text(h->http, "/v1/users/%s/password-token", user.id), NULL);
    assert_status(reply, 200);
    assert_members(reply, "", "token,expires_at");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.user_session"), 1);
    reply = set_password(h, &user, reply_text(&reply, "token"), "the second password");
    assert_status(reply, 204);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.user_session"), 0);
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_problem(h, reply, 401, "sign_in_failed", NULL);
}

static void test_a_password_changes_with_the_old_one_and_ends_other_sessions(void **state)
{
    struct harness *h = *state;
    struct user user = given_user(h, given_tenant(h), "partner", "ann@example.com");
    struct session session = given_session(h, &user, USER_PASSWORD);
    struct reply reply;

    (void)given_session(h, &user, USER_PASSWORD);
    reply = change_password(h, &session, "not my password", "the second password");
    assert_problem(h, reply, 422, "invalid_body", "/old_password");
    reply = change_password(h, &session, USER_PASSWORD, "password1234");
    assert_problem(h, reply, 422, "invalid_body", "/new_password");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.user_session"), 2);
    reply = change_password(h, &session, USER_PASSWORD, "the second password");
    assert_status(reply, 204);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.user_session"), 1);
    reply = session_call(h, &session, "GET", "/v1/session", NULL);
    assert_status(reply, 200);
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_problem(h, reply, 401, "sign_in_failed", NULL);
    reply = sign_in(h, &user, "the second password");
    assert_status(reply, 201);
}

static void test_guessing_is_slowed_down_for_users_and_for_nobody_alike(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user users[] = {given_user(h, t, "admin", "ann@example.com"),
                           {.tenant_id = t->id, .email = "nobody@example.com"}};
    struct user bob = given_user(h, t, "admin", "bob@example.com");
    struct reply reply;

    for (size_t u = 0; u < HK_COUNTOF(users); u++) {
        for (int i = 0; i < 10; i++) {
            reply = sign_in(h, &users[u], http_text(h->http, "wrong password %d", i));
            assert_problem(h, reply, 401, "sign_in_failed", NULL);
        }
        reply = sign_in(h, &users[u], USER_PASSWORD);
        assert_problem(h, reply, 429, "too_many_attempts", NULL);
        assert_in_range(strtol(reply_header(h->http, &reply, "retry-after"), NULL, 10), 1, 2);
    }
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action = 'user.sign_in_failed'"),
        10);
    reply = sign_in(h, &bob, USER_PASSWORD); /* nobody else feels it */
    assert_status(reply, 201);
}

struct
try {
    struct harness *h;
    const struct user *user;
};

static bool signs_in(void *arg)
{
    struct try *try = arg;

    return sign_in(try->h, try->user, USER_PASSWORD).status == 201;
}

static void test_the_right_password_is_taken_after_the_delay(void **state)
{
    struct harness *h = *state;
    struct user user = given_user(h, given_tenant(h), "admin", "ann@example.com");
    struct try try = {h, &user};

    for (int i = 0; i < 10; i++)
        (void)sign_in(h, &user, "a wrong password");
    assert_false(signs_in(&try));
    assert_true(wait_until(signs_in, &try, 10000));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.sign_in_failure"), 0);
}

static void test_a_hash_of_older_parameters_is_replaced_at_the_next_sign_in(void **state)
{
    /* "a long enough password" by the tool argon2, with 4 MiB and one pass */
    static const char old[] = "$argon2id$v=19$m=4096,t=1,p=1$"
                              "c29tZXNhbHQxMjM0NTY3OA$SYBcotyEIN2+W6zsUZtieilbQk4qAjDrEyTayA7t4Zk";
    struct harness *h = *state;
    struct user user = given_user(h, given_tenant(h), "admin", "ann@example.com");
    struct reply reply;

    (void)db_text(h, "UPDATE hookline.user_account SET password_hash = '%s'", old);
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_status(reply, 201);
    assert_memory_equal(db_text(h, "SELECT password_hash FROM hookline.user_account"),
                        "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    reply = sign_in(h, &user, USER_PASSWORD);
    assert_status(reply, 201);
}

static void test_nothing_of_a_password_or_a_token_is_kept_or_logged(void **state)
{
    struct harness *h = *state;
    struct user user = given_user(h, given_tenant(h), "admin", "ann@example.com");
    struct session session = given_session(h, &user, USER_PASSWORD);
    const char *const secrets[] = {USER_PASSWORD, user.password_token,
                                   strstr(session.cookie, "hks_"),
                                   strchr(session.csrf_token, ' ') + 1};
    static const char *const tables[] = {"user_account", "user_session", "sign_in_failure",
                                         "audit_log"};

    for (size_t i = 0; i < HK_COUNTOF(secrets); i++) {
        for (size_t table = 0; table < HK_COUNTOF(tables); table++)
            assert_int_equal(db_int(h,
                                    "SELECT count(*) FROM hookline.%s r"
                                    " WHERE strpos(r::text, '%s') > 0",
                                    tables[table], secrets[i]),
                             0);
        assert_null(strstr(harness_logs(h), secrets[i]));
    }
}

static void test_an_operator_signs_in_to_the_installation(void **state)
{
    static const char installation[] = "00000000-0000-0000-0000-000000000000";
    struct harness *h = *state;
    struct user user =
        given_new_user(h, h->operator_key, installation, "operator", NULL, "op@example.com");
    struct session session;
    struct reply reply = set_password(h, &user, user.password_token, USER_PASSWORD);

    assert_status(reply, 204);
    session = given_session(h, &user, USER_PASSWORD);
    reply = session_call(h, &session, "GET", "/v1/tenants", NULL);
    assert_status(reply, 200);
    reply = session_call(h, &session, "GET", "/v1/apps", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_user_signs_in_and_is_known_by_the_cookie, .has_no_worker = true),
        harness_test(test_whoever_has_a_key_is_told_who_it_is, .has_no_worker = true),
        harness_test(test_whatever_is_wrong_gets_the_same_401, .has_no_worker = true),
        harness_test(test_the_email_address_has_no_case, .has_no_worker = true),
        harness_test(test_a_session_ends_with_its_sign_out, .has_no_worker = true),
        harness_test(test_a_one_time_token_is_good_once_and_for_72_hours, .has_no_worker = true),
        harness_test(test_a_new_token_ends_sessions_when_it_is_used, .has_no_worker = true),
        harness_test(test_a_password_changes_with_the_old_one_and_ends_other_sessions,
                     .has_no_worker = true),
        harness_test(test_guessing_is_slowed_down_for_users_and_for_nobody_alike,
                     .has_no_worker = true),
        harness_test(test_the_right_password_is_taken_after_the_delay, .has_no_worker = true),
        harness_test(test_a_hash_of_older_parameters_is_replaced_at_the_next_sign_in,
                     .has_no_worker = true),
        harness_test(test_nothing_of_a_password_or_a_token_is_kept_or_logged,
                     .has_no_worker = true),
        harness_test(test_an_operator_signs_in_to_the_installation, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
