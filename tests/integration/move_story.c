/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tenant has besides events goes along when it moves between two servers: its flows with all
 * that waits in them, what it has done under an Idempotency-Key, its limits and statistics, its
 * secrets, and that it is suspended. Whoever reads its log meanwhile is told when it is not all.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/tail_stream.h"
#include "tests/support/inlet.h"
#include "tests/support/load.h"
#include "tests/support/message.h"
#include "tests/support/mover.h"

enum { WAIT_MS = 60000, SOON_S = 20, N_EXPORTED = 12000, ALL_BYTES = 64 << 20 };

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* ---- flows ----------------------------------------------------------------------------------- */

#define WAITS                                                                                      \
    ", \"steps\": [{\"name\": \"answer\", \"kind\": \"wait\", \"key\": \"order-{{ $.id }}\","      \
    " \"timeout_seconds\": 600}]"
#define CALLS                                                                                      \
    ", \"steps\": [{\"name\": \"call\", \"kind\": \"http\","                                       \
    " \"url\": \"%s\"}]"

static const char *given_run(struct harness *h, const struct tenant *t, const struct inlet *inlet,
                             unsigned id)
{
    return inlet_run(h, t, inlet, "application/json", at(h, "{\"id\": %u}", id));
}

/* What one of the flow's runs waits for. */
static struct reply signal_run(struct harness *h, const struct inlet *inlet, unsigned id)
{
    return api_send(h, NULL, "POST", at(h, "%s/wait/order-%u", inlet->path, id),
                    HK_STR("{\"ok\": true}"), NULL);
}

static void wait_for_run(struct harness *h, const struct tenant *t, const char *run_id,
                         const char *status)
{
    api_wait_for(h, t->admin, at(h, "/v1/runs/%s", run_id), "status", status, WAIT_MS);
}

struct run {
    struct harness *h;
    const struct tenant *t;
    const char *id;
};

static bool is_waiting(void *arg)
{
    const struct run *run = arg;
    struct reply reply =
        api_want(run->h, 200, run->t->admin, "GET", at(run->h, "/v1/runs/%s", run->id), NULL);

    return !reply_is_null(&reply, "waits_until");
}

static void wait_for_wait(struct harness *h, const struct tenant *t, const char *run_id)
{
    assert_true(wait_until(is_waiting, &(struct run){h, t, run_id}, WAIT_MS));
}

static void test_runs_that_wait_are_answered_where_the_tenant_is_by_then(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *waits, *calls, *later;
    struct inlet inlet = given_inlet(h, t, app_id, "{\"kind\": \"none\"}", NULL, WAITS);
    struct inlet caller = given_inlet(h, t, app_id, "{\"kind\": \"none\"}", NULL,
                                      at(h, CALLS, sinker_url(h, "/step")));
    struct mover_lock *lock;
    struct reply reply;

    sinker_rule(h, "/step", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 200}}");
    waits = given_run(h, t, &inlet, 1);
    calls = given_run(h, t, &caller, 1);
    wait_for_wait(h, t, waits);
    sinker_wait(h, "/step", 1, WAIT_MS);
    assert_gives(202, signal_run(h, &inlet, 2)); /* before there is a run that waits for it */

    lock = mover_lock(m, B, "LOCK TABLE company IN SHARE MODE");
    mover_start(m, t, "b", NULL);
    mover_wait_blocked(m, B); /* it is held */
    reply = inlet_post(h, &inlet, HK_STR("{\"id\": 9}"), NULL);
    assert_problem(h, reply, 503, "tenant_moving", NULL);
    assert_string_equal(reply_header(h->http, &reply, "Retry-After"), "1");
    reply = signal_run(h, &inlet, 1);
    assert_problem(h, reply, 503, "tenant_moving", NULL);
    mover_unlock(lock);
    assert_int_equal(mover_wait(m), 0);

    assert_gives(202, signal_run(h, &inlet, 1));
    wait_for_run(h, t, waits, "succeeded");
    wait_for_run(h, t, calls, "succeeded");
    assert_int_equal(sinker_count(h, "/step"), 2);
    later = given_run(h, t, &inlet, 2);
    wait_for_run(h, t, later, "succeeded");
    harness_restart_api(h); /* one that has never known it elsewhere */
    later = given_run(h, t, &inlet, 3);
    wait_for_wait(h, t, later);
    assert_int_equal(mover_int(m, B, "SELECT count(*) FROM event"), 6);
    assert_int_equal(mover_n_rows(m, HOME, t), 0);
    mover_end(m);
}

