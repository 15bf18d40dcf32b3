/* SPDX-License-Identifier: Apache-2.0 */
/* Event types: the tenant's catalogue. The statements are in event_types.sql beside this file. */
#include "api/resources/checks.h"
#include "api/resources/event_types.sql.h"
#include "api/resources/resources.h"

static const struct body_field event_type_create_body[] = {
    {.name = "name",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 128,
     .check = check_event_type},
    {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    {.name = "schema", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},
    {.name = "sample", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},
    {.name = "validation", .type = BODY_STRING, .max = 16, .choices = "off|warn|enforce"},
    {.name = "enrichable", .type = BODY_BOOLEAN},
    {0},
};

static const struct body_field event_type_update_body[] = {
    {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    {.name = "schema", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},
    {.name = "sample", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = MAX_JSON_BYTES},
    {.name = "validation", .type = BODY_STRING, .max = 16, .choices = "off|warn|enforce"},
    {.name = "enrichable", .type = BODY_BOOLEAN},
    {.name = "state", .type = BODY_STRING, .max = 16, .choices = "active|deprecated"},
    {0},
};

const struct route event_types_routes[] = {
    {
        .method = "POST",
        .path = "/v1/event_types",
        .scope = SCOPE_EVENT_TYPES_WRITE,
        .ok_status = 201,
        .location = "/v1/event_types/",
        .body = event_type_create_body,
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
        .bind = {"tenant", "?limit", "?cursor"},
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
        .stmt = &stmt_event_type_update,
        .bind = {"tenant", ":name", "body", "if_match"},
    },
    {0},
};
