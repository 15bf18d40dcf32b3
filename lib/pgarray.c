/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's binary arrays (array_recv): number of dimensions, whether there are NULLs, element
 * type, then size and lower bound of the dimension, then each element as its size and its bytes.
 * The header's room is kept at the front and filled in when the array is bound.
 */
#include "hk/pgarray.h"

#include <assert.h>

enum { HEADER_BYTES = 20, EMPTY_HEADER_BYTES = 12 };

static void put_be(char *p, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        p[i] = (char)(uint8_t)(value >> (8 * (n_bytes - 1 - i)));
}

void hk_pgarray_init(struct hk_pgarray *array, enum hk_pgtype type, size_t max_bytes)
{
    assert(max_bytes >= HEADER_BYTES);
    array->type = type;
    hk_buf_init(&array->buf, max_bytes);
    hk_pgarray_clear(array);
}

void hk_pgarray_done(struct hk_pgarray *array)
{
    hk_buf_done(&array->buf);
}

void hk_pgarray_clear(struct hk_pgarray *array)
{
    static const char header[HEADER_BYTES];

    hk_buf_clear(&array->buf);
    hk_buf_add(&array->buf, header, sizeof(header));
    array->n = 0;
    array->has_null = array->has_value = false;
}

/* An element that does not fit whole is not in the array; the caller sees `buf.is_full`. */
static void add_element(struct hk_pgarray *array, const void *p, size_t n)
{
    size_t n_before = array->buf.n;
    char size[4];

    assert(n <= INT32_MAX);
    put_be(size, n, sizeof(size));
    hk_buf_add(&array->buf, size, sizeof(size));
    hk_buf_add(&array->buf, p, n);
    if (array->buf.is_full) {
        array->buf.n = n_before;
        return;
    }
    array->n++;
    array->has_value = true;
}

void hk_pgarray_add_id(struct hk_pgarray *array, const struct hk_id *id)
{
    assert(array->type == HK_PG_UUID);
    add_element(array, id->bytes, sizeof(id->bytes));
}

static unsigned width_of(enum hk_pgtype type)
{
    switch (type) {
    case HK_PG_BOOL:
        return 1;
    case HK_PG_INT2:
        return 2;
    case HK_PG_INT4:
        return 4;
    case HK_PG_INT8:
        return 8;
    case HK_PG_BYTEA:
    case HK_PG_TEXT:
    case HK_PG_UUID:
        return 0;
    }
    return 0;
}

static bool fits(int64_t value, unsigned n_bytes)
{
    int64_t limit;

    if (n_bytes == 8)
        return true;
    limit = INT64_C(1) << (8 * n_bytes - 1);
    return value >= -limit && value < limit;
}

void hk_pgarray_add_int(struct hk_pgarray *array, int64_t value)
{
    unsigned n_bytes = width_of(array->type);
    char bytes[8];

    assert(n_bytes > 0 && fits(value, n_bytes));
    put_be(bytes, (uint64_t)(array->type == HK_PG_BOOL ? value != 0 : value), n_bytes);
    add_element(array, bytes, n_bytes);
}

void hk_pgarray_add_str(struct hk_pgarray *array, struct hk_str value)
{
    assert(array->type == HK_PG_TEXT || array->type == HK_PG_BYTEA);
    if (value.p == NULL)
        hk_pgarray_add_null(array);
    else
        add_element(array, value.p, value.n);
}

void hk_pgarray_add_null(struct hk_pgarray *array)
{
    char size[4];

    put_be(size, UINT32_MAX, sizeof(size)); /* -1 */
    hk_buf_add(&array->buf, size, sizeof(size));
    if (array->buf.is_full)
        return;
    array->n++;
    array->has_null = true;
}

struct hk_str hk_pgarray_param(struct hk_pgarray *array)
{
    char *header = array->buf.p;

    if (array->has_null && !array->has_value)
        return HK_STR_NULL;
    /* An empty array has no dimension at all. */
    put_be(header, array->n == 0 ? 0 : 1, 4);
    put_be(header + 4, array->has_null ? 1 : 0, 4);
    put_be(header + 8, array->type, 4);
    put_be(header + 12, array->n, 4);
    put_be(header + 16, 1, 4);
    return (struct hk_str){header, array->n == 0 ? EMPTY_HEADER_BYTES : array->buf.n};
}
