/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of flows: seen step by step, cancelled, done again; and given to consumers that pull. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define STEPS                                                                                      \
    "\"steps\": [{\"name\": \"one\", \"kind\": \"map\", \"template\": {\"a\": 1}},"                \
    " {\"name\": \"two\", \"kind\": \"map\", \"template\": {\"b\": 2}}]"

static struct inlet given_in(struct harness *h, const struct tenant *t, const char *members)
{
    return given_inlet(h, t, given_app(h, t, "acme"), "{\"kind\": \"none\"}", NULL, members);
}

static struct reply receive(struct harness *h, const struct tenant *t, const char *flow_id,
                            const char *body)
{
    return api_want(h, 200, t->receiver, "POST", at(h, "/v1/flows/%s/receive", flow_id), body);
}

static struct reply answer(struct harness *h, const struct tenant *t, const char *flow_id,
                           const char *how, const char *receipt, const char *more)
{
    return api_want(h, 200, t->receiver, "POST", at(h, "/v1/flows/%s/%s", flow_id, how),
                    at(h, "{\"receipts\": [\"%s\"]%s}", receipt, more));
}

static void test_a_consumer_receives_and_acknowledges(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\"");
    const char *run_id = inlet_run(h, t, &in, "application/json", "{\"price\":0.10}"), *receipt;
    struct reply reply = receive(h, t, in.id, NULL);

    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.run_id"), run_id);
    assert_string_equal(reply_text(&reply, "data.0.body_encoding"), "json");
    assert_non_null(strstr(reply.body, "{\"price\":0.10}")); /* byte for byte */
    assert_null(strstr(reply.body, "s3cret"));
    receipt = reply_text(&reply, "data.0.receipt");
    reply = receive(h, t, in.id, NULL); /* leased */
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = answer(h, t, in.id, "ack", receipt, "");
    assert_int_equal(reply_int(&reply, "answered"), 1);
    reply = answer(h, t, in.id, "ack", receipt, "");
    assert_int_equal(reply_int(&reply, "answered"), 0);
    assert_string_equal(reply_text(&reply, "stale.0"), receipt);
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/runs/%s", run_id), NULL);
    assert_string_equal(reply_text(&reply, "status"), "succeeded");
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/messages/%s/attempts", run_id), NULL);
    assert_string_equal(reply_text(&reply, "data.0.url"), "pull:");
}

static void test_what_is_given_back_comes_again_and_not_for_ever(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\", \"max_receives\": 2");
    const char *run_id = inlet_run(h, t, &in, "text/plain", "hello"), *first;
    struct reply reply = receive(h, t, in.id, "{\"max\": 5, \"lease_seconds\": 1}");

    assert_string_equal(reply_text(&reply, "data.0.body_encoding"), "text");
    assert_string_equal(reply_text(&reply, "data.0.body"), "hello");
    first = reply_text(&reply, "data.0.receipt");
    reply = receive(h, t, in.id, "{\"wait_seconds\": 20}"); /* until that lease has ended */
    assert_int_equal(reply_int(&reply, "data.0.receives"), 2);
    assert_string_not_equal(reply_text(&reply, "data.0.receipt"), first);
    (void)answer(h, t, in.id, "ack", first, ""); /* of a lease that has ended */
    reply =
        answer(h, t, in.id, "nack", reply_text(&reply, "data.0.receipt"), ", \"delay_seconds\": 0");
    assert_int_equal(reply_int(&reply, "answered"), 1);
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/runs/%s", run_id), NULL);
    assert_string_equal(reply_text(&reply, "status"), "failed");
    assert_string_equal(reply_text(&reply, "status_reason"), "receives_exhausted");
}

static void test_who_waits_is_told_when_something_comes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\"");
    const char *path = at(h, "/v1/flows/%s/receive", in.id);
    int first = raw_start(h, t->receiver, "POST", path, "{\"max\": 1, \"wait_seconds\": 20}");
    int second = raw_start(h, t->receiver, "POST", path, "{\"max\": 1, \"wait_seconds\": 20}");
    struct reply one, other;

    (void)inlet_run(h, t, &in, "application/json", "{\"n\":1}");
    (void)inlet_run(h, t, &in, "application/json", "{\"n\":2}");
    one = raw_finish(h, first);
    assert_int_equal(one.status, 200);
    assert_int_equal(reply_count(&one, "data"), 1);
    other = raw_finish(h, second);
    assert_int_equal(reply_count(&other, "data"), 1);
}

static void test_who_has_gone_is_given_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\"");
    int gone = raw_start(h, t->receiver, "POST", at(h, "/v1/flows/%s/receive", in.id),
                         "{\"max\": 1, \"wait_seconds\": 20, \"lease_seconds\": 600}");
    struct reply reply;

    for (unsigned i = 0; i < 3; i++) /* behind it: it has begun to wait */
        (void)api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s", in.id), NULL);
    raw_abandon(gone);
    (void)inlet_run(h, t, &in, "application/json", "{\"n\":1}");
    reply = receive(h, t, in.id, "{\"max\": 1, \"wait_seconds\": 20}");
    assert_int_equal(reply_count(&reply, "data"), 1);
    (void)inlet_run(h, t, &in, "application/json", "{\"n\":2}");
    reply = receive(h, t, in.id, "{\"max\": 1, \"wait_seconds\": 20}");
    assert_int_equal(reply_count(&reply, "data"), 1);
}

