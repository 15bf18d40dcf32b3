/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that are moved into a lane while their subscription is stopped; ordered ones while one
 * is sent again or a lease ends. No worker runs but where a test starts one.
 */
#include "tests/concurrency/lane_story.h"
#include "tests/support/message.h"

static void call(struct two *two, const char *method, const char *path, int status)
{
    struct reply reply = api_call(two->h, two->t->admin, method, path, NULL);

    assert_status(reply, status);
}

static const char *path_of(struct two *two, const char *action)
{
    return http_text(two->h->http, "/v1/subscriptions/%s%s", two->s.id, action);
}

/* The id of the i-th message, in the order of publishing. */
static const char *nth_message(struct two *two, unsigned i)
{
    return db_text(two->h,
                   "SELECT id FROM hookline.message WHERE resend_of IS NULL"
                   " ORDER BY id OFFSET %u LIMIT 1",
                   i);
}

/* The first one, sent again. */
static const char *resent_message(struct two *two)
{
    return db_text(two->h, "SELECT id FROM hookline.message WHERE resend_of = '%s'",
                   nth_message(two, 0));
}

/* ---- a claim that moves / changes of the subscription ---- */

/* A claim has moved all and has not committed; the change does not wait for it, but comes again. */
static void move_during(struct two *two, const char *change)
{
    PGconn *api = session_api(two->h, two->t);
    struct claimed moving;

    session_run(two->a, "BEGIN");
    moving = session_claim(two->a, 10, LONG_MS);
    assert_int_equal(claimed_n_moved(&moving), 5);
    session_run(api, change);
    session_run(two->b, "SELECT queue_change_step(1000)");
    session_run(two->a, "COMMIT");
    session_change_queue(two->b);
    PQfinish(api);
    claimed_done(&moving);
}

/* The change has not committed; a claim neither waits for it nor touches what it stops. */
static void change_during_move(struct two *two, const char *change)
{
    PGconn *api = session_api(two->h, two->t);
    struct claimed none;

    session_run(api, "BEGIN");
    session_run(api, change);
    none = session_claim(two->a, 10, LONG_MS);
    assert_int_equal(claimed_n_moved(&none), 0);
    claimed_done(&none);
    session_run(api, "COMMIT");
    PQfinish(api);
}

static const char *stop_sql(struct two *two, const char *state)
{
    return http_text(two->h->http, "SELECT subscription_stop('%s', NULL, '%s', '%s')", two->t->id,
                     two->s.id, state);
}

static void check_that_all_wait_in_order(struct two *two, unsigned n)
{
    struct claimed claimed;

    for (unsigned i = 0; i < n; i++) {
        session_tell_answer(two->b, two->t->id, two->s.id);
        claimed = session_claim_lanes(two->b, 10, LONG_MS);
        assert_int_equal(claimed.n, 1);
        assert_string_equal(claimed_message(&claimed, 0), nth_message(two, i));
        assert_int_equal(session_record(two->a, &claimed, 0, "succeeded"), 1);
        claimed_done(&claimed);
    }
}

/* Stopped, then resumed: nothing is in a lane in between, nothing is lost. */
static void stop_and_resume(void **state, const char *stopped, bool is_claim_first)
{
    struct two two = given_messages(state, "{\"ordered\": true}", 5);

    (is_claim_first ? move_during : change_during_move)(&two, stop_sql(&two, stopped));
    assert_int_equal(message_count(two.h, two.t, "held"), 5);
    assert_int_equal(
        db_int(two.h,
               "SELECT count(*) FROM hookline.queue WHERE laned OR leased OR due_at < 'infinity'"),
        0);
    assert_claims_none(two.b);
    call(&two, "POST", path_of(&two, "/resume"), 200);
    check_that_all_wait_in_order(&two, 5);
    end(&two);
}

static void test_a_pause_during_a_move_holds_what_was_moved(void **state)
{
    stop_and_resume(state, "paused", true);
}

static void test_a_move_during_a_pause_leaves_its_messages_alone(void **state)
{
    stop_and_resume(state, "paused", false);
}

static void test_a_hold_during_a_move_holds_what_was_moved(void **state)
{
    stop_and_resume(state, "held", true);
}

