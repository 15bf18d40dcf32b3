/* SPDX-License-Identifier: Apache-2.0 */
/* Backfills: which events of the past become messages, how they are marked, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define SOON_MS    20000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* The last events are looked at after 10 ms, not after 10 s. */
static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

struct world {
    struct tenant *t;
    const char *app_id;
    struct subscription hook; /* "/hook": order.paid */
};

/* An app with a subscription; company "c1" is not connected to it yet. */
static struct world given_unconnected(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};

    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    given_event_type(h, w.t, "order.sent");
    w.app_id = given_app(h, w.t, "acme");
    w.hook = given_subscription(h, w.t, w.app_id, "/hook", "order.paid");
    return w;
}

static struct world given_connected(struct harness *h)
{
    struct world w = given_unconnected(h);

    (void)given_connection(h, w.t, w.app_id, "c1");
    return w;
}

static void publish_numbered(struct harness *h, const struct world *w, const char *type, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        (void)publish(h, w->t, type, "c1", at(h, "{\"n\": %u}", i));
}

static struct reply connect_c1(struct harness *h, const struct world *w, const char *backfill)
{
    return api_want(h, 201, w->t->admin, "POST", at(h, "/v1/apps/%s/connections", w->app_id),
                    at(h, "{\"companies\": [{\"company\": \"c1\"}]%s}", backfill));
}

/* Asks for a backfill and waits until it has ended; as it is then. */
static struct reply backfill_by(struct harness *h, const struct world *w, const char *key,
                                const char *body)
{
    struct reply made =
        api_want(h, 201, key, "POST", at(h, "/v1/subscriptions/%s/backfill", w->hook.id), body);
    const char *path = at(h, "/v1/backfills/%s", reply_text(&made, "id"));

    api_wait_for(h, key, path, "state", "finished", SOON_MS);
    return api_want(h, 200, key, "GET", path, NULL);
}

static struct reply backfill(struct harness *h, const struct world *w, const char *body)
{
    return backfill_by(h, w, w->t->admin, body);
}

static void wait_all_finished(struct harness *h, const struct world *w)
{
    struct reply list = api_want(h, 200, w->t->admin, "GET", "/v1/backfills", NULL);

    for (size_t i = 0; i < reply_count(&list, "data"); i++)
        api_wait_for(h, w->t->admin,
                     at(h, "/v1/backfills/%s", reply_text(&list, at(h, "data.%zu.id", i))), "state",
                     "finished", SOON_MS);
}

static struct reply messages(struct harness *h, const struct world *w)
{
    return api_want(h, 200, w->t->admin, "GET",
                    at(h, "/v1/messages?subscription_id=%s&limit=250", w->hook.id), NULL);
}

static void test_connecting_with_a_backfill_sends_what_was_published_before(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply connected, request, list;

    publish_numbered(h, &w, "order.paid", 3);
    (void)publish(h, w.t, "order.sent", "c1", "{}");
    connected = connect_c1(h, &w, ", \"backfill\": {\"days\": 7}");
    assert_int_equal(reply_count(&connected, "backfills"), 1);
    assert_string_equal(reply_text(&connected, "backfills.0.reason"), "connected");
    assert_string_equal(reply_text(&connected, "backfills.0.state"), "counting");
    assert_true(reply_is_null(&connected, "backfills.0.events_found"));
    assert_int_equal(reply_int(&connected, "backfills.0.companies"), 1);

    sinker_wait(h, "/hook", 3, SOON_MS);
    for (unsigned i = 0; i < 3; i++) {
        request = sinker_request(h, "/hook", i);
        assert_string_equal(reply_text(&request, "headers.webhook-origin"), "backfill");
        assert_string_equal(reply_text(&request, "signature"), "valid");
    }
    wait_all_finished(h, &w);
    list = messages(h, &w);
    assert_int_equal(reply_count(&list, "data"), 3);
    assert_string_equal(reply_text(&list, "data.0.origin"), "backfill");
    assert_string_equal(reply_text(&list, "data.0.backfill_id"),
                        reply_text(&connected, "backfills.0.id"));
}

