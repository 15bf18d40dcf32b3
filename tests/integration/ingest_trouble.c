/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing when something behind it is slow or away: too many wait, deliveries lag, the database
 * is gone. Whatever was answered 202 is stored; whatever was not is nowhere.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"

enum { MAX_PENDING = 4, N_CLIENTS = 12 };

static const char *event(struct harness *h, const char *external_id)
{
    return http_text(
        h->http,
        "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"external_id\": \"%s\","
        " \"payload\": {}}",
        external_id);
}

static struct tenant *given_publisher(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/a");
    return t;
}

static int64_t count_events(struct harness *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.event");
}

static void assert_retry_after(struct harness *h, const struct reply *reply)
{
    const char *seconds = reply_header(h->http, reply, "retry-after");

    assert_non_null(seconds);
    assert_in_range(strtol(seconds, NULL, 10), 1, 60);
}

/* ---- the database is slow: a session holds a lock that publishing needs ---- */

/* Takes the answers that come while the others wait; `fds` of those become -1. */
static unsigned finish_busy(struct harness *h, struct pollfd fds[N_CLIENTS])
{
    unsigned n_busy = 0;

    while (n_busy < N_CLIENTS - MAX_PENDING && poll(fds, N_CLIENTS, 10000) > 0) {
        for (int i = 0; i < N_CLIENTS; i++) {
            struct reply reply;

            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            reply = raw_finish(h, fds[i].fd);
            assert_problem(h, reply, 503, "busy", NULL);
            assert_retry_after(h, &reply);
            fds[i].fd = -1;
            n_busy++;
        }
    }
    return n_busy;
}

static void test_more_than_may_wait_get_503(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct pollfd fds[N_CLIENTS];
    struct pg_conn *holder = db_lock(h, "company");

    for (int i = 0; i < N_CLIENTS; i++) {
        const char *body = event(h, http_text(h->http, "e-%d", i));

        fds[i] = (struct pollfd){.fd = raw_start(h, t->producer, "POST", "/v1/events", body),
                                 .events = POLLIN};
    }
    assert_int_equal(finish_busy(h, fds), N_CLIENTS - MAX_PENDING);
    assert_true(wait_until(db_has_waiting, h, 10000));
    db_unlock(holder);
    for (int i = 0; i < N_CLIENTS; i++) {
        if (fds[i].fd >= 0)
            assert_int_equal(raw_finish(h, fds[i].fd).status, 202);
    }
    assert_int_equal(count_events(h), MAX_PENDING);
}

static void test_a_request_waits_for_the_database_only_so_long(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct pg_conn *holder = db_lock(h, "company");
    struct reply reply = api_call(h, t->producer, "POST", "/v1/events", "%s", event(h, "e-1"));

    assert_problem(h, reply, 503, "database_unavailable", NULL);
    assert_retry_after(h, &reply);
    reply = api_call(h, t->admin, "GET", "/v1/companies", NULL);
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    reply = api_call(h, t->admin, "GET", "/v1/apps", NULL); /* the others go on */
    assert_status(reply, 200);
    db_unlock(holder);
}

/* ---- deliveries lag ---- */

struct awaited {
    struct harness *h;
    const struct tenant *t;
    int status;
    struct reply reply;
};

static bool publishing_answers(void *arg)
{
    struct awaited *awaited = arg;

    awaited->reply = api_call(awaited->h, awaited->t->producer, "POST", "/v1/events", "%s",
                              event(awaited->h, "the same"));
    return awaited->reply.status == awaited->status;
}

static void test_429_while_the_oldest_due_message_is_too_old(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct awaited awaited = {.h = h, .t = t, .status = 429};

    assert_true(wait_until(publishing_answers, &awaited, 10000));
    assert_problem(h, awaited.reply, 429, "queue_too_old", NULL);
    assert_retry_after(h, &awaited.reply);
    assert_int_equal(count_events(h), 1);
    awaited.reply = api_call(h, t->admin, "GET", "/v1/events", NULL); /* asking goes on */
    assert_status(awaited.reply, 200);
    (void)harness_start_worker(h);
    awaited.status = 202;
    assert_true(wait_until(publishing_answers, &awaited, 10000));
    assert_true(reply_bool(&awaited.reply, "duplicate"));
}

/* Nor does what was late before the pause refuse events for ever. */
static void test_what_a_pause_holds_is_not_old(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct awaited awaited = {.h = h, .t = t, .status = 429};
    struct reply reply = api_call(h, t->admin, "GET", "/v1/subscriptions", NULL);
    const char *id = reply_text(&reply, "data.0.id");

    assert_true(wait_until(publishing_answers, &awaited, 10000));
    reply =
        api_call(h, t->admin, "POST", http_text(h->http, "/v1/subscriptions/%s/pause", id), NULL);
    assert_status(reply, 200);
    awaited.status = 202;
    assert_true(wait_until(publishing_answers, &awaited, 10000));
}

