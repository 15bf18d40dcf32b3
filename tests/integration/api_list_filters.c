/* SPDX-License-Identifier: Apache-2.0 */
/* What is published and delivered, by time, type, the producer's id, and how attempts ended. */
#include <string.h>

#include "tests/support/check.h"

enum { N_EVENTS = 4 };

/* Events of the types a, b, a, b, of c1 and an app of "acme"; each in a millisecond of its own. */
struct world {
    struct harness *h;
    struct tenant *t;
    const char *events[N_EVENTS], *times[N_EVENTS];
};

static struct reply get(struct harness *h, const char *key, const char *path)
{
    struct reply reply = api_call(h, key, "GET", path, NULL);

    assert_status(reply, 200);
    return reply;
}

struct moment {
    struct harness *h;
    const char *event_id;
};

static bool is_over(void *arg)
{
    struct moment *moment = arg;

    return db_int(moment->h,
                  "SELECT (hookline.uuid_v7_floor(clock_timestamp()) > '%s'::uuid)::integer",
                  moment->event_id) == 1;
}

/* Publishes one with that external_id, and waits for the next millisecond. */
static const char *publish_as(struct harness *h, const struct tenant *t, const char *event_type,
                              const char *external_id)
{
    struct reply reply =
        api_call(h, t->producer, "POST", "/v1/events",
                 "{\"event_type\": \"%s\", \"company\": \"c1\", \"external_id\": \"%s\","
                 " \"payload\": {}}",
                 event_type, external_id);
    struct moment moment = {h, NULL};

    assert_status(reply, 202);
    moment.event_id = reply_text(&reply, "id");
    assert_true(wait_until(is_over, &moment, 5000));
    return moment.event_id;
}

/* A time of a reply as a parameter: "+" would be a blank. */
static const char *as_parameter(struct harness *h, const char *time)
{
    return http_text(h->http, "%.*sZ", (int)strcspn(time, "+"), time);
}

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};
    const char *app_id = given_app(h, w.t, "acme");
    struct reply reply;

    (void)given_company(h, w.t, "c1");
    (void)given_connection(h, w.t, app_id, "c1");
    given_event_type(h, w.t, "a");
    given_event_type(h, w.t, "b");
    (void)given_subscription(h, w.t, app_id, "/hook", "a");
    (void)given_subscription(h, w.t, app_id, "/hook", "b");
    for (unsigned i = 0; i < N_EVENTS; i++) {
        w.events[i] = publish_as(h, w.t, i % 2 == 0 ? "a" : "b", http_text(h->http, "k%u", i));
        reply = get(h, w.t->admin, http_text(h->http, "/v1/events/%s", w.events[i]));
        w.times[i] = as_parameter(h, reply_text(&reply, "accepted_at"));
    }
    return w;
}

/* Fails unless the list has those events, newest first: "320" are the fourth, third and first. */
static void expect_by(const struct world *w, const char *key, const char *path, const char *member,
                      const char *wanted)
{
    struct reply reply = get(w->h, key, path);

    if (reply_count(&reply, "data") != strlen(wanted))
        fail_test("%s: not \"%s\": %s", path, wanted, reply.body);
    for (size_t i = 0; i < strlen(wanted); i++)
        assert_string_equal(reply_text(&reply, http_text(w->h->http, "data.%zu.%s", i, member)),
                            w->events[wanted[i] - '0']);
}

/* The same query of events and of messages. */
static void expect(const struct world *w, const char *key, const char *query, const char *wanted)
{
    expect_by(w, key, http_text(w->h->http, "/v1/events?%s", query), "id", wanted);
    expect_by(w, key, http_text(w->h->http, "/v1/messages?%s", query), "event_id", wanted);
}