static void test_what_is_published_now_is_not_marked(void **state)
{
    struct harness *h = *state;
    struct world w = given_connected(h);
    const char *path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);
    struct reply reply;

    message_wait(h, w.t, path, "succeeded");
    reply = message_get(h, w.t, path);
    assert_string_equal(reply_text(&reply, "origin"), "live");
    assert_true(reply_is_null(&reply, "backfill_id"));
    reply = sinker_request(h, "/hook", 0);
    assert_false(reply_has(&reply, "headers.webhook-origin"));

    (void)api_want(h, 202, w.t->admin, "POST", at(h, "%s/resend", path), NULL);
    sinker_wait(h, "/hook", 2, SOON_MS);
    reply = sinker_request(h, "/hook", 1);
    assert_string_equal(reply_text(&reply, "headers.webhook-origin"), "resend");
}

static void test_an_event_never_becomes_two_messages(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    publish_numbered(h, &w, "order.paid", 2);
    (void)connect_c1(h, &w, ", \"backfill\": {\"days\": 1}");
    publish_numbered(h, &w, "order.paid", 2);
    sinker_wait(h, "/hook", 4, SOON_MS);
    reply = backfill(h, &w, "{\"days\": 30}");
    assert_int_equal(reply_int(&reply, "events_found"), 0);
    assert_int_equal(reply_int(&reply, "messages"), 0);
    reply = messages(h, &w);
    assert_int_equal(reply_count(&reply, "data"), 4);
    assert_int_equal(sinker_count(h, "/hook"), 4);
}

