/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basiq's paths, as they are (BQ-01 to BQ-09): a webhook there is a subscription here, of profile
 * basiq, and whose app it is hardly ever needs saying. Names are Basiq's, errors are problems. The
 * statements are in basiq.sql beside this file.
 */
#include "api/http/call.h"
#include "api/receivers/verification.h"
#include "api/resources/basiq.sql.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/resources.h"
#include "api/resources/subscriptions.sql.h"
#include "hk/url.h"

enum { MAX_EVENTS = 100 };

static const struct body_field webhook_create_body[] = {
    {.name = "url",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = HK_URL_MAX_BYTES,
     .check = check_url},
    {.name = "subscribedEvents",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = MAX_EVENTS},
    {.name = "events", .type = BODY_STRING_LIST, .flags = BODY_NONEMPTY, .max = MAX_EVENTS},
    {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    {.name = "appId", .type = BODY_STRING, .max = 36, .check = check_id},
    VERIFICATION_FIELD(0),
    {0},
};

static const struct body_field webhook_update_body[] = {
    {.name = "url",
     .type = BODY_STRING,
     .flags = BODY_NONEMPTY,
     .max = HK_URL_MAX_BYTES,
     .check = check_url},
    {.name = "subscribedEvents",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = MAX_EVENTS},
    {.name = "events", .type = BODY_STRING_LIST, .flags = BODY_NONEMPTY, .max = MAX_EVENTS},
    {.name = "description", .type = BODY_STRING, .max = MAX_DESCRIPTION},
    VERIFICATION_FIELD(0),
    {0},
};

static const struct query_field webhook_list_query[] = {
    {.name = "appId", .type = QUERY_ID},
    {0},
};

const struct route basiq_routes[] = {
    {
        .method = "POST",
        .path = "/notifications/webhooks",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 201,
        .location = "/notifications/webhooks/",
        .body = webhook_create_body,
        .stmt = &stmt_basiq_webhook_create,
        .bind = {"tenant", "partner", "body", "=secrets", "=url_fault"},
        .prepare = subscription_prepare_create,
        .on_ok = verification_on_ok,
    },
    {
        .method = "GET",
        .path = "/notifications/webhooks",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .is_list = true,
        .has_links = true,
        .query = webhook_list_query,
        .stmt = &stmt_basiq_webhook_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?appId"},
    },
    {
        .method = "GET",
        .path = "/notifications/webhooks/:webhook_id",
        .scope = SCOPE_SUBSCRIPTIONS_READ,
        .ok_status = 200,
        .stmt = &stmt_basiq_webhook_get,
        .bind = {"tenant", "partner", ":webhook_id"},
    },
    {
        .method = "POST",
        .path = "/notifications/webhooks/:webhook_id",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 200,
        .body = webhook_update_body,
        .stmt = &stmt_basiq_webhook_update,
        .bind = {"tenant", "partner", ":webhook_id", "body", "=url_fault"},
        .prepare = subscription_prepare_update,
        .on_ok = verification_on_ok,
    },
    {
        .method = "DELETE",
        .path = "/notifications/webhooks/:webhook_id",
        .scope = SCOPE_SUBSCRIPTIONS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_subscription_archive,
        .bind = {"tenant", "partner", ":webhook_id"},
    },
    {
        .method = "GET",
        .path = "/notifications/webhooks/:webhook_id/messages",
        .takes_slash = true,
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .has_links = true,
        .reads_log = true,
        .stmt = &stmt_basiq_message_list,
        .bind = {"tenant", "partner", ":webhook_id", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/notifications/webhooks/:webhook_id/messages/:message_id",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_basiq_message_get,
        .bind = {"tenant", "partner", ":webhook_id", ":message_id"},
    },
    {
        .method = "GET",
        .path = "/events/types",
        .scope = SCOPE_EVENT_TYPES_READ,
        .ok_status = 200,
        .is_list = true,
        .has_links = true,
        .stmt = &stmt_basiq_event_type_list,
        .bind = {"tenant", "?limit", "?cursor"},
    },
    {
        .method = "GET",
        .path = "/events/:event_id",
        .scope = SCOPE_EVENTS_READ,
        .ok_status = 200,
        .stmt = &stmt_basiq_event_get,
        .bind = {"tenant", "partner", ":event_id"},
    },
    {0},
};
