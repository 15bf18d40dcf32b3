/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits is held, cancelled, released and revived in steps: what is shown, what happens and
 * what is refused in between. No worker runs but where a test starts one; see ADR 0038.
 */
#include "tests/concurrency/sessions.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

enum { N = 3000, STEP = 1000, LONG_MS = 60000 };

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
    PGconn *worker;
};

/* N messages of a company that wait. */
static struct world given(void **state)
{
    struct world w = {.h = *state, .t = given_tenant(*state)};

    w.s = given_story(w.h, w.t, "/hook");
    publish_many(w.h, w.t, N);
    w.worker = session_worker(w.h);
    return w;
}

static const char *path_of(struct world *w, const char *tail)
{
    return http_text(w->h->http, "/v1/subscriptions/%s%s", w->s.id, tail);
}

static struct reply post(struct world *w, int status, const char *action, const char *body)
{
    return api_want(w->h, status, w->t->admin, "POST", path_of(w, action), body);
}

static void disconnect(struct world *w)
{
    struct reply reply =
        api_want(w->h, 200, w->t->admin, "GET", "/v1/connections?company=c1", NULL);

    (void)api_want(
        w->h, 204, w->t->admin, "DELETE",
        http_text(w->h->http, "/v1/connections/%s?queued=cancel", reply_text(&reply, "data.0.id")),
        NULL);
}

static int64_t n_stored(struct world *w, const char *status)
{
    return db_int(w->h, "SELECT count(*) FROM message WHERE status = '%s'", status);
}

static bool step(struct world *w)
{
    return db_int(w->h, "SELECT queue_change_step(%d)", STEP) > 0;
}

static void check_under_way(struct world *w, const char *kind)
{
    struct reply reply = api_want(w->h, 200, w->t->admin, "GET", path_of(w, "/delivery"), NULL);

    assert_int_equal(reply_count(&reply, "under_way"), kind == NULL ? 0 : 1);
    if (kind != NULL)
        assert_string_equal(reply_text(&reply, "under_way.0.kind"), kind);
}

static void end(struct world *w)
{
    session_change_queue(w->worker);
    check_under_way(w, NULL);
    PQfinish(w->worker);
}

/* ---- hold ---- */

static void test_what_is_not_held_yet_is_shown_as_held(void **state)
{
    struct world w = given(state);

    (void)post(&w, 200, "/hold", NULL);
    assert_int_equal(n_stored(&w, "held"), STEP);
    assert_int_equal(message_count(w.h, w.t, "held"), N);
    assert_int_equal(message_count(w.h, w.t, "pending"), 0);
    check_under_way(&w, "holding");
    end(&w);
    assert_int_equal(n_stored(&w, "held"), N);
    assert_int_equal(db_int(w.h, "SELECT count(*) FROM queue WHERE due_at < 'infinity'"), 0);
}

static void test_a_resume_in_the_middle_of_a_hold_turns_it_round(void **state)
{
    struct world w = given(state);

    (void)post(&w, 200, "/hold", NULL);
    assert_true(step(&w));
    (void)post(&w, 200, "/resume", NULL);
    check_under_way(&w, "releasing");
    end(&w);
    assert_int_equal(n_stored(&w, "pending"), N);
    (void)harness_start_worker(w.h);
    sinker_wait(w.h, "/hook", N, 60000);
}

static void test_a_resume_waits_for_the_step_that_holds(void **state)
{
    struct world w = given(state);
    PGconn *api = session_api(w.h, w.t);

    (void)post(&w, 200, "/hold", NULL);
    session_run(w.worker, "BEGIN");
    session_run(w.worker, "SELECT queue_change_step(1000)");
    assert_int_equal(db_int(w.h, "SELECT queue_change_step(1000)"),
                     0); /* another leaves it alone */
    assert_int_equal(
        PQsendQuery(api, http_text(w.h->http, "SELECT subscription_resume('%s', NULL, '%s')",
                                   w.t->id, w.s.id)),
        1);
    session_wait_blocked(w.h, api);
    session_run(w.worker, "COMMIT");
    session_finish(api);
    PQfinish(api);
    end(&w);
    assert_int_equal(n_stored(&w, "pending"), N);
}

