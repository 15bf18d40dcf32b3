/* SPDX-License-Identifier: Apache-2.0 */
/* Which events a subscription gets: wildcards of event types, filters on the payload. */
#include <stdlib.h>

#include "tests/support/check.h"

static const char *subscribe(struct harness *h, const struct tenant *t, const char *app_id,
                             const char *rest)
{
    struct reply reply =
        api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                 "{\"url\": \"%s\", %s}", sinker_url(h, "/hook"), rest);

    assert_status(reply, 201);
    return reply_text(&reply, "id");
}

/* Tenant, company c1 and an app connected to it; returns the app. */
static const char *given_connected_app(struct harness *h, struct tenant *t)
{
    const char *app_id = given_app(h, t, "acme");

    (void)given_company(h, t, "c1");
    (void)given_connection(h, t, app_id, "c1");
    return app_id;
}

/* Why the event was not for the subscription: "" when it was. */
static const char *outcome_of(struct harness *h, const struct tenant *t, const char *event_id,
                              const char *subscription_id)
{
    const char *reason = db_text(h,
                                 "SELECT reason FROM skip WHERE tenant_id = '%s' AND event_id = "
                                 "'%s' AND subscription_id = '%s'",
                                 t->id, event_id, subscription_id);
    int64_t n_messages = db_int(h,
                                "SELECT count(*) FROM message WHERE tenant_id = '%s' AND event_id "
                                "= '%s' AND subscription_id = '%s'",
                                t->id, event_id, subscription_id);

    assert_int_equal(n_messages, reason == NULL ? 1 : 0);
    return reason == NULL ? "" : reason;
}

/* ---- event types ---- */

static void test_a_wildcard_selects_what_is_below_a_prefix_of_whole_parts(void **state)
{
    static const struct {
        const char *type, *selected_by; /* of a: the name, b: invoice.*, c: invoice.line.*, d: * */
    } cases[] = {
        {"invoice", "d"},       {"invoice.paid", "abd"},     {"invoice.line.paid", "bcd"},
        {"invoices.paid", "d"}, {"invoice.line-item", "bd"}, {"job-milestone-changed", "d"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t), *ids[4];

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        given_event_type(h, t, cases[i].type);
    ids[0] = subscribe(h, t, app_id, "\"event_types\": [\"invoice.paid\"]");
    ids[1] = subscribe(h, t, app_id, "\"event_types\": [\"invoice.*\"]");
    ids[2] = subscribe(h, t, app_id, "\"event_types\": [\"job.*\", \"invoice.line.*\"]");
    ids[3] = subscribe(h, t, app_id, "\"event_types\": [\"*\"]");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        const char *event_id = publish(h, t, cases[i].type, "c1", "{}");

        for (int k = 0; k < 4; k++)
            assert_string_equal(
                outcome_of(h, t, event_id, ids[k]),
                strchr(cases[i].selected_by, 'a' + k) != NULL ? "" : "type_not_selected");
    }
}

static void test_a_wildcard_selects_types_that_are_made_later(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t);
    const char *id = subscribe(h, t, app_id, "\"event_types\": [\"later.*\"]");

    given_event_type(h, t, "later.made");
    assert_string_equal(outcome_of(h, t, publish(h, t, "later.made", "c1", "{}"), id), "");
    sinker_wait(h, "/hook", 1, 10000);
}

static void test_a_name_must_exist_and_a_wildcard_be_one(void **state)
{
    static const char *const wrong[] = {"invoice",       "*.paid", "invoice*",  "invoice.*.paid",
                                        "invoice.",      ".*",     "invoice..", "**",
                                        "invoice.*.*",   "",       " *",        "-x.*",
                                        "invoice.paid*", "a b"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *request =
        http_text(h->http, "POST /v1/apps/%s/subscriptions", given_app(h, t, "acme"));

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++) {
        const char *body = http_text(
            h->http, "{\"url\": \"https://e.com/\", \"event_types\": [\"*\", \"%s\"]}", wrong[i]);

        expect_refused(h, t->partner, request, hk_str(body), 422, "invalid_body", "/event_types/1");
    }
}

