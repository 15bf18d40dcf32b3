/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of a tenant, which all subscriptions share whose profile says so, as basekit's does
 * (BK-06). Who knows one can sign for all of them: only tenant admins make and end them. The
 * statements are in tenant_secrets.sql beside this file.
 */
#include "api/http/call.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"
#include "api/resources/tenant_secrets.sql.h"

enum { MAX_OVERLAP_S = 2592000 }; /* 30 days */

static const struct body_field tenant_secret_create_body[] = {
    {.name = "kind", .type = BODY_STRING, .max = 3, .choices = "v1|v1a"},
    {.name = "overlap_s", .type = BODY_INTEGER, .min = 0, .max = MAX_OVERLAP_S},
    {0},
};

static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    secrets_set_tenant(call, call_body_string(call, "kind"));
    return HK_OK;
}

const struct route tenant_secrets_routes[] = {
    {
        .method = "POST",
        .path = "/v1/tenant/secrets",
        .scope = SCOPE_TENANT_WRITE,
        .ok_status = 201,
        .location = "/v1/tenant/secrets/",
        .body = tenant_secret_create_body,
        .body_is_optional = true,
        .stmt = &stmt_tenant_secret_create,
        .bind = {"tenant", "body", "=secrets"},
        .prepare = prepare_create,
    },
    {
        .method = "GET",
        .path = "/v1/tenant/secrets",
        .scope = SCOPE_TENANT_WRITE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_tenant_secret_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/tenant/secrets/:tenant_secret_id",
        .scope = SCOPE_TENANT_WRITE,
        .ok_status = 200,
        .stmt = &stmt_tenant_secret_get,
        .bind = {"tenant", ":tenant_secret_id"},
    },
    {
        .method = "DELETE",
        .path = "/v1/tenant/secrets/:tenant_secret_id",
        .scope = SCOPE_TENANT_WRITE,
        .ok_status = 204,
        .stmt = &stmt_tenant_secret_delete,
        .bind = {"tenant", ":tenant_secret_id"},
    },
    {0},
};