static void archive(void **state, bool is_claim_first)
{
    struct two two = given_messages(state, "{\"max_in_flight\": 2}", 5);

    (is_claim_first ? move_during : change_during_move)(
        &two, http_text(two.h->http, "SELECT subscription_archive('%s', NULL, '%s')", two.t->id,
                        two.s.id));
    assert_int_equal(message_count(two.h, two.t, "cancelled"), 5);
    assert_int_equal(db_int(two.h, "SELECT count(*) FROM hookline.queue"), 0);
    assert_claims_none(two.b);
    end(&two);
}

static void test_an_archiving_during_a_move_cancels_what_was_moved(void **state)
{
    archive(state, true);
}

static void test_a_move_during_an_archiving_leaves_its_messages_alone(void **state)
{
    archive(state, false);
}

/* ---- ordered ---- */

/* The first is claimed by A, with a lease of so many milliseconds. */
static struct claimed claim_head(struct two *two, unsigned lease_ms)
{
    struct claimed head = session_claim_lanes(two->a, 10, lease_ms);

    assert_int_equal(head.n, 1);
    assert_string_equal(claimed_message(&head, 0), nth_message(two, 0));
    return head;
}

/* The head fails for good and holds the others, which somebody moves into the lane just now. */
static void test_what_is_moved_while_its_ordered_head_fails_is_held_unsent(void **state)
{
    struct two two = given_lane(state, "{\"ordered\": true}", 6);
    struct claimed head = claim_head(&two, LONG_MS), moving;

    (void)db_text(two.h, "UPDATE hookline.queue SET laned = false WHERE NOT leased RETURNING 'x'");
    session_run(two.b, "BEGIN");
    moving = session_claim(two.b, 10, LONG_MS);
    assert_int_equal(claimed_n_moved(&moving), 5);
    session_record_hold_send(two.a, &head, 0);
    session_wait_blocked(two.h, two.a);
    session_run(two.b, "COMMIT");
    assert_int_equal(session_finish_record(two.a), 1);
    assert_int_equal(message_count(two.h, two.t, "failed"), 1);
    session_tell_answer(two.a, two.t->id, two.s.id);
    (void)harness_start_worker(two.h); /* holds what the record could not see */
    message_wait(two.h, two.t, http_text(two.h->http, "/v1/messages/%s", nth_message(&two, 1)),
                 "held");
    message_wait(two.h, two.t, http_text(two.h->http, "/v1/messages/%s", nth_message(&two, 5)),
                 "held");
    assert_int_equal(message_count(two.h, two.t, "held"), 5);
    assert_int_equal(sinker_count(two.h, "/hook"), 0);
    claimed_done(&head);
    claimed_done(&moving);
    end(&two);
}

static struct two given_resend(void **state, struct claimed *ret_second)
{
    struct two two = given_lane(state, "{\"ordered\": true}", 3);
    struct claimed head = claim_head(&two, LONG_MS);

    assert_int_equal(session_record(two.a, &head, 0, "succeeded"), 1);
    claimed_done(&head);
    session_tell_answer(two.a, two.t->id, two.s.id);
    *ret_second = session_claim_lanes(two.a, 10, LONG_MS);
    assert_int_equal(ret_second->n, 1);
    assert_string_equal(claimed_message(ret_second, 0), nth_message(&two, 1));
    call(&two, "POST", http_text(two.h->http, "/v1/messages/%s/resend", nth_message(&two, 0)), 202);
    return two;
}

/* One by one even so, and the older one before the retry. */
static void test_an_older_message_sent_again_waits_for_the_head_in_flight(void **state)
{
    struct claimed second, again;
    struct two two = given_resend(state, &second);

    again = session_claim(two.b, 10, LONG_MS);
    assert_int_equal(again.n, 0);
    assert_int_equal(claimed_n_moved(&again), 1);
    claimed_done(&again);
    session_tell_answer(two.b, two.t->id, two.s.id);
    assert_claims_none(two.b);
    assert_int_equal(session_record(two.a, &second, 0, "retry"), 1);
    session_tell_answer(two.a, two.t->id, two.s.id);
    again = session_claim_lanes(two.b, 10, LONG_MS);
    assert_int_equal(again.n, 1);
    assert_string_equal(claimed_message(&again, 0), resent_message(&two));
    assert_int_equal(session_record(two.b, &again, 0, "succeeded"), 1);
    session_tell_answer(two.b, two.t->id, two.s.id);
    assert_claims_none(two.b); /* the third waits for the second, which waits for its retry */
    claimed_done(&second);
    claimed_done(&again);
    end(&two);
}

