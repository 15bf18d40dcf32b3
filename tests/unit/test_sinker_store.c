/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and benches believe the sinker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sinker/store.h"

static struct store store;

static int given_two_open_requests(void **state)
{
    struct sink_request request = {.method = HK_STR("POST"), .status = STATUS_HANG};

    (void)state;
    store_init(&store, 10, 100);
    request.path = store_path(&store, HK_STR("/hook"));
    store_add(&store, &request);
    store_add(&store, &request);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    store_clear(&store);
    free(store.paths);
    free(store.ring);
    free(store.buckets);
    return 0;
}

static void test_what_is_open_at_a_reset_counts_as_open_afterwards(void **state)
{
    struct sink_path *path = store_find_path(&store, HK_STR("/hook"));

    (void)state;
    store_clear(&store);
    assert_int_equal(path->stats.n_requests, 0);
    assert_int_equal(path->n_open, 2);
    assert_int_equal(path->stats.max_open, 2);
}

static void test_the_most_that_was_open_before_a_reset_is_forgotten(void **state)
{
    struct sink_path *path = store_find_path(&store, HK_STR("/hook"));

    (void)state;
    store_close(path);
    assert_int_equal(path->stats.max_open, 2);
    store_clear(&store);
    assert_int_equal(path->stats.max_open, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_open_at_a_reset_counts_as_open_afterwards,
                                        given_two_open_requests, forget),
        cmocka_unit_test_setup_teardown(test_the_most_that_was_open_before_a_reset_is_forgotten,
                                        given_two_open_requests, forget),
    };

    return cmocka_run_group_tests_name("sinker_store", tests, NULL, NULL);
}