static void test_subscriptions_are_found_by_a_type_that_they_select(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t), *wild, *named;
    struct reply reply;

    given_event_type(h, t, "invoice.paid");
    given_event_type(h, t, "order.paid");
    wild = subscribe(h, t, app_id, "\"event_types\": [\"invoice.*\"]");
    named = subscribe(h, t, app_id, "\"event_types\": [\"invoice.paid\", \"order.paid\"]");
    reply = api_want(h, 200, t->partner, "GET", "/v1/subscriptions?event_type=invoice.paid", NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_string_equal(reply_text(&reply, "data.0.id"), named);
    assert_string_equal(reply_text(&reply, "data.1.id"), wild);
    reply = api_want(h, 200, t->partner, "GET", "/v1/subscriptions?event_type=order.paid", NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
}

/* ---- filters ---- */

static void test_a_filter_lets_pass_what_it_is_true_of(void **state)
{
    static const struct {
        const char *filter, *payload, *reason;
    } cases[] = {
        {"$.amount >= 100", "{\"amount\": 100.0}", ""},
        {"$.amount >= 100", "{\"amount\": 99.99999999999999999999}", "filter_false"},
        {"$.amount >= 100", "{\"amount\": 1e30}", ""},
        {"$.amount >= 100", "{\"amount\": \"100\"}", "filter_false"}, /* unknown is not true */
        {"$.amount >= 100", "{}", "filter_false"},
        {"$.amount >= 100", "[1, 2]", "filter_false"},
        {"!($.amount >= 100)", "{\"amount\": 1}", ""},
        {"$.a == null", "{\"a\": null}", ""},
        {"$.a == null", "{}", "filter_false"},
        {"!exists($.a)", "{}", ""},
        {"$.\\\"a b\\\" starts with \\\"EU\\\"", "{\"a b\": \"EUR\"}", ""},
        {"$.lines[*].kind == \\\"fee\\\"", "{\"lines\": [{\"kind\": \"x\"}, {\"kind\": \"fee\"}]}",
         ""},
        {"exists($.lines[*] ? (@.n > 1 && @.kind == \\\"fee\\\"))",
         "{\"lines\": [{\"n\": 2, \"kind\": \"x\"}, {\"n\": 1, \"kind\": \"fee\"}]}",
         "filter_false"},
        {"$ == 7", "7", ""},
        {"$.a == 1", "{\"a\": 2, \"a\": 1}",
         ""}, /* the last of equal names, as receivers read it */
        {"$.a == 1", "{\"a\": 1, \"b\": \"\\u0000\"}", "filter_failed"},
        {"$.a == 1", "{\"a\": 1, \"b\": 1e999999}", "filter_failed"},
        {"$.b > 1", "{\"b\": 1e131071}", ""},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t), *id, *path;

    given_event_type(h, t, "order.paid");
    id = subscribe(h, t, app_id, "\"event_types\": [\"order.paid\"], \"filter\": \"$ == 0\"");
    path = http_text(h->http, "/v1/subscriptions/%s", id);
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        const char *event_id, *reason;

        (void)api_want(h, 200, t->partner, "PATCH", path,
                       http_text(h->http, "{\"filter\": \"%s\"}", cases[i].filter));
        event_id = publish(h, t, "order.paid", "c1", cases[i].payload);
        reason = outcome_of(h, t, event_id, id);
        if (strcmp(reason, cases[i].reason) != 0)
            fail_test("%s on %s: \"%s\"", cases[i].filter, cases[i].payload, reason);
    }
}

static void test_a_filter_is_shown_changed_and_taken_away(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t), *id, *path;
    struct reply reply;

    given_event_type(h, t, "order.paid");
    id = subscribe(h, t, app_id, "\"event_types\": [\"order.paid\"], \"filter\": \"$.a == 1\"");
    path = http_text(h->http, "/v1/subscriptions/%s", id);
    reply = api_want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "filter"), "$.a == 1");
    reply = api_want(h, 200, t->partner, "PATCH", path, "{\"description\": \"kept\"}");
    assert_string_equal(reply_text(&reply, "filter"), "$.a == 1");
    reply = api_want(h, 200, t->partner, "PATCH", path, "{\"filter\": null}");
    assert_true(reply_is_null(&reply, "filter"));
    assert_string_equal(outcome_of(h, t, publish(h, t, "order.paid", "c1", "{\"a\": 2}"), id), "");
}

static void test_what_is_no_filter_is_refused_with_its_place(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/v1/apps/%s/subscriptions", given_connected_app(h, t));
    struct reply reply;

    reply = api_want(h, 422, t->partner, "POST", path,
                     "{\"url\": \"https://e.com/\", \"event_types\": [\"*\"],"
                     " \"filter\": \"$.a like_regex \\\"(a+)+$\\\"\"}");
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/filter");
    assert_non_null(strstr(reply_text(&reply, "errors.0.detail"), "byte offset 4"));
}

static void test_a_partner_sees_that_its_filter_turned_an_event_away_but_not_its_payload(
    void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_connected_app(h, t), *path;
    struct reply reply;

    given_event_type(h, t, "order.paid");
    (void)subscribe(h, t, app_id, "\"event_types\": [\"order.paid\"], \"filter\": \"$.a == 1\"");
    path = http_text(h->http, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{\"a\": 2}"));
    reply = api_want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "skips.0.reason"), "filter_false");
    assert_false(reply_has(&reply, "payload"));
}

