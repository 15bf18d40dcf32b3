/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/messages?q=, /v1/messages/count and /v1/attempts: what a query of the log finds, and who
 * may see it. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

/* A schedule's end comes at once. */
static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL};

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

/*
 * Companies c1, "Bakker BV", and c2, "c1"; an app of "acme" whose receiver takes order.paid and
 * answers 503 to order.sent, an app of "zeta" that takes both. c1 uses both apps, c2 that of
 * "zeta".
 */
struct world {
    struct harness *h;
    struct tenant *t;
    const char *acme_app, *zeta_app, *zeta_subscription;
    const char *paid, *sent, *of_c2; /* events */
};

static void given_named_company(struct harness *h, const struct tenant *t, const char *external_id,
                                const char *name)
{
    struct reply reply = api_call(h, t->admin, "POST", "/v1/companies",
                                  "{\"external_id\": \"%s\", \"name\": \"%s\"}", external_id, name);

    assert_status(reply, 201);
}

static const char *publish_as(struct harness *h, const struct tenant *t, const char *event_type,
                              const char *company, const char *rest)
{
    static const char *const traced[] = {"traceparent: 00-" TRACE "-00f067aa0ba902b7-01", NULL};
    const char *body = http_text(h->http, "{\"event_type\": \"%s\", \"company\": \"%s\", %s}",
                                 event_type, company, rest);
    struct reply reply = api_send(h, t->producer, "POST", "/v1/events", hk_str(body),
                                  strcmp(event_type, "order.sent") == 0 ? traced : NULL);

    assert_status(reply, 202);
    return reply_text(&reply, "id");
}

static struct world given_world(struct harness *h)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    sinker_rule(h, "/bad", "{\"replies\": [], \"then\": {\"status\": 503}}");
    given_named_company(h, w.t, "c1", "Bakker BV");
    given_named_company(h, w.t, "c2", "c1");
    given_event_type(h, w.t, "order.paid");
    given_event_type(h, w.t, "order.sent");
    w.acme_app = given_app(h, w.t, "acme");
    w.zeta_app = given_app(h, w.t, "zeta");
    (void)given_connection(h, w.t, w.acme_app, "c1");
    (void)given_connection(h, w.t, w.zeta_app, "c1");
    (void)given_connection(h, w.t, w.zeta_app, "c2");
    (void)given_subscription(h, w.t, w.acme_app, "/good", "order.paid");
    (void)given_subscription(h, w.t, w.acme_app, "/bad", "order.sent");
    w.zeta_subscription = given_subscription(h, w.t, w.zeta_app, "/zeta", "order.*").id;
    w.paid = publish_as(h, w.t, "order.paid", "c1",
                        "\"external_id\": \"p 1\", \"payload\": {\"amount\": 250, \"who\": \"x\"}");
    w.sent = publish_as(h, w.t, "order.sent", "c1", "\"payload\": {\"amount\": 7}");
    w.of_c2 = publish_as(h, w.t, "order.paid", "c2", "\"payload\": {\"amount\": 1}");
    api_wait_for(h, w.t->admin, "/v1/messages?status=succeeded&limit=4", "data.3.attempts", "1",
                 10000);
    api_wait_for(h, w.t->admin, "/v1/messages?status=failed", "data.0.status", "failed", 20000);
    return w;
}

/* `text` as the value of a parameter. */
static const char *encoded(struct harness *h, const char *text)
{
    char buffer[2048] = "";
    size_t n = 0;

    for (const char *p = text; *p != '\0'; p++)
        n += (size_t)snprintf(buffer + n, sizeof(buffer) - n, "%%%02X", (unsigned char)*p);
    assert_true(n < sizeof(buffer));
    return http_text(h->http, "%s", buffer);
}

static struct reply search(const struct world *w, const char *key, const char *path,
                           const char *query)
{
    return api_call(w->h, key, "GET", http_text(w->h->http, "%s?q=%s", path, encoded(w->h, query)),
                    NULL);
}