/* ---- what has been done is done ---------------------------------------------------------------
 */

#define EVENT                                                                                      \
    "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"external_id\": \"e1\","               \
    " \"payload\": {}}"
#define KEYED "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {\"k\": 1}}"

static void test_what_is_repeated_after_a_move_has_the_answer_of_before(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: k1", NULL};
    static const struct hk_str app = {"{\"name\": \"a\", \"partner\": \"acme\"}", 32};
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct reply event, keyed, made, again;

    (void)given_story(h, t, "/hook");
    event = api_send(h, t->producer, "POST", "/v1/events", HK_STR(EVENT), NULL);
    keyed = api_send(h, t->producer, "POST", "/v1/events", HK_STR(KEYED), headers);
    made = api_send(h, t->admin, "POST", "/v1/apps", app, headers);
    assert_status(event, 202);
    assert_status(keyed, 202);
    assert_status(made, 201);
    for (int i = 0; i < 2; i++) {
        mover_run(m, t, i == 0 ? "b" : "default", NULL, 0);
        harness_restart_api(h);
        again = api_send(h, t->producer, "POST", "/v1/events", HK_STR(EVENT), NULL);
        assert_int_equal(again.status / 100, 2);
        assert_string_equal(reply_text(&again, "id"), reply_text(&event, "id"));
        again = api_send(h, t->producer, "POST", "/v1/events", HK_STR(KEYED), headers);
        assert_string_equal(again.body, keyed.body);
        again = api_send(h, t->admin, "POST", "/v1/apps", app, headers);
        assert_string_equal(again.body, made.body);
        assert_string_equal(reply_header(h->http, &again, "Idempotency-Replayed"), "true");
    }
    assert_int_equal(mover_int(m, HOME, "SELECT count(*) FROM event"), 2);
    sinker_wait(h, "/hook", 2, WAIT_MS);
    assert_int_equal(sinker_count(h, "/hook"), 2);
    mover_end(m);
}

static bool is_held(void *arg)
{
    return mover_int(arg, B,
                     "SELECT count(*) FROM message x WHERE x.status = 'held'"
                     " AND x.status_reason = 'tenant_suspended'") == 1;
}

static void test_a_suspended_tenant_moves_and_goes_on_when_it_is_active_again(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *path = at(h, "/v1/tenants/%s", t->id);
    struct reply reply;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 200}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, WAIT_MS);
    (void)api_want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"suspended\"}");
    mover_run(m, t, "b", NULL, 0);
    reply = api_want(h, 200, h->operator_key, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "suspended");
    assert_string_equal(reply_text(&reply, "cell"), "b");
    assert_true(wait_until(is_held, m, WAIT_MS)); /* by either cell's worker */
    harness_restart_api(h);
    reply = api_call(h, t->admin, "GET", "/v1/apps", NULL);
    assert_int_equal(reply.status / 100, 4);
    (void)api_want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"active\"}");
    sinker_wait(h, "/hook", 2, WAIT_MS);
    mover_end(m);
}

/* ---- statistics and limits ------------------------------------------------------------------- */

static const char *figures(struct harness *h, const struct tenant *t)
{
    struct reply reply = api_want(h, 200, t->admin, "GET", "/v1/stats?interval=day", NULL);
    const char *groups = strstr(reply.body, "\"groups\"");

    assert_non_null(groups);
    return groups;
}