static void test_a_step_that_was_not_committed_is_done_again(void **state)
{
    struct world w = given(state);

    (void)post(&w, 200, "/hold", NULL);
    session_run(w.worker, "BEGIN");
    session_run(w.worker, "SELECT queue_change_step(1000)");
    session_run(w.worker, "ROLLBACK"); /* as of a worker that was killed */
    end(&w);
    assert_int_equal(n_stored(&w, "held"), N);
}

/* ---- cancel ---- */

static void test_what_is_not_cancelled_yet_is_shown_so_and_never_sent(void **state)
{
    struct world w = given(state);

    (void)api_want(w.h, 204, w.t->admin, "DELETE", path_of(&w, ""), NULL);
    assert_int_equal(n_stored(&w, "cancelled"), STEP);
    assert_int_equal(message_count(w.h, w.t, "cancelled"), N);
    assert_int_equal(message_count(w.h, w.t, "pending"), 0);
    check_under_way(&w, "cancelling");
    end(&w);
    assert_int_equal(n_stored(&w, "cancelled"), N);
    assert_int_equal(db_int(w.h, "SELECT count(*) FROM queue"), 0);
}

/* Those of another company go out meanwhile; and nobody makes new ones among those that go. */
static void test_BC_06_only_the_companys_are_cancelled_and_it_is_connected_again_after_that(
    void **state)
{
    struct world w = given(state);
    const char *app_id, *connect;

    app_id = db_text(w.h, "SELECT id FROM app");
    connect = http_text(w.h->http, "/v1/apps/%s/connections", app_id);
    (void)given_company(w.h, w.t, "c2");
    (void)given_connection(w.h, w.t, app_id, "c2");
    for (unsigned i = 0; i < 5; i++)
        (void)publish(w.h, w.t, "order.paid", "c2", "{}");
    disconnect(&w);
    assert_int_equal(message_count(w.h, w.t, "cancelled"), N);
    assert_int_equal(message_count(w.h, w.t, "pending"), 5);
    (void)api_want(w.h, 409, w.t->admin, "POST", connect,
                   "{\"companies\": [{\"company\": \"c1\"}]}");
    (void)harness_start_worker(w.h);
    sinker_wait(w.h, "/hook", 5, 20000);
    end(&w);
    (void)api_want(w.h, 201, w.t->admin, "POST", connect,
                   "{\"companies\": [{\"company\": \"c1\"}]}");
    (void)publish(w.h, w.t, "order.paid", "c1", "{}");
    sinker_wait(w.h, "/hook", 6, 20000);
    assert_int_equal(message_count(w.h, w.t, "cancelled"), N);
}

static void test_what_is_in_flight_of_a_disconnected_company_is_not_tried_again(void **state)
{
    struct world w = given(state);
    struct claimed claimed = session_claim(w.worker, 10, LONG_MS);

    disconnect(&w);
    assert_int_equal(session_record(w.worker, &claimed, 0, "retry"), 1);
    assert_int_equal(session_record(w.worker, &claimed, 1, "succeeded"), 1);
    session_change_queue(w.worker);
    assert_int_equal(session_record(w.worker, &claimed, 2, "retry"), 1);
    assert_int_equal(session_record(w.worker, &claimed, 3, "release"), 1);
    assert_int_equal(n_stored(&w, "cancelled"), N - 7); /* six are still in flight */
    assert_int_equal(n_stored(&w, "succeeded"), 1);
    claimed_done(&claimed);
    end(&w);
}

static void test_a_tenant_is_restored_when_all_is_cancelled(void **state)
{
    struct world w = given(state);
    const char *path = http_text(w.h->http, "/v1/tenants/%s", w.t->id);

    (void)api_want(w.h, 204, w.h->operator_key, "DELETE", path, NULL);
    (void)api_want(w.h, 409, w.h->operator_key, "PATCH", path, "{\"state\": \"active\"}");
    session_change_queue(w.worker);
    assert_int_equal(n_stored(&w, "cancelled"), N);
    (void)api_want(w.h, 200, w.h->operator_key, "PATCH", path, "{\"state\": \"active\"}");
    end(&w);
}

