/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What searches may hold: a database that does not answer them in time is no reason to wait for,
 * and however many there are, publishing and plain reads go on. A lock on `attempt` makes all that
 * look into it slow.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/tail_stream.h"

enum { WAIT_MS = 60000, N_SENT = 8, N_ADMITTED = 3 };

static PGconn *lock_attempts(struct harness *h)
{
    char url[PG_URL_SIZE];
    PGconn *session;
    PGresult *result;

    pg_url(h->database, true, url);
    session = PQconnectdb(url);
    result = PQexec(session, "BEGIN; LOCK TABLE hookline.attempt IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    return session;
}

static void test_a_search_that_takes_too_long_is_ended(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *lock;
    struct reply reply;

    (void)given_story(h, t, "/hook");
    (void)publish(h, t, "order.paid", "c1", "{}");
    api_wait_for(h, t->admin, "/v1/messages?q=code:2xx", "data.0.status", "succeeded", WAIT_MS);
    lock = lock_attempts(h);
    reply = api_call(h, t->support, "GET", "/v1/messages?q=code:2xx", NULL);
    assert_problem(h, reply, 503, "search_too_slow", NULL);
    assert_non_null(reply_header(h->http, &reply, "retry-after"));
    reply = api_call(h, t->support, "GET", "/v1/messages/count?q=code:2xx", NULL);
    assert_problem(h, reply, 503, "search_too_slow", NULL);
    PQfinish(lock);
    reply = api_call(h, t->support, "GET", "/v1/messages?q=code:2xx", NULL);
    assert_status(reply, 200);
}

struct answers {
    struct pollfd fds[N_SENT];
    size_t n;
};

/* Whether so many have an answer. */
static bool are_refused(void *arg)
{
    struct answers *answers = arg;
    int n = poll(answers->fds, N_SENT, 0);

    return n == (int)answers->n;
}

static void test_however_many_search_others_go_on(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct answers answers = {.n = N_SENT - N_ADMITTED};
    struct reply reply;
    PGconn *lock;
    int n_found = 0, n_refused = 0, fd;

    (void)given_story(h, t, "/hook");
    lock = lock_attempts(h);
    for (size_t i = 0; i < N_SENT; i++)
        answers.fds[i] = (struct pollfd){
            .fd = raw_start(h, t->support, "GET", "/v1/messages?q=code:5xx", NULL),
            .events = POLLIN,
        };
    assert_true(wait_until(are_refused, &answers, WAIT_MS));
    (void)publish(h, t, "order.paid", "c1", "{}");
    reply = api_call(h, t->admin, "GET", "/v1/companies", NULL);
    assert_status(reply, 200);
    fd = raw_start(h, other->admin, "GET", "/v1/messages?q=code:5xx", NULL); /* its own count */
    PQfinish(lock);
    for (size_t i = 0; i < N_SENT; i++) {
        reply = raw_finish(h, answers.fds[i].fd);
        n_found += reply.status == 200;
        if (reply.status == 200)
            continue;
        assert_problem(h, reply, 429, "too_many_searches", NULL);
        assert_non_null(reply_header(h->http, &reply, "retry-after"));
        n_refused++;
    }
    assert_int_equal(n_found, N_ADMITTED);
    assert_int_equal(n_refused, N_SENT - N_ADMITTED);
    reply = raw_finish(h, fd);
    assert_status(reply, 200);
}

static void test_a_tail_that_cannot_keep_up_says_so_and_goes_on_and_ends(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream;
    PGconn *lock;

    (void)given_story(h, t, "/hook");
    stream = stream_open(h, t->admin, "/v1/tail?q=code:2xx", NULL);
    lock = lock_attempts(h);
    stream_wait(&stream, "event: dropped\ndata: {\"rows\": null}\n", 1, WAIT_MS);
    PQfinish(lock);
    (void)publish(h, t, "order.paid", "c1", "{}");
    stream_wait(&stream, "event: attempt\n", 1, WAIT_MS);
    assert_non_null(strstr(harness_logs(h), "tail.fell_behind"));

    lock = lock_attempts(h);
    stream_wait(&stream, "event: end\ndata: {\"reason\": \"too_slow\"}", 1, WAIT_MS);
    assert_true(stream_count(&stream, "event: dropped\ndata: {\"rows\": null}\n") >= 4);
    PQfinish(lock);
    stream_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_search_that_takes_too_long_is_ended,
                     .env = (const char *const[]){"HOOKLINE_API_SEARCH_TIMEOUT_MS=2000", NULL}),
        harness_test(test_however_many_search_others_go_on, .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_SEARCH_TIMEOUT_MS=60000",
                                                  "HOOKLINE_API_QUERY_TIMEOUT_MS=60000",
                                                  "HOOKLINE_API_SEARCHES_PER_TENANT=3", NULL}),
        harness_test(test_a_tail_that_cannot_keep_up_says_so_and_goes_on_and_ends,
                     .env = (const char *const[]){"HOOKLINE_API_SEARCH_TIMEOUT_MS=2000", NULL}),
    };

    return cmocka_run_group_tests_name("search_limits", tests, NULL, NULL);
}
