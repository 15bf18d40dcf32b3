/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/id.h"

#define NOW INT64_C(1614265330123)

static int64_t ms_of(const struct hk_id *id)
{
    int64_t ms = 0;

    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

static void assert_grows(const struct hk_id *before, const struct hk_id *after)
{
    assert_true(memcmp(before->bytes, after->bytes, sizeof(before->bytes)) < 0);
}

static void test_an_id_is_a_uuid_of_version_7_with_the_time_in_front(void **state)
{
    struct hk_id_source source = {0};
    struct hk_id id = hk_id_new(&source, NOW);

    (void)state;

    assert_int_equal(ms_of(&id), NOW);
    assert_int_equal(id.bytes[6] >> 4, 7);
    assert_int_equal(id.bytes[8] >> 6, 2);
}

static bool is_within(const struct hk_id_span *span, const struct hk_id *id)
{
    return memcmp(id->bytes, span->from.bytes, sizeof(id->bytes)) >= 0 &&
           memcmp(id->bytes, span->to.bytes, sizeof(id->bytes)) <= 0;
}

static void test_a_span_has_all_ids_of_the_milliseconds_from_its_first_to_its_last(void **state)
{
    struct hk_id_source source = {0};
    struct hk_id ids[5];
    struct hk_id_span span;

    (void)state;

    for (unsigned i = 0; i < HK_COUNTOF(ids); i++)
        ids[i] = hk_id_new(&source, NOW + i / 2); /* two of each millisecond */
    hk_id_span_init(&span);
    for (unsigned i = 0; i < HK_COUNTOF(ids); i++)
        assert_false(is_within(&span, &ids[i]));
    hk_id_span_add(&span, &ids[3]);
    hk_id_span_add(&span, &ids[1]);
    for (unsigned i = 0; i < HK_COUNTOF(ids); i++)
        assert_int_equal(is_within(&span, &ids[i]), i < 4);
}

static void test_ids_of_one_millisecond_grow(void **state)
{
    struct hk_id_source source = {0};
    struct hk_id before = hk_id_new(&source, NOW);

    (void)state;

    for (int i = 1; i < 4096; i++) {
        struct hk_id after = hk_id_new(&source, NOW);

        assert_grows(&before, &after);
        assert_int_equal(ms_of(&after), NOW);
        before = after;
    }
}

static void test_the_4097th_id_of_a_millisecond_borrows_the_next_one(void **state)
{
    struct hk_id_source source = {0};
    struct hk_id before = hk_id_new(&source, NOW);
    struct hk_id after;

    (void)state;

    for (int i = 1; i < 10000; i++) {
        after = hk_id_new(&source, NOW);
        assert_grows(&before, &after);
        before = after;
    }
    assert_int_equal(ms_of(&after), NOW + 2);

    /* The clock has caught up with less than was borrowed, then with more. */
    after = hk_id_new(&source, NOW + 1);
    assert_grows(&before, &after);
    before = after;
    after = hk_id_new(&source, NOW + 3);
    assert_grows(&before, &after);
    assert_int_equal(ms_of(&after), NOW + 3);
}

static void test_ids_grow_while_the_clock_goes_backwards(void **state)
{
    struct hk_id_source source = {0};
    struct hk_id before = hk_id_new(&source, NOW);

    (void)state;

    for (int64_t back_ms = 1; back_ms <= 5000; back_ms++) {
        struct hk_id after = hk_id_new(&source, NOW - back_ms);

        assert_grows(&before, &after);
        before = after;
    }
    assert_int_equal(ms_of(&before), NOW + 1);
}

static void test_two_sources_make_different_ids_at_the_same_time(void **state)
{
    struct hk_id_source one = {0};
    struct hk_id_source two = {0};
    struct hk_id a = hk_id_new(&one, NOW);
    struct hk_id b = hk_id_new(&two, NOW);

    (void)state;

    assert_memory_not_equal(a.bytes, b.bytes, sizeof(a.bytes));
}

static void test_text_is_canonical_and_read_in_either_case(void **state)
{
    static const struct hk_id id = {{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4,
                                     0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}}; /* RFC 9562, A.6 */
    char text[HK_ID_TEXT_SIZE];
    struct hk_id parsed;

    (void)state;

    hk_id_format(&id, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_true(hk_id_parse(hk_str(text), &parsed));
    assert_memory_equal(parsed.bytes, id.bytes, 16);
    assert_true(hk_id_parse(HK_STR("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &parsed));
    assert_memory_equal(parsed.bytes, id.bytes, 16);
}

static void test_other_forms_of_uuids_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739-f",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    };
    struct hk_id id = {{1}};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_false(hk_id_parse(hk_str(cases[i]), &id));
    assert_false(hk_id_parse(HK_STR_NULL, &id));
    assert_int_equal(id.bytes[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_is_a_uuid_of_version_7_with_the_time_in_front),
        cmocka_unit_test(test_a_span_has_all_ids_of_the_milliseconds_from_its_first_to_its_last),
        cmocka_unit_test(test_ids_of_one_millisecond_grow),
        cmocka_unit_test(test_the_4097th_id_of_a_millisecond_borrows_the_next_one),
        cmocka_unit_test(test_ids_grow_while_the_clock_goes_backwards),
        cmocka_unit_test(test_two_sources_make_different_ids_at_the_same_time),
        cmocka_unit_test(test_text_is_canonical_and_read_in_either_case),
        cmocka_unit_test(test_other_forms_of_uuids_are_refused),
    };

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
