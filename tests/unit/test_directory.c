/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/cells/directory.h"

enum { NOW_MS = 1000000, YEAR_MS = 365 * 24 * 3600, N_WAYS = 8, NOT_KNOWN = 99 };

static struct directory *directory;

static int set_up(void **state)
{
    (void)state;
    directory = directory_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    directory_free(directory);
    return 0;
}

/* All of them fall into the same set. */
static struct hk_id tenant(uint8_t which)
{
    return (struct hk_id){{which}};
}

static unsigned cell_of(uint8_t which, int64_t max_age_ms, int64_t now_ms)
{
    struct hk_id id = tenant(which);
    unsigned cell = NOT_KNOWN;

    return directory_find(directory, &id, max_age_ms, now_ms, &cell) ? cell : (unsigned)NOT_KNOWN;
}

static void put(uint8_t which, int64_t now_ms, unsigned cell)
{
    struct hk_id id = tenant(which);

    directory_put(directory, &id, now_ms, cell);
}

static void test_what_was_never_asked_for_is_not_known(void **state)
{
    (void)state;
    assert_int_equal(cell_of(0, INT64_MAX, NOW_MS), NOT_KNOWN);
    put(1, NOW_MS, 0);
    assert_int_equal(cell_of(0, INT64_MAX, NOW_MS), NOT_KNOWN);
    assert_int_equal(cell_of(1, INT64_MAX, NOW_MS), 0);
}

static void test_what_is_known_does_not_grow_old(void **state)
{
    (void)state;
    put(1, NOW_MS, 2);
    assert_int_equal(cell_of(1, INT64_MAX, NOW_MS + YEAR_MS), 2);
    assert_int_equal(cell_of(1, 1000, NOW_MS + 1000), 2);
    assert_int_equal(cell_of(1, 1000, NOW_MS + 1001), NOT_KNOWN);
}

static void test_a_new_answer_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    put(1, NOW_MS, 2);
    put(2, NOW_MS, 3);
    put(1, NOW_MS + 1, 0);
    assert_int_equal(cell_of(1, INT64_MAX, NOW_MS + 2), 0);
    assert_int_equal(cell_of(2, INT64_MAX, NOW_MS + 2), 3);
}

static void test_a_full_set_forgets_whom_it_asked_for_longest_ago(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_WAYS; i++)
        put((uint8_t)i, NOW_MS + i, i);
    put(0, NOW_MS + N_WAYS, 20);
    put(100, NOW_MS + N_WAYS, 30);
    assert_int_equal(cell_of(0, INT64_MAX, NOW_MS), 20);
    assert_int_equal(cell_of(1, INT64_MAX, NOW_MS), NOT_KNOWN);
    for (unsigned i = 2; i < N_WAYS; i++)
        assert_int_equal(cell_of((uint8_t)i, INT64_MAX, NOW_MS), i);
    assert_int_equal(cell_of(100, INT64_MAX, NOW_MS), 30);
}

static void test_tenants_of_the_home_cell_go_before_those_of_others(void **state)
{
    (void)state;
    for (unsigned i = 0; i + 1 < N_WAYS; i++)
        put((uint8_t)i, NOW_MS + i, 1 + i);
    for (unsigned i = 0; i < 100; i++)
        put((uint8_t)(100 + i), NOW_MS + N_WAYS + i, 0);
    for (unsigned i = 0; i + 1 < N_WAYS; i++)
        assert_int_equal(cell_of((uint8_t)i, INT64_MAX, NOW_MS), 1 + i);
    assert_int_equal(cell_of(198, INT64_MAX, NOW_MS), NOT_KNOWN);
    assert_int_equal(cell_of(199, INT64_MAX, NOW_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_never_asked_for_is_not_known, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_known_does_not_grow_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_answer_takes_the_place_of_the_old_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_set_forgets_whom_it_asked_for_longest_ago,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tenants_of_the_home_cell_go_before_those_of_others,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