static void test_events_and_messages_are_filtered_by_time(void **state)
{
    struct world w = given_world(*state);
    const char *const keys[] = {w.t->admin, w.t->receiver};
    struct http *http = w.h->http;

    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        const char *key = keys[i];

        expect(&w, key, http_text(http, "since=%s", w.times[2]), "32");
        expect(&w, key, http_text(http, "until=%s", w.times[2]), "10");
        expect(&w, key, http_text(http, "since=%s&until=%s", w.times[1], w.times[3]), "21");
        expect(&w, key, http_text(http, "since=%s&until=%s", w.times[2], w.times[2]), "");
        expect(&w, key, http_text(http, "since=%s&event_type=b", w.times[1]), "31");
        expect(&w, key, "since=0001-01-01T00:00:00Z", "3210");
        expect(&w, key, "until=1969-12-31T23:59:59Z", "");
        expect(&w, key, "since=9999-12-31T23:59:59Z", "");
        expect(&w, key, "until=9999-12-31T23:59:59Z", "3210");
    }
}

/* 1 microsecond after a whole millisecond: ids know milliseconds. */
static void test_a_time_between_milliseconds_is_after_the_first(void **state)
{
    struct world w = given_world(*state);
    const char *at = http_text(w.h->http, "%.*s", (int)strcspn(w.times[1], "Z"), w.times[1]);

    if (strchr(at, '.') == NULL)
        at = http_text(w.h->http, "%s.000001Z", at);
    else /* as many digits as are shown, up to three */
        at = http_text(w.h->http, "%s%.*s1Z", at, (int)(6 - strlen(strchr(at, '.'))), "00000");
    expect(&w, w.t->admin, http_text(w.h->http, "since=%s", at), "32");
    expect(&w, w.t->admin, http_text(w.h->http, "until=%s", at), "10");
}

static void test_events_and_messages_are_filtered_by_type(void **state)
{
    struct world w = given_world(*state);

    expect(&w, w.t->admin, "event_type=a", "20");
    expect(&w, w.t->receiver, "event_type=b", "31");
    expect(&w, w.t->receiver, "event_type=nothing", "");
}

static void test_pages_of_a_filter_add_up(void **state)
{
    struct world w = given_world(*state);
    struct http *http = w.h->http;
    const char *query = http_text(http, "limit=1&since=%s&until=%s", w.times[1], w.times[3]);
    static const char *const lists[] = {"/v1/events", "/v1/messages"};

    for (size_t i = 0; i < HK_COUNTOF(lists); i++) {
        const char *path = http_text(http, "%s?%s", lists[i], query);
        const char *member = i == 0 ? "data.0.id" : "data.0.event_id";
        struct reply first = get(w.h, w.t->admin, path), second;

        assert_string_equal(reply_text(&first, member), w.events[2]);
        path = http_text(http, "%s&cursor=%s", path, reply_text(&first, "next_cursor"));
        second = get(w.h, w.t->admin, path);
        assert_string_equal(reply_text(&second, member), w.events[1]);
        assert_true(reply_is_null(&second, "next_cursor"));
    }
}

static void test_an_event_is_found_by_the_producers_id(void **state)
{
    struct world w = given_world(*state);
    struct tenant *other = given_tenant(w.h);
    const char *stranger = given_key(w.h, w.t, "partner", "stranger");

    expect_by(&w, w.t->admin, "/v1/events?external_id=k1", "id", "1");
    expect_by(&w, w.t->receiver, "/v1/events?external_id=k1", "id", "1");
    expect_by(&w, w.t->admin, "/v1/events?external_id=k1&event_type=b", "id", "1");
    expect_by(&w, w.t->admin, "/v1/events?external_id=k1&event_type=a", "id", "");
    expect_by(&w, w.t->admin,
              http_text(w.h->http, "/v1/events?external_id=k1&until=%s", w.times[1]), "id", "");
    expect_by(&w, w.t->admin, "/v1/events?external_id=k", "id", "");
    expect_by(&w, other->admin, "/v1/events?external_id=k1", "id", "");
    expect_by(&w, stranger, "/v1/events?external_id=k1", "id", "");
}

static void test_filters_find_nothing_of_other_tenants_and_partners(void **state)
{
    struct world w = given_world(*state);
    struct tenant *other = given_tenant(w.h);
    const char *stranger = given_key(w.h, w.t, "partner", "stranger");
    const char *const keys[] = {other->admin, other->receiver, stranger};

    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        expect(&w, keys[i], "event_type=a", "");
        expect(&w, keys[i], http_text(w.h->http, "since=%s", w.times[0]), "");
        expect(&w, keys[i], "until=2100-01-01T00:00:00Z&event_type=b", "");
    }
}

