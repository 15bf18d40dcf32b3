/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1,000 requests to a flow while the API, the worker and PostgreSQL are killed: whatever was
 * accepted ends, nothing is lost, and a step comes twice only when a crash came between.
 */
#include <signal.h>
#include <stdlib.h>

#include "tests/support/flow.h"
#include "tests/support/inlet.h"

#define N_RUNS  1000
#define N_SLOTS 64 /* of a worker: what it can have in its hands */
#define WAIT_MS 240000

static bool queue_is_empty(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

static bool database_is_back(void *arg)
{
    struct harness *h = arg;
    struct reply reply = api_call(h, NULL, "GET", "/readyz", NULL);

    return reply.status == 200;
}

static void crash_database(struct harness *h)
{
    pg_stop(SIGQUIT);
    pg_start();
    assert_true(wait_until(database_is_back, h, 60000));
}

/* Requests, `n` of them accepted; what is refused while something is away is sent again. */
static void send_requests(struct harness *h, const struct inlet *inlet, unsigned *n_accepted,
                          unsigned n)
{
    static const char *const as_json[] = {"Content-Type: application/json", NULL};

    while (*n_accepted < n) {
        struct reply reply =
            inlet_post(h, inlet, hk_str(http_text(h->http, "{\"n\":%u}", *n_accepted)), as_json);

        *n_accepted += reply.status == 202;
    }
}

static void test_killing_everything_during_1000_runs_loses_none(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    struct inlet inlet;
    unsigned n = 0;
    int64_t n_calls, n_events;

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    inlet = given_inlet(
        h, t, app_id, "{\"kind\": \"none\"}", NULL,
        http_text(h->http,
                  ", \"steps\": [{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\"},"
                  "{\"name\":\"m\",\"kind\":\"map\",\"template\":{\"n\":\"{{ $.n }}\"}},"
                  "{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\","
                  "\"company\":\"c1\"}]",
                  sinker_url(h, "/call")));

    send_requests(h, &inlet, &n, 200);
    harness_kill_worker(h, 0);
    (void)harness_start_worker(h);
    send_requests(h, &inlet, &n, 400);
    harness_kill_api(h);
    harness_restart_api(h);
    send_requests(h, &inlet, &n, 600);
    crash_database(h);
    send_requests(h, &inlet, &n, 800);
    harness_kill_worker(h, 1);
    harness_kill_api(h);
    (void)harness_start_worker(h);
    harness_restart_api(h);
    crash_database(h);
    send_requests(h, &inlet, &n, N_RUNS);
    assert_true(wait_until(queue_is_empty, h, WAIT_MS));

    /* An answer that was lost with its program: that request may be there once more. */
    assert_in_range(db_int(h, "SELECT count(*) FROM hookline.message"), N_RUNS, N_RUNS + 10);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"
                               " WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"),
                     0);
    assert_int_equal(db_int(h, "SELECT count(DISTINCT (payload::json ->> 'n')::integer)"
                               "  FROM hookline.event WHERE event_type = 'flow.request'"),
                     N_RUNS);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.run"), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM (SELECT FROM hookline.attempt"
                               " WHERE outcome = 'succeeded'"
                               " GROUP BY message_id, step_no HAVING count(*) > 1) x"),
                     0);
    n_events = db_int(h, "SELECT count(*) FROM hookline.event WHERE event_type = 'order.paid'");
    assert_int_equal(n_events, db_int(h, "SELECT count(*) FROM hookline.message"
                                         " WHERE status = 'succeeded'"));
    n_calls = sinker_count(h, "/call");
    print_message("%d calls of %d runs\n", (int)n_calls,
                  (int)db_int(h, "SELECT count(*) FROM hookline.message"));
    assert_in_range(n_calls, N_RUNS, N_RUNS + 10 + 4 * N_SLOTS);
}

static const char *const settings[] = {
    "HOOKLINE_WORKER_LEASE_MS=3000", "HOOKLINE_WORKER_MAX_IN_FLIGHT=64",
    "HOOKLINE_WORKER_SCHEDULE_DIVISOR=20", "HOOKLINE_WORKER_POLL_MS=200", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_killing_everything_during_1000_runs_loses_none, .env = settings),
    };

    (void)unsetenv("HOOKLINE_TEST_PG"); /* a server of its own, to be killed */
    return cmocka_run_group_tests_name("flow_crash", tests, NULL, NULL);
}
