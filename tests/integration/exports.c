/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports of messages and attempts: all that a query finds, in pages, as the client takes them; and
 * no more of them in memory than a page, however many there are.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hk/clock.h"
#include "tests/support/check.h"

enum {
    N_MANY = 200000,
    N_SOME = 1234,
    MAX_GROWTH_KB = 8192,
    READ_BYTES = 1 << 20,
    ALL_BYTES = 64 << 20
};

static size_t count_in(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    return n;
}

/* Messages of the subscription that no request has made, each with an attempt: what counts is how
 * many they are. */
static void given_messages(struct harness *h, const struct tenant *t, const char *subscription_id,
                           int n)
{
    (void)db_text(
        h,
        "WITH e AS (INSERT INTO hookline.event (tenant_id, id, event_type, company_id, payload)"
        "  SELECT '%s', hookline.uuid_v7(), 'bulk', c.id, '{}'"
        "    FROM hookline.company c, generate_series(1, %d)"
        "   WHERE c.tenant_id = '%s' AND c.external_id = 'c1' RETURNING *),"
        " m AS (INSERT INTO hookline.message (tenant_id, id, event_id, subscription_id,"
        "  connection_id, status, status_reason, attempts, finished_at)"
        "  SELECT e.tenant_id, hookline.message_id(e.id, s.id), e.id, s.id, x.id, 'failed', "
        "'exhausted', 1,"
        "         now()"
        "    FROM e, hookline.subscription s JOIN hookline.connection x"
        "      ON x.tenant_id = s.tenant_id AND x.app_id = s.app_id"
        "   WHERE s.id = '%s' RETURNING *)"
        " INSERT INTO hookline.attempt (tenant_id, message_id, attempt_no, started_at, url,"
        "  outcome, status_code, duration_us, worker)"
        " SELECT m.tenant_id, m.id, 1, now(), 'https://example.com/', 'http_status', 500, 1000, 'w'"
        "   FROM m",
        t->id, n, t->id, subscription_id);
}

static const char *audited(struct harness *h, const struct tenant *t, const char *action)
{
    return db_text(h,
                   "SELECT detail #>> '{}' FROM hookline.audit_log"
                   " WHERE tenant_id = '%s' AND action = '%s' AND actor LIKE 'key:%%'"
                   " ORDER BY id DESC LIMIT 1",
                   t->id, action);
}

static void test_an_export_has_every_message_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    given_messages(h, t, s.id, N_SOME);
    reply = api_call(h, t->support, "GET", "/v1/messages/export?q=status:failed", NULL);
    assert_status(reply, 200);
    assert_memory_equal(reply_header(h->http, &reply, "content-type"), "application/x-ndjson", 20);
    assert_memory_equal(reply_header(h->http, &reply, "content-disposition"),
                        "attachment; filename=\"messages.ndjson\"", 37);
    assert_memory_equal(reply_header(h->http, &reply, "cache-control"), "no-store", 8);
    assert_int_equal(count_in(reply.body, "\n"), N_SOME);
    assert_int_equal(count_in(reply.body, "\"status\" : \"failed\""), N_SOME);
    for (int i = 0; i < N_SOME; i += N_SOME / 8) /* the newest first, and from each page some */
        assert_int_equal(
            count_in(reply.body, db_text(h,
                                         "SELECT '{\"id\" : \"' || m.id FROM hookline.message m"
                                         " ORDER BY m.id DESC OFFSET %d LIMIT 1",
                                         i)),
            1);
    assert_non_null(strstr(reply.body, db_text(h, "SELECT m.id FROM hookline.message m"
                                                  " ORDER BY m.id LIMIT 1")));
    reply = api_call(h, t->support, "GET", "/v1/messages/export?q=status:held", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply.body_n, 0);
}

