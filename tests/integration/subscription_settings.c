/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription says for itself: header fields, credentials, overrides, hold, cool-off. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

struct story {
    struct tenant *t;
    const char *id, *path; /* of the subscription of /hook */
};

static struct story given(struct harness *h)
{
    struct story s = {.t = given_tenant(h)};

    s.id = given_story(h, s.t, "/hook").id;
    s.path = http_text(h->http, "/v1/subscriptions/%s", s.id);
    return s;
}

static struct reply change(struct harness *h, const struct story *s, const char *body)
{
    return api_want(h, 200, s->t->partner, "PATCH", s->path, body);
}

/* The first request after publishing one event. */
static struct reply send_one(struct harness *h, const struct story *s)
{
    unsigned n = sinker_count(h, "/hook");

    (void)publish(h, s->t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", n + 1, 10000);
    return sinker_request(h, "/hook", n);
}

/* RFC 7396: {} changes nothing, not even the time of the last change. */
static void test_an_empty_patch_changes_nothing(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply before = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    const char *rows = db_all_rows(h);
    struct reply after = change(h, &s, "{}");

    assert_string_equal(after.body, before.body);
    assert_string_equal(db_all_rows(h), rows);
}

/* ---- header fields ---- */

static void test_header_fields_arrive_and_sensitive_ones_are_never_shown(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply = change(
        h, &s, "{\"headers\": {\"X-Environment\": \"live; \\u00e9\", \"X-Api-Key\": \"k-1\"}}");

    assert_string_equal(reply_text(&reply, "headers.X-Environment"), "live; \xc3\xa9");
    assert_int_equal(reply_count(&reply, "headers"), 1);
    assert_string_equal(reply_text(&reply, "sensitive_headers.0"), "X-Api-Key");
    assert_null(strstr(reply.body, "k-1"));
    reply = send_one(h, &s);
    assert_string_equal(reply_text(&reply, "headers.x-environment"), "live; \xc3\xa9");
    assert_string_equal(reply_text(&reply, "headers.x-api-key"), "k-1");
    assert_string_equal(reply_text(&reply, "signature"), "valid");
}

static void test_a_patch_merges_header_fields_by_their_caseless_names(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply;

    (void)change(h, &s, "{\"headers\": {\"X-A\": \"1\", \"X-B\": \"2\", \"X-C\": \"3\"}}");
    reply = change(h, &s, "{\"headers\": {\"x-a\": \"4\", \"X-B\": null}}");
    assert_members(reply, "headers", "X-C,x-a");
    reply = change(h, &s, "{\"headers\": {}}");
    assert_members(reply, "headers", "X-C,x-a");
    reply = change(h, &s, "{\"headers\": null}");
    assert_int_equal(reply_count(&reply, "headers"), 0);
}

static void test_header_fields_that_are_not_the_subscribers_are_refused(void **state)
{
    static const char *const names[] = {"Host",
                                        "connection",
                                        "Content-Length",
                                        "content-type",
                                        "Transfer-Encoding",
                                        "TE",
                                        "Upgrade",
                                        "Cookie",
                                        "Proxy-Authorization",
                                        "webhook-id",
                                        "Webhook-Signature",
                                        "ce-id",
                                        "traceparent",
                                        "User-Agent",
                                        "X-Forwarded-For",
                                        "x-amz-date",
                                        "Expect",
                                        "svix-id",
                                        "X-Delivery-Hmac-SHA256",
                                        "X-Hookline-Test",
                                        "via",
                                        "X A",
                                        "",
                                        "X:A",
                                        "X-\\u00e9",
                                        "X\\r\\nY"};
    struct harness *h = *state;
    struct story s = given(h);

    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        struct reply reply =
            api_call(h, s.t->partner, "PATCH", s.path, "{\"headers\": {\"%s\": \"v\"}}", names[i]);

        assert_status(reply, 422);
        assert_memory_equal(reply_text(&reply, "errors.0.pointer"), "/headers/", 9);
    }
}

static void test_header_values_are_one_line(void **state)
{
    static const char *const values[] = {"\"a\\r\\nX-Injected: yes\"",
                                         "\"a\\nb\"",
                                         "\"\\u0001\"",
                                         "\"\\u007f\"",
                                         "\"\"",
                                         "\" a\"",
                                         "1",
                                         "true",
                                         "[]"};
    struct harness *h = *state;
    struct story s = given(h);

    for (size_t i = 0; i < HK_COUNTOF(values); i++) {
        const char *body = http_text(h->http, "{\"headers\": {\"X-A\": %s}}", values[i]);

        expect_refused(h, s.t->partner, http_text(h->http, "PATCH %s", s.path), hk_str(body), 422,
                       "invalid_body", "/headers/X-A");
    }
}

