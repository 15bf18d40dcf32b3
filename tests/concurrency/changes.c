/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing while somebody archives, pauses or disconnects what is published to; recording while
 * somebody resumes. The publisher or the worker is a session of the test, the rest is the API.
 */
#include "tests/concurrency/sessions.h"
#include "tests/support/message.h"

#define LONG_MS 60000

/* In this week's partition, and different in each test's database anyway. */
static const char *new_event_id(struct harness *h)
{
    return db_text(h, "SELECT hookline.uuid_v7()");
}

static const char *subscription_path(struct harness *h, const struct subscription *subscription,
                                     const char *action)
{
    return http_text(h->http, "/v1/subscriptions/%s%s", subscription->id, action);
}

static void call_checked(struct harness *h, const struct tenant *t, const char *method,
                         const char *path, int status)
{
    struct reply reply = api_call(h, t->admin, method, path, NULL);

    assert_status(reply, status);
}

static const char *only_connection(struct harness *h, const struct tenant *t, const char *query)
{
    struct reply reply = api_call(h, t->admin, "GET", "/v1/connections", NULL);

    assert_status(reply, 200);
    return http_text(h->http, "/v1/connections/%s%s", reply_text(&reply, "data.0.id"), query);
}

/* The event is stored, its transaction is open, and the API makes a change meanwhile. */
static const char *publish_during(struct harness *h, struct tenant *t, const char *method,
                                  const char *path, int status)
{
    PGconn *ingest = session_ingest(h);
    const char *event_id = new_event_id(h);

    session_run(ingest, "BEGIN");
    (void)session_publish(h, ingest, t, event_id, NULL);
    call_checked(h, t, method, path, status);
    session_run(ingest, "COMMIT");
    PQfinish(ingest);
    return message_path(h, t, event_id, NULL);
}

/* ---- publish / stop ---- */

static void test_R_27_an_event_stored_during_the_archiving_is_never_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path = publish_during(h, t, "DELETE", subscription_path(h, &subscription, ""), 204);

    (void)harness_start_worker(h);
    message_wait(h, t, path, "cancelled");
    assert_int_equal(sinker_count(h, "/hook"), 0);
    assert_int_equal(message_n_attempts(h, t, path), 0);
}

static void test_an_event_stored_during_the_pause_is_held_until_the_resume(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path =
        publish_during(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);

    (void)harness_start_worker(h);
    message_wait(h, t, path, "held");
    assert_int_equal(sinker_count(h, "/hook"), 0);
    call_checked(h, t, "POST", subscription_path(h, &subscription, "/resume"), 200);
    message_wait(h, t, path, "succeeded");
}

/* Published before, or after: each is right, half a message is not. It was before, so it is sent.
 */
