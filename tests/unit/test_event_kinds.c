/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/publish/event_kinds.h"

#define MAX_BYTES 100000

/* Too large for the stack of a test under ASan, and empty at first. */
static struct event_kinds kinds;
static struct hk_pgarray arrays[3];

static int set_up(void **state)
{
    (void)state;
    hk_pgarray_init(&arrays[0], HK_PG_UUID, MAX_BYTES);
    hk_pgarray_init(&arrays[1], HK_PG_TEXT, MAX_BYTES);
    hk_pgarray_init(&arrays[2], HK_PG_TEXT, MAX_BYTES);
    event_kinds_clear(&kinds);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        hk_pgarray_done(&arrays[i]);
    return 0;
}

static unsigned place(uint8_t tenant, const char *event_type, const char *company)
{
    struct event_kind kind = {{{tenant}}, hk_str(event_type), hk_str(company)};

    return event_kinds_place(&kinds, &kind, arrays);
}

static void test_a_kind_is_added_once_and_found_again(void **state)
{
    (void)state;

    assert_int_equal(place(1, "order.paid", "c1"), 1);
    assert_int_equal(place(1, "order.paid", "c1"), 1);
    assert_int_equal(place(1, "order.paid", "c2"), 2);
    assert_int_equal(place(1, "order.sent", "c1"), 3);
    assert_int_equal(place(2, "order.paid", "c1"), 4);
    assert_int_equal(place(1, "order.paid", "c1"), 1);
    assert_int_equal(place(2, "order.paid", "c1"), 4);
    assert_int_equal(arrays[0].n, 4);
    assert_int_equal(arrays[1].n, 4);
    assert_int_equal(arrays[2].n, 4);
}

static void test_where_one_text_ends_and_the_next_begins_makes_a_difference(void **state)
{
    (void)state;

    assert_int_equal(place(1, "ab", "c"), 1);
    assert_int_equal(place(1, "a", "bc"), 2);
    assert_int_equal(place(1, "ab", "c"), 1);
}

static void test_as_many_kinds_as_a_batch_has_rows_find_their_places(void **state)
{
    static char companies[EVENT_KINDS_MAX][8];

    (void)state;

    for (unsigned i = 0; i < EVENT_KINDS_MAX; i++) {
        (void)snprintf(companies[i], sizeof(companies[i]), "c%u", i);
        assert_int_equal(place(1, "t", companies[i]), i + 1);
    }
    for (unsigned i = 0; i < EVENT_KINDS_MAX; i++)
        assert_int_equal(place(1, "t", companies[i]), i + 1);
    assert_int_equal(arrays[2].n, EVENT_KINDS_MAX);
}

static void test_cleared_kinds_are_forgotten(void **state)
{
    (void)state;

    (void)place(1, "t", "c1");
    (void)place(1, "t", "c2");
    event_kinds_clear(&kinds);
    assert_int_equal(place(1, "t", "c2"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_kind_is_added_once_and_found_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_where_one_text_ends_and_the_next_begins_makes_a_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_as_many_kinds_as_a_batch_has_rows_find_their_places,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cleared_kinds_are_forgotten, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("event_kinds", tests, NULL, NULL);
}
