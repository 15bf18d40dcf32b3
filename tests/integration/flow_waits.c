/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs that wait for a request (EI-04), and runs whose flow changes, or that are stopped while they
 * are under way.
 */
#include "tests/support/check.h"
#include "tests/support/flow.h"
#include "tests/support/message.h"

#define WAIT_STEP                                                                                  \
    "{\"name\":\"answer\",\"kind\":\"wait\",\"key\":\"order-{{ $.id }}\",\"timeout_seconds\":"
#define TAIL_STEP                                                                                  \
    "{\"name\":\"m\",\"kind\":\"map\",\"template\":\"{{ $steps.answer.body.ok | default "          \
    "\\\"none\\\" }}\"}]"

static const char *given_waiting_flow(struct harness *h, struct tenant *t, const char *timeout_s,
                                      const char *more)
{
    return given_flow(h, t, given_app(h, t, "acme"),
                      http_text(h->http, "[" WAIT_STEP "%s%s}," TAIL_STEP, timeout_s, more));
}

static void test_EI_04_a_run_waits_for_the_request_with_its_key(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *run = flow_request(h, t, flow_id, "{\"id\":7}");
    const char *other = flow_request(h, t, flow_id, "{\"id\":8}");

    run_wait_waiting(h, run);
    run_wait_waiting(h, other);
    assert_string_equal(run_story(h, run), "");
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":true}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "answer:succeeded m:succeeded");
    assert_string_equal(run_output(h, run, "m"), "true");
    run_wait_waiting(h, other);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.flow_signal"), 0);
}

static void test_a_signal_that_came_before_its_run_is_kept_for_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *run;

    flow_signal(h, t, flow_id, "order-7", "{\"ok\":1}");
    run = flow_request(h, t, flow_id, "{\"id\":7}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_output(h, run, "m"), "1");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.flow_signal"), 0);
}

static void test_a_run_that_nobody_answers_fails_or_goes_on_as_its_step_says(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *run = flow_request(h, t, given_waiting_flow(h, t, "1", ""), "{\"id\":7}");
    const char *other = flow_request(
        h, t, given_waiting_flow(h, t, "1", ",\"on_timeout\":\"continue\""), "{\"id\":7}");

    run_wait_ended(h, run, "failed", "wait_timed_out");
    assert_string_equal(run_story(h, run), "answer:step_failed");
    run_wait_ended(h, other, "succeeded", NULL);
    assert_string_equal(run_output(h, other, "m"), "\"none\"");
}

/* Two runs with one key: each signal is for one of them. */
static void test_a_signal_is_for_one_run(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *first = flow_request(h, t, flow_id, "{\"id\":7}");
    const char *second;

    run_wait_waiting(h, first);
    second = flow_request(h, t, flow_id, "{\"id\":7}");
    run_wait_waiting(h, second);
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":1}");
    run_wait_ended(h, first, "succeeded", NULL);
    run_wait_waiting(h, second);
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":2}");
    run_wait_ended(h, second, "succeeded", NULL);
    assert_string_equal(run_output(h, first, "m"), "1");
    assert_string_equal(run_output(h, second, "m"), "2");
}

/* Whoever comes first: 100 runs and their signals at the same time. */
static void test_no_signal_is_missed_by_a_run_that_begins_to_wait(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *last = NULL;

    for (unsigned i = 0; i < 100; i++) {
        last = flow_request(h, t, flow_id, http_text(h->http, "{\"id\":%u}", i));
        flow_signal(h, t, flow_id, http_text(h->http, "order-%u", i), "{\"ok\":true}");
    }
    run_wait_ended(h, last, "succeeded", NULL);
    api_wait_for(h, t->admin, "/v1/apps", "data.0.partner", "acme", 1000);
    for (unsigned i = 0; i < 200 && message_count(h, t, "succeeded") < 100; i++)
        run_wait_ended(h, last, "succeeded", NULL);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.message WHERE status = 'succeeded'"),
                     100);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.flow_signal"), 0);
}