static void test_an_event_stored_during_the_disconnect_is_a_whole_message(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path, *event_id;
    struct reply event;

    (void)given_story(h, t, "/hook");
    path = publish_during(h, t, "DELETE", only_connection(h, t, ""), 204);
    event_id = publish(h, t, "order.paid", "c1", "{}");
    event = api_call(h, t->admin, "GET", http_text(h->http, "/v1/events/%s", event_id), NULL);
    assert_int_equal(reply_count(&event, "messages"), 0);
    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_an_event_stored_after_the_disconnect_began_is_no_message(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *ingest = session_ingest(h);
    const char *before = new_event_id(h), *after = new_event_id(h);

    (void)given_story(h, t, "/hook");
    (void)session_publish(h, ingest, t, before, NULL);
    call_checked(h, t, "DELETE", only_connection(h, t, "?queued=cancel"), 204);
    (void)session_publish(h, ingest, t, after, NULL);
    PQfinish(ingest);
    assert_int_equal(message_count(h, t, "cancelled"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 2);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
}

/* The disconnect waits for nobody, and nobody waits for it. */
static void test_publishing_does_not_wait_for_an_open_disconnect(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *api = session_api(h, t), *ingest = session_ingest(h);
    const char *connection;

    (void)given_story(h, t, "/hook");
    connection = only_connection(h, t, "") + strlen("/v1/connections/");
    session_run(api, "BEGIN");
    session_run(api, http_text(h->http, "SELECT connection_disconnect('%s', '%s', 'cancel')", t->id,
                               connection));
    (void)session_publish(h, ingest, t, new_event_id(h), NULL);
    session_run(api, "ROLLBACK");
    assert_int_equal(message_count(h, t, "pending"), 1);
    PQfinish(api);
    PQfinish(ingest);
}

/* ---- publish / publish ---- */

static void publish_same_id(struct harness *h, const char *first_ends_with, bool is_duplicate)
{
    struct tenant *t = given_tenant(h);
    PGconn *a = session_ingest(h), *b = session_ingest(h);
    const char *first = new_event_id(h), *second = new_event_id(h), *answered;
    bool is_second_duplicate;

    (void)given_story(h, t, "/hook");
    session_run(a, "BEGIN");
    assert_string_equal(session_publish(h, a, t, first, "mine"), first);
    session_publish_send(b, t, second, "mine");
    session_wait_blocked(h, b);
    session_run(a, first_ends_with);
    answered = session_finish_publish(h, b, &is_second_duplicate);
    assert_int_equal(is_second_duplicate, is_duplicate);
    assert_string_equal(answered, is_duplicate ? first : second);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 1);
    PQfinish(a);
    PQfinish(b);
}

static void test_R_34_the_same_external_id_twice_at_once_is_one_event(void **state)
{
    publish_same_id(*state, "COMMIT", true);
}

static void test_R_34_an_external_id_whose_first_event_was_not_stored_is_free(void **state)
{
    publish_same_id(*state, "ROLLBACK", false);
}

/* ---- record / resume ---- */

/*
 * A worker gives back a message of a paused subscription, which holds it, while the subscription is
 * resumed: it must not be held for ever, whoever comes first.
 */
static void test_what_is_held_while_its_subscription_is_resumed_is_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    struct claimed claimed = session_claim(worker, 1, LONG_MS);

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    session_run(worker, "BEGIN");
    assert_int_equal(session_record(worker, &claimed, 0, "release"), 1);
    assert_int_equal(
        PQsendQuery(api, http_text(h->http, "SELECT subscription_resume('%s', NULL, '%s')", t->id,
                                   subscription.id)),
        1);
    session_wait_blocked(h, api);
    session_run(worker, "COMMIT");
    PQclear(PQgetResult(api));
    PQfinish(api);
    claimed_done(&claimed);
    PQfinish(worker);
    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
}

static void test_what_is_given_back_after_the_resume_is_not_held(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    struct claimed claimed = session_claim(worker, 1, LONG_MS);

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    session_run(api, "BEGIN");
    session_run(api, http_text(h->http, "SELECT subscription_resume('%s', NULL, '%s')", t->id,
                               subscription.id));
    session_record_send(worker, &claimed, 0, "release");
    session_wait_blocked(h, worker);
    session_run(api, "COMMIT");
    assert_int_equal(session_finish_record(worker), 1);
    PQfinish(api);
    claimed_done(&claimed);
    PQfinish(worker);
    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
}

/* ---- record / disconnect ---- */

