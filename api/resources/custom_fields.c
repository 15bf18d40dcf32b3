/* SPDX-License-Identifier: Apache-2.0 */
/* Custom fields of an app. The statements are in custom_fields.sql beside this file. */
#include "api/resources/checks.h"
#include "api/resources/custom_fields.sql.h"
#include "api/resources/pattern.h"
#include "api/resources/resources.h"

/*
 * What is given of a field, when it is made and when it is changed. Which members fit which type,
 * custom_fields_faults() in SQL knows.
 */
#define CUSTOM_FIELD_RULES                                                                         \
    {.name = "label", .type = BODY_STRING, .flags = BODY_NULLABLE, .max = MAX_NAME},               \
        {.name = "help", .type = BODY_STRING, .flags = BODY_NULLABLE, .max = MAX_DESCRIPTION},     \
        {.name = "required", .type = BODY_BOOLEAN},                                                \
        {.name = "is_sensitive", .type = BODY_BOOLEAN},                                            \
        {.name = "max_length",                                                                     \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = 10000},                                                                            \
        {.name = "choices",                                                                        \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = MAX_CHOICES},                                                                      \
        {.name = "pattern",                                                                        \
         .type = BODY_STRING,                                                                      \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = MAX_PATTERN,                                                                       \
         .check = check_pattern},                                                                  \
        {.name = "minimum", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_BOUND_BYTES},     \
        {.name = "maximum", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_BOUND_BYTES},     \
        {.name = "event_types",                                                                    \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = MAX_FIELD_EVENT_TYPES},                                                            \
    {                                                                                              \
        0                                                                                          \
    }

const struct body_field custom_field_create_body[] = {
    {.name = "key",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 64,
     .check = check_field_key},
    {.name = "type",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED,
     .max = 16,
     .choices = "text|number|date|boolean|choice"},
    CUSTOM_FIELD_RULES,
};

static const struct body_field custom_field_update_body[] = {
    {.name = "position", .type = BODY_INTEGER, .min = 1, .max = MAX_CUSTOM_FIELDS},
    CUSTOM_FIELD_RULES,
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
        .is_list = true, /* in their order */
        .stmt = &stmt_custom_field_list,
        .bind = {"tenant", "partner", ":app_id", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/apps/:app_id/custom_fields/:key",
        .scope = SCOPE_APPS_READ,
        .ok_status = 200,
        .stmt = &stmt_custom_field_get,
        .bind = {"tenant", "partner", ":app_id", ":key"},
    },
    {
        .method = "PATCH",
        .path = "/v1/apps/:app_id/custom_fields/:key",
        .scope = SCOPE_APPS_WRITE,
        .ok_status = 200,
        .body = custom_field_update_body,
        .stmt = &stmt_custom_field_update,
        .bind = {"tenant", "partner", ":app_id", ":key", "body", "if_match"},
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
