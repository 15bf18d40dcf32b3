/* SPDX-License-Identifier: Apache-2.0 */
/* Two workers at the queue: claims and records in every order that matters. No worker runs here. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/concurrency/sessions.h"
#include "tests/support/message.h"

#define LONG_MS 60000

struct two {
    struct harness *h;
    struct tenant *t;
    PGconn *a, *b;
};

static struct two given_messages(void **state, unsigned n)
{
    struct harness *h = *state;
    struct two two = {.h = h, .t = given_tenant(h)};

    (void)given_story(h, two.t, "/hook");
    publish_many(h, two.t, n);
    two.a = session_worker(h);
    two.b = session_worker(h);
    return two;
}

static void end(struct two *two)
{
    PQfinish(two->a);
    PQfinish(two->b);
}

static const char *status_of(struct two *two)
{
    return db_text(two->h, "SELECT status FROM hookline.message");
}

static int64_t n_attempts(struct two *two)
{
    return db_int(two->h, "SELECT count(*) FROM hookline.attempt");
}

/* Claims the one message for A with a lease that ends at once, and waits until it has. */
static bool is_due_again(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue WHERE due_at <= now()") == 1;
}

static struct claimed claim_and_lose(struct two *two)
{
    struct claimed claimed = session_claim(two->a, 1, 1);

    assert_int_equal(claimed.n, 1);
    assert_true(wait_until(is_due_again, two->h, 5000));
    return claimed;
}

/* ---- claim / claim ---- */

static void test_a_claim_does_not_wait_for_another_and_takes_other_messages(void **state)
{
    struct two two = given_messages(state, 20);
    struct claimed first, second, rest;

    session_run(two.a, "BEGIN");
    first = session_claim(two.a, 15, LONG_MS);
    second = session_claim(two.b, 15, LONG_MS); /* A has not committed */
    session_run(two.a, "COMMIT");
    rest = session_claim(two.b, 15, LONG_MS);
    assert_int_equal(first.n, 15);
    assert_int_equal(second.n, 5);
    assert_int_equal(rest.n, 0);
    for (unsigned i = 0; i < first.n; i++) {
        for (unsigned j = 0; j < second.n; j++)
            assert_string_not_equal(claimed_message(&first, i), claimed_message(&second, j));
    }
    claimed_done(&first);
    claimed_done(&second);
    claimed_done(&rest);
    end(&two);
}

static void test_a_claim_that_was_rolled_back_leaves_no_trace(void **state)
{
    struct two two = given_messages(state, 3);
    struct claimed first, second;

    session_run(two.a, "BEGIN");
    first = session_claim(two.a, 10, LONG_MS);
    session_run(two.a, "ROLLBACK");
    second = session_claim(two.b, 10, LONG_MS);
    assert_int_equal(first.n, 3);
    assert_int_equal(second.n, 3);
    assert_int_equal(db_int(two.h, "SELECT max(fence) FROM hookline.queue"), 1);
    claimed_done(&first);
    claimed_done(&second);
    end(&two);
}

#define N_THREADS 4
#define N_MANY    1000

static void *claim_all(void *arg)
{
    PGconn *session = arg;
    uintptr_t n_claimed = 0;
    struct claimed claimed;

    do {
        claimed = session_claim(session, 7, LONG_MS);
        n_claimed += claimed.n;
        claimed_done(&claimed);
    } while (claimed.n > 0);
    return (void *)n_claimed;
}

static void test_claims_of_many_at_once_add_up(void **state)
{
    struct two two = given_messages(state, N_MANY);
    PGconn *sessions[N_THREADS];
    pthread_t threads[N_THREADS];
    uintptr_t n_claimed = 0;

    for (size_t i = 0; i < N_THREADS; i++)
        sessions[i] = session_worker(two.h);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, claim_all, sessions[i]), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        void *n;

        assert_int_equal(pthread_join(threads[i], &n), 0);
        n_claimed += (uintptr_t)n;
        PQfinish(sessions[i]);
    }
    /* A claim may come back empty while another holds the last ones: never the other way round. */
    assert_int_equal(n_claimed, N_MANY);
    assert_int_equal(
        db_int(two.h, "SELECT count(*) FROM hookline.queue WHERE fence = 1 AND leased"), N_MANY);
    end(&two);
}

