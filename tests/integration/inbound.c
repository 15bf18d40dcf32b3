/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving at the URL of a flow: who is let in, what is stored, what is answered. */
#include <stdlib.h>
#include <string.h>

#include "hk/encode.h"
#include "hk/flow_key.h"
#include "tests/support/check.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define NONE       "{\"kind\": \"none\"}"

static const char *const as_json[] = {"Content-Type: application/json", NULL};

/* A tenant with an app, and an inlet that anybody may send to. */
struct scene {
    struct tenant *t;
    const char *app_id;
    struct inlet inlet;
};

static struct scene given_scene(struct harness *h, const char *members)
{
    struct scene scene = {.t = given_tenant(h)};

    scene.app_id = given_app(h, scene.t, "acme");
    scene.inlet = given_inlet(h, scene.t, scene.app_id, NONE, NULL, members);
    return scene;
}

static struct reply send(struct harness *h, const struct inlet *inlet, const char *method,
                         const char *query, const char *const headers[])
{
    return api_send(h, NULL, method, at(h, "%s%s", inlet->path, query), HK_STR_NULL, headers);
}

static const char *event_column(struct harness *h, const struct reply *reply, const char *what)
{
    return db_text(h, "SELECT %s FROM hookline.event WHERE id = '%s'", what,
                   reply_header(h->http, reply, "hookline-event-id"));
}

/* ---- what is stored ---- */

static void test_json_is_kept_byte_for_byte_and_its_run_is_queued(void **state)
{
    static const char body[] = "{\"b\" : 1e2, \"a\": 12345678901234567890, \"a\": 0.10 }\n";
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct reply reply = api_send(
        h, NULL, "POST", at(h, "%s?from=shop&x=%%C3%%A9", s.inlet.path), hk_str(body),
        (const char *const[]){"Content-Type: application/json; charset=utf-8", "X-Shop: caf\xe9",
                              "Cookie: session=1", "Authorization: Bearer t", NULL});

    assert_status(reply, 202);
    assert_string_equal(reply.body, "{}");
    assert_string_equal(reply_header(h->http, &reply, "content-type"), "application/json");
    assert_non_null(strstr(reply.headers, "sandbox"));
    assert_string_equal(event_column(h, &reply, "payload"), body);
    assert_null(event_column(h, &reply, "body"));
    assert_string_equal(event_column(h, &reply, "event_type"), "flow.request");
    assert_string_equal(event_column(h, &reply, "request ->> 'path'"), at(h, "/in/%s", s.inlet.id));
    assert_string_equal(event_column(h, &reply, "request ->> 'query'"), "from=shop&x=%C3%A9");
    assert_string_equal(event_column(h, &reply, "request ->> 'method'"), "POST");
    assert_string_equal(event_column(h, &reply, "request ->> 'content_type'"),
                        "application/json; charset=utf-8");
    assert_string_equal(event_column(h, &reply, "request ->> 'remote_address'"), "127.0.0.1");
    assert_string_equal(event_column(h, &reply, "request -> 'headers' -> 0 ->> 0"), "host");
    assert_string_equal(event_column(h, &reply,
                                     "(SELECT string_agg(f ->> 1, ',' ORDER BY f ->> 0)"
                                     "   FROM json_array_elements(request -> 'headers') f"
                                     "  WHERE f ->> 0 IN ('x-shop', 'cookie', 'authorization'))"),
                        "***,***,café");
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.message m"
                            "  JOIN hookline.queue q ON q.message_id = m.id AND q.due_at <= now()"
                            " WHERE m.subscription_id = '%s' AND m.connection_id IS NULL"
                            "   AND m.id = hookline.message_id(m.event_id, m.subscription_id)",
                            s.inlet.id),
                     1);
}

