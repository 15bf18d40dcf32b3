/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads against the schemas of their event types when they are published: off, warn, enforce;
 * one event and many; changes that every process heeds within 5 seconds.
 */
#include <stdlib.h>

#include "hk/buf.h"
#include "tests/support/check.h"

#define ORDER_SCHEMA                                                                               \
    "{\"type\": \"object\", \"required\": [\"id\"], \"additionalProperties\": false,"              \
    " \"properties\": {\"id\": {\"type\": \"integer\", \"maximum\": 9007199254740993},"            \
    " \"total\": {\"multipleOf\": 0.01}, \"caf\\u00e9\": {\"type\": \"string\", \"maxLength\": "   \
    "2}}}"

enum { HEEDED_MS = 5000 };

/* The event type order.paid and company c1, with an app that is subscribed. */
static struct tenant *given_publisher(struct harness *h, const char *validation)
{
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/a");
    (void)api_want(
        h, 200, t->admin, "PATCH", "/v1/event_types/order.paid",
        http_text(h->http, "{\"schema\": %s, \"validation\": \"%s\"}", ORDER_SCHEMA, validation));
    return t;
}

static struct reply publish_payload(struct harness *h, const struct tenant *t, const char *payload)
{
    return api_call(h, t->producer, "POST", "/v1/events",
                    "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": %s}",
                    payload);
}

static int64_t count_events(struct harness *h)
{
    return db_int(h, "SELECT count(*) FROM hookline.event");
}

static void test_enforce_refuses_a_payload_and_says_where_and_why(void **state)
{
    static const struct {
        const char *payload, *pointer, *detail;
    } cases[] = {
        {"{}", "/payload/id", "is required"},
        {"[]", "/payload", "must be an object"},
        {"{\"id\": 1.5}", "/payload/id", "must be an integer"},
        {"{\"id\": 9007199254740994}", "/payload/id", "must be at most 9007199254740993"},
        {"{\"id\": 1, \"total\": 0.075}", "/payload/total", "must be a multiple of 0.01"},
        {"{\"id\": 1, \"a/b\": 0}", "/payload/a~1b", "is not allowed by the schema"},
        {"{\"id\": 1, \"caf\\u00e9\": \"abc\"}", "/payload/caf\xc3\xa9",
         "must have at most 2 characters"},
    };
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct reply reply = publish_payload(h, t, cases[i].payload);

        assert_problem(h, reply, 422, "payload_invalid", cases[i].pointer);
        assert_int_equal(reply_count(&reply, "errors"), 1);
        assert_string_equal(reply_text(&reply, "errors.0.detail"), cases[i].detail);
    }
    assert_int_equal(count_events(h), 0);
}

static void test_enforce_takes_what_fits_byte_for_byte(void **state)
{
    static const char payload[] = "{ \"id\" : 9007199254740993,\n\"total\":0.070, "
                                  "\"caf\xc3\xa9\": \"\xf0\x9f\x92\xa9!\" }";
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct reply reply = publish_payload(h, t, payload);

    assert_status(reply, 202);
    assert_members(reply, "", "id,duplicate");
    assert_string_equal(db_text(h, "SELECT payload FROM hookline.event"), payload);
}

static void test_all_faults_are_told_ten_at_most(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct reply reply = publish_payload(h, t, "{\"id\": \"x\", \"total\": 0.001, \"b\": 1}");

    assert_problem(h, reply, 422, "payload_invalid", "/payload/id");
    assert_int_equal(reply_count(&reply, "errors"), 3);
    reply = publish_payload(h, t,
                            "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
                            "\"i\":1,\"j\":1,\"k\":1}");
    assert_int_equal(reply_count(&reply, "errors"), 10);
    assert_int_equal(count_events(h), 0);
}

static void test_warn_stores_the_event_and_says_so(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "warn");
    struct reply reply = publish_payload(h, t, "{\"id\": \"x\"}");

    assert_status(reply, 202);
    assert_members(reply, "", "id,duplicate,warnings");
    assert_string_equal(reply_text(&reply, "warnings.0.pointer"), "/payload/id");
    assert_string_equal(reply_text(&reply, "warnings.0.detail"), "must be an integer");
    reply = publish_payload(h, t, "{\"id\": 1}");
    assert_members(reply, "", "id,duplicate");
    sinker_wait(h, "/a", 2, 10000);
}

static void test_off_says_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "off");
    struct reply reply = publish_payload(h, t, "\"anything\"");

    assert_status(reply, 202);
    assert_members(reply, "", "id,duplicate");
}

