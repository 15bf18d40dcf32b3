/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/ingest_rows.h - events as rows of the statement ingest_events, and its answers as
 * their results. For ingest.c, which fills batches with events of many requests, and
 * ingest_keyed.c.
 */
#ifndef API_INGEST_ROWS_H
#define API_INGEST_ROWS_H

#include "api/publish/batch_rows.h"
#include "api/publish/ingest_request.h"

extern const struct batch_shape ingest_shape;

/* Adds the i-th event of the request, under an id of its own (kept when it is tried alone). */
void ingest_rows_add(struct batch_rows *rows, struct ingest_request *request, unsigned i);

/*
 * What became of the i-th event, from its row; fills in its id, or its error. RESULT_FAILED with
 * request->failure set: the tenant is away, see tenant_cell.h.
 */
enum result_kind ingest_rows_read(struct ingest_request *request, unsigned i,
                                  const struct hk_db_result *result, unsigned row);

#endif
