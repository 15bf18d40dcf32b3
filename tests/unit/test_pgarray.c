/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are those of array_send() in PostgreSQL 15. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/pgarray.h"

#define MAX_BYTES 1000

static void assert_param(struct hk_pgarray *array, const void *bytes, size_t n)
{
    struct hk_str param = hk_pgarray_param(array);

    assert_int_equal(param.n, n);
    assert_memory_equal(param.p, bytes, n);
}

static void test_an_empty_array_has_no_dimension(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25};
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_TEXT, MAX_BYTES);
    assert_param(&array, bytes, sizeof(bytes));
}

static void test_text_elements_are_their_size_and_bytes_and_null_is_minus_one(void **state)
{
    static const uint8_t bytes[] = {
        0, 0, 0, 1, 0,   0,   0, 1, 0, 0, 0,    25,   0,    0,    0, 4, 0, 0, 0,  1, /* header */
        0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'c'};
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_TEXT, MAX_BYTES);
    hk_pgarray_add_str(&array, HK_STR("ab"));
    hk_pgarray_add_str(&array, HK_STR(""));
    hk_pgarray_add_str(&array, HK_STR_NULL);
    hk_pgarray_add_str(&array, HK_STR("c"));
    assert_int_equal(array.n, 4);
    assert_param(&array, bytes, sizeof(bytes));
}

static void test_numbers_are_big_endian_and_as_wide_as_their_type(void **state)
{
    static const struct {
        int64_t value;
        enum hk_pgtype type;
        uint8_t n;
        uint8_t bytes[8];
    } cases[] = {
        {0, HK_PG_BOOL, 1, {0}},
        {1, HK_PG_BOOL, 1, {1}},
        {-2, HK_PG_INT2, 2, {0xff, 0xfe}},
        {32767, HK_PG_INT2, 2, {0x7f, 0xff}},
        {0x01020304, HK_PG_INT4, 4, {1, 2, 3, 4}},
        {INT32_MIN, HK_PG_INT4, 4, {0x80, 0, 0, 0}},
        {0x0102030405060708, HK_PG_INT8, 8, {1, 2, 3, 4, 5, 6, 7, 8}},
        {-1, HK_PG_INT8, 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    };

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;
        struct hk_str param;

        hk_pgarray_init(&array, cases[i].type, MAX_BYTES);
        hk_pgarray_add_int(&array, cases[i].value);
        param = hk_pgarray_param(&array);
        assert_int_equal(param.n, 24 + cases[i].n);
        assert_int_equal(param.p[11], cases[i].type);
        assert_int_equal(param.p[23], cases[i].n);
        assert_memory_equal(param.p + 24, cases[i].bytes, cases[i].n);
    }
}

static void test_ids_are_16_bytes_of_type_uuid(void **state)
{
    static const struct hk_id id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    static const uint8_t bytes[] = {
        0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0x0b, 0x86, 0, 0,  0,  1,  0,  0,  0,  1, /* header */
        0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7,    8,    9, 10, 11, 12, 13, 14, 15, 16};
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_UUID, MAX_BYTES);
    hk_pgarray_add_id(&array, &id);
    assert_param(&array, bytes, sizeof(bytes));
}

static void test_bytea_keeps_every_byte(void **state)
{
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;
    struct hk_str param;

    (void)state;

    hk_pgarray_init(&array, HK_PG_BYTEA, MAX_BYTES);
    hk_pgarray_add_str(&array, (struct hk_str){"\0\xff\n", 3});
    param = hk_pgarray_param(&array);
    assert_int_equal(param.n, 27);
    assert_memory_equal(param.p + 24, "\0\xff\n", 3);
}

static void test_a_cleared_array_starts_again(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0,
                                    0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0,  0, 7};
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_INT4, MAX_BYTES);
    hk_pgarray_add_null(&array);
    hk_pgarray_add_int(&array, 6);
    (void)hk_pgarray_param(&array);

    hk_pgarray_clear(&array);
    hk_pgarray_add_int(&array, 7);
    assert_param(&array, bytes, sizeof(bytes));
}

static void test_an_array_of_nothing_but_nulls_is_null(void **state)
{
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_TEXT, MAX_BYTES);
    assert_non_null(hk_pgarray_param(&array).p); /* an empty one is not */
    hk_pgarray_add_null(&array);
    hk_pgarray_add_null(&array);
    assert_null(hk_pgarray_param(&array).p);
    hk_pgarray_add_str(&array, HK_STR(""));
    assert_non_null(hk_pgarray_param(&array).p);
    hk_pgarray_clear(&array);
    hk_pgarray_add_null(&array);
    assert_null(hk_pgarray_param(&array).p);
}

static void test_an_element_that_does_not_fit_is_left_out_whole(void **state)
{
    HK_CLEANUP(hk_pgarray_done) struct hk_pgarray array;

    (void)state;

    hk_pgarray_init(&array, HK_PG_TEXT, 20 + 6 + 5);
    hk_pgarray_add_str(&array, HK_STR("ab"));
    assert_false(array.buf.is_full);
    hk_pgarray_add_str(&array, HK_STR("cd")); /* its size would fit */
    assert_true(array.buf.is_full);
    hk_pgarray_add_null(&array);
    assert_int_equal(array.n, 1);
    assert_false(array.has_null);
    assert_int_equal(hk_pgarray_param(&array).n, 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_array_has_no_dimension),
        cmocka_unit_test(test_text_elements_are_their_size_and_bytes_and_null_is_minus_one),
        cmocka_unit_test(test_numbers_are_big_endian_and_as_wide_as_their_type),
        cmocka_unit_test(test_ids_are_16_bytes_of_type_uuid),
        cmocka_unit_test(test_bytea_keeps_every_byte),
        cmocka_unit_test(test_a_cleared_array_starts_again),
        cmocka_unit_test(test_an_array_of_nothing_but_nulls_is_null),
        cmocka_unit_test(test_an_element_that_does_not_fit_is_left_out_whole),
    };

    return cmocka_run_group_tests_name("pgarray", tests, NULL, NULL);
}