/* So many messages are found, and counted. */
static void must_find(const struct world *w, const char *key, const char *query, size_t n)
{
    struct reply list = search(w, key, "/v1/messages", query);
    struct reply count = search(w, key, "/v1/messages/count", query);

    assert_status(list, 200);
    assert_status(count, 200);
    if (reply_count(&list, "data") != n || reply_int(&count, "count") != (int64_t)n)
        fail_msg("%s: %zu found, %lld counted, not %zu", query, reply_count(&list, "data"),
                 (long long)reply_int(&count, "count"), n);
    assert_true(reply_is_null(&list, "next_cursor"));
    assert_true(reply_bool(&count, "is_exact"));
}

static void test_each_field_finds_its_messages(void **state)
{
    struct world w = given_world(*state);
    struct harness *h = w.h;
    const struct {
        const char *query;
        size_t n;
    } cases[] = {
        {"", 5},
        {"status:failed", 1},
        {"status:failed,succeeded", 5},
        {"-status:succeeded", 1},
        {"status:pending,sending,held,cancelled", 0},
        {"code:5xx", 1},
        {"code:503 status:failed", 1},
        {"code:500", 0},
        {"code:2xx", 4},
        {"code:none", 0},
        {"-code:2xx", 1},
        {"error:http_status", 1},
        {"error:succeeded,timeout", 4},
        {"-error:succeeded", 1},
        {"attempts:>1", 1},
        {"attempts:1", 4},
        {"attempts:0", 0},
        {"latency:<=60s", 5},
        {"latency:>20s", 0},
        {"type:order.paid", 3},
        {"type:order.*", 5},
        {"type:*", 5},
        {"type:order", 0},
        {"-type:order.paid", 2},
        {"company:c2", 1},
        {"company:c1", 5},
        {"company:\"Bakker BV\"", 4},
        {"company:nobody", 0},
        {"-company:\"Bakker BV\"", 1},
        {"company:\"Bakker BV\" status:failed code:5xx since:24h", 1},
        {"external_id:\"p 1\"", 2},
        {"external_id:p", 0},
        {"trace:" TRACE, 2},
        {"trace:" TRACE " status:failed", 1},
        {"trace:00000000000000000000000000000001", 0},
        {"origin:live", 5},
        {"origin:resend", 0},
        {"since:1h", 5},
        {"until:1h", 0},
        {"since:2020-01-01 until:2020-01-02", 0},
        {"path:\"$.amount >= 100\" since:1h", 2},
        {"path:\"$.who == 7\" since:1h", 0},
        {"path:\"exists($.amount)\" since:1h -type:order.sent", 3},
    };

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        must_find(&w, w.t->admin, cases[i].query, cases[i].n);
    must_find(&w, w.t->admin, w.paid, 2);
    must_find(&w, w.t->admin, http_text(h->http, "event:%s,%s", w.paid, w.of_c2), 3);
    must_find(&w, w.t->admin, http_text(h->http, "app:%s", w.acme_app), 2);
    must_find(&w, w.t->admin, http_text(h->http, "-app:%s", w.acme_app), 3);
    must_find(&w, w.t->admin, http_text(h->http, "app:%s,%s", w.acme_app, w.zeta_app), 5);
    must_find(&w, w.t->admin, http_text(h->http, "subscription:%s", w.zeta_subscription), 3);
    must_find(&w, w.t->admin, http_text(h->http, "-subscription:%s", w.zeta_subscription), 2);
    must_find(&w, w.t->admin,
              http_text(h->http, "subscription:%s app:%s", w.zeta_subscription, w.acme_app), 0);
    must_find(&w, w.t->admin, w.zeta_subscription, 0);
}

