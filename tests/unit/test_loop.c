/* SPDX-License-Identifier: Apache-2.0 */
/* hk/loop.h: who is called, in which order, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hk/clock.h"
#include "hk/loop.h"

static struct hk_loop *loop;
static char order[32]; /* the letters of the timers that came, in order */

static int setup(void **state)
{
    (void)state;
    loop = hk_loop_new();
    order[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hk_loop_free(loop);
    return 0;
}

/* ---- timers ---- */

struct letter {
    struct hk_timer timer;
    char name;
    struct letter *other; /* to be stopped and freed, or set again */
};

static void on_letter(struct hk_timer *timer)
{
    struct letter *letter = HK_CONTAINER_OF(timer, struct letter, timer);
    size_t n = strlen(order);

    assert_true(n + 1 < sizeof(order));
    order[n] = letter->name;
    order[n + 1] = '\0';
    assert_false(timer->is_set);
}

static void on_letter_frees(struct hk_timer *timer)
{
    struct letter *letter = HK_CONTAINER_OF(timer, struct letter, timer);

    on_letter(timer);
    hk_loop_stop_timer(loop, &letter->other->timer);
    free(letter->other);
    free(letter);
}

static void on_letter_again(struct hk_timer *timer)
{
    on_letter(timer);
    if (strlen(order) < 3)
        hk_loop_set_timer(loop, timer, 5, on_letter_again);
}

static void turn_for(int milliseconds)
{
    int64_t until_ms = hk_mono_ms() + milliseconds;

    while (hk_mono_ms() < until_ms)
        hk_loop_turn(loop, 5);
}

static void test_timers_come_in_the_order_of_their_time(void **state)
{
    struct letter a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};

    (void)state;
    hk_loop_set_timer(loop, &c.timer, 20, on_letter);
    hk_loop_set_timer(loop, &a.timer, 0, on_letter);
    hk_loop_set_timer(loop, &d.timer, 30, on_letter);
    hk_loop_set_timer(loop, &b.timer, 10, on_letter);
    turn_for(60);
    assert_string_equal(order, "abcd");
}

static void test_timers_of_the_same_time_come_in_the_order_they_were_set(void **state)
{
    struct letter a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};

    (void)state;
    hk_loop_set_timer(loop, &a.timer, 0, on_letter);
    hk_loop_set_timer(loop, &b.timer, 0, on_letter);
    hk_loop_set_timer(loop, &c.timer, 0, on_letter);
    turn_for(5);
    assert_string_equal(order, "abc");
}

static void test_a_stopped_timer_never_comes_and_one_set_again_comes_once(void **state)
{
    struct letter a = {.name = 'a'}, b = {.name = 'b'};

    (void)state;
    hk_loop_set_timer(loop, &a.timer, 5, on_letter);
    hk_loop_stop_timer(loop, &a.timer);
    hk_loop_stop_timer(loop, &a.timer); /* no-op */
    hk_loop_set_timer(loop, &b.timer, 1, on_letter);
    hk_loop_set_timer(loop, &b.timer, 10, on_letter);
    turn_for(30);
    assert_string_equal(order, "b");
}

static void test_a_timer_may_free_itself_and_others_that_are_due(void **state)
{
    struct letter *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

    (void)state;
    if (a == NULL || b == NULL)
        abort();
    *a = (struct letter){.name = 'a', .other = b};
    *b = (struct letter){.name = 'b'};
    hk_loop_set_timer(loop, &a->timer, 0, on_letter_frees);
    hk_loop_set_timer(loop, &b->timer, 0, on_letter);
    turn_for(10);
    assert_string_equal(order, "a");
}

static void test_a_timer_may_set_itself_again(void **state)
{
    struct letter a = {.name = 'a'};

    (void)state;
    hk_loop_set_timer(loop, &a.timer, 0, on_letter_again);
    turn_for(40);
    assert_string_equal(order, "aaa");
}

static void test_the_wait_ends_with_the_next_timer(void **state)
{
    struct letter a = {.name = 'a'};

    (void)state;
    assert_int_equal(hk_loop_wait_ms(loop, 700), 700);
    hk_loop_set_timer(loop, &a.timer, 100, on_letter);
    assert_in_range(hk_loop_wait_ms(loop, 700), 50, 100);
    assert_int_equal(hk_loop_wait_ms(loop, 10), 10);
    hk_loop_set_timer(loop, &a.timer, 0, on_letter);
    assert_int_equal(hk_loop_wait_ms(loop, 700), 0);
    hk_loop_stop_timer(loop, &a.timer);
}

/* ---- watches ---- */

struct end {
    struct hk_watch watch;
    int fds[2]; /* fds[0] is watched */
    unsigned n_calls;
    unsigned events;
    struct end *other; /* to be unwatched and closed */
};

static void end_open(struct end *end)
{
    *end = (struct end){.n_calls = 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, end->fds), 0);
}

static void end_close(struct end *end)
{
    hk_loop_unwatch(loop, &end->watch);
    (void)close(end->fds[0]);
    (void)close(end->fds[1]);
}

