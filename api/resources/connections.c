/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of companies to apps; tenant admins make them, partners cannot (BC-03). What a value
 * must look like stands in the app's custom fields: SQL checks it. The statements are in
 * connections.sql beside this file.
 */
#include "api/resources/checks.h"
#include "api/resources/connections.sql.h"
#include "api/resources/resources.h"
#include "hk/id.h"

static const struct body_field connection_company_body[] = {
    /* either of these */
    {.name = "company", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_EXTERNAL_ID},
    {.name = "company_id",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = HK_ID_TEXT_SIZE,
     .check = check_id},
    {.name = "values", .type = BODY_MAP, .max = MAX_CUSTOM_FIELDS},
    {0},
};

static const struct body_field connection_connect_body[] = {
    {.name = "companies",
     .type = BODY_OBJECT_LIST,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_IMPORT,
     .fields = connection_company_body},
    {.name = "backfill", .type = BODY_OBJECT, .fields = backfill_body},
    {.name = "dry_run", .type = BODY_BOOLEAN},
    {0},
};

static const struct body_field connection_values_body[] = {
    {.name = "values", .type = BODY_MAP, .flags = BODY_REQUIRED, .max = MAX_CUSTOM_FIELDS},
    {0},
};

static const struct query_field connection_list_query[] = {
    {.name = "app_id", .type = QUERY_ID},
    {.name = "company", .type = QUERY_TEXT},
    {.name = "company_id", .type = QUERY_ID},
    {.name = "state", .type = QUERY_CHOICE, .choices = "incomplete|active|paused|disconnected"},
    {0},
};

static const struct query_field connection_disconnect_query[] = {
    {.name = "queued", .type = QUERY_CHOICE, .choices = "keep|cancel"},
    {0},
};

const struct route connections_routes[] = {
    {
        .method = "POST",
        .path = "/v1/apps/:app_id/connections",
        .scope = SCOPE_CONNECTIONS_WRITE,
        .ok_status = 200, /* of a dry run; else 201 */
        .body = connection_connect_body,
        .stmt = &stmt_connection_connect,
        .bind = {"tenant", ":app_id", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/connections",
        .scope = SCOPE_CONNECTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = connection_list_query,
        .stmt = &stmt_connection_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?app_id", "?company", "?company_id",
                 "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/connections/:connection_id",
        .scope = SCOPE_CONNECTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_connection_get,
        .bind = {"tenant", "partner", ":connection_id"},
    },
    {
        .method = "GET",
        .path = "/v1/connections/:connection_id/values",
        .scope = SCOPE_CONNECTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_connection_value_list,
        .bind = {"tenant", "partner", ":connection_id", "?limit", "?cursor"},
    },
    {
        .method = "PATCH",
        .path = "/v1/connections/:connection_id",
        .scope = SCOPE_CONNECTIONS_WRITE,
        .ok_status = 200,
        .body = connection_values_body,
        .stmt = &stmt_connection_set_values,
        .bind = {"tenant", ":connection_id", "body", "if_match"},
    },
    {
        .method = "POST",
        .path = "/v1/connections/:connection_id/pause",
        .scope = SCOPE_CONNECTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_connection_pause,
        .bind = {"tenant", ":connection_id"},
    },
    {
        .method = "POST",
        .path = "/v1/connections/:connection_id/resume",
        .scope = SCOPE_CONNECTIONS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_connection_resume,
        .bind = {"tenant", ":connection_id"},
    },
    {
        .method = "DELETE",
        .path = "/v1/connections/:connection_id",
        .scope = SCOPE_CONNECTIONS_WRITE,
        .ok_status = 204,
        .query = connection_disconnect_query,
        .stmt = &stmt_connection_disconnect,
        .bind = {"tenant", ":connection_id", "?queued"},
    },
    {0},
};
