/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basecone_reliability.c - the scenario Basecone: what a failure is and what follows from it (BC-20
 * to BC-23), and that delivery begins at once (BC-31). The worker's schedule divisor is all that
 * makes a week short.
 */
#include "tests/scenarios/basecone/basecone_story.h"

#include "hk/clock.h"
#include "tests/support/raw.h"

#define BASECONE ", \"profile\": \"basecone\""
#define SHORT    ", \"profile\": \"basecone\", \"timeout_ms\": 1000"

/* A subscription with the profile basecone and 1 s of patience at any URL, connected to "a". */
static struct subscription given_impatient(struct harness *h, const struct tenant *t,
                                           const char *url)
{
    const char *app_id = given_app(h, t, "acme");

    (void)given_connection(h, t, app_id, "a");
    return given_subscription_to(h, t, app_id, url, SHORT);
}

/* ---- BC-20: only 200 is a success ---- */

static void check_status_is_judged(struct harness *h, const struct tenant *t,
                                   const char *message_id, int status)
{
    struct reply attempt = attempt_wait(h, t, message_id, 1), message;
    bool is_success = status == 200;

    assert_int_equal(reply_int(&attempt, "status_code"), status);
    assert_string_equal(reply_text(&attempt, "outcome"), is_success ? "succeeded" : "http_status");
    message_wait(h, t, message_id, "succeeded");
    message = message_get(h, t, message_id);
    assert_int_equal(reply_int(&message, "attempts"), is_success ? 1 : 2);
}

static void test_BC_20_any_status_other_than_200_is_a_failure(void **state)
{
    static const int statuses[] = {200, 201, 202, 204, 301, 302, 304, 400, 404, 410, 500, 503};
    const char *subscription_ids[HK_COUNTOF(statuses)], *event_id;
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/unused");

    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        const char *path = http_text(h->http, "/answers/%d", statuses[i]);

        sinker_rule(h, path,
                    "{\"replies\": [{\"status\": %d, \"headers\": {\"Location\": \"%s\"}}]}",
                    statuses[i], sinker_url(h, "/elsewhere"));
        subscription_ids[i] =
            given_subscription_to(h, t, erp.app_id, sinker_url(h, path), BASECONE).id;
    }
    event_id = publish_document(h, t);
    for (size_t i = 0; i < HK_COUNTOF(statuses); i++)
        check_status_is_judged(h, t, message_of(h, t, event_id, subscription_ids[i]), statuses[i]);
    assert_int_equal(sinker_count(h, "/elsewhere"), 0); /* a redirection is not followed */
}

/* ---- BC-21: five seconds ---- */

static void test_BC_21_no_answer_in_time_is_a_failure(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct subscription subscription = given_impatient(h, t, sinker_url(h, "/erp"));
    const char *message_id;
    struct reply attempt;

    sinker_rule(h, "/erp", "{\"replies\": [{\"delay_ms\": 2000}]}");
    message_id = message_of(h, t, publish_document(h, t), subscription.id);
    message_wait(h, t, message_id, "succeeded");
    attempt = attempt_wait(h, t, message_id, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "timeout");
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_in_range(reply_int(&attempt, "duration_us"), 1000000, 1900000);
    attempt = attempt_wait(h, t, message_id, 2);
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
}

static void test_BC_21_the_profile_waits_five_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration slow = given_connected_app(h, t, "/slow");
    struct registration late = given_connected_app(h, t, "/late");
    struct reply attempt;
    const char *event_id;

    sinker_rule(h, "/slow", "{\"replies\": [{\"delay_ms\": 4000}]}");
    sinker_rule(h, "/late", "{\"replies\": [{\"delay_ms\": 5500}]}");
    event_id = publish_document(h, t);
    attempt = attempt_wait(h, t, message_of(h, t, event_id, slow.subscription.id), 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    attempt = attempt_wait(h, t, message_of(h, t, event_id, late.subscription.id), 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "timeout");
    assert_in_range(reply_int(&attempt, "duration_us"), 5000000, 5450000);
}

/* The receiver sends these bytes and then nothing, with the connection open. */
static void check_silence_after(struct harness *h, const char *bytes, const char *outcome)
{
    struct raw_answer answer = {.bytes = hk_str(bytes), .end = RAW_SILENT};
    struct tenant *t = given_basecone(h);
    struct subscription subscription = given_impatient(h, t, raw_url(raw_receive(&answer, 1)));
    const char *message_id = message_of(h, t, publish_document(h, t), subscription.id);
    struct reply attempt = attempt_wait(h, t, message_id, 1);

    assert_string_equal(reply_text(&attempt, "outcome"), outcome);
    assert_in_range(reply_int(&attempt, "duration_us"), 900000, 1900000);
}