static void test_what_is_no_json_is_kept_as_bytes(void **state)
{
    static const struct {
        const char *type;
        struct hk_str body;
    } bodies[] = {
        {"Content-Type: application/xml", HK_STR("<a b=\"1\">x</a>")},
        {"Content-Type: application/x-www-form-urlencoded", HK_STR("a=1&b=%C3%A9")},
        {"Content-Type: application/octet-stream", HK_STR("\x00\xff\x01 raw")},
        {"Content-Type: application/json", HK_STR("{\"no\": json}")},
        {"Content-Type: text/plain", HK_STR("")},
    };
    struct harness *h = *state;
    struct scene s = given_scene(h, "");

    for (size_t i = 0; i < HK_COUNTOF(bodies); i++) {
        struct reply reply =
            inlet_post(h, &s.inlet, bodies[i].body, (const char *const[]){bodies[i].type, NULL});
        char hex[64];

        assert_status(reply, 202);
        hk_hex_encode(bodies[i].body.p, bodies[i].body.n, hex);
        assert_string_equal(event_column(h, &reply, "payload"), "null");
        assert_string_equal(event_column(h, &reply, "encode(body, 'hex')"), hex);
    }
    assert_int_equal(inlet_count(h, &s.inlet), HK_COUNTOF(bodies));
}

/* ---- who is let in ---- */

static void test_what_is_not_there_is_404(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct inlet other = s.inlet;
    struct reply reply;
    char *path;

    assert_gives(202, inlet_post(h, &s.inlet, HK_STR("{}"), as_json));
    for (size_t i = strlen("/in/"); i < strlen("/in/") + HK_FLOW_KEY_LENGTH; i += 7) {
        path = strdup(s.inlet.path);
        path[i] = path[i] == 'A' ? 'B' : 'A';
        other.path = path;
        reply = inlet_post(h, &other, HK_STR("{}"), as_json);
        assert_problem(h, reply, 404, "not_found", NULL);
        free(path);
    }
    other.path = at(h, "%.30s", s.inlet.path);
    reply = inlet_post(h, &other, HK_STR("{}"), as_json);
    assert_problem(h, reply, 404, "not_found", NULL);
    reply = api_send(h, NULL, "POST", at(h, "%s/wait/", s.inlet.path), HK_STR("{}"), as_json);
    assert_problem(h, reply, 404, "not_found", NULL);
    assert_int_equal(inlet_count(h, &s.inlet), 1);
}

static void test_a_change_counts_from_the_next_request_on(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct reply reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    struct inlet old = s.inlet;

    assert_status(reply, 202);
    (void)api_want(h, 200, s.t->admin, "POST", at(h, "/v1/flows/%s/stop", s.inlet.id), NULL);
    assert_gives(404, inlet_post(h, &s.inlet, HK_STR("{}"), as_json));
    (void)api_want(h, 200, s.t->admin, "POST", at(h, "/v1/flows/%s/start", s.inlet.id), NULL);
    assert_gives(202, inlet_post_patiently(h, &s.inlet, HK_STR("{}"), as_json));
    inlet_change(h, s.t, &s.inlet,
                 "{\"answer\": {\"status\": 201, \"content_type\": \"text/plain\","
                 " \"body\": \"caf\\u00e9\", \"headers\": {\"X-Flow\": \"yes\"}}}");
    reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    assert_status(reply, 201);
    assert_string_equal(reply.body, "café");
    assert_string_equal(reply_header(h->http, &reply, "x-flow"), "yes");
    assert_string_equal(reply_header(h->http, &reply, "content-type"), "text/plain");
    inlet_change(h, s.t, &s.inlet,
                 "{\"credential\": {\"kind\": \"api_key\", \"header\": \"X-Key\","
                 " \"secret\": \"open sesame\"}}");
    reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_gives(201, inlet_post(h, &s.inlet, HK_STR("{}"),
                                 (const char *const[]){"X-Key: open sesame", NULL}));
    reply =
        api_want(h, 200, s.t->admin, "POST", at(h, "/v1/flows/%s/rotate-url", s.inlet.id), NULL);
    s.inlet.path = reply_text(&reply, "url");
    assert_gives(
        404, inlet_post(h, &old, HK_STR("{}"), (const char *const[]){"X-Key: open sesame", NULL}));
    assert_gives(201, inlet_post(h, &s.inlet, HK_STR("{}"),
                                 (const char *const[]){"X-Key: open sesame", NULL}));
    assert_int_equal(inlet_count(h, &s.inlet), 5);
}