static void test_header_fields_have_limits_together(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *request = http_text(h->http, "PATCH %s", s.path), *many = "";

    (void)change(h, &s, "{\"headers\": {\"X-0\": \"0\"}}");
    for (int i = 1; i <= 32; i++)
        many = http_text(h->http, "%s%s\"X-%d\": \"v\"", many, i == 1 ? "" : ",", i);
    expect_refused(h, s.t->partner, request,
                   hk_str(http_text(h->http, "{\"headers\": {%s}}", many)), 422, "invalid_body",
                   "/headers");
    expect_refused(
        h, s.t->partner, request,
        hk_str(http_text(h->http, "{\"headers\": {\"X-1\": \"%02090d\", \"X-2\": \"%02000d\"}}", 7,
                         7)),
        422, "invalid_body", "/headers");
    expect_refused(h, s.t->partner, request,
                   HK_STR("{\"headers\": {\"X-A\": \"1\", \"x-a\": \"2\"}}"), 422, "invalid_body",
                   "/headers");
}

/* ---- credentials ---- */

static void test_a_bearer_token_arrives_and_is_never_shown(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply = change(h, &s, "{\"credentials\": {\"token\": \"t0k.en~+/=\"}}");

    assert_string_equal(reply_text(&reply, "credentials_kind"), "bearer");
    assert_true(reply_is_null(&reply, "username"));
    assert_null(strstr(reply.body, "t0k"));
    reply = send_one(h, &s);
    assert_string_equal(reply_text(&reply, "headers.authorization"), "Bearer t0k.en~+/=");
    assert_null(strstr(harness_logs(h), "t0k"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log WHERE detail::text LIKE '%%t0k%%'"),
                     0);
}

static void test_credentials_are_of_one_kind_and_make_the_field_authorization(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"credentials\": {\"token\": \"a\", \"username\": \"u\"}}", "/credentials/token"},
        {"{\"credentials\": {\"username\": \"u\"}}", "/credentials/password"},
        {"{\"credentials\": {\"password\": \"p\"}}", "/credentials/username"},
        {"{\"credentials\": {\"token\": \"a b\"}}", "/credentials/token"},
        {"{\"credentials\": {\"token\": \"\"}}", "/credentials/token"},
        {"{\"credentials\": {\"token\": \"a\"}, \"headers\": {\"Authorization\": \"x\"}}",
         "/headers"},
    };
    struct harness *h = *state;
    struct story s = given(h);
    const char *request = http_text(h->http, "PATCH %s", s.path);
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, request, hk_str(wrong[i][0]), 422, "invalid_body",
                       wrong[i][1]);
    (void)change(h, &s, "{\"credentials\": {\"token\": \"a\"}}");
    expect_refused(h, s.t->partner, request, HK_STR("{\"headers\": {\"authorization\": \"x\"}}"),
                   422, "invalid_body", "/headers");
    (void)change(h, &s, "{\"credentials\": null, \"headers\": {\"authorization\": \"ApiKey x\"}}");
    reply = send_one(h, &s);
    assert_string_equal(reply_text(&reply, "headers.authorization"), "ApiKey x");
}

/* ---- overrides ---- */

