/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification (standards 2.2, 2.11, 2.12): what asks for it is sent nothing until its receiver has
 * agreed; what does not ask works as ever.
 */
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/target.h"

#define AGREES_AS_TEXT "{\"then\": {\"body\": \"{challenge}\"}}"

static struct reply get(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply reply = api_call(h, t->partner, "GET", path, NULL);

    assert_status(reply, 200);
    return reply;
}

static void check_state(const struct reply *reply, const char *state)
{
    assert_string_equal(reply_text(reply, "state"), state);
    if (strcmp(state, "active") == 0) {
        assert_true(reply_is_null(reply, "verification_error"));
        assert_false(reply_is_null(reply, "verified_at"));
        return;
    }
    assert_string_equal(reply_text(reply, "state_reason"), "not_verified");
    assert_true(reply_is_null(reply, "verified_at"));
}

/* ---- each way to ask ---- */

static const struct way {
    const char *name, *agrees, *method, *refuses, *words;
} ways[] = {
    {"challenge_get", AGREES_AS_TEXT, "GET", "{\"then\": {\"body\": \"s3cr3t\"}}",
     "The body of the answer is not the challenge."},
    {"challenge_get", "{\"then\": {\"status\": 202, \"body\": \"{challenge}\"}}", "GET",
     "{\"then\": {\"status\": 404, \"body\": \"{challenge}\"}}", "The answer has the status 404."},
    {"challenge_get", AGREES_AS_TEXT, "GET", "{\"then\": {\"body\": \"{challenge} \"}}",
     "The body of the answer is not the challenge."},
    {"cloudevents_options",
     "{\"then\": {\"status\": 405, \"headers\": {\"WebHook-Allowed-Origin\": \"localhost\"}}}",
     "OPTIONS", "{\"then\": {\"headers\": {\"WebHook-Allowed-Rate\": \"*\"}}}",
     "The answer has no WebHook-Allowed-Origin."},
    {"cloudevents_options",
     "{\"then\": {\"headers\": {\"WebHook-Allowed-Origin\": \"*\", \"WebHook-Allowed-Rate\": "
     "\"*\"}}}",
     "OPTIONS", "{\"then\": {\"headers\": {\"WebHook-Allowed-Origin\": \"else.example\"}}}",
     "The WebHook-Allowed-Origin of the answer is not ours."},
    {"echo_secret",
     "{\"then\": {\"status\": 204, \"headers\": {\"X-Hook-Secret\": \"{challenge}\"}}}", "POST",
     "{\"then\": {\"headers\": {\"X-Hook-Secret\": \"s3cr3t\"}}}",
     "The answer does not have the same X-Hook-Secret."},
    {"echo_secret", "{\"then\": {\"headers\": {\"X-Hook-Secret\": \"{challenge}\"}}}", "POST",
     "{\"then\": {\"status\": 202, \"headers\": {\"X-Hook-Secret\": \"{challenge}\"}}}",
     "The answer has the status 202."},
    {"url_verification", "{\"then\": {\"body\": \" {challenge}\\n\"}}", "POST",
     "{\"then\": {\"body\": \"{\\\"challenge\\\": \\\"s3cr3t\\\"}\"}}",
     "The body of the answer is not the challenge, as text or as {\"challenge\": ...}."},
    {"url_verification", "{\"then\": {\"body\": \"{\\\"challenge\\\": \\\"{challenge}\\\"}\"}}",
     "POST", "{\"then\": {\"hang\": true}}", "There was no answer in time."},
};

static void test_each_way_to_ask_is_agreed_to_or_refused(void **state)
{
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(ways); i++) {
        const struct way *way = &ways[i];
        struct tenant *t = given_tenant(h); /* each may ask a host ten times */
        const char *target = given_target(h, t);
        const char *at = http_text(h->http, "/hook-%zu", i), *path;
        const char *more = http_text(h->http, ", \"verification\": \"%s\"", way->name);
        struct reply request, reply;

        print_message("%s, %s\n", way->name, way->words);
        sinker_rule(h, at, "%s", way->refuses);
        path = target_subscribe(h, t, target, http_text(h->http, "%s?x=1", at), more);
        sinker_wait(h, at, 1, 5000);
        api_wait_for(h, t->partner, path, "verification_error", way->words, 15000);
        reply = get(h, t, path);
        check_state(&reply, "pending");
        assert_string_equal(reply_text(&reply, "verification"), way->name);
        assert_null(strstr(reply.body, "s3cr3t"));
        request = sinker_request(h, at, 0);
        assert_string_equal(reply_text(&request, "method"), way->method);
        assert_null(strstr(reply_text(&request, "headers.:query"), "x=1&x"));
        assert_false(reply_has(&request, "headers.webhook-signature"));

        sinker_rule(h, at, "%s", way->agrees);
        reply = target_act(h, t, path, "verify");
        assert_status(reply, 200);
        check_state(&reply, "active");
        assert_int_equal(sinker_count(h, at), 2);
        reply = api_call(h, t->admin, "DELETE", path, NULL);
        assert_status(reply, 204);
    }
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'subscription.verified'"),
        HK_COUNTOF(ways));
    assert_int_equal(
        db_int(h,
               "SELECT count(*) FROM audit_log WHERE action = 'subscription.verification_failed'"),
        HK_COUNTOF(ways));
}

