/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/pgarray.h - one-dimensional PostgreSQL arrays in binary format, for unnest() parameters.
 * Built element by element; hk_pgarray_param() is the value to bind with its binary bit set.
 */
#ifndef HK_PGARRAY_H
#define HK_PGARRAY_H

#include "hk/buf.h"
#include "hk/id.h"

/* PostgreSQL's fixed type OIDs (src/include/catalog/pg_type.dat). */
enum hk_pgtype {
    HK_PG_BOOL = 16,
    HK_PG_BYTEA = 17,
    HK_PG_INT8 = 20,
    HK_PG_INT2 = 21,
    HK_PG_INT4 = 23,
    HK_PG_TEXT = 25,
    HK_PG_UUID = 2950,
};

struct hk_pgarray {
    struct hk_buf buf;
    uint32_t n;
    bool has_null, has_value;
    enum hk_pgtype type;
};

/* `max_bytes` caps the whole array; see hk_buf. */
void hk_pgarray_init(struct hk_pgarray *array, enum hk_pgtype type, size_t max_bytes);
void hk_pgarray_done(struct hk_pgarray *array);
void hk_pgarray_clear(struct hk_pgarray *array);

/* The function must fit the array's type. Text with .p == NULL adds NULL. */
void hk_pgarray_add_id(struct hk_pgarray *array, const struct hk_id *id);
void hk_pgarray_add_int(struct hk_pgarray *array, int64_t value);       /* bool, int2, int4, int8 */
void hk_pgarray_add_str(struct hk_pgarray *array, struct hk_str value); /* text, bytea */
void hk_pgarray_add_null(struct hk_pgarray *array);

/*
 * Borrowed: valid until the array changes. An array of nothing but NULLs is NULL itself: beside
 * others, unnest() makes the same rows of it, at no cost.
 */
struct hk_str hk_pgarray_param(struct hk_pgarray *array);

#endif
