/* SPDX-License-Identifier: Apache-2.0 */
/* How much a tenant may keep and publish, however many ask at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

#define EVENT "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1}"

static void set_quota(struct harness *h, const struct tenant *t, const char *kind, unsigned n)
{
    struct reply reply =
        api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id),
                 "{\"quotas\": {\"%s\": %u}}", kind, n);

    assert_status(reply, 200);
    assert_int_equal(reply_int(&reply, http_text(h->http, "quotas.%s", kind)), n);
}

static int64_t used(struct harness *h, const struct tenant *t, const char *kind)
{
    struct reply reply = api_call(h, t->support, "GET", "/v1/tenant/quotas", NULL);

    assert_status(reply, 200);
    return reply_int(&reply, http_text(h->http, "%s.used", kind));
}

static struct reply make_company(struct harness *h, const struct tenant *t, const char *id)
{
    return api_call(h, t->admin, "POST", "/v1/companies",
                    "{\"external_id\": \"%s\", \"name\": \"n\"}", id);
}

static void test_companies_are_counted_however_they_are_made(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;
    const char *id;

    set_quota(h, t, "companies", 3);
    id = given_company(h, t, "c1");
    reply = make_company(h, t, "c1"); /* is there already: 409, and not counted */
    assert_problem(h, reply, 409, "conflict", NULL);
    reply = api_call(h, t->admin, "PUT", "/v1/companies/by_external_id/c2", "{\"name\": \"n\"}");
    assert_status(reply, 201);
    assert_int_equal(used(h, t, "companies"), 2);
    expect_refused(h, t->admin, "POST /v1/companies/import",
                   HK_STR("{\"companies\": [{\"external_id\": \"x\", \"name\": \"n\"},"
                          " {\"external_id\": \"y\", \"name\": \"n\"}]}"),
                   409, "quota_exceeded", NULL);
    assert_int_equal(used(h, t, "companies"), 2);
    (void)given_company(h, t, "c3");
    reply = make_company(h, t, "c4");
    assert_problem(h, reply, 409, "quota_exceeded", NULL);
    reply = api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/companies/%s", id), NULL);
    assert_status(reply, 204);
    assert_int_equal(used(h, t, "companies"), 2);
    reply = make_company(h, t, "c4");
    assert_status(reply, 201);
}

static void test_archived_apps_and_subscriptions_make_room(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id, *path;
    struct reply reply;

    set_quota(h, t, "apps", 1);
    set_quota(h, t, "subscriptions", 2);
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, "acme");
    reply = api_call(h, t->admin, "POST", "/v1/apps", "{\"name\": \"a\", \"partner\": \"acme\"}");
    assert_problem(h, reply, 409, "quota_exceeded", NULL);
    path = http_text(h->http, "/v1/apps/%s/subscriptions", app_id);
    (void)given_subscription(h, t, app_id, "/a", "order.paid");
    reply = api_call(h, t->admin, "DELETE",
                     http_text(h->http, "/v1/subscriptions/%s",
                               given_subscription(h, t, app_id, "/b", "order.paid").id),
                     NULL);
    assert_status(reply, 204);
    (void)given_subscription(h, t, app_id, "/c", "order.paid");
    reply = api_call(h, t->admin, "POST", path,
                     "{\"url\": \"https://example.com/\", \"event_types\": [\"order.paid\"]}");
    assert_problem(h, reply, 409, "quota_exceeded", NULL);
    assert_int_equal(used(h, t, "subscriptions"), 2);
    reply = api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/apps/%s", app_id), NULL);
    assert_status(reply, 204);
    assert_int_equal(used(h, t, "apps"), 0);
    assert_int_equal(used(h, t, "subscriptions"), 0);
    (void)given_app(h, t, "acme");
}

