/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log is read from the cell's read replica while that is up and close behind, and from the
 * primary otherwise: docs/operations.md. The servers here are the program's own.
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/standby.h"

enum { WAIT_MS = 20000 };

/* ---- the replica ---- */

/* How often the API's log says so, lines with `and` in them alone. */
static unsigned count_lines(struct harness *h, const char *text, const char *and)
{
    const char *line = harness_logs(h);
    unsigned n = 0;

    while (line != NULL && *line != '\0') {
        const char *end = strchrnul(line, '\n');
        const char *found = memmem(line, (size_t)(end - line), text, strlen(text));

        n += found != NULL && memmem(line, (size_t)(end - line), and, strlen(and)) != NULL;
        line = *end == '\0' ? end : end + 1;
    }
    return n;
}

struct lines {
    struct harness *h;
    const char *text, *and;
    unsigned n;
};

static bool are_there(void *arg)
{
    const struct lines *lines = arg;

    return count_lines(lines->h, lines->text, lines->and) >= lines->n;
}

static void wait_for_lines(struct harness *h, const char *text, const char *and, unsigned n)
{
    struct lines lines = {h, text, and, n};

    if (!wait_until(are_there, &lines, WAIT_MS))
        fail_test("the log does not say %u times %s ... %s", n, text, and);
}

static const char *ask_standby(const char *sql)
{
    static char text[64];
    char *value = standby_text("postgres", sql);

    (void)snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    free(value);
    return text;
}

struct seen {
    struct harness *h;
    const char *state;
};

static bool is_seen(void *arg)
{
    const struct seen *seen = arg;
    struct reply reply = api_call(seen->h, seen->h->operator_key, "GET", "/v1/cells", NULL);

    assert_status(reply, 200);
    return strcmp(reply_text(&reply, "data.0.replica.state"), seen->state) == 0;
}

/* What operators are told of it. */
static void wait_for_state(struct harness *h, const char *state)
{
    struct seen seen = {h, state};

    assert_true(wait_until(is_seen, &seen, WAIT_MS));
}

static struct harness_options options;
static const char *env[8];
static char replicas[2 * PG_URL_SIZE + 64];

/* The API again, with replicas of its cells and these settings (NULL-ended). */
static void use_replica(struct harness *h, const char *const settings[])
{
    char url[PG_URL_SIZE], url_of_b[PG_URL_SIZE];
    size_t n = 0;

    standby_resume(); /* what another test has left behind */
    standby_url(h->database, false, url);
    standby_url(h->cells[0], false, url_of_b);
    (void)snprintf(replicas, sizeof(replicas), "HOOKLINE_REPLICAS=default %s%s%s", url,
                   h->options->n_cells == 0 ? "" : "\nb ",
                   h->options->n_cells == 0 ? "" : url_of_b);
    env[n++] = replicas;
    for (size_t i = 0; settings[i] != NULL; i++)
        env[n++] = settings[i];
    env[n] = NULL;
    options = *h->options;
    options.env = env;
    h->options = &options;
    harness_restart_api(h);
    wait_for_lines(h, "replica.joined", "default", 1);
    wait_for_state(h, "serves");
}

/* ---- what is read ---- */

static const char *const generous[] = {"HOOKLINE_API_MAX_REPLICA_LAG_MS=600000", NULL};

static size_t count_messages(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply = api_call(h, t->admin, "GET", path, NULL);

    assert_status(reply, 200);
    return reply_count(&reply, "data");
}

struct arrival {
    struct harness *h;
    const struct tenant *t;
    size_t n;
};

static bool is_listed(void *arg)
{
    const struct arrival *a = arg;

    return count_messages(a->h, a->t, "/v1/messages?status=succeeded") == a->n;
}

static void publish_and_wait(struct harness *h, const struct tenant *t, size_t n)
{
    struct arrival arrival = {h, t, n};

    for (size_t i = 0; i < n; i++)
        (void)publish(h, t, "order.paid", "c1", "{\"total\": 12}");
    sinker_wait(h, "/hook", (unsigned)n, WAIT_MS);
    assert_true(wait_until(is_listed, &arrival, WAIT_MS));
}

