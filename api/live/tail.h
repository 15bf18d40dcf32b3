/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/live/tail.h - the live tail: messages and attempts as they are recorded, as server-sent
 * events, until the client goes or may not see them any more (docs/adr/0033-live-tail.md).
 *
 *     tail.c       one client: its stream, its buffer, its right to be there
 *     tail_feed.c  what is read from the database, once for all clients with the same query
 *
 * One per cell of a thread. What a client may not have to wait for is never read for it twice, and
 * no client makes the process hold more than MAX_PENDING_BYTES and one page: what a slow one has no
 * room for is left out, and counted.
 */
#ifndef API_TAIL_H
#define API_TAIL_H

#include "api/http/call.h"
#include "hk/buf.h"

struct tails;

/* The `work` of GET /v1/tail. */
stage_fn tail_run;

struct tails *tails_new(struct api_cell *cell);
void tails_free(struct tails *tails);

/* The process stops: every stream is ended, with the time after which to come again. */
void tails_end(struct tails *tails);

#endif
