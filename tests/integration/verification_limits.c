/* SPDX-License-Identifier: Apache-2.0 */
/* Verification: what cannot be asked, how often, and what CloudEvents receivers allow. */
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

/* ---- refusals ---- */

static void test_what_cannot_be_verified_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *target = given_target(h, t), *path = target_subscribe(h, t, target, "/hook", "");
    const char *stranger = given_key(h, t, "partner", "else");

    expect_problem(h, target_act(h, t, path, "verify"), 409, "conflict",
                   NULL); /* it asks for none */
    expect_problem(h, target_act(h, other, path, "verify"), 404, "not_found", NULL);
    expect_problem(h, api_call(h, stranger, "POST", http_text(h->http, "%s/verify", path), NULL),
                   404, "not_found", NULL);
    expect_problem(h, api_call(h, t->support, "POST", http_text(h->http, "%s/verify", path), NULL),
                   403, "forbidden", NULL);
    expect_problem(h,
                   api_call(h, t->partner, "POST", target,
                            "{\"url\": \"https://e.example/\", \"event_types\": [\"order.paid\"], "
                            "\"verification\": \"trust\"}"),
                   422, "invalid_body", "/verification");
    sinker_rule(h, "/hook", AGREES_AS_TEXT);
    (void)api_call(h, t->partner, "PATCH", path, "{\"verification\": \"challenge_get\"}");
    target_wait_active(h, t, path);
    expect_problem(h, target_act(h, t, path, "verify"), 409, "conflict", NULL); /* it is already */
    (void)api_call(h, t->partner, "DELETE", path, NULL);
    expect_problem(h, target_act(h, t, path, "verify"), 409, "conflict", NULL); /* it is archived */
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_a_host_is_asked_ten_times_a_minute(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply;

    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"echo_secret\"");
    sinker_wait(h, "/hook", 1, 5000);
    for (int i = 0; i < 9; i++) {
        reply = target_act(h, t, path, "verify");
        assert_status(reply, 200);
        assert_string_equal(reply_text(&reply, "state"), "pending");
    }
    expect_problem(h, target_act(h, t, path, "verify"), 429, "rate_limited", NULL);
    assert_int_equal(sinker_count(h, "/hook"), 10);
    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"echo_secret\"");
    api_wait_for(h, t->partner, path, "verification_error",
                 "There were too many verifications: ask again in a minute.", 5000);
}

static void test_a_private_address_is_not_asked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;

    path = target_subscribe(h, t, target, "/hook", ", \"verification\": \"challenge_get\"");
    api_wait_for(h, t->partner, path, "verification_error",
                 "The address of the URL may not be called.", 5000);
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

/* ---- CloudEvents ---- */

static void test_cloudevents_carry_the_origin_that_was_allowed_at_the_rate_that_was(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply, request;

    sinker_rule(h, "/hook",
                "{\"then\": {\"headers\": {\"WebHook-Allowed-Origin\": \"Events.Example\","
                " \"WebHook-Allowed-Rate\": \"120\"}}}");
    path = target_subscribe(
        h, t, target, "/hook",
        ", \"profile\": \"cloudevents\", \"verification\": \"cloudevents_options\", "
        "\"rate_per_second\": 100");
    target_wait_active(h, t, path);
    request = sinker_request(h, "/hook", 0);
    assert_string_equal(reply_text(&request, "method"), "OPTIONS");
    assert_string_equal(reply_text(&request, "headers.webhook-request-origin"), "events.example");
    assert_string_equal(reply_text(&request, "headers.webhook-request-rate"), "6000");
    reply = get(h, t, path);
    assert_int_equal(reply_int(&reply, "rate_per_second"), 2);

    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, 5000);
    request = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&request, "headers.webhook-request-origin"), "events.example");
    assert_string_equal(reply_text(&request, "headers.content-type"),
                        "application/cloudevents+json; charset=UTF-8");
    assert_string_equal(reply_text(&request, "signature"), "unchecked");
}

static void test_a_rate_that_was_asked_for_must_be_granted(void **state)
{
    static const struct {
        const char *rate, *words;
    } cases[] = {
        {"", "The WebHook-Allowed-Rate of the answer is neither a number nor *."},
        {"many", "The WebHook-Allowed-Rate of the answer is neither a number nor *."},
        {"-1", "The WebHook-Allowed-Rate of the answer is neither a number nor *."},
        {"59", "The WebHook-Allowed-Rate of the answer is less than 60, which is one a second."},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply;

    sinker_rule(h, "/hook", "{\"then\": {\"headers\": {\"WebHook-Allowed-Origin\": \"*\"}}}");
    path = target_subscribe(h, t, target, "/hook",
                            ", \"verification\": \"cloudevents_options\", \"rate_per_second\": 5");
    api_wait_for(h, t->partner, path, "verification_error",
                 "The answer has no WebHook-Allowed-Rate.", 5000);
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        sinker_rule(h, "/hook",
                    "{\"then\": {\"headers\": {\"WebHook-Allowed-Origin\": \"*\", "
                    "\"WebHook-Allowed-Rate\": \"%s\"}}}",
                    cases[i].rate);
        reply = target_act(h, t, path, "verify");
        assert_string_equal(reply_text(&reply, "verification_error"), cases[i].words);
    }
}

static void test_a_profile_says_what_new_subscriptions_are_verified_by(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *target = given_target(h, t), *path;
    struct reply reply;

    reply = api_call(h, t->admin, "POST", "/v1/profiles",
                     "{\"name\": \"careful\", \"base\": \"cloudevents\", "
                     "\"verification\": \"cloudevents_options\"}");
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "verification"), "cloudevents_options");
    path = target_subscribe(h, t, target, "/hook", ", \"profile\": \"careful\"");
    reply = get(h, t, path);
    assert_string_equal(reply_text(&reply, "verification"), "cloudevents_options");
    assert_string_equal(reply_text(&reply, "state"), "pending");
    path = target_subscribe(h, t, target, "/hook",
                            ", \"profile\": \"careful\", \"verification\": \"none\"");
    reply = get(h, t, path);
    assert_string_equal(reply_text(&reply, "state"), "active");
}

static const char *const origin[] = {"HOOKLINE_API_ORIGIN=events.example", NULL};
static const char *const no_networks[] = {"HOOKLINE_API_ALLOWED_NETWORKS=10.1.0.0/16", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_cannot_be_verified_is_refused),
        harness_test(test_a_host_is_asked_ten_times_a_minute),
        harness_test(test_a_private_address_is_not_asked, .env = no_networks),
        harness_test(test_cloudevents_carry_the_origin_that_was_allowed_at_the_rate_that_was,
                     .env = origin),
        harness_test(test_a_rate_that_was_asked_for_must_be_granted),
        harness_test(test_a_profile_says_what_new_subscriptions_are_verified_by),
    };

    return cmocka_run_group_tests_name("verification_limits", tests, NULL, NULL);
}
