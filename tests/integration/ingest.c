/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing: one event, many, the same again, many clients at a time. */
#include <stdlib.h>
#include <string.h>

#include "hk/buf.h"
#include "tests/support/check.h"

enum { N_CLIENTS = 64 };

static struct reply publish_body(struct harness *h, const struct tenant *t, const char *body)
{
    struct reply reply = api_send(h, t->producer, "POST", "/v1/events", hk_str(body), NULL);

    assert_status(reply, 202);
    return reply;
}

static const char *event(struct harness *h, const char *external_id, const char *payload)
{
    return http_text(
        h->http,
        "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"external_id\": \"%s\","
        " \"payload\": %s}",
        external_id, payload);
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

static int64_t count_messages(struct harness *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.message");
}

/* ---- one and many ---- */

static void test_one_event_is_there_when_it_is_accepted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    reply = publish_body(h, t,
                         "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": null,"
                         " \"occurred_at\": \"2026-11-22T06:28:00.1234567Z\"}");
    assert_members(reply, "", "id,duplicate");
    assert_true(is_uuid_v7(reply_text(&reply, "id")));
    assert_false(reply_bool(&reply, "duplicate"));
    reply = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/events/%s", reply_text(&reply, "id")), NULL);
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "payload"));
    assert_string_equal(reply_text(&reply, "occurred_at"), "2026-11-22T06:28:00.1234567Z");
    assert_int_equal(reply_count(&reply, "messages"), 1);
}

/* AL-06: numbers, order, doubles, nulls and blanks, from the producer to the receiver. */
static void test_a_payload_travels_byte_for_byte(void **state)
{
    static const char payload[] =
        "{ \"b\":0.10,\"a\" : 12345678901234567890123 ,\"a\":1e2,\n\t\"n\":null,\"s\":\"\\u0000\\/"
        "\xf0\x9f\x98\x80\",\"\":[ ] }";
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    const char *id = publish(h, t, "order.paid", "c1", payload);
    struct reply reply;

    sinker_wait(h, "/a", 1, 10000);
    reply = sinker_request(h, "/a", 0);
    assert_non_null(strstr(reply_text(&reply, "body"), payload));
    reply = api_call(h, t->admin, "GET", http_text(h->http, "/v1/events/%s", id), NULL);
    assert_status(reply, 200);
    assert_non_null(strstr(reply.body, payload));
}

/* {"events": [...]} with `n` events whose payload is their number. */
static const char *batch_of(struct harness *h, unsigned n)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 1 << 20);
    hk_buf_add_text(&buf, "{\"events\": [");
    for (unsigned i = 0; i < n; i++)
        hk_buf_printf(&buf,
                      "%s{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": %u}",
                      i == 0 ? "" : ",", i);
    hk_buf_add_text(&buf, "]}");
    return http_text(h->http, "%s", hk_buf_str(&buf).p);
}

static void test_a_batch_of_1000_is_stored_in_order(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply = publish_body(h, t, batch_of(h, 1000));
    const char *last = "";

    assert_members(reply, "", "data,accepted,duplicates,rejected");
    assert_int_equal(reply_int(&reply, "accepted"), 1000);
    assert_int_equal(reply_int(&reply, "duplicates"), 0);
    assert_int_equal(reply_int(&reply, "rejected"), 0);
    assert_int_equal(reply_count(&reply, "data"), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        const char *id = reply_text(&reply, http_text(h->http, "data.%u.id", i));

        assert_true(strcmp(last, id) < 0);
        last = id;
    }
    assert_int_equal(count_events(h), 1000);
    assert_int_equal(count_messages(h), 1000);
    assert_int_equal(db_int(h, "SELECT count(*) FROM (SELECT payload::int - row_number()"
                               " OVER (ORDER BY id) AS d FROM hookline.event) e WHERE d <> -1"),
                     0);
}

static void test_a_batch_of_one_is_a_batch(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply = publish_body(h, t, batch_of(h, 1));

    assert_members(reply, "", "data,accepted,duplicates,rejected");
    assert_members(reply, "data.0", "id,duplicate");
}

static void test_one_bad_event_never_fails_its_neighbours(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    reply = publish_body(
        h, t,
        http_text(
            h->http,
            "{\"events\": [%s, {\"event_type\": \"lost\", \"company\": \"c1\", \"payload\": 1},"
            " %s, {\"event_type\": \"order.paid\", \"company\": \"c9\", \"payload\": 1}, 7,"
            " {\"event_type\": \"order.paid\", \"company\": \"c1\", \"x\": 1}, %s]}",
            event(h, "a", "1"), event(h, "b", "2"), event(h, "c", "3")));
    assert_int_equal(reply_int(&reply, "accepted"), 3);
    assert_int_equal(reply_int(&reply, "rejected"), 4);
    assert_members(reply, "data.0", "id,duplicate");
    assert_members(reply, "data.1", "error");
    assert_members(reply, "data.1.error", "type,title,status,detail,errors");
    assert_string_equal(reply_text(&reply, "data.1.error.type"), "/problems/invalid_body");
    assert_string_equal(reply_text(&reply, "data.1.error.errors.0.pointer"),
                        "/events/1/event_type");
    assert_string_equal(reply_text(&reply, "data.3.error.errors.0.pointer"), "/events/3/company");
    assert_string_equal(reply_text(&reply, "data.4.error.errors.0.pointer"), "/events/4");
    assert_string_equal(reply_text(&reply, "data.5.error.errors.0.pointer"), "/events/5/x");
    assert_true(is_uuid_v7(reply_text(&reply, "data.6.id")));
    assert_int_equal(count_events(h), 3);
    assert_int_equal(count_messages(h), 3);
}