static void test_statistics_are_the_same_and_go_on_being_counted(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *before;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 200}}");
    publish_many(h, t, 20);
    api_wait_for(h, t->admin, "/v1/stats?interval=day", "data.0.succeeded", "20", WAIT_MS);
    api_wait_for(h, t->admin, "/v1/stats?interval=day", "data.0.attempts", "21", WAIT_MS);
    before = figures(h, t);
    mover_run(m, t, "b", NULL, 0);
    assert_string_equal(figures(h, t), before);
    publish_many(h, t, 5);
    api_wait_for(h, t->admin, "/v1/stats?interval=day", "data.0.succeeded", "25", WAIT_MS);
    before = figures(h, t);
    mover_run(m, t, "default", NULL, 0);
    assert_string_equal(figures(h, t), before);
    publish_many(h, t, 1);
    api_wait_for(h, t->admin, "/v1/stats?interval=day", "data.0.succeeded", "26", WAIT_MS);
    api_wait_for(h, t->admin, "/v1/stats?interval=day", "data.0.attempts", "27", WAIT_MS);
    mover_end(m);
}

/* A thread of the API takes what it lets through in leases, which meet the fence, too. */
static void test_limits_hold_before_and_behind_a_move_and_are_no_fault_meanwhile(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    const char *path = at(h, "/v1/tenants/%s", t->id);
    struct load *load;
    struct reply reply;
    unsigned n_refused = 0;

    (void)given_story(h, t, "/hook");
    (void)api_want(h, 200, h->operator_key, "PATCH", path,
                   "{\"requests_per_second\": 10000, \"requests_burst\": 10000}");
    load = load_start(h, t);
    load_wait(load, 20, WAIT_MS);
    mover_run(m, t, "b", NULL, 0);
    load_wait(load, load_counts(load).n_accepted + 20, WAIT_MS);
    assert_int_equal(load_stop(load).n_wrong, 0);
    assert_null(strstr(harness_logs(h), "statement.failed"));

    (void)api_want(h, 200, h->operator_key, "PATCH", path,
                   "{\"requests_per_second\": 1, \"requests_burst\": 1}");
    harness_restart_api(h);
    for (unsigned i = 0; i < 30; i++) {
        reply = api_call(h, t->support, "GET", "/v1/apps", NULL);
        n_refused += reply.status == 429;
    }
    assert_true(n_refused > 0);
    mover_end(m);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static void test_sealed_secrets_open_in_the_new_cell(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply request, stats;

    (void)api_want(h, 200, t->admin, "PATCH", at(h, "/v1/subscriptions/%s", s.id),
                   "{\"headers\": {\"X-Api-Key\": \"sealed value\"}}");
    mover_run(m, t, "b", NULL, 0);
    assert_int_equal(mover_int(m, B,
                               "SELECT count(*) FROM subscription_secret x"
                               " WHERE x.secret LIKE 'v1.%%'"),
                     1);
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, WAIT_MS);
    request = sinker_request(h, "/hook", 0);
    assert_string_equal(reply_text(&request, "headers.x-api-key"), "sealed value");
    stats = sinker_stats(h, "/hook");
    assert_int_equal(reply_int(&stats, "signature_invalid"), 0);
    mover_end(m);
}

/* ---- who reads meanwhile --------------------------------------------------------------------- */

/* What comes until then is nothing of the log. */
static void wait_for_end(struct stream *stream)
{
    char text[1024];

    for (int i = 0; i < SOON_S && !stream->is_closed; i++) {
        (void)http_raw_read(stream->fd, text, sizeof(text), 1000, &stream->is_closed);
        assert_null(strstr(text, "event: message"));
        assert_null(strstr(text, "event: attempt"));
    }
    assert_true(stream->is_closed);
}

