/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping takes effect: one second after a change was answered, no request comes to a
 * subscription that is paused, held, archived, or not to be sent to for another reason; not even
 * when its receiver takes that long to be connected to.
 */
#include "hk/clock.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

#define GRACE_US 1000000

struct world {
    struct tenant *t;
    const char *app_id, *subscription_id, *connection_id, *company_id;
};

/* Each way to stop a subscription: the request, with a place for an id of the world. */
static const struct change {
    const char *name, *method, *path, *body;
    size_t id; /* the place in struct world of what stands in the path; 0: the tenant */
    bool is_operators;
} changes[] = {
    {"pause", "POST", "/v1/subscriptions/%s/pause", NULL, offsetof(struct world, subscription_id),
     false},
    {"hold", "POST", "/v1/subscriptions/%s/hold", NULL, offsetof(struct world, subscription_id),
     false},
    {"archive", "DELETE", "/v1/subscriptions/%s", NULL, offsetof(struct world, subscription_id),
     false},
    {"delete the hook", "DELETE", "/v1/hooks/%s", NULL, offsetof(struct world, subscription_id),
     false},
    {"delete the webhook", "DELETE", "/notifications/webhooks/%s", NULL,
     offsetof(struct world, subscription_id), false},
    {"archive the app", "DELETE", "/v1/apps/%s", NULL, offsetof(struct world, app_id), false},
    {"disconnect", "DELETE", "/v1/connections/%s?queued=cancel", NULL,
     offsetof(struct world, connection_id), false},
    {"archive the company", "DELETE", "/v1/companies/%s?queued=cancel", NULL,
     offsetof(struct world, company_id), false},
    {"forbid http", "PATCH", "/v1/tenants/%s", "{\"allow_http\": false}", 0, true},
    {"suspend the tenant", "PATCH", "/v1/tenants/%s", "{\"state\": \"suspended\"}", 0, true},
    {"archive the tenant", "DELETE", "/v1/tenants/%s", NULL, 0, true},
};

static struct world given_world(struct harness *h, const char *url)
{
    struct world w = {.t = given_tenant(h)};
    struct reply reply;

    w.company_id = given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    w.app_id = given_app(h, w.t, "acme");
    w.connection_id = given_connection(h, w.t, w.app_id, "c1");
    reply =
        api_call(h, w.t->admin, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", w.app_id),
                 "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]}", url);
    assert_status(reply, 201);
    w.subscription_id = reply_text(&reply, "id");
    return w;
}

/* Makes the change; microseconds since the epoch when it was answered. */
static int64_t make(struct harness *h, const struct world *w, const struct change *change)
{
    const char *id = change->id == 0
                         ? w->t->id
                         : *(const char *const *)(const void *)((const char *)w + change->id);
    char path[128];
    struct reply reply;

    print_message("%s\n", change->name);
    (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)strcspn(change->path, "%"), change->path,
                   id, strchr(change->path, '%') + 2);
    reply = api_call(h, change->is_operators ? h->operator_key : w->t->admin, change->method, path,
                     change->body == NULL ? NULL : "%s", change->body);
    if (reply.status != 200)
        assert_status(reply, 204);
    return hk_wall_us();
}

static bool is_later(void *at_us)
{
    return hk_wall_us() > *(const int64_t *)at_us;
}

static void wait_for_the_end_of_the_grace(int64_t answered_us)
{
    int64_t at_us = answered_us + GRACE_US + 500000;

    assert_true(wait_until(is_later, &at_us, 10000));
}

static bool is_nothing_under_way(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM queue WHERE leased AND due_at > now()") == 0;
}

static bool is_something_under_way(void *arg)
{
    return !is_nothing_under_way(arg);
}

/* ---- a queue that is being worked off ---- */