/* ---- claim / record ---- */

static void test_a_record_behind_a_newer_claim_changes_nothing(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed old = claim_and_lose(&two), new = session_claim(two.b, 1, LONG_MS);

    assert_int_equal(new.n, 1);
    assert_int_equal(session_record(two.a, &old, 0, "succeeded"), 0);
    assert_string_equal(status_of(&two), "pending");
    assert_int_equal(n_attempts(&two), 0);
    assert_int_equal(session_record(two.b, &new, 0, "failed"), 1);
    assert_string_equal(status_of(&two), "failed");
    assert_int_equal(session_record(two.a, &old, 0, "succeeded"), 0);
    assert_string_equal(status_of(&two), "failed");
    assert_int_equal(n_attempts(&two), 1);
    claimed_done(&old);
    claimed_done(&new);
    end(&two);
}

static void test_a_late_record_counts_while_nobody_has_claimed_again(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed old = claim_and_lose(&two), none;

    assert_int_equal(session_record(two.a, &old, 0, "succeeded"), 1);
    assert_string_equal(status_of(&two), "succeeded");
    none = session_claim(two.b, 1, LONG_MS);
    assert_int_equal(none.n, 0);
    claimed_done(&old);
    claimed_done(&none);
    end(&two);
}

static void test_a_claim_passes_by_what_is_being_recorded(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed old = claim_and_lose(&two), none;

    session_run(two.a, "BEGIN");
    assert_int_equal(session_record(two.a, &old, 0, "succeeded"), 1);
    none = session_claim(two.b, 1, LONG_MS);
    assert_int_equal(none.n, 0);
    session_run(two.a, "COMMIT");
    assert_string_equal(status_of(&two), "succeeded");
    claimed_done(&old);
    claimed_done(&none);
    end(&two);
}

/* The record waits for the claim's row, and then sees its new fence. */
static void record_during_claim(void **state, const char *claim_ends_with, int n_applied,
                                const char *status)
{
    struct two two = given_messages(state, 1);
    struct claimed old = claim_and_lose(&two), new;

    session_run(two.b, "BEGIN");
    new = session_claim(two.b, 1, LONG_MS);
    assert_int_equal(new.n, 1);
    session_record_send(two.a, &old, 0, "succeeded");
    session_wait_blocked(two.h, two.a);
    session_run(two.b, claim_ends_with);
    assert_int_equal(session_finish_record(two.a), n_applied);
    assert_string_equal(status_of(&two), status);
    assert_int_equal(n_attempts(&two), n_applied);
    claimed_done(&old);
    claimed_done(&new);
    end(&two);
}

static void test_a_record_that_waited_for_a_claim_is_too_late(void **state)
{
    record_during_claim(state, "COMMIT", 0, "pending");
}

static void test_a_record_that_waited_for_a_claim_in_vain_counts(void **state)
{
    record_during_claim(state, "ROLLBACK", 1, "succeeded");
}

/* The same with verdicts that put the message back. */
static void test_a_retry_that_waited_for_a_claim_does_not_end_its_lease(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed old = claim_and_lose(&two), new;

    session_run(two.b, "BEGIN");
    new = session_claim(two.b, 1, LONG_MS);
    session_record_send(two.a, &old, 0, "retry");
    session_wait_blocked(two.h, two.a);
    session_run(two.b, "COMMIT");
    assert_int_equal(session_finish_record(two.a), 0);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue WHERE leased"
                                   " AND fence = 2 AND due_at > now() + interval '30 s'"),
                     1);
    assert_int_equal(session_record(two.b, &new, 0, "succeeded"), 1);
    claimed_done(&old);
    claimed_done(&new);
    end(&two);
}

/* ---- record / record ---- */

static void test_the_same_record_twice_counts_once(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed claimed = session_claim(two.a, 1, LONG_MS);

    session_run(two.a, "BEGIN");
    assert_int_equal(session_record(two.a, &claimed, 0, "succeeded"), 1);
    session_record_send(two.b, &claimed, 0, "failed"); /* its answer was lost, so it comes again */
    session_wait_blocked(two.h, two.b);
    session_run(two.a, "COMMIT");
    assert_int_equal(session_finish_record(two.b), 0);
    assert_string_equal(status_of(&two), "succeeded");
    assert_int_equal(n_attempts(&two), 1);
    claimed_done(&claimed);
    end(&two);
}