static void test_what_is_pulled_no_worker_takes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\"");
    const char *first = inlet_run(h, t, &in, "application/json", "{\"n\":1}"), *tenant;
    struct reply reply = receive(h, t, in.id, NULL);

    (void)answer(h, t, in.id, "ack", reply_text(&reply, "data.0.receipt"), "");
    (void)api_want(h, 202, t->admin, "POST", at(h, "/v1/messages/%s/resend", first), NULL);
    (void)api_want(h, 202, t->admin, "POST", at(h, "/v1/runs/%s/rerun", first), NULL);
    (void)inlet_run(h, t, &in, "application/json", "{\"n\":2}");
    tenant = at(h, "/v1/tenants/%s", t->id);
    (void)api_want(h, 200, h->operator_key, "PATCH", tenant, "{\"state\": \"suspended\"}");
    (void)api_want(h, 200, h->operator_key, "PATCH", tenant, "{\"state\": \"active\"}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue WHERE due_at = 'infinity'"
                               " AND pulled_until <= now()"),
                     3);
    reply = receive(h, t, in.id, NULL);
    assert_int_equal(reply_count(&reply, "data"), 3);
}

static void test_a_flow_with_steps_is_not_pulled(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, "");
    const char *request = at(h, "POST /v1/flows/%s/receive", in.id);

    expect_refused(h, t->receiver, request, HK_STR("{}"), 409, "conflict", "");
    expect_refused(h, t->receiver, request, HK_STR("{\"max\": 101}"), 422, "invalid_body", "/max");
    expect_refused(h, t->receiver, request, HK_STR("{\"wait_seconds\": 21}"), 422, "invalid_body",
                   "/wait_seconds");
    expect_refused(h, t->support, request, HK_STR("{}"), 403, "forbidden", NULL);
}

static void test_a_run_is_seen_step_by_step_cancelled_and_done_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", " STEPS);
    const char *run_id = inlet_run(h, t, &in, "application/json", "{\"x\":1}");
    const char *path = at(h, "/v1/runs/%s", run_id), *again;
    struct reply reply = api_want(h, 200, t->partner, "GET", path, NULL);

    assert_string_equal(reply_text(&reply, "status"), "pending");
    assert_string_equal(reply_text(&reply, "step"), "one");
    assert_string_equal(reply_text(&reply, "steps.1.name"), "two");
    assert_string_equal(reply_text(&reply, "steps.1.status"), "pending");
    reply = api_want(h, 200, t->partner, "POST", at(h, "%s/cancel", path), NULL);
    assert_string_equal(reply_text(&reply, "status"), "cancelled");
    assert_string_equal(reply_text(&reply, "status_reason"), "run_cancelled");
    expect_refused(h, t->partner, at(h, "POST %s/cancel", path), HK_STR_NULL, 409, "conflict", "");
    expect_refused(h, t->partner, at(h, "POST %s/rerun", path), HK_STR("{\"from_step\": \"two\"}"),
                   422, "invalid_body", "/from_step");
    expect_refused(h, t->partner, at(h, "POST %s/rerun", path),
                   HK_STR("{\"from_step\": \"three\"}"), 422, "invalid_body", "/from_step");
    /* as the worker records it */
    (void)db_int(
        h,
        "INSERT INTO hookline.attempt (tenant_id, message_id, attempt_no, started_at, url,"
        " outcome, duration_us, worker, step_no, step_name, step_value, step_output)"
        " SELECT tenant_id, id, 1, now(), 'map:', 'succeeded', 5, 'w', 0, 'one',"
        " '{\"a\":0.10}', '{\"a\":0.10}' FROM hookline.message WHERE id = '%s' RETURNING 1",
        run_id);
    reply =
        api_want(h, 202, t->partner, "POST", at(h, "%s/rerun", path), "{\"from_step\": \"two\"}");
    assert_string_equal(reply_text(&reply, "origin"), "rerun");
    assert_string_equal(reply_text(&reply, "resend_of"), run_id);
    assert_string_equal(reply_text(&reply, "step"), "two");
    again = at(h, "/v1/runs/%s", reply_text(&reply, "id"));
    assert_string_equal(db_text(h, "SELECT value || outputs FROM hookline.run"),
                        "{\"a\":0.10}{\"one\":{\"a\":0.10}}");
    reply = api_want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "steps.0.status"), "succeeded");
    assert_string_equal(reply_text(&reply, "steps.1.status"), "skipped");
    reply =
        api_want(h, 200, t->partner, "GET", at(h, "/v1/flows/%s/runs?status=pending", in.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    (void)api_want(h, 204, t->partner, "DELETE", at(h, "/v1/flows/%s", in.id), NULL);
    reply = api_want(h, 200, t->partner, "GET", again, NULL);
    assert_string_equal(reply_text(&reply, "status"), "cancelled");
    assert_string_equal(reply_text(&reply, "status_reason"), "flow_archived");

    /* What the steps have made of a payload goes with it. */
    (void)db_text(h,
                  "SET search_path = hookline;"
                  "SELECT retention_forget_payloads('%s', ARRAY(SELECT id FROM event))",
                  t->id);
    assert_int_equal(db_int(h,
                            "SELECT num_nonnulls(step_value, step_output) FROM hookline.attempt"
                            " WHERE message_id = '%s'",
                            run_id),
                     0);
}

static void test_what_is_sensitive_and_no_json_is_masked_whole(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", " STEPS);
    const char *run_id, *path;
    struct reply reply =
        api_want(h, 201, t->admin, "POST", "/v1/event_types",
                 "{\"name\": \"flow.request\", \"sensitive_paths\": [\"$.iban\"]}");

    in.path = at(h, "%s?iban=canary", in.path);
    run_id = inlet_run(h, t, &in, "application/x-www-form-urlencoded", "iban=canary");
    path = at(h, "/v1/runs/%s", run_id);
    (void)db_int(h,
                 "INSERT INTO hookline.attempt (tenant_id, message_id, attempt_no, started_at, url,"
                 " outcome, duration_us, worker, step_no, step_name, step_value, step_output)"
                 " SELECT tenant_id, id, 1, now(), 'map:', 'succeeded', 5, 'w', 0, 'one',"
                 " '{\"a\":\"canary\"}', '{\"a\":\"canary\"}' FROM hookline.message WHERE id = '%s'"
                 " RETURNING 1",
                 run_id);
    reply = api_want(h, 200, t->admin, "GET", path, NULL);
    assert_non_null(strstr(reply.body, "canary"));
    reply = api_want(h, 200, t->support, "GET", path, NULL);
    assert_null(strstr(reply.body, "canary"));
    path = at(h, "/v1/events/%s", reply_text(&reply, "event_id"));
    reply = api_want(h, 200, t->admin, "GET", path, NULL);
    assert_non_null(strstr(reply.body, "canary"));
    reply = api_want(h, 200, t->support, "GET", path, NULL);
    assert_null(strstr(reply.body, "canary"));
}

