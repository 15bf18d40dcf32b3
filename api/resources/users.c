/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users of a tenant, and of the installation: those are operators. The statements are in users.sql
 * beside this file.
 */
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"
#include "api/resources/users.sql.h"

#define ROLES "operator|admin|support|partner"

static const struct body_field user_create_body[] = {
    {.name = "email",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_EMAIL,
     .check = check_email},
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "role", .type = BODY_STRING, .flags = BODY_REQUIRED, .max = 16, .choices = ROLES},
    {.name = "partner",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_PARTNER,
     .check = check_partner_size},
    {0},
};

static const struct body_field user_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "role", .type = BODY_STRING, .max = 16, .choices = ROLES},
    {.name = "partner",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_PARTNER,
     .check = check_partner_size},
    {.name = "state", .type = BODY_STRING, .max = 16, .choices = "active|disabled"},
    {0},
};

static const struct query_field user_list_query[] = {
    {.name = "role", .type = QUERY_CHOICE, .choices = ROLES},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|disabled"},
    {.name = "email", .type = QUERY_TEXT},
    {0},
};

/* "=roles": see user_change.sql. */
static enum hk_code prepare_roles(struct call *call, struct hk_error *reterr)
{
    char roles[AUTH_ROLES_SIZE];

    (void)reterr;
    auth_list_roles(&call->caller, 0, roles);
    call_set_param(call, "=roles", hk_str(roles));
    return HK_OK;
}

static enum hk_code prepare_token(struct call *call, struct hk_error *reterr)
{
    secrets_set_token(call);
    return prepare_roles(call, reterr);
}

static enum hk_code prepare_sessions(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    call_set_param(call, "=session_sha256",
                   call->session_token.p == NULL ? HK_STR_NULL : hk_str(call->key_sha256_hex));
    return HK_OK;
}

const struct route users_routes[] = {
    {
        .method = "POST",
        .path = "/v1/users",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 201,
        .location = "/v1/users/",
        .body = user_create_body,
        .stmt = &stmt_user_create,
        .bind = {"tenant", "body", "=roles", "=token", "=token_sha256"},
        .prepare = prepare_token,
    },
    {
        .method = "GET",
        .path = "/v1/users",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .query = user_list_query,
        .stmt = &stmt_user_list,
        .bind = {"tenant", "?limit", "?cursor", "?role", "?state", "?email"},
    },
    {
        .method = "GET",
        .path = "/v1/users/:user_id",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_user_get,
        .bind = {"tenant", ":user_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/users/:user_id",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 200,
        .body = user_update_body,
        .stmt = &stmt_user_update,
        .bind = {"tenant", ":user_id", "body", "if_match", "=roles"},
        .prepare = prepare_roles,
    },
    {
        .method = "DELETE",
        .path = "/v1/users/:user_id",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_user_delete,
        .bind = {"tenant", ":user_id", "=roles"},
        .prepare = prepare_roles,
    },
    {
        .method = "POST",
        .path = "/v1/users/:user_id/password-token",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_user_password_token,
        .bind = {"tenant", ":user_id", "=roles", "=token", "=token_sha256"},
        .prepare = prepare_token,
    },
    {
        .method = "GET",
        .path = "/v1/users/:user_id/sessions",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_user_session_list,
        .bind = {"tenant", "?limit", "?cursor", ":user_id", "=session_sha256"},
        .prepare = prepare_sessions,
    },
    {
        .method = "DELETE",
        .path = "/v1/users/:user_id/sessions",
        .scope = SCOPE_USERS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_user_session_end,
        .bind = {"tenant", ":user_id"},
    },
    {0},
};
