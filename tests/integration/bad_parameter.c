/* SPDX-License-Identifier: Apache-2.0 */
/* Too long, too many, too large; bad query parameters; bad events. Nothing of it is stored. */
#include <stdlib.h>
#include <string.h>

#include "hk/buf.h"
#include "tests/support/check.h"

#define MIB ((size_t)1 << 20)

static void expect_invalid(struct harness *h, const char *key, const char *request,
                           const char *body, const char *pointer)
{
    expect_refused(h, key, request, hk_str(body), 422, "invalid_body", pointer);
}

/* `n` times `text`, with `separator` between. */
static const char *many(struct harness *h, unsigned n, const char *text, const char *separator)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, 16 * MIB);
    for (unsigned i = 0; i < n; i++) {
        hk_buf_add_text(&buf, i == 0 ? "" : separator);
        hk_buf_add_text(&buf, text);
    }
    return http_text(h->http, "%s", hk_buf_str(&buf).p);
}

/* ---- too long, too many ---- */

#define COMPANY "{\"external_id\": \"%s\", \"name\": \"%s\"}"

static void test_texts_are_limited_in_characters(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *longest = many(h, 200, "\xc3\xa9", "");
    struct reply reply = api_call(h, t->admin, "POST", "/v1/companies", COMPANY, "x", longest);

    assert_status(reply, 201);
    expect_invalid(h, t->admin, "POST /v1/companies",
                   http_text(h->http, COMPANY, "y", many(h, 201, "x", "")), "/name");
    expect_invalid(h, t->admin, "POST /v1/companies",
                   http_text(h->http, COMPANY, many(h, 129, "x", ""), "y"), "/external_id");
    expect_invalid(h, t->admin, "POST /v1/event_types",
                   http_text(h->http, "{\"name\": \"%s\"}", many(h, 129, "x", "")), "/name");
    expect_invalid(
        h, t->admin, "POST /v1/event_types",
        http_text(h->http, "{\"name\": \"x\", \"description\": \"%s\"}", many(h, 2001, "x", "")),
        "/description");
}

static void test_lists_are_limited_in_elements(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");

    expect_invalid(
        h, t->admin, http_text(h->http, "POST /v1/apps/%s/connections", app_id),
        http_text(h->http, "{\"companies\": [%s]}", many(h, 1001, "{\"company\": \"c\"}", ",")),
        "/companies");
    expect_invalid(h, t->admin, http_text(h->http, "POST /v1/apps/%s/subscriptions", app_id),
                   http_text(h->http, "{\"url\": \"https://e.com/\", \"event_types\": [%s]}",
                             many(h, 101, "\"t\"", ",")),
                   "/event_types");
    expect_invalid(h, t->admin, "POST /v1/apps",
                   http_text(h->http,
                             "{\"name\": \"x\", \"partner\": \"p\", \"custom_fields\": [%s]}",
                             many(h, 51, "{\"key\": \"k\", \"type\": \"text\"}", ",")),
                   "/custom_fields");
    expect_invalid(h, t->admin, http_text(h->http, "POST /v1/apps/%s/subscriptions", app_id),
                   http_text(h->http, "{\"url\": \"https://e.com/%s\", \"event_types\": [\"t\"]}",
                             many(h, 2049 - 14, "x", "")),
                   "/url");
}

#define NESTED "{\"name\": \"x\", \"sample\": %s%s}"

static void test_nesting_is_limited(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    expect_invalid(h, t->admin, "POST /v1/event_types",
                   http_text(h->http, NESTED, many(h, 32, "[", ""), many(h, 32, "]", "")), "");
    expect_invalid(h, t->admin, "POST /v1/event_types",
                   http_text(h->http, NESTED, many(h, 100000, "[", ""), many(h, 100000, "]", "")),
                   "");
    expect_invalid(h, t->admin, "POST /v1/event_types",
                   http_text(h->http, NESTED, many(h, 100000, "{\"a\":", ""), "1"), "");
}

/* ---- too large ---- */

static void test_a_body_of_2_mb_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    static const size_t sizes[] = {MIB + 1, 2 * MIB, 4 * MIB};
    char *body = test_malloc(4 * MIB);

    memset(body, ' ', 4 * MIB);
    body[0] = '{';
    body[1] = '}';
    for (size_t i = 0; i < HK_COUNTOF(sizes); i++) {
        expect_refused(h, t->producer, "POST /v1/events", (struct hk_str){body, sizes[i]}, 413,
                       "body_too_large", NULL);
        expect_refused(h, t->admin, "POST /v1/companies", (struct hk_str){body, sizes[i]}, 413,
                       "body_too_large", NULL);
    }
    test_free(body);
}