/* The filters of tests/unit/test_filter.c that are taken: PostgreSQL takes them, too. */
static void test_postgresql_reads_what_we_accept(void **state)
{
    static const char *const filters[] = {
        "$.a != -0.5e-3",
        "$.a <= 12345678901234567890",
        " $ == null ",
        "$.type == \"size\"",
        "$.exists == 1 && $.true == 2 || $.starts == 3",
        "$.is == 1 && $.unknown == 2 || $.to == 3 && $.last == 4 || $.strict == 5 && $.flag == 6",
        "$.a\nstarts\twith\r\"\\u00e9\\n\\\\\\\"\"",
        "$.\"\xc3\xa9\" == \"\xf0\x9f\x98\x80\"",
        "! exists ( $.a )",
        "(((((((($.a == 1))))))))",
        "exists($.a[*] ? (@.b == 1 && !exists(@.c)))",
        "exists($.a ?(@ == 1))",
        "$.a[*] ? (@.b == 1).c == 2",
        "exists($.a ? (exists(@.b[*])))",
        "$[0]starts with\"x\"",
        "$[3]>false||$.a<=true",
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(filters); i++) {
        const char *valid = db_text(h, "SELECT filter_is_valid($filter$%s$filter$)", filters[i]);

        if (strcmp(valid, "t") != 0)
            fail_test("PostgreSQL does not take %s", filters[i]);
    }
}

/* The time of one of the dearest filters on a payload of `n` elements, and of the cast that comes
 * before it: the shortest of some, in microseconds. */
static void measure(struct harness *h, int n, int64_t *ret_filter_us, int64_t *ret_cast_us)
{
    static const char filter[] =
        "$.a[*].b.c < 0 || $.a.b.c == \"x\" || $.a[*].b.d starts with \"x\""
        " || exists($.a[*] ? (@.b.c < 0 && exists(@.b.x)))"
        " || $.a[*] ? (exists(@.b[*])).b.d == 1";

    *ret_filter_us = *ret_cast_us = INT64_MAX;
    for (int round = 0; round < 7; round++) {
        char *text = strdup(db_text(
            h,
            "WITH payload AS MATERIALIZED ("
            " SELECT '{\"a\":[' || string_agg(format('{\"b\":{\"c\":%%s}}', i), ',') || ']}' AS "
            "text"
            "   FROM generate_series(1, %d) AS i"
            "), begun AS MATERIALIZED (SELECT clock_timestamp() AS t0, p.text FROM payload p"
            "), parsed AS MATERIALIZED (SELECT b.t0, b.text::jsonb AS document FROM begun b"
            "), between_ AS MATERIALIZED (SELECT clock_timestamp() AS t1, p.* FROM parsed p"
            "), filtered AS MATERIALIZED ("
            " SELECT b.*, filter_skip_reason('%s', b.document) AS reason FROM between_ b)"
            " SELECT (1e6 * extract(epoch FROM clock_timestamp() - f.t1))::bigint || ' '"
            "        || (1e6 * extract(epoch FROM f.t1 - f.t0))::bigint"
            "   FROM filtered f WHERE f.reason = 'filter_false'",
            n, filter));
        char *rest;
        int64_t filter_us = strtol(text, &rest, 10), cast_us = strtol(rest, NULL, 10);

        *ret_filter_us = filter_us < *ret_filter_us ? filter_us : *ret_filter_us;
        *ret_cast_us = cast_us < *ret_cast_us ? cast_us : *ret_cast_us;
        free(text);
    }
}

/* Ratios only: the machine's speed does not count. */
static void test_the_cost_of_a_filter_grows_as_the_payload_does(void **state)
{
    struct harness *h = *state;
    int64_t small_us, large_us, small_cast_us, large_cast_us;

    measure(h, 1200, &small_us, &small_cast_us);
    measure(h, 60000, &large_us, &large_cast_us); /* 1 MB */
    print_message("a filter takes %d us on 20 kB, %d on 1 MB; the cast %d and %d\n", (int)small_us,
                  (int)large_us, (int)small_cast_us, (int)large_cast_us);
    assert_true(large_us < 500 * small_us); /* fifty times the payload: quadratic is 2500 */
    assert_true(large_us < 20 * large_cast_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_wildcard_selects_what_is_below_a_prefix_of_whole_parts),
        harness_test(test_a_wildcard_selects_types_that_are_made_later),
        harness_test(test_a_name_must_exist_and_a_wildcard_be_one),
        harness_test(test_subscriptions_are_found_by_a_type_that_they_select),
        harness_test(test_a_filter_lets_pass_what_it_is_true_of),
        harness_test(test_a_filter_is_shown_changed_and_taken_away),
        harness_test(test_what_is_no_filter_is_refused_with_its_place),
        harness_test(test_a_partner_sees_that_its_filter_turned_an_event_away_but_not_its_payload),
        harness_test(test_postgresql_reads_what_we_accept),
        harness_test(test_the_cost_of_a_filter_grows_as_the_payload_does),
    };

    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
