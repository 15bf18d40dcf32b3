/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/sign_in.h - the routes where a password is given: a user is looked up, the password is
 * compared or hashed on the helper's thread, and then the route's statement runs
 * (resources/sessions.c). That is the `work` of those routes.
 *
 * It sets "=email", "=proven_hash" (the stored hash that the password agreed with, NULL when it did
 * not: the statement refuses then), "=new_hash", and for a new session "=session_sha256",
 * "=csrf_token" and "=lifetime_s".
 */
#ifndef API_SIGN_IN_H
#define API_SIGN_IN_H

#include "api/http/call.h"

stage_fn sign_in_create_session;  /* POST /v1/session: {tenant_id, email, password} */
stage_fn sign_in_change_password; /* POST /v1/session/password: {old_password, new_password} */
stage_fn sign_in_set_password;    /* POST /v1/password: {tenant_id, token, password} */

/* For on_ok: the cookie of the new session, or one that removes it. */
void sign_in_set_cookie(struct call *call);
void sign_in_clear_cookie(struct call *call);

#endif