static void check_all_is_shown_as_of_then(struct harness *h, const struct tenant *t)
{
    static const char *const lists[] = {"/v1/messages", "/v1/events", "/v1/attempts",
                                        "/v1/messages?q=status%3Asucceeded",
                                        "/v1/attempts?q=code%3A2xx"};
    static const char *const others[] = {"/v1/stats", "/v1/gaps", "/v1/gaps/hours"};
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(lists); i++) {
        if (count_messages(h, t, lists[i]) != 3)
            fail_test("%s does not show what was there", lists[i]);
    }
    for (size_t i = 0; i < HK_COUNTOF(others); i++) {
        reply = api_call(h, t->admin, "GET", others[i], NULL);
        assert_status(reply, 200);
    }
    reply = api_call(h, t->admin, "GET", "/v1/messages/count", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_int(&reply, "count"), 3);
}

static void test_the_log_is_read_from_the_replica(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct arrival fourth = {h, t, 4};
    struct reply reply;
    const char *id;
    char path[128];

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    publish_and_wait(h, t, 3);
    standby_pause();
    id = publish(h, t, "order.paid", "c1", "{\"total\": 13}");
    sinker_wait(h, "/hook", 4, WAIT_MS);
    check_all_is_shown_as_of_then(h, t);

    /* Who asks for what is new by its id is told, and what is written is written. */
    (void)snprintf(path, sizeof(path), "/v1/messages?event_id=%s", id);
    assert_int_equal(count_messages(h, t, path), 1);
    (void)snprintf(path, sizeof(path), "/v1/events/%s/explain", id);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "GET", "/v1/messages/export?format=csv", NULL);
    assert_status(reply, 200);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.audit_log"
                               " WHERE action = 'message.exported'"),
                     1);

    standby_resume();
    assert_true(wait_until(is_listed, &fourth, WAIT_MS));
    assert_int_equal(count_lines(h, "statement.failed", ""), 0);
    assert_int_equal(count_lines(h, "replica.left", ""), 0);
}

/* At an API that knows of no replica. */
static struct reply ask_primary(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply =
        http_call(h->http, "GET", h->other_api_url, path, t->admin, HK_STR_NULL, NULL);

    assert_status(reply, 200);
    return reply;
}

/* Else what the replica has not got yet would be left out, and nobody would see it. */
static void test_a_list_goes_on_where_the_primary_has_ended_its_page(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first, second;
    const char *path;

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    options.env = NULL;
    harness_start_other_api(h);
    publish_and_wait(h, t, 2);
    standby_pause();
    for (int i = 0; i < 4; i++)
        (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 6, WAIT_MS);
    assert_int_equal(count_messages(h, t, "/v1/messages"), 2);

    first = ask_primary(h, t, "/v1/messages?limit=2");
    path = http_text(h->http, "/v1/messages?limit=2&cursor=%s", reply_text(&first, "next_cursor"));
    first = ask_primary(h, t, path);
    second = api_call(h, t->admin, "GET", path, NULL);
    assert_status(second, 200);
    assert_string_equal(reply_text(&second, "data.0.id"), reply_text(&first, "data.0.id"));
    assert_string_equal(reply_text(&second, "data.1.id"), reply_text(&first, "data.1.id"));
}

struct lookout {
    struct harness *h;
    int64_t since_ms;
};

static bool shows_later_than(void *arg)
{
    const struct lookout *lookout = arg;
    struct reply reply = api_call(lookout->h, lookout->h->operator_key, "GET", "/v1/cells", NULL);

    assert_string_equal(reply_text(&reply, "data.1.name"), "b");
    return reply_int(&reply, "data.1.replica.behind_ms") < hk_mono_ms() - lookout->since_ms;
}

/* But not before the replica shows what was there when the cell of the tenant was learned. */
static void test_each_cell_has_a_replica_of_its_own(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant_in(h, "b");
    struct lookout lookout = {.h = h};

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    wait_for_lines(h, "replica.joined", "\"b\"", 1);
    publish_and_wait(h, t, 2);
    lookout.since_ms = hk_mono_ms();
    assert_true(wait_until(shows_later_than, &lookout, WAIT_MS));
    standby_pause();
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 3, WAIT_MS);
    assert_int_equal(count_messages(h, t, "/v1/messages"), 2);
    standby_stop(SIGQUIT);
    wait_for_lines(h, "replica.left", "\"b\"", 1);
    assert_int_equal(count_messages(h, t, "/v1/messages"), 3);
    standby_start();
}