static void on_end(struct hk_watch *watch, unsigned events)
{
    struct end *end = HK_CONTAINER_OF(watch, struct end, watch);

    end->n_calls++;
    end->events = events;
    if (end->other != NULL) {
        hk_loop_unwatch(loop, &end->other->watch);
        end->other->other = NULL;
        end->other = NULL;
    }
}

static void on_end_other(struct hk_watch *watch, unsigned events)
{
    on_end(watch, events);
    HK_CONTAINER_OF(watch, struct end, watch)->n_calls += 100;
}

static void test_a_watch_is_called_for_what_it_watches(void **state)
{
    struct end end;

    (void)state;
    end_open(&end);
    hk_loop_watch(loop, &end.watch, end.fds[0], HK_READABLE, on_end);
    hk_loop_turn(loop, 0);
    assert_int_equal(end.n_calls, 0);
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    hk_loop_turn(loop, 1000);
    assert_int_equal(end.n_calls, 1);
    assert_int_equal(end.events, HK_READABLE);
    hk_loop_turn(loop, 1000); /* as long as there is something to read */
    assert_int_equal(end.n_calls, 2);
    hk_loop_watch(loop, &end.watch, end.fds[0], HK_WRITABLE, on_end_other);
    hk_loop_turn(loop, 1000);
    assert_int_equal(end.n_calls, 103);
    assert_int_equal(end.events, HK_WRITABLE);
    hk_loop_watch(loop, &end.watch, end.fds[0], 0, on_end);
    hk_loop_turn(loop, 0);
    assert_int_equal(end.n_calls, 103);
    end_close(&end);
}

static void test_a_peer_that_has_left_makes_a_watch_readable(void **state)
{
    struct end end;

    (void)state;
    end_open(&end);
    hk_loop_watch(loop, &end.watch, end.fds[0], HK_READABLE, on_end);
    (void)close(end.fds[1]);
    end.fds[1] = -1;
    hk_loop_turn(loop, 1000);
    assert_int_equal(end.n_calls, 1);
    assert_true((end.events & HK_READABLE) != 0);
    end_close(&end);
}

static void test_what_is_unwatched_in_the_same_turn_is_not_called(void **state)
{
    struct end a, b;

    (void)state;
    end_open(&a);
    end_open(&b);
    a.other = &b;
    b.other = &a;
    hk_loop_watch(loop, &a.watch, a.fds[0], HK_READABLE, on_end);
    hk_loop_watch(loop, &b.watch, b.fds[0], HK_READABLE, on_end);
    assert_int_equal(write(a.fds[1], "x", 1), 1);
    assert_int_equal(write(b.fds[1], "x", 1), 1);
    hk_loop_turn(loop, 1000); /* whoever is first takes the other out */
    assert_int_equal(a.n_calls + b.n_calls, 1);
    end_close(&a);
    end_close(&b);
}

static void test_a_watch_may_move_to_another_descriptor(void **state)
{
    struct end a, b;

    (void)state;
    end_open(&a);
    end_open(&b);
    hk_loop_watch(loop, &a.watch, a.fds[0], HK_READABLE, on_end);
    hk_loop_watch(loop, &a.watch, b.fds[0], HK_READABLE, on_end);
    assert_int_equal(write(a.fds[1], "x", 1), 1);
    hk_loop_turn(loop, 0);
    assert_int_equal(a.n_calls, 0);
    assert_int_equal(write(b.fds[1], "x", 1), 1);
    hk_loop_turn(loop, 1000);
    assert_int_equal(a.n_calls, 1);
    end_close(&a);
    end_close(&b);
}

/* ---- waking ---- */

static void *wake(void *arg)
{
    hk_loop_wake(arg);
    return NULL;
}

static void test_another_thread_ends_the_wait(void **state)
{
    int64_t start_ms = hk_mono_ms();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake, loop), 0);
    hk_loop_turn(loop, 20000);
    assert_true(hk_mono_ms() - start_ms < 10000);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_a_wake_before_the_wait_is_not_lost_and_counts_once(void **state)
{
    int64_t start_ms = hk_mono_ms();

    (void)state;
    hk_loop_wake(loop);
    hk_loop_wake(loop);
    hk_loop_turn(loop, 20000);
    assert_true(hk_mono_ms() - start_ms < 10000);
    start_ms = hk_mono_ms();
    hk_loop_turn(loop, 50);
    assert_true(hk_mono_ms() - start_ms >= 40);
}

#define loop_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(test_timers_come_in_the_order_of_their_time),
        loop_test(test_timers_of_the_same_time_come_in_the_order_they_were_set),
        loop_test(test_a_stopped_timer_never_comes_and_one_set_again_comes_once),
        loop_test(test_a_timer_may_free_itself_and_others_that_are_due),
        loop_test(test_a_timer_may_set_itself_again),
        loop_test(test_the_wait_ends_with_the_next_timer),
        loop_test(test_a_watch_is_called_for_what_it_watches),
        loop_test(test_a_peer_that_has_left_makes_a_watch_readable),
        loop_test(test_what_is_unwatched_in_the_same_turn_is_not_called),
        loop_test(test_a_watch_may_move_to_another_descriptor),
        loop_test(test_another_thread_ends_the_wait),
        loop_test(test_a_wake_before_the_wait_is_not_lost_and_counts_once),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
