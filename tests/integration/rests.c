/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver asks for rest, and its whole subscription rests: who sees it, and who ends it
 * (docs/adr/0022-lanes.md).
 */
#include "tests/support/check.h"
#include "tests/support/message.h"

#define ASK_AN_HOUR "{\"then\": {\"status\": 429, \"headers\": {\"Retry-After\": \"3600\"}}}"
#define ANSWER_WELL "{\"then\": {\"status\": 200}}"
#define HOUR_MS     3600000
#define SLACK_MS    60000

/* What a test begins with: a subscription whose receiver has asked for an hour. */
struct resting {
    struct harness *h;
    struct tenant *t;
    struct subscription s;
    const char *first; /* the path of the message that was told to wait */
};

static const char *path_of(const struct resting *r, const char *tail)
{
    return http_text(r->h->http, "/v1/subscriptions/%s%s", r->s.id, tail);
}

static struct reply call(const struct resting *r, const char *method, const char *tail,
                         const char *body)
{
    return api_want(r->h, 200, r->t->partner, method, path_of(r, tail), body);
}

static struct reply delivery(const struct resting *r)
{
    return call(r, "GET", "/delivery", NULL);
}

static void wait_for_rest(const struct resting *r)
{
    api_wait_for(r->h, r->t->partner, path_of(r, "/delivery"), "state", "throttled", 20000);
}

static struct resting given_asked(void **state, const char *settings, const char *rule)
{
    struct resting r = {.h = *state};

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    (void)call(&r, "PATCH", "", settings);
    sinker_rule(r.h, "/hook", "%s", rule);
    r.first = message_path(r.h, r.t, publish(r.h, r.t, "order.paid", "c1", "{}"), NULL);
    wait_for_rest(&r);
    return r;
}

static struct resting given_rest(void **state, const char *settings)
{
    return given_asked(state, settings, ASK_AN_HOUR);
}

static void check_rests(const struct resting *r)
{
    struct reply reply = delivery(r);

    assert_string_equal(reply_text(&reply, "state"), "throttled");
}

/* One more event arrives at `path`, though the first message still waits for as long as it was told
 * to.
 */
static void check_is_sent_to(const struct resting *r, const char *path)
{
    int64_t n_before = sinker_count(r->h, path);

    (void)publish(r->h, r->t, "order.paid", "c1", "{}");
    sinker_wait(r->h, path, (unsigned)n_before + 1, 10000);
    if (r->first != NULL) {
        struct reply first = message_get(r->h, r->t, r->first);

        assert_string_equal(reply_text(&first, "status"), "pending");
        assert_int_equal(message_n_attempts(r->h, r->t, r->first), 1);
    }
}

static int64_t n_ended(const struct resting *r, const char *by)
{
    return db_int(r->h,
                  "SELECT count(*) FROM hookline.audit_log WHERE action = 'subscription.rest_ended'"
                  " AND detail ->> 'by' = '%s' AND object_id = '%s' AND actor LIKE 'key:%%'",
                  by, r->s.id);
}

