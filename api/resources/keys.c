/* SPDX-License-Identifier: Apache-2.0 */
/* API keys of a tenant. The statements are in keys.sql beside this file. */
#include "api/call.h"
#include "api/resources/checks.h"
#include "api/resources/keys.sql.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"

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
    {0},
};

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

    secrets_set_key(call, &call->caller.tenant_id);
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
        .stmt = &stmt_key_list,
        .bind = {"tenant", "?limit", "?cursor"},
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
        .method = "DELETE",
        .path = "/v1/keys/:key_id",
        .scope = SCOPE_KEYS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_key_revoke,
        .bind = {"tenant", ":key_id"},
    },
    {0},
};