static void test_a_query_goes_with_the_other_parameters_but_says_nothing_twice(void **state)
{
    struct world w = given_world(*state);
    struct reply reply;

    reply = api_call(
        w.h, w.t->admin, "GET",
        http_text(w.h->http, "/v1/messages?q=code:5xx&app_id=%s&status=failed", w.acme_app), NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(w.h, w.t->admin, "GET", "/v1/messages?q=company:c1&company=c2", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 1);
    reply = api_call(w.h, w.t->admin, "GET", "/v1/messages?company=Bakker+BV", NULL);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 0);

    reply = api_call(w.h, w.t->admin, "GET", "/v1/messages?q=status:held&status=failed", NULL);
    assert_problem(w.h, reply, 422, "invalid_parameter", "/q");
    reply = api_call(w.h, w.t->admin, "GET",
                     "/v1/messages/count?q=since:1h&since=2026-01-01T00:00:00Z", NULL);
    assert_problem(w.h, reply, 422, "invalid_parameter", "/q");
    reply = search(&w, w.t->admin, "/v1/messages", "status:failed colour:red");
    assert_problem(w.h, reply, 422, "invalid_parameter", "/q");
    assert_non_null(strstr(reply_text(&reply, "detail"), "column 15"));
    reply = search(&w, w.t->admin, "/v1/attempts", "path:$.a==1");
    assert_problem(w.h, reply, 422, "invalid_parameter", "/q");
}

static void test_a_partner_finds_its_own_only_and_another_tenant_nothing(void **state)
{
    struct world w = given_world(*state);
    const struct tenant *other = given_tenant(w.h);
    const char *zeta = given_key(w.h, w.t, "partner", "zeta");
    const char *queries[] = {"",
                             "company:c1",
                             "type:order.*",
                             ("trace:" TRACE),
                             "-status:held",
                             "external_id:\"p 1\"",
                             "latency:<=60s",
                             "path:\"$.amount > 0\" since:1h",
                             http_text(w.h->http, "event:%s", w.paid),
                             http_text(w.h->http, "app:%s", w.acme_app),
                             http_text(w.h->http, "-app:%s", w.zeta_app),
                             "status:failed",
                             "code:5xx",
                             w.sent};
    /* Of acme and of zeta. */
    const size_t n_found[][2] = {{2, 3}, {2, 3}, {2, 3}, {1, 1}, {2, 3}, {1, 1}, {2, 3},
                                 {2, 3}, {1, 1}, {2, 0}, {2, 0}, {1, 0}, {1, 0}, {1, 1}};

    for (size_t i = 0; i < HK_COUNTOF(queries); i++) {
        must_find(&w, w.t->partner, queries[i], n_found[i][0]);
        must_find(&w, zeta, queries[i], n_found[i][1]);
        must_find(&w, w.t->support, queries[i],
                  strncmp(queries[i], "app:", 4) == 0 || strncmp(queries[i], "-app:", 5) == 0
                      ? 2
                      : n_found[i][0] + n_found[i][1]);
        must_find(&w, other->admin, queries[i], 0);
    }
}

/* Pages of one, to the end; each message once. */
static size_t count_pages(const struct world *w, const char *path, const char *query)
{
    const char *cursor = "", *last = "";
    size_t n = 0;

    for (unsigned i = 0; i < 50; i++) {
        struct reply reply = api_call(
            w->h, w->t->admin, "GET",
            http_text(w->h->http, "%s?limit=1&q=%s%s", path, encoded(w->h, query), cursor), NULL);

        assert_status(reply, 200);
        if (reply_count(&reply, "data") == 1) {
            const char *id = reply.body;

            assert_string_not_equal(id, last);
            last = id;
            n++;
        }
        if (reply_is_null(&reply, "next_cursor"))
            return n;
        cursor = http_text(w->h->http, "&cursor=%s", reply_text(&reply, "next_cursor"));
    }
    fail_msg("%s has no end", query);
    return 0;
}