/* Three types in one batch: each event has its own answer, and the good ones are stored. */
static void test_a_batch_stores_what_fits_and_refuses_the_rest(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct reply reply;

    given_event_type(h, t, "order.sent");
    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types",
                   "{\"name\": \"order.late\", \"schema\": {\"type\": \"null\"},"
                   " \"validation\": \"warn\"}");
    reply = api_call(
        h, t->producer, "POST", "/v1/events",
        "{\"events\": [{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {\"id\": "
        "1}},"
        "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {\"id\": null, \"x\": "
        "1}},"
        "{\"event_type\": \"order.sent\", \"company\": \"c1\", \"payload\": \"free\"},"
        "{\"event_type\": \"order.late\", \"company\": \"c1\", \"payload\": 7},"
        "{\"event_type\": \"order.none\", \"company\": \"c1\", \"payload\": 7},"
        "{\"event_type\": \"order.paid\", \"company\": \"nobody\", \"payload\": {\"id\": 2}}]}");
    assert_status(reply, 202);
    assert_members(reply, "data.0", "id,duplicate");
    assert_string_equal(reply_text(&reply, "data.1.error.type"), "/problems/payload_invalid");
    assert_int_equal(reply_count(&reply, "data.1.error.errors"), 2);
    assert_string_equal(reply_text(&reply, "data.1.error.errors.0.pointer"),
                        "/events/1/payload/id");
    assert_string_equal(reply_text(&reply, "data.1.error.errors.1.pointer"), "/events/1/payload/x");
    assert_members(reply, "data.2", "id,duplicate");
    assert_string_equal(reply_text(&reply, "data.3.warnings.0.pointer"), "/events/3/payload");
    assert_string_equal(reply_text(&reply, "data.4.error.errors.0.pointer"),
                        "/events/4/event_type");
    assert_string_equal(reply_text(&reply, "data.5.error.errors.0.pointer"), "/events/5/company");
    assert_int_equal(reply_int(&reply, "accepted"), 3);
    assert_int_equal(reply_int(&reply, "rejected"), 3);
    assert_int_equal(count_events(h), 3);
}

static void test_a_batch_of_nothing_but_bad_payloads_is_one_problem(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct reply reply = api_call(
        h, t->producer, "POST", "/v1/events",
        "{\"events\": [{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1},"
        " {\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}]}");

    assert_problem(h, reply, 422, "payload_invalid", "/events/0/payload");
    assert_string_equal(reply_text(&reply, "errors.1.pointer"), "/events/1/payload/id");
    reply = api_call(
        h, t->producer, "POST", "/v1/events",
        "{\"events\": [{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1},"
        " {\"event_type\": \"order.paid\", \"company\": \"\", \"payload\": {}}]}");
    assert_problem(h, reply, 422, "invalid_body", "/events/0/payload");
    assert_int_equal(count_events(h), 0);
}

/* A thousand bad ones: the answer stays small and is whole. */
static void test_a_large_batch_is_told_one_fault_an_event(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct hk_buf body;
    struct reply reply;

    hk_buf_init(&body, 1u << 20);
    for (int i = 0; i < 1000; i++)
        hk_buf_printf(&body,
                      "%s{\"event_type\": \"order.paid\", \"company\": \"c1\","
                      " \"payload\": {\"id\": %s, \"a\": 1, \"b\": 2}}",
                      i == 0 ? "{\"events\": [" : ",", "\"x\"");
    hk_buf_add_text(&body, "]}");
    reply = api_send(h, t->producer, "POST", "/v1/events", hk_buf_str(&body), NULL);
    hk_buf_done(&body);
    assert_status(reply, 422);
    assert_int_equal(reply_count(&reply, "errors"), 1000);
    assert_string_equal(reply_text(&reply, "errors.999.pointer"), "/events/999/payload/id");
}

struct expectation {
    struct harness *h;
    const struct tenant *t;
    const char *api_url;
    int status;
};

static bool is_answered_so(void *arg)
{
    const struct expectation *e = arg;
    struct reply reply = http_call(
        e->h->http, "POST", e->api_url, "/v1/events", e->t->producer,
        HK_STR("{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": \"none\"}"),
        NULL);

    return reply.status == e->status;
}

