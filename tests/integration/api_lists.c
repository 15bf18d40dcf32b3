/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: pages by cursor and Link, newest first, and what filters leave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum { N_OBJECTS = 5 };

/* A tenant with five of everything; two apps, of which the second is of another partner. */
struct world {
    struct tenant *t;
    const char *apps[N_OBJECTS], *connections[N_OBJECTS], *subscriptions[N_OBJECTS];
    const char *events[N_OBJECTS];
};

static struct world given_world(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};

    for (unsigned i = 0; i < N_OBJECTS; i++) {
        const char *type = http_text(h->http, "type-%c", "caebd"[i]);
        const char *company = http_text(h->http, "c%u", i);

        given_event_type(h, w.t, type);
        (void)given_company(h, w.t, company);
        w.apps[i] = given_app(h, w.t, i == 4 ? "other" : "acme");
        w.connections[i] = given_connection(h, w.t, w.apps[i], company);
        w.subscriptions[i] = given_subscription(h, w.t, w.apps[i], "/a", type).id;
        w.events[i] = publish(h, w.t, type, company, "{}");
    }
    return w;
}

static void post(struct harness *h, const char *key, const char *path)
{
    struct reply reply = api_call(h, key, "POST", path, NULL);

    assert_status(reply, 200);
}

static struct reply get(struct harness *h, const char *key, const char *path)
{
    struct reply reply = api_call(h, key, "GET", path, NULL);

    assert_status(reply, 200);
    return reply;
}

/* Fails unless the list holds the objects whose `member` is each of these, in this order. */
static void assert_list(struct harness *h, const char *key, const char *path, const char *member,
                        const char *const wanted[], size_t n)
{
    struct reply reply = get(h, key, path);

    if (reply_count(&reply, "data") != n)
        fail_msg("%s: not %zu: %s", path, n, reply.body);
    for (size_t i = 0; i < n; i++) {
        const char *at = http_text(h->http, "data.%zu.%s", i, member);

        if (strcmp(reply_text(&reply, at), wanted[i]) != 0)
            fail_msg("%s: %s is not %s: %s", path, at, wanted[i], reply.body);
    }
}

