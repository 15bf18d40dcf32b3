/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of custom values: what messages carry stays (BC-12), the rest is forgotten. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/load.h"
#include "tests/support/message.h"

#define SOON_MS    20000
#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* An hour is 4 ms. */
static const char *const quick[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000000", NULL};

struct world {
    struct tenant *t;
    const char *connection;
    struct subscription hook;
};

static struct world given_values(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};
    const char *app_id = given_app(h, w.t, "acme");

    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/event_types/order.paid",
                   "{\"enrichable\": true}");
    (void)api_want(h, 201, w.t->partner, "POST", at(h, "/v1/apps/%s/custom_fields", app_id),
                   "{\"key\": \"f\", \"type\": \"number\"}");
    w.connection = at(h, "/v1/connections/%s", given_connection(h, w.t, app_id, "c1"));
    w.hook = given_subscription(h, w.t, app_id, "/hook", "order.paid");
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"profile\": \"basecone\"}");
    return w;
}

static void set_value(struct harness *h, const struct world *w, unsigned value)
{
    (void)api_want(h, 200, w->t->admin, "PATCH", w->connection,
                   at(h, "{\"values\": {\"f\": %u}}", value));
}

/* For wait_until(): every replaced version has been looked at. */
static bool has_swept(void *arg)
{
    return db_int(arg, "SELECT count(*) FROM hookline.connection_values"
                       " WHERE version > 1 AND NOT has_swept") == 0;
}

static const char *versions(struct harness *h)
{
    return db_text(h, "SELECT string_agg(version::text, ' ' ORDER BY version)"
                      "  FROM hookline.connection_values");
}

static void test_versions_that_no_message_carries_are_forgotten(void **state)
{
    struct harness *h = *state;
    struct world w = given_values(h); /* version 1 */
    const char *path;
    struct reply reply;

    set_value(h, &w, 2);
    path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);
    for (unsigned value = 3; value <= 6; value++)
        set_value(h, &w, value);
    (void)harness_start_worker(h);
    assert_true(wait_until(has_swept, h, SOON_MS));
    assert_string_equal(versions(h), "2 6");

    message_wait(h, w.t, path, "succeeded");
    (void)api_want(h, 202, w.t->admin, "POST", at(h, "%s/resend", path), NULL);
    sinker_wait(h, "/hook", 2, SOON_MS);
    reply = sinker_request(h, "/hook", 1);
    assert_non_null(strstr(reply_text(&reply, "body"), "\"f\":2"));
}

static void test_what_a_resend_or_a_backfill_carries_is_pinned(void **state)
{
    struct harness *h = *state;
    struct world w = given_values(h);
    const char *path = message_path(h, w.t, publish(h, w.t, "order.paid", "c1", "{}"), NULL);

    set_value(h, &w, 2);
    (void)harness_start_worker(h);
    message_wait(h, w.t, path, "succeeded");
    (void)api_want(h, 202, w.t->admin, "POST", at(h, "%s/resend", path),
                   "{\"values\": \"current\"}");
    sinker_wait(h, "/hook", 2, SOON_MS);
    given_event_type(h, w.t, "order.sent");
    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/event_types/order.sent",
                   "{\"enrichable\": true}");
    (void)publish(h, w.t, "order.sent", "c1", "{}");
    set_value(h, &w, 3);
    (void)api_want(h, 200, w.t->admin, "PATCH", at(h, "/v1/subscriptions/%s", w.hook.id),
                   "{\"event_types\": [\"order.*\"], \"backfill\": {\"days\": 1}}");
    sinker_wait(h, "/hook", 3, SOON_MS);
    assert_string_equal(db_text(h, "SELECT string_agg(version::text, ' ' ORDER BY version)"
                                   "  FROM hookline.connection_values WHERE is_pinned"),
                        "2 3");
}

/* The producer's load goes on while the values change. */
static void test_BC_12_each_message_carries_one_version_whole_whatever_changes_meanwhile(
    void **state)
{
    struct harness *h = *state;
    struct world w = given_values(h);
    struct load *load;
    unsigned n;

    set_value(h, &w, 1);
    load = load_start(h, w.t);
    for (unsigned value = 2; value <= 40; value++)
        set_value(h, &w, value);
    load_wait(load, 20, SOON_MS);
    n = load_stop(load).n_accepted;
    sinker_wait(h, "/hook", n, SOON_MS);
    for (unsigned i = 0; i < n; i++) {
        struct reply request = sinker_request(h, "/hook", i);
        const char *id = reply_text(&request, "headers.webhook-id");
        const char *value =
            db_text(h,
                    "SELECT v.\"values\"::json ->> 'f' FROM hookline.message m"
                    " JOIN hookline.connection_values v ON v.version = m.values_version"
                    " WHERE m.id = '%s'",
                    id);

        assert_non_null(value);
        if (strstr(reply_text(&request, "body"), at(h, "\"f\":%s}", value)) == NULL)
            fail_test("%s does not carry %s", reply_text(&request, "body"), value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_versions_that_no_message_carries_are_forgotten, .has_no_worker = true,
                     .env = quick),
        harness_test(test_what_a_resend_or_a_backfill_carries_is_pinned, .has_no_worker = true,
                     .env = quick),
        harness_test(test_BC_12_each_message_carries_one_version_whole_whatever_changes_meanwhile),
    };

    return cmocka_run_group_tests_name("forgotten_values", tests, NULL, NULL);
}