static void test_csv_has_a_header_and_no_formula(void **state)
{
    static const char header[] = "\"id\",\"created_at\",\"status\",";
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    given_messages(h, t, s.id, N_SOME);
    reply = api_call(h, t->admin, "GET", "/v1/messages/export?format=csv&q=company:c1", NULL);
    assert_status(reply, 200);
    assert_memory_equal(reply_header(h->http, &reply, "content-type"), "text/csv", 8);
    assert_memory_equal(reply.body, header, sizeof(header) - 1);
    assert_int_equal(count_in(reply.body, "\r\n"), N_SOME + 1);
    assert_int_equal(count_in(reply.body, ",\"bulk\",\"c1\","), N_SOME);
    reply = api_call(h, t->admin, "GET", "/v1/attempts/export?format=csv", NULL);
    assert_status(reply, 200);
    assert_int_equal(count_in(reply.body, "\r\n"), N_SOME + 1);
    assert_int_equal(count_in(reply.body, ",\"http_status\",\"500\",\"1000\","), N_SOME);
}

static void test_attempts_say_what_their_message_is(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *event_id = publish(h, t, "order.paid", "c1", "{}");
    struct reply reply;

    sinker_wait(h, "/hook", 1, 10000);
    api_wait_for(h, t->admin, http_text(h->http, "/v1/messages?event_id=%s", event_id),
                 "data.0.status", "succeeded", 10000);
    reply = api_call(h, t->partner, "GET",
                     http_text(h->http, "/v1/attempts/export?q=subscription:%s", s.id), NULL);
    assert_status(reply, 200);
    assert_int_equal(count_in(reply.body, "\n"), 1);
    assert_non_null(strstr(reply.body, event_id));
    assert_non_null(strstr(reply.body, "\"event_type\" : \"order.paid\", \"company\" : \"c1\""));
    assert_non_null(strstr(reply.body, "\"outcome\" : \"succeeded\""));
}

static void test_an_export_is_audited_with_its_query(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    given_messages(h, t, s.id, N_SOME);
    reply = api_call(h, t->admin, "GET", "/v1/messages/export?format=csv&q=company:c1", NULL);
    assert_status(reply, 200);
    assert_non_null(strstr(audited(h, t, "message.exported"), "\"csv\""));
    assert_non_null(strstr(audited(h, t, "message.exported"), "\"c1\""));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action = 'message.exported'"), 1);
    reply = api_call(h, t->admin, "GET", "/v1/attempts/export", NULL);
    assert_status(reply, 200);
    assert_non_null(strstr(audited(h, t, "attempt.exported"), "\"ndjson\""));
}

