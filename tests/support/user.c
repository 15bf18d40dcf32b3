/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/user.h"

#include <string.h>

struct user given_new_user(struct harness *h, const char *key, const char *tenant_id,
                           const char *role, const char *partner, const char *email)
{
    const char *member =
        partner == NULL ? "" : http_text(h->http, ", \"partner\": \"%s\"", partner);
    struct reply reply = api_call(h, key, "POST", "/v1/users",
                                  "{\"email\": \"%s\", \"name\": \"%s\", \"role\": \"%s\"%s}",
                                  email, email, role, member);

    assert_status(reply, 201);
    return (struct user){
        .id = reply_text(&reply, "id"),
        .tenant_id = tenant_id,
        .email = email,
        .password_token = reply_text(&reply, "password_token.token"),
    };
}

struct user given_user(struct harness *h, const struct tenant *t, const char *role,
                       const char *email)
{
    const char *partner = strcmp(role, "partner") == 0 ? "acme" : NULL;
    struct user user = given_new_user(h, t->admin, t->id, role, partner, email);
    struct reply reply =
        api_call(h, NULL, "POST", "/v1/password",
                 "{\"tenant_id\": \"%s\", \"token\": \"%s\", \"password\": \"" USER_PASSWORD "\"}",
                 t->id, user.password_token);

    assert_status(reply, 204);
    return user;
}

struct reply sign_in(struct harness *h, const struct user *user, const char *password)
{
    return api_call(h, NULL, "POST", "/v1/session",
                    "{\"tenant_id\": \"%s\", \"email\": \"%s\", \"password\": \"%s\"}",
                    user->tenant_id, user->email, password);
}

struct session session_of(struct harness *h, const struct reply *reply)
{
    const char *cookie = reply_header(h->http, reply, "set-cookie");

    assert_non_null(cookie);
    return (struct session){
        .cookie = http_text(h->http, "Cookie: %.*s", (int)strcspn(cookie, ";"), cookie),
        .csrf_token = http_text(h->http, "X-CSRF-Token: %s", reply_text(reply, "csrf_token")),
    };
}

struct session given_session(struct harness *h, const struct user *user, const char *password)
{
    struct reply reply = sign_in(h, user, password);

    assert_status(reply, 201);
    return session_of(h, &reply);
}

struct reply session_call(struct harness *h, const struct session *session, const char *method,
                          const char *path, const char *body)
{
    const char *const headers[] = {session->cookie, session->csrf_token, NULL};

    return api_send(h, NULL, method, path, hk_str(body), headers);
}
