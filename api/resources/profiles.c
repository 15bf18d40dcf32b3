/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: how subscriptions are spoken to. Some are shipped, a tenant can have its own. The
 * statements are in profiles.sql beside this file.
 */
#include "api/resources/profile_fields.h"
#include "api/resources/profiles.sql.h"
#include "api/resources/resources.h"

#define PROFILE_FIELDS                                                                             \
    PROFILE_REQUEST_FIELDS(0),                                                                     \
        {.name = "starts", .type = BODY_STRING, .max = 32, .choices = "at_once|cool_off"},         \
        VERIFICATION_FIELD(0), PROFILE_POLICY_FIELDS(0)

static const struct body_field profile_create_body[] = {
    {.name = "name",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = 64,
     .check = check_profile_name},
    {.name = "base", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = 64},
    PROFILE_FIELDS,
    {0},
};

static const struct body_field profile_update_body[] = {PROFILE_FIELDS, {0}};

const struct route profiles_routes[] = {
    {
        .method = "POST",
        .path = "/v1/profiles",
        .scope = SCOPE_PROFILES_WRITE,
        .ok_status = 201,
        .location = "/v1/profiles/",
        .body = profile_create_body,
        .stmt = &stmt_profile_create,
        .bind = {"tenant", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/profiles",
        .scope = SCOPE_PROFILES_READ,
        .ok_status = 200,
        .is_list = true,
        .stmt = &stmt_profile_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/v1/profiles/:profile",
        .scope = SCOPE_PROFILES_READ,
        .ok_status = 200,
        .stmt = &stmt_profile_get,
        .bind = {"tenant", ":profile"},
    },
    {
        .method = "PATCH",
        .path = "/v1/profiles/:profile",
        .scope = SCOPE_PROFILES_WRITE,
        .ok_status = 200,
        .body = profile_update_body,
        .stmt = &stmt_profile_update,
        .bind = {"tenant", ":profile", "body", "if_match"},
    },
    {
        .method = "DELETE",
        .path = "/v1/profiles/:profile",
        .scope = SCOPE_PROFILES_WRITE,
        .ok_status = 204,
        .stmt = &stmt_profile_delete,
        .bind = {"tenant", ":profile"},
    },
    {0},
};
