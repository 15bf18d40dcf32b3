/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants, for operators, and a tenant's own settings. Whatever concerns one tenant acts as that
 * tenant: its policies hold, and its audit log tells of it. Only the list acts as the installation.
 */
#include "api/cells/every_cell.h"
#include "api/cells/tenant_cell.h"
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/quotas.sql.h"
#include "api/resources/resources.h"
#include "api/resources/secrets.h"
#include "api/resources/tenants.sql.h"
#include "hk/cells.h"
#include "hk/clock.h"

#define MAX_QUOTA INT64_C(1000000000000)

enum {
    MAX_ALLOWED_NETWORKS = 16,
    MAX_BASE_URL = 500,
    MAX_COOL_OFF_S = 900,
    MAX_RETENTION_DAYS = 1100
};

static const struct body_field quotas_body[] = {
    {.name = "apps", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_QUOTA},
    {.name = "companies", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_QUOTA},
    {.name = "subscriptions", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_QUOTA},
    {.name = "events_per_day", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_QUOTA},
    {0},
};

static const struct body_field tenant_create_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {.name = "allow_http", .type = BODY_BOOLEAN},
    {.name = "cell", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = HK_CELLS_MAX_NAME},
    {0},
};

#define RETENTION_DAYS(member)                                                                     \
    {                                                                                              \
        .name = (member), .type = BODY_INTEGER, .flags = BODY_NULLABLE, .min = 1,                  \
        .max = MAX_RETENTION_DAYS                                                                  \
    }

/* What a tenant's own admin may change. */
#define TENANT_SETTINGS                                                                            \
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},                \
        {.name = "base_url",                                                                       \
         .type = BODY_STRING,                                                                      \
         .flags = BODY_NULLABLE,                                                                   \
         .max = MAX_BASE_URL,                                                                      \
         .check = check_base_url},                                                                 \
        {.name = "operational_app_id",                                                             \
         .type = BODY_STRING,                                                                      \
         .flags = BODY_NULLABLE,                                                                   \
         .max = 36,                                                                                \
         .check = check_id},                                                                       \
        RETENTION_DAYS("retention_payload_days"), RETENTION_DAYS("retention_message_days"),        \
        RETENTION_DAYS("retention_attempt_days"),                                                  \
    {                                                                                              \
        .name = "cool_off_s", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .max = MAX_COOL_OFF_S  \
    }

static const struct body_field tenant_update_own_body[] = {TENANT_SETTINGS, {0}};

static const struct body_field tenant_update_body[] = {
    TENANT_SETTINGS,
    RETENTION_DAYS("retention_max_days"),
    {.name = "allow_http", .type = BODY_BOOLEAN},
    {.name = "allowed_networks",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE,
     .max = MAX_ALLOWED_NETWORKS,
     .check = check_network},
    {.name = "state", .type = BODY_STRING, .max = 16, .choices = "active|suspended"},
    REQUEST_LIMIT_FIELDS,
    {.name = "quotas", .type = BODY_OBJECT, .fields = quotas_body},
    {0},
};

static const struct body_field tenant_key_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct query_field tenant_list_query[] = {
    {.name = "name", .type = QUERY_TEXT},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|suspended|archived"},
    {0},
};

/* The tenant's id is made here, because its first key leads to it. */
static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    struct hk_id_source source = {0};
    struct hk_id tenant_id = hk_id_new(&source, hk_wall_us() / 1000);
    char text[HK_ID_TEXT_SIZE];

    hk_id_format(&tenant_id, text);
    call_set_tenant(call, hk_str(text));
    secrets_set_key(call, &tenant_id);
    return tenant_cell_choose(call, call_body_string(call, "cell"), reterr);
}

enum hk_code tenant_prepare_one(struct call *call, struct hk_error *reterr)
{
    struct hk_str tenant_id = call_path_param(call, "tenant_id");
    struct hk_id id;

    if (!hk_id_parse(tenant_id, &id))
        return hk_fail(reterr, HK_NOT_FOUND, "", "%s", "");

    call_set_tenant(call, tenant_id);
    return HK_OK;
}

static enum hk_code prepare_key(struct call *call, struct hk_error *reterr)
{
    struct hk_id id;

    if (!hk_id_parse(call_path_param(call, "tenant_id"), &id))
        return hk_fail(reterr, HK_NOT_FOUND, "", "%s", "");

    secrets_set_key(call, &id);
    return tenant_prepare_one(call, reterr);
}

const struct route tenants_routes[] = {
    {
        .method = "POST",
        .path = "/v1/tenants",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 201,
        .location = "/v1/tenants/",
        .body = tenant_create_body,
        .stmt = &stmt_tenant_create,
        .bind = {"tenant", "body", "=key", "=key_sha256"},
        .prepare = prepare_create,
        .work = tenant_cell_place,
    },
    {
        .method = "GET",
        .path = "/v1/tenants",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .query = tenant_list_query,
        .stmt = &stmt_tenant_list,
        .stmt_of_cell = &stmt_tenant_list_of_cell,
        .bind = {"tenant", "?limit", "?cursor", "?name", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/cells",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .handle = every_cell_show,
    },
    {
        .method = "GET",
        .path = "/v1/tenants/:tenant_id",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_tenant_get,
        .bind = {"tenant", ":tenant_id"},
        .prepare = tenant_prepare_one,
    },
    {
        .method = "PATCH",
        .path = "/v1/tenants/:tenant_id",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .body = tenant_update_body,
        .stmt = &stmt_tenant_update,
        .bind = {"tenant", "body", "if_match"},
        .prepare = tenant_prepare_one,
    },
    {
        .method = "DELETE",
        .path = "/v1/tenants/:tenant_id",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_tenant_archive,
        .bind = {"tenant"},
        .prepare = tenant_prepare_one,
    },
    {
        .method = "GET",
        .path = "/v1/tenant",
        .scope = SCOPE_TENANT_READ,
        .ok_status = 200,
        .stmt = &stmt_tenant_get_own,
        .bind = {"tenant"},
    },
    {
        .method = "PATCH",
        .path = "/v1/tenant",
        .scope = SCOPE_TENANT_WRITE,
        .ok_status = 200,
        .body = tenant_update_own_body,
        .stmt = &stmt_tenant_update,
        .bind = {"tenant", "body", "if_match"},
    },
    {
        .method = "POST",
        .path = "/v1/tenants/:tenant_id/keys",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 201,
        .body = tenant_key_body,
        .stmt = &stmt_tenant_key_create,
        .bind = {"tenant", ":tenant_id", "body", "=key", "=key_sha256"},
        .prepare = prepare_key,
    },
    {
        .method = "GET",
        .path = "/v1/tenants/:tenant_id/quotas",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_tenant_quotas_get,
        .bind = {"tenant", ":tenant_id"},
        .prepare = tenant_prepare_one,
    },
    {
        .method = "GET",
        .path = "/v1/tenant/quotas",
        .scope = SCOPE_TENANT_READ,
        .ok_status = 200,
        .stmt = &stmt_quotas_get,
        .bind = {"tenant"},
    },
    {0},
};
