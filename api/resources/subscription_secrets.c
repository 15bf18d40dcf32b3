/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signing secrets of a subscription: made, imported, listed without their values, deleted. The
 * statements are in subscription_secrets.sql beside this file.
 */
#include "api/http/call.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"
#include "api/resources/subscription_secrets.sql.h"

enum { MAX_OVERLAP_S = 604800, MAX_SECRET = 128 };

static const struct body_field secret_create_body[] = {
    {.name = "secret",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = MAX_SECRET,
     .check = check_signing_secret},
    {.name = "kind", .type = BODY_STRING, .max = 3, .choices = "v1|v1a"},
    {.name = "overlap_s", .type = BODY_INTEGER, .max = MAX_OVERLAP_S},
    {0},
};

static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    struct hk_str subscription_id = call_path_param(call, "subscription_id");
    struct hk_str imported = call_body_string(call, "secret");
    struct hk_str kind = call_body_string(call, "kind");

    if (imported.p != NULL)
        return secrets_set_imported(call, subscription_id, imported, kind, reterr);
    secrets_set_another(call, subscription_id, kind);
    return HK_OK;
}

const struct route subscription_secrets_routes[] = {
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/secrets",
        .scope = SCOPE_SECRETS_MANAGE,
        .ok_status = 201,
        .location = "/v1/subscriptions/",
        .body = secret_create_body,
        .body_is_optional = true,
        .stmt = &stmt_subscription_secret_create,
        .bind = {"tenant", "partner", ":subscription_id", "body", "=secrets"},
        .prepare = prepare_create,
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id/secrets",
        .scope = SCOPE_SECRETS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_subscription_secret_list,
        .bind = {"tenant", "partner", ":subscription_id", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/subscriptions/:subscription_id/secrets/:secret_id",
        .scope = SCOPE_SECRETS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_subscription_secret_get,
        .bind = {"tenant", "partner", ":subscription_id", ":secret_id"},
    },
    {
        .method = "DELETE",
        .path = "/v1/subscriptions/:subscription_id/secrets/:secret_id",
        .scope = SCOPE_SECRETS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_subscription_secret_delete,
        .bind = {"tenant", "partner", ":subscription_id", ":secret_id"},
    },
    {0},
};
