/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant's own settings; what suspending, archiving and forbidding http:// do to its messages. */
#include <string.h>

#include "tests/support/check.h"

#define SOON_MS    10000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

static struct reply operate(struct harness *h, const struct tenant *t, int status,
                            const char *method, const char *body)
{
    return api_want(h, status, h->operator_key, method, at(h, "/v1/tenants/%s", t->id), body);
}

static void test_an_admin_keeps_its_own_tenant(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = api_want(h, 200, t->support, "GET", "/v1/tenant", NULL), reply;

    assert_string_equal(reply_text(&first, "id"), t->id);
    assert_true(reply_is_null(&first, "base_url"));
    assert_int_equal(reply_int(&first, "cool_off_s"), 0);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/tenant", "{}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, t->admin, "PATCH", "/v1/tenant",
                     "{\"name\": \"N\", \"base_url\": \"https://api.example.com\","
                     " \"cool_off_s\": 900}");
    assert_string_equal(reply_text(&reply, "name"), "N");
    assert_string_equal(reply_text(&reply, "base_url"), "https://api.example.com");
    assert_int_equal(reply_int(&reply, "cool_off_s"), 900);
    reply = operate(h, t, 200, "PATCH", "{\"base_url\": null, \"cool_off_s\": null}");
    assert_true(reply_is_null(&reply, "base_url"));
    assert_int_equal(reply_int(&reply, "cool_off_s"), 0);
    (void)api_want(h, 403, t->partner, "GET", "/v1/tenant", NULL);
    (void)api_want(h, 403, t->support, "PATCH", "/v1/tenant", "{}");
    (void)api_want(h, 403, h->operator_key, "GET", "/v1/tenant", NULL);
}

static void test_what_is_the_operators_or_not_legal_is_refused(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"allow_http\": true}", "/allow_http"},
        {"{\"state\": \"suspended\"}", "/state"},
        {"{\"quotas\": {}}", "/quotas"},
        {"{\"cool_off_s\": 901}", "/cool_off_s"},
        {"{\"cool_off_s\": -1}", "/cool_off_s"},
        {"{\"name\": null}", "/name"},
        {"{\"base_url\": \"http://api.example.com\"}", "/base_url"},
        {"{\"base_url\": \"https://api.example.com/v1\"}", "/base_url"},
        {"{\"base_url\": \"https://api.example.com?a=b\"}", "/base_url"},
        {"{\"base_url\": \"https://10.0.0.1\"}", "/base_url"},
        {"{\"base_url\": \"\"}", "/base_url"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, t->admin, "PATCH /v1/tenant", hk_str(cases[i].body), 422, "invalid_body",
                       cases[i].pointer);
    expect_refused(h, h->operator_key, at(h, "PATCH /v1/tenants/%s", t->id),
                   HK_STR("{\"state\": \"archived\"}"), 422, "invalid_body", "/state");
}

static void test_tenants_are_found_by_name_and_state(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_tenant(h);
    (void)operate(h, t, 200, "PATCH", "{\"name\": \"Zeta\", \"state\": \"suspended\"}");
    reply = api_want(h, 200, h->operator_key, "GET", "/v1/tenants?name=zET", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.id"), t->id);
    reply = api_want(h, 200, h->operator_key, "GET", "/v1/tenants?state=suspended", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_want(h, 200, h->operator_key, "GET", "/v1/tenants?state=archived", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static const char *message_status(struct harness *h, const struct tenant *t)
{
    return db_text(h,
                   "SELECT coalesce(string_agg(status || ' ' || coalesce(status_reason, ''), ','"
                   " ORDER BY id), '') FROM hookline.message WHERE tenant_id = '%s'",
                   t->id);
}

/* A tenant whose message waits for its first retry, which comes after some seconds. */
static struct tenant *given_waiting(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500}]}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    api_wait_for(h, t->admin, "/v1/messages", "data.0.attempts", "1", SOON_MS);
    return t;
}

static void test_a_suspended_tenants_messages_are_held_until_it_is_active(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_waiting(h);

    (void)operate(h, t, 200, "PATCH", "{\"state\": \"suspended\"}");
    assert_string_equal(message_status(h, t), "held tenant_suspended");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue WHERE due_at < 'infinity'"), 0);
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"active\"}");
    sinker_wait(h, "/hook", 2, SOON_MS);
    api_wait_for(h, t->support, "/v1/messages", "data.0.status", "succeeded", SOON_MS);
}