static void test_a_receiver_that_agrees_at_once_needs_no_second_call(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply request;

    sinker_rule(h, "/hook", AGREES_AS_TEXT);
    path = target_subscribe(h, t, target, "/hook?token=a%20b",
                            ", \"verification\": \"challenge_get\"");
    target_wait_active(h, t, path);
    request = sinker_request(h, "/hook", 0);
    assert_non_null(strstr(reply_text(&request, "headers.:query"),
                           "token=a%20b&hub.mode=subscribe&hub.topic=order.paid&hub.challenge="));
    message_wait(h, t, message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL),
                 "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_no_secret_and_no_credentials_go_to_who_has_not_agreed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t);
    struct reply request;

    (void)target_subscribe(
        h, t, target, "/hook",
        ", \"verification\": \"url_verification\", \"headers\": {\"X-Env\": \"e-1\"}, "
        "\"credentials\": {\"token\": \"tok-1234\"}");
    sinker_wait(h, "/hook", 1, 5000);
    request = sinker_request(h, "/hook", 0);
    assert_false(reply_has(&request, "headers.authorization"));
    assert_false(reply_has(&request, "headers.x-env"));
    assert_null(strstr(request.body, "whsec_"));
}

/* ---- pending ---- */

static void test_what_is_published_while_it_is_pending_is_skipped(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply event, reply;

    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"echo_secret\"");
    sinker_wait(h, "/hook", 1, 5000);
    event = api_call(h, t->admin, "GET",
                     http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{}")),
                     NULL);
    assert_string_equal(reply_text(&event, "skips.0.reason"), "subscription_pending");
    reply = api_call(h, t->admin, "GET", "/v1/subscriptions?state=pending", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    for (size_t i = 0; i < 3; i++) {
        static const char *const actions[] = {"pause", "resume", "revive"};

        reply = target_act(h, t, path, actions[i]);
        expect_problem(h, reply, 409, "conflict", NULL);
    }
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_another_url_is_verified_again_and_what_waits_is_held_for_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path, *message;
    struct reply reply;

    sinker_rule(h, "/old", AGREES_AS_TEXT);
    path = target_subscribe(h, t, target, "/old", ", \"verification\": \"challenge_get\"");
    target_wait_active(h, t, path);
    sinker_rule(h, "/old", "{\"then\": {\"status\": 500}}");
    message = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, message, 1);

    sinker_rule(h, "/new", "{\"then\": {\"status\": 403}}");
    reply = api_call(h, t->partner, "PATCH", path, "{\"url\": \"%s\"}", sinker_url(h, "/new"));
    assert_status(reply, 200);
    check_state(&reply, "pending");
    api_wait_for(h, t->partner, path, "verification_error", "The answer has the status 403.", 5000);
    reply = message_get(h, t, message);
    assert_string_equal(reply_text(&reply, "status"), "held");
    assert_string_equal(reply_text(&reply, "status_reason"), "subscription_pending");

    reply = api_call(h, t->partner, "PATCH", path, "{\"description\": \"x\"}");
    assert_status(reply, 200);
    sinker_rule(h, "/new", AGREES_AS_TEXT);
    reply = target_act(h, t, path, "verify");
    check_state(&reply, "active");
    message_wait(h, t, message, "succeeded");
    assert_int_equal(sinker_count(h, "/new"), 3); /* refused, agreed, the message */
}

static void test_the_same_url_stays_verified_and_none_needs_nothing(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply;

    sinker_rule(h, "/hook", AGREES_AS_TEXT);
    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"challenge_get\"");
    target_wait_active(h, t, path);
    reply =
        api_call(h, t->partner, "PATCH", path,
                 "{\"url\": \"%s\", \"verification\": \"challenge_get\"}", sinker_url(h, "/hook"));
    check_state(&reply, "active");
    reply = api_call(h, t->partner, "PATCH", path, "{\"verification\": \"echo_secret\"}");
    check_state(&reply, "pending");
    reply = api_call(h, t->partner, "PATCH", path, "{\"verification\": null}");
    assert_string_equal(reply_text(&reply, "state"), "active");
    assert_string_equal(reply_text(&reply, "verification"), "none");
    assert_true(reply_is_null(&reply, "verified_at"));
}

