/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route of --print-routes, asked by every role for what is its own, another tenant's, another
 * partner's, and not there at all. What is foreign answers byte for byte as what is missing.
 *
 * integration.isolation_blind is this program against an API and functions whose statements have
 * lost every `tenant_id = $1` (lib/cmake/embed.c): row-level security alone has to hold.
 */
#include <stdio.h>
#include <string.h>

#include "tests/integration/isolation_world.h"

static struct reply ask(struct harness *h, const char *key, const struct listed_route *route,
                        const char *path)
{
    return api_send(h, key, route->method, path, hk_str(body_of(route)), NULL);
}

/* PUT makes what is not there: each tenant has external ids of its own. */
static bool has_id(const struct listed_route *route)
{
    return strchr(route->path, ':') != NULL && strcmp(route->method, "PUT") != 0;
}

/* All that a client gets to see, without what differs between any two requests. */
static const char *essence(struct harness *h, const struct reply *reply)
{
    const char *id = reply_header(h->http, reply, "x-request-id"), *at;
    const char *text = http_text(h->http, "%d\n%s%s", reply->status, reply->headers, reply->body);
    const char *date = strstr(text, "Date: ");

    assert_non_null(id);
    assert_non_null(date);
    text = http_text(h->http, "%.*s%s", (int)(date - text), text, strchr(date, '\n') + 1);
    while ((at = strstr(text, id)) != NULL)
        text = http_text(h->http, "%.*s<id>%s", (int)(at - text), text, at + strlen(id));
    return text;
}

static void assert_as_missing(struct harness *h, const char *key, const struct listed_route *route,
                              const struct owner *foreign)
{
    const char *path = path_of(h, route, foreign);
    struct reply absent, reply;

    if (path == NULL)
        return;
    absent = ask(h, key, route, path_of(h, route, &owner_missing));
    reply = ask(h, key, route, path);
    assert_problem(h, absent, 404, "not_found", NULL);
    assert_string_equal(essence(h, &reply), essence(h, &absent));
}

/* ---- roles ---- */

static const struct {
    const char *name, *scopes;
    bool has_partner;
} roles[] = {
    {"operator", "tenants:manage users:manage session audit:read", false},
    {"admin",
     "tenant:read tenant:write keys:manage users:manage clients:manage issuers:manage session "
     "audit:read apps:read apps:write companies:read companies:write connections:read "
     "connections:write event_types:read event_types:write profiles:read profiles:write "
     "subscriptions:read subscriptions:write secrets:manage tests:send events:read messages:read "
     "messages:resend flows:read flows:write flows:receive runs:read runs:write payloads:expunge "
     "payloads:unmask",
     false},
    {"partner",
     "session apps:read apps:write connections:read event_types:read profiles:read "
     "subscriptions:read subscriptions:write secrets:manage tests:send events:read messages:read "
     "messages:resend flows:read flows:write flows:receive runs:read runs:write",
     true},
    {"support",
     "tenant:read session apps:read companies:read connections:read event_types:read "
     "profiles:read subscriptions:read events:read messages:read messages:resend flows:read "
     "runs:read runs:write payloads:unmask",
     false},
    {"producer", "events:publish event_types:read", false},
    {"receiver", "events:read messages:read event_types:read flows:receive", true},
};

static const char *key_of(struct harness *h, const struct tenant *t, size_t role)
{
    const char *const keys[] = {h->operator_key, t->admin,    t->partner,
                                t->support,      t->producer, t->receiver};

    return keys[role];
}

static bool grants(size_t role, const char *scope)
{
    size_t n = strlen(scope);

    for (const char *at = roles[role].scopes; (at = strstr(at, scope)) != NULL; at += n) {
        if (at[n] == ' ' || at[n] == '\0')
            return true;
    }
    return false;
}

/* A live tail never ends by itself: integration/tail.c asks whom it shows what. */
static bool has_an_end(const struct listed_route *route)
{
    return strcmp(route->path, "/v1/tail") != 0;
}

