/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays: what a query finds is sent again, or what was missed becomes messages. The statements
 * are in replays.sql beside this file; the workers do the work (worker/jobs.h).
 */
#include "api/http/bind.h"
#include "api/http/call.h"
#include "api/resources/checks.h"
#include "api/resources/replays.sql.h"
#include "api/resources/resources.h"
#include "hk/log_query.h"

enum { MAX_MESSAGES = 500000, MAX_RATE = 1000 };

static const struct body_field replay_subject[] = {
    {.name = "app_id", .type = BODY_STRING, .max = 36, .check = check_id},
    {.name = "subscription_id", .type = BODY_STRING, .max = 36, .check = check_id},
    {.name = "since",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED,
     .max = 64,
     .check = check_timestamp},
    {0},
};

#define RATE_FIELD                                                                                 \
    {                                                                                              \
        .name = "rate_per_second", .type = BODY_INTEGER, .min = 1, .max = MAX_RATE                 \
    }

static const struct body_field replay_create_body[] = {
    {.name = "q", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = HK_LOG_QUERY_MAX_BYTES},
    {.name = "recover", .type = BODY_OBJECT, .fields = replay_subject},
    {.name = "missed", .type = BODY_OBJECT, .fields = replay_subject},
    {.name = "values", .type = BODY_STRING, .max = 16, .choices = "original|current"},
    {.name = "webhook_id", .type = BODY_STRING, .max = 16, .choices = "same|new"},
    {.name = "max_messages", .type = BODY_INTEGER, .min = 1, .max = MAX_MESSAGES},
    {.name = "run", .type = BODY_BOOLEAN},
    RATE_FIELD,
    {0},
};

static const struct body_field replay_run_body[] = {RATE_FIELD, {0}};

static const struct body_field replay_cancel_body[] = {
    {.name = "messages", .type = BODY_BOOLEAN},
    {0},
};

static const struct query_field replay_list_query[] = {
    {.name = "state",
     .type = QUERY_CHOICE,
     .choices = "planning|planned|running|paused|cancelling|finished|cancelled"},
    {0},
};

static const struct query_field replay_messages_query[] = {
    {.name = "outcome", .type = QUERY_CHOICE, .choices = "remaining|replayed|skipped"},
    {0},
};

/* Sets "=filter", what q means now; NULL without a q. */
static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    struct hk_str q = call_body_string(call, "q");
    struct hk_buf filter;

    if (q.p == NULL)
        return HK_OK;
    hk_buf_init(&filter, HK_LOG_FILTER_MAX_BYTES);
    if (bind_log_filter(call, q, &filter, reterr) == HK_OK)
        call_set_param(call, "=filter", hk_buf_str(&filter));
    else if (reterr->code == HK_INVALID_PARAMETER)
        reterr->code = HK_INVALID_BODY;
    hk_buf_done(&filter);
    return reterr->code;
}

const struct route replays_routes[] = {
    {
        .method = "POST",
        .path = "/v1/replays",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 201,
        .location = "/v1/replays/",
        .body = replay_create_body,
        .prepare = prepare_create,
        .stmt = &stmt_replay_create,
        .bind = {"tenant", "partner", "=filter", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/replays",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .query = replay_list_query,
        .stmt = &stmt_replay_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/replays/:replay_id",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .stmt = &stmt_replay_get,
        .bind = {"tenant", "partner", ":replay_id"},
    },
    {
        .method = "GET",
        .path = "/v1/replays/:replay_id/messages",
        .scope = SCOPE_MESSAGES_READ,
        .ok_status = 200,
        .is_list = true,
        .query = replay_messages_query,
        .reads_log = true,
        .stmt = &stmt_replay_messages,
        .bind = {"tenant", "partner", "?limit", "?cursor", ":replay_id", "?outcome"},
    },
    {
        .method = "POST",
        .path = "/v1/replays/:replay_id/run",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 200,
        .body = replay_run_body,
        .body_is_optional = true,
        .stmt = &stmt_replay_run,
        .bind = {"tenant", "partner", ":replay_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/replays/:replay_id/pause",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 200,
        .stmt = &stmt_replay_pause,
        .bind = {"tenant", "partner", ":replay_id"},
    },
    {
        .method = "POST",
        .path = "/v1/replays/:replay_id/resume",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 200,
        .body = replay_run_body,
        .body_is_optional = true,
        .stmt = &stmt_replay_resume,
        .bind = {"tenant", "partner", ":replay_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/replays/:replay_id/cancel",
        .scope = SCOPE_MESSAGES_RESEND,
        .ok_status = 200,
        .body = replay_cancel_body,
        .body_is_optional = true,
        .stmt = &stmt_replay_cancel,
        .bind = {"tenant", "partner", ":replay_id", "body"},
    },
    {0},
};
