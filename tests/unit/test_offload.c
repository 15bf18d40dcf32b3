/* SPDX-License-Identifier: Apache-2.0 */
/* hk/offload.h: jobs run elsewhere, come back once, and in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>

#include "hk/clock.h"
#include "hk/loop.h"
#include "hk/offload.h"

enum { MAX_JOBS = 8 };

static struct hk_loop *loop;
static struct hk_offload *offload;
static sem_t gate; /* what jobs that wait are waiting for */
static unsigned n_done, n_ownerless, n_run;
static uint64_t last_result;

struct square {
    struct hk_offload_job job;
    uint64_t n, result;
    pthread_t ran_on;
    bool waits, has_run;
};

static void run_square(struct hk_offload_job *job)
{
    struct square *square = HK_CONTAINER_OF(job, struct square, job);

    if (square->waits) {
        while (sem_wait(&gate) != 0)
            continue;
    }
    square->result = square->n * square->n;
    square->ran_on = pthread_self();
    square->has_run = true;
}

static void on_square_done(struct hk_offload_job *job)
{
    struct square *square = HK_CONTAINER_OF(job, struct square, job);

    n_done++;
    n_ownerless += job->owner == NULL;
    n_run += square->has_run;
    if (square->has_run) {
        assert_false(pthread_equal(square->ran_on, pthread_self()));
        last_result = square->result;
    }
    free(square);
}

static struct square *new_square(uint64_t n)
{
    struct square *square = calloc(1, sizeof(*square));

    assert_non_null(square);
    square->job = (struct hk_offload_job){run_square, on_square_done, &offload, NULL};
    square->n = n;
    return square;
}

static void submit(struct square *square)
{
    assert_int_equal(hk_offload_submit(offload, &square->job), HK_OK);
}

static void turn_until_done(unsigned n)
{
    int64_t deadline_ms = hk_mono_ms() + 10000;

    while (n_done < n && hk_mono_ms() < deadline_ms)
        hk_loop_turn(loop, 100);
    assert_true(n_done >= n); /* one turn may bring several */
}

static int setup(void **state)
{
    (void)state;
    n_done = n_ownerless = n_run = 0;
    last_result = 0;
    loop = hk_loop_new();
    offload = hk_offload_new(loop, MAX_JOBS);
    return sem_init(&gate, 0, 0);
}

static int teardown(void **state)
{
    (void)state;
    hk_offload_free(offload);
    hk_loop_free(loop);
    return sem_destroy(&gate);
}

static void test_a_job_runs_on_the_helper_and_comes_back_on_the_loop(void **state)
{
    (void)state;
    submit(new_square(7));
    assert_int_equal(n_done, 0); /* never before submit has returned, nor without a turn */
    turn_until_done(1);
    assert_int_equal(last_result, 49);
    assert_int_equal(n_ownerless, 0);
}

static void test_jobs_come_back_in_the_order_they_went(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= MAX_JOBS; i++)
        submit(new_square(i));
    for (unsigned n = 1; n <= MAX_JOBS; n++)
        turn_until_done(n > n_done ? n : n_done);
    assert_int_equal(last_result, MAX_JOBS * MAX_JOBS);
}

static void test_a_full_queue_says_busy_and_leaves_the_job(void **state)
{
    struct square *refused = new_square(9);

    (void)state;
    for (unsigned i = 0; i < MAX_JOBS; i++) {
        struct square *square = new_square(i);

        square->waits = true;
        submit(square);
    }
    assert_int_equal(hk_offload_submit(offload, &refused->job), HK_BUSY);
    for (unsigned i = 0; i < MAX_JOBS; i++)
        (void)sem_post(&gate);
    turn_until_done(MAX_JOBS);
    submit(refused);
    turn_until_done(MAX_JOBS + 1);
    assert_int_equal(last_result, 81);
}

static void test_an_abandoned_job_comes_back_without_its_owner(void **state)
{
    struct square *square = new_square(3);

    (void)state;
    square->waits = true;
    submit(square);
    hk_offload_abandon(&square->job); /* while it runs, or before */
    (void)sem_post(&gate);
    turn_until_done(1);
    assert_int_equal(n_ownerless, 1);
    assert_int_equal(n_run, 1);
}

static void test_an_end_gives_back_what_runs_and_what_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_JOBS; i++) {
        struct square *square = new_square(i);

        square->waits = i == 0;
        submit(square);
    }
    (void)sem_post(&gate);
    hk_offload_free(offload);
    offload = NULL;
    assert_int_equal(n_done, MAX_JOBS);
    assert_int_equal(n_ownerless, MAX_JOBS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_job_runs_on_the_helper_and_comes_back_on_the_loop,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_jobs_come_back_in_the_order_they_went, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue_says_busy_and_leaves_the_job, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_abandoned_job_comes_back_without_its_owner, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_end_gives_back_what_runs_and_what_waits, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
