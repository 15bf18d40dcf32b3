/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker dies, stands still, or is told to go: what it had in its hands is sent by another, under
 * the same webhook-id, and nobody undoes what is recorded. Leases last 3 s here.
 */
#include <signal.h>

#include <libpq-fe.h>

#include "tests/support/message.h"
#include "tests/support/raw.h"

#define RECORD_PID                                                                                 \
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'hookline-worker record'"           \
    " AND datname = current_database()"

struct log_line {
    struct harness *h;
    const char *text;
};

static bool is_logged(void *arg)
{
    struct log_line *line = arg;

    return strstr(harness_logs(line->h), line->text) != NULL;
}

static void wait_for_log(struct harness *h, const char *text)
{
    struct log_line line = {h, text};

    if (!wait_until(is_logged, &line, 15000))
        fail_msg("the logs do not say %s", text);
}

/* ---- a session that stands in the way ---- */

static PGconn *open_session(struct harness *h)
{
    char url[PG_URL_SIZE];
    PGconn *session;

    pg_url(h->database, true, url);
    session = PQconnectdb(url);
    assert_int_equal(PQstatus(session), CONNECTION_OK);
    return session;
}

static void run(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

static bool record_waits(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                       " AND application_name = 'hookline-worker record'") == 1;
}

/* ---- killed ---- */

static void test_R_03_what_a_killed_worker_had_claimed_is_sent_by_another(void **state)
{
    struct raw_receiver *raw = raw_receive_behind_gate();
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    struct reply reply;
    const char *path;

    reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", subscription.id),
                 "{\"url\": \"%s\"}", raw_url(raw));
    assert_status(reply, 200);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "sending"); /* it is about to connect, and cannot */
    harness_kill_worker(h, 0);
    assert_int_equal(raw_count(raw), 0);
    raw_open_gate(raw);

    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(raw_count(raw), 1);
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

static void test_R_04_a_worker_killed_after_the_2xx_costs_one_duplicate(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *session = open_session(h);
    struct reply stats;
    const char *path;

    (void)given_story(h, t, "/hook");
    run(session, "BEGIN");
    run(session, "LOCK TABLE hookline.attempt IN SHARE MODE"); /* nothing can be recorded */
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    assert_true(wait_until(record_waits, h, 10000)); /* the answer has come */
    harness_kill_worker(h, 0);
    (void)db_text(h, "SELECT pg_terminate_backend(pid) FROM (" RECORD_PID ") x");
    run(session, "ROLLBACK");
    PQfinish(session);
    assert_string_equal(db_text(h, "SELECT status FROM hookline.message"), "pending");

    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "requests"), 2);
    assert_int_equal(reply_int(&stats, "distinct_ids"), 1);
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

/* ---- standing still ---- */

/*
 * Worker 0 stands still with the request on its way, and hears `zombies` when it goes on. Worker 1
 * has heard `others` meanwhile.
 */
static const char *run_zombie(struct harness *h, struct tenant *t, int zombies, int others)
{
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"status\": %d, \"delay_ms\": 500}], \"then\": {\"status\": %d}}",
                zombies, others);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(h, "/hook", 1, 10000);
    proc_signal(&h->workers[0], SIGSTOP);
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 2, 15000);
    message_wait_attempts(h, t, path, 1);
    proc_signal(&h->workers[0], SIGCONT);
    wait_for_log(h, "\"lease.lost\"");
    return path;
}

static void test_R_05_a_zombies_success_does_not_overwrite_a_failure(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = run_zombie(h, t, 200, 500);
    struct reply message = message_get(h, t, path), attempt = message_attempt(h, t, path, 1);

    assert_string_equal(reply_text(&message, "status"), "pending");
    assert_int_equal(reply_int(&message, "attempts"), 1);
    assert_int_equal(reply_int(&attempt, "status_code"), 500);
    assert_int_equal(message_n_attempts(h, t, path), 1);
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_R_36_success_is_final_when_a_late_failure_arrives(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = run_zombie(h, t, 500, 200);
    struct reply message = message_get(h, t, path);

    assert_string_equal(reply_text(&message, "status"), "succeeded");
    assert_int_equal(reply_int(&message, "attempts"), 1);
    assert_int_equal(message_n_attempts(h, t, path), 1);
    assert_int_equal(sinker_count(h, "/hook"), 2);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
}

/* ---- sharing ---- */

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

static void check_each_once(struct harness *h, const struct tenant *t, unsigned n)
{
    struct reply stats;

    sinker_wait(h, "/hook", n, 60000);
    assert_true(wait_until(queue_is_empty, h, 10000));
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "requests"), n);
    assert_int_equal(reply_int(&stats, "distinct_ids"), n);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    assert_int_equal(message_count(h, t, "succeeded"), n);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.attempt"), n);
}

