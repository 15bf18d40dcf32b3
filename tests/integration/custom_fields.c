/* SPDX-License-Identifier: Apache-2.0 */
/* Custom fields: what they ask of a value, their order, and which event types carry them. */
#include <string.h>

#include "tests/support/check.h"

#define SOON_MS      10000
#define at(h, ...)   http_text((h)->http, __VA_ARGS__)
#define VALUES(text) "{\"values\": {\"f\": " text "}}"

/* An app of "acme", connected to company "c1", with one field "f". */
struct world {
    struct tenant *t;
    const char *fields, *field, *connection;
};

static struct world given_field(struct harness *h, const char *rest)
{
    struct world w = {.t = given_tenant(h)};
    const char *app_id = given_app(h, w.t, "acme");

    (void)given_company(h, w.t, "c1");
    w.fields = at(h, "/v1/apps/%s/custom_fields", app_id);
    w.field = at(h, "%s/f", w.fields);
    (void)api_want(h, 201, w.t->partner, "POST", w.fields, at(h, "{\"key\": \"f\", %s}", rest));
    w.connection = at(h, "/v1/connections/%s", given_connection(h, w.t, app_id, "c1"));
    return w;
}

static void expect_values(struct harness *h, const struct world *w, int status,
                          const char *const bodies[])
{
    for (; *bodies != NULL; bodies++) {
        struct reply reply = api_want(h, status, w->t->admin, "PATCH", w->connection, *bodies);

        if (status == 422)
            assert_problem(h, reply, 422, "invalid_body", "/values/f");
    }
}

#define ACCEPTS(...) expect_values(h, &w, 200, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSES(...) expect_values(h, &w, 422, (const char *const[]){__VA_ARGS__, NULL})

static void test_the_whole_of_a_text_matches_the_pattern(void **state)
{
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"text\", \"pattern\": \"NL|[A-Z]{2}-\\\\d+\"");

    ACCEPTS(VALUES("\"NL\""), VALUES("\"BE-42\""), VALUES("null"));
    REFUSES(VALUES("\"NL-\""), VALUES("\"xNL\""), VALUES("\"\""), VALUES("\"NL\\n\""));
}

static void test_numbers_and_dates_have_bounds(void **state)
{
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"number\", \"minimum\": -1.5, \"maximum\": 10");

    ACCEPTS(VALUES("-1.50"), VALUES("1e1"), VALUES("0"));
    REFUSES(VALUES("-1.51"), VALUES("10.0001"), VALUES("1e300"));
    w = given_field(h, "\"type\": \"date\", \"minimum\": \"2026-01-01\"");
    ACCEPTS(VALUES("\"2026-01-01\""), VALUES("\"9999-12-31\""));
    REFUSES(VALUES("\"2025-12-31\""), VALUES("\"2026-02-29\""));
}

static void test_rules_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *rest, *pointer;
    } cases[] = {
        {"\"type\": \"number\", \"pattern\": \"a\"", "/pattern"},
        {"\"type\": \"text\", \"pattern\": \"(a)\\\\1\"", "/pattern"},
        {"\"type\": \"text\", \"pattern\": \"(?=a)\"", "/pattern"},
        {"\"type\": \"text\", \"pattern\": \"[z-a]\"", "/pattern"},
        {"\"type\": \"text\", \"minimum\": 1", "/minimum"},
        {"\"type\": \"number\", \"minimum\": \"1\"", "/minimum"},
        {"\"type\": \"number\", \"minimum\": 2, \"maximum\": 1", "/maximum"},
        {"\"type\": \"date\", \"maximum\": \"2026-02-30\"", "/maximum"},
        {"\"type\": \"date\", \"minimum\": \"2026-02-02\", \"maximum\": \"2026-02-01\"",
         "/maximum"},
        {"\"type\": \"choice\"", "/choices"},
        {"\"type\": \"text\", \"event_types\": [\"no.such\"]", "/event_types/0"},
        {"\"type\": \"text\", \"event_types\": []", "/event_types"},
        {"\"type\": \"text\", \"position\": 1", "/position"},
    };
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"text\"");

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_refused(h, w.t->partner, at(h, "POST %s", w.fields),
                       hk_str(at(h, "{\"key\": \"g\", %s}", cases[i].rest)), 422, "invalid_body",
                       cases[i].pointer);
}