/* A paused subscription's message is in flight, and its company is disconnected: never again. */
static void record_and_disconnect(struct harness *h, bool records_first)
{
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    const char *connection = only_connection(h, t, "") + strlen("/v1/connections/");
    const char *disconnect =
        http_text(h->http, "SELECT connection_disconnect('%s', '%s', 'cancel')", t->id, connection);
    struct claimed claimed = session_claim(worker, 1, LONG_MS);

    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    session_run(records_first ? worker : api, "BEGIN");
    if (records_first) {
        assert_int_equal(session_record(worker, &claimed, 0, "release"), 1);
        session_run(api, disconnect); /* does not wait: the message is looked at again */
        session_run(worker, "COMMIT");
        session_change_queue(worker);
    } else {
        session_run(api, disconnect);
        session_record_send(worker, &claimed, 0, "release");
        session_wait_blocked(h, worker);
        session_run(api, "COMMIT");
        assert_int_equal(session_finish_record(worker), 1);
    }
    PQfinish(api);
    claimed_done(&claimed);
    PQfinish(worker);
    call_checked(h, t, "POST", subscription_path(h, &subscription, "/resume"), 200);
    (void)harness_start_worker(h);
    message_wait(h, t, path, "cancelled");
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_BC_06_what_is_held_during_the_disconnect_is_never_sent(void **state)
{
    record_and_disconnect(*state, true);
}

static void test_BC_06_what_is_held_after_the_disconnect_began_is_never_sent(void **state)
{
    record_and_disconnect(*state, false);
}

/* ---- record / archive ---- */

static void test_a_retry_recorded_during_the_archiving_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h);
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    struct claimed claimed = session_claim(worker, 1, LONG_MS);

    call_checked(h, t, "DELETE", subscription_path(h, &subscription, ""), 204);
    message_wait(h, t, path, "sending");
    assert_int_equal(session_record(worker, &claimed, 0, "retry"), 1);
    message_wait(h, t, path, "cancelled");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
    claimed_done(&claimed);
    PQfinish(worker);
}

/* ---- record / change ---- */

/*
 * Both write a message: the record waits, and then counts. The message is one that the record
 * cancels, since its subscription stops.
 */
static void test_a_stop_recorded_during_a_change_of_what_it_cancels_counts(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    struct claimed claimed;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 2);
    claimed = session_claim(worker, 1, LONG_MS);
    session_run(api, "BEGIN");
    session_run(api, http_text(h->http, "UPDATE message SET status_reason = NULL WHERE id <> '%s'",
                               claimed_message(&claimed, 0)));
    session_record_stop_send(worker, &claimed, 0);
    session_wait_blocked(h, worker);
    session_run(api, "COMMIT");
    assert_int_equal(session_finish_record(worker), 1);
    assert_int_equal(message_count(h, t, "failed"), 1);
    assert_int_equal(message_count(h, t, "cancelled"), 1);
    claimed_done(&claimed);
    PQfinish(api);
    PQfinish(worker);
}

/* The subscription itself is being changed: the stop waits, and is not lost. */
static void test_a_stop_recorded_during_a_change_of_its_subscription_counts(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    struct claimed claimed;

    publish_many(h, t, 2);
    claimed = session_claim(worker, 1, LONG_MS);
    session_run(api, "BEGIN");
    session_run(api, "UPDATE subscription SET description = 'another'");
    session_record_stop_send(worker, &claimed, 0);
    session_wait_blocked(h, worker);
    session_run(api, "COMMIT");
    assert_int_equal(session_finish_record(worker), 1);
    api_wait_for(h, t->admin, subscription_path(h, &subscription, ""), "state", "unsubscribed",
                 1000);
    assert_int_equal(message_count(h, t, "failed"), 1);
    assert_int_equal(message_count(h, t, "cancelled"), 1);
    claimed_done(&claimed);
    PQfinish(api);
    PQfinish(worker);
}

/* ---- a step of a change / stop ---- */

/* Active again, and what was held has not been released yet; `notes` it for whoever goes on with
 * it. */
static void resume_without_a_step(struct harness *h, const struct tenant *t, const char *notes)
{
    PGconn *api = session_api(h, t);

    session_run(api, "UPDATE subscription SET state = 'active', state_reason = NULL");
    session_run(api, notes);
    PQfinish(api);
}

/*
 * A step holds its change, then what waits; a stop takes both in the same order. It would wait
 * crosswise with the step else, and with it the verdicts of everybody in its batch.
 */