static void test_a_replica_that_is_too_far_behind_is_not_asked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct arrival third = {h, t, 3};

    (void)given_story(h, t, "/hook");
    use_replica(h, (const char *const[]){"HOOKLINE_API_MAX_REPLICA_LAG_MS=1500", NULL});
    publish_and_wait(h, t, 2);
    standby_pause();
    (void)publish(h, t, "order.paid", "c1", "{}");
    wait_for_lines(h, "replica.left", "\"behind\"", 1);
    wait_for_state(h, "behind");
    assert_true(wait_until(is_listed, &third, WAIT_MS));
    standby_resume();
    wait_for_lines(h, "replica.joined", "default", 2);
    assert_true(is_listed(&third));
}

static void test_without_the_replica_the_primary_is_asked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct arrival third = {h, t, 3};

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    publish_and_wait(h, t, 2);
    standby_stop(SIGINT);
    assert_int_equal(count_messages(h, t, "/v1/messages"), 2);
    wait_for_lines(h, "replica.left", "\"down\"", 1);
    wait_for_state(h, "down");
    (void)publish(h, t, "order.paid", "c1", "{}");
    assert_true(wait_until(is_listed, &third, WAIT_MS));
    api_wait_for(h, NULL, "/readyz", "status", "ready", WAIT_MS);

    standby_start();
    wait_for_lines(h, "replica.joined", "default", 2);
    assert_int_equal(count_messages(h, t, "/v1/messages"), 3);
}

/* ---- recovery in the way ---- */

static PGconn *lock(struct harness *h, const char *table)
{
    char url[PG_URL_SIZE], sql[128];
    PGconn *session;
    PGresult *result;

    pg_url(h->database, true, url);
    session = PQconnectdb(url);
    (void)snprintf(sql, sizeof(sql), "BEGIN; LOCK TABLE hookline.%s IN ACCESS EXCLUSIVE MODE",
                   table);
    result = PQexec(session, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_test("%s", PQerrorMessage(session));
    PQclear(result);
    /* What has locked it has told the standby when this has been written. */
    PQclear(PQexec(session, "SELECT pg_switch_wal()"));
    return session;
}

static bool api_waits_there(void *arg)
{
    (void)arg;
    return strcmp(ask_standby("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                              " WHERE NOT l.granted AND a.usename = 'hookline_api'"),
                  "0") != 0;
}

static bool is_locked_there(void *arg)
{
    (void)arg;
    return strcmp(ask_standby("SELECT count(*) FROM pg_locks l WHERE l.granted"
                              " AND l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'"),
                  "0") != 0;
}

static void test_a_query_that_recovery_has_cancelled_is_the_primarys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *attempts, *messages;
    struct reply reply;
    int fd;

    (void)given_story(h, t, "/hook");
    use_replica(h, (const char *const[]){generous[0], "HOOKLINE_API_SEARCH_TIMEOUT_MS=60000",
                                         "HOOKLINE_API_QUERY_TIMEOUT_MS=60000", NULL});
    publish_and_wait(h, t, 1);
    attempts = lock(h, "attempt");
    assert_true(wait_until(is_locked_there, NULL, WAIT_MS));
    fd = raw_start(h, t->admin, "GET", "/v1/messages?q=code:2xx", NULL);
    assert_true(wait_until(api_waits_there, NULL, WAIT_MS));
    messages = lock(h, "message"); /* which it has begun to read there */
    wait_for_lines(h, "statement.failed", "\"40001\"", 1);

    PQfinish(attempts);
    PQfinish(messages);
    reply = raw_finish(h, fd);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_int_equal(count_lines(h, "replica.left", ""), 0);
}

static void test_a_search_is_bounded_there_as_it_is_at_the_primary(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;
    PGconn *attempts;

    (void)given_story(h, t, "/hook");
    use_replica(h, (const char *const[]){generous[0], "HOOKLINE_API_SEARCH_TIMEOUT_MS=500", NULL});
    publish_and_wait(h, t, 1);
    attempts = lock(h, "attempt");
    assert_true(wait_until(is_locked_there, NULL, WAIT_MS));
    reply = api_call(h, t->admin, "GET", "/v1/attempts?q=code:2xx", NULL);
    assert_problem(h, reply, 503, "search_too_slow", NULL);
    assert_int_equal(count_lines(h, "statement.failed", "hookline-api-replica"), 1);
    assert_int_equal(count_lines(h, "statement.failed", ""), 1);
    PQfinish(attempts);
}

/* docs/operations.md: "an event's messages by `event_id` are never old". */
static void test_what_a_query_asks_for_by_the_id_of_a_new_event_is_found(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *id;

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    publish_and_wait(h, t, 1);
    standby_pause();
    id = publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, WAIT_MS);
    assert_int_equal(count_messages(h, t, http_text(h->http, "/v1/messages?event_id=%s", id)), 1);
    assert_int_equal(count_messages(h, t, http_text(h->http, "/v1/messages?q=event:%s", id)), 1);
    assert_int_equal(count_messages(h, t, http_text(h->http, "/v1/messages?q=%s", id)), 1);
}

