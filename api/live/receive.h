/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/live/receive.h - consumers of pull flows that wait for something to come. Who finds nothing
 * waits without a connection to the database: one statement each RECEIVE_TICK_MS asks for all that
 * wait in a thread which of their flows have something, and as many of them ask again as there is.
 *
 *     receive_stage -> ask [wait] -> on_received: a reply, or wait -> tick -> on_ready -> ask ...
 */
#ifndef API_RECEIVE_H
#define API_RECEIVE_H

#include "api/http/route.h"

struct api_cell;
struct receivers; /* of a cell, a thread's */

enum { RECEIVE_MAX_WAIT_S = 20, RECEIVE_TICK_MS = 250 };

/* `work` of a route whose statement is flow_receive, with "wait_seconds" in its body. */
stage_fn receive_stage;

struct receivers *receivers_new(struct api_cell *cell);
void receivers_free(struct receivers *receivers);

/* The process stops: who waits is told that there is nothing. */
void receivers_end(struct receivers *receivers);

#endif