static void test_a_stop_recorded_during_a_step_of_a_resume_waits_for_the_step_alone(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h), *upkeep = session_worker(h);
    struct claimed claimed;

    publish_many(h, t, 3);
    claimed = session_claim(worker, 1, LONG_MS);
    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    resume_without_a_step(h, t,
                          "INSERT INTO queue_change (tenant_id, subscription_id, kind)"
                          " SELECT tenant_id, id, 'state' FROM subscription");
    session_run(upkeep, "BEGIN");
    session_run(upkeep, "SELECT FROM queue_change FOR UPDATE");
    session_record_stop_send(worker, &claimed, 0);
    session_wait_blocked(h, worker);
    session_run(upkeep, "SELECT queue_change_step(1000)");
    session_run(upkeep, "COMMIT");
    assert_int_equal(session_finish_record(worker), 1);
    session_change_queue(worker);
    assert_int_equal(message_count(h, t, "failed"), 1);
    assert_int_equal(message_count(h, t, "cancelled"), 2);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
    claimed_done(&claimed);
    PQfinish(upkeep);
    PQfinish(worker);
}

/* A replay's message that is to be cancelled waits for its retry: a revival must not find it among
 * those of the stop. */
static void test_a_stop_leaves_what_was_cancelled_before_its_own_reason(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *worker = session_worker(h), *api = session_api(h, t);
    struct claimed claimed;

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 2);
    claimed = session_claim(worker, 1, LONG_MS);
    session_run(api,
                http_text(h->http,
                          "UPDATE message SET status_reason = 'replay_cancelled' WHERE id <> '%s'",
                          claimed_message(&claimed, 0)));
    assert_int_equal(session_record_stop(worker, &claimed, 0), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'cancelled'"
                               " AND status_reason = 'replay_cancelled'"),
                     1);
    claimed_done(&claimed);
    PQfinish(api);
    PQfinish(worker);
}

/* Where the functions of the version before note it, which run until those of this one are there.
 */
static void test_a_resume_noted_during_the_upgrade_is_gone_on_with(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    PGconn *worker = session_worker(h);

    publish_many(h, t, 2);
    call_checked(h, t, "POST", subscription_path(h, &subscription, "/pause"), 200);
    assert_int_equal(message_count(h, t, "held"), 2);
    resume_without_a_step(h, t,
                          "INSERT INTO held_release (tenant_id, subscription_id)"
                          " SELECT tenant_id, id FROM subscription");
    session_run(worker, "SELECT queue_change_step(1000)");
    session_change_queue(worker);
    assert_int_equal(message_count(h, t, "pending"), 2);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.held_release"), 0);
    PQfinish(worker);
}

#define change_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        change_test(test_R_27_an_event_stored_during_the_archiving_is_never_sent),
        change_test(test_an_event_stored_during_the_pause_is_held_until_the_resume),
        change_test(test_an_event_stored_during_the_disconnect_is_a_whole_message),
        change_test(test_an_event_stored_after_the_disconnect_began_is_no_message),
        change_test(test_publishing_does_not_wait_for_an_open_disconnect),
        change_test(test_R_34_the_same_external_id_twice_at_once_is_one_event),
        change_test(test_R_34_an_external_id_whose_first_event_was_not_stored_is_free),
        change_test(test_what_is_held_while_its_subscription_is_resumed_is_sent),
        change_test(test_what_is_given_back_after_the_resume_is_not_held),
        change_test(test_BC_06_what_is_held_during_the_disconnect_is_never_sent),
        change_test(test_BC_06_what_is_held_after_the_disconnect_began_is_never_sent),
        change_test(test_a_retry_recorded_during_the_archiving_is_not_sent_again),
        change_test(test_a_stop_recorded_during_a_change_of_what_it_cancels_counts),
        change_test(test_a_stop_recorded_during_a_change_of_its_subscription_counts),
        change_test(test_a_stop_recorded_during_a_step_of_a_resume_waits_for_the_step_alone),
        change_test(test_a_stop_leaves_what_was_cancelled_before_its_own_reason),
        change_test(test_a_resume_noted_during_the_upgrade_is_gone_on_with),
    };

    return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
