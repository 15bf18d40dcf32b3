/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/user.h - users who have signed in, as a browser would call the API for them. */
#ifndef SUPPORT_USER_H
#define SUPPORT_USER_H

#include "tests/support/harness.h"

#define USER_PASSWORD "a long enough password"

struct user {
    const char *id;
    const char *tenant_id;
    const char *email;
    const char *password_token; /* as it was made */
};

/* What a browser keeps of a sign-in, as header lines. */
struct session {
    const char *cookie;     /* "Cookie: __Host-hookline_session=..." */
    const char *csrf_token; /* "X-CSRF-Token: ..." */
};

/* A user without a password, made with that key; `partner` NULL for roles without one. */
struct user given_new_user(struct harness *h, const char *key, const char *tenant_id,
                           const char *role, const char *partner, const char *email);

/* A user of the tenant with the password USER_PASSWORD. */
struct user given_user(struct harness *h, const struct tenant *t, const char *role,
                       const char *email);

/* POST /v1/session */
struct reply sign_in(struct harness *h, const struct user *user, const char *password);

/* The same, which has to succeed. */
struct session given_session(struct harness *h, const struct user *user, const char *password);

/* What the browser keeps of that answer. */
struct session session_of(struct harness *h, const struct reply *reply);

/* Calls the API with the session's cookie and CSRF token; `body` may be NULL. */
struct reply session_call(struct harness *h, const struct session *session, const char *method,
                          const char *path, const char *body);

#endif