static void test_what_a_suspended_tenant_had_paused_stays_paused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    const char *path = at(h, "/v1/subscriptions/%s", s.id);
    struct reply reply;

    (void)api_want(h, 200, t->partner, "POST", at(h, "%s/pause", path), NULL);
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"suspended\"}");
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"active\"}");
    reply = api_want(h, 200, t->support, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "paused");
}

struct seen {
    struct harness *h;
    const struct tenant *t;
};

static bool message_is_held(void *arg)
{
    const struct seen *seen = arg;

    return strcmp(message_status(seen->h, seen->t), "held tenant_suspended") == 0;
}

static void test_what_is_in_flight_when_its_tenant_is_suspended_is_not_tried_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"delay_ms\": 1000}]}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"suspended\"}");
    assert_true(wait_until(message_is_held, &(struct seen){h, t}, SOON_MS));
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

static void test_an_archived_tenants_queue_is_cancelled_and_it_can_be_restored(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_waiting(h);
    struct reply reply;

    (void)operate(h, t, 204, "DELETE", NULL);
    (void)operate(h, t, 404, "DELETE", NULL);
    assert_string_equal(message_status(h, t), "cancelled tenant_archived");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.queue"), 0);
    (void)api_want(h, 401, t->support, "GET", "/v1/tenant", NULL); /* never seen: not cached */
    reply = operate(h, t, 200, "GET", NULL);
    assert_string_equal(reply_text(&reply, "state"), "archived");
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"active\"}");
    (void)api_want(h, 200, t->support, "GET", "/v1/tenant", NULL);
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/hook", 2, SOON_MS);
    assert_int_equal(sinker_count(h, "/hook"), 2); /* the cancelled one is not */
}

static void test_forbidding_http_pauses_what_has_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_waiting(h);
    struct reply reply = api_want(h, 200, t->partner, "GET", "/v1/subscriptions", NULL);
    const char *path = at(h, "/v1/subscriptions/%s", reply_text(&reply, "data.0.id"));

    (void)operate(h, t, 200, "PATCH", "{\"allow_http\": false}");
    reply = api_want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "paused");
    assert_string_equal(reply_text(&reply, "state_reason"), "http_not_allowed");
    assert_string_equal(message_status(h, t), "held http_not_allowed");
    reply = api_want(h, 409, t->partner, "POST", at(h, "%s/resume", path), NULL);
    assert_problem(h, reply, 409, "conflict", "/url");
    (void)operate(h, t, 200, "PATCH", "{\"allow_http\": true}");
    (void)api_want(h, 200, t->partner, "POST", at(h, "%s/resume", path), NULL);
    sinker_wait(h, "/hook", 2, SOON_MS);
}

/* Held by the suspension, it is not among what forbidding pauses; the end of the suspension is. */
static void test_http_that_was_forbidden_during_a_suspension_stays_stopped(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_waiting(h);
    struct reply reply;

    (void)operate(h, t, 200, "PATCH", "{\"state\": \"suspended\"}");
    (void)operate(h, t, 200, "PATCH", "{\"allow_http\": false}");
    (void)operate(h, t, 200, "PATCH", "{\"state\": \"active\"}");
    reply = api_want(h, 200, t->support, "GET", "/v1/subscriptions", NULL);
    assert_string_equal(reply_text(&reply, "data.0.state"), "paused");
    assert_string_equal(reply_text(&reply, "data.0.state_reason"), "http_not_allowed");
    assert_string_equal(message_status(h, t), "held http_not_allowed");
    assert_int_equal(sinker_count(h, "/hook"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_an_admin_keeps_its_own_tenant, .has_no_worker = true),
        harness_test(test_what_is_the_operators_or_not_legal_is_refused, .has_no_worker = true),
        harness_test(test_tenants_are_found_by_name_and_state, .has_no_worker = true),
        harness_test(test_a_suspended_tenants_messages_are_held_until_it_is_active),
        harness_test(test_what_a_suspended_tenant_had_paused_stays_paused),
        harness_test(test_what_is_in_flight_when_its_tenant_is_suspended_is_not_tried_again),
        harness_test(test_an_archived_tenants_queue_is_cancelled_and_it_can_be_restored),
        harness_test(test_forbidding_http_pauses_what_has_it),
        harness_test(test_http_that_was_forbidden_during_a_suspension_stays_stopped),
    };

    return cmocka_run_group_tests_name("tenants", tests, NULL, NULL);
}
