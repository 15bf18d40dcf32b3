/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of flows, and what came to them. The statements are in runs.sql beside this file, those of
 * consumers in ../receive.sql. */
#include "api/live/receive.h"
#include "api/live/receive.sql.h"
#include "api/publish/event_body.h"
#include "api/resources/resources.h"
#include "api/resources/runs.sql.h"

enum { MAX_LEASE_S = 12 * 3600, MAX_RECEIPTS = 100 };

static const struct body_field rerun_body[] = {
    {.name = "from_step", .type = BODY_STRING, .flags = BODY_NULLABLE | BODY_NONEMPTY, .max = 64},
    {0},
};

static const struct body_field receive_body[] = {
    {.name = "max", .type = BODY_INTEGER, .min = 1, .max = MAX_RECEIPTS},
    {.name = "lease_seconds", .type = BODY_INTEGER, .min = 1, .max = MAX_LEASE_S},
    {.name = "wait_seconds", .type = BODY_INTEGER, .max = RECEIVE_MAX_WAIT_S},
    {0},
};

#define RECEIPTS_FIELD                                                                             \
    {                                                                                              \
        .name = "receipts", .type = BODY_STRING_LIST, .flags = BODY_REQUIRED | BODY_NONEMPTY,      \
        .max = MAX_RECEIPTS                                                                        \
    }
static const struct body_field ack_body[] = {RECEIPTS_FIELD, {0}};
static const struct body_field nack_body[] = {
    RECEIPTS_FIELD,
    {.name = "delay_seconds", .type = BODY_INTEGER, .max = MAX_LEASE_S},
    {0},
};

static const struct query_field run_list_query[] = {
    {.name = "status",
     .type = QUERY_CHOICE,
     .choices = "pending|sending|succeeded|failed|cancelled|held"},
    {.name = "since", .type = QUERY_TIME},
    {0},
};

const struct route runs_routes[] = {
    {
        .method = "GET",
        .path = "/v1/flows/:flow_id/runs",
        .scope = SCOPE_RUNS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = run_list_query,
        .stmt = &stmt_run_list,
        .bind = {"tenant", "partner", ":flow_id", "?limit", "?cursor", "?status", "?since"},
    },
    {
        .method = "GET",
        .path = "/v1/runs/:run_id",
        .scope = SCOPE_RUNS_READ,
        .ok_status = 200,
        .stmt = &stmt_run_get,
        .bind = {"tenant", "partner", ":run_id"},
    },
    {
        .method = "POST",
        .path = "/v1/runs/:run_id/cancel",
        .scope = SCOPE_RUNS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_run_cancel,
        .bind = {"tenant", "partner", ":run_id"},
    },
    {
        .method = "POST",
        .path = "/v1/runs/:run_id/rerun",
        .scope = SCOPE_RUNS_WRITE,
        .ok_status = 202,
        .body = rerun_body,
        .body_is_optional = true,
        .stmt = &stmt_run_rerun,
        .bind = {"tenant", "partner", ":run_id", "body"},
    },
    {
        .method = "GET",
        .path = "/v1/events/:event_id/body",
        .scope = SCOPE_EVENTS_READ,
        .ok_status = 200,
        .gives = "application/octet-stream",
        .stmt = &stmt_event_body,
        .bind = {"tenant", "partner", ":event_id"},
        .work = event_body_stage,
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/receive",
        .scope = SCOPE_FLOWS_RECEIVE,
        .ok_status = 200,
        .is_not_kept = true,
        .body = receive_body,
        .body_is_optional = true,
        .stmt = &stmt_flow_receive,
        .bind = {"tenant", "partner", ":flow_id", "body"},
        .work = receive_stage,
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/ack",
        .scope = SCOPE_FLOWS_RECEIVE,
        .ok_status = 200,
        .body = ack_body,
        .stmt = &stmt_flow_ack,
        .bind = {"tenant", "partner", ":flow_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/nack",
        .scope = SCOPE_FLOWS_RECEIVE,
        .ok_status = 200,
        .body = nack_body,
        .stmt = &stmt_flow_nack,
        .bind = {"tenant", "partner", ":flow_id", "body"},
    },
    {0},
};