/* ---- attempts ---- */

static void expect_attempts(struct harness *h, const char *key, const char *path, const char *query,
                            const char *wanted)
{
    struct reply reply = get(h, key, http_text(h->http, "%s?%s", path, query));

    if (reply_count(&reply, "data") != strlen(wanted))
        fail_test("%s: not \"%s\": %s", query, wanted, reply.body);
    for (size_t i = 0; i < strlen(wanted); i++)
        assert_int_equal(reply_int(&reply, http_text(h->http, "data.%zu.attempt_no", i)),
                         wanted[i] - '0');
}

static void test_attempts_are_filtered_by_how_they_ended(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct reply reply;
    const char *message, *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"reset\": true}, {\"status\": 500}, {\"status\": 503},"
                " {\"status\": 500}], \"then\": {\"status\": 200}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    reply = get(h, t->admin, "/v1/messages");
    message = http_text(h->http, "/v1/messages/%s", reply_text(&reply, "data.0.id"));
    api_wait_for(h, t->admin, message, "status", "succeeded", 30000);
    path = http_text(h->http, "%s/attempts", message);

    expect_attempts(h, t->admin, path, "limit=50", "12345");
    expect_attempts(h, t->admin, path, "outcome=http_status", "234");
    expect_attempts(h, t->receiver, path, "outcome=reset", "1");
    expect_attempts(h, t->receiver, path, "outcome=succeeded", "5");
    expect_attempts(h, t->admin, path, "outcome=dns", "");
    expect_attempts(h, t->receiver, path, "status_code=500", "24");
    expect_attempts(h, t->admin, path, "status_code=503&outcome=http_status", "3");
    expect_attempts(h, t->admin, path, "status_code=503&outcome=reset", "");
    expect_attempts(h, t->admin, path, "status_code=404", "");
    reply = get(h, t->admin, http_text(h->http, "%s?status_code=500&limit=1", path));
    assert_int_equal(reply_int(&reply, "data.0.attempt_no"), 2);
    expect_attempts(
        h, t->admin, path,
        http_text(h->http, "status_code=500&limit=1&cursor=%s", reply_text(&reply, "next_cursor")),
        "4");
    reply = api_call(h, other->admin, "GET", http_text(h->http, "%s?status_code=500", path), NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
}

static void test_filters_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {
        "/v1/events?since=yesterday",
        "/v1/events?until=2026-02-30T00:00:00Z",
        "/v1/events?since=2026-01-01",
        "/v1/events?until=infinity",
        "/v1/events?since=",
        "/v1/events?status=failed",
        "/v1/messages?until=0",
        "/v1/messages?external_id=k1",
        "/v1/messages/00000000-0000-7000-8000-000000000001/attempts?outcome=bad",
        "/v1/messages/00000000-0000-7000-8000-000000000001/attempts?status_code=99",
        "/v1/messages/00000000-0000-7000-8000-000000000001/attempts?status_code=600",
        "/v1/messages/00000000-0000-7000-8000-000000000001/attempts?status_code=2xx",
        "/v1/messages/00000000-0000-7000-8000-000000000001/attempts?status_code=0200",
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        struct reply reply = api_call(h, t->admin, "GET", bad[i], NULL);

        if (reply.status != 422)
            print_error("%s\n", bad[i]);
        assert_problem(h, reply, 422, "invalid_parameter", NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_events_and_messages_are_filtered_by_time),
        harness_test(test_a_time_between_milliseconds_is_after_the_first),
        harness_test(test_events_and_messages_are_filtered_by_type),
        harness_test(test_pages_of_a_filter_add_up),
        harness_test(test_an_event_is_found_by_the_producers_id),
        harness_test(test_filters_find_nothing_of_other_tenants_and_partners),
        harness_test(test_attempts_are_filtered_by_how_they_ended,
                     .env =
                         (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL}),
        harness_test(test_filters_that_are_none_are_refused),
    };

    return cmocka_run_group_tests_name("api_list_filters", tests, NULL, NULL);
}