static void check_nothing_comes_late(struct harness *h, const char *rule)
{
    for (size_t i = 0; i < HK_COUNTOF(changes); i++) {
        const char *path = http_text(h->http, "/hook-%zu", i);
        struct world w = given_world(h, sinker_url(h, path));
        struct reply last;
        unsigned n;
        int64_t answered_us;

        sinker_rule(h, path, "%s", rule);
        publish_many(h, w.t, 500);
        sinker_wait(h, path, 10, 20000);
        answered_us = make(h, &w, &changes[i]);
        (void)api_call(h, w.t->producer, "POST", "/v1/events",
                       "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}");
        wait_for_the_end_of_the_grace(answered_us);

        assert_true(wait_until(is_nothing_under_way, h, 10000));
        n = sinker_count(h, path);
        assert_in_range(n, 10, 499);
        last = sinker_request(h, path, n - 1);
        assert_in_range(reply_int(&last, "received_at_us"), 1, answered_us + GRACE_US);
    }
}

static void test_R_27_nothing_comes_one_second_after_a_stop_was_answered(void **state)
{
    check_nothing_comes_late(*state, "{\"then\": {\"status\": 200, \"delay_ms\": 50}}");
}

static void test_R_27_nothing_that_is_due_for_a_retry_comes_either(void **state)
{
    check_nothing_comes_late(*state, "{\"then\": {\"status\": 500, \"delay_ms\": 50}}");
}

/* ---- receivers that are slow to connect to ---- */

static void test_R_27_what_waits_for_a_connection_is_not_sent_when_it_comes(void **state)
{
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(changes); i++) {
        struct raw_receiver *raw = raw_receive_behind_gate();
        struct world w = given_world(h, raw_url(raw));
        const char *event_id = publish(h, w.t, "order.paid", "c1", "{}");
        int64_t answered_us;

        assert_true(wait_until(is_something_under_way, h, 5000));
        answered_us = make(h, &w, &changes[i]);
        assert_true(wait_until(is_nothing_under_way, h, 4000)); /* connecting has 5 s */
        raw_open_gate(raw);
        wait_for_the_end_of_the_grace(answered_us);
        assert_int_equal(raw_count(raw), 0);
        assert_int_equal(db_int(h,
                                "SELECT count(*) FROM message WHERE event_id = '%s' AND status IN "
                                "('held', 'cancelled')",
                                event_id),
                         1);
        assert_int_equal(db_int(h, "SELECT count(*) FROM attempt WHERE tenant_id = '%s'", w.t->id),
                         0);
    }
}

static void test_R_27_nothing_is_said_in_a_tls_handshake_that_ends_too_late(void **state)
{
    struct harness *h = *state;
    struct raw_answer silence = {HK_STR(""), RAW_SILENT};
    struct raw_receiver *raw = raw_receive(&silence, 1);
    struct world w = given_world(h, http_text(h->http, "https%s", raw_url(raw) + strlen("http")));
    char request[RAW_REQUEST_SIZE];

    (void)publish(h, w.t, "order.paid", "c1", "{}");
    assert_true(wait_until(is_something_under_way, h, 5000));
    (void)make(h, &w, &changes[0]);
    assert_true(wait_until(is_nothing_under_way, h, 4000));
    raw_last_request(raw, request);
    assert_null(strstr(request, "POST"));
    assert_int_equal(message_count(h, w.t, "held"), 1);
}

static void test_what_is_held_before_it_was_sent_is_sent_when_it_is_resumed(void **state)
{
    struct harness *h = *state;
    struct raw_receiver *raw = raw_receive_behind_gate();
    struct world w = given_world(h, raw_url(raw));
    const char *path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);
    struct reply reply;

    assert_true(wait_until(is_something_under_way, h, 5000));
    (void)make(h, &w, &changes[0]);
    message_wait(h, w.t, path, "held");
    raw_open_gate(raw);
    reply = api_call(h, w.t->admin, "POST",
                     http_text(h->http, "/v1/subscriptions/%s/resume", w.subscription_id), NULL);
    assert_status(reply, 200);
    message_wait(h, w.t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, w.t, path), 1);
    assert_int_equal(raw_count(raw), 1);
}