static void test_a_run_goes_by_the_steps_of_its_beginning(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *run = flow_request(h, t, flow_id, "{\"id\":7}"), *later;
    struct reply reply;

    run_wait_waiting(h, run);
    flow_change_steps(h, t, flow_id, "[{\"name\":\"new\",\"kind\":\"map\",\"template\":{}}]");
    later = flow_request(h, t, flow_id, "{\"id\":7}");
    run_wait_ended(h, later, "succeeded", NULL);
    assert_string_equal(run_story(h, later), "new:succeeded");
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":true}");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "answer:succeeded m:succeeded");

    /* Sent again it is another run, which begins today. */
    reply =
        api_want(h, 202, t->admin, "POST", http_text(h->http, "/v1/messages/%s/resend", run), NULL);
    run = reply_text(&reply, "id");
    run_wait_ended(h, run, "succeeded", NULL);
    assert_string_equal(run_story(h, run), "new:succeeded");
}

/* What runs wait for has no hold on the worker: it may die. */
static void test_a_run_that_waits_survives_its_worker(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *flow_id = given_waiting_flow(h, t, "600", "");
    const char *run = flow_request(h, t, flow_id, "{\"id\":7}");

    run_wait_waiting(h, run);
    harness_kill_worker(h, 0);
    flow_signal(h, t, flow_id, "order-7", "{\"ok\":true}");
    (void)harness_start_worker(h);
    run_wait_ended(h, run, "succeeded", NULL);
}

static const char *const settings[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=20",
                                       "HOOKLINE_WORKER_POLL_MS=200",
                                       "HOOKLINE_WORKER_LEASE_MS=5000", NULL};

#define STEPS_WITH_SECRET                                                                          \
    "\"steps\":[" WAIT_STEP "600},{\"name\":\"call\",\"kind\":\"http\",\"url\":\"%s\","            \
    "\"schedule\":\"\",\"credentials\":{\"kind\":\"bearer\",\"secret\":\"%s\"}}]}"

/* A run goes by the steps of its beginning, but secrets are those of today. */
static void test_a_secret_written_for_another_receiver_is_not_sent_to_the_old_one(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made =
        api_want(h, 201, t->admin, "POST", "/v1/flows",
                 http_text(h->http,
                           "{\"app_id\":\"%s\",\"name\":\"in\",\"credential\":{\"kind\":\"none\"}"
                           "," STEPS_WITH_SECRET,
                           given_app(h, t, "acme"), sinker_url(h, "/old"), "for-old"));
    const char *flow_id = reply_text(&made, "id");
    const char *path = http_text(h->http, "/v1/flows/%s", flow_id);
    const char *run, *other;
    struct reply sent;

    run = flow_request(h, t, flow_id, "{\"id\":1}");
    other = flow_request(h, t, flow_id, "{\"id\":2}");
    run_wait_waiting(h, run);
    run_wait_waiting(h, other);
    flow_signal(h, t, flow_id, "order-1", "{}");
    run_wait_ended(h, run, "succeeded", NULL);
    sent = sinker_request(h, "/old", 0);
    assert_non_null(strstr(sent.body, "Bearer for-old"));

    (void)api_want(h, 200, t->admin, "PATCH", path,
                   http_text(h->http, "{" STEPS_WITH_SECRET, "https://b.example.com/", "for-b"));
    flow_signal(h, t, flow_id, "order-2", "{}");
    run_wait_ended(h, other, "failed", "schedule_exhausted");
    assert_int_equal(sinker_count(h, "/old"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_EI_04_a_run_waits_for_the_request_with_its_key, .env = settings),
        harness_test(test_a_signal_that_came_before_its_run_is_kept_for_it, .env = settings),
        harness_test(test_a_run_that_nobody_answers_fails_or_goes_on_as_its_step_says,
                     .env = settings),
        harness_test(test_a_signal_is_for_one_run, .env = settings),
        harness_test(test_no_signal_is_missed_by_a_run_that_begins_to_wait, .n_workers = 2,
                     .env = settings),
        harness_test(test_a_run_goes_by_the_steps_of_its_beginning, .env = settings),
        harness_test(test_a_run_that_waits_survives_its_worker, .env = settings),
        harness_test(test_a_secret_written_for_another_receiver_is_not_sent_to_the_old_one,
                     .env = settings),
    };

    return cmocka_run_group_tests_name("flow_waits", tests, NULL, NULL);
}