static void test_a_new_event_type_is_backfilled_and_only_that(void **state)
{
    struct harness *h = *state;
    struct world w = given_connected(h);
    const char *path = at(h, "/v1/subscriptions/%s", w.hook.id), *event_id;
    struct reply reply;

    event_id = publish(h, w.t, "order.sent", "c1", "{}");
    (void)api_want(h, 200, w.t->admin, "PATCH", path,
                   "{\"event_types\": [\"order.paid\", \"order.*\"], \"backfill\": {\"days\": 1}}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    wait_all_finished(h, &w);
    reply = api_want(h, 200, w.t->admin, "GET",
                     at(h, "/v1/backfills?subscription_id=%s", w.hook.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.reason"), "event_types");
    assert_string_equal(reply_text(&reply, "data.0.event_types.0"), "order.*");
    reply = api_want(h, 200, w.t->admin, "GET", at(h, "/v1/events/%s", event_id), NULL);
    assert_int_equal(reply_count(&reply, "skips"), 0); /* it said type_not_selected */
    assert_int_equal(reply_count(&reply, "messages"), 1);

    (void)api_want(h, 200, w.t->admin, "PATCH", path,
                   "{\"event_types\": [\"order.*\"], \"backfill\": {\"days\": 1}}");
    reply = api_want(h, 200, w.t->admin, "GET", "/v1/backfills", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1); /* nothing is new */
}

static void test_of_more_than_asked_for_the_newest_are_sent(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    publish_numbered(h, &w, "order.paid", 5);
    (void)connect_c1(h, &w, "");
    reply = backfill(h, &w, "{\"days\": 1, \"max_events\": 3}");
    assert_int_equal(reply_int(&reply, "events_found"), 3);
    assert_int_equal(reply_int(&reply, "messages"), 3);
    sinker_wait(h, "/hook", 3, SOON_MS);
    reply = messages(h, &w);
    assert_int_equal(reply_count(&reply, "data"), 3);
    assert_int_equal(db_int(h,
                            "SELECT min((e.payload::json ->> 'n')::integer) FROM hookline.event e"
                            " JOIN hookline.message m ON m.event_id = e.id"),
                     2);
}

static void test_days_are_as_many_as_asked_for(void **state)
{
    struct harness *h = *state;
    struct world w = given_connected(h);
    struct reply reply;

    /* REST cannot publish yesterday. */
    (void)db_text(h,
                  "INSERT INTO hookline.event (tenant_id, id, event_type, company_id, payload)"
                  " SELECT c.tenant_id, hookline.uuid_v7_floor(now() - d * interval '1 hour'),"
                  "        'order.paid', c.id, '{}'"
                  "   FROM hookline.company c, unnest(ARRAY[23, 25]) d"
                  "  WHERE c.tenant_id = '%s'",
                  w.t->id);
    reply = backfill(h, &w, "{\"days\": 1}");
    assert_int_equal(reply_int(&reply, "messages"), 1);
    reply = backfill(h, &w, "{\"days\": 2}");
    assert_int_equal(reply_int(&reply, "messages"), 1);
}

static void test_only_the_companies_and_types_that_are_asked_for(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    (void)given_company(h, w.t, "c2");
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"event_types\": [\"*\"]}");
    (void)publish(h, w.t, "order.paid", "c1", "{}");
    (void)publish(h, w.t, "order.sent", "c1", "{}");
    (void)publish(h, w.t, "order.paid", "c2", "{}");
    (void)connect_c1(h, &w, "");
    (void)given_connection(h, w.t, w.app_id, "c2");
    reply = backfill(h, &w, "{\"days\": 1, \"companies\": [\"c2\"]}");
    assert_int_equal(reply_int(&reply, "companies"), 1);
    assert_int_equal(reply_int(&reply, "messages"), 1);
    reply = backfill(h, &w, "{\"days\": 1, \"event_types\": [\"order.sent\"]}");
    assert_int_equal(reply_int(&reply, "messages"), 1);
    reply = backfill(h, &w, "{\"days\": 1}");
    assert_int_equal(reply_int(&reply, "messages"), 1);
    sinker_wait(h, "/hook", 3, SOON_MS);
}

static void test_the_filter_is_asked_as_at_publishing(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"filter\": \"$.n > 1\"}");
    publish_numbered(h, &w, "order.paid", 4);
    (void)connect_c1(h, &w, "");
    reply = backfill(h, &w, "{\"days\": 1}");
    assert_int_equal(reply_int(&reply, "events_found"), 4);
    assert_int_equal(reply_int(&reply, "events_filtered"), 2);
    assert_int_equal(reply_int(&reply, "messages"), 2);
    sinker_wait(h, "/hook", 2, SOON_MS);
}

static void test_a_message_carries_the_values_of_when_it_was_made(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    (void)api_want(h, 201, w.t->admin, "POST", at(h, "/v1/apps/%s/custom_fields", w.app_id),
                   "{\"key\": \"code\", \"type\": \"text\"}");
    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/event_types/order.paid",
                   "{\"enrichable\": true}");
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"profile\": \"basecone\"}");
    publish_numbered(h, &w, "order.paid", 1);
    (void)api_want(h, 201, w.t->admin, "POST", at(h, "/v1/apps/%s/connections", w.app_id),
                   "{\"companies\": [{\"company\": \"c1\", \"values\": {\"code\": \"X7\"}}],"
                   " \"backfill\": {\"days\": 1}}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    reply = sinker_request(h, "/hook", 0);
    assert_non_null(strstr(reply_text(&reply, "body"), "\"X7\""));
}

static void test_bq_09_a_backfilled_message_waits_for_the_end_of_the_cool_off(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;
    int64_t active_from_ms;

    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/tenant", "{\"cool_off_s\": 3}");
    publish_numbered(h, &w, "order.paid", 1);
    reply = api_want(h, 201, w.t->admin, "POST", at(h, "/v1/apps/%s/subscriptions", w.app_id),
                     at(h,
                        "{\"url\": \"%s\", \"event_types\": [\"order.paid\"],"
                        " \"profile\": \"basiq\"}",
                        sinker_url(h, "/cool")));
    active_from_ms = message_time_ms(reply_text(&reply, "active_from"));
    (void)connect_c1(h, &w, ", \"backfill\": {\"days\": 1}");
    sinker_wait(h, "/hook", 1, SOON_MS);
    sinker_wait(h, "/cool", 1, SOON_MS);
    reply = sinker_request(h, "/cool", 0);
    assert_true(reply_int(&reply, "received_at_us") / 1000 >= active_from_ms);
}

