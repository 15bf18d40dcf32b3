/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What live tails may cost, and when they end: many at once, slow ones, more than may be shown,
 * callers that are let in no more, a process that stops.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hk/clock.h"
#include "tests/integration/tail_stream.h"

enum { WAIT_MS = 60000, N_TAILS = 100, N_MANY = 3000, N_ROUNDS = 8, MAX_GROWTH_KB = 8192 };

/* Messages that no request has made. */
static void given_messages(struct harness *h, const struct tenant *t, const char *subscription_id,
                           int n)
{
    (void)db_text(
        h,
        "WITH e AS (INSERT INTO hookline.event (tenant_id, id, event_type, company_id, payload)"
        "  SELECT '%s', hookline.uuid_v7(), 'order.paid', c.id, '{}'"
        "    FROM hookline.company c, generate_series(1, %d)"
        "   WHERE c.tenant_id = '%s' AND c.external_id = 'c1' RETURNING *)"
        " INSERT INTO hookline.message (tenant_id, id, event_id, subscription_id, connection_id,"
        "  status, attempts, finished_at)"
        " SELECT e.tenant_id, hookline.message_id(e.id, s.id), e.id, s.id, x.id, 'succeeded', 1,"
        "        now()"
        "   FROM e, hookline.subscription s JOIN hookline.connection x"
        "     ON x.tenant_id = s.tenant_id AND x.app_id = s.app_id WHERE s.id = '%s'",
        t->id, n, t->id, subscription_id);
}

static void test_a_hundred_tails_see_what_happens(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream streams[N_TAILS];

    (void)given_story(h, t, "/hook");
    for (size_t i = 0; i < N_TAILS; i++)
        streams[i] =
            stream_open(h, t->support, i % 2 == 0 ? "/v1/tail" : "/v1/tail?q=company:c1", NULL);
    for (int i = 0; i < 3; i++)
        (void)publish(h, t, "order.paid", "c1", "{}");
    for (size_t i = 0; i < N_TAILS; i++) {
        stream_wait(&streams[i], "event: attempt\n", 3, WAIT_MS);
        assert_int_equal(stream_count(&streams[i], "event: message\n"), 3);
    }
    for (size_t i = 0; i < N_TAILS; i++)
        stream_close(&streams[i]);
}

static void test_a_tail_that_has_nothing_to_say_says_so_and_where_it_is(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream = stream_open(h, t->admin, "/v1/tail", NULL);
    const char *first = stream_last_id(h, &stream);

    stream_wait(&stream, ": heartbeat\nid: ", 6, WAIT_MS);
    assert_string_not_equal(stream_last_id(h, &stream), first);
    stream_close(&stream);
}

struct opening {
    struct harness *h;
    const char *key;
};

static bool is_open_again(void *arg)
{
    const struct opening *opening = arg;
    int fd = raw_start(opening->h, opening->key, "GET", "/v1/tail", NULL);
    char head[16];
    size_t n = http_raw_read(fd, head, sizeof(head), 5000, NULL);

    (void)close(fd);
    return n >= 12 && memcmp(head + 9, "200", 3) == 0;
}

static void test_a_tenant_has_so_many_tails_and_others_have_theirs(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct stream first = stream_open(h, t->admin, "/v1/tail", NULL),
                  second = stream_open(h, t->support, "/v1/tail?q=company:x", NULL), third;
    struct reply reply = api_call(h, t->admin, "GET", "/v1/tail", NULL);
    struct opening opening = {h, t->admin};

    assert_problem(h, reply, 429, "too_many_tails", NULL);
    assert_non_null(reply_header(h->http, &reply, "retry-after"));
    third = stream_open(h, other->admin, "/v1/tail", NULL);
    stream_close(&first);
    assert_true(wait_until(is_open_again, &opening, WAIT_MS)); /* once a heartbeat found it gone */
    stream_close(&second);
    stream_close(&third);
}

static void test_a_partner_has_half_of_its_tenants_tails(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *globex = given_key(h, t, "partner", "globex");
    struct stream streams[2] = {stream_open(h, t->partner, "/v1/tail", NULL)};
    struct reply reply = api_call(h, t->partner, "GET", "/v1/tail", NULL);

    assert_problem(h, reply, 429, "too_many_tails", NULL);
    reply = api_call(h, t->receiver, "GET", "/v1/tail", NULL); /* of the same partner */
    assert_problem(h, reply, 429, "too_many_tails", NULL);
    streams[1] = stream_open(h, globex, "/v1/tail", NULL);
    reply = api_call(h, t->admin, "GET", "/v1/tail", NULL); /* the tenant has two in all */
    assert_problem(h, reply, 429, "too_many_tails", NULL);
    stream_close(&streams[0]);
    stream_close(&streams[1]);
}

/* The sum of what `dropped` events say. */
static size_t n_dropped(const struct stream *stream)
{
    static const char mark[] = "event: dropped\ndata: {\"rows\": ";
    size_t n = 0;

    for (const char *at = stream->text; (at = strstr(at, mark)) != NULL;)
        n += strtoul(at += sizeof(mark) - 1, NULL, 10);
    return n;
}

static void test_more_than_it_may_show_is_counted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct stream stream = stream_open(h, t->admin, "/v1/tail", NULL), again;
    const char *start = stream_last_id(h, &stream);

    given_messages(h, t, s.id, N_MANY);
    stream_wait(&stream, "event: dropped\n", 1, WAIT_MS);
    assert_int_equal(stream_count(&stream, "event: message\n"), 100);
    assert_int_equal(n_dropped(&stream), N_MANY - 100);
    /* Whoever comes again is shown all of them. */
    again = stream_open(h, t->admin, "/v1/tail", start);
    stream_wait(&again, "event: message\n", N_MANY, WAIT_MS);
    assert_int_equal(stream_count(&again, "event: message\n"), N_MANY);
    assert_int_equal(n_dropped(&again), 0);
    stream_close(&stream);
    stream_close(&again);
}

