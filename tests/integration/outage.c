/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL goes away under load, or the API is told to go. No event is accepted
 * without being stored, and nothing that was accepted is lost. The server here is the program's
 * own.
 */
#include <signal.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "tests/support/load.h"
#include "tests/support/message.h"
#include "tests/support/oauth.h"

#define BACK_MS  10000 /* everything goes on so soon after PostgreSQL is ready */
#define DRAIN_MS 60000

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

/* All that was accepted has arrived, once or more, and is recorded. */
static void check_nothing_is_lost(struct harness *h, const struct tenant *t,
                                  struct load_counts counts)
{
    struct reply stats;

    print_message("%u accepted, %u refused, %u without an answer\n", counts.n_accepted,
                  counts.n_refused, counts.n_unanswered);
    assert_int_equal(counts.n_wrong, 0);
    assert_true(wait_until(queue_is_empty, h, DRAIN_MS));
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "distinct_ids"), counts.n_accepted);
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    assert_int_equal(message_count(h, t, "succeeded"), counts.n_accepted);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), counts.n_accepted);
}

static void wait_ready(struct harness *h)
{
    api_wait_for(h, NULL, "/readyz", "status", "ready", BACK_MS);
}

/* ---- PostgreSQL ---- */

static void test_R_11_without_postgresql_nothing_is_accepted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, 10000);
    pg_stop(SIGINT);

    for (int i = 0; i < 20; i++) {
        reply = api_call(h, t->producer, "POST", "/v1/events",
                         "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1}");
        assert_status(reply, 503);
        assert_non_null(reply_header(h->http, &reply, "Retry-After"));
        assert_string_equal(reply_text(&reply, "type"), "/problems/database_unavailable");
    }
    reply = api_call(h, t->admin, "GET", "/v1/messages", NULL);
    assert_status(reply, 503);
    reply = api_call(h, NULL, "GET", "/readyz", NULL);
    assert_status(reply, 503);
    reply = api_call(h, NULL, "GET", "/healthz", NULL);
    assert_status(reply, 200);

    pg_start();
    wait_ready(h);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 1);
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, BACK_MS);
}

static void test_without_postgresql_there_are_no_tokens_and_no_keys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"c\", \"role\": \"support\"");
    const char *authorization = basic(h, client.client_id, client.secret);
    struct reply reply;

    pg_stop(SIGINT);
    for (int i = 0; i < 3; i++) {
        reply = ask_token(h, authorization, "grant_type=client_credentials");
        assert_problem(h, reply, 503, "database_unavailable", NULL);
        reply = api_call(h, NULL, "GET", "/.well-known/jwks.json", NULL);
        assert_problem(h, reply, 503, "database_unavailable", NULL);
    }
    pg_start();
    wait_ready(h);
    reply = ask_token(h, authorization, "grant_type=client_credentials");
    assert_status(reply, 200);
}

static void restart_under_load(struct harness *h, int signal_no)
{
    struct tenant *t = given_tenant(h);
    struct load *load;
    struct load_counts counts;

    (void)given_story(h, t, "/hook");
    load = load_start(h, t);
    for (int i = 0; i < 3; i++) {
        unsigned n = load_counts(load).n_accepted;

        load_wait(load, n + 150, 30000);
        pg_stop(signal_no);
        pg_start();
        n = load_counts(load).n_accepted;
        load_wait(load, n + 1, BACK_MS);
    }
    load_wait(load, load_counts(load).n_accepted + 100, 30000);
    counts = load_stop(load);
    assert_true(counts.n_refused > 0);
    check_nothing_is_lost(h, t, counts);
}

static void test_R_11_a_fast_restart_under_load_loses_nothing(void **state)
{
    restart_under_load(*state, SIGINT);
}

static void test_R_11_a_crash_under_load_loses_nothing(void **state)
{
    restart_under_load(*state, SIGQUIT);
}

static void test_R_11_terminated_backends_under_load_lose_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct load *load;

    (void)given_story(h, t, "/hook");
    load = load_start(h, t);
    for (int i = 0; i < 10; i++) {
        load_wait(load, load_counts(load).n_accepted + 50, BACK_MS);
        (void)db_text(h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                         " WHERE datname = current_database()"
                         " AND application_name LIKE 'hookline-%%'");
    }
    load_wait(load, load_counts(load).n_accepted + 100, 30000);
    check_nothing_is_lost(h, t, load_stop(load));
}

static void test_what_is_sent_while_postgresql_is_away_is_recorded_later(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 1000}}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(h, "/hook", 1, 10000);
    pg_stop(SIGINT);
    proc_pause(1500); /* the answer arrives meanwhile */
    pg_start();
    wait_ready(h);
    message_wait(h, t, path, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 1);
    assert_int_equal(message_n_attempts(h, t, path), 1);
}

/* A query that takes too long: see run_turn() of api/http/server.c. */
static void test_a_connection_goes_on_at_once_after_a_timed_out_request(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int64_t start_ms;
    struct reply reply;

    (void)given_story(h, t, "/hook");
    reply = api_call(h, t->admin, "GET", "/v1/messages", NULL);
    assert_status(reply, 200);
    pg_stop(SIGINT);
    for (int i = 0; i < 3; i++) {
        reply = api_call(h, t->admin, "GET", "/v1/messages", NULL);
        assert_status(reply, 503);
        start_ms = hk_mono_ms();
        reply = api_call(h, NULL, "GET", "/healthz", NULL);
        assert_status(reply, 200);
        assert_true(hk_mono_ms() - start_ms < 200);
    }
    pg_start();
    wait_ready(h);
}

/* ---- the API ---- */

static void test_R_25_an_API_that_is_told_to_go_loses_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct load *load;
    struct load_counts counts;

    (void)given_story(h, t, "/hook");
    load = load_start(h, t);
    for (int i = 0; i < 3; i++) {
        load_wait(load, load_counts(load).n_accepted + 100, 30000);
        harness_restart_api(h); /* it has to exit with 0 */
    }
    load_wait(load, load_counts(load).n_accepted + 100, 30000);
    counts = load_stop(load);
    check_nothing_is_lost(h, t, counts);
}

static const char *const impatient[] = {"HOOKLINE_API_QUERY_TIMEOUT_MS=1000", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_without_postgresql_there_are_no_tokens_and_no_keys, .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_QUERY_TIMEOUT_MS=500", NULL}),
        harness_test(test_R_11_without_postgresql_nothing_is_accepted, .env = impatient),
        harness_test(test_R_11_a_fast_restart_under_load_loses_nothing, .n_workers = 2),
        harness_test(test_R_11_a_crash_under_load_loses_nothing, .n_workers = 2),
        harness_test(test_R_11_terminated_backends_under_load_lose_nothing, .n_workers = 2),
        harness_test(test_what_is_sent_while_postgresql_is_away_is_recorded_later),
        harness_test(test_a_connection_goes_on_at_once_after_a_timed_out_request, .env = impatient),
        harness_test(test_R_25_an_API_that_is_told_to_go_loses_nothing),
    };

    (void)unsetenv("HOOKLINE_TEST_PG");
    return cmocka_run_group_tests_name("outage", tests, NULL, NULL);
}
