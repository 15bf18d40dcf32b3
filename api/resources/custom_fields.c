/* SPDX-License-Identifier: Apache-2.0 */
/* Custom fields of an app. The statements are in custom_fields.sql beside this file. */
#include "api/resources/checks.h"
#include "api/resources/custom_fields.sql.h"
#include "api/resources/resources.h"

/* Which members fit which type, custom_fields_faults() in SQL knows. */
const struct body_field custom_field_create_body[] = {
    {.name = "key",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 64,
     .check = check_field_key},
    {.name = "label", .type = BODY_STRING, .max = MAX_NAME},
    {.name = "help", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    {.name = "type",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED,
     .max = 16,
     .choices = "text|number|date|boolean|choice"},
    {.name = "required", .type = BODY_BOOLEAN},
    {.name = "max_length", .type = BODY_INTEGER, .min = 1, .max = 10000},
    {.name = "choices",
     .type = BODY_STRING_LIST,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = MAX_CHOICES},
    {0},
};

const struct route custom_fields_routes[] = {
    {
        .method = "POST",
        .path = "/v1/apps/:app_id/custom_fields",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 201,
        .location = "/v1/apps/", /* the key is "<app>/custom_fields/<key>" */
        .body = custom_field_create_body,
        .stmt = &stmt_custom_field_create,
        .bind = {"tenant", "partner", ":app_id", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/apps/:app_id/custom_fields",
        .scope = SCOPE_APPS_READ,
        .ok_status = 200,
        .is_list = true, /* all of them, in their order: there are at most fifty */
        .stmt = &stmt_custom_field_list,
        .bind = {"tenant", "partner", ":app_id"},
    },
    {
        .method = "DELETE",
        .path = "/v1/apps/:app_id/custom_fields/:key",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_custom_field_delete,
        .bind = {"tenant", "partner", ":app_id", ":key"},
    },
    {0},
};