static void test_BC_21_a_header_in_time_is_enough(void **state)
{
    check_silence_after(*state, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun", "succeeded");
}

static void test_BC_21_a_header_that_does_not_end_is_not(void **state)
{
    check_silence_after(*state, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-More: ", "timeout");
}

/* ---- BC-22: 401 unsubscribes ---- */

static void check_unsubscribed_at(struct harness *h, unsigned attempt_no)
{
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    struct reply message, subscription, event;
    const char *message_id;

    message_id = message_of(h, t, publish_document(h, t), erp.subscription.id);
    message_wait(h, t, message_id, "failed");
    message = message_get(h, t, message_id);
    assert_string_equal(reply_text(&message, "status_reason"), "unsubscribed_by_401");
    assert_int_equal(reply_int(&message, "attempts"), attempt_no);
    assert_true(reply_is_null(&message, "next_attempt_at"));

    subscription = api_call(h, t->partner, "GET",
                            http_text(h->http, "/v1/subscriptions/%s", erp.subscription.id), NULL);
    assert_string_equal(reply_text(&subscription, "state"), "unsubscribed");
    assert_string_equal(reply_text(&subscription, "state_reason"), "unsubscribed_by_401");
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM audit_log WHERE object_id = '%s'"
                            " AND action = 'subscription.unsubscribed'",
                            erp.subscription.id),
                     1);
    event = event_get(h, t, publish_document(h, t));
    assert_int_equal(reply_count(&event, "messages"), 0);
    assert_string_equal(reply_text(&event, "skips.0.reason"), "subscription_unsubscribed");
    assert_int_equal(sinker_count(h, "/erp"), attempt_no);
}

static void test_BC_22_401_on_the_first_attempt_unsubscribes(void **state)
{
    struct harness *h = *state;

    sinker_rule(h, "/erp", "{\"replies\": [{\"status\": 401}]}");
    check_unsubscribed_at(h, 1);
}

static void test_BC_22_401_unsubscribes_on_whichever_attempt(void **state)
{
    struct harness *h = *state;

    sinker_rule(h, "/erp", "{\"replies\": [{\"status\": 500, \"times\": 2}, {\"status\": 401}]}");
    check_unsubscribed_at(h, 3);
}

/* Two messages wait for their next hour, when a third one is answered with 401. */
struct unsubscribed {
    const char *waiting[2];
    const char *refused;
};

static struct unsubscribed given_unsubscribed(struct harness *h, const struct tenant *t,
                                              const struct registration *erp)
{
    struct unsubscribed result;

    sinker_rule(h, "/erp", "{\"replies\": [{\"status\": 500, \"times\": 2}, {\"status\": 401}]}");
    for (unsigned i = 0; i < 2; i++) {
        result.waiting[i] = message_of(h, t, publish_document(h, t), erp->subscription.id);
        (void)attempt_wait(h, t, result.waiting[i], 1);
        message_wait(h, t, result.waiting[i], "pending");
    }
    result.refused = message_of(h, t, publish_document(h, t), erp->subscription.id);
    message_wait(h, t, result.refused, "failed");
    return result;
}

static void check_cancelled_by_401(struct harness *h, const struct tenant *t,
                                   const char *message_id)
{
    struct reply message = message_get(h, t, message_id);

    assert_string_equal(reply_text(&message, "status"), "cancelled");
    assert_string_equal(reply_text(&message, "status_reason"), "unsubscribed_by_401");
    assert_false(reply_is_null(&message, "finished_at"));
}

static struct reply revive(struct harness *h, const struct tenant *t,
                           const struct registration *erp, const char *body)
{
    struct reply reply;

    reply = api_call(h, t->partner, "POST",
                     http_text(h->http, "/v1/subscriptions/%s/revive", erp->subscription.id), "%s",
                     body);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "state"), "active");
    return reply;
}

static void test_BC_22_waiting_messages_are_cancelled_and_revived(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    struct unsubscribed messages = given_unsubscribed(h, t, &erp);
    struct reply reply;

    check_cancelled_by_401(h, t, messages.waiting[0]);
    check_cancelled_by_401(h, t, messages.waiting[1]);
    reply = revive(h, t, &erp, "{\"messages\": true}");
    assert_int_equal(reply_int(&reply, "revived_messages"), 2);
    message_wait(h, t, messages.waiting[0], "succeeded");
    message_wait(h, t, messages.waiting[1], "succeeded");

    message_wait(h, t, message_resend(h, t, messages.refused, "{}"), "succeeded");
    assert_int_equal(sinker_count(h, "/erp"), 6);
}