static void test_a_flow_takes_the_methods_sizes_and_types_that_it_says(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, ", \"methods\": [\"GET\", \"PUT\"], \"max_body_bytes\": 1000,"
                                    " \"content_types\": [\"application/json\", \"text/xml\"]");
    char large[1001];
    struct reply reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);

    assert_problem(h, reply, 405, "method_not_allowed", NULL);
    assert_string_equal(reply_header(h->http, &reply, "allow"), "GET, PUT, OPTIONS");
    reply = send(h, &s.inlet, "OPTIONS", "", NULL);
    assert_status(reply, 204);
    assert_string_equal(reply_header(h->http, &reply, "allow"), "GET, PUT, OPTIONS");
    assert_gives(405, send(h, &s.inlet, "DELETE", "", NULL));
    assert_gives(405, send(h, &s.inlet, "PROPFIND", "", NULL));
    memset(large, ' ', sizeof(large));
    reply = api_send(h, NULL, "PUT", s.inlet.path, (struct hk_str){large, sizeof(large)}, as_json);
    assert_problem(h, reply, 413, "body_too_large", NULL);
    large[999] = '1';
    assert_gives(202,
                 api_send(h, NULL, "PUT", s.inlet.path, (struct hk_str){large, 1000}, as_json));
    reply =
        api_send(h, NULL, "PUT", s.inlet.path, HK_STR("a=1"),
                 (const char *const[]){"Content-Type: application/x-www-form-urlencoded", NULL});
    assert_problem(h, reply, 415, "unsupported_media_type", NULL);
    reply =
        api_send(h, NULL, "PUT", s.inlet.path, HK_STR("\x1f\x8b"),
                 (const char *const[]){"Content-Type: text/xml", "Content-Encoding: gzip", NULL});
    assert_problem(h, reply, 415, "unsupported_media_type", NULL);
    assert_gives(202, send(h, &s.inlet, "GET", "?a=1", (const char *const[]){as_json[0], NULL}));
    assert_int_equal(inlet_count(h, &s.inlet), 2);
}

static void test_each_method_may_be_taken_at_both_urls(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct harness *h = *state;
    struct scene s =
        given_scene(h, ", \"methods\": [\"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"]");

    for (size_t i = 0; i < HK_COUNTOF(methods); i++) {
        assert_gives(202, send(h, &s.inlet, methods[i], "", NULL));
        assert_gives(202, send(h, &s.inlet, methods[i], "/wait/key", NULL));
    }
    assert_gives(405, send(h, &s.inlet, "HEAD", "", NULL));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), HK_COUNTOF(methods));
}

static void test_keys_and_passwords_are_checked_and_not_kept(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct inlet basic =
        given_inlet(h, s.t, s.app_id, "{\"kind\": \"basic\", \"username\": \"u\"}", "pw:1", "");
    struct inlet query =
        given_inlet(h, s.t, s.app_id, "{\"kind\": \"api_key\", \"query\": \"key\"}", "canary7", "");
    struct inlet header = given_inlet(
        h, s.t, s.app_id, "{\"kind\": \"api_key\", \"header\": \"X-Key\"}", "canary8", "");
    struct reply reply = inlet_post(h, &basic, HK_STR("{}"), as_json);

    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_memory_equal(reply_header(h->http, &reply, "www-authenticate"), "Basic", 5);
    assert_gives(202, inlet_post(h, &basic, HK_STR("{}"),
                                 (const char *const[]){"Authorization: Basic dTpwdzox", NULL}));
    assert_gives(401, inlet_post(h, &basic, HK_STR("{}"),
                                 (const char *const[]){"Authorization: Basic dTpwdzoy", NULL}));
    assert_gives(202, send(h, &query, "POST", "?a=1&key=canary7&b=2", NULL));
    assert_gives(202, send(h, &query, "POST", "?k%65y=canary7", NULL));
    assert_gives(401, send(h, &query, "POST", "?key=canary", NULL));
    assert_gives(
        202, inlet_post(h, &header, HK_STR("{}"), (const char *const[]){"x-key: canary8", NULL}));
    assert_gives(401, inlet_post(h, &header, HK_STR("{}"), (const char *const[]){"x-key:", NULL}));
    assert_int_equal(inlet_count(h, &basic) + inlet_count(h, &query) + inlet_count(h, &header), 4);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event e"
                               " WHERE e::text LIKE '%%canary%%' OR e::text LIKE '%%dTpwdzox%%'"),
                     0);
    assert_string_equal(db_text(h, "SELECT string_agg(request ->> 'query', ' ' ORDER BY id)"
                                   "  FROM hookline.event WHERE request ->> 'query' <> ''"),
                        "a=1&key=***&b=2 k%65y=***");
}

