/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live tail: messages and attempts as they are recorded, each once and in order, also for who
 * was away and in whatever order transactions end; to whom they belong, and to nobody else.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/tail_stream.h"

enum { WAIT_MS = 30000 };

static void publish_many(struct harness *h, const struct tenant *t, const char *company, int n)
{
    for (int i = 0; i < n; i++)
        (void)publish(h, t, "order.paid", company, "{}");
}

static void test_messages_and_attempts_come_as_they_are_recorded(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream;
    const char *event_id;

    (void)given_story(h, t, "/hook");
    stream = stream_open(h, t->support, "/v1/tail", NULL);
    assert_non_null(strstr(stream.raw, "content-type: text/event-stream\r\n"));
    assert_non_null(strstr(stream.raw, "cache-control: no-store\r\n"));
    assert_non_null(strstr(stream.raw, "x-accel-buffering: no\r\n"));
    event_id = publish(h, t, "order.paid", "c1", "{}");
    publish_many(h, t, "c1", 2);
    stream_wait(&stream, "event: attempt\n", 3, WAIT_MS);
    assert_int_equal(stream_count(&stream, "event: message\n"), 3);
    assert_int_equal(stream_count(&stream, event_id), 2);
    assert_true(strstr(stream.text, "event: message\n") < strstr(stream.text, "event: attempt\n"));
    assert_non_null(strstr(stream.text, "\"outcome\" : \"succeeded\""));
    assert_non_null(strstr(stream.text, "\"company\" : \"c1\""));
    stream_close(&stream);
}

static void test_a_query_shows_what_it_means_and_nothing_else(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream failed, other, all;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}]}");
    failed = stream_open(h, t->admin, "/v1/tail?q=code:5xx", NULL);
    other = stream_open(h, t->admin, "/v1/tail?q=company:c2", NULL);
    all = stream_open(h, t->admin, "/v1/tail?q=company:c1+type:order.*", NULL);
    publish_many(h, t, "c1", 3);
    stream_wait(&all, "event: attempt\n", 3, WAIT_MS);
    stream_wait(&failed, "event: attempt\n", 1, WAIT_MS);
    assert_int_equal(stream_count(&failed, "event: attempt\n"), 1);
    assert_int_equal(stream_count(&failed, "\"status_code\" : 500"), 1);
    assert_int_equal(stream_count(&other, "event: "), 0);
    stream_close(&failed);
    stream_close(&other);
    stream_close(&all);
}

static void test_who_comes_again_misses_nothing_and_sees_nothing_twice(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream;
    const char *last_id, *first;

    (void)given_story(h, t, "/hook");
    stream = stream_open(h, t->admin, "/v1/tail", NULL);
    publish_many(h, t, "c1", 3);
    stream_wait(&stream, "event: attempt\n", 3, WAIT_MS);
    last_id = stream_id(h, &stream, "attempt", 0); /* two of them are to come again */
    first = strstr(stream.text, last_id);
    assert_non_null(first);
    stream_close(&stream);
    publish_many(h, t, "c1", 4);
    stream = stream_open(h, t->admin, "/v1/tail", last_id);
    stream_wait(&stream, "event: attempt\n", 6, WAIT_MS);
    publish_many(h, t, "c1", 2); /* it is live by now, or about to be */
    stream_wait(&stream, "event: attempt\n", 8, WAIT_MS);
    assert_int_equal(stream_count(&stream, http_text(h->http, "id: %s\n", last_id)), 1);
    for (size_t i = 0; i < 8; i++) {
        const char *id = stream_id(h, &stream, "attempt", i);

        assert_int_equal(stream_count(&stream, http_text(h->http, "id: %s\n", id)), 1);
    }
    stream_close(&stream);
}

static PGconn *writer(struct harness *h, const char *sql)
{
    char url[PG_URL_SIZE];
    PGconn *session;

    pg_url(h->database, true, url);
    session = PQconnectdb(http_text(h->http, "%s application_name=hookline-test", url));
    assert_int_equal(PQstatus(session), CONNECTION_OK);
    PQclear(PQexec(session, "SET search_path = hookline"));
    PQclear(PQexec(session, "BEGIN"));
    PQclear(PQexec(session, sql));
    return session;
}

