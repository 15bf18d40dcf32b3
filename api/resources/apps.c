/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Apps: what partners register, with their custom fields and a first subscription in one request
 * (BC-01, BC-02). The statements are in apps.sql beside this file.
 */
#include "api/http/call.h"
#include "api/receivers/verification.h"
#include "api/resources/apps.sql.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"

static const struct body_field app_create_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    {.name = "partner", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_PARTNER},
    {.name = "custom_fields",
     .type = BODY_OBJECT_LIST,
     .max = MAX_CUSTOM_FIELDS,
     .fields = custom_field_create_body},
    {.name = "subscription", .type = BODY_OBJECT, .fields = subscription_create_body},
    {0},
};

static const struct body_field app_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "description", .type = BODY_STRING, .flags = BODY_NULLABLE, .max = MAX_DESCRIPTION},
    {0},
};

static const struct query_field app_list_query[] = {
    {.name = "partner", .type = QUERY_TEXT},
    {.name = "name", .type = QUERY_TEXT},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|archived"},
    {0},
};

/* Whose app it is: a partner's key says so itself, everyone else has to. */
static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    struct hk_str partner = call_body_string(call, "partner");
    struct hk_str own = hk_str(call->caller.partner);

    if (own.n == 0 && partner.p == NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "is required");
    if (own.n > 0 && partner.p != NULL && !hk_str_eq(own, partner))
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "is not the partner of this key");
    if (partner.n >= sizeof(call->caller.partner))
        return hk_fail(reterr, HK_INVALID_BODY, "/partner", "must not be longer than %zu bytes",
                       sizeof(call->caller.partner) - 1);

    secrets_set_subscription(call, "subscription");
    subscription_set_url_fault(call, "subscription/url");
    return HK_OK;
}

const struct route apps_routes[] = {
    {
        .method = "POST",
        .path = "/v1/apps",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 201,
        .location = "/v1/apps/",
        .body = app_create_body,
        .stmt = &stmt_app_create,
        .bind = {"tenant", "partner", "body", "=secrets", "=url_fault"},
        .prepare = prepare_create,
        .on_ok = verification_on_ok,
    },
    {
        .method = "GET",
        .path = "/v1/apps",
        .scope = SCOPE_APPS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = app_list_query,
        .stmt = &stmt_app_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?partner", "?name", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/apps/:app_id",
        .scope = SCOPE_APPS_READ,
        .ok_status = 200,
        .stmt = &stmt_app_get,
        .bind = {"tenant", "partner", ":app_id"},
    },
    {
        .method = "GET",
        .path = "/v1/apps/:app_id/companies",
        .scope = SCOPE_COMPANIES_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_app_companies,
        .bind = {"tenant", "partner", ":app_id", "?limit", "?cursor"},
    },
    {
        .method = "PATCH",
        .path = "/v1/apps/:app_id",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 200,
        .body = app_update_body,
        .stmt = &stmt_app_update,
        .bind = {"tenant", "partner", ":app_id", "body", "if_match"},
    },
    {
        .method = "DELETE",
        .path = "/v1/apps/:app_id",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_app_archive,
        .bind = {"tenant", "partner", ":app_id"},
    },
    {0},
};