static void test_R_06_four_workers_send_each_message_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    publish_many(h, t, 2000);
    check_each_once(h, t, 2000);
    assert_true(db_int(h, "SELECT count(DISTINCT worker) FROM hookline.attempt") > 1);
}

/* ---- told to go ---- */

static void test_R_25_a_worker_that_is_told_to_go_loses_and_doubles_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 100}}");
    publish_many(h, t, 1000);
    sinker_wait(h, "/hook", 100, 10000);
    harness_stop_worker(h, 0); /* exits with 0 */
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue WHERE leased"), 0);
    assert_int_equal(sinker_count(h, "/hook"), message_count(h, t, "succeeded"));
    assert_true(sinker_count(h, "/hook") < 1000);

    (void)harness_start_worker(h);
    check_each_once(h, t, 1000);
}

static void test_R_25_a_drain_that_takes_too_long_leaves_the_rest_to_the_lease(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"hang\": true}]}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(h, "/hook", 1, 10000);
    harness_stop_worker(h, 0);
    assert_non_null(strstr(harness_logs(h), "\"n_unfinished\":1"));

    (void)harness_start_worker(h);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

/* ---- waking up ---- */

static void test_R_30_a_poll_finds_what_no_notification_tells_of(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}]}"); /* nobody notifies of retries */
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, t, path), 2);
}

static void test_R_30_a_lost_listener_listens_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    (void)db_text(h, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'hookline-worker claim'");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded"); /* published while nobody listened, or just again */
    wait_for_log(h, "\"database.lost\"");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
}

static void test_a_notification_wakes_a_worker_that_hardly_polls(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (unsigned i = 1; i <= 5; i++) {
        const char *event_id = publish(h, t, "order.paid", "c1", "{}");

        sinker_wait(h, "/hook", i, 2000);
        message_wait(h, t, message_path(h, t, event_id, NULL), "succeeded");
    }
}

static bool has_one_recorded(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue WHERE attempts = 1 AND NOT leased") == 1;
}

/* As if what made it due had taken an hour to commit: claims look at what was due then no more. */
static void test_R_30_what_was_due_before_it_was_committed_is_claimed_too(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *late, *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}]}");
    late = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    assert_true(wait_until(has_one_recorded, h, 15000));
    (void)db_text(h, "UPDATE queue SET due_at = now() + interval '1 hour'");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded");
    (void)db_text(h, "UPDATE queue SET due_at = now() - interval '1 hour'");
    message_wait(h, t, late, "succeeded");
}

static const char *const short_lease[] = {"HOOKLINE_WORKER_LEASE_MS=3000", NULL};
static const char *const short_drain[] = {"HOOKLINE_WORKER_LEASE_MS=3000",
                                          "HOOKLINE_WORKER_DRAIN_MS=500", NULL};
static const char *const rare_poll[] = {"HOOKLINE_WORKER_POLL_MS=60000", NULL};
static const char *const some_poll[] = {"HOOKLINE_WORKER_POLL_MS=500",
                                        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=10", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_03_what_a_killed_worker_had_claimed_is_sent_by_another,
                     .env = short_lease),
        harness_test(test_R_04_a_worker_killed_after_the_2xx_costs_one_duplicate,
                     .env = short_lease),
        harness_test(test_R_05_a_zombies_success_does_not_overwrite_a_failure, .env = short_lease),
        harness_test(test_R_36_success_is_final_when_a_late_failure_arrives, .env = short_lease),
        harness_test(test_R_06_four_workers_send_each_message_once, .n_workers = 4),
        harness_test(test_R_25_a_worker_that_is_told_to_go_loses_and_doubles_nothing),
        harness_test(test_R_25_a_drain_that_takes_too_long_leaves_the_rest_to_the_lease,
                     .env = short_drain),
        harness_test(test_R_30_a_poll_finds_what_no_notification_tells_of, .env = some_poll),
        harness_test(test_R_30_what_was_due_before_it_was_committed_is_claimed_too,
                     .env = some_poll),
        harness_test(test_R_30_a_lost_listener_listens_again, .env = some_poll),
        harness_test(test_a_notification_wakes_a_worker_that_hardly_polls, .env = rare_poll),
    };

    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