/* Every route that a role may call; declares `role` and `route`. */
#define FOR_EACH_GRANTED(w)                                                                        \
    for (size_t role = 0; role < HK_COUNTOF(roles); role++)                                        \
        for (const struct listed_route *route = (w).routes; route < (w).routes + (w).n_routes;     \
             route++)                                                                              \
            if (grants(role, route->scope) && has_an_end(route))

/* An operator's users are other operators, and this tenant has none of them. */
static bool is_of_installation(size_t role, const struct listed_route *route)
{
    return strcmp(roles[role].name, "operator") == 0 && strstr(route->path, ":user_id") != NULL;
}

/* ---- the matrix ---- */

static void test_what_is_ones_own_is_shown(void **state)
{
    struct harness *h = *state;
    struct world w;

    given_world(h, &w);
    FOR_EACH_GRANTED(w)
    {
        struct reply reply;

        if (strcmp(route->method, "GET") != 0 || is_of_installation(role, route))
            continue;
        reply = ask(h, key_of(h, w.t, role), route, path_of(h, route, &w.own));
        assert_status(reply, 200);
    }
}

static void test_another_tenants_is_as_what_is_missing(void **state)
{
    struct harness *h = *state;
    const char *before;
    struct world w;

    given_world(h, &w);
    before = db_all_rows(h);
    FOR_EACH_GRANTED(w)
    {
        if (has_id(route) && strcmp(roles[role].name, "operator") != 0)
            assert_as_missing(h, key_of(h, w.t, role), route, &w.foreign_tenant);
    }
    assert_string_equal(db_all_rows(h), before);
}

static void test_another_partners_is_as_what_is_missing(void **state)
{
    struct harness *h = *state;
    const char *before;
    struct world w;

    given_world(h, &w);
    before = db_all_rows(h);
    FOR_EACH_GRANTED(w)
    {
        if (has_id(route) && roles[role].has_partner)
            assert_as_missing(h, key_of(h, w.t, role), route, &w.foreign_partner);
    }
    assert_string_equal(db_all_rows(h), before);
}

static void test_what_is_no_id_is_as_what_is_missing(void **state)
{
    static const char *const words[] = {"x",
                                        "%20",
                                        "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee%00",
                                        "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee0g",
                                        "0192aaaabbbb7ccc8dddeeeeeeeeee01",
                                        "%C3%28",
                                        "null",
                                        "1"};
    struct harness *h = *state;
    struct world w;

    given_world(h, &w);
    FOR_EACH_GRANTED(w)
    {
        for (size_t i = 0; i < HK_COUNTOF(words) && has_id(route); i++) {
            const struct owner nobody = {.any = words[i]};
            struct reply reply = ask(h, key_of(h, w.t, role), route, path_of(h, route, &nobody));

            if (strstr(words[i], "%00") != NULL)
                assert_problem(h, reply, 400, "bad_request", NULL); /* the gate */
            else
                assert_problem(h, reply, 404, "not_found", NULL);
        }
    }
}

static void test_a_role_without_the_scope_gets_403_whatever_it_asks_for(void **state)
{
    struct harness *h = *state;
    struct world w;

    given_world(h, &w);
    for (size_t role = 0; role < HK_COUNTOF(roles); role++) {
        for (size_t i = 0; i < w.n_routes; i++) {
            const struct listed_route *route = &w.routes[i];
            struct reply reply;

            if (strcmp(route->scope, "public") == 0 || grants(role, route->scope))
                continue;
            reply = ask(h, key_of(h, w.t, role), route, path_of(h, route, &w.own));
            assert_problem(h, reply, 403, "forbidden", NULL);
            reply = ask(h, key_of(h, w.t, role), route, path_of(h, route, &owner_missing));
            assert_problem(h, reply, 403, "forbidden", NULL);
        }
    }
}