#define ASSERT_LIST(h, key, path, member, ...)                                                     \
    assert_list(h, key, path, member, (const char *const[]){__VA_ARGS__},                          \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void assert_empty(struct harness *h, const char *key, const char *path)
{
    assert_list(h, key, path, "id", NULL, 0);
}

/* ---- pages ---- */

/* The target of the Link with rel="next", which the body's cursor has to agree with; NULL: none. */
static const char *next_page(struct harness *h, const struct reply *reply)
{
    const char *link = reply_header(h->http, reply, "link"), *end;

    if (link == NULL) {
        assert_true(reply_is_null(reply, "next_cursor"));
        return NULL;
    }
    end = strstr(link, ">; rel=\"next\"");
    assert_true(link[0] == '<' && end != NULL);
    assert_non_null(strstr(link, reply_text(reply, "next_cursor")));
    return http_text(h->http, "%.*s", (int)(end - link - 1), link + 1);
}

/* All objects of a list as one array, page by page. */
static json_t *walk(struct harness *h, const char *key, const char *path, unsigned limit)
{
    json_t *all = json_array();

    while (path != NULL) {
        struct reply reply = get(h, key, path);
        size_t n = reply_count(&reply, "data");

        path = next_page(h, &reply);
        assert_true(n <= limit && (path == NULL || n == limit));
        assert_int_equal(json_array_extend(all, reply_json(&reply, "data")), 0);
    }
    return all;
}

static void assert_pages_add_up(struct harness *h, const char *key, const char *path,
                                size_t at_least)
{
    const char *separator = strchr(path, '?') == NULL ? "?" : "&";
    struct reply whole = get(h, key, path);

    if (reply_count(&whole, "data") < at_least)
        fail_msg("%s has %zu objects", path, reply_count(&whole, "data"));
    for (unsigned limit = 1; limit <= 3; limit++) {
        json_t *all =
            walk(h, key, http_text(h->http, "%s%slimit=%u", path, separator, limit), limit);

        if (!json_equal(all, reply_json(&whole, "data")))
            fail_msg("%s: pages of %u are not the whole", path, limit);
        json_decref(all);
    }
}

static void test_pages_of_every_list_add_up(void **state)
{
    static const char *const lists[] = {
        "/v1/keys",        "/v1/apps",          "/v1/companies", "/v1/connections",
        "/v1/event_types", "/v1/subscriptions", "/v1/events",    "/v1/messages",
    };
    struct harness *h = *state;
    struct world w = given_world(h);

    for (size_t i = 0; i < HK_COUNTOF(lists); i++)
        assert_pages_add_up(h, w.t->admin, lists[i], N_OBJECTS);
    for (unsigned i = 1; i < N_OBJECTS; i++)
        (void)given_tenant(h);
    assert_pages_add_up(h, h->operator_key, "/v1/tenants", N_OBJECTS);
}

static void test_pages_of_partners_add_up(void **state)
{
    static const char *const lists[] = {"/v1/apps",          "/v1/connections",
                                        "/v1/subscriptions", "/v1/events",
                                        "/v1/messages",      "/v1/messages?status=succeeded"};
    struct harness *h = *state;
    struct world w = given_world(h);

    sinker_wait(h, "/a", N_OBJECTS, 10000);
    for (unsigned i = 0; i < N_OBJECTS; i++)
        api_wait_for(h, w.t->admin, http_text(h->http, "/v1/messages?event_id=%s", w.events[i]),
                     "data.0.status", "succeeded", 10000);
    for (size_t i = 0; i < HK_COUNTOF(lists); i++)
        assert_pages_add_up(h, w.t->partner, lists[i], N_OBJECTS - 1);
}

/* The standard profile gives up after ten attempts. */
static void test_pages_of_attempts_add_up_oldest_first(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply reply;

    (void)given_story(h, t, "/a");
    sinker_rule(h, "/a", "{\"then\": {\"status\": 500}}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    reply = get(h, t->admin, "/v1/messages");
    path = http_text(h->http, "/v1/messages/%s", reply_text(&reply, "data.0.id"));
    api_wait_for(h, t->admin, path, "status", "failed", 30000);
    path = http_text(h->http, "%s/attempts", path);
    assert_pages_add_up(h, t->receiver, path, 10);
    reply = get(h, t->admin, path);
    assert_int_equal(reply_count(&reply, "data"), 10);
    assert_int_equal(reply_int(&reply, "data.0.attempt_no"), 1);
    assert_int_equal(reply_int(&reply, "data.9.attempt_no"), 10);
}

static void test_a_page_has_50_objects_unless_said(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (unsigned i = 0; i < 51; i++)
        (void)given_company(h, t, http_text(h->http, "c%u", i));
    reply = get(h, t->admin, "/v1/companies");
    assert_int_equal(reply_count(&reply, "data"), 50);
    assert_string_equal(reply_text(&reply, "data.0.external_id"), "c50");
    reply = get(h, t->admin, next_page(h, &reply));
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_null(next_page(h, &reply));
    reply = get(h, t->admin, "/v1/companies?limit=250");
    assert_int_equal(reply_count(&reply, "data"), 51);
}

static void test_a_new_object_does_not_move_the_next_page(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (unsigned i = 0; i < 4; i++)
        (void)given_company(h, t, http_text(h->http, "c%u", i));
    reply = get(h, t->admin, "/v1/companies?limit=2");
    (void)given_company(h, t, "new");
    ASSERT_LIST(h, t->admin, next_page(h, &reply), "external_id", "c1", "c0");
}

static void test_lists_are_newest_first_and_types_by_name(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *key = w.t->admin;

    ASSERT_LIST(h, key, "/v1/apps", "id", w.apps[4], w.apps[3], w.apps[2], w.apps[1], w.apps[0]);
    ASSERT_LIST(h, key, "/v1/events", "id", w.events[4], w.events[3], w.events[2], w.events[1],
                w.events[0]);
    ASSERT_LIST(h, key, "/v1/messages", "event_id", w.events[4], w.events[3], w.events[2],
                w.events[1], w.events[0]);
    ASSERT_LIST(h, key, "/v1/event_types", "name", "type-a", "type-b", "type-c", "type-d",
                "type-e");
}

static void test_a_link_keeps_the_filters(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *path;
    struct reply reply;

    for (unsigned i = 0; i < 3; i++) {
        const char *company = http_text(h->http, "c%u", i);

        (void)given_company(h, t, company);
        (void)given_connection(h, t, app_id, company);
        (void)given_connection(h, t, given_app(h, t, "acme"), company);
    }
    path = http_text(h->http, "/v1/connections?app_id=%s&limit=2&state=active", app_id);
    reply = get(h, t->admin, path);
    path = next_page(h, &reply);
    assert_non_null(strstr(path, http_text(h->http, "app_id=%s", app_id)));
    assert_non_null(strstr(path, "state=active"));
    assert_non_null(strstr(path, "limit=2"));
    ASSERT_LIST(h, t->admin, path, "company.external_id", "c0");
}

/* ---- filters ---- */

static void test_companies_and_connections_are_filtered(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *key = w.t->admin;

    ASSERT_LIST(h, key, "/v1/companies?external_id=c3", "external_id", "c3");
    assert_empty(h, key, "/v1/companies?external_id=c");
    ASSERT_LIST(h, key, http_text(h->http, "/v1/connections?app_id=%s", w.apps[1]), "id",
                w.connections[1]);
    ASSERT_LIST(h, key, "/v1/connections?company=c2", "id", w.connections[2]);
    post(h, key, http_text(h->http, "/v1/connections/%s/pause", w.connections[2]));
    ASSERT_LIST(h, key, "/v1/connections?state=paused", "id", w.connections[2]);
    assert_empty(h, key, "/v1/connections?state=incomplete");
    assert_empty(h, key, "/v1/connections?state=paused&company=c1");
    assert_empty(h, key, "/v1/connections?company=nobody");
    assert_empty(h, w.t->partner, http_text(h->http, "/v1/connections?app_id=%s", w.apps[4]));
}

static void test_subscriptions_are_filtered(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *key = w.t->partner;

    ASSERT_LIST(h, key, http_text(h->http, "/v1/subscriptions?app_id=%s", w.apps[1]), "id",
                w.subscriptions[1]);
    post(h, key, http_text(h->http, "/v1/subscriptions/%s/pause", w.subscriptions[2]));
    ASSERT_LIST(h, key, "/v1/subscriptions?state=paused", "id", w.subscriptions[2]);
    assert_empty(h, key, "/v1/subscriptions?state=disabled");
    assert_empty(h, key, http_text(h->http, "/v1/subscriptions?app_id=%s", w.apps[4]));
}

static void test_events_are_filtered(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    ASSERT_LIST(h, w.t->admin, "/v1/events?company=c3", "id", w.events[3]);
    ASSERT_LIST(h, w.t->admin, "/v1/events?event_type=type-a", "id", w.events[1]);
    ASSERT_LIST(h, w.t->admin, "/v1/events?event_type=type%2Da&company=c1", "id", w.events[1]);
    assert_empty(h, w.t->admin, "/v1/events?event_type=type-a&company=c2");
    assert_empty(h, w.t->admin, "/v1/events?event_type=type");
    ASSERT_LIST(h, w.t->receiver, "/v1/events?company=c3", "id", w.events[3]);
    assert_empty(h, w.t->receiver, "/v1/events?company=c4");
}

static void test_messages_are_filtered(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *path;

    path = http_text(h->http, "/v1/messages?event_id=%s", w.events[2]);
    ASSERT_LIST(h, w.t->admin, path, "event_id", w.events[2]);
    ASSERT_LIST(h, w.t->receiver, path, "event_id", w.events[2]);
    path = http_text(h->http, "/v1/messages?subscription_id=%s", w.subscriptions[1]);
    ASSERT_LIST(h, w.t->admin, path, "event_id", w.events[1]);
    path = http_text(h->http, "/v1/messages?app_id=%s&company=c0", w.apps[0]);
    ASSERT_LIST(h, w.t->admin, path, "event_id", w.events[0]);
    assert_empty(h, w.t->admin, http_text(h->http, "/v1/messages?app_id=%s&company=c1", w.apps[0]));
    ASSERT_LIST(h, w.t->admin, "/v1/messages?company=c4", "event_id", w.events[4]);
    assert_empty(h, w.t->receiver, "/v1/messages?company=c4");
    assert_empty(h, w.t->receiver, http_text(h->http, "/v1/messages?event_id=%s", w.events[4]));
}

static void test_messages_are_filtered_by_how_they_stand(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *const subscription = http_text(h->http, "/v1/subscriptions/%s", w.subscriptions[0]);
    struct reply reply;

    assert_empty(h, w.t->admin, "/v1/messages?status=succeeded");
    assert_empty(h, w.t->admin, "/v1/messages?status=held");
    assert_empty(h, w.t->admin, "/v1/messages?status=sending");
    post(h, w.t->partner, http_text(h->http, "%s/pause", subscription));
    ASSERT_LIST(h, w.t->admin, "/v1/messages?status=held", "event_id", w.events[0]);
    ASSERT_LIST(h, w.t->admin, "/v1/messages?status=pending", "event_id", w.events[4], w.events[3],
                w.events[2], w.events[1]);
    reply = api_call(h, w.t->partner, "DELETE", subscription, NULL);
    assert_status(reply, 204);
    ASSERT_LIST(h, w.t->receiver, "/v1/messages?status=cancelled", "event_id", w.events[0]);
}

/* ---- cursors that are none ---- */

static void expect_bad_cursor(struct harness *h, const char *key, const char *list,
                              const char *cursor)
{
    struct reply reply =
        api_call(h, key, "GET", http_text(h->http, "%s?cursor=%s", list, cursor), NULL);

    if (reply.status != 400)
        print_error("%s?cursor=%s\n", list, cursor);
    assert_problem(h, reply, 400, "bad_cursor", NULL);
}

static const char *cursor_of(struct harness *h, const char *key, const char *list)
{
    struct reply reply = get(h, key, http_text(h->http, "%s?limit=1", list));

    return reply_text(&reply, "next_cursor");
}

static void test_a_cursor_of_another_tenant_is_refused(void **state)
{
    static const char *const lists[] = {"/v1/keys",        "/v1/apps",        "/v1/companies",
                                        "/v1/connections", "/v1/event_types", "/v1/subscriptions",
                                        "/v1/events",      "/v1/messages"};
    struct harness *h = *state;
    struct world w = given_world(h);
    struct tenant *other = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(lists); i++)
        expect_bad_cursor(h, other->admin, lists[i], cursor_of(h, w.t->admin, lists[i]));
    expect_bad_cursor(h, w.t->admin, "/v1/keys", cursor_of(h, h->operator_key, "/v1/tenants"));
}

static void test_a_cursor_of_another_kind_of_list_is_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *name = cursor_of(h, w.t->admin, "/v1/event_types");

    expect_bad_cursor(h, w.t->admin, "/v1/apps", name);
    expect_bad_cursor(h, w.t->admin, "/v1/messages", name);
}

#define RETRIES_AT_ONCE                                                                            \
    (const char *const[])                                                                          \
    {                                                                                              \
        "HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_pages_of_every_list_add_up),
        harness_test(test_pages_of_partners_add_up),
        harness_test(test_pages_of_attempts_add_up_oldest_first, .env = RETRIES_AT_ONCE),
        harness_test(test_a_page_has_50_objects_unless_said),
        harness_test(test_a_new_object_does_not_move_the_next_page),
        harness_test(test_lists_are_newest_first_and_types_by_name),
        harness_test(test_a_link_keeps_the_filters),
        harness_test(test_companies_and_connections_are_filtered),
        harness_test(test_subscriptions_are_filtered),
        harness_test(test_events_are_filtered),
        harness_test(test_messages_are_filtered),
        harness_test(test_messages_are_filtered_by_how_they_stand, .has_no_worker = true),
        harness_test(test_a_cursor_of_another_tenant_is_refused),
        harness_test(test_a_cursor_of_another_kind_of_list_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
