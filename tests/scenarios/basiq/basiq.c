/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basiq.c - the scenario Basiq: an open-banking platform whose clients manage webhooks on its own
 * paths and get links instead of data (BQ-01 to BQ-09). Its clients speak Basiq's API only.
 */
#include <string.h>

#include "tests/scenarios/data.h"
#include "tests/support/check.h"
#include "tests/support/message.h"

#define BASE_URL "https://au-api.basiq.example"
#define USER     "{\"id\": \"88a85f64-5717-4562-b3fc-2c963f66af88\"}"

static struct tenant *given_basiq(struct harness *h)
{
    struct tenant *t = given_tenant(h);
    struct reply reply =
        api_call(h, t->admin, "PATCH", "/v1/tenant", "{\"base_url\": \"" BASE_URL "\"}");

    assert_status(reply, 200);
    given_catalogue(h, t, "basiq");
    (void)given_company(h, t, "au");
    return t;
}

static struct reply create(struct harness *h, const char *key, const char *path, const char *events)
{
    return api_call(h, key, "POST", "/notifications/webhooks", "{\"url\": \"%s\", \"events\": %s}",
                    sinker_url(h, path), events);
}

/* A webhook for users' events at `path`, its app connected to the company. */
static struct reply given_webhook(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply webhook = create(h, t->partner, path, "[\"user.created\", \"user.deleted\"]");

    assert_status(webhook, 201);
    sinker_secret(h, path, reply_text(&webhook, "secret"));
    (void)given_connection(h, t, reply_text(&webhook, "appId"), "au");
    return webhook;
}

static const char *webhook_path(struct harness *h, const struct reply *webhook, const char *more)
{
    return http_text(h->http, "/notifications/webhooks/%s%s", reply_text(webhook, "id"), more);
}

/* The path of a link: what a gateway at the tenant's base URL would pass on. */
static const char *path_of_link(const char *link)
{
    assert_int_equal(strncmp(link, BASE_URL "/", strlen(BASE_URL "/")), 0);
    return link + strlen(BASE_URL);
}

static void expect(struct harness *h, struct reply reply, int status, const char *slug,
                   const char *pointer)
{
    assert_problem(h, reply, status, slug, pointer);
}

static void test_BQ_01_webhooks_are_created_and_listed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply webhook = create(h, t->partner, "/a", "[\"user.created\"]"), list;

    assert_status(webhook, 201);
    assert_members(webhook, "",
                   "type,id,appId,description,url,subscribedEvents,status,activeFrom,createdTime,"
                   "links,secret");
    assert_string_equal(reply_text(&webhook, "url"), sinker_url(h, "/a"));
    assert_string_equal(reply_text(&webhook, "subscribedEvents.0"), "user.created");
    assert_string_equal(reply_text(&webhook, "status"), "active");
    assert_string_equal(path_of_link(reply_text(&webhook, "links.self")),
                        webhook_path(h, &webhook, ""));
    webhook = create(h, t->partner, "/b", "[\"user.created\"]");
    assert_status(webhook, 201);

    list = api_call(h, t->partner, "GET", "/notifications/webhooks?limit=1", NULL);
    assert_status(list, 200);
    assert_members(list, "", "type,data,links");
    assert_string_equal(reply_text(&list, "data.0.url"), sinker_url(h, "/b"));
    assert_null(strstr(list.body, "whsec_"));
    list = api_call(h, t->partner, "GET", reply_text(&list, "links.next"), NULL);
    assert_status(list, 200);
    assert_string_equal(reply_text(&list, "data.0.url"), sinker_url(h, "/a"));
    assert_false(reply_has(&list, "links.next"));
    list = api_call(h, given_key(h, t, "partner", "other"), "GET", "/notifications/webhooks", NULL);
    assert_int_equal(reply_count(&list, "data"), 0);
}