static void test_what_has_begun_ends_on_its_own_and_is_recorded(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, sinker_url(h, "/hook"));
    const char *path;

    sinker_rule(h, "/hook", "{\"then\": {\"status\": 200, \"delay_ms\": 1500}}");
    path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);
    sinker_wait(h, "/hook", 1, 5000);
    (void)make(h, &w, &changes[0]);
    message_wait(h, w.t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, w.t, path), 1);
}

static void test_nobody_else_is_stopped(void **state)
{
    struct harness *h = *state;
    struct raw_receiver *raw = raw_receive_behind_gate();
    struct world other = given_world(h, raw_url(raw)), w = given_world(h, sinker_url(h, "/hook"));

    (void)publish(h, other.t, "order.paid", "c1", "{}");
    assert_true(wait_until(is_something_under_way, h, 5000));
    (void)make(h, &w, &changes[0]);
    raw_open_gate(raw);
    assert_true(wait_until(is_nothing_under_way, h, 8000));
    assert_int_equal(db_int(h, "SELECT sum(attempt_no) FROM attempt"), 1);
    assert_int_equal(message_count(h, other.t, "succeeded"), 1);
}

static void test_R_27_what_has_not_begun_goes_to_the_new_url(void **state)
{
    struct harness *h = *state;
    struct raw_receiver *raw = raw_receive_behind_gate();
    struct world w = given_world(h, raw_url(raw));
    const char *path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);
    struct reply reply;

    assert_true(wait_until(is_something_under_way, h, 5000));
    reply = api_call(h, w.t->admin, "PATCH",
                     http_text(h->http, "/v1/subscriptions/%s", w.subscription_id),
                     "{\"url\": \"%s\"}", sinker_url(h, "/new"));
    assert_status(reply, 200);
    message_wait(h, w.t, path, "succeeded");
    assert_int_equal(message_n_attempts(h, w.t, path), 1);
    assert_int_equal(sinker_count(h, "/new"), 1);
}

/* ---- a worker that did not hear it ---- */

static bool is_claimed_again(void *arg)
{
    return db_int(arg, "SELECT max(fence) FROM queue") > 1;
}

static void test_a_worker_that_did_not_listen_asks_again_before_it_sends(void **state)
{
    struct harness *h = *state;
    struct raw_receiver *raw = raw_receive_behind_gate();
    struct world w = given_world(h, raw_url(raw));

    (void)publish(h, w.t, "order.paid", "c1", "{}");
    assert_true(wait_until(is_something_under_way, h, 5000));
    (void)db_int(
        h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
           "WHERE application_name = 'hookline-worker claim' AND datname = current_database()");
    assert_true(wait_until(is_claimed_again, h, 4000));
    assert_int_equal(db_int(h, "SELECT count(*) FROM attempt"), 0);
    assert_int_equal(raw_count(raw), 0);
}

static const char *const few_slots[] = {"HOOKLINE_WORKER_MAX_IN_FLIGHT=8",
                                        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=100", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_27_nothing_comes_one_second_after_a_stop_was_answered, .n_workers = 2,
                     .env = few_slots),
        harness_test(test_R_27_nothing_that_is_due_for_a_retry_comes_either, .n_workers = 2,
                     .env = few_slots),
        harness_test(test_R_27_what_waits_for_a_connection_is_not_sent_when_it_comes,
                     .n_workers = 2),
        harness_test(test_R_27_nothing_is_said_in_a_tls_handshake_that_ends_too_late),
        harness_test(test_what_is_held_before_it_was_sent_is_sent_when_it_is_resumed),
        harness_test(test_what_has_begun_ends_on_its_own_and_is_recorded),
        harness_test(test_nobody_else_is_stopped),
        harness_test(test_R_27_what_has_not_begun_goes_to_the_new_url),
        harness_test(test_a_worker_that_did_not_listen_asks_again_before_it_sends),
    };

    return cmocka_run_group_tests_name("stops", tests, NULL, NULL);
}
