/* SPDX-License-Identifier: Apache-2.0 */
/* One payload is erased for ever, and whatever receivers have said of it. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/past.h"

#define SOON_MS    60000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)
#define SECRET     "NL91ABNA0417164300"
#define PAYLOAD    "{\"iban\": \"" SECRET "\"}"

static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

struct world {
    struct harness *h;
    struct tenant *t;
    struct subscription hook;
};

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    w.hook = given_story(h, w.t, "/hook");
    return w;
}

static struct reply expunge(const struct world *w, const char *id)
{
    return api_want(w->h, 200, w->t->admin, "POST", at(w->h, "/v1/events/%s/expunge", id),
                    "{\"reason\": \"case 7\"}");
}

/* How often any table still says it. */
static int64_t count_secrets(struct harness *h)
{
    return db_int(h, "SELECT (SELECT count(*) FROM hookline.event e WHERE e::text ~ '" SECRET "')"
                     " + (SELECT count(*) FROM hookline.message m WHERE m::text ~ '" SECRET "')"
                     " + (SELECT count(*) FROM hookline.audit_log l WHERE l::text ~ '" SECRET "')"
                     " + (SELECT count(*) FROM hookline.attempt a WHERE concat(a.response_headers,"
                     " encode(a.response_body, 'escape'), a.request_headers, a.error) ~ '" SECRET
                     "')");
}

static bool has_no_secret(void *h)
{
    return count_secrets(h) == 0;
}

static void test_what_was_delivered_is_erased_with_its_echo(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *id;
    struct reply reply;

    sinker_rule(h, "/hook",
                "{\"then\": {\"status\": 200, \"headers\": {\"X-Echo\": \"" SECRET
                "\"}, \"body\": \"thanks for " SECRET "\"}}");
    id = publish(h, w.t, "order.paid", "c1", PAYLOAD);
    reply = api_want(h, 200, w.t->admin, "GET", at(h, "/v1/events/%s", id), NULL);
    api_wait_for(h, w.t->admin, at(h, "/v1/messages/%s", reply_text(&reply, "messages.0.id")),
                 "status", "succeeded", SOON_MS);
    assert_in_range(count_secrets(h), 2, 3);

    reply = expunge(&w, id);
    assert_string_equal(reply_text(&reply, "payload_state"), "expunged");
    assert_true(is_rfc3339_utc(reply_text(&reply, "payload_gone_at")));
    assert_int_equal(count_secrets(h), 0);
    reply = api_want(h, 200, w.t->admin, "GET", at(h, "/v1/events/%s", id), NULL);
    assert_true(reply_is_null(&reply, "payload"));
    reply = api_call(h, w.t->admin, "POST",
                     at(h, "/v1/messages/%s/resend", reply_text(&reply, "messages.0.id")), NULL);
    assert_problem(h, reply, 409, "payload_gone", NULL);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.audit_log WHERE action ="
                            " 'event.expunged' AND object_id = '%s'"
                            " AND detail ->> 'reason' = 'case 7'",
                            id),
                     1);
    (void)expunge(&w, id); /* once more changes nothing */
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM hookline.audit_log WHERE action = 'event.expunged'"), 1);
}

static void test_what_waits_is_cancelled(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *held, *other;
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/hold", w.hook.id), NULL);
    held = publish(h, w.t, "order.paid", "c1", PAYLOAD);
    other = publish(h, w.t, "order.paid", "c1", "{\"other\": 1}");
    (void)expunge(&w, held);
    reply = api_want(h, 200, w.t->admin, "GET", at(h, "/v1/events/%s", held), NULL);
    /* A worker may have had it, and gives it back. */
    api_wait_for(h, w.t->admin, at(h, "/v1/messages/%s", reply_text(&reply, "messages.0.id")),
                 "status", "cancelled", SOON_MS);
    reply = api_want(h, 200, w.t->admin, "GET",
                     at(h, "/v1/messages/%s", reply_text(&reply, "messages.0.id")), NULL);
    assert_string_equal(reply_text(&reply, "status_reason"), "payload_expunged");
    assert_int_equal(count_secrets(h), 0);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/subscriptions/%s/resume", w.hook.id),
                   NULL);
    sinker_wait(h, "/hook", 1, SOON_MS);
    reply = sinker_request(h, "/hook", 0);
    assert_non_null(strstr(reply_text(&reply, "body"), "other"));
    assert_int_equal(sinker_count(h, "/hook"), 1);
    assert_non_null(other);
}

/* The answer comes after the payload is gone, and says it. */
static void test_what_is_in_flight_is_not_tried_again_and_its_echo_is_cleared(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *id;

    sinker_rule(h, "/hook",
                "{\"then\": {\"status\": 500, \"delay_ms\": 3000, \"body\": \"" SECRET "\"}}");
    id = publish(h, w.t, "order.paid", "c1", PAYLOAD);
    api_wait_for(h, w.t->admin, at(h, "/v1/events/%s", id), "messages.0.status", "sending",
                 SOON_MS);
    (void)expunge(&w, id);
    api_wait_for(h, w.t->admin, at(h, "/v1/events/%s", id), "messages.0.status", "cancelled",
                 SOON_MS);
    assert_true(wait_until(has_no_secret, h, SOON_MS));
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_only_an_admin_erases_and_says_why(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *id = publish(h, w.t, "order.paid", "c1", PAYLOAD);
    const char *path = at(h, "POST /v1/events/%s/expunge", id);
    struct tenant *other = given_tenant(h);

    expect_refused(h, w.t->support, path, HK_STR("{\"reason\": \"x\"}"), 403, "forbidden", NULL);
    expect_refused(h, w.t->partner, path, HK_STR("{\"reason\": \"x\"}"), 403, "forbidden", NULL);
    expect_refused(h, other->admin, path, HK_STR("{\"reason\": \"x\"}"), 404, "not_found", NULL);
    expect_refused(h, w.t->admin, path, HK_STR("{}"), 422, "invalid_body", "/reason");
    expect_refused(h, w.t->admin, path, HK_STR("{\"reason\": \"\"}"), 422, "invalid_body",
                   "/reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_was_delivered_is_erased_with_its_echo, .env = quick),
        harness_test(test_what_waits_is_cancelled, .env = quick),
        harness_test(test_what_is_in_flight_is_not_tried_again_and_its_echo_is_cleared,
                     .env = quick),
        harness_test(test_only_an_admin_erases_and_says_why, .has_no_worker = true),
    };

    return cmocka_run_group_tests_name("expunge", tests, NULL, NULL);
}
