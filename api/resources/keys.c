/* SPDX-License-Identifier: Apache-2.0 */
/* API keys of a tenant. The statements are in keys.sql beside this file. */
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/keys.sql.h"
#include "api/resources/resources.h"
#include "api/resources/scopes.h"
#include "api/resources/secrets.h"

static enum hk_code check_scope(struct hk_str value, struct hk_error *reterr)
{
    return memchr(value.p, ' ', value.n) == NULL && auth_scopes_of_names(value) != 0
               ? HK_OK
               : hk_fail(reterr, HK_INVALID_BODY, "", "is not the name of a scope");
}

static const struct body_field key_create_body[] = {
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
    {.name = "expires_at",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE,
     .max = 40,
     .check = check_timestamp},
    REQUEST_LIMIT_FIELDS,
    {.name = "scopes",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_SCOPES,
     .check = check_scope},
    {0},
};

static const struct body_field key_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "expires_at",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE,
     .max = 40,
     .check = check_timestamp},
    {.name = "scopes",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_SCOPES,
     .check = check_scope},
    REQUEST_LIMIT_FIELDS,
    {0},
};

static const struct query_field key_list_query[] = {
    {.name = "role",
     .type = QUERY_CHOICE,
     .choices = "operator|admin|partner|support|producer|receiver"},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|expired|revoked"},
    {0},
};

static enum hk_code refuse_more(struct hk_error *reterr)
{
    return hk_fail(reterr, HK_FORBIDDEN, "", "A key cannot get more scopes than the caller has.");
}

/* Without `scopes` a key has all that its role grants. */
static enum hk_code check_given_scopes(struct call *call, enum role role, struct hk_error *reterr)
{
    struct hk_str names = call_body_strings(call, "scopes");
    uint64_t scopes = names.p == NULL ? auth_role_scopes(role) : auth_scopes_of_names(names);

    if ((scopes & ~auth_role_scopes(role)) != 0)
        return hk_fail(reterr, HK_INVALID_BODY, "/scopes", "The role has not all of these scopes.");
    return auth_may_give(&call->caller, scopes) ? HK_OK : refuse_more(reterr);
}

/* A key without a partner sees every app: it must not come about by forgetting one. */
static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    enum role role = auth_role_from_name(call_body_string(call, "role"));
    struct hk_str partner = call_body_string(call, "partner");
    bool needs_partner = role == ROLE_PARTNER || role == ROLE_RECEIVER;

    if (needs_partner && partner.p == NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "A key of this role needs a partner.");
    if (!needs_partner && partner.p != NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "A key of this role has no partner.");
    if (partner.n >= sizeof(call->caller.partner))
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "must not be longer than %zu bytes",
                       sizeof(call->caller.partner) - 1);

    if (check_given_scopes(call, role, reterr) != HK_OK)
        return reterr->code;
    secrets_set_key(call, &call->caller.tenant_id);
    return HK_OK;
}

/* The key's role is known to the statement: it gets those that the scopes fit. */
static enum hk_code prepare_update(struct call *call, struct hk_error *reterr)
{
    uint64_t scopes = auth_scopes_of_names(call_body_strings(call, "scopes"));
    char roles[AUTH_ROLES_SIZE];

    if (!auth_may_give(&call->caller, scopes))
        return refuse_more(reterr);
    auth_list_roles(&call->caller, scopes, roles);
    call_set_param(call, "=roles", hk_str(roles));
    scopes_set(call);
    return HK_OK;
}

const struct route keys_routes[] = {
    {
        .method = "POST",
        .path = "/v1/keys",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 201,
        .location = "/v1/keys/",
        .body = key_create_body,
        .stmt = &stmt_key_create,
        .bind = {"tenant", "body", "=key", "=key_sha256"},
        .prepare = prepare_create,
    },
    {
        .method = "GET",
        .path = "/v1/keys",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .query = key_list_query,
        .stmt = &stmt_key_list,
        .bind = {"tenant", "?limit", "?cursor", "?role", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/keys/:key_id",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_key_get,
        .bind = {"tenant", ":key_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/keys/:key_id",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 200,
        .body = key_update_body,
        .stmt = &stmt_key_update,
        .bind = {"tenant", ":key_id", "body", "if_match", "=roles", "=scopes_of_roles",
                 "=scopes_to_give"},
        .prepare = prepare_update,
    },
    {
        .method = "DELETE",
        .path = "/v1/keys/:key_id",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_key_revoke,
        .bind = {"tenant", ":key_id"},
    },
    {0},
};