/* A retry that is planned for later is not late, however long ago the message was made. */
static void test_a_message_that_waits_for_its_retry_is_not_old(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    int64_t until_ms;
    struct reply reply;

    (void)given_company(h, t, "not connected");
    sinker_rule(h, "/a", "{\"then\": {\"status\": 500}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    reply = api_call(h, t->admin, "GET", "/v1/messages", NULL);
    api_wait_for(h, t->admin,
                 http_text(h->http, "/v1/messages/%s/attempts", reply_text(&reply, "data.0.id")),
                 "data.0.status_code", "500", 10000);
    until_ms = hk_mono_ms() + 2500; /* the age is looked at once a second */
    while (hk_mono_ms() < until_ms)
        (void)publish(h, t, "order.paid", "not connected", "{}");
}

/* ---- the database is gone ---- */

static void run_elsewhere(const char *sql)
{
    free(pg_text("postgres", sql));
}

static void end_sessions(struct harness *h)
{
    run_elsewhere(http_text(h->http,
                            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                            " WHERE datname = '%s'",
                            h->database));
}

static void take_database_down(struct harness *h)
{
    run_elsewhere(http_text(h->http, "ALTER DATABASE %s ALLOW_CONNECTIONS false", h->database));
    end_sessions(h);
}

static void bring_database_up(struct harness *h)
{
    run_elsewhere(http_text(h->http, "ALTER DATABASE %s ALLOW_CONNECTIONS true", h->database));
}

static bool readiness_is(struct harness *h, int status)
{
    return api_call(h, NULL, "GET", "/readyz", NULL).status == status;
}

static bool is_ready(void *h)
{
    return readiness_is(h, 200);
}

static bool is_unready(void *h)
{
    return readiness_is(h, 503);
}

/* 503 and never a 202; back within ten seconds. */
static void test_without_a_database_503_and_afterwards_all_goes_on(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    (void)publish(h, t, "order.paid", "c1", "{}");
    take_database_down(h);
    assert_true(wait_until(is_unready, h, 10000));
    reply = api_call(h, NULL, "GET", "/readyz", NULL);
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    reply = api_call(h, NULL, "GET", "/healthz", NULL);
    assert_status(reply, 200);
    reply = api_call(h, t->producer, "POST", "/v1/events", "%s", event(h, "e-1"));
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    assert_retry_after(h, &reply);
    reply = api_call(h, t->admin, "GET", "/v1/apps", NULL);
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    assert_retry_after(h, &reply);
    reply = api_call(h, t->support, "GET", "/v1/apps", NULL); /* whose key is in no cache */
    assert_problem(h, reply, 503, "database_unavailable", NULL);

    bring_database_up(h);
    assert_true(wait_until(is_ready, h, 10000));
    reply = api_call(h, t->producer, "POST", "/v1/events", "%s", event(h, "e-1"));
    assert_status(reply, 202);
    assert_false(reply_bool(&reply, "duplicate"));
    assert_int_equal(count_events(h), 2);
}

static void test_what_was_in_flight_when_a_session_ended_is_503_and_not_stored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct pg_conn *holder = db_lock(h, "company");
    int fd = raw_start(h, t->producer, "POST", "/v1/events", event(h, "the same"));
    struct awaited awaited = {.h = h, .t = t, .status = 202};
    struct reply reply;

    assert_true(wait_until(db_has_waiting, h, 10000));
    end_sessions(h); /* the holder's too */
    db_unlock(holder);
    reply = raw_finish(h, fd);
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    assert_int_equal(count_events(h), 0);
    assert_true(wait_until(publishing_answers, &awaited, 10000));
    assert_false(reply_bool(&awaited.reply, "duplicate"));
}

/* a producer that repeats what was not accepted gets each event stored once. */
static void test_sessions_that_keep_ending_lose_and_double_nothing(void **state)
{
    enum { N_EVENTS = 60 };
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    for (int i = 0; i < N_EVENTS; i++) {
        const char *body = event(h, http_text(h->http, "e-%d", i));
        int fd = raw_start(h, t->producer, "POST", "/v1/events", body);

        if (i % 6 == 0)
            end_sessions(h);
        reply = raw_finish(h, fd);
        while (reply.status != 202) {
            assert_problem(h, reply, 503, "database_unavailable", NULL);
            assert_true(wait_until(is_ready, h, 10000));
            reply = api_call(h, t->producer, "POST", "/v1/events", "%s", body);
        }
    }
    assert_int_equal(count_events(h), N_EVENTS);
    sinker_wait(h, "/a", N_EVENTS, 30000);
    reply = sinker_stats(h, "/a");
    assert_int_equal(reply_int(&reply, "distinct_ids"), N_EVENTS);
}

#define ENV(...)                                                                                   \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_more_than_may_wait_get_503, .has_no_worker = true,
                     ENV("HOOKLINE_API_MAX_PENDING_REQUESTS=4")),
        harness_test(test_a_request_waits_for_the_database_only_so_long, .has_no_worker = true,
                     ENV("HOOKLINE_API_QUERY_TIMEOUT_MS=300")),
        harness_test(test_429_while_the_oldest_due_message_is_too_old, .has_no_worker = true,
                     ENV("HOOKLINE_API_MAX_QUEUE_AGE_MS=50")),
        harness_test(test_what_a_pause_holds_is_not_old, .has_no_worker = true,
                     ENV("HOOKLINE_API_MAX_QUEUE_AGE_MS=50")),
        harness_test(test_a_message_that_waits_for_its_retry_is_not_old,
                     ENV("HOOKLINE_API_MAX_QUEUE_AGE_MS=1000")),
        harness_test(test_without_a_database_503_and_afterwards_all_goes_on, .has_no_worker = true,
                     ENV("HOOKLINE_API_QUERY_TIMEOUT_MS=300")),
        harness_test(test_what_was_in_flight_when_a_session_ended_is_503_and_not_stored,
                     .has_no_worker = true),
        harness_test(test_sessions_that_keep_ending_lose_and_double_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
