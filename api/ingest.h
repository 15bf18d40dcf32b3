/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/ingest.h - POST /v1/events: gathers what waits while a batch is in flight, stores it in one
 * statement.
 *
 * Flow: ingest_handle() reads the body, payload_check() checks what event types ask to be checked,
 * and the request is queued; ingest_flush(), once per turn of the loop, gives each idle connection
 * a batch of what waits; the batch's completion fills in the results, and a request whose last
 * event has one is replied to: 202 only after the commit. A batch that fails for its data is tried
 * again event by event, so that one bad event never fails its neighbours.
 */
#ifndef API_INGEST_H
#define API_INGEST_H

#include "api/route.h"

struct api_thread;
struct ingest; /* opaque; one per thread */

extern const struct route ingest_routes[];

struct ingest *ingest_new(struct api_thread *thread);
void ingest_free(struct ingest *ingest);

/* Sends what waits, when a connection is idle. */
void ingest_flush(struct ingest *ingest);

/* Whether the database can be reached. */
bool ingest_is_up(const struct ingest *ingest);

#endif