static bool is_past(void *arg)
{
    return hk_mono_ms() > *(const int64_t *)arg;
}

static void test_what_is_sent_again_of_an_old_event_is_among_its_messages(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct arrival one = {h, t, 1};
    struct reply reply;
    const char *id, *path;
    int64_t later_ms;

    (void)given_story(h, t, "/hook");
    use_replica(h, generous);
    id = publish(h, t, "order.paid", "c1", "{}");
    assert_true(wait_until(is_listed, &one, WAIT_MS));
    later_ms = hk_mono_ms() + 5000;
    assert_true(wait_until(is_past, &later_ms, WAIT_MS));
    standby_pause();
    path = http_text(h->http, "/v1/messages?event_id=%s", id);
    reply = api_call(h, t->admin, "GET", path, NULL);
    assert_status(reply, 200);
    reply = api_call(h, t->admin, "POST",
                     http_text(h->http, "/v1/messages/%s/resend", reply_text(&reply, "data.0.id")),
                     NULL);
    if (reply.status / 100 != 2)
        fail_test("%d %s", reply.status, reply.body);
    sinker_wait(h, "/hook", 2, WAIT_MS);
    assert_int_equal(count_messages(h, t, path), 2);
}

/* A database of a server that is no copy of this program's; NULL: there is no such server. */
static const char *stranger_url;

static void test_another_systems_server_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    if (stranger_url == NULL)
        skip();
    (void)given_story(h, t, "/hook");
    (void)snprintf(replicas, sizeof(replicas), "HOOKLINE_REPLICAS=default %s", stranger_url);
    env[0] = replicas;
    env[1] = NULL;
    options = *h->options;
    options.env = env;
    h->options = &options;
    harness_restart_api(h);
    wait_for_lines(h, "no replica of the cell's primary", "hookline-api-replica", 1);
    wait_for_state(h, "down");
    publish_and_wait(h, t, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_a_query_asks_for_by_the_id_of_a_new_event_is_found),
        harness_test(test_what_is_sent_again_of_an_old_event_is_among_its_messages),
        harness_test(test_the_log_is_read_from_the_replica),
        harness_test(test_a_list_goes_on_where_the_primary_has_ended_its_page),
        harness_test(test_each_cell_has_a_replica_of_its_own, .n_cells = 1),
        harness_test(test_a_replica_that_is_too_far_behind_is_not_asked),
        harness_test(test_without_the_replica_the_primary_is_asked),
        harness_test(test_a_query_that_recovery_has_cancelled_is_the_primarys),
        harness_test(test_a_search_is_bounded_there_as_it_is_at_the_primary),
        harness_test(test_another_systems_server_is_refused),
    };

    stranger_url = standby_make_stranger();
    standby_make();
    return cmocka_run_group_tests_name("read_replica", tests, NULL, NULL);
}