static void test_overrides_go_before_the_profile(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *path;
    struct reply reply;

    (void)change(h, &s,
                 "{\"overrides\": {\"responses\": {\"2xx\": \"retry\", \"200\": \"success\"}, "
                 "\"schedule\": \"1s\","
                 " \"jitter_percent\": 0}}");
    sinker_rule(h, "/hook", "{\"then\": {\"status\": 204}}");
    path = message_path(h, s.t, publish(h, s.t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, s.t, path, "failed");
    reply = api_want(h, 200, s.t->admin, "GET", path, NULL);
    assert_int_equal(reply_int(&reply, "attempts"), 2);
    assert_string_equal(reply_text(&reply, "status_reason"), "schedule_exhausted");

    reply = change(h, &s, "{\"overrides\": {\"responses\": {\"2xx\": null, \"200\": null}}}");
    assert_members(reply, "overrides", "schedule,jitter_percent");
    path = message_path(h, s.t, publish(h, s.t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, s.t, path, "succeeded");
}

static void test_an_overridden_timeout_and_401_are_honoured(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *path;
    struct reply reply;

    (void)change(h, &s,
                 "{\"timeout_ms\": 20000, \"overrides\": {\"timeout_ms\": 1000, \"schedule\":"
                 " \"1s\", \"jitter_percent\": 0, \"responses\": {\"401\": \"unsubscribe\"}}}");
    sinker_rule(h, "/hook", "{\"replies\": [{\"hang\": true}], \"then\": {\"status\": 401}}");
    path = message_path(h, s.t, publish(h, s.t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, s.t, path, "failed");
    reply = api_want(h, 200, s.t->admin, "GET", http_text(h->http, "%s/attempts", path), NULL);
    assert_string_equal(reply_text(&reply, "data.0.outcome"), "timeout");
    assert_true(reply_int(&reply, "data.0.duration_us") < 5000000);
    api_wait_for(h, s.t->partner, s.path, "state", "unsubscribed", 10000);
}

static void test_overrides_and_limits_are_judged_as_a_profiles(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"overrides\": {\"success\": \"200\"}}", "/overrides/success"},
        {"{\"overrides\": {\"responses\": {\"42x\": \"drop\"}}}", "/overrides/responses/42x"},
        {"{\"overrides\": {\"responses\": {\"410\": \"explode\"}}}", "/overrides/responses/410"},
        {"{\"overrides\": {\"responses\": {\"error\": \"disable\"}}}",
         "/overrides/responses/error"},
        {"{\"overrides\": {\"responses\": [\"410\"]}}", "/overrides/responses"},
        {"{\"overrides\": {\"timeout_ms\": 999}}", "/overrides/timeout_ms"},
        {"{\"overrides\": {\"schedule\": \"5x\"}}", "/overrides/schedule"},
        {"{\"overrides\": {\"schedule\": \"0s*1000\"}}", "/overrides/schedule"},
        {"{\"overrides\": {\"jitter_percent\": 101}}", "/overrides/jitter_percent"},
        {"{\"overrides\": {\"on_401\": \"unsubscribe\"}}", "/overrides/on_401"},
        {"{\"overrides\": {\"retry_after_cap_ms\": -1}}", "/overrides/retry_after_cap_ms"},
        {"{\"overrides\": {\"envelope\": \"xml\"}}", "/overrides/envelope"},
        {"{\"overrides\": {\"signature\": \"v1\"}}", "/overrides/signature"},
        {"{\"overrides\": {\"secret_of\": \"app\"}}", "/overrides/secret_of"},
        {"{\"overrides\": {\"starts\": \"at_once\"}}", "/overrides/starts"},
        {"{\"rate_per_second\": 0}", "/rate_per_second"},
        {"{\"max_in_flight\": 1001}", "/max_in_flight"},
        {"{\"ordered\": null}", "/ordered"},
    };
    struct harness *h = *state;
    struct story s = given(h);
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, http_text(h->http, "PATCH %s", s.path), hk_str(wrong[i][0]),
                       422, "invalid_body", wrong[i][1]);
    reply = change(h, &s, "{\"rate_per_second\": 5, \"max_in_flight\": 2, \"ordered\": true}");
    assert_int_equal(reply_int(&reply, "rate_per_second"), 5);
    assert_int_equal(reply_int(&reply, "max_in_flight"), 2);
    assert_true(reply_bool(&reply, "ordered"));
    reply = change(h, &s, "{\"rate_per_second\": null, \"max_in_flight\": null}");
    assert_true(reply_is_null(&reply, "rate_per_second"));
}

static void test_bk_01_one_url_may_have_many_subscriptions(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    struct reply mine = api_want(h, 200, s.t->partner, "GET", s.path, NULL), other;

    other =
        api_call(h, s.t->partner, "POST",
                 http_text(h->http, "/v1/apps/%s/subscriptions", reply_text(&mine, "app_id")),
                 "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]}", sinker_url(h, "/hook"));
    assert_status(other, 201);
    (void)publish(h, s.t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, 10000);
}

/* ---- hold ---- */

static bool all_are_held(void *h)
{
    return db_int(h, "SELECT count(*) FROM message WHERE status = 'held'"
                     " AND status_reason = 'subscription_held'") == 20;
}

