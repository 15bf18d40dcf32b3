/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/body_stage.h - the stage that takes the body: its media type, its shape, the route's
 * prepare().
 */
#ifndef API_BODY_STAGE_H
#define API_BODY_STAGE_H

#include "api/http/call.h"

/* Sets call->body, NUL-terminated, checked against route->body; or replies 413, 415 or 4xx. */
stage_fn body_stage;

#endif
