/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/event_body.h - what came to a flow, byte for byte, with the content type that it came
 * with: to be saved, never to be shown by a browser as ours.
 */
#ifndef API_EVENT_BODY_H
#define API_EVENT_BODY_H

#include "api/http/route.h"

/* `work` of a route whose statement is event_body. Replies by itself. */
stage_fn event_body_stage;

#endif
