/* SPDX-License-Identifier: Apache-2.0 */
/* How the slots of a worker are shared between cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/slots.h"

static void test_one_cell_has_all_slots(void **state)
{
    struct slots_use use = {.n_held = 100, .wants_more = true};

    (void)state;

    assert_int_equal(slots_of(128, 1, &use, 0), 128);
}

static void test_a_busy_cell_has_what_an_idle_one_leaves_but_for_half_of_its_share(void **state)
{
    struct slots_use uses[] = {{.n_held = 60, .wants_more = true}, {0}};

    (void)state;

    assert_int_equal(slots_of(128, 2, uses, 0), 96);
    assert_int_equal(slots_of(128, 2, uses, 1), 64);
}

static void test_half_of_its_share_waits_for_a_cell_however_full_the_other_is(void **state)
{
    struct slots_use uses[] = {{.n_held = 96, .wants_more = true}, {0}};

    (void)state;

    assert_int_equal(slots_of(128, 2, uses, 1), 32);
}

static void test_two_cells_that_want_more_do_not_take_what_waits_for_a_third(void **state)
{
    struct slots_use uses[] = {
        {.n_held = 85, .wants_more = true}, {.n_held = 18, .wants_more = true}, {0}};

    (void)state;

    assert_int_equal(slots_of(128, 3, uses, 1), 22);
    assert_int_equal(slots_of(128, 3, uses, 2), 21);
}

static void test_a_cell_that_wants_more_gets_its_share_as_others_release_theirs(void **state)
{
    struct slots_use uses[] = {{.n_held = 96, .wants_more = true},
                               {.n_held = 32, .wants_more = true}};

    (void)state;

    assert_int_equal(slots_of(128, 2, uses, 0), 64);
    uses[0].n_held = 70;
    assert_int_equal(slots_of(128, 2, uses, 1), 58);
    uses[0].n_held = 40;
    assert_int_equal(slots_of(128, 2, uses, 1), 64);
}

static void test_a_cell_that_uses_more_than_half_of_its_share_keeps_what_it_uses(void **state)
{
    struct slots_use uses[] = {{.n_held = 0, .wants_more = true}, {.n_held = 50}};

    (void)state;

    assert_int_equal(slots_of(128, 2, uses, 0), 78);
}

static void test_what_does_not_divide_goes_to_the_first_cells(void **state)
{
    struct slots_use uses[] = {{.wants_more = true}, {.wants_more = true}, {.wants_more = true}};

    (void)state;

    assert_int_equal(slots_of(8, 3, uses, 0), 3);
    assert_int_equal(slots_of(8, 3, uses, 1), 3);
    assert_int_equal(slots_of(8, 3, uses, 2), 2);
}

/* Each takes all that it may, and gives back by turns: never more than there are, and each its
 * share. */
static void test_cells_never_hold_more_than_there_are_and_each_comes_to_its_share(void **state)
{
    enum { N_CELLS = 5, N_SLOTS = 32 };
    struct slots_use uses[N_CELLS] = {{.n_held = 19, .wants_more = true}};

    (void)state;

    for (unsigned turn = 0; turn < 100; turn++) {
        unsigned n = 0;

        for (unsigned i = 0; i < N_CELLS; i++) {
            unsigned most = slots_of(N_SLOTS, N_CELLS, uses, i);

            if (uses[i].n_held < most)
                uses[i].n_held = most;
            uses[i].wants_more = true;
        }
        for (unsigned i = 0; i < N_CELLS; i++)
            n += uses[i].n_held;
        assert_true(n <= N_SLOTS);
        uses[turn % N_CELLS].n_held--;
    }
    for (unsigned i = 0; i < N_CELLS; i++)
        assert_in_range(uses[i].n_held, N_SLOTS / N_CELLS - 1, N_SLOTS / N_CELLS + 1);
}

static void test_as_many_cells_as_slots_have_one_each(void **state)
{
    struct slots_use uses[] = {{.n_held = 1, .wants_more = true}, {0}};

    (void)state;

    assert_int_equal(slots_of(2, 2, uses, 0), 1);
    assert_int_equal(slots_of(2, 2, uses, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_cell_has_all_slots),
        cmocka_unit_test(test_a_busy_cell_has_what_an_idle_one_leaves_but_for_half_of_its_share),
        cmocka_unit_test(test_half_of_its_share_waits_for_a_cell_however_full_the_other_is),
        cmocka_unit_test(test_two_cells_that_want_more_do_not_take_what_waits_for_a_third),
        cmocka_unit_test(test_a_cell_that_wants_more_gets_its_share_as_others_release_theirs),
        cmocka_unit_test(test_a_cell_that_uses_more_than_half_of_its_share_keeps_what_it_uses),
        cmocka_unit_test(test_what_does_not_divide_goes_to_the_first_cells),
        cmocka_unit_test(test_cells_never_hold_more_than_there_are_and_each_comes_to_its_share),
        cmocka_unit_test(test_as_many_cells_as_slots_have_one_each),
    };

    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
