/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: of the caller's tenant, and for operators of any. Nobody changes it. The
 * statements are in audit_log.sql beside this file.
 */
#include "api/http/call.h"
#include "api/http/export.h"
#include "api/resources/audit_log.sql.h"
#include "api/resources/resources.h"

#define FILTERS                                                                                    \
    {.name = "action", .type = QUERY_TEXT}, {.name = "object_id", .type = QUERY_TEXT},             \
        {.name = "actor", .type = QUERY_TEXT}, {.name = "since", .type = QUERY_TIME},              \
    {                                                                                              \
        .name = "until", .type = QUERY_TIME                                                        \
    }

static const struct query_field list_query[] = {FILTERS, {0}};

static const struct query_field export_query[] = {
    FILTERS,
    {.name = "format", .type = QUERY_CHOICE, .choices = "ndjson|csv"},
    {0},
};

const struct route audit_log_routes[] = {
    {
        .method = "GET",
        .path = "/v1/audit-log",
        .scope = SCOPE_AUDIT_READ,
        .ok_status = 200,
        .is_list = true,
        .query = list_query,
        .stmt = &stmt_audit_log_list,
        .bind = {"tenant", "?limit", "?cursor", "?action", "?object_id", "?actor", "?since",
                 "?until"},
    },
    {
        .method = "GET",
        .path = "/v1/audit-log/export",
        .scope = SCOPE_AUDIT_READ,
        .ok_status = 200,
        .gives = "application/x-ndjson",
        .query = export_query,
        .work = export_run,
        .stmt = &stmt_audit_log_export,
        .bind = {"tenant", "=cursor", "?action", "?object_id", "?actor", "?since", "?until",
                 "?format"},
    },
    {
        .method = "GET",
        .path = "/v1/tenants/:tenant_id/audit-log",
        .scope = SCOPE_TENANTS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .query = list_query,
        .stmt = &stmt_audit_log_list_of,
        .bind = {"tenant", "?limit", "?cursor", "?action", "?object_id", "?actor", "?since",
                 "?until", ":tenant_id"},
        .prepare = tenant_prepare_one,
    },
    {0},
};
