/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to payloads, with a reason that the audit log keeps: erased for ever, or shown with
 * what is masked for most. The last of the tables: what others stand on is gone then.
 */
#include "api/http/call.h"
#include "api/resources/payloads.sql.h"
#include "api/resources/resources.h"

enum { MAX_REASON = 500 };

static const struct body_field reason_body[] = {
    {.name = "reason",
     .type = BODY_STRING,
     .flags = BODY_REQUIRED | BODY_NONEMPTY,
     .max = MAX_REASON},
    {0},
};

const struct route payloads_routes[] = {
    {
        .method = "POST",
        .path = "/v1/events/:event_id/expunge",
        .scope = SCOPE_PAYLOADS_EXPUNGE,
        .ok_status = 200,
        .body = reason_body,
        .stmt = &stmt_event_expunge,
        .bind = {"tenant", ":event_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/events/:event_id/unmask",
        .scope = SCOPE_PAYLOADS_UNMASK,
        .ok_status = 200,
        .body = reason_body,
        .is_not_kept = true,
        .stmt = &stmt_event_unmask,
        .bind = {"tenant", ":event_id", "body"},
    },
    {
        .method = "POST",
        .path = "/v1/messages/:message_id/attempts/:attempt_no/unmask",
        .scope = SCOPE_PAYLOADS_UNMASK,
        .ok_status = 200,
        .body = reason_body,
        .is_not_kept = true,
        .stmt = &stmt_attempt_unmask,
        .bind = {"tenant", ":message_id", ":attempt_no", "body"},
    },
    {0},
};