static void test_BQ_02_a_webhook_is_read_changed_and_deleted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply webhook = given_webhook(h, t, "/a"), found;
    const char *path = webhook_path(h, &webhook, "");

    found = api_call(h, t->partner, "POST", path,
                     "{\"subscribedEvents\": [\"consent.created\"], \"description\": \"mine\"}");
    assert_status(found, 200);
    assert_string_equal(reply_text(&found, "subscribedEvents.0"), "consent.created");
    found = api_call(h, t->partner, "GET", path, NULL);
    assert_status(found, 200);
    assert_string_equal(reply_text(&found, "description"), "mine");
    assert_string_equal(reply_text(&found, "url"), sinker_url(h, "/a")); /* as it was */
    expect(h, api_call(h, given_key(h, t, "partner", "other"), "DELETE", path, NULL), 404,
           "not_found", NULL);

    found = api_call(h, t->partner, "DELETE", path, NULL);
    assert_status(found, 204);
    expect(h, api_call(h, t->partner, "GET", path, NULL), 404, "not_found", NULL);
    expect(h, api_call(h, t->partner, "POST", path, "{\"description\": \"x\"}"), 404, "not_found",
           NULL);
    expect(h, api_call(h, t->partner, "DELETE", path, NULL), 404, "not_found", NULL);
}

static void test_BQ_03_the_event_types_are_listed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply list = api_call(h, t->partner, "GET", "/events/types", NULL);

    assert_status(list, 200);
    assert_int_equal(reply_count(&list, "data"), 5);
    assert_string_equal(reply_text(&list, "data.0.id"), "connection.created");
    assert_string_equal(reply_text(&list, "data.2.id"), "user.created");
}

static void test_BQ_04_ids_and_links_are_sent_instead_of_data(void **state)
{
    static const char *const types[] = {"user.created", "user.updated", "user.deleted",
                                        "consent.created", "connection.created"};
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply webhook = given_webhook(h, t, "/a"), request;

    webhook = api_call(h, t->partner, "POST", webhook_path(h, &webhook, ""),
                       "{\"events\": [\"user.*\", \"consent.created\", \"connection.created\"]}");
    assert_status(webhook, 200);
    for (unsigned i = 0; i < HK_COUNTOF(types); i++) {
        const char *event_id = publish(h, t, types[i], "au", sample_of(h, t, types[i]));

        sinker_wait(h, "/a", i + 1, 20000);
        assert_body(h, "/a", i, http_text(h->http, "basiq/expected/%s.json", types[i]),
                    VALUES("event_id", event_id));
        request = sinker_request(h, "/a", i);
        assert_string_equal(reply_text(&request, "signature"), "valid");
    }
}

static void test_BQ_05_the_events_link_resolves_for_its_owner(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    const char *path;
    struct reply event;

    (void)given_webhook(h, t, "/a");
    path = http_text(h->http, "/events/%s", publish(h, t, "user.created", "au", USER));
    event = api_call(h, t->partner, "GET", path, NULL);
    assert_status(event, 200);
    assert_string_equal(reply_text(&event, "eventTypeId"), "user.created");
    assert_string_equal(reply_text(&event, "data.id"), "88a85f64-5717-4562-b3fc-2c963f66af88");
    assert_string_equal(path_of_link(reply_text(&event, "links.self")), path);
    expect(h, api_call(h, given_key(h, t, "partner", "other"), "GET", path, NULL), 404, "not_found",
           NULL);
    path = http_text(h->http, "/events/%s", publish(h, t, "consent.created", "au", USER));
    expect(h, api_call(h, t->partner, "GET", path, NULL), 404, "not_found",
           NULL); /* not its type */
}

static void test_BQ_06_messages_are_told_with_and_without_the_slash(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply webhook = given_webhook(h, t, "/a"), list, message;
    const char *event_id, *path = webhook_path(h, &webhook, "/messages");

    sinker_rule(h, "/a", "{\"replies\": [{\"status\": 503}]}");
    event_id = publish(h, t, "user.created", "au", USER);
    api_wait_for(h, t->partner, path, "data.0.status", "succeeded", 20000);
    list = api_call(h, t->partner, "GET", http_text(h->http, "%s/", path), NULL);
    assert_status(list, 200);
    assert_string_equal(reply_text(&list, "data.0.eventId"), event_id);
    assert_string_not_equal(reply_text(&list, "data.0.id"), event_id);
    message =
        api_call(h, t->partner, "GET", path_of_link(reply_text(&list, "data.0.links.self")), NULL);
    assert_status(message, 200);
    assert_string_equal(reply_text(&message, "eventTypeId"), "user.created");
    assert_string_equal(reply_text(&message, "attempts.0"), "http_status");
    assert_string_equal(reply_text(&message, "attempts.1"), "succeeded");
    expect(h, api_call(h, given_key(h, t, "partner", "other"), "GET", path, NULL), 404, "not_found",
           NULL);
}