static void test_a_tail_that_is_open_goes_on_in_the_new_cell(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    struct stream before, after;
    const char *last_id;

    (void)given_story(h, t, "/hook");
    before = stream_open(h, t->support, "/v1/tail", NULL);
    publish_many(h, t, 3);
    stream_wait(&before, "event: attempt\n", 3, WAIT_MS);
    mover_run(m, t, "b", NULL, 0);
    publish_many(h, t, 2);
    wait_for_end(&before);
    last_id = stream_last_id(h, &before);
    after = stream_open(h, t->support, "/v1/tail", last_id);
    stream_wait(&after, "event: attempt\n", 2, WAIT_MS);
    assert_int_equal(stream_count(&before, "event: message\n"), 3);
    assert_int_equal(stream_count(&after, "event: message\n"), 2);
    stream_close(&before);
    stream_close(&after);
    mover_end(m);
}

/* Events that wait for nobody, more than a client takes that does not read. */
static void given_long_log(struct mover *m, const struct tenant *t)
{
    (void)mover_int(m, HOME,
                    "INSERT INTO event (tenant_id, id, event_type, payload)"
                    " SELECT '%s', uuid_v7(), 'bulk', '{}' FROM generate_series(1, %d);"
                    "INSERT INTO message (tenant_id, id, event_id, subscription_id, status,"
                    "                     finished_at)"
                    " SELECT e.tenant_id, message_id(e.id, s.id), e.id, s.id, 'succeeded', now()"
                    "   FROM event e, subscription s WHERE e.event_type = 'bulk'; SELECT 1",
                    t->id, N_EXPORTED);
}

/* Its client reads the first bytes, and the others when the tenant has gone. */
static void test_an_export_that_a_move_cuts_says_that_it_is_incomplete(void **state)
{
    struct harness *h = *state;
    struct mover *m = mover_begin(h);
    struct tenant *t = given_tenant(h);
    char *text = malloc(ALL_BYTES);
    bool is_closed = false;
    struct reply again;
    size_t n = 0;
    int fd;

    assert_non_null(text);
    (void)given_story(h, t, "/hook");
    given_long_log(m, t);
    fd = raw_start_at(h, h->api_url, t->support, "GET", "/v1/messages/export", "", NULL);
    while (n < 100)
        n += http_raw_read(fd, text + n, 101 - n, WAIT_MS, &is_closed);
    mover_run(m, t, "b", NULL, 0);
    while (!is_closed)
        n += http_raw_read(fd, text + n, ALL_BYTES - n, 1000, &is_closed);
    assert_non_null(strstr(text, "{\"incomplete\":true}\n"));
    assert_null(strstr(text, "\r\n0\r\n\r\n"));
    free(text);

    again = api_want(h, 200, t->support, "GET", "/v1/messages/export", NULL);
    assert_null(strstr(again.body, "incomplete"));
    n = 0;
    for (const char *line = again.body; (line = strchr(line, '\n')) != NULL; line++)
        n++;
    assert_int_equal(n, N_EXPORTED);
    mover_end(m);
}

#define STORY(fn, ...) harness_test(fn, .has_no_worker = true __VA_OPT__(, ) __VA_ARGS__)

int main(void)
{
    static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};
    const struct CMUnitTest tests[] = {
        STORY(test_runs_that_wait_are_answered_where_the_tenant_is_by_then),
        STORY(test_what_is_repeated_after_a_move_has_the_answer_of_before),
        STORY(test_a_suspended_tenant_moves_and_goes_on_when_it_is_active_again),
        STORY(test_statistics_are_the_same_and_go_on_being_counted, .env = quick),
        STORY(test_limits_hold_before_and_behind_a_move_and_are_no_fault_meanwhile),
        STORY(test_sealed_secrets_open_in_the_new_cell),
        STORY(test_a_tail_that_is_open_goes_on_in_the_new_cell),
        STORY(test_an_export_that_a_move_cuts_says_that_it_is_incomplete),
    };

    return cmocka_run_group_tests_name("move_story", tests, NULL, NULL);
}
