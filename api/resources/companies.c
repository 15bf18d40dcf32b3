/* SPDX-License-Identifier: Apache-2.0 */
/* Companies: the tenant's customers. The statements are in companies.sql beside this file. */
#include "api/resources/companies.sql.h"
#include "api/resources/resources.h"

/* Also one of an import. */
static const struct body_field company_create_body[] = {
    {.name = "external_id",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_EXTERNAL_ID},
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct body_field company_put_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct body_field company_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct body_field company_import_body[] = {
    {.name = "companies",
     .type = BODY_OBJECT_LIST,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_IMPORT,
     .fields = company_create_body},
    {.name = "dry_run", .type = BODY_BOOLEAN},
    {0},
};

static const struct query_field company_list_query[] = {
    {.name = "external_id", .type = QUERY_TEXT},
    {.name = "name", .type = QUERY_TEXT},
    {.name = "state", .type = QUERY_CHOICE, .choices = "active|archived"},
    {0},
};

static const struct query_field company_archive_query[] = {
    {.name = "queued", .type = QUERY_CHOICE, .choices = "keep|cancel"},
    {0},
};

const struct route companies_routes[] = {
    {
        .method = "POST",
        .path = "/v1/companies",
        .scope = SCOPE_COMPANIES_WRITE,
        .ok_status = 201,
        .location = "/v1/companies/",
        .body = company_create_body,
        .stmt = &stmt_company_create,
        .bind = {"tenant", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/companies",
        .scope = SCOPE_COMPANIES_READ,
        .ok_status = 200,
        .is_list = true,
        .query = company_list_query,
        .stmt = &stmt_company_list,
        .bind = {"tenant", "?limit", "?cursor", "?external_id", "?name", "?state"},
    },
    {
        .method = "POST",
        .path = "/v1/companies/import",
        .scope = SCOPE_COMPANIES_WRITE,
        .ok_status = 200,
        .body = company_import_body,
        .stmt = &stmt_company_import,
        .bind = {"tenant", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/companies/by_external_id/:company",
        .scope = SCOPE_COMPANIES_READ,
        .ok_status = 200,
        .stmt = &stmt_company_get_by_external_id,
        .bind = {"tenant", ":company"},
    },
    {
        .method = "PUT",
        .path = "/v1/companies/by_external_id/:company",
        .scope = SCOPE_COMPANIES_WRITE,
        .ok_status = 200, /* 201 when there was none */
        .location = "/v1/companies/",
        .body = company_put_body,
        .stmt = &stmt_company_put,
        .bind = {"tenant", ":company", "body", "if_match"},
    },
    {
        .method = "GET",
        .path = "/v1/companies/:company_id",
        .scope = SCOPE_COMPANIES_READ,
        .ok_status = 200,
        .stmt = &stmt_company_get,
        .bind = {"tenant", ":company_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/companies/:company_id",
        .scope = SCOPE_COMPANIES_WRITE,
        .ok_status = 200,
        .body = company_update_body,
        .stmt = &stmt_company_update,
        .bind = {"tenant", ":company_id", "body", "if_match"},
    },
    {
        .method = "DELETE",
        .path = "/v1/companies/:company_id",
        .scope = SCOPE_COMPANIES_WRITE,
        .ok_status = 204,
        .query = company_archive_query,
        .stmt = &stmt_company_archive,
        .bind = {"tenant", ":company_id", "?queued"},
    },
    {0},
};
