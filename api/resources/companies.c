/* SPDX-License-Identifier: Apache-2.0 */
/* Companies: the tenant's customers. The statements are in companies.sql beside this file. */
#include "api/resources/companies.sql.h"
#include "api/resources/resources.h"

static const struct body_field company_create_body[] = {
    {.name = "external_id",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 128},
    {.name = "name", .type = BODY_STRING, .flags = BODY_REQUIRED | BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct body_field company_update_body[] = {
    {.name = "name", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = MAX_NAME},
    {0},
};

static const struct query_field company_list_query[] = {
    {.name = "external_id", .type = QUERY_TEXT},
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
        .bind = {"tenant", "?limit", "?cursor", "?external_id"},
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
    {0},
};
