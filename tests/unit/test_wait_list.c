/* SPDX-License-Identifier: Apache-2.0 */
/* Who is woken may do anything to the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/wait_list.h"

static struct waiting {
    struct hk_wait wait;
    struct hk_wait *abandons;
    bool waits_again;
    unsigned n_woken;
} some[3];
static struct hk_wait *list;

static void on_ready(struct hk_wait *wait)
{
    struct waiting *waiting = HK_CONTAINER_OF(wait, struct waiting, wait);

    waiting->n_woken++;
    if (waiting->abandons != NULL)
        hk_wait_abandon(waiting->abandons);
    if (waiting->waits_again)
        hk_wait_add(&list, wait);
}

static int let_all_wait(void **state)
{
    (void)state;
    list = NULL;
    for (size_t i = 0; i < HK_COUNTOF(some); i++) {
        some[i] = (struct waiting){.wait.ready = on_ready};
        hk_wait_add(&list, &some[i].wait);
    }
    return 0;
}

static void test_each_is_woken_once(void **state)
{
    (void)state;
    hk_wait_wake_all(&list);
    hk_wait_wake_all(&list);
    for (size_t i = 0; i < HK_COUNTOF(some); i++) {
        assert_int_equal(some[i].n_woken, 1);
        assert_false(hk_wait_is_waiting(&some[i].wait));
    }
}

static void test_who_waits_again_is_not_woken_twice(void **state)
{
    (void)state;
    some[1].waits_again = true;
    hk_wait_wake_all(&list);
    assert_int_equal(some[1].n_woken, 1);
    assert_true(hk_wait_is_waiting(&some[1].wait));
    assert_ptr_equal(list, &some[1].wait);
}

static void test_who_is_abandoned_meanwhile_is_not_woken(void **state)
{
    (void)state;
    some[2].abandons = &some[0].wait; /* the last one that came is the first one woken */
    hk_wait_wake_all(&list);
    assert_int_equal(some[0].n_woken, 0);
    assert_int_equal(some[1].n_woken, 1);
    assert_null(list);
}

static void test_anyone_can_leave_and_leave_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(some); i++) {
        hk_wait_abandon(&some[(i + 1) % 3].wait);
        hk_wait_abandon(&some[(i + 1) % 3].wait);
    }
    assert_null(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_is_woken_once, let_all_wait),
        cmocka_unit_test_setup(test_who_waits_again_is_not_woken_twice, let_all_wait),
        cmocka_unit_test_setup(test_who_is_abandoned_meanwhile_is_not_woken, let_all_wait),
        cmocka_unit_test_setup(test_anyone_can_leave_and_leave_again, let_all_wait),
    };

    return cmocka_run_group_tests_name("wait_list", tests, NULL, NULL);
}