/* ---- limits ---- */

static void test_a_flow_keeps_its_rate_and_its_tenants_quota(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, ", \"rate_per_second\": 1");
    struct reply reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    struct inlet other;

    assert_status(reply, 202);
    reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    for (unsigned i = 0; i < 20 && reply.status == 202; i++) /* a second may have passed */
        reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    assert_problem(h, reply, 429, "rate_limited", NULL);
    assert_non_null(reply_header(h->http, &reply, "retry-after"));

    (void)api_want(h, 200, h->operator_key, "PATCH", at(h, "/v1/tenants/%s", s.t->id),
                   "{\"quotas\": {\"events_per_day\": 25}}");
    other = given_inlet(h, s.t, s.app_id, NONE, NULL, "");
    for (unsigned i = 0; i < 25; i++)
        reply = inlet_post(h, &other, HK_STR("{}"), as_json);
    reply = inlet_post(h, &other, HK_STR("{}"), as_json);
    assert_problem(h, reply, 429, "events_exceeded", NULL);
}

/* ---- repetitions and signals ---- */

static void test_a_delivery_that_comes_again_is_queued_once(void **state)
{
    static const struct hk_str body = {"{\"n\":1}", 7};
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct inlet inlet = given_inlet(h, s.t, s.app_id, "{\"kind\": \"github\"}", "s3cret", "");
    struct inlet twin = given_inlet(h, s.t, s.app_id, "{\"kind\": \"github\"}", "s3cret", "");
    const char *const headers[] = {
        at(h, "X-Hub-Signature-256: sha256=%s",
           inlet_hmac(h, HK_SHA256, false, HK_STR("s3cret"), body, HK_STR(""), HK_STR(""))),
        "X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958", NULL};
    struct reply reply = inlet_post(h, &inlet, body, headers);
    const char *event_id = reply_header(h->http, &reply, "hookline-event-id");

    assert_status(reply, 202);
    for (unsigned i = 0; i < 3; i++) {
        reply = inlet_post(h, &inlet, body, headers);
        assert_status(reply, 202);
        assert_string_equal(reply_header(h->http, &reply, "hookline-event-id"), event_id);
    }
    assert_int_equal(inlet_count(h, &inlet), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 1);
    assert_gives(202, inlet_post(h, &twin, body, headers)); /* another flow has ids of its own */
    assert_int_equal(inlet_count(h, &twin), 1);
}

static void test_an_id_counts_for_one_url_and_an_unsigned_one_for_one_body(void **state)
{
    static const char *const paths[] = {"", "/wait/a", "/wait/b"};
    static const char *const bodies[] = {"{\"n\":1}", "{\"n\":2}"};
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct inlet inlet = given_inlet(h, s.t, s.app_id, "{\"kind\": \"github\"}", "s3cret", "");

    for (size_t i = 0; i < 2 * HK_COUNTOF(paths) * HK_COUNTOF(bodies); i++) { /* each twice */
        struct hk_str body = hk_str(bodies[i / HK_COUNTOF(paths) % HK_COUNTOF(bodies)]);
        const char *signature =
            inlet_hmac(h, HK_SHA256, false, HK_STR("s3cret"), body, HK_STR(""), HK_STR(""));

        assert_gives(
            202,
            api_send(h, NULL, "POST", at(h, "%s%s", inlet.path, paths[i % HK_COUNTOF(paths)]), body,
                     (const char *const[]){at(h, "X-Hub-Signature-256: sha256=%s", signature),
                                           "X-GitHub-Delivery: 72d3162e", NULL}));
    }
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"),
                     HK_COUNTOF(paths) * HK_COUNTOF(bodies));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), HK_COUNTOF(bodies));
}

