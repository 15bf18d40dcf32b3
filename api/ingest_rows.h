/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/ingest_rows.h - events as the arrays that the statement ingest_events takes, and its rows as
 * their results. For ingest.c, which fills arrays with events of many requests, and ingest_keyed.c.
 */
#ifndef API_INGEST_ROWS_H
#define API_INGEST_ROWS_H

#include "api/ingest_request.h"
#include "hk/db.h"
#include "hk/pgarray.h"

enum {
    INGEST_MAX_ROWS = 256, /* per statement: its joins of the batch with itself are quadratic */
    INGEST_MAX_BATCH_BYTES = 4 << 20,
    INGEST_N_ARRAYS = 8,
};

struct ingest_rows {
    struct hk_pgarray arrays[INGEST_N_ARRAYS];
    unsigned n;
};

void ingest_rows_init(struct ingest_rows *rows);
void ingest_rows_done(struct ingest_rows *rows);
void ingest_rows_clear(struct ingest_rows *rows);

/* Whether another event may be added. */
bool ingest_rows_has_room(const struct ingest_rows *rows);

/* Adds the i-th event of the request, under an id of its own (kept when it is tried alone). */
void ingest_rows_add(struct ingest_rows *rows, struct ingest_request *request, unsigned i);

/* The statement with the arrays as parameters; `notify`: wake the workers. */
struct hk_db_query ingest_rows_query(struct ingest_rows *rows, bool notify);

/* What became of the i-th event, from its row; fills in its id, or its error. */
enum result_kind ingest_rows_read(struct ingest_request *request, unsigned i,
                                  const struct hk_db_result *result, unsigned row);

#endif