/* Far beyond the limit nothing of the body is read: the answer comes to the head. */
static void test_a_body_of_9_mb_is_refused_before_it_comes(void **state)
{
    static const char request[] =
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 9437184\r\n"
        "Content-Type: application/json\r\n\r\n";
    struct harness *h = *state;
    int fd = http_raw_connect(h->api_url);
    struct reply reply;

    assert_true(fd >= 0 && http_raw_send(fd, request, sizeof(request) - 1));
    reply = raw_finish(h, fd);
    assert_problem(h, reply, 413, "body_too_large", NULL);
    assert_string_equal(reply_header(h->http, &reply, "connection"), "close");
    assert_string_equal(reply_header(h->http, &reply, "cache-control"), "no-store");
}

static void test_a_payload_of_1_mb_less_a_little_is_stored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    (void)publish(h, t, "order.paid", "c1",
                  http_text(h->http, "\"%s\"", many(h, (unsigned)MIB - 200, "x", "")));
}

/* ---- query parameters ---- */

static const struct {
    const char *request;
    const char *word; /* of the detail */
} parameters[] = {
    {"GET /v1/apps?limit=0", "limit"},
    {"GET /v1/apps?limit=251", "limit"},
    {"GET /v1/apps?limit=-1", "limit"},
    {"GET /v1/apps?limit=ten", "limit"},
    {"GET /v1/apps?limit=", "limit"},
    {"GET /v1/apps?limit", "limit"},
    {"GET /v1/apps?limits=1", "limits"},
    {"GET /v1/apps?Limit=1", "Limit"},
    {"GET /v1/apps?limit=1&offset=2", "offset"},
    {"GET /v1/connections?app_id=7", "app_id"},
    {"GET /v1/connections?state=lost", "state"},
    {"GET /v1/connections?company=%ff", "company"},
    {"GET /v1/connections?company=%c0%af", "company"},
    {"GET /v1/subscriptions?state=deleted", "state"},
    {"GET /v1/subscriptions?app_id=", "app_id"},
    {"GET /v1/messages?status=lost", "status"},
    {"GET /v1/messages?event_id=0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeeex", "event_id"},
    {"GET /v1/messages?company=", NULL}, /* nobody: an empty list, see below */
    {"GET /v1/event_types?label=x", "label"},
    {"DELETE /v1/connections/00000000-0000-7000-8000-000000000000?queued=maybe", "queued"},
    {"POST /v1/companies?dry_run=1", "dry_run"},
};

static void test_bad_query_parameters_are_named(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char body[] = "{\"external_id\": \"x\", \"name\": \"y\"}";

    for (size_t i = 0; i < HK_COUNTOF(parameters); i++) {
        size_t method_n = strcspn(parameters[i].request, " ");
        const char *method = http_text(h->http, "%.*s", (int)method_n, parameters[i].request);
        struct reply reply =
            api_send(h, t->admin, method, parameters[i].request + method_n + 1,
                     strcmp(method, "POST") == 0 ? hk_str(body) : HK_STR_NULL, NULL);

        if (parameters[i].word == NULL) {
            assert_status(reply, 200);
            assert_int_equal(reply_count(&reply, "data"), 0);
            continue;
        }
        assert_problem(h, reply, 422, "invalid_parameter", "");
        if (strstr(reply_text(&reply, "detail"), parameters[i].word) == NULL)
            fail_msg("%s: %s", parameters[i].request, reply.body);
    }
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.company"), 0);
}

static void test_a_long_parameter_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    expect_refused(h, t->admin,
                   http_text(h->http, "GET /v1/companies?external_id=%s", many(h, 257, "x", "")),
                   HK_STR_NULL, 422, "invalid_parameter", "");
    expect_refused(h, t->admin,
                   http_text(h->http, "GET /v1/companies?external_id=%s", many(h, 4000, "x", "")),
                   HK_STR_NULL, 422, "invalid_parameter", "");
}

