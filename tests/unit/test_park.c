/* SPDX-License-Identifier: Apache-2.0 */
/* Claimed messages that wait for a slot, of 128: a subscription that is new gets four at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/clock.h"
#include "hk/loop.h"
#include "worker/park.h"

enum { N_SLOTS = 128, N_AT_ONCE = 4, N_WAITING = 20, MAX_ATTEMPTS = 64, MAX_DATA = 64 };

struct story {
    struct hk_loop *loop;
    struct park *park;
    struct attempt *attempts[MAX_ATTEMPTS];
    unsigned n;
};

static void on_moved(struct attempt *attempt, enum attempt_state from, const char *why)
{
    (void)attempt;
    (void)from;
    (void)why;
}

static void do_nothing(struct attempt *attempt)
{
    (void)attempt;
}

static const struct attempt_ops ops = {on_moved,   do_nothing, do_nothing, do_nothing,
                                       do_nothing, do_nothing, do_nothing, do_nothing};

static struct attempt *arrive(struct story *story, char subscription)
{
    struct attempt *attempt = attempt_new(MAX_DATA);

    attempt->ops = &ops;
    attempt->subscription_id.bytes[0] = attempt->tenant_id.bytes[0] = (uint8_t)subscription;
    attempt->url = HK_STR("http://a/");
    attempt->lease_ends_ms = hk_mono_ms() + 60000;
    story->attempts[story->n++] = attempt;
    park_arrive(story->park, attempt);
    return attempt;
}

static void answer(struct story *story, struct attempt *attempt, int64_t duration_ms)
{
    attempt->outcome.duration_us = duration_ms * 1000;
    park_leave(story->park, attempt);
}

static int set_up(void **state)
{
    struct story *story = calloc(1, sizeof(*story));

    assert_non_null(story);
    story->loop = hk_loop_new();
    story->park = park_new(story->loop, N_SLOTS);
    *state = story;
    return 0;
}

static int tear_down(void **state)
{
    struct story *story = *state;

    park_free(story->park);
    for (unsigned i = 0; i < story->n; i++)
        attempt_free(story->attempts[i]);
    hk_loop_free(story->loop);
    free(story);
    return 0;
}

static void test_many_that_wait_for_one_receiver_hide_nobody_behind_them(void **state)
{
    struct story *story = *state;
    struct attempt *answered, *last;

    for (unsigned i = 0; i < N_AT_ONCE + N_WAITING; i++)
        (void)arrive(story, 'a');
    answered = arrive(story, 'b');
    for (unsigned i = 1; i < N_AT_ONCE; i++)
        (void)arrive(story, 'b');
    last = arrive(story, 'b');
    assert_int_equal(answered->state, ATTEMPT_SENDING);
    assert_int_equal(last->state, ATTEMPT_LEASED);
    answer(story, answered, 5);
    park_turn(story->park);
    assert_int_equal(last->state, ATTEMPT_SENDING);
    assert_int_equal(story->attempts[N_AT_ONCE]->state, ATTEMPT_LEASED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_many_that_wait_for_one_receiver_hide_nobody_behind_them, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}