static void test_BC_22_reviving_leaves_messages_alone_unless_asked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    struct unsubscribed messages = given_unsubscribed(h, t, &erp);
    struct reply reply = revive(h, t, &erp, "{}");
    const char *event_id = publish_document(h, t);

    assert_int_equal(reply_int(&reply, "revived_messages"), 0);
    message_wait(h, t, message_of(h, t, event_id, erp.subscription.id), "succeeded");
    check_cancelled_by_401(h, t, messages.waiting[0]);
    check_cancelled_by_401(h, t, messages.waiting[1]);
    assert_int_equal(sinker_count(h, "/erp"), 4);
}

static void test_BC_22_messages_in_flight_are_not_retried_after_a_401(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    const char *ids[4] = {NULL};
    unsigned n_failed = 0;

    sinker_rule(h, "/erp", "{\"replies\": [{\"status\": 401}], \"then\": {\"status\": 500}}");
    for (unsigned i = 0; i < HK_COUNTOF(ids); i++)
        ids[i] = message_of(h, t, publish_document(h, t), erp.subscription.id);
    (void)harness_start_worker(h); /* claims and sends all of them at once */
    for (unsigned i = 0; i < HK_COUNTOF(ids); i++) {
        const char *path = http_text(h->http, "/v1/messages/%s", ids[i]);
        struct reply message;

        api_wait_for(h, t->support, path, "status_reason", "unsubscribed_by_401", SOON_MS);
        message = message_get(h, t, ids[i]);
        n_failed += strcmp(reply_text(&message, "status"), "failed") == 0;
    }
    assert_int_equal(n_failed, 1);
    assert_in_range(sinker_count(h, "/erp"), 1, HK_COUNTOF(ids));
}

/* ---- BC-23: every hour for a week ---- */

static void test_BC_23_a_retry_is_an_hour_later_whatever_the_receiver_asks(void **state)
{
    static const char *const headers[] = {"", ", \"headers\": {\"Retry-After\": \"1\"}",
                                          ", \"headers\": {\"Retry-After\": \"86400\"}"};
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);

    for (unsigned i = 0; i < HK_COUNTOF(headers); i++) {
        const char *path = http_text(h->http, "/erp/%u", i), *message_id;
        struct registration erp = given_connected_app(h, t, path);
        struct reply attempt, message;

        sinker_rule(h, path, "{\"then\": {\"status\": 503%s}}", headers[i]);
        message_id = message_of(h, t, publish_document(h, t), erp.subscription.id);
        attempt = attempt_wait(h, t, message_id, 1);
        message = message_get(h, t, message_id);
        assert_string_equal(reply_text(&message, "status"), "pending");
        assert_in_range(db_int(h, "SELECT extract(epoch FROM '%s'::timestamptz - '%s')::integer",
                               reply_text(&message, "next_attempt_at"),
                               reply_text(&attempt, "started_at")),
                        3600, 3605);
    }
}