static void test_nobody_exports_what_is_not_its_own(void **state)
{
    static const char *const paths[] = {"/v1/messages/export", "/v1/attempts/export"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *neighbour = given_key(h, t, "partner", "other");

    given_messages(h, t, s.id, N_SOME);
    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply reply = api_call(h, other->admin, "GET", paths[i], NULL);

        assert_status(reply, 200);
        assert_int_equal(reply.body_n, 0);
        reply = api_call(h, neighbour, "GET", paths[i], NULL);
        assert_status(reply, 200);
        assert_int_equal(reply.body_n, 0);
        reply = api_call(h, t->partner, "GET", paths[i], NULL);
        assert_status(reply, 200);
        assert_int_equal(count_in(reply.body, "\n"), N_SOME);
        reply = api_call(h, t->producer, "GET", paths[i], NULL);
        assert_problem(h, reply, 403, "forbidden", NULL);
        reply = api_call(h, t->admin, "GET", http_text(h->http, "%s?format=xml", paths[i]), NULL);
        assert_problem(h, reply, 422, "invalid_parameter", NULL);
        reply = api_call(h, t->admin, "GET", http_text(h->http, "%s?limit=5", paths[i]), NULL);
        assert_problem(h, reply, 422, "invalid_parameter", NULL);
    }
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

/* Reads all of it, in pieces; returns how many lines came, and the most memory that it took. */
static size_t read_lines(struct harness *h, int fd, long *ret_max_kb)
{
    char *some = malloc(READ_BYTES);
    size_t n = 0, n_lines = 0;
    bool is_closed = false;

    assert_non_null(some);
    *ret_max_kb = 0;
    while (!is_closed && (n = http_raw_read(fd, some, READ_BYTES, 20000, &is_closed)) > 0) {
        long kb = rss_kb(h);

        *ret_max_kb = kb > *ret_max_kb ? kb : *ret_max_kb;
        for (size_t i = 0; i < n; i++)
            n_lines += some[i] == '\n' && i > 0 && some[i - 1] == '}';
        if (n >= 5 && memcmp(some + n - 5, "0\r\n\r\n", 5) == 0)
            break;
    }
    (void)close(fd);
    free(some);
    return n_lines;
}

static void test_many_messages_take_no_more_memory_than_few(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    long before_kb, max_kb;
    size_t n_lines;

    given_messages(h, t, s.id, N_SOME);
    (void)read_lines(h, raw_start(h, t->admin, "GET", "/v1/messages/export", NULL), &before_kb);
    given_messages(h, t, s.id, N_MANY - N_SOME);
    n_lines = read_lines(h, raw_start(h, t->admin, "GET", "/v1/messages/export", NULL), &max_kb);
    print_message("VmRSS of the API: %ld kB after %d messages, at most %ld kB in %zu\n", before_kb,
                  N_SOME, max_kb, n_lines);
    /* A chunk may end between "}" and "\n": the reader sees them in two pieces then. */
    assert_true(n_lines > N_MANY - 1000 && n_lines <= N_MANY);
    if (max_kb - before_kb > MAX_GROWTH_KB)
        fail_test("the API has grown by %ld kB", max_kb - before_kb);
}

/* More than fits in a page: 200 messages of 25 attempts, each with 16 KiB of an answer. */
static void test_long_answers_make_shorter_pages(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    long max_kb;

    given_messages(h, t, s.id, 200);
    (void)db_text(
        h, "INSERT INTO hookline.attempt (tenant_id, message_id, attempt_no, started_at, url,"
           "  outcome, status_code, duration_us, response_body, worker)"
           " SELECT a.tenant_id, a.message_id, n, now(), a.url, a.outcome, 500, 1000,"
           "        convert_to(repeat('x', 16384), 'UTF8'), 'w'"
           "   FROM hookline.attempt a, generate_series(2, 26) n");
    assert_in_range(
        read_lines(h, raw_start(h, t->admin, "GET", "/v1/attempts/export", NULL), &max_kb),
        26 * 200 - 200, 26 * 200); /* a chunk may end between "}" and "\n" */
}

/* The client has read what there was: nobody may take it for a slow one meanwhile. */
static void test_what_is_far_apart_is_looked_for_as_long_as_it_takes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    given_messages(h, t, s.id, N_MANY / 2);
    (void)db_text(h, "UPDATE hookline.attempt SET status_code = 503 WHERE message_id IN"
                     " ((SELECT min(id::text)::uuid FROM hookline.message),"
                     "  (SELECT max(id::text)::uuid FROM hookline.message))");
    reply = api_want(h, 200, t->admin, "GET", "/v1/messages/export?q=code:503", NULL);
    assert_int_equal(count_in(reply.body, "\n"), 2);
}

/* Whoever reads nothing is sent a page, and the database is asked for the next one and no more. */
static void test_nothing_is_read_ahead_of_a_client_that_does_not_read(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    int fd = http_raw_connect_small(h->api_url);
    long before_kb, after_kb;
    char some[256];

    given_messages(h, t, s.id, 20 * N_SOME);
    before_kb = rss_kb(h);
    assert_true(fd >= 0);
    (void)snprintf(
        some, sizeof(some),
        "GET /v1/messages/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
        t->admin);
    assert_true(http_raw_send(fd, some, strlen(some)));
    assert_true(http_raw_read(fd, some, sizeof(some), 5000, NULL) > 0);
    for (int i = 0; i < 20; i++) /* others are served meanwhile */
        assert_int_equal(api_call(h, t->admin, "GET", "/v1/messages?limit=1", NULL).status, 200);
    after_kb = rss_kb(h);
    if (after_kb - before_kb > MAX_GROWTH_KB)
        fail_test("the API has grown by %ld kB", after_kb - before_kb);
    (void)close(fd);
}

static int start_unread(struct harness *h, const char *key)
{
    int fd = http_raw_connect_small(h->api_url);
    char some[256];

    (void)snprintf(
        some, sizeof(some),
        "GET /v1/messages/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", key);
    assert_true(fd >= 0 && http_raw_send(fd, some, strlen(some)));
    assert_true(http_raw_read(fd, some, 64, 5000, NULL) > 0);
    return fd;
}

