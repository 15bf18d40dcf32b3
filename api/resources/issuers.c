/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuers of others whose tokens a tenant accepts, and what role they have. The statements are in
 * issuers.sql beside this file; tokens are looked at in api/auth/authenticate_issuer.c.
 */
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/issuers.sql.h"
#include "api/resources/resources.h"
#include "api/resources/scopes.h"

enum { MAX_ISSUER = 512, MAX_AUDIENCE = 512, MAX_CLAIM = 64, MAX_ALGORITHMS = 4, MAX_CLAIMS = 10 };

/* Visible ASCII: it is compared byte for byte. */
static enum hk_code check_identifier(struct hk_str value, struct hk_error *reterr)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= ' ' || value.p[i] > '~')
            return hk_fail(reterr, HK_INVALID_BODY, "", "must be visible ASCII characters");
    }
    return HK_OK;
}

/* As many bytes as struct caller has room for. */
static enum hk_code check_partner(struct hk_str value, struct hk_error *reterr)
{
    return value.n <= MAX_PARTNER ? HK_OK
                                  : hk_fail(reterr, HK_INVALID_BODY, "",
                                            "must not be longer than %d bytes", MAX_PARTNER);
}

/* clang-format off */
#define ISSUER_FIELDS(required)                                                                    \
    {.name = "issuer", .type = BODY_STRING, .flags = (required) | BODY_NONEMPTY,                   \
     .max = MAX_ISSUER, .check = check_identifier},                                                \
    {.name = "jwks_uri", .type = BODY_STRING, .flags = (required), .max = 2048,                    \
     .check = check_url},                                                                          \
    {.name = "audience", .type = BODY_STRING, .flags = (required) | BODY_NONEMPTY,                 \
     .max = MAX_AUDIENCE, .check = check_identifier},                                              \
    {.name = "algorithms", .type = BODY_STRING_LIST, .flags = (required) | BODY_NONEMPTY,          \
     .max = MAX_ALGORITHMS, .choices = "RS256|PS256|ES256|EdDSA"},                                 \
    {.name = "role", .type = BODY_STRING, .flags = (required), .max = 16,                          \
     .choices = "admin|partner|support|producer|receiver"},                                        \
    {.name = "partner", .type = BODY_STRING, .flags = BODY_NULLABLE | BODY_NONEMPTY,               \
     .max = MAX_PARTNER, .check = check_partner},                                                  \
    {.name = "partner_claim", .type = BODY_STRING, .flags = BODY_NULLABLE | BODY_NONEMPTY,         \
     .max = MAX_CLAIM},                                                                            \
    {.name = "subject_claim", .type = BODY_STRING, .flags = BODY_NULLABLE | BODY_NONEMPTY,         \
     .max = MAX_CLAIM},                                                                            \
    {.name = "required_claims", .type = BODY_MAP, .flags = BODY_NULLABLE, .max = MAX_CLAIMS},      \
    {0}
/* clang-format on */

static const struct body_field issuer_create_body[] = {ISSUER_FIELDS(BODY_REQUIRED)};
static const struct body_field issuer_update_body[] = {ISSUER_FIELDS(0)};

static enum hk_code prepare(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    subscription_set_url_fault(call, "jwks_uri");
    scopes_set_roles(call);
    return HK_OK;
}

const struct route issuers_routes[] = {
    {
        .method = "POST",
        .path = "/v1/issuers",
        .scope = SCOPE_ISSUERS_MANAGE,
        .ok_status = 201,
        .location = "/v1/issuers/",
        .body = issuer_create_body,
        .stmt = &stmt_issuer_create,
        .bind = {"tenant", "body", "=url_fault", "=roles_to_give"},
        .prepare = prepare,
    },
    {
        .method = "GET",
        .path = "/v1/issuers",
        .scope = SCOPE_ISSUERS_MANAGE,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_issuer_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/issuers/:issuer_id",
        .scope = SCOPE_ISSUERS_MANAGE,
        .ok_status = 200,
        .stmt = &stmt_issuer_get,
        .bind = {"tenant", ":issuer_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/issuers/:issuer_id",
        .scope = SCOPE_ISSUERS_MANAGE,
        .ok_status = 200,
        .body = issuer_update_body,
        .stmt = &stmt_issuer_update,
        .bind = {"tenant", ":issuer_id", "body", "if_match", "=url_fault", "=roles_to_give"},
        .prepare = prepare,
    },
    {
        .method = "DELETE",
        .path = "/v1/issuers/:issuer_id",
        .scope = SCOPE_ISSUERS_MANAGE,
        .ok_status = 204,
        .stmt = &stmt_issuer_delete,
        .bind = {"tenant", ":issuer_id"},
    },
    {0},
};