static void test_what_proves_nothing_leaves_the_tenants_requests_alone(void **state)
{
    static const struct hk_str body = {"{}", 2};
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct inlet inlet = given_inlet(h, s.t, s.app_id, "{\"kind\": \"github\"}", "s3cret", "");
    const char *const headers[] = {
        at(h, "X-Hub-Signature-256: sha256=%s",
           inlet_hmac(h, HK_SHA256, false, HK_STR("s3cret"), body, HK_STR(""), HK_STR(""))),
        NULL};
    struct reply reply;

    (void)api_want(h, 200, h->operator_key, "PATCH", at(h, "/v1/tenants/%s", s.t->id),
                   "{\"requests_per_second\": 1, \"requests_burst\": 3}");
    for (unsigned i = 0; i < 10; i++) {
        reply = inlet_post(h, &inlet, body, as_json);
        assert_status(reply, 401);
        assert_null(reply_header(h->http, &reply, "ratelimit-policy"));
    }
    for (unsigned i = 0; i < 30 && reply.status != 429; i++) {
        reply = inlet_post(h, &inlet, body, headers);
        if (i == 0) {
            assert_status(reply, 202);
            assert_non_null(reply_header(h->http, &reply, "ratelimit-policy"));
        }
    }
    assert_problem(h, reply, 429, "rate_limited", NULL);
}

static void test_a_request_at_the_wait_url_is_a_signal_and_no_run(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct reply reply = api_send(h, NULL, "POST", at(h, "%s/wait/order%%2042", s.inlet.path),
                                  HK_STR("{\"paid\":true}"), as_json);

    assert_status(reply, 202);
    assert_string_equal(event_column(h, &reply, "event_type"), "flow.signal");
    assert_string_equal(event_column(h, &reply, "request ->> 'wait_key'"), "order 42");
    assert_string_equal(event_column(h, &reply, "request ->> 'path'"),
                        at(h, "/in/%s/wait/order%%2042", s.inlet.id));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.flow_signal WHERE wait_key = 'order 42'"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message"), 0);
}

static void test_a_pulled_flows_request_is_never_due(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, ", \"delivery\": \"pull\"");

    assert_gives(202, inlet_post(h, &s.inlet, HK_STR("{}"), as_json));
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.queue"
                            " WHERE due_at = 'infinity' AND pulled_until <= now() AND NOT laned"),
                     1);
}

/* ---- trouble ---- */

static void test_nothing_is_answered_as_queued_that_is_not(void **state)
{
    struct harness *h = *state;
    struct scene s = given_scene(h, "");
    struct pg_conn *lock;
    struct reply reply;

    assert_gives(202, inlet_post(h, &s.inlet, HK_STR("{}"), as_json));
    lock = db_lock(h, "event");
    reply = inlet_post(h, &s.inlet, HK_STR("{}"), as_json);
    assert_int_equal(reply.status, 503);
    db_unlock(lock);
    assert_gives(202, inlet_post(h, &s.inlet, HK_STR("{}"), as_json));
    assert_true(inlet_count(h, &s.inlet) >= 2); /* a 503 says that nobody knows */
}

int main(void)
{
    static const char *const unguarded[] = {"HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=0", NULL};
    static const char *const hasty[] = {"HOOKLINE_API_QUERY_TIMEOUT_MS=1000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_json_is_kept_byte_for_byte_and_its_run_is_queued, .has_no_worker = true),
        harness_test(test_what_is_no_json_is_kept_as_bytes, .has_no_worker = true),
        harness_test(test_what_is_not_there_is_404, .has_no_worker = true),
        harness_test(test_a_change_counts_from_the_next_request_on, .has_no_worker = true,
                     .env = unguarded),
        harness_test(test_a_flow_takes_the_methods_sizes_and_types_that_it_says,
                     .has_no_worker = true),
        harness_test(test_each_method_may_be_taken_at_both_urls, .has_no_worker = true),
        harness_test(test_keys_and_passwords_are_checked_and_not_kept, .has_no_worker = true,
                     .env = unguarded),
        harness_test(test_a_flow_keeps_its_rate_and_its_tenants_quota, .has_no_worker = true),
        harness_test(test_a_delivery_that_comes_again_is_queued_once, .has_no_worker = true),
        harness_test(test_an_id_counts_for_one_url_and_an_unsigned_one_for_one_body,
                     .has_no_worker = true),
        harness_test(test_what_proves_nothing_leaves_the_tenants_requests_alone,
                     .has_no_worker = true, .env = unguarded),
        harness_test(test_a_request_at_the_wait_url_is_a_signal_and_no_run, .has_no_worker = true),
        harness_test(test_a_pulled_flows_request_is_never_due, .has_no_worker = true),
        harness_test(test_nothing_is_answered_as_queued_that_is_not, .has_no_worker = true,
                     .env = hasty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