static void test_a_field_is_changed_by_a_merge_patch(void **state)
{
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"text\", \"label\": \"L\", \"pattern\": \"a+\"");
    struct reply first = api_want(h, 200, w.t->partner, "GET", w.field, NULL), reply;

    reply = api_want(h, 200, w.t->partner, "PATCH", w.field, "{}");
    assert_string_equal(reply.body, first.body);
    reply = api_want(h, 200, w.t->partner, "PATCH", w.field,
                     "{\"pattern\": null, \"label\": null, \"help\": \"H\"}");
    assert_true(reply_is_null(&reply, "pattern"));
    assert_string_equal(reply_text(&reply, "label"), "f"); /* as if none had been given */
    assert_string_equal(reply_text(&reply, "help"), "H");
    reply = api_want(h, 422, w.t->partner, "PATCH", w.field, "{\"choices\": [\"x\"]}");
    assert_problem(h, reply, 422, "invalid_body", "/choices");
    reply = api_want(h, 422, w.t->partner, "PATCH", w.field, "{\"type\": \"date\"}");
    assert_problem(h, reply, 422, "invalid_body", "/type");
    (void)api_want(h, 404, given_key(h, w.t, "partner", "other"), "PATCH", w.field, "{}");
    (void)api_want(h, 404, w.t->partner, "PATCH", at(h, "%s/g", w.fields), "{}");
}

static void test_a_field_that_becomes_required_makes_connections_incomplete(void **state)
{
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"text\"");
    struct reply reply;

    (void)api_want(h, 200, w.t->partner, "PATCH", w.field, "{\"required\": true}");
    reply = api_want(h, 200, w.t->admin, "GET", w.connection, NULL);
    assert_string_equal(reply_text(&reply, "state"), "incomplete");
    assert_string_equal(reply_text(&reply, "missing.0"), "f");
    (void)api_want(h, 200, w.t->partner, "PATCH", w.field, "{\"required\": false}");
    reply = api_want(h, 200, w.t->admin, "GET", w.connection, NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
}

static const char *keys_of(struct harness *h, const struct world *w)
{
    struct reply reply = api_want(h, 200, w->t->partner, "GET", w->fields, NULL);
    const char *keys = "";

    for (size_t i = 0; i < reply_count(&reply, "data"); i++) {
        assert_int_equal(reply_int(&reply, at(h, "data.%zu.position", i)), (int)i + 1);
        keys = at(h, "%s%s", keys, reply_text(&reply, at(h, "data.%zu.key", i)));
    }
    return keys;
}

static void test_a_field_is_moved_and_the_others_make_room(void **state)
{
    struct harness *h = *state;
    struct world w = given_field(h, "\"type\": \"text\"");
    struct reply reply;

    for (const char *key = "abc"; *key != '\0'; key++)
        (void)api_want(h, 201, w.t->partner, "POST", w.fields,
                       at(h, "{\"key\": \"%c\", \"type\": \"text\"}", *key));
    assert_string_equal(keys_of(h, &w), "fabc");
    (void)api_want(h, 200, w.t->partner, "PATCH", w.field, "{\"position\": 3}");
    assert_string_equal(keys_of(h, &w), "abfc");
    (void)api_want(h, 200, w.t->partner, "PATCH", w.field, "{\"position\": 50}");
    assert_string_equal(keys_of(h, &w), "abcf");
    (void)api_want(h, 200, w.t->partner, "PATCH", w.field, "{\"position\": 1}");
    assert_string_equal(keys_of(h, &w), "fabc");

    reply = api_want(h, 200, w.t->partner, "GET", at(h, "%s?limit=3", w.fields), NULL);
    assert_int_equal(reply_count(&reply, "data"), 3);
    reply =
        api_want(h, 200, w.t->partner, "GET",
                 at(h, "%s?limit=3&cursor=%s", w.fields, reply_text(&reply, "next_cursor")), NULL);
    assert_string_equal(reply_text(&reply, "data.0.key"), "c");
    assert_true(reply_is_null(&reply, "next_cursor"));
}