static void test_pages_go_on_while_the_clock_does(void **state)
{
    struct world w = given_world(*state);
    struct reply reply;

    assert_int_equal(count_pages(&w, "/v1/messages", "since:1h"), 5);
    assert_int_equal(count_pages(&w, "/v1/messages", "company:c1 status:succeeded"), 4);
    assert_int_equal(count_pages(&w, "/v1/messages", w.paid), 2);
    assert_int_equal(count_pages(&w, "/v1/attempts", "since:1h code:2xx"), 4);

    reply = api_call(w.h, w.t->admin, "GET", "/v1/messages?limit=1&q=since:1h", NULL);
    assert_status(reply, 200);
    reply = api_call(w.h, w.t->admin, "GET",
                     http_text(w.h->http, "/v1/messages?limit=1&q=since:2h&cursor=%s",
                               reply_text(&reply, "next_cursor")),
                     NULL);
    assert_problem(w.h, reply, 400, "bad_cursor", NULL);
}

static void test_attempts_are_searched_one_by_one(void **state)
{
    struct world w = given_world(*state);
    struct reply reply = search(&w, w.t->admin, "/v1/attempts", "code:503");
    size_t n = (size_t)db_int(w.h, "SELECT count(*) FROM hookline.attempt WHERE status_code = 503");

    assert_status(reply, 200);
    assert_true(n > 1);
    assert_int_equal(reply_count(&reply, "data"), n);
    assert_int_equal(reply_int(&reply, "data.0.attempt_no"), 1);
    assert_int_equal(reply_int(&reply, "data.1.attempt_no"), 2);
    assert_string_equal(reply_text(&reply, "data.0.event_id"), w.sent);
    assert_string_equal(reply_text(&reply, "data.0.app_id"), w.acme_app);
    assert_int_equal(count_pages(&w, "/v1/attempts", "code:503"), n);
    assert_int_equal(count_pages(&w, "/v1/attempts", ""), n + 4);

    reply = search(&w, w.t->admin, "/v1/attempts", "status:failed code:2xx");
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = search(&w, given_key(w.h, w.t, "partner", "zeta"), "/v1/attempts", "code:503");
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "data"), 0);
    reply = search(&w, given_tenant(w.h)->admin, "/v1/attempts", "");
    assert_int_equal(reply_count(&reply, "data"), 0);
}

/* Declared, changed and taken away, for what was published before. */
static void test_messages_are_searched_by_the_attributes_that_their_type_declares(void **state)
{
    struct world w = given_world(*state);
    const char *path = "/v1/event_types/order.paid";

    must_find(&w, w.t->admin, "attribute.amount:250", 0);
    (void)api_want(w.h, 200, w.t->admin, "PATCH", path,
                   "{\"attributes\": {\"amount\": \"$.amount\", \"who\": \"$.who\"}}");
    must_find(&w, w.t->admin, "attribute.amount:250", 2);
    must_find(&w, w.t->admin, "attr.amount:250 attr.who:x", 2);
    must_find(&w, w.t->admin, "attr.amount:250 attr.who:y", 0);
    must_find(&w, w.t->admin, "attr.amount:1,250", 3);
    must_find(&w, w.t->admin, "attr.amount:7", 0); /* of a type that does not declare it */
    must_find(&w, w.t->admin, "attr.amount:250 company:c2", 0);
    must_find(&w, w.t->partner, "attr.amount:1,250", 1);
    must_find(&w, given_tenant(w.h)->admin, "attr.amount:250", 0);
    (void)api_want(w.h, 200, w.t->admin, "PATCH", path,
                   "{\"attributes\": {\"sum\": \"$.amount\"}}");
    must_find(&w, w.t->admin, "attr.amount:250", 0);
    must_find(&w, w.t->admin, "attr.sum:250", 2);
    (void)api_want(w.h, 200, w.t->admin, "PATCH", path, "{\"attributes\": null}");
    must_find(&w, w.t->admin, "attr.sum:250", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_each_field_finds_its_messages, .env = quick),
        harness_test(test_a_query_goes_with_the_other_parameters_but_says_nothing_twice,
                     .env = quick),
        harness_test(test_a_partner_finds_its_own_only_and_another_tenant_nothing, .env = quick),
        harness_test(test_pages_go_on_while_the_clock_does, .env = quick),
        harness_test(test_messages_are_searched_by_the_attributes_that_their_type_declares,
                     .env = quick),
        harness_test(test_attempts_are_searched_one_by_one, .env = quick),
    };

    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