static void test_a_quota_holds_at_its_edge(void **state)
{
    enum { N = 24, QUOTA = 10 };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    unsigned n_of[600] = {0};
    int fds[N];

    set_quota(h, t, "companies", QUOTA);
    harness_start_other_api(h);
    for (unsigned i = 0; i < N; i++) {
        fds[i] = raw_start(h, t->admin, "POST", "/v1/companies",
                           http_text(h->http, "{\"external_id\": \"c%u\", \"name\": \"n\"}", i));
        harness_swap_apis(h);
    }
    for (unsigned i = 0; i < N; i++)
        n_of[raw_finish(h, fds[i]).status % 600]++;
    assert_int_equal(n_of[201], QUOTA);
    assert_int_equal(n_of[409], N - QUOTA);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.company"), QUOTA);
    assert_int_equal(used(h, t, "companies"), QUOTA);
}

static void test_a_day_has_so_many_events_on_all_processes(void **state)
{
    enum { N = 60, QUOTA = 40 };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int64_t n_stored = 0;
    struct reply reply;

    (void)given_story(h, t, "/a");
    set_quota(h, t, "events_per_day", QUOTA);
    harness_restart_api(h); /* callers are known for some seconds */
    harness_start_other_api(h);
    for (unsigned i = 0; i < N; i++) {
        reply = api_call(h, t->producer, "POST", "/v1/events", EVENT);
        harness_swap_apis(h);
        if (reply.status == 202)
            n_stored++;
        else
            assert_problem(h, reply, 429, "events_exceeded", NULL);
    }
    assert_int_equal(n_stored, QUOTA);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), QUOTA);
    assert_int_equal(used(h, t, "events_per_day"), QUOTA);
    assert_in_range(strtol(reply_header(h->http, &reply, "retry-after"), NULL, 10), 1, 86400);
}

static void test_a_batch_beyond_the_day_is_refused_as_a_whole(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/a");
    set_quota(h, t, "events_per_day", 2);
    harness_restart_api(h);
    reply = api_call(h, t->producer, "POST", "/v1/events",
                     "{\"events\": [" EVENT ", " EVENT ", " EVENT "]}");
    assert_problem(h, reply, 429, "events_exceeded", NULL);
    reply = api_call(h, t->producer, "POST", "/v1/events", "{\"events\": [" EVENT ", " EVENT "]}");
    assert_status(reply, 202);
    reply = api_call(h, t->producer, "POST", "/v1/events", EVENT);
    assert_problem(h, reply, 429, "events_exceeded", NULL);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 2);
}

static void test_the_next_day_begins_anew(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    (void)given_story(h, t, "/a");
    set_quota(h, t, "events_per_day", 1);
    (void)db_text(h,
                  "INSERT INTO hookline.quota_use (tenant_id, kind, used, day)"
                  " VALUES ('%s', 'events_per_day', 1, now()::date - 2)",
                  t->id);
    assert_int_equal(used(h, t, "events_per_day"), 0);
    harness_restart_api(h);
    reply = api_call(h, t->producer, "POST", "/v1/events", EVENT);
    assert_status(reply, 202);
    assert_int_equal(used(h, t, "events_per_day"), 1);
}

static const char *counted(struct harness *h, const struct tenant *t)
{
    return db_text(h,
                   "SELECT string_agg(kind || '=' || used, ' ' ORDER BY kind)"
                   "  FROM hookline.quota_use WHERE tenant_id = '%s'",
                   t->id);
}

static void test_counting_anew_says_the_same(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/a");
    assert_string_equal(counted(h, t), "apps=1 companies=1 subscriptions=1");
    (void)db_text(h,
                  "SET search_path = hookline; UPDATE quota_use SET used = 9;"
                  " SELECT quota_recount('%s')",
                  t->id);
    assert_string_equal(counted(h, t), "apps=1 companies=1 subscriptions=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_companies_are_counted_however_they_are_made),
        harness_test(test_archived_apps_and_subscriptions_make_room),
        harness_test(test_a_quota_holds_at_its_edge),
        harness_test(test_a_day_has_so_many_events_on_all_processes, .has_no_worker = true),
        harness_test(test_a_batch_beyond_the_day_is_refused_as_a_whole, .has_no_worker = true),
        harness_test(test_the_next_day_begins_anew, .has_no_worker = true),
        harness_test(test_counting_anew_says_the_same),
    };

    return cmocka_run_group_tests_name("quotas", tests, NULL, NULL);
}