static void test_what_is_no_cursor_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    static const char *const cursors[] = {"",
                                          "x",
                                          "AAAA",
                                          "not%20base64",
                                          "AAAAAAAAAAAAAAAAAAAAAAAA",
                                          "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"};

    for (size_t i = 0; i < HK_COUNTOF(cursors); i++)
        expect_refused(h, t->admin, http_text(h->http, "GET /v1/apps?cursor=%s", cursors[i]),
                       HK_STR_NULL, 400, "bad_cursor", NULL);
    expect_refused(h, t->admin,
                   http_text(h->http, "GET /v1/apps?cursor=%s", many(h, 3000, "A", "")),
                   HK_STR_NULL, 422, "invalid_parameter", "");
}

/* ---- events ---- */

#define EVENT(members)                                                                             \
    "{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":{}" members "}"

static const struct {
    const char *body, *pointer;
} events[] = {
    {"", "/event_type"},
    {"{}", "/event_type"},
    {"{\"event_type\":\"order.paid\",\"payload\":{}}", "/company"},
    {"{\"event_type\":\"order.paid\",\"company\":\"c1\"}", "/payload"},
    {"{\"event_type\":\"lost\",\"company\":\"c1\",\"payload\":{}}", "/event_type"},
    {"{\"event_type\":\"order.paid\",\"company\":\"nobody\",\"payload\":{}}", "/company"},
    {"{\"event_type\":7,\"company\":\"c1\",\"payload\":{}}", "/event_type"},
    {EVENT(",\"data\":{}"), "/data"},
    {EVENT(",\"payload\":{}"), "/payload"},
    {EVENT(",\"external_id\":\"\""), "/external_id"},
    {EVENT(",\"external_id\":7"), "/external_id"},
    {EVENT(",\"external_id\":\"a\\u0000b\""), "/external_id"},
    {EVENT(",\"occurred_at\":\"yesterday\""), "/occurred_at"},
    {"[]", ""},
    {"{\"events\":[]}", "/events"},
    {"{\"events\":{}}", "/events"},
    {"{\"events\":[" EVENT("") "],\"x\":1}", "/x"},
    {"{\"events\":[{\"event_type\":\"lost\",\"company\":\"c1\",\"payload\":{}}]}",
     "/events/0/event_type"},
    {"{\"events\":[7," EVENT(",\"x\":1") "]}", "/events/1/x"},
};

static void test_bad_events_are_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/a");
    for (size_t i = 0; i < HK_COUNTOF(events); i++)
        expect_invalid(h, t->producer, "POST /v1/events", events[i].body, events[i].pointer);
    expect_invalid(h, t->producer, "POST /v1/events",
                   http_text(h->http, "{\"events\": [%s]}", many(h, 1001, EVENT(""), ",")),
                   "/events");
    expect_refused(h, t->producer, "POST /v1/events?dry_run=1", HK_STR(EVENT("")), 422,
                   "invalid_parameter", "");
}

#define DEEP "{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":%s%s}"

static void test_events_that_are_no_json_are_refused(void **state)
{
    static const struct hk_str bodies[] = {
        HK_STR("{"),
        HK_STR(EVENT("") "x"),
        HK_STR("{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":01}"),
        HK_STR("{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":\"\xff\"}"),
        HK_STR("{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":\"\0\"}"),
        HK_STR("{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":1\0}"),
        HK_STR("{\"event_type\":\"order.paid\",\"company\":\"c1\",\"payload\":NaN}"),
        HK_STR("\xef\xbb\xbf" EVENT("")),
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/a");
    for (size_t i = 0; i < HK_COUNTOF(bodies); i++)
        expect_refused(h, t->producer, "POST /v1/events", bodies[i], 400, "malformed_json", NULL);
    expect_refused(h, t->producer, "POST /v1/events",
                   hk_str(http_text(h->http, DEEP, many(h, 64, "[", ""), many(h, 64, "]", ""))),
                   400, "malformed_json", NULL);
}

#define TEST(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_texts_are_limited_in_characters),
        TEST(test_lists_are_limited_in_elements),
        TEST(test_nesting_is_limited),
        TEST(test_a_body_of_2_mb_is_refused),
        TEST(test_a_body_of_9_mb_is_refused_before_it_comes),
        TEST(test_a_payload_of_1_mb_less_a_little_is_stored),
        TEST(test_bad_query_parameters_are_named),
        TEST(test_a_long_parameter_is_refused),
        TEST(test_what_is_no_cursor_is_refused),
        TEST(test_bad_events_are_refused),
        TEST(test_events_that_are_no_json_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