static void test_every_process_heeds_a_change_within_five_seconds(void **state)
{
    static const struct {
        const char *change;
        int status;
    } steps[] = {
        {"{\"validation\": \"enforce\"}", 422},
        {"{\"schema\": {\"type\": \"string\"}}", 202},
        {"{\"schema\": {\"type\": \"number\"}}", 422},
        {"{\"validation\": \"off\"}", 202},
    };
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "off");
    struct expectation here = {h, t, h->api_url, 202}, there = {h, t, NULL, 202};

    harness_start_other_api(h);
    there.api_url = h->other_api_url;
    assert_true(is_answered_so(&here));
    assert_true(is_answered_so(&there));
    for (size_t i = 0; i < HK_COUNTOF(steps); i++) {
        (void)api_want(h, 200, t->admin, "PATCH", "/v1/event_types/order.paid", steps[i].change);
        here.status = there.status = steps[i].status;
        assert_true(wait_until(is_answered_so, &here, HEEDED_MS));
        assert_true(wait_until(is_answered_so, &there, HEEDED_MS));
    }
}

static struct reply publish_keyed(struct harness *h, const struct tenant *t, const char *key)
{
    const char *const headers[] = {http_text(h->http, "Idempotency-Key: %s", key), NULL};

    return api_send(h, t->producer, "POST", "/v1/events",
                    HK_STR("{\"event_type\": \"order.paid\", \"company\": \"c1\","
                           " \"payload\": \"none\"}"),
                    headers);
}

/* What was accepted stays accepted for who repeats it; what was refused leaves its key free. */
static void test_a_repeated_request_gets_its_reply_whatever_the_schema_says_now(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "off");
    struct expectation refused = {h, t, h->api_url, 422}, accepted = {h, t, h->api_url, 202};
    struct reply first = publish_keyed(h, t, "k1"), reply;

    assert_status(first, 202);
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/event_types/order.paid",
                   "{\"validation\": \"enforce\"}");
    assert_true(wait_until(is_answered_so, &refused, HEEDED_MS));
    reply = publish_keyed(h, t, "k1");
    assert_status(reply, 202);
    assert_string_equal(reply_text(&reply, "id"), reply_text(&first, "id"));
    reply = publish_keyed(h, t, "k2");
    assert_problem(h, reply, 422, "payload_invalid", "/payload");
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/event_types/order.paid",
                   "{\"validation\": \"off\"}");
    assert_true(wait_until(is_answered_so, &accepted, HEEDED_MS));
    reply = publish_keyed(h, t, "k2");
    assert_status(reply, 202);
}

/* Of two tenants with an event type of the same name each has its own schema. */
static void test_a_tenants_schema_is_for_its_own_payloads(void **state)
{
    struct harness *h = *state;
    struct tenant *strict = given_publisher(h, "enforce"), *free_one = given_tenant(h);
    struct reply reply;

    (void)given_company(h, free_one, "c1");
    given_event_type(h, free_one, "order.paid");
    for (int i = 0; i < 3; i++) {
        reply = publish_payload(h, free_one, "\"anything\"");
        assert_status(reply, 202);
        reply = publish_payload(h, strict, "\"anything\"");
        assert_status(reply, 422);
    }
}

/* The rule cannot be asked for: nothing is stored, and the producer may try again. */
static void test_without_its_rule_an_event_is_not_taken(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_publisher(h, "enforce");
    struct pg_conn *session;
    struct reply reply;

    given_event_type(h, t, "other.type");
    reply = api_call(h, t->producer, "POST", "/v1/events",
                     "{\"event_type\": \"other.type\", \"company\": \"c1\", \"payload\": 1}");
    assert_status(reply, 202);
    session = db_lock(h, "event_type");
    reply = publish_payload(h, t, "{\"id\": 1}");
    assert_problem(h, reply, 503, "database_unavailable", NULL);
    db_unlock(session);
    assert_int_equal(count_events(h), 1);
    reply = publish_payload(h, t, "{\"id\": 1}");
    assert_status(reply, 202);
}

static const char *const short_queries[] = {"HOOKLINE_API_QUERY_TIMEOUT_MS=1500", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_enforce_refuses_a_payload_and_says_where_and_why),
        harness_test(test_enforce_takes_what_fits_byte_for_byte),
        harness_test(test_all_faults_are_told_ten_at_most),
        harness_test(test_warn_stores_the_event_and_says_so),
        harness_test(test_off_says_nothing),
        harness_test(test_a_batch_stores_what_fits_and_refuses_the_rest),
        harness_test(test_a_batch_of_nothing_but_bad_payloads_is_one_problem),
        harness_test(test_a_large_batch_is_told_one_fault_an_event),
        harness_test(test_every_process_heeds_a_change_within_five_seconds),
        harness_test(test_a_repeated_request_gets_its_reply_whatever_the_schema_says_now),
        harness_test(test_a_tenants_schema_is_for_its_own_payloads),
        harness_test(test_without_its_rule_an_event_is_not_taken, .env = short_queries),
    };

    return cmocka_run_group_tests_name("payload_validation", tests, NULL, NULL);
}