/* ---- the same again ---- */

static void test_the_same_external_id_is_the_same_event(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply first = publish_body(h, t, event(h, "e-1", "{\"n\": 1}"));
    struct reply again = publish_body(h, t, event(h, "e-1", "{\"n\": 2}"));
    struct reply other = publish_body(h, t, event(h, "E-1", "{}"));

    assert_false(reply_bool(&first, "duplicate"));
    assert_true(reply_bool(&again, "duplicate"));
    assert_string_equal(reply_text(&again, "id"), reply_text(&first, "id"));
    assert_false(reply_bool(&other, "duplicate"));
    assert_int_equal(count_events(h), 2);
    assert_int_equal(count_messages(h), 2);
    assert_string_equal(db_text(h, "SELECT payload FROM hookline.event WHERE external_id = 'e-1'"),
                        "{\"n\": 1}");
}

static void test_a_batch_may_hold_an_external_id_twice(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    (void)publish_body(h, t, event(h, "old", "0"));
    reply =
        publish_body(h, t,
                     http_text(h->http, "{\"events\": [%s, %s, %s, %s]}", event(h, "new", "1"),
                               event(h, "old", "2"), event(h, "new", "3"), event(h, "newer", "4")));
    assert_int_equal(reply_int(&reply, "accepted"), 2);
    assert_int_equal(reply_int(&reply, "duplicates"), 2);
    assert_false(reply_bool(&reply, "data.0.duplicate"));
    assert_true(reply_bool(&reply, "data.1.duplicate"));
    assert_true(reply_bool(&reply, "data.2.duplicate"));
    assert_string_equal(reply_text(&reply, "data.2.id"), reply_text(&reply, "data.0.id"));
    assert_false(reply_bool(&reply, "data.3.duplicate"));
    assert_int_equal(count_events(h), 3);
}

static void test_a_refused_event_does_not_use_up_its_external_id(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    reply = api_call(h, t->producer, "POST", "/v1/events",
                     "{\"event_type\": \"order.paid\", \"company\": \"c9\", \"payload\": 1,"
                     " \"external_id\": \"e-1\"}");
    assert_problem(h, reply, 422, "invalid_body", "/company");
    reply = publish_body(h, t, event(h, "e-1", "1"));
    assert_false(reply_bool(&reply, "duplicate"));
}

static void test_tenants_have_external_ids_of_their_own(void **state)
{
    struct harness *h = *state;
    struct tenant *a = given_publisher(h), *b = given_publisher(h);
    struct reply of_a = publish_body(h, a, event(h, "e-1", "1"));
    struct reply of_b = publish_body(h, b, event(h, "e-1", "1"));

    assert_false(reply_bool(&of_a, "duplicate"));
    assert_false(reply_bool(&of_b, "duplicate"));
    assert_string_not_equal(reply_text(&of_a, "id"), reply_text(&of_b, "id"));
}

/* */
static void test_of_64_at_once_with_one_external_id_one_is_stored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    const char *id = NULL;
    unsigned n_new = 0;
    int fds[N_CLIENTS];

    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = raw_start(h, t->producer, "POST", "/v1/events", event(h, "e-1", "{}"));
    for (int i = 0; i < N_CLIENTS; i++) {
        struct reply reply = raw_finish(h, fds[i]);

        assert_status(reply, 202);
        id = id == NULL ? reply_text(&reply, "id") : id;
        assert_string_equal(reply_text(&reply, "id"), id);
        n_new += !reply_bool(&reply, "duplicate");
    }
    assert_int_equal(n_new, 1);
    assert_int_equal(count_events(h), 1);
    assert_int_equal(count_messages(h), 1);
}

/* ---- many clients ---- */

static void test_64_clients_each_get_their_own_id(void **state)
{
    struct harness *h = *state;
    struct tenant *tenants[] = {given_publisher(h), given_publisher(h)};
    int fds[N_CLIENTS];

    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = raw_start(h, tenants[i % 2]->producer, "POST", "/v1/events",
                           event(h, http_text(h->http, "e-%d", i), http_text(h->http, "%d", i)));
    for (int i = 0; i < N_CLIENTS; i++) {
        struct reply reply = raw_finish(h, fds[i]);
        const char *path;

        assert_status(reply, 202);
        path = http_text(h->http, "/v1/events/%s", reply_text(&reply, "id"));
        reply = api_call(h, tenants[i % 2]->admin, "GET", path, NULL);
        assert_status(reply, 200);
        assert_int_equal(reply_int(&reply, "payload"), i);
        reply = api_call(h, tenants[(i + 1) % 2]->admin, "GET", path, NULL);
        assert_problem(h, reply, 404, "not_found", NULL);
    }
    assert_int_equal(count_messages(h), N_CLIENTS);
}