static void test_no_key_is_401_on_every_route(void **state)
{
    struct harness *h = *state;
    struct world w;

    given_world(h, &w);
    for (size_t i = 0; i < w.n_routes; i++) {
        struct reply reply;

        if (strcmp(w.routes[i].scope, "public") == 0)
            continue;
        reply = ask(h, NULL, &w.routes[i], path_of(h, &w.routes[i], &w.own));
        assert_problem(h, reply, 401, "unauthenticated", NULL);
        assert_memory_equal(reply_header(h->http, &reply, "www-authenticate"), "Bearer", 6);
    }
}

/* Neither in lists, nor by a filter, nor as a part of something else. */
static void test_lists_hold_nothing_that_is_foreign(void **state)
{
    struct harness *h = *state;
    struct world w;

    given_world(h, &w);
    FOR_EACH_GRANTED(w)
    {
        const struct owner *foreign = &w.foreign_tenant;
        struct reply reply;

        if (has_id(route) || strcmp(route->method, "GET") != 0 || role == 0)
            continue;
        reply = ask(h, key_of(h, w.t, role), route, route->path);
        assert_status(reply, 200);
        for (int i = 0; i < 1 + roles[role].has_partner; i++, foreign = &w.foreign_partner)
            assert_shows_nothing_of(&reply, foreign);
    }
}

static void test_two_partners_see_the_same_event_each_for_itself(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *other, *key = given_key(h, t, "receiver", "other"), *path;
    struct subscription mine = given_story(h, t, "/a"), theirs;
    struct reply reply;

    other = given_app(h, t, "other");
    (void)given_connection(h, t, other, "c1");
    theirs = given_subscription(h, t, other, "/b", "order.paid");
    path = http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{}"));
    reply = api_call(h, t->receiver, "GET", path, NULL);
    assert_int_equal(reply_count(&reply, "messages"), 1);
    assert_string_equal(reply_text(&reply, "messages.0.subscription_id"), mine.id);
    assert_null(strstr(reply.body, theirs.id));
    reply = api_call(h, key, "GET", path, NULL);
    assert_int_equal(reply_count(&reply, "messages"), 1);
    assert_string_equal(reply_text(&reply, "messages.0.subscription_id"), theirs.id);
    reply = api_call(h, t->support, "GET", path, NULL);
    assert_int_equal(reply_count(&reply, "messages"), 2);
}

/* What the tenant's admin has paused, a partner cannot have by asking; it sees why, and no more. */
static void test_a_partner_sees_no_payload_of_what_it_was_not_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const keys[] = {t->partner, t->receiver};
    const char *path;
    struct reply reply;

    (void)given_story(h, t, "/a");
    reply = api_call(h, t->admin, "GET", "/v1/connections", NULL);
    path = http_text(h->http, "/v1/connections/%s/pause", reply_text(&reply, "data.0.id"));
    reply = api_call(h, t->admin, "POST", path, NULL);
    assert_status(reply, 200);
    path = http_text(h->http, "/v1/events/%s",
                     publish(h, t, "order.paid", "c1", "{\"canary\": \"planted\"}"));
    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        reply = api_call(h, keys[i], "GET", path, NULL);
        assert_status(reply, 200);
        assert_string_equal(reply_text(&reply, "skips.0.reason"), "connection_paused");
        assert_null(strstr(reply.body, "planted"));
    }
    reply = api_call(h, t->support, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "payload.canary"), "planted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_what_is_ones_own_is_shown),
        harness_test(test_another_tenants_is_as_what_is_missing),
        harness_test(test_another_partners_is_as_what_is_missing),
        harness_test(test_what_is_no_id_is_as_what_is_missing),
        harness_test(test_a_role_without_the_scope_gets_403_whatever_it_asks_for),
        harness_test(test_no_key_is_401_on_every_route),
        harness_test(test_lists_hold_nothing_that_is_foreign),
        harness_test(test_two_partners_see_the_same_event_each_for_itself),
        harness_test(test_a_partner_sees_no_payload_of_what_it_was_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