/* What began first may be seen last: it is shown first all the same, and nothing before it is. */
static void test_a_transaction_that_ends_late_is_not_passed_over(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream;
    const char *message_id, *late, *early;
    PGconn *session;

    (void)given_story(h, t, "/hook");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, WAIT_MS);
    api_wait_for(h, t->admin, "/v1/messages", "data.0.status", "succeeded", WAIT_MS);
    message_id = db_text(h, "SELECT id FROM hookline.message");
    stream = stream_open(h, t->admin, "/v1/tail", NULL);
    session = writer(h, http_text(h->http,
                                  "INSERT INTO attempt (tenant_id, message_id, attempt_no,"
                                  " started_at, url, outcome, duration_us, worker)"
                                  " VALUES ('%s', '%s', 77, now(), 'https://e.com/', 'timeout', 1,"
                                  "         'w')",
                                  t->id, message_id));
    publish_many(h, t, "c1", 2);
    sinker_wait(h, "/hook", 3, WAIT_MS);
    /* The horizon stands before it: the others wait, for as many heartbeats as one likes. */
    stream_wait(&stream, ": heartbeat\n", 5, WAIT_MS);
    assert_int_equal(stream_count(&stream, "event: attempt\n"), 0);
    PQclear(PQexec(session, "COMMIT"));
    PQfinish(session);
    stream_wait(&stream, "event: attempt\n", 3, WAIT_MS);
    late = strstr(stream.text, ".77\n");
    early = strstr(stream.text, "\"attempt_no\" : 1,");
    assert_non_null(late);
    assert_non_null(early);
    assert_true(late < early);
    stream_close(&stream);
}

static void test_nobody_sees_what_is_not_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *neighbour = given_key(h, t, "partner", "other");
    struct stream own, foreign, next;
    struct reply reply;

    (void)given_story(h, t, "/hook");
    own = stream_open(h, t->partner, "/v1/tail", NULL);
    foreign = stream_open(h, other->admin, "/v1/tail", "1.00000000-0000-0000-0000-000000000000.0");
    next = stream_open(h, neighbour, "/v1/tail", "1.00000000-0000-0000-0000-000000000000.0");
    publish_many(h, t, "c1", 2);
    stream_wait(&own, "event: attempt\n", 2, WAIT_MS);
    /* What was read for its neighbours in the same second is read for these as well. */
    stream_wait(&foreign, ": heartbeat\n", 5, WAIT_MS);
    stream_wait(&next, ": heartbeat\n", 5, WAIT_MS);
    assert_int_equal(
        stream_count(&foreign, "event: message") + stream_count(&next, "event: message"), 0);
    assert_int_equal(
        stream_count(&foreign, "event: attempt") + stream_count(&next, "event: attempt"), 0);
    assert_int_equal(stream_count(&foreign, "{\"rows\": null}"), 1); /* it is from 1970 */
    reply = api_call(h, t->producer, "GET", "/v1/tail", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
    reply = api_call(h, NULL, "GET", "/v1/tail", NULL);
    assert_problem(h, reply, 401, "unauthenticated", NULL);
    stream_close(&own);
    stream_close(&foreign);
    stream_close(&next);
}

static void test_what_is_no_query_and_no_place_is_refused(void **state)
{
    static const char *const places[] = {"x", "1.2.3", "1.00000000-0000-0000-0000-000000000000",
                                         "-1.00000000-0000-0000-0000-000000000000.0",
                                         "1.00000000-0000-0000-0000-000000000000.1111111111"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->admin, "GET", "/v1/tail?q=status:no", NULL);

    assert_problem(h, reply, 422, "invalid_parameter", "/q");
    reply = api_call(h, t->admin, "GET", "/v1/tail?limit=1", NULL);
    assert_problem(h, reply, 422, "invalid_parameter", NULL);
    for (size_t i = 0; i < HK_COUNTOF(places); i++) {
        const char *const headers[] = {http_text(h->http, "Last-Event-ID: %s", places[i]), NULL};

        reply = api_send(h, t->admin, "GET", "/v1/tail", HK_STR_NULL, headers);
        assert_problem(h, reply, 422, "invalid_parameter", NULL);
    }
    reply = raw_finish(h, raw_start(h, t->admin, "HEAD", "/v1/tail", NULL));
    assert_status(reply, 200);
    assert_int_equal(reply.body_n, 0);
}

static const char *const beating[] = {"HOOKLINE_API_TAIL_HEARTBEAT_MS=500", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_messages_and_attempts_come_as_they_are_recorded),
        harness_test(test_a_query_shows_what_it_means_and_nothing_else,
                     .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL}),
        harness_test(test_who_comes_again_misses_nothing_and_sees_nothing_twice),
        harness_test(test_a_transaction_that_ends_late_is_not_passed_over, .env = beating),
        harness_test(test_nobody_sees_what_is_not_its_own, .env = beating),
        harness_test(test_what_is_no_query_and_no_place_is_refused, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