static void check_a_week_was_spent(struct harness *h, const struct tenant *t,
                                   const char *message_id)
{
    struct reply reply = message_get(h, t, message_id);

    assert_string_equal(reply_text(&reply, "status_reason"), "schedule_exhausted");
    assert_int_equal(reply_int(&reply, "attempts"), 1 + 168);
    reply = sinker_stats(h, "/erp");
    assert_int_equal(reply_int(&reply, "requests"), 1 + 168);
    assert_int_equal(reply_int(&reply, "distinct_ids"), 1);
    assert_int_equal(reply_int(&reply, "signature_invalid"), 0);
    reply = api_call(h, t->receiver, "GET",
                     http_text(h->http, "/v1/messages/%s/attempts?limit=250", message_id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1 + 168);
    assert_int_equal(reply_int(&reply, "data.168.status_code"), 500);
}

static void test_BC_23_a_week_of_failures_ends_as_failed_and_is_not_lost(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    const char *message_id;
    struct reply reply;

    sinker_rule(h, "/erp", "{\"then\": {\"status\": 500}}");
    message_id = message_of(h, t, publish_document(h, t), erp.subscription.id);
    api_wait_for(h, t->support, http_text(h->http, "/v1/messages/%s", message_id), "status",
                 "failed", 120000);
    check_a_week_was_spent(h, t, message_id);

    sinker_rule(h, "/erp", "{}");
    message_id = message_resend(h, t, message_id, "{}");
    message_wait(h, t, message_id, "succeeded");
    reply = attempt_wait(h, t, message_id, 1);
    assert_string_equal(reply_text(&reply, "outcome"), "succeeded");
}

static void test_BC_23_a_reset_and_a_hang_are_failures_that_are_retried(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct subscription subscription = given_impatient(h, t, sinker_url(h, "/erp"));
    const char *message_id;
    struct reply attempt;

    sinker_rule(h, "/erp", "{\"replies\": [{\"reset\": true}, {\"hang\": true}]}");
    message_id = message_of(h, t, publish_document(h, t), subscription.id);
    message_wait(h, t, message_id, "succeeded");
    attempt = attempt_wait(h, t, message_id, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "reset");
    attempt = attempt_wait(h, t, message_id, 2);
    assert_string_equal(reply_text(&attempt, "outcome"), "timeout");
    assert_int_equal(sinker_count(h, "/erp"), 3);
}

static void test_BC_23_a_refused_connection_is_retried_until_the_receiver_is_back(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    unsigned down = harness_start_sinker(h, NULL);
    const char *url = http_text(h->http, "%s/erp", h->sinker_urls[down]);
    const char *const again[] = {"--listen", h->sinker_urls[down] + strlen("http://"), NULL};
    struct subscription subscription = given_impatient(h, t, url);
    const char *message_id;
    struct reply attempt;

    assert_int_equal(proc_stop(&h->sinkers[down], SOON_MS), 0);
    message_id = message_of(h, t, publish_document(h, t), subscription.id);
    attempt = attempt_wait(h, t, message_id, 2);
    assert_string_equal(reply_text(&attempt, "outcome"), "connect");
    assert_true(reply_is_null(&attempt, "status_code"));
    (void)harness_start_sinker(h, again);
    message_wait(h, t, message_id, "succeeded");
}

static void test_BC_23_dns_and_tls_failures_are_retried(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct subscription no_tls, no_name;
    const char *event_id, *message_id;
    struct reply attempt;

    no_tls = given_impatient(
        h, t, http_text(h->http, "https://%s/", h->sinker_urls[0] + strlen("http://")));
    no_name = given_impatient(h, t, "https://no-such-host.invalid/");
    event_id = publish_document(h, t);
    attempt = attempt_wait(h, t, message_of(h, t, event_id, no_tls.id), 2);
    assert_string_equal(reply_text(&attempt, "outcome"), "tls");
    message_id = message_of(h, t, event_id, no_name.id);
    attempt = attempt_wait(h, t, message_id, 2);
    if (strcmp(reply_text(&attempt, "outcome"), "timeout") != 0) /* no resolver answers here */
        assert_string_equal(reply_text(&attempt, "outcome"), "dns");
}

/* ---- BC-31: at once ---- */

static void test_BC_31_delivery_begins_at_once_and_not_on_a_poll(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");

    for (unsigned i = 0; i < 3; i++) {
        int64_t before_us = hk_wall_us();
        const char *event_id = publish_document(h, t);
        struct reply request;

        sinker_wait(h, "/erp", i + 1, 5000);
        request = sinker_request(h, "/erp", i);
        assert_in_range(reply_int(&request, "received_at_us") - before_us, 0, 999999);
        message_wait(h, t, message_of(h, t, event_id, erp.subscription.id), "succeeded");
    }
}

int main(void)
{
    const char *const week_is_2_s[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=360000",
                                       "HOOKLINE_WORKER_POLL_MS=5", NULL};
    const char *const polls_never[] = {"HOOKLINE_WORKER_POLL_MS=60000", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_BC_20_any_status_other_than_200_is_a_failure, HOUR_IS_100_MS),
        harness_test(test_BC_21_no_answer_in_time_is_a_failure, HOUR_IS_100_MS),
        harness_test(test_BC_21_the_profile_waits_five_seconds),
        harness_test(test_BC_21_a_header_in_time_is_enough),
        harness_test(test_BC_21_a_header_that_does_not_end_is_not),
        harness_test(test_BC_22_401_on_the_first_attempt_unsubscribes, HOUR_IS_100_MS),
        harness_test(test_BC_22_401_unsubscribes_on_whichever_attempt, HOUR_IS_100_MS),
        harness_test(test_BC_22_waiting_messages_are_cancelled_and_revived),
        harness_test(test_BC_22_reviving_leaves_messages_alone_unless_asked),
        harness_test(test_BC_22_messages_in_flight_are_not_retried_after_a_401, HOUR_IS_100_MS,
                     .has_no_worker = true),
        harness_test(test_BC_23_a_retry_is_an_hour_later_whatever_the_receiver_asks),
        harness_test(test_BC_23_a_week_of_failures_ends_as_failed_and_is_not_lost,
                     .env = week_is_2_s),
        harness_test(test_BC_23_a_reset_and_a_hang_are_failures_that_are_retried, HOUR_IS_100_MS),
        harness_test(test_BC_23_a_refused_connection_is_retried_until_the_receiver_is_back,
                     HOUR_IS_100_MS),
        harness_test(test_BC_23_dns_and_tls_failures_are_retried, HOUR_IS_100_MS),
        harness_test(test_BC_31_delivery_begins_at_once_and_not_on_a_poll, .env = polls_never),
    };

    return cmocka_run_group_tests_name("basecone_reliability", tests, NULL, NULL);
}
