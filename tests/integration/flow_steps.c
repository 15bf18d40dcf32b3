/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of flows, each kind: what it does, what is recorded of it, and what becomes of its run
 * when it fails. What comes in is put there by SQL (tests/support/flow.h).
 */
#include <stdlib.h>

#include "tests/support/flow.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

struct world {
    struct tenant *t;
    const char *app_id, *subscription_path;
};

/* Event type "order.paid", company c1, and a subscription of another path of the sinker. */
static struct world given_world(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};

    w.app_id = given_app(h, w.t, "acme");
    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    (void)given_connection(h, w.t, w.app_id, "c1");
    (void)given_subscription(h, w.t, w.app_id, "/events", "order.paid");
    return w;
}

/* A run of a new flow with these steps; "%s" in them is the sinker's URL of /call. */
static const char *run_of(struct harness *h, const struct world *w, const char *steps,
                          const char *payload)
{
    const char *place = strstr(steps, "%s");
    const char *text = steps;

    if (place != NULL)
        text = http_text(h->http, "%.*s%s%s", (int)(place - steps), steps, sinker_url(h, "/call"),
                         place + 2);
    return flow_request(h, w->t, given_flow(h, w->t, w->app_id, text), payload);
}

#define HTTP_STEP "{\"name\":\"call\",\"kind\":\"http\",\"method\":\"POST\",\"url\":\"%s\""

/* ---- each kind ---- */

