/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backfills: events of the past become messages of a subscription. The statements are in
 * backfills.sql beside this file; the worker does the work (worker/backfill.h).
 */
#include "api/resources/backfills.sql.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/resources.h"

enum { MAX_DAYS = 30, MAX_EVENTS = 10000, MAX_EVENT_TYPES = 100 };

#define BACKFILL_FIELDS                                                                            \
    {.name = "days", .type = BODY_INTEGER, .flags = BODY_REQUIRED, .min = 1, .max = MAX_DAYS},     \
    {                                                                                              \
        .name = "max_events", .type = BODY_INTEGER, .min = 1, .max = MAX_EVENTS                    \
    }

const struct body_field backfill_body[] = {BACKFILL_FIELDS, {0}};

static const struct body_field backfill_create_body[] = {
    BACKFILL_FIELDS,
    {.name = "event_types",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = MAX_EVENT_TYPES,
     .check = check_event_pattern},
    {.name = "companies", .type = BODY_STRING_LIST, .flags = BODY_NONEMPTY, .max = MAX_IMPORT},
    {0},
};

static const struct body_field backfill_cancel_body[] = {
    {.name = "messages", .type = BODY_BOOLEAN},
    {0},
};

static const struct query_field backfill_list_query[] = {
    {.name = "subscription_id", .type = QUERY_ID},
    {.name = "state", .type = QUERY_CHOICE, .choices = "counting|sending|finished|cancelled"},
    {0},
};

const struct route backfills_routes[] = {
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/backfill",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 201,
        .location = "/v1/backfills/",
        .body = backfill_create_body,
        .stmt = &stmt_backfill_create,
        .bind = {"tenant", "partner", ":subscription_id", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/backfills",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = backfill_list_query,
        .stmt = &stmt_backfill_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?subscription_id", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/backfills/:backfill_id",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_backfill_get,
        .bind = {"tenant", "partner", ":backfill_id"},
    },
    {
        .method = "POST",
        .path = "/v1/backfills/:backfill_id/cancel",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .body = backfill_cancel_body,
        .body_is_optional = true,
        .stmt = &stmt_backfill_cancel,
        .bind = {"tenant", "partner", ":backfill_id", "body"},
    },
    {0},
};