static int64_t ms_from_now(struct harness *h, const char *time)
{
    return message_time_ms(time) -
           db_int(h, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
}

/* ---- seen ---- */

static void test_a_rest_says_until_when_and_who_asked_for_it(void **state)
{
    struct resting r = given_rest(state, "{}");
    struct reply reply = delivery(&r);

    assert_string_equal(reply_text(&reply, "paused_by"), "receiver");
    assert_int_equal(reply_int(&reply, "paused_by_status"), 429);
    assert_in_range(ms_from_now(r.h, reply_text(&reply, "paused_until")), HOUR_MS - SLACK_MS,
                    HOUR_MS);
    assert_in_range(-ms_from_now(r.h, reply_text(&reply, "since")), 0, SLACK_MS);
}

static void test_a_subscription_that_does_not_rest_says_so(void **state)
{
    struct resting r = {.h = *state};
    struct reply reply;

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    reply = delivery(&r);
    assert_true(reply_is_null(&reply, "paused_by"));
    assert_true(reply_is_null(&reply, "paused_by_status"));
}

/* ---- no longer than so ---- */

static void test_R_10_a_subscription_rests_for_an_hour_though_its_message_waits_for_a_day(
    void **state)
{
    struct resting r = given_asked(
        state, "{}", "{\"then\": {\"status\": 503, \"headers\": {\"Retry-After\": \"604800\"}}}");
    struct reply reply = delivery(&r), first = message_get(r.h, r.t, r.first);

    assert_in_range(ms_from_now(r.h, reply_text(&reply, "paused_until")), HOUR_MS - SLACK_MS,
                    HOUR_MS);
    assert_in_range(ms_from_now(r.h, reply_text(&first, "next_attempt_at")),
                    24 * HOUR_MS - SLACK_MS, 30 * HOUR_MS);
}

static void test_a_receiver_of_cloudevents_is_obeyed_for_as_long_as_it_says(void **state)
{
    struct resting r =
        given_asked(state, "{\"profile\": \"cloudevents\"}",
                    "{\"then\": {\"status\": 429, \"headers\": {\"Retry-After\": \"259200\"}}}");
    struct reply reply = delivery(&r);

    assert_in_range(ms_from_now(r.h, reply_text(&reply, "paused_until")), 72 * HOUR_MS - SLACK_MS,
                    72 * HOUR_MS);
}

/* A row of lane_told() that answers well, cost 1, and asked for so many milliseconds. */
static bool begins_with_one(struct harness *h, const char *n_answered, const char *asked_ms)
{
    return db_int(h,
                  "SELECT ((hookline.lane_told(l, %s, 1, %s, 429, 0, 0, 0, false, 1)).succeeded_at"
                  "        IS NULL)::integer"
                  "  FROM (SELECT (jsonb_populate_record(NULL::hookline.lane,"
                  "                '{\"succeeded_at\": \"2026-01-01\", \"pause_ms\": 0,"
                  "                  \"paused_until\": \"-infinity\", \"max_in_flight\": 8,"
                  "                  \"failure_cost\": 0, \"is_busy\": true, \"n_turns\": 1}')).*)"
                  "       AS l",
                  n_answered, asked_ms) == 1;
}

static void test_after_a_rest_of_a_minute_one_message_asks_whether_it_is_over(void **state)
{
    struct harness *h = *state;

    assert_true(begins_with_one(h, "0", "60000"));
    assert_false(begins_with_one(h, "0", "5000"));
    assert_false(begins_with_one(h, "3", "60000")); /* others were answered well just now */
}

/* ---- ended ---- */

static void test_a_resume_ends_the_rest(void **state)
{
    struct resting r = given_rest(state, "{}");
    struct reply reply;

    sinker_rule(r.h, "/hook", ANSWER_WELL);
    (void)call(&r, "POST", "/resume", NULL);
    reply = delivery(&r);
    assert_string_not_equal(reply_text(&reply, "state"), "throttled");
    assert_true(reply_is_null(&reply, "paused_until"));
    check_is_sent_to(&r, "/hook");
    assert_int_equal(n_ended(&r, "resume"), 1);
    (void)call(&r, "POST", "/resume", NULL); /* there is none any more */
    assert_int_equal(n_ended(&r, "resume"), 1);
}

static void test_a_resume_after_a_pause_ends_the_rest(void **state)
{
    struct resting r = given_rest(state, "{}");

    sinker_rule(r.h, "/hook", ANSWER_WELL);
    (void)call(&r, "POST", "/hold", NULL);
    (void)call(&r, "POST", "/resume", NULL);
    message_wait(r.h, r.t, r.first, "succeeded"); /* it was held: its time is over, too */
}

static void test_a_revival_ends_the_rest(void **state)
{
    struct resting r = given_rest(state, "{}");

    (void)db_text(r.h, "UPDATE hookline.subscription SET state = 'disabled',"
                       " state_reason = 'disabled_by_410' RETURNING 'x'");
    sinker_rule(r.h, "/hook", ANSWER_WELL);
    (void)call(&r, "POST", "/revive", "{}");
    check_is_sent_to(&r, "/hook");
}

static void test_another_url_ends_the_rest_and_the_same_does_not(void **state)
{
    struct resting r = given_rest(state, "{}");

    (void)call(&r, "PATCH", "",
               http_text(r.h->http, "{\"url\": \"%s\", \"description\": \"x\"}",
                         sinker_url(r.h, "/hook")));
    check_rests(&r);
    (void)call(&r, "PATCH", "",
               http_text(r.h->http, "{\"url\": \"%s\"}", sinker_url(r.h, "/other")));
    check_is_sent_to(&r, "/other");
}

static void test_other_credentials_or_header_fields_end_the_rest(void **state)
{
    static const char *const changes[] = {
        "{\"credentials\": {\"username\": \"u\", \"password\": \"p\"}}",
        "{\"headers\": {\"X-Plan\": \"gold\"}}",
        "{\"overrides\": {\"retry_after_cap_ms\": 1000}}",
    };

    for (size_t i = 0; i < HK_COUNTOF(changes); i++) {
        struct resting r = given_rest(state, "{}");

        sinker_rule(r.h, "/hook", ANSWER_WELL);
        (void)call(&r, "PATCH", "", changes[i]);
        check_is_sent_to(&r, "/hook");
    }
}

static void test_a_test_that_goes_well_ends_the_rest_and_one_that_fails_does_not(void **state)
{
    struct resting r = given_rest(state, "{}");
    struct reply reply;

    (void)db_text(r.h, "UPDATE hookline.event_type SET sample = '{}' RETURNING 'x'");
    reply = call(&r, "POST", "/test", "{\"event_types\": [\"order.paid\"]}");
    assert_false(reply_bool(&reply, "rest_ended"));
    check_rests(&r);
    sinker_rule(r.h, "/hook", ANSWER_WELL);
    reply = call(&r, "POST", "/test", "{\"event_types\": [\"order.paid\"]}");
    assert_true(reply_bool(&reply, "rest_ended"));
    check_is_sent_to(&r, "/hook");
    assert_int_equal(n_ended(&r, "test"), 1);
}

/* The others would wait for as long as it does. */
static void test_a_resume_sends_the_message_that_an_ordered_ones_others_wait_for(void **state)
{
    struct resting r = given_rest(state, "{\"ordered\": true}");

    sinker_rule(r.h, "/hook", ANSWER_WELL);
    (void)publish(r.h, r.t, "order.paid", "c1", "{}");
    (void)call(&r, "POST", "/resume", NULL);
    message_wait(r.h, r.t, r.first, "succeeded");
    sinker_wait(r.h, "/hook", 3, 10000);
}

static void test_a_resume_ends_the_pause_of_a_broken_circuit(void **state)
{
    struct resting r = {.h = *state};
    struct reply reply;

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    (void)call(&r, "PATCH", "", "{\"overrides\": {\"schedule\": \"1h\"}}");
    sinker_rule(r.h, "/hook", "{\"then\": {\"status\": 500}}");
    publish_many(r.h, r.t, 100);
    api_wait_for(r.h, r.t->partner, path_of(&r, "/delivery"), "state", "broken", 20000);
    (void)db_text(r.h,
                  "UPDATE hookline.lane SET pause_ms = 30000, next_at = now() + interval '1 day',"
                  " paused_until = now() + interval '1 day' RETURNING 'x'");
    reply = delivery(&r);
    assert_string_equal(reply_text(&reply, "paused_by"), "circuit");
    assert_true(reply_is_null(&reply, "paused_by_status"));
    sinker_rule(r.h, "/hook", ANSWER_WELL);
    (void)call(&r, "POST", "/resume", NULL);
    check_is_sent_to(&r, "/hook");
}

/* ---- what comes too late ---- */

static void test_what_the_old_url_answers_later_is_no_rest_of_the_new_one(void **state)
{
    struct resting r = {.h = *state};
    struct reply reply;

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    sinker_rule(r.h, "/hook",
                "{\"then\": {\"status\": 429, \"delay_ms\": 1500,"
                " \"headers\": {\"Retry-After\": \"3600\"}}}");
    r.first = message_path(r.h, r.t, publish(r.h, r.t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(r.h, "/hook", 1, 10000);
    (void)call(&r, "PATCH", "",
               http_text(r.h->http, "{\"url\": \"%s\"}", sinker_url(r.h, "/other")));
    message_wait_attempts(r.h, r.t, r.first, 1);
    check_is_sent_to(&r, "/other");
    reply = delivery(&r);
    assert_true(reply_is_null(&reply, "paused_until"));
}

/* Two messages are on their way to the old URL, which says that it is gone. */
static void test_what_the_old_url_answers_later_does_not_stop_the_subscription(void **state)
{
    struct resting r = {.h = *state};
    const char *second;
    struct reply reply;

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    sinker_rule(r.h, "/hook", "{\"then\": {\"status\": 410, \"delay_ms\": 1500}}");
    r.first = message_path(r.h, r.t, publish(r.h, r.t, "order.paid", "c1", "{}"), NULL);
    second = message_path(r.h, r.t, publish(r.h, r.t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(r.h, "/hook", 2, 10000);
    (void)call(&r, "PATCH", "",
               http_text(r.h->http, "{\"url\": \"%s\"}", sinker_url(r.h, "/other")));
    message_wait(r.h, r.t, r.first, "succeeded");
    message_wait(r.h, r.t, second, "succeeded");
    assert_int_equal(message_n_attempts(r.h, r.t, r.first), 2);
    reply = message_attempt(r.h, r.t, r.first, 1);
    assert_int_equal(reply_int(&reply, "status_code"), 410);
    assert_int_equal(sinker_count(r.h, "/other"), 2);
    reply = call(&r, "GET", "", NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
}

static void test_the_url_of_today_stops_the_subscription(void **state)
{
    struct resting r = {.h = *state};

    r.t = given_tenant(r.h);
    r.s = given_story(r.h, r.t, "/hook");
    (void)call(&r, "PATCH", "",
               http_text(r.h->http, "{\"url\": \"%s\"}", sinker_url(r.h, "/other")));
    sinker_rule(r.h, "/other", "{\"then\": {\"status\": 410}}");
    (void)publish(r.h, r.t, "order.paid", "c1", "{}");
    api_wait_for(r.h, r.t->partner, path_of(&r, ""), "state", "disabled", 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_rest_says_until_when_and_who_asked_for_it),
        harness_test(test_a_subscription_that_does_not_rest_says_so),
        harness_test(test_R_10_a_subscription_rests_for_an_hour_though_its_message_waits_for_a_day),
        harness_test(test_a_receiver_of_cloudevents_is_obeyed_for_as_long_as_it_says),
        harness_test(test_after_a_rest_of_a_minute_one_message_asks_whether_it_is_over),
        harness_test(test_a_resume_ends_the_rest),
        harness_test(test_a_resume_after_a_pause_ends_the_rest),
        harness_test(test_a_revival_ends_the_rest),
        harness_test(test_another_url_ends_the_rest_and_the_same_does_not),
        harness_test(test_other_credentials_or_header_fields_end_the_rest),
        harness_test(test_a_test_that_goes_well_ends_the_rest_and_one_that_fails_does_not),
        harness_test(test_a_resume_sends_the_message_that_an_ordered_ones_others_wait_for),
        harness_test(test_a_resume_ends_the_pause_of_a_broken_circuit),
        harness_test(test_what_the_old_url_answers_later_is_no_rest_of_the_new_one),
        harness_test(test_what_the_old_url_answers_later_does_not_stop_the_subscription),
        harness_test(test_the_url_of_today_stops_the_subscription),
    };

    return cmocka_run_group_tests_name("rests", tests, NULL, NULL);
}