static void test_BQ_07_samples_go_to_any_url_that_may_be_called(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply reply =
        api_call(h, t->partner, "POST", "/notifications/messages/test",
                 "{\"url\": \"%s\", \"events\": [\"user.created\", \"connection.created\"]}",
                 sinker_url(h, "/a"));

    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "profile"), "basiq");
    assert_string_equal(reply_text(&reply, "messages.1.outcome"), "succeeded");
    assert_int_equal(sinker_count(h, "/a"), 2);
    assert_non_null(strstr(reply_text(&reply, "messages.1.request.body"),
                           "\"eventEntity\":\"" BASE_URL "/connections/conn-31415\""));
    expect(h,
           api_call(h, t->partner, "POST", "/notifications/messages/test",
                    "{\"url\": \"http://user@a.example/\", \"events\": [\"user.created\"]}"),
           422, "invalid_body", "/url");
}

static void test_BQ_08_an_unknown_type_is_named(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply reply = create(h, t->partner, "/a", "[\"user.created\", \"user.renamed\"]");

    assert_problem(h, reply, 422, "invalid_body", "/events/1");
    assert_non_null(strstr(reply.body, "user.renamed"));
    reply = api_call(h, t->partner, "POST", "/notifications/messages/test",
                     "{\"url\": \"%s\", \"subscribedEvents\": [\"user.renamed\"]}",
                     sinker_url(h, "/a"));
    assert_problem(h, reply, 422, "invalid_body", "/subscribedEvents/0");
    assert_non_null(strstr(reply.body, "user.renamed"));
    expect(h, create(h, t->partner, "/a", "[]"), 422, "invalid_body", "/events");
    expect(h,
           api_call(h, t->partner, "POST", "/notifications/webhooks", "{\"url\": \"%s\"}",
                    sinker_url(h, "/a")),
           422, "invalid_body", "/subscribedEvents");
    assert_int_equal(db_int(h, "SELECT count(*) FROM app"), 0); /* nothing is left of it */
}

static void test_BQ_09_an_event_in_the_cool_off_is_delivered_at_its_end(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basiq(h);
    struct reply webhook, request, reply;
    int64_t active_from_ms;

    reply = api_call(h, t->admin, "PATCH", "/v1/tenant", "{\"cool_off_s\": 3}");
    assert_status(reply, 200);
    webhook = given_webhook(h, t, "/a");
    active_from_ms = message_time_ms(reply_text(&webhook, "activeFrom"));
    (void)publish(h, t, "user.created", "au", USER);
    reply = api_call(h, t->partner, "GET", webhook_path(h, &webhook, "/messages"), NULL);
    assert_string_equal(reply_text(&reply, "data.0.status"), "pending");
    sinker_wait(h, "/a", 1, 20000);
    request = sinker_request(h, "/a", 0);
    assert_true(reply_int(&request, "received_at_us") / 1000 >= active_from_ms);
    expect(h, api_call(h, t->admin, "PATCH", "/v1/tenant", "{\"cool_off_s\": 901}"), 422,
           "invalid_body", "/cool_off_s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_BQ_01_webhooks_are_created_and_listed),
        harness_test(test_BQ_02_a_webhook_is_read_changed_and_deleted),
        harness_test(test_BQ_03_the_event_types_are_listed),
        harness_test(test_BQ_04_ids_and_links_are_sent_instead_of_data),
        harness_test(test_BQ_05_the_events_link_resolves_for_its_owner),
        harness_test(test_BQ_06_messages_are_told_with_and_without_the_slash,
                     .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=100", NULL}),
        harness_test(test_BQ_07_samples_go_to_any_url_that_may_be_called),
        harness_test(test_BQ_08_an_unknown_type_is_named),
        harness_test(test_BQ_09_an_event_in_the_cool_off_is_delivered_at_its_end),
    };

    return cmocka_run_group_tests_name("basiq", tests, NULL, NULL);
}
