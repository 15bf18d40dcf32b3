/* SPDX-License-Identifier: Apache-2.0 */
#include "api/publish/batch_rows.h"

#include <string.h>

enum {
    MAX_ARRAY_BYTES = BATCH_MAX_BYTES + (16 << 20), /* one request's body more, and then some */
};

void batch_rows_init(struct batch_rows *rows, const struct batch_shape *shape)
{
    rows->shape = shape;
    rows->n = rows->kinds.n = 0;
    memset(rows->kinds.slots, 0, sizeof(rows->kinds.slots));
    for (size_t i = 0; i < shape->n_arrays; i++)
        hk_pgarray_init(&rows->arrays[i], shape->types[i], MAX_ARRAY_BYTES);
}

void batch_rows_done(struct batch_rows *rows)
{
    for (size_t i = 0; i < rows->shape->n_arrays; i++)
        hk_pgarray_done(&rows->arrays[i]);
}

void batch_rows_clear(struct batch_rows *rows)
{
    rows->n = 0;
    event_kinds_clear(&rows->kinds);
    for (size_t i = 0; i < rows->shape->n_arrays; i++)
        hk_pgarray_clear(&rows->arrays[i]);
}

bool batch_rows_has_room(const struct batch_rows *rows)
{
    size_t n_bytes = 0;

    for (size_t i = 0; i < rows->shape->n_arrays; i++)
        n_bytes += rows->arrays[i].buf.n;
    return rows->n < BATCH_MAX_ROWS && n_bytes < BATCH_MAX_BYTES;
}

struct hk_db_query batch_rows_query(struct batch_rows *rows, bool notify)
{
    unsigned n = rows->shape->n_arrays;
    struct hk_db_query query = {.stmt = rows->shape->stmt, .binary_params = (1u << n) - 1};

    for (size_t i = 0; i < n; i++)
        query.params[i] = hk_pgarray_param(&rows->arrays[i]);
    query.params[n] = notify ? HK_STR("t") : HK_STR("f");
    return query;
}
