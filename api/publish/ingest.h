/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/ingest.h - POST /v1/events: publishing.
 *
 * ingest_handle() reads the body, payload_check() checks what event types ask to be checked, and
 * the events are given to the batcher, which stores them with those of other requests: a request
 * whose last event has a result is replied to, so 202 only after the commit.
 */
#ifndef API_INGEST_H
#define API_INGEST_H

#include "api/http/route.h"

struct api_cell;
struct batch_kind;
struct ingest; /* opaque; one per cell of a thread */

extern const struct route ingest_routes[];
extern const struct batch_kind ingest_kind;

struct ingest *ingest_new(struct api_cell *cell);
void ingest_free(struct ingest *ingest);

/* Starts what waits of the requests with an Idempotency-Key; before batcher_flush(). */
void ingest_flush(struct ingest *ingest);

#endif