static void test_a_run_goes_through_its_steps_in_order(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run = run_of(
        h, &w,
        "[{\"name\":\"only\",\"kind\":\"filter\",\"condition\":\"$.kind == \\\"post\\\"\"},"
        "{\"name\":\"short\",\"kind\":\"map\",\"template\":{\"text\":\"{{ $.title }}!\","
        "\"price\":\"{{ $.price }}\",\"from\":\"{{ $request.headers[\\\"x-kind\\\"] "
        "}}\"}}," HTTP_STEP ",\"headers\":{\"X-Flow\":\"{{ $flow.id }}\"}},"
        "{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\",\"company\":\"c1\","
        "\"payload\":{\"id\":\"{{ $steps.call.body.id }}\",\"status\":\"{{ $steps.call.status "
        "}}\"}}]",
        "{\"kind\":\"post\",\"title\":\"Hello\",\"price\":0.10}");
    struct reply request;

    sinker_rule(h, "/call",
                "{\"then\":{\"status\":201,\"headers\":{\"Content-Type\":\"application/json\"},"
                "\"body\":\"{\\\"id\\\": 7}\"}}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run),
                        "only:succeeded short:succeeded call:succeeded tell:succeeded");
    request = sinker_request(h, "/call", 0);
    assert_string_equal(reply_text(&request, "body"),
                        "{\"text\":\"Hello!\",\"price\":0.10,\"from\":\"test\"}");
    assert_string_equal(reply_text(&request, "headers.content-type"), "application/json");
    assert_string_equal(reply_text(&request, "headers.idempotency-key"),
                        http_text(h->http, "%s-2", run));
    assert_non_null(reply_text(&request, "headers.x-flow"));

    sinker_wait(h, "/events", 1, 10000);
    request = sinker_request(h, "/events", 0);
    assert_non_null(strstr(reply_text(&request, "body"), "\"status\":201"));
    assert_non_null(strstr(reply_text(&request, "body"), "\"id\":7"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.run"), 0);
    assert_string_equal(run_output(h, run, "only"), "true");
    assert_non_null(strstr(run_output(h, run, "call"), "\"status\":201"));
    assert_int_equal(db_int(h, "SELECT attempts FROM hookline.message WHERE id = '%s'", run), 4);
}

static void test_a_filter_that_is_not_true_ends_the_run(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *steps = "[{\"name\":\"only\",\"kind\":\"filter\",\"condition\":\"$.amount > 10\"},"
                        "{\"name\":\"m\",\"kind\":\"map\",\"template\":{}}]";
    const char *run = run_of(h, &w, steps, "{\"amount\":10}");

    run_wait_ended(h, run, "succeeded", "filtered");
    assert_string_equal(run_story(h, run), "only:succeeded");
    assert_string_equal(run_output(h, run, "only"), "false");

    run = run_of(h, &w, steps, "{\"amount\":\"\\u0000\"}"); /* nothing that can be looked into */
    run_wait_ended(h, run, "failed", "step_failed");
    assert_string_equal(run_story(h, run), "only:step_failed");
}

static void test_a_flow_without_steps_has_done_them_all(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    run_wait_ended(h, run_of(h, &w, "[]", "{}"), "succeeded", NULL);
}

static void test_what_is_no_json_is_worked_on_as_json(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *flow_id = given_flow(
        h, w.t, w.app_id,
        http_text(h->http,
                  "[{\"name\":\"raw\",\"kind\":\"http\",\"method\":\"PUT\",\"url\":\"%s\","
                  "\"body\":\"request\"},{\"name\":\"m\",\"kind\":\"map\",\"template\":"
                  "{\"to\":\"{{ $.name }}\"}}]",
                  sinker_url(h, "/call")));
    const char *run = flow_request_body(h, w.t, flow_id, "application/x-www-form-urlencoded",
                                        "'name=Ada%20L&x=1'::bytea");
    struct reply request;

    run_wait_ended(h, run, "succeeded", NULL);
    request = sinker_request(h, "/call", 0);
    assert_string_equal(reply_text(&request, "method"), "PUT");
    assert_string_equal(reply_text(&request, "body"), "name=Ada%20L&x=1");
    assert_string_equal(reply_text(&request, "headers.content-type"),
                        "application/x-www-form-urlencoded");
    assert_string_equal(run_output(h, run, "m"), "{\"to\":\"Ada L\"}");

    run = flow_request_body(h, w.t, flow_id, "application/xml", "'<a><b></a>'::bytea");
    run_wait_ended(h, run, "failed", "step_failed");
    assert_string_equal(run_story(h, run), "raw:succeeded m:step_failed");
}

/* ---- http ---- */

static void test_a_call_is_retried_by_the_steps_schedule(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run;

    sinker_rule(h, "/call", "{\"replies\":[{\"status\":500},{\"status\":429}]}");
    run = run_of(h, &w, "[" HTTP_STEP ",\"schedule\":\"1s 1s 1s\"}]", "{}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "call:http_status call:http_status call:succeeded");
    assert_int_equal(sinker_count(h, "/call"), 3);
}

static void test_a_call_that_gives_up_fails_its_run_or_not_as_it_says(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run;

    sinker_rule(h, "/call", "{\"then\":{\"status\":503}}");
    run = run_of(h, &w,
                 "[" HTTP_STEP ",\"schedule\":\"1s\"},"
                 "{\"name\":\"m\",\"kind\":\"map\",\"template\":{}}]",
                 "{}");
    run_wait_ended(h, run, "failed", "schedule_exhausted");
    assert_string_equal(run_story(h, run), "call:http_status call:http_status");

    run = run_of(h, &w,
                 "[" HTTP_STEP ",\"schedule\":\"1s\",\"on_failure\":\"continue\"},"
                 "{\"name\":\"m\",\"kind\":\"map\",\"template\":\"{{ $steps.call.status }}\"}]",
                 "{}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "call:http_status call:http_status m:succeeded");
    assert_string_equal(run_output(h, run, "m"), "503");
}

static void test_the_profiles_schedule_begins_anew_with_each_step(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run = run_of(h, &w,
                             "[{\"name\":\"m\",\"kind\":\"map\",\"template\":{}},"
                             "{\"name\":\"n\",\"kind\":\"map\",\"template\":{}}," HTTP_STEP "}]",
                             "{}");

    sinker_rule(h, "/call", "{\"replies\":[{\"status\":500}]}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run),
                        "m:succeeded n:succeeded call:http_status call:succeeded");
}

static void test_a_call_goes_nowhere_where_messages_may_not_go(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run = flow_request(
        h, w.t,
        given_flow(h, w.t, w.app_id,
                   "[{\"name\":\"call\",\"kind\":\"http\",\"url\":\"http://10.0.0.1/\","
                   "\"schedule\":\"1s\"}]"),
        "{}");

    run_wait_ended(h, run, "failed", "schedule_exhausted");
    assert_string_equal(run_story(h, run), "call:blocked_address call:blocked_address");
}

/* ---- emit ---- */

static void test_an_event_is_published_once_although_the_step_is_repeated(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run = run_of(h, &w,
                             "[{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\","
                             "\"company\":\"{{ $.company }}\"}]",
                             "{\"company\":\"c1\"}");
    struct reply request;

    run_wait_ended(h, run, "succeeded", NULL);
    sinker_wait(h, "/events", 1, 10000);
    request = sinker_request(h, "/events", 0);
    assert_non_null(strstr(reply_text(&request, "body"), "{\"company\":\"c1\"}"));
    assert_non_null(strstr(run_output(h, run, "tell"), "\"is_duplicate\":false"));

    /* As if the worker had died before it could record the step. */
    (void)db_text(
        h,
        "WITH again AS (UPDATE hookline.message SET status = 'pending', finished_at = NULL"
        "                WHERE id = '%s' RETURNING *)"
        " INSERT INTO hookline.queue (tenant_id, subscription_id, message_id, due_at, attempts)"
        " SELECT tenant_id, subscription_id, id, now(), 1 FROM again",
        run);
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "tell:succeeded tell:succeeded");
    assert_non_null(strstr(run_output(h, run, "tell"), "\"is_duplicate\":true"));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.event WHERE event_type = 'order.paid'"), 1);
}

static bool has_been_tried(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.attempt") > 0;
}

static void test_an_event_of_a_tenant_that_is_being_moved_is_published_later(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run;

    (void)db_text(h, "INSERT INTO hookline.tenant_away (tenant_id, state) VALUES ('%s', 'moving')",
                  w.t->id);
    run = run_of(h, &w,
                 "[{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\","
                 "\"company\":\"c1\"}]",
                 "{}");
    assert_true(wait_until(has_been_tried, h, 10000));
    (void)db_text(h, "DELETE FROM hookline.tenant_away");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.event WHERE event_type = 'order.paid'"), 1);
}

static void test_an_event_that_cannot_be_published_fails_its_run_with_the_reason(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run;

    run = run_of(h, &w,
                 "[{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\","
                 "\"company\":\"nobody\"}]",
                 "{}");
    run_wait_ended(h, run, "failed", "unknown_company");
    run = run_of(h, &w,
                 "[{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.lost\","
                 "\"company\":\"c1\"}]",
                 "{}");
    run_wait_ended(h, run, "failed", "unknown_event_type");

    (void)db_text(h, "UPDATE hookline.event_type SET validation = 'enforce',"
                     " schema = '{\"required\":[\"total\"]}' WHERE name = 'order.paid'");
    run = run_of(h, &w,
                 "[{\"name\":\"tell\",\"kind\":\"emit\",\"event_type\":\"order.paid\","
                 "\"company\":\"c1\"}]",
                 "{\"sum\":1}");
    run_wait_ended(h, run, "failed", "payload_invalid");
    assert_string_equal(run_story(h, run), "tell:step_failed");
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.event WHERE event_type = 'order.paid'"), 0);
}

/* ---- what steps make ---- */

static void test_what_a_step_makes_may_be_null_or_have_a_nul(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *steps = "[{\"name\":\"a\",\"kind\":\"map\",\"template\":\"{{ $.a }}\"},"
                        "{\"name\":\"b\",\"kind\":\"map\",\"template\":{\"is\":\"{{ $ }}\"}}]";
    const char *run = run_of(h, &w, steps, "{\"a\":null}");

    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_output(h, run, "a"), "null");
    assert_string_equal(run_output(h, run, "b"), "{\"is\":null}");

    run = run_of(h, &w, steps, "{\"a\":\"x\\u0000y\"}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_output(h, run, "b"), "{\"is\":\"x\\u0000y\"}");
}

static bool no_run_is_left(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.queue") == 0;
}

/* There is nobody whose answers would open a window: they need none. */
static void test_runs_that_call_nobody_wait_for_no_slot(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *run;

    given_event_type(h, w.t, "order.sent"); /* which nobody wants */
    run = run_of(h, &w,
                 "[{\"name\":\"a\",\"kind\":\"map\",\"template\":{}},"
                 "{\"name\":\"b\",\"kind\":\"emit\",\"event_type\":\"order.sent\","
                 "\"company\":\"c1\"}]",
                 "{}");

    (void)db_text(h,
                  "SET search_path = hookline;"
                  "WITH made AS (INSERT INTO message (tenant_id, id, event_id, subscription_id)"
                  "    SELECT m.tenant_id, message_id(m.event_id, gen_random_uuid()), m.event_id,"
                  "           m.subscription_id"
                  "      FROM message m, generate_series(1, 400) WHERE m.id = '%s' RETURNING *)"
                  " INSERT INTO queue (tenant_id, subscription_id, message_id, due_at)"
                  " SELECT tenant_id, subscription_id, id, now() FROM made",
                  run);
    assert_true(wait_until(no_run_is_left, h, 30000));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'succeeded'"),
                     401);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.lane"), 0);
}

/* ---- what is bad fails its own run ---- */

static void test_a_bad_step_fails_its_run_only(void **state)
{
    static const struct {
        const char *steps, *payload;
    } bad[] = {
        {"[{\"name\":\"x\",\"kind\":\"teleport\"}]", "{}"}, /* a newer version's */
        {"[{\"name\":\"x\",\"kind\":\"map\",\"template\":\"{{ $.a \"}]", "{}"},
        {"[{\"name\":\"x\",\"kind\":\"http\",\"url\":\"https://example.com/\","
         "\"headers\":{\"X-A\":\"{{ $.a }}\"}}]",
         "{\"a\":\"1\\r\\nHost: evil\"}"},
        {"[{\"name\":\"x\",\"kind\":\"http\",\"url\":\"https://example.com/{{ $.a }}\"}]", "{}"},
        {"[{\"name\":\"x\",\"kind\":\"wait\",\"key\":\"{{ $.a }}\",\"timeout_seconds\":9}]", "{}"},
        {"[{\"name\":\"x\",\"kind\":\"emit\",\"event_type\":\"order.paid\",\"company\":\"{{ $.a "
         "}}\"}]",
         "{\"a\":{}}"},
        {"[{\"name\":\"x\",\"kind\":\"wait\",\"key\":\"{{ $.a }}\",\"timeout_seconds\":9}]",
         "{\"a\":\"\\u0000\"}"},
    };
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *runs[HK_COUNTOF(bad)];
    const char *good = run_of(h, &w, "[{\"name\":\"m\",\"kind\":\"map\",\"template\":{}}]", "{}");

    for (size_t i = 0; i < HK_COUNTOF(bad); i++)
        runs[i] = run_of(h, &w, bad[i].steps, bad[i].payload);
    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        run_wait_ended(h, runs[i], "failed", "step_failed");
        assert_string_equal(run_story(h, runs[i]), "x:step_failed");
    }
    run_wait_ended(h, good, "succeeded", NULL);
}

static void test_a_value_that_is_too_large_fails_its_run_only(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    char *large = malloc(300001);
    const char *run;

    memset(large, 'a', 300000);
    large[300000] = '\0';
    run = run_of(h, &w, "[{\"name\":\"m\",\"kind\":\"map\",\"template\":{\"a\":\"{{ $ }}\"}}]",
                 http_text(h->http, "\"%s\"", large));
    run_wait_ended(h, run, "failed", "step_failed");
    free(large);
}

/* ---- hostile answers ---- */

static void test_R_28_whatever_is_answered_is_an_output(void **state)
{
    static const struct {
        struct raw_answer answer;
        const char *part; /* of the output */
    } answers[] = {
        {{HK_STR(
              "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n{\"a"),
          RAW_CLOSE},
         "\"body\":\"{\\\"a\""},
        {{HK_STR("HTTP/1.1 200 OK\r\nx-odd: \x01\xff\r\ncontent-length: 4\r\n\r\n\xff\xfe\x00\x1f"),
          RAW_CLOSE},
         "\"body\":\"???\\u001f\""},
        {{HK_STR("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"), RAW_ENDLESS},
         "\"truncated\":true}"},
    };
    struct harness *h = *state;
    struct world w = given_world(h);

    for (size_t i = 0; i < HK_COUNTOF(answers); i++) {
        struct raw_receiver *raw = raw_receive(&answers[i].answer, 1);
        const char *steps = http_text(h->http,
                                      "[{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\"},"
                                      "{\"name\":\"m\",\"kind\":\"map\",\"template\":"
                                      "\"{{ $steps.call.body }}\"}]",
                                      raw_url(raw));
        const char *run = flow_request(h, w.t, given_flow(h, w.t, w.app_id, steps), "{}");

        run_wait_ended(h, run, "succeeded", NULL);
        if (strstr(run_output(h, run, "call"), answers[i].part) == NULL)
            fail_msg("%.300s", run_output(h, run, "call"));
        assert_in_range(strlen(run_output(h, run, "call")), 1, 140000);
    }
}

/* A receiver that fails is left alone for a while, as those of messages are. */
static void test_a_call_that_keeps_failing_breaks_the_circuit(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *flow_id;

    sinker_rule(h, "/call", "{\"then\":{\"status\":500}}");
    flow_id =
        given_flow(h, w.t, w.app_id,
                   http_text(h->http, "[{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\"}]",
                             sinker_url(h, "/call")));
    for (unsigned i = 0; i < 30; i++)
        (void)flow_request(h, w.t, flow_id, "{}");
    sinker_wait(h, "/call", 10, 20000);
    api_wait_for(h, w.t->admin, "/v1/apps", "data.0.id", w.app_id, 1000);
    assert_true(db_int(h,
                       "SELECT count(*) FROM hookline.lane WHERE subscription_id = '%s'"
                       "   AND pause_ms > 0",
                       flow_id) == 1 ||
                sinker_count(h, "/call") < 30);
}

static const char *const settings[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=20",
                                       "HOOKLINE_WORKER_POLL_MS=200", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_run_goes_through_its_steps_in_order, .env = settings),
        harness_test(test_a_filter_that_is_not_true_ends_the_run, .env = settings),
        harness_test(test_a_flow_without_steps_has_done_them_all, .env = settings),
        harness_test(test_what_is_no_json_is_worked_on_as_json, .env = settings),
        harness_test(test_a_call_is_retried_by_the_steps_schedule, .env = settings),
        harness_test(test_a_call_that_gives_up_fails_its_run_or_not_as_it_says, .env = settings),
        harness_test(test_the_profiles_schedule_begins_anew_with_each_step, .env = settings),
        harness_test(test_a_call_goes_nowhere_where_messages_may_not_go, .env = settings),
        harness_test(test_an_event_is_published_once_although_the_step_is_repeated,
                     .env = settings),
        harness_test(test_an_event_of_a_tenant_that_is_being_moved_is_published_later,
                     .env = settings),
        harness_test(test_an_event_that_cannot_be_published_fails_its_run_with_the_reason,
                     .env = settings),
        harness_test(test_what_a_step_makes_may_be_null_or_have_a_nul, .env = settings),
        harness_test(test_runs_that_call_nobody_wait_for_no_slot, .env = settings),
        harness_test(test_a_bad_step_fails_its_run_only, .env = settings),
        harness_test(test_a_value_that_is_too_large_fails_its_run_only, .env = settings),
        harness_test(test_R_28_whatever_is_answered_is_an_output, .env = settings),
        harness_test(test_a_call_that_keeps_failing_breaks_the_circuit, .env = settings),
    };

    return cmocka_run_group_tests_name("flow_steps", tests, NULL, NULL);
}