/* It is being moved just now: the lane neither sends it twice nor the next one before it. */
static void test_a_lane_does_not_overtake_the_older_message_that_is_being_moved(void **state)
{
    struct claimed second, moving;
    struct two two = given_resend(state, &second);

    assert_int_equal(session_record(two.a, &second, 0, "succeeded"), 1);
    session_tell_answer(two.a, two.t->id, two.s.id);
    session_run(two.b, "BEGIN");
    moving = session_claim(two.b, 10, LONG_MS);
    assert_int_equal(claimed_n_moved(&moving), 1);
    session_claim_lanes_send(two.a, 10, LONG_MS);
    session_run(two.b, "COMMIT");
    claimed_done(&second);
    second = session_finish_claim(two.a);
    if (second.n == 0) { /* what it passed by is looked for again */
        claimed_done(&second);
        second = wait_for_claim(two.a);
    }
    assert_int_equal(second.n, 1);
    assert_string_equal(claimed_message(&second, 0), resent_message(&two));
    claimed_done(&second);
    claimed_done(&moving);
    end(&two);
}

static void test_a_late_record_of_an_ordered_head_that_was_claimed_again_changes_nothing(
    void **state)
{
    struct two two = given_lane(state, "{\"ordered\": true}", 3);
    struct claimed old = claim_head(&two, 1), new = wait_for_claim(two.b);

    assert_int_equal(new.n, 1);
    assert_string_equal(claimed_message(&new, 0), claimed_message(&old, 0));
    assert_int_equal(session_record(two.a, &old, 0, "succeeded"), 0);
    session_tell_answer(two.a, two.t->id, two.s.id);
    assert_claims_none(two.a);
    assert_int_equal(n_in_flight(&two), 1);
    assert_int_equal(session_record(two.b, &new, 0, "succeeded"), 1);
    claimed_done(&old);
    claimed_done(&new);
    end(&two);
}

static void test_a_record_of_an_ordered_head_that_waited_for_its_claim_is_too_late(void **state)
{
    struct two two = given_lane(state, "{\"ordered\": true}", 3);
    struct claimed old = claim_head(&two, 1), new;

    session_tell_answer(two.b, two.t->id, two.s.id);
    session_run(two.b, "BEGIN");
    new = session_claim_lanes(two.b, 10, LONG_MS);
    assert_int_equal(new.n, 1);
    session_record_send(two.a, &old, 0, "retry");
    session_wait_blocked(two.h, two.a);
    session_run(two.b, "COMMIT");
    assert_int_equal(session_finish_record(two.a), 0);
    assert_int_equal(n_in_flight(&two), 1);
    claimed_done(&old);
    claimed_done(&new);
    end(&two);
}

#define lane_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lane_test(test_a_pause_during_a_move_holds_what_was_moved),
        lane_test(test_a_move_during_a_pause_leaves_its_messages_alone),
        lane_test(test_a_hold_during_a_move_holds_what_was_moved),
        lane_test(test_an_archiving_during_a_move_cancels_what_was_moved),
        lane_test(test_a_move_during_an_archiving_leaves_its_messages_alone),
        lane_test(test_what_is_moved_while_its_ordered_head_fails_is_held_unsent),
        lane_test(test_an_older_message_sent_again_waits_for_the_head_in_flight),
        lane_test(test_a_lane_does_not_overtake_the_older_message_that_is_being_moved),
        lane_test(test_a_late_record_of_an_ordered_head_that_was_claimed_again_changes_nothing),
        lane_test(test_a_record_of_an_ordered_head_that_waited_for_its_claim_is_too_late),
    };

    return cmocka_run_group_tests_name("lane_changes", tests, NULL, NULL);
}