static void test_a_tenant_has_four_exports_under_way_a_partner_two_and_others_theirs(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;
    int fds[4];

    given_messages(h, t, s.id, 5 * N_SOME);
    fds[0] = start_unread(h, t->partner);
    fds[1] = start_unread(h, t->partner);
    reply = api_call(h, t->partner, "GET", "/v1/messages/export", NULL);
    assert_problem(h, reply, 429, "too_many_exports", NULL);
    fds[2] = start_unread(h, t->admin);
    fds[3] = start_unread(h, t->admin);
    reply = api_call(h, t->support, "GET", "/v1/attempts/export", NULL);
    assert_problem(h, reply, 429, "too_many_exports", NULL);
    assert_non_null(reply_header(h->http, &reply, "retry-after"));
    reply = api_call(h, other->admin, "GET", "/v1/attempts/export", NULL);
    assert_status(reply, 200);
    for (size_t i = 0; i < HK_COUNTOF(fds); i++)
        (void)close(fds[i]);
}

/* It ends within a minute, the last line says so, and the body has no end. */
static void test_an_export_ends_when_its_key_is_revoked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply made =
        api_call(h, t->admin, "POST", "/v1/keys", "{\"name\": \"k\", \"role\": \"support\"}");
    char *text = malloc(ALL_BYTES);
    bool is_closed = false;
    struct reply reply;
    size_t n = 0, some = 1;
    int64_t slow_until_ms;
    int fd;

    assert_non_null(text);
    assert_status(made, 201);
    given_messages(h, t, s.id, 40 * N_SOME);
    fd = start_unread(h, reply_text(&made, "key"));
    reply = api_call(h, t->admin, "DELETE",
                     http_text(h->http, "/v1/keys/%s", reply_text(&made, "id")), NULL);
    assert_status(reply, 204);
    /* A little at a time until its caller is believed no longer, then the rest. */
    slow_until_ms = hk_mono_ms() + 17000;
    while (some > 0 && !is_closed && n < ALL_BYTES - READ_BYTES) {
        bool is_slow = hk_mono_ms() < slow_until_ms;

        some = http_raw_read(fd, text + n, is_slow ? 1024 : READ_BYTES, is_slow ? 1000 : 30000,
                             &is_closed);
        n += some;
        if (is_slow)
            (void)api_call(h, t->admin, "GET", "/v1/messages?limit=1", NULL);
    }
    assert_true(is_closed);
    assert_non_null(strstr(text + (n > 4096 ? n - 4096 : 0), "{\"incomplete\":true}"));
    assert_null(strstr(text + (n > 4096 ? n - 4096 : 0), "\r\n0\r\n\r\n"));
    (void)close(fd);
    free(text);
}

/* What is freed must not stay in a sanitizer's quarantine, which is no memory of the API's. */
static const char *const measured[] = {
    "ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0", NULL};
static const char *const hurried[] = {"HOOKLINE_API_REPLY_TIMEOUT_MS=100", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_an_export_has_every_message_once, .has_no_worker = true),
        harness_test(test_csv_has_a_header_and_no_formula, .has_no_worker = true),
        harness_test(test_attempts_say_what_their_message_is),
        harness_test(test_an_export_is_audited_with_its_query, .has_no_worker = true),
        harness_test(test_nobody_exports_what_is_not_its_own, .has_no_worker = true),
        harness_test(test_long_answers_make_shorter_pages, .has_no_worker = true),
        harness_test(test_what_is_far_apart_is_looked_for_as_long_as_it_takes,
                     .has_no_worker = true, .env = hurried),
        harness_test(test_a_tenant_has_four_exports_under_way_a_partner_two_and_others_theirs,
                     .has_no_worker = true),
        harness_test(test_an_export_ends_when_its_key_is_revoked, .has_no_worker = true),
        harness_test(test_many_messages_take_no_more_memory_than_few, .has_no_worker = true,
                     .env = measured),
        harness_test(test_nothing_is_read_ahead_of_a_client_that_does_not_read,
                     .has_no_worker = true, .env = measured),
    };

    return cmocka_run_group_tests_name("exports", tests, NULL, NULL);
}