static void test_what_is_published_while_held_waits_and_is_sent_in_order(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);
    const char *path;
    struct reply reply;

    reply = api_want(h, 200, s.t->partner, "POST", http_text(h->http, "%s/hold", s.path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "held");
    for (int i = 0; i < 20; i++)
        (void)publish(h, s.t, "order.paid", "c1", http_text(h->http, "{\"n\":%02d}", i + 10));
    assert_true(wait_until(all_are_held, h, 10000));
    assert_int_equal(sinker_count(h, "/hook"), 0);

    harness_stop_worker(h, 0);
    path = http_text(h->http, "%s/resume", s.path);
    reply = api_want(h, 200, s.t->partner, "POST", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
    assert_string_equal(db_text(h,
                                "SELECT string_agg(substr(e.payload, 6, 2), '' ORDER BY q.due_at)"
                                "  FROM queue q JOIN message m ON m.id = q.message_id"
                                "  JOIN event e ON e.id = m.event_id"),
                        "1011121314151617181920212223242526272829");
    (void)harness_start_worker(h);
    sinker_wait(h, "/hook", 20, 10000);
}

static void test_paused_skips_and_held_keeps_what_is_new(void **state)
{
    static const struct {
        const char *action, *state, *skip;
    } steps[] = {{"pause", "paused", "subscription_paused"},
                 {"hold", "held", NULL},
                 {"hold", "held", NULL},
                 {"pause", "paused", "subscription_paused"}};
    struct harness *h = *state;
    struct story s = given(h);

    for (size_t i = 0; i < HK_COUNTOF(steps); i++) {
        const char *path = http_text(h->http, "%s/%s", s.path, steps[i].action), *event;
        struct reply reply = api_want(h, 200, s.t->partner, "POST", path, NULL);

        assert_string_equal(reply_text(&reply, "state"), steps[i].state);
        event = publish(h, s.t, "order.paid", "c1", "{}");
        if (steps[i].skip == NULL) {
            message_wait(h, s.t, message_path(h, s.t, event, NULL), "held");
            continue;
        }
        reply =
            api_want(h, 200, s.t->admin, "GET", http_text(h->http, "/v1/events/%s", event), NULL);
        assert_string_equal(reply_text(&reply, "skips.0.reason"), steps[i].skip);
    }
    (void)api_want(h, 200, s.t->partner, "POST", http_text(h->http, "%s/resume", s.path), NULL);
    sinker_wait(h, "/hook", 2, 10000);
}

static void test_an_archived_subscription_cannot_be_held(void **state)
{
    struct harness *h = *state;
    struct story s = given(h);

    (void)api_want(h, 204, s.t->partner, "DELETE", s.path, NULL);
    (void)api_want(h, 409, s.t->partner, "POST", http_text(h->http, "%s/hold", s.path), NULL);
}

/* ---- cool-off ---- */

static void test_bq_09_an_event_in_the_cool_off_is_delivered_at_its_end(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id, *path, *active_from;
    struct reply made, message, request;

    (void)given_story(h, t, "/other");
    (void)api_want(h, 200, t->admin, "PATCH", "/v1/tenant", "{\"cool_off_s\": 3}");
    app_id = db_text(h, "SELECT id FROM app WHERE tenant_id = '%s'", t->id);
    made = api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                    "{\"url\": \"%s\", \"event_types\": [\"order.paid\"], \"profile\": \"basiq\"}",
                    sinker_url(h, "/hook"));
    assert_status(made, 201);
    active_from = reply_text(&made, "active_from");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), reply_text(&made, "id"));
    message = api_want(h, 200, t->admin, "GET", path, NULL);
    assert_string_equal(reply_text(&message, "status"), "pending");
    assert_string_equal(reply_text(&message, "next_attempt_at"), active_from);

    sinker_wait(h, "/hook", 1, 15000);
    request = sinker_request(h, "/hook", 0);
    assert_true(
        reply_int(&request, "received_at_us") >=
        db_int(h, "SELECT (1e6 * extract(epoch FROM '%s'::timestamptz))::bigint", active_from));
    made = api_want(h, 200, t->partner, "GET",
                    http_text(h->http, "/v1/subscriptions/%s", reply_text(&made, "id")), NULL);
    assert_string_equal(reply_text(&made, "active_from"), active_from);
    assert_true(db_int(h, "SELECT count(*) FROM subscription WHERE active_from IS NULL") == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_an_empty_patch_changes_nothing, .has_no_worker = true),
        harness_test(test_header_fields_arrive_and_sensitive_ones_are_never_shown),
        harness_test(test_a_patch_merges_header_fields_by_their_caseless_names),
        harness_test(test_header_fields_that_are_not_the_subscribers_are_refused),
        harness_test(test_header_values_are_one_line),
        harness_test(test_header_fields_have_limits_together),
        harness_test(test_a_bearer_token_arrives_and_is_never_shown),
        harness_test(test_credentials_are_of_one_kind_and_make_the_field_authorization),
        harness_test(test_overrides_go_before_the_profile),
        harness_test(test_an_overridden_timeout_and_401_are_honoured),
        harness_test(test_overrides_and_limits_are_judged_as_a_profiles),
        harness_test(test_bk_01_one_url_may_have_many_subscriptions),
        harness_test(test_what_is_published_while_held_waits_and_is_sent_in_order),
        harness_test(test_paused_skips_and_held_keeps_what_is_new),
        harness_test(test_an_archived_subscription_cannot_be_held),
        harness_test(test_bq_09_an_event_in_the_cool_off_is_delivered_at_its_end),
    };

    return cmocka_run_group_tests_name("subscription_settings", tests, NULL, NULL);
}