static void test_what_was_stopped_is_not_resumed_before_its_new_url_is_verified(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply;

    sinker_rule(h, "/hook", AGREES_AS_TEXT);
    sinker_rule(h, "/other", AGREES_AS_TEXT);
    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"challenge_get\"");
    target_wait_active(h, t, path);
    reply = target_act(h, t, path, "pause");
    assert_status(reply, 200);
    reply = api_call(h, t->partner, "PATCH", path, "{\"url\": \"%s\"}", sinker_url(h, "/other"));
    assert_string_equal(reply_text(&reply, "state"), "paused");
    reply = target_act(h, t, path, "resume");
    expect_problem(h, reply, 409, "conflict", NULL);
    reply = target_act(h, t, path, "verify");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "state"), "paused");
    reply = target_act(h, t, path, "resume");
    assert_status(reply, 200);
    check_state(&reply, "active");
}

/* ---- other ways to subscribe ---- */

static void test_apps_hooks_and_basiqs_webhooks_are_verified_when_they_ask(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    given_event_type(h, t, "order.paid");
    sinker_rule(h, "/hook", AGREES_AS_TEXT);
    reply = api_call(h, t->partner, "POST", "/v1/apps",
                     "{\"name\": \"a\", \"subscription\": {\"url\": \"%s\", \"event_types\": "
                     "[\"order.paid\"], \"verification\": \"challenge_get\"}}",
                     sinker_url(h, "/hook"));
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "subscription.state"), "pending");
    target_wait_active(
        h, t, http_text(h->http, "/v1/subscriptions/%s", reply_text(&reply, "subscription.id")));
    reply = api_call(h, t->partner, "POST", "/v1/hooks",
                     "{\"target_url\": \"%s\", \"event\": \"order.paid\", "
                     "\"verification\": \"challenge_get\"}",
                     sinker_url(h, "/hook"));
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "state"), "pending");
    target_wait_active(h, t, http_text(h->http, "/v1/subscriptions/%s", reply_text(&reply, "id")));
    reply = api_call(h, t->partner, "POST", "/notifications/webhooks",
                     "{\"url\": \"%s\", \"subscribedEvents\": [\"order.paid\"], "
                     "\"verification\": \"challenge_get\"}",
                     sinker_url(h, "/hook"));
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "status"), "pending");
    api_wait_for(h, t->partner,
                 http_text(h->http, "/notifications/webhooks/%s", reply_text(&reply, "id")),
                 "status", "active", 5000);
    reply = api_call(h, t->partner, "POST", "/v1/hooks",
                     "{\"target_url\": \"%s\", \"event\": \"order.paid\"}", sinker_url(h, "/zap"));
    assert_string_equal(reply_text(&reply, "state"), "active"); /* Zapier cannot answer */
    assert_int_equal(sinker_count(h, "/zap"), 0);
}

static void test_with_an_idempotency_key_it_is_asked_once(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: 7f3a", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t);
    const char *body = http_text(h->http,
                                 "{\"url\": \"%s\", \"event_types\": [\"order.paid\"], "
                                 "\"verification\": \"echo_secret\"}",
                                 sinker_url(h, "/hook"));

    for (int i = 0; i < 2; i++) {
        struct reply reply = api_send(h, t->partner, "POST", target, hk_str(body), headers);

        assert_status(reply, 201);
        api_wait_for(
            h, t->partner, http_text(h->http, "/v1/subscriptions/%s", reply_text(&reply, "id")),
            "verification_error", "The answer does not have the same X-Hook-Secret.", 5000);
    }
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_way_to_ask_is_agreed_to_or_refused),
        harness_test(test_a_receiver_that_agrees_at_once_needs_no_second_call),
        harness_test(test_no_secret_and_no_credentials_go_to_who_has_not_agreed),
        harness_test(test_what_is_published_while_it_is_pending_is_skipped),
        harness_test(test_another_url_is_verified_again_and_what_waits_is_held_for_it),
        harness_test(test_the_same_url_stays_verified_and_none_needs_nothing),
        harness_test(test_what_was_stopped_is_not_resumed_before_its_new_url_is_verified),
        harness_test(test_apps_hooks_and_basiqs_webhooks_are_verified_when_they_ask),
        harness_test(test_with_an_idempotency_key_it_is_asked_once),
    };

    return cmocka_run_group_tests_name("verification", tests, NULL, NULL);
}