static void test_a_bad_event_fails_nobody_else_in_the_same_moment(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    int fds[N_CLIENTS];

    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = raw_start(h, t->producer, "POST", "/v1/events",
                           i % 4 != 3 ? event(h, http_text(h->http, "e-%d", i), "{}")
                                      : "{\"event_type\": \"lost\", \"company\": \"c1\","
                                        " \"payload\": 1, \"external_id\": \"e-1\"}");
    for (int i = 0; i < N_CLIENTS; i++) {
        struct reply reply = raw_finish(h, fds[i]);

        if (i % 4 == 3)
            assert_problem(h, reply, 422, "invalid_body", "/event_type");
        else
            assert_status(reply, 202);
    }
    assert_int_equal(count_events(h), N_CLIENTS / 4 * 3);
}

/* A client that does not wait for the answer: what it sent counts, and nobody else is hurt. */
static void test_a_client_that_goes_away_hurts_nobody(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);

    for (int i = 0; i < N_CLIENTS; i++) {
        int gone = raw_start(h, t->producer, "POST", "/v1/events", event(h, "gone", "{}"));

        raw_abandon(gone);
        if (i % 8 == 0)
            (void)publish(h, t, "order.paid", "c1", "{}");
    }
    assert_in_range(count_events(h), N_CLIENTS / 8, N_CLIENTS / 8 + 1);
}

/* ---- traceparent ---- */

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void publish_with(struct harness *h, const struct tenant *t, const char *header)
{
    const char *const headers[] = {header, NULL};
    struct reply reply =
        api_send(h, t->producer, "POST", "/v1/events", hk_str(event(h, header, "{}")), headers);

    assert_status(reply, 202);
}

static void test_a_traceparent_gets_a_child_per_attempt(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    const char *first, *second;
    struct reply reply;

    sinker_rule(h, "/a", "{\"replies\": [{\"status\": 500}], \"then\": {\"status\": 200}}");
    publish_with(h, t, "traceparent: 00-" TRACE "-" PARENT "-01");
    assert_string_equal(db_text(h, "SELECT traceparent FROM hookline.event"),
                        "00-" TRACE "-" PARENT "-01");
    sinker_wait(h, "/a", 2, 10000);
    reply = sinker_request(h, "/a", 0);
    first = reply_text(&reply, "headers.traceparent");
    reply = sinker_request(h, "/a", 1);
    second = reply_text(&reply, "headers.traceparent");
    assert_int_equal(strlen(first), 55);
    assert_memory_equal(first, "00-" TRACE "-", 36);
    assert_memory_equal(second, "00-" TRACE "-", 36);
    assert_string_equal(first + 52, "-01");
    assert_memory_not_equal(first + 36, PARENT, 16);
    assert_memory_not_equal(first + 36, second + 36, 16);
}

static void test_a_traceparent_that_is_none_is_not_passed_on(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h);
    struct reply reply;

    publish_with(h, t, "traceparent: 00-" TRACE "-0000000000000000-01");
    publish_with(h, t, "x-traceparent: 00-" TRACE "-" PARENT "-01");
    sinker_wait(h, "/a", 2, 10000);
    for (unsigned i = 0; i < 2; i++) {
        reply = sinker_request(h, "/a", i);
        assert_false(reply_has(&reply, "headers.traceparent"));
    }
}

#define TWO_THREADS                                                                                \
    (const char *const[])                                                                          \
    {                                                                                              \
        "HOOKLINE_API_THREADS=2", NULL                                                             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_one_event_is_there_when_it_is_accepted),
        harness_test(test_a_payload_travels_byte_for_byte),
        harness_test(test_a_batch_of_1000_is_stored_in_order, .has_no_worker = true),
        harness_test(test_a_batch_of_one_is_a_batch, .has_no_worker = true),
        harness_test(test_one_bad_event_never_fails_its_neighbours, .has_no_worker = true),
        harness_test(test_the_same_external_id_is_the_same_event, .has_no_worker = true),
        harness_test(test_a_batch_may_hold_an_external_id_twice, .has_no_worker = true),
        harness_test(test_a_refused_event_does_not_use_up_its_external_id, .has_no_worker = true),
        harness_test(test_tenants_have_external_ids_of_their_own, .has_no_worker = true),
        harness_test(test_of_64_at_once_with_one_external_id_one_is_stored, .has_no_worker = true,
                     .env = TWO_THREADS),
        harness_test(test_64_clients_each_get_their_own_id, .has_no_worker = true,
                     .env = TWO_THREADS),
        harness_test(test_a_bad_event_fails_nobody_else_in_the_same_moment, .has_no_worker = true),
        harness_test(test_a_client_that_goes_away_hurts_nobody, .has_no_worker = true),
        harness_test(test_a_traceparent_gets_a_child_per_attempt,
                     .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL}),
        harness_test(test_a_traceparent_that_is_none_is_not_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