/* The message's own values are what stands in its body; NULL: it has none. */
static void assert_sent(struct harness *h, unsigned i, const char *values)
{
    struct reply request;

    sinker_wait(h, "/hook", i + 1, SOON_MS);
    request = sinker_request(h, "/hook", i);
    if (strstr(reply_text(&request, "body"), values) == NULL)
        fail_msg("%u: no %s in %s", i, values, reply_text(&request, "body"));
}

static void enrichable_type(struct harness *h, const struct tenant *t, const char *name)
{
    (void)api_want(h, 201, t->admin, "POST", "/v1/event_types",
                   at(h, "{\"name\": \"%s\", \"enrichable\": true}", name));
}

static const char *given_restricted_story(struct harness *h, struct tenant *t)
{
    const char *app_id = given_app(h, t, "acme");

    (void)given_company(h, t, "c1");
    enrichable_type(h, t, "invoice.paid");
    enrichable_type(h, t, "order.paid");
    (void)api_want(h, 201, t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", app_id),
                   "{\"key\": \"f\", \"type\": \"text\", \"event_types\": [\"invoice.*\"]}");
    (void)api_want(h, 201, t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", app_id),
                   "{\"key\": \"g\", \"type\": \"number\"}");
    (void)api_want(h, 201, t->admin, "POST", at(h, "/v1/apps/%s/connections", app_id),
                   "{\"companies\": [{\"company\": \"c1\", \"values\": {\"g\": 1.50,"
                   " \"f\": \"F\"}}]}");
    (void)given_subscription(h, t, app_id, "/hook", "invoice.paid");
    (void)given_subscription(h, t, app_id, "/hook", "order.paid");
    return at(h, "/v1/apps/%s/custom_fields/f", app_id);
}

static void test_only_the_types_of_a_field_carry_its_value(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *field = given_restricted_story(h, t);

    (void)publish(h, t, "invoice.paid", "c1", "{}");
    assert_sent(h, 0, "{\"f\":\"F\",\"g\":1.50}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    assert_sent(h, 1, "{\"g\":1.50}");
    (void)api_want(h, 200, t->partner, "PATCH", field, "{\"event_types\": null}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    assert_sent(h, 2, "{\"f\":\"F\",\"g\":1.50}");
    (void)api_want(h, 200, t->partner, "PATCH", field, "{\"event_types\": [\"order.paid\"]}");
    (void)publish(h, t, "invoice.paid", "c1", "{}");
    assert_sent(h, 3, "{\"g\":1.50}");
}

static void test_BC_12_a_retry_carries_what_applied_when_the_event_was_accepted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *field = given_restricted_story(h, t);

    sinker_rule(h, "/hook", "{\"replies\": [{\"status\": 500, \"delay_ms\": 300}]}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    (void)api_want(h, 200, t->partner, "PATCH", field, "{\"event_types\": null}");
    assert_sent(h, 0, "{\"g\":1.50}");
    assert_sent(h, 1, "{\"g\":1.50}");
    (void)publish(h, t, "order.paid", "c1", "{}");
    assert_sent(h, 2, "{\"f\":\"F\",\"g\":1.50}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_whole_of_a_text_matches_the_pattern, .has_no_worker = true),
        harness_test(test_numbers_and_dates_have_bounds, .has_no_worker = true),
        harness_test(test_rules_that_do_not_fit_are_refused, .has_no_worker = true),
        harness_test(test_a_field_is_changed_by_a_merge_patch, .has_no_worker = true),
        harness_test(test_a_field_that_becomes_required_makes_connections_incomplete,
                     .has_no_worker = true),
        harness_test(test_a_field_is_moved_and_the_others_make_room, .has_no_worker = true),
        harness_test(test_only_the_types_of_a_field_carry_its_value),
        harness_test(test_BC_12_a_retry_carries_what_applied_when_the_event_was_accepted,
                     .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL}),
    };

    return cmocka_run_group_tests_name("custom_fields", tests, NULL, NULL);
}