/* ---- revive ---- */

/* By the answer to a message of no lane, or of its lane. */
static void stop(struct world *w, bool is_laned)
{
    struct claimed claimed =
        (is_laned ? session_claim_lanes : session_claim)(w->worker, 1, LONG_MS);

    assert_int_equal(claimed.n, 1);
    assert_int_equal(session_record_stop(w->worker, &claimed, 0), 1);
    claimed_done(&claimed);
}

static void test_a_revival_without_its_messages_waits_until_they_are_cancelled(void **state)
{
    struct world w = given(state);

    stop(&w, false);
    (void)post(&w, 409, "/revive", NULL); /* a step is done all the same, and taken back */
    session_change_queue(w.worker);
    (void)post(&w, 200, "/revive", NULL);
    end(&w);
    assert_int_equal(n_stored(&w, "cancelled"), N - 1);
}

static void test_a_small_stop_is_revived_at_once(void **state)
{
    struct world w = {.h = *state, .t = given_tenant(*state)};

    w.s = given_story(w.h, w.t, "/hook");
    publish_many(w.h, w.t, 10);
    w.worker = session_worker(w.h);
    stop(&w, false);
    (void)post(&w, 200, "/revive", NULL);
    end(&w);
    assert_int_equal(n_stored(&w, "cancelled"), 9);
}

/* The second one takes on what the first has not come to. */
static void test_a_revival_that_is_stopped_goes_on_with_the_next_one(void **state)
{
    struct world w = given(state);
    struct reply reply;

    stop(&w, false);
    session_change_queue(w.worker);
    reply = post(&w, 200, "/revive", "{\"messages\": true}");
    assert_in_range(reply_int(&reply, "revived_messages"), STEP - 1, STEP);
    stop(&w, true);
    session_change_queue(w.worker);
    (void)post(&w, 200, "/revive", "{\"messages\": true}");
    session_change_queue(w.worker);
    end(&w);
    assert_int_equal(n_stored(&w, "pending"), N - 2);
    assert_int_equal(db_int(w.h, "SELECT count(*) FROM queue"), N - 2);
}

static void test_a_revival_that_is_stopped_ends_with_its_subscription(void **state)
{
    struct world w = given(state);

    stop(&w, false);
    session_change_queue(w.worker);
    (void)post(&w, 200, "/revive", "{\"messages\": true}");
    stop(&w, true);
    session_change_queue(w.worker);
    check_under_way(&w, "reviving");
    (void)api_want(w.h, 204, w.t->admin, "DELETE", path_of(&w, ""), NULL);
    assert_int_equal(db_int(w.h, "SELECT count(*) FROM queue_change"), 0);
    end(&w);
}

#define change_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        change_test(test_what_is_not_held_yet_is_shown_as_held),
        change_test(test_a_resume_in_the_middle_of_a_hold_turns_it_round),
        change_test(test_a_resume_waits_for_the_step_that_holds),
        change_test(test_a_step_that_was_not_committed_is_done_again),
        change_test(test_what_is_not_cancelled_yet_is_shown_so_and_never_sent),
        change_test(
            test_BC_06_only_the_companys_are_cancelled_and_it_is_connected_again_after_that),
        change_test(test_what_is_in_flight_of_a_disconnected_company_is_not_tried_again),
        change_test(test_a_tenant_is_restored_when_all_is_cancelled),
        change_test(test_a_revival_without_its_messages_waits_until_they_are_cancelled),
        change_test(test_a_small_stop_is_revived_at_once),
        change_test(test_a_revival_that_is_stopped_goes_on_with_the_next_one),
        change_test(test_a_revival_that_is_stopped_ends_with_its_subscription),
    };

    return cmocka_run_group_tests_name("queue_changes", tests, NULL, NULL);
}
