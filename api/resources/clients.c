/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAuth clients of a tenant and their secrets. The statements are in clients.sql beside this file;
 * what a client does with its secret is in api/auth/oauth.c.
 */
#include "api/auth/client_id.h"
#include "api/http/call.h"
#include "api/resources/clients.sql.h"
#include "api/resources/resources.h"
#include "api/resources/scopes.h"
#include "hk/clock.h"
#include "hk/encode.h"

enum { MIN_LIFETIME_S = 60, MAX_LIFETIME_S = 3600, MAX_OVERLAP_S = 7 * 86400 };

static const struct body_field client_create_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "role",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED,
     .max = 16,
     .choices = "admin|partner|support|producer|receiver"},
    {.name = "partner",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_PARTNER},
    {.name = "scopes",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_SCOPES},
    {.name = "token_lifetime_s",
     .type = BODY_INTEGER,
     .flags = BODY_NULLABLE,
     .min = MIN_LIFETIME_S,
     .max = MAX_LIFETIME_S},
    {0},
};

static const struct body_field client_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "scopes",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_SCOPES},
    {.name = "token_lifetime_s",
     .type = BODY_INTEGER,
     .flags = BODY_NULLABLE,
     .min = MIN_LIFETIME_S,
     .max = MAX_LIFETIME_S},
    {0},
};

static const struct body_field secret_create_body[] = {
    {.name = "overlap_s", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_OVERLAP_S},
    {0},
};

static void set_secret(struct call *call)
{
    char secret[CLIENT_SECRET_TEXT_SIZE];
    uint8_t hash[HK_SHA256_SIZE];
    char hex[2 * HK_SHA256_SIZE + 1];

    client_secret_new(secret);
    hk_sha256(secret, strlen(secret), hash);
    hk_hex_encode(hash, sizeof(hash), hex);
    call_set_param(call, "=secret", hk_str(secret));
    call_set_param(call, "=secret_sha256", hk_str(hex));
    explicit_bzero(secret, sizeof(secret));
}

/* The ids are made here, because the client_id is made of both. */
static void set_ids(struct call *call)
{
    struct hk_id_source source = {0};
    struct hk_id id = hk_id_new(&source, hk_wall_us() / 1000);
    char text[HK_ID_TEXT_SIZE], client_id[CLIENT_ID_TEXT_SIZE];

    hk_id_format(&id, text);
    client_id_format(&call->caller.tenant_id, &id, client_id);
    call_set_param(call, "=id", hk_str(text));
    call_set_param(call, "=client_id", hk_str(client_id));
}

static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    enum role role = auth_role_from_name(call_body_string(call, "role"));

    if (role_check_partner(role, call_body_string(call, "partner"), reterr) != HK_OK)
        return reterr->code;
    set_ids(call);
    set_secret(call);
    scopes_set(call);
    return HK_OK;
}

static enum hk_code prepare_update(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    scopes_set(call);
    return HK_OK;
}

static enum hk_code prepare_secret(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    set_secret(call);
    scopes_set(call);
    return HK_OK;
}

const struct route clients_routes[] = {
    {
        .method = "POST",
        .path = "/v1/clients",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 201,
        .location = "/v1/clients/",
        .body = client_create_body,
        .stmt = &stmt_client_create,
        .bind = {"tenant", "body", "=id", "=client_id", "=secret", "=secret_sha256",
                 "=scopes_of_roles", "=scopes_to_give"},
        .prepare = prepare_create,
    },
    {
        .method = "GET",
        .path = "/v1/clients",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_client_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/clients/:client_id",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_client_get,
        .bind = {"tenant", ":client_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/clients/:client_id",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 200,
        .body = client_update_body,
        .stmt = &stmt_client_update,
        .bind = {"tenant", ":client_id", "body", "if_match", "=scopes_of_roles", "=scopes_to_give"},
        .prepare = prepare_update,
    },
    {
        .method = "DELETE",
        .path = "/v1/clients/:client_id",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_client_revoke,
        .bind = {"tenant", ":client_id"},
    },
    {
        .method = "POST",
        .path = "/v1/clients/:client_id/secrets",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 200,
        .body = secret_create_body,
        .body_is_optional = true,
        .stmt = &stmt_client_secret_create,
        .bind = {"tenant", ":client_id", "body", "=secret", "=secret_sha256", "=scopes_of_roles",
                 "=scopes_to_give"},
        .prepare = prepare_secret,
    },
    {
        .method = "DELETE",
        .path = "/v1/clients/:client_id/secrets/:client_secret_id",
        .scope = SCOPE_CLIENTS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_client_secret_delete,
        .bind = {"tenant", ":client_id", ":client_secret_id"},
    },
    {0},
};