static void test_bc_05_a_partner_gets_nothing_of_before_its_company_was_connected(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;
    const char *connection_id;

    publish_numbered(h, &w, "order.paid", 2);
    reply = connect_c1(h, &w, "");
    connection_id = reply_text(&reply, "data.0.id");
    (void)publish(h, w.t, "order.sent", "c1", "{}");
    reply = backfill_by(h, &w, w.t->partner, "{\"days\": 30}");
    assert_int_equal(reply_int(&reply, "events_found"), 0);

    /* What a pause kept back is not had by asking, either. */
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/connections/%s/pause", connection_id),
                   NULL);
    publish_numbered(h, &w, "order.paid", 1);
    (void)api_want(h, 200, w.t->admin, "POST", at(h, "/v1/connections/%s/resume", connection_id),
                   NULL);
    reply = backfill_by(h, &w, w.t->partner, "{\"days\": 30}");
    assert_int_equal(reply_int(&reply, "messages"), 0);
    reply = backfill(h, &w, "{\"days\": 30}");
    assert_int_equal(reply_int(&reply, "messages"), 3);
    sinker_wait(h, "/hook", 3, SOON_MS);
}

static void test_a_partner_backfills_the_type_that_it_adds(void **state)
{
    struct harness *h = *state;
    struct world w = given_connected(h);

    (void)publish(h, w.t, "order.sent", "c1", "{}");
    (void)api_want(h, 200, w.t->partner, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"event_types\": [\"order.sent\"], \"backfill\": {\"days\": 1}}");
    sinker_wait(h, "/hook", 1, SOON_MS);
}

static void test_a_company_that_is_not_connected_now_gets_nothing(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply = connect_c1(h, &w, "");
    const char *path = at(h, "/v1/connections/%s", reply_text(&reply, "data.0.id"));

    (void)api_want(h, 200, w.t->admin, "POST", at(h, "%s/pause", path), NULL);
    publish_numbered(h, &w, "order.paid", 1);
    reply = backfill(h, &w, "{\"days\": 1}");
    assert_int_equal(reply_int(&reply, "messages"), 0);
    (void)api_want(h, 204, w.t->admin, "DELETE", path, NULL);
    reply = backfill(h, &w, "{\"days\": 1}");
    assert_int_equal(reply_int(&reply, "messages"), 0);
}

static void test_a_dry_run_backfills_nothing(void **state)
{
    struct harness *h = *state;
    struct world w = given_unconnected(h);
    struct reply reply;

    reply = api_want(h, 200, w.t->admin, "POST", at(h, "/v1/apps/%s/connections", w.app_id),
                     "{\"companies\": [{\"company\": \"c1\"}], \"dry_run\": true,"
                     " \"backfill\": {\"days\": 1}}");
    assert_int_equal(reply_count(&reply, "backfills"), 1);
    reply = api_want(h, 200, w.t->admin, "GET", "/v1/backfills", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_connecting_with_a_backfill_sends_what_was_published_before, .env = quick),
        harness_test(test_what_is_published_now_is_not_marked, .env = quick),
        harness_test(test_an_event_never_becomes_two_messages, .env = quick),
        harness_test(test_a_new_event_type_is_backfilled_and_only_that, .env = quick),
        harness_test(test_of_more_than_asked_for_the_newest_are_sent, .env = quick),
        harness_test(test_days_are_as_many_as_asked_for, .env = quick),
        harness_test(test_only_the_companies_and_types_that_are_asked_for, .env = quick),
        harness_test(test_the_filter_is_asked_as_at_publishing, .env = quick),
        harness_test(test_a_message_carries_the_values_of_when_it_was_made, .env = quick),
        harness_test(test_bq_09_a_backfilled_message_waits_for_the_end_of_the_cool_off,
                     .env = quick),
        harness_test(test_bc_05_a_partner_gets_nothing_of_before_its_company_was_connected,
                     .env = quick),
        harness_test(test_a_partner_backfills_the_type_that_it_adds, .env = quick),
        harness_test(test_a_company_that_is_not_connected_now_gets_nothing, .env = quick),
        harness_test(test_a_dry_run_backfills_nothing, .env = quick),
    };

    return cmocka_run_group_tests_name("backfill", tests, NULL, NULL);
}
