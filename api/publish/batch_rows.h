/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/batch_rows.h - rows for a statement that stores many at once: an array for each of
 * its parameters, an element for each row (those of kinds: event_kinds.h). The last parameter is
 * whether to wake the workers.
 */
#ifndef API_BATCH_ROWS_H
#define API_BATCH_ROWS_H

#include "api/publish/event_kinds.h"
#include "hk/db.h"
#include "hk/pgarray.h"

enum {
    /* Where rows of many requests are gathered; those of one may be more, up to MAX_ARRAY_BYTES. */
    BATCH_MAX_ROWS = 256,
    BATCH_MAX_BYTES = 4 << 20,
    BATCH_MAX_ARRAYS = 10,
};

/* A statement and its arrays' types. */
struct batch_shape {
    const struct hk_stmt *stmt;
    unsigned n_arrays;
    enum hk_pgtype types[BATCH_MAX_ARRAYS];
};

struct batch_rows {
    const struct batch_shape *shape;
    struct hk_pgarray arrays[BATCH_MAX_ARRAYS];
    struct event_kinds kinds; /* where rows are events */
    unsigned n;
};

/* Borrows `shape`. */
void batch_rows_init(struct batch_rows *rows, const struct batch_shape *shape);
void batch_rows_done(struct batch_rows *rows);
void batch_rows_clear(struct batch_rows *rows);

/* Whether another request's row may be added. */
bool batch_rows_has_room(const struct batch_rows *rows);

/* The statement with the arrays as parameters; `notify`: wake the workers. */
struct hk_db_query batch_rows_query(struct batch_rows *rows, bool notify);

#endif