static void test_a_request_is_shown_without_its_proofs_and_forgotten(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet in = given_in(h, t, ", \"delivery\": \"pull\"");
    const char *run_id = inlet_run(h, t, &in, "image/png", "not really"), *event_id;
    struct reply reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/runs/%s", run_id), NULL);

    event_id = reply_text(&reply, "event_id");
    reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/events/%s", event_id), NULL);
    assert_string_equal(reply_text(&reply, "request.content_type"), "image/png");
    assert_non_null(strstr(reply.body, "\"***\""));
    assert_null(strstr(reply.body, "s3cret"));
    assert_int_equal(reply_int(&reply, "request.body_bytes"), 10);
    reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/events/%s/explain", event_id), NULL);
    assert_string_equal(reply_text(&reply, "flow.run_id"), run_id);
    assert_string_equal(reply_text(&reply, "data.0.subscription_id"), in.id);
    assert_string_equal(reply_text(&reply, "data.0.message.id"), run_id);
    reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/events/%s/body", event_id), NULL);
    assert_string_equal(reply.body, "not really");
    assert_string_equal(reply_header(h->http, &reply, "content-type"), "image/png");
    assert_non_null(strstr(reply_header(h->http, &reply, "content-disposition"), "attachment"));
    (void)api_want(h, 200, t->admin, "POST", at(h, "/v1/events/%s/expunge", event_id),
                   "{\"reason\": \"asked\"}");
    (void)api_want(h, 409, t->partner, "GET", at(h, "/v1/events/%s/body", event_id), NULL);
    reply = api_want(h, 200, t->partner, "GET", at(h, "/v1/events/%s", event_id), NULL);
    assert_null(strstr(reply.body, "\"request\""));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"
                               " WHERE body IS NOT NULL OR request IS NOT NULL"),
                     0);
    reply = receive(h, t, in.id, NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_consumer_receives_and_acknowledges),
        harness_test(test_what_is_given_back_comes_again_and_not_for_ever),
        harness_test(test_who_waits_is_told_when_something_comes),
        harness_test(test_who_has_gone_is_given_nothing),
        harness_test(test_what_is_pulled_no_worker_takes),
        harness_test(test_a_flow_with_steps_is_not_pulled),
        harness_test(test_a_run_is_seen_step_by_step_cancelled_and_done_again,
                     .has_no_worker = true),
        harness_test(test_what_is_sensitive_and_no_json_is_masked_whole),
        harness_test(test_a_request_is_shown_without_its_proofs_and_forgotten),
    };

    return cmocka_run_group_tests_name("flow_runs", tests, NULL, NULL);
}
