/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/preview.h - shows the request that an attempt made now would be. Nothing is sent,
 * stored or counted.
 *
 *     {"profile", "event_type", "event_id", "message_id", "company", "illustrative", "request",
 *      "error"}
 */
#ifndef API_PREVIEW_H
#define API_PREVIEW_H

#include "api/http/route.h"

/* `work` of a route whose statement is preview_plan. Replies by itself. */
stage_fn preview_stage;

/*
 * The same of a route whose statement is attempt_curl_plan: the request of an attempt, with the
 * time and the signature of now, as a command.
 *
 *     {"command", "masked", "illustrative", "error"}
 */
stage_fn attempt_curl_stage;

#endif
