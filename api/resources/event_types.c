/* SPDX-License-Identifier: Apache-2.0 */
/* Event types: the tenant's catalogue. The statements are in event_types.sql beside this file. */
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/event_types.sql.h"
#include "api/resources/resources.h"
#include "api/schema/event_type_check.h"
#include "api/schema/openapi_import.h"
#include "hk/buf.h"

/* What is given of a type, in whichever way. */
#define EVENT_TYPE_FIELDS                                                                          \
    {.name = "description", .type = BODY_STRING, .flags = BODY_NULLABLE, .max = MAX_DESCRIPTION},  \
        {.name = "schema", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},       \
        {.name = "sample", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},       \
        {.name = "validation", .type = BODY_STRING, .max = 16, .choices = "off|warn|enforce"},     \
        {.name = "attributes",                                                                     \
         .type = BODY_STRING_MAP,                                                                  \
         .flags = BODY_NULLABLE,                                                                   \
         .max = MAX_ATTRIBUTES,                                                                    \
         .check = check_attribute_path,                                                            \
         .check_name = check_field_key},                                                           \
        {.name = "enrichable", .type = BODY_BOOLEAN},                                              \
        {.name = "sensitive_paths",                                                                \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = BODY_NULLABLE,                                                                   \
         .max = MAX_SENSITIVE_PATHS,                                                               \
         .check = check_sensitive_path},                                                           \
        {.name = "state", .type = BODY_STRING, .max = 16, .choices = "active|deprecated"},         \
    {                                                                                              \
        0                                                                                          \
    }

/* Also one of an import. */
static const struct body_field event_type_create_body[] = {
    {.name = "name",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 128,
     .check = check_own_event_type},
    EVENT_TYPE_FIELDS,
};

static const struct body_field event_type_update_body[] = {EVENT_TYPE_FIELDS};

static const struct body_field event_type_import_body[] = {
    {.name = "event_types",
     .type = BODY_OBJECT_LIST,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_IMPORT,
     .fields = event_type_create_body},
    {.name = "dry_run", .type = BODY_BOOLEAN},
    {0},
};

/* An OpenAPI document, of which openapi_import() reads more. */
static const struct body_field event_type_import_openapi_body[] = {
    {.name = "openapi", .type = BODY_STRING, .flags = BODY_REQUIRED, .max = 32},
    {.name = "webhooks", .type = BODY_ANY, .flags = BODY_REQUIRED, .max = MAX_OPENAPI_BYTES},
    {.name = "*", .type = BODY_ANY, .max = MAX_OPENAPI_BYTES},
    {0},
};

static const struct query_field event_type_import_openapi_query[] = {
    {.name = "dry_run", .type = QUERY_CHOICE, .choices = "true|false"},
    {0},
};

static const struct query_field event_type_list_query[] = {
    {.name = "name", .type = QUERY_TEXT},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|deprecated"},
    {0},
};

static enum hk_code prepare_import_openapi(struct call *call, struct hk_error *reterr)
{
    struct hk_buf types HK_CLEANUP(hk_buf_done);

    hk_buf_init(&types, OPENAPI_MAX_TYPES_BYTES);
    if (openapi_import(call->body, &types, reterr) != HK_OK)
        return reterr->code;
    call_set_param(call, "=event_types", hk_buf_str(&types));
    return HK_OK;
}

const struct route event_types_routes[] = {
    {
        .method = "POST",
        .path = "/v1/event_types",
        .scope = SCOPE_EVENT_TYPES_WRITE,
        .ok_status = 201,
        .location = "/v1/event_types/",
        .body = event_type_create_body,
        .work = event_type_check_created,
        .stmt = &stmt_event_type_create,
        .bind = {"tenant", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/event_types",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_event_type_list,
        .query = event_type_list_query,
        .bind = {"tenant", "?limit", "?cursor", "?name", "?state"},
    },
    {
        .method = "POST",
        .path = "/v1/event_types/import",
        .scope = SCOPE_EVENT_TYPES_WRITE,
        .ok_status = 200,
        .body = event_type_import_body,
        .work = event_type_check_imported,
        .stmt = &stmt_event_type_import,
        .bind = {"tenant", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/event_types/import_openapi",
        .scope = SCOPE_EVENT_TYPES_WRITE,
        .ok_status = 200,
        .body = event_type_import_openapi_body,
        .query = event_type_import_openapi_query,
        .work = event_type_check_webhooks,
        .stmt = &stmt_event_type_import_openapi,
        .bind = {"tenant", "=event_types", "?dry_run"},
        .prepare = prepare_import_openapi,
    },
    {
        .method = "GET",
        .path = "/v1/event_types/:name",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .stmt = &stmt_event_type_get,
        .bind = {"tenant", ":name"},
    },
    {
        .method = "PATCH",
        .path = "/v1/event_types/:name",
        .scope = SCOPE_EVENT_TYPES_WRITE,
        .ok_status = 200,
        .body = event_type_update_body,
        .work = event_type_check_changed,
        .stmt = &stmt_event_type_update,
        .bind = {"tenant", ":name", "body", "if_match"},
    },
    {
        .method = "GET",
        .path = "/v1/event_types/:name/versions",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_event_type_version_list,
        .bind = {"tenant", ":name", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/event_types/:name/versions/:version",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .stmt = &stmt_event_type_version_get,
        .bind = {"tenant", ":name", ":version"},
    },
    {0},
};