static long rss_kb(const struct harness *h)
{
    char path[64];
    char *status;
    const char *line;
    long kb;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)h->api.pid);
    status = proc_read_file(path);
    line = strstr(status, "VmRSS:");
    kb = line == NULL ? -1 : strtol(line + 6, NULL, 10);
    free(status);
    assert_true(kb > 0);
    return kb;
}

static void test_who_does_not_read_costs_no_memory_and_keeps_nobody_waiting(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct stream reader = stream_open(h, t->admin, "/v1/tail", NULL);
    const char *request = http_text(
        h->http, "GET /v1/tail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", t->admin);
    int slow[4];
    long before_kb = 0, after_kb;

    for (size_t i = 0; i < HK_COUNTOF(slow); i++) {
        slow[i] = http_raw_connect_small(h->api_url);
        assert_true(slow[i] >= 0 && http_raw_send(slow[i], request, strlen(request)));
    }
    for (size_t i = 1; i <= N_ROUNDS; i++) {
        given_messages(h, t, s.id, 500);
        stream_wait(&reader, "event: message\n", 500 * i, WAIT_MS);
        if (i == 2)
            before_kb = rss_kb(h);
    }
    after_kb = rss_kb(h);
    print_message("VmRSS of the API: %ld kB, %ld kB after %d messages that nobody read\n",
                  before_kb, after_kb, N_ROUNDS * 500);
    assert_true(after_kb - before_kb < MAX_GROWTH_KB);
    assert_int_equal(n_dropped(&reader), 0);
    stream_close(&reader);
    for (size_t i = 0; i < HK_COUNTOF(slow); i++)
        (void)close(slow[i]);
}

static void test_who_would_not_be_let_in_any_more_is_sent_away(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *suspended = given_tenant(h);
    struct reply made =
        api_call(h, t->admin, "POST", "/v1/keys", "{\"name\": \"k\", \"role\": \"support\"}");
    struct stream revoked, stopped, stays = stream_open(h, t->admin, "/v1/tail", NULL);
    struct reply reply;

    assert_status(made, 201);
    revoked = stream_open(h, reply_text(&made, "key"), "/v1/tail", NULL);
    stopped = stream_open(h, suspended->admin, "/v1/tail", NULL);
    reply = api_call(h, t->admin, "DELETE",
                     http_text(h->http, "/v1/keys/%s", reply_text(&made, "id")), NULL);
    assert_status(reply, 204);
    reply =
        api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", suspended->id),
                 "{\"state\": \"suspended\"}");
    assert_status(reply, 200);
    stream_wait(&revoked, "event: end\ndata: {\"reason\": \"unauthenticated\"}", 1, WAIT_MS);
    stream_wait(&stopped, "event: end\ndata: {\"reason\": \"unauthenticated\"}", 1, WAIT_MS);
    stream_wait(&stays, ": heartbeat\n", 2, WAIT_MS);
    assert_int_equal(stream_count(&stays, "event: end"), 0);
    stream_close(&revoked);
    stream_close(&stopped);
    stream_close(&stays);
}

static void test_a_process_that_stops_says_when_to_come_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct stream stream = stream_open(h, t->admin, "/v1/tail", NULL);
    int64_t begin_ms = hk_mono_ms();

    harness_restart_api(h);
    stream_wait(&stream, "retry: 2000\nevent: end\ndata: {\"reason\": \"shutdown\"}", 1, WAIT_MS);
    assert_true(hk_mono_ms() - begin_ms < 9000); /* it was not waited for */
    stream_close(&stream);
}

#define BEATING "HOOKLINE_API_TAIL_HEARTBEAT_MS=500"

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_hundred_tails_see_what_happens,
                     .env = (const char *const[]){"HOOKLINE_API_TAILS_PER_TENANT=100",
                                                  "HOOKLINE_API_THREADS=2", NULL}),
        harness_test(test_a_tail_that_has_nothing_to_say_says_so_and_where_it_is,
                     .has_no_worker = true, .env = (const char *const[]){BEATING, NULL}),
        harness_test(test_a_tenant_has_so_many_tails_and_others_have_theirs, .has_no_worker = true,
                     .env =
                         (const char *const[]){BEATING, "HOOKLINE_API_TAILS_PER_TENANT=2", NULL}),
        harness_test(test_a_partner_has_half_of_its_tenants_tails, .has_no_worker = true,
                     .env =
                         (const char *const[]){BEATING, "HOOKLINE_API_TAILS_PER_TENANT=2", NULL}),
        harness_test(test_more_than_it_may_show_is_counted, .has_no_worker = true),
        harness_test(test_who_does_not_read_costs_no_memory_and_keeps_nobody_waiting,
                     .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_TAIL_ROWS_PER_SECOND=1000",
                                                  "ASAN_OPTIONS=quarantine_size_mb=0:"
                                                  "thread_local_quarantine_size_kb=0",
                                                  NULL}),
        harness_test(test_who_would_not_be_let_in_any_more_is_sent_away, .has_no_worker = true,
                     .env = (const char *const[]){BEATING, NULL}),
        harness_test(test_a_process_that_stops_says_when_to_come_again, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("tail_limits", tests, NULL, NULL);
}