static void test_a_retry_recorded_twice_counts_once(void **state)
{
    struct two two = given_messages(state, 1);
    struct claimed claimed = session_claim(two.a, 1, LONG_MS);

    assert_int_equal(session_record(two.a, &claimed, 0, "retry"), 1);
    assert_int_equal(session_record(two.b, &claimed, 0, "retry"), 0);
    assert_int_equal(db_int(two.h, "SELECT attempts FROM hookline.queue"), 1);
    assert_int_equal(n_attempts(&two), 1);
    claimed_done(&claimed);
    end(&two);
}

/* ---- a stop ---- */

static void test_a_claim_passes_by_what_a_stop_is_cancelling(void **state)
{
    struct two two = given_messages(state, 5);
    struct claimed first = session_claim(two.a, 1, LONG_MS), none;

    session_run(two.a, "BEGIN");
    assert_int_equal(session_record_stop(two.a, &first, 0), 1);
    none = session_claim(two.b, 10, LONG_MS);
    assert_int_equal(none.n, 0);
    session_run(two.a, "COMMIT");
    assert_int_equal(message_count(two.h, two.t, "failed"), 1);
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 4);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue"), 0);
    claimed_done(&first);
    claimed_done(&none);
    end(&two);
}

static void test_what_another_has_claimed_survives_a_stop_and_ends_on_its_own(void **state)
{
    struct two two = given_messages(state, 3);
    struct claimed first = session_claim(two.a, 1, LONG_MS), second;

    session_run(two.b, "BEGIN");
    second = session_claim(two.b, 1, LONG_MS);
    session_record_stop_send(two.a, &first, 0);
    session_wait_blocked(two.h, two.a);
    session_run(two.b, "COMMIT");
    assert_int_equal(session_finish_record(two.a), 1);
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 1);
    assert_int_equal(session_record(two.b, &second, 0, "retry"), 1);
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 2); /* no retry for the stopped */
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue"), 0);
    claimed_done(&first);
    claimed_done(&second);
    end(&two);
}

/* So that the verdicts of others, which are recorded with it, are not held up. */
static void test_a_stop_ends_so_many_at_once_and_the_rest_in_steps_or_as_they_are_claimed(
    void **state)
{
    struct two two = given_messages(state, 1300);
    struct claimed first = session_claim(two.a, 1, LONG_MS), rest;

    assert_int_equal(session_record_stop(two.a, &first, 0), 1);
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 1299); /* or will be */
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue"), 299);
    session_run(two.b, "SELECT queue_change_step(200)");
    rest = session_claim(two.b, 1000, LONG_MS);
    assert_int_equal(rest.n, 99);
    for (unsigned i = 0; i < rest.n; i++)
        assert_int_equal(session_record(two.b, &rest, i, "release"), 1);
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 1299);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue"), 0);
    claimed_done(&first);
    claimed_done(&rest);
    end(&two);
}

#define queue_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        queue_test(test_a_claim_does_not_wait_for_another_and_takes_other_messages),
        queue_test(test_a_claim_that_was_rolled_back_leaves_no_trace),
        queue_test(test_claims_of_many_at_once_add_up),
        queue_test(test_a_record_behind_a_newer_claim_changes_nothing),
        queue_test(test_a_late_record_counts_while_nobody_has_claimed_again),
        queue_test(test_a_claim_passes_by_what_is_being_recorded),
        queue_test(test_a_record_that_waited_for_a_claim_is_too_late),
        queue_test(test_a_record_that_waited_for_a_claim_in_vain_counts),
        queue_test(test_a_retry_that_waited_for_a_claim_does_not_end_its_lease),
        queue_test(test_the_same_record_twice_counts_once),
        queue_test(test_a_retry_recorded_twice_counts_once),
        queue_test(test_a_claim_passes_by_what_a_stop_is_cancelling),
        queue_test(test_a_stop_ends_so_many_at_once_and_the_rest_in_steps_or_as_they_are_claimed),
        queue_test(test_what_another_has_claimed_survives_a_stop_and_ends_on_its_own),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
