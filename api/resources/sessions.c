/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in and out, and passwords. The statements are in sessions.sql beside this file; what a
 * password has to go through before is in api/auth/sign_in.c.
 */
#include "api/auth/password.h"
#include "api/auth/sign_in.h"
#include "api/http/call.h"
#include "api/http/cookie.h"
#include "api/resources/resources.h"
#include "api/resources/sessions.sql.h"
#include "hk/buf.h"

#define PASSWORD_FIELD(member)                                                                     \
    {                                                                                              \
        .name = (member), .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY,             \
        .max = PASSWORD_MAX_CHARACTERS                                                             \
    }

static const struct body_field session_create_body[] = {
    {.name = "tenant_id", .type = BODY_STRING, .flags = BODY_REQUIRED, .max = 36},
    {.name = "email",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_EMAIL},
    PASSWORD_FIELD("password"),
    {0},
};

static const struct body_field password_change_body[] = {
    PASSWORD_FIELD("old_password"),
    PASSWORD_FIELD("new_password"),
    {0},
};

static const struct body_field password_set_body[] = {
    {.name = "tenant_id", .type = BODY_STRING, .flags = BODY_REQUIRED, .max = 36},
    {.name = "token", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = 64},
    PASSWORD_FIELD("password"),
    {0},
};

/* "=session_sha256": NULL for a caller that came with another proof. */
static void set_session(struct call *call)
{
    call_set_param(call, "=session_sha256",
                   call->session_token.p == NULL ? HK_STR_NULL : hk_str(call->key_sha256_hex));
}

/* {"actor": ..., "role": ..., "partner": ..., "scopes": [...]} */
static void set_caller(struct call *call)
{
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    const char *separator = "";

    hk_buf_init(&text, 8192);
    hk_buf_add_text(&text, "{\"actor\":");
    hk_buf_add_json_string(&text, hk_str(call->caller.actor));
    hk_buf_printf(&text, ",\"role\":\"%s\",\"partner\":", auth_role_name(call->caller.role));
    if (call->caller.partner[0] == '\0')
        hk_buf_add_text(&text, "null");
    else
        hk_buf_add_json_string(&text, hk_str(call->caller.partner));
    hk_buf_add_text(&text, ",\"scopes\":[");
    for (unsigned scope = SCOPE_PUBLIC + 1; scope < SCOPE_COUNT; scope++) {
        if (!auth_may(&call->caller, (enum scope)scope))
            continue;
        hk_buf_printf(&text, "%s\"%s\"", separator, auth_scope_name((enum scope)scope));
        separator = ",";
    }
    hk_buf_add_text(&text, "]}");
    call_set_param(call, "=caller", hk_buf_str(&text));
}

static enum hk_code prepare_get(struct call *call, struct hk_error *reterr)
{
    char csrf_token[CSRF_TOKEN_SIZE] = "";

    (void)reterr;
    set_session(call);
    set_caller(call);
    if (call->session_token.p != NULL)
        csrf_token_of(call->session_token, csrf_token);
    call_set_param(call, "=csrf_token", csrf_token[0] == '\0' ? HK_STR_NULL : hk_str(csrf_token));
    return HK_OK;
}

static enum hk_code prepare_end(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    set_session(call);
    return HK_OK;
}

const struct route sessions_routes[] = {
    {
        .method = "POST",
        .path = "/v1/session",
        .counts_refusals = true,
        .scope = SCOPE_PUBLIC,
        .ok_status = 201,
        .body = session_create_body,
        .work = sign_in_create_session,
        .stmt = &stmt_session_create,
        .bind = {"tenant", "=email", "=proven_hash", "=new_hash", "=session_sha256", "=lifetime_s",
                 "=csrf_token"},
        .on_ok = sign_in_set_cookie,
    },
    {
        .method = "GET",
        .path = "/v1/session",
        .scope = SCOPE_SESSION,
        .ok_status = 200,
        .stmt = &stmt_session_get,
        .bind = {"tenant", "=session_sha256", "=caller", "=csrf_token"},
        .prepare = prepare_get,
    },
    {
        .method = "DELETE",
        .path = "/v1/session",
        .scope = SCOPE_SESSION,
        .ok_status = 204,
        .stmt = &stmt_session_end,
        .bind = {"tenant", "=session_sha256"},
        .prepare = prepare_end,
        .on_ok = sign_in_clear_cookie,
    },
    {
        .method = "POST",
        .path = "/v1/session/password",
        .counts_refusals = true,
        .scope = SCOPE_SESSION,
        .ok_status = 204,
        .body = password_change_body,
        .work = sign_in_change_password,
        .stmt = &stmt_password_change,
        .bind = {"tenant", "=session_sha256", "=proven_hash", "=new_hash"},
    },
    {
        .method = "POST",
        .path = "/v1/password",
        .counts_refusals = true,
        .scope = SCOPE_PUBLIC,
        .ok_status = 204,
        .body = password_set_body,
        .work = sign_in_set_password,
        .stmt = &stmt_password_set,
        .bind = {"tenant", "=token_sha256", "=new_hash"},
    },
    {0},
};
