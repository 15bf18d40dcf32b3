/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests a caller and its tenant get, on one process and on two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk/clock.h"
#include "tests/support/check.h"

static void limit_tenant(struct harness *h, const struct tenant *t, unsigned per_second,
                         unsigned burst)
{
    struct reply reply =
        api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id),
                 "{\"requests_per_second\": %u, \"requests_burst\": %u}", per_second, burst);

    assert_status(reply, 200);
    assert_int_equal(reply_int(&reply, "requests_per_second"), per_second);
    assert_int_equal(reply_int(&reply, "requests_burst"), burst);
}

static const char *given_limited_key(struct harness *h, const struct tenant *t, const char *role,
                                     unsigned per_second, unsigned burst)
{
    struct reply reply = api_call(h, t->admin, "POST", "/v1/keys",
                                  "{\"name\": \"k\", \"role\": \"%s\", \"requests_per_second\": %u,"
                                  " \"requests_burst\": %u}",
                                  role, per_second, burst);

    assert_status(reply, 201);
    assert_int_equal(reply_int(&reply, "requests_per_second"), per_second);
    return reply_text(&reply, "key");
}

static struct reply look(struct harness *h, const char *key)
{
    return api_call(h, key, "GET", "/v1/event_types?limit=1", NULL);
}

static void test_who_has_no_limit_sees_no_header(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = look(h, t->admin);

    assert_status(reply, 200);
    assert_null(reply_header(h->http, &reply, "ratelimit"));
    assert_null(reply_header(h->http, &reply, "ratelimit-policy"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.rate_bucket"), 0);
}

static void test_a_key_gets_its_burst_and_then_429(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_limited_key(h, t, "support", 1, 3);
    struct reply reply;
    const char *left;

    for (int i = 2; i >= 0; i--) {
        reply = look(h, key);
        assert_status(reply, 200);
        assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"),
                            "\"caller\";q=3;w=3");
        left = reply_header(h->http, &reply, "ratelimit");
        assert_int_equal(strncmp(left, http_text(h->http, "\"caller\";r=%d;t=", i), 13), 0);
    }
    reply = look(h, key);
    assert_problem(h, reply, 429, "rate_limited", NULL);
    assert_string_equal(reply_header(h->http, &reply, "retry-after"), "1");
    assert_string_equal(reply_header(h->http, &reply, "ratelimit"), "\"caller\";r=0;t=3");
    reply = look(h, t->support); /* another key of the tenant has nothing to do with it */
    assert_status(reply, 200);
}

struct retry {
    struct harness *h;
    const char *key;
};

static bool has_passed(void *arg)
{
    const struct retry *retry = arg;
    struct reply reply = look(retry->h, retry->key);

    return reply.status == 200;
}

static void test_after_retry_after_the_next_request_passes(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct retry retry = {h, given_limited_key(h, t, "support", 1, 1)};
    int64_t began_ms = hk_mono_ms();

    assert_true(has_passed(&retry));
    assert_false(has_passed(&retry));
    assert_true(wait_until(has_passed, &retry, 5000));
    assert_in_range(hk_mono_ms() - began_ms, 900, 3000);
}

static void test_the_tenant_s_limit_holds_for_all_its_keys_together(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *key = given_limited_key(h, t, "support", 1, 100);
    struct reply reply;

    limit_tenant(h, t, 1, 4);
    harness_restart_api(h); /* callers are known for some seconds */
    reply = look(h, key);
    assert_status(reply, 200);
    assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"),
                        "\"caller\";q=100;w=100, \"tenant\";q=4;w=4");
    reply = look(h, t->admin);
    assert_status(reply, 200);
    assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"), "\"tenant\";q=4;w=4");
    for (unsigned i = 0; i < 5; i++)
        reply = look(h, i % 2 == 0 ? t->admin : key);
    assert_problem(h, reply, 429, "rate_limited", NULL);
    reply = look(h, other->admin);
    assert_status(reply, 200);
    reply = look(h, h->operator_key); /* 403, but not 429 */
    assert_status(reply, 403);
}

static void test_defaults_come_from_the_settings(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = look(h, t->admin);
    const char *free_key = given_limited_key(h, t, "support", 0, 1);

    assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"),
                        "\"caller\";q=1000;w=1, \"tenant\";q=2000;w=1");
    reply = look(h, free_key); /* 0 is no limit */
    assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"), "\"tenant\";q=2000;w=1");
    reply = api_call(h, h->operator_key, "GET", "/v1/tenants", NULL);
    assert_null(reply_header(h->http, &reply, "ratelimit-policy"));
}

/* Asks both processes in turn for as long as that; how many requests were granted. */
static int64_t flood(struct harness *h, const char *key, int64_t for_ms, const char *method,
                     const char *path, const char *body)
{
    int64_t until_ms = hk_mono_ms() + for_ms, n_granted = 0;

    while (hk_mono_ms() < until_ms) {
        struct reply reply = api_call(h, key, method, path, body == NULL ? NULL : "%s", body);

        harness_swap_apis(h);
        if (reply.status == 429)
            assert_non_null(reply_header(h->http, &reply, "retry-after"));
        else if (reply.status != 200 && reply.status != 202)
            fail_test("%d: %s", reply.status, reply.body);
        else
            n_granted++;
    }
    return n_granted;
}

static void test_two_processes_keep_one_limit_together(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_limited_key(h, t, "support", 50, 50);
    int64_t n_granted;

    harness_start_other_api(h);
    n_granted = flood(h, key, 4000, "GET", "/v1/event_types?limit=1", NULL);
    assert_in_range(n_granted, (50 + 4 * 50) * 9 / 10, (50 + 4 * 50) * 11 / 10);
}

static void test_publishing_counts_as_well(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_limited_key(h, t, "producer", 20, 20);
    int64_t n_granted;

    (void)given_story(h, t, "/a");
    harness_start_other_api(h);
    n_granted = flood(h, key, 3000, "POST", "/v1/events",
                      "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": 1}");
    assert_in_range(n_granted, (20 + 3 * 20) * 9 / 10, (20 + 3 * 20) * 11 / 10);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), n_granted);
}

/* Many at once on a bucket that nobody knows yet: they wait for one lease, none is refused. */
static void test_requests_at_once_wait_for_one_lease(void **state)
{
    enum { N = 20 };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *key = given_limited_key(h, t, "support", 1, N);
    unsigned n_of[600] = {0};
    int fds[N + 5];

    for (unsigned i = 0; i < N + 5; i++)
        fds[i] = raw_start(h, key, "GET", "/v1/event_types", NULL);
    raw_abandon(fds[N + 4]);
    for (unsigned i = 0; i < N + 4; i++)
        n_of[raw_finish(h, fds[i]).status % 600]++;
    assert_in_range(n_of[200], N - 1, N + 1);
    assert_int_equal(n_of[200] + n_of[429], N + 4);
}

static void test_limits_are_checked(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *request = http_text(h->http, "PATCH /v1/tenants/%s", t->id);

    expect_refused(h, h->operator_key, request, HK_STR("{\"requests_per_second\": -1}"), 422,
                   "invalid_body", "/requests_per_second");
    expect_refused(h, h->operator_key, request, HK_STR("{\"requests_burst\": 0}"), 422,
                   "invalid_body", "/requests_burst");
    expect_refused(h, t->admin, "POST /v1/keys",
                   HK_STR("{\"name\": \"k\", \"role\": \"admin\", \"requests_burst\": \"1\"}"), 422,
                   "invalid_body", "/requests_burst");
}

/* A merge patch: absent is unchanged, null is the default again. */
static void test_a_tenant_s_limits_are_patched_one_by_one(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/v1/tenants/%s", t->id);
    struct reply reply;

    limit_tenant(h, t, 5, 6);
    reply = api_call(h, h->operator_key, "PATCH", path, "{\"quotas\": {\"apps\": 3}}");
    assert_int_equal(reply_int(&reply, "requests_per_second"), 5);
    reply = api_call(h, h->operator_key, "PATCH", path, "{\"requests_burst\": null}");
    assert_int_equal(reply_int(&reply, "requests_per_second"), 5);
    assert_true(reply_is_null(&reply, "requests_burst"));
    assert_int_equal(reply_int(&reply, "quotas.apps"), 3);
    assert_true(reply_is_null(&reply, "quotas.companies"));
    reply = api_call(h, h->operator_key, "GET", http_text(h->http, "%s/quotas", path), NULL);
    assert_members(reply, "", "apps,companies,subscriptions,events_per_day");
    assert_int_equal(reply_int(&reply, "apps.limit"), 3);
    reply = api_call(h, t->support, "GET", "/v1/tenant/quotas", NULL);
    assert_int_equal(reply_int(&reply, "companies.limit"), 1000000);
    assert_true(reply_is_null(&reply, "events_per_day.limit"));
}

static void test_a_key_s_limits_are_patched_one_by_one(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *key = given_limited_key(h, t, "support", 1, 1), *path, *tag;
    struct reply reply = api_call(h, t->admin, "GET", "/v1/keys?limit=1", NULL);

    path = http_text(h->http, "/v1/keys/%s", reply_text(&reply, "data.0.id"));
    reply = api_call(h, t->admin, "GET", path, NULL);
    tag = http_text(h->http, "If-Match: %s", reply_header(h->http, &reply, "etag"));
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"requests_burst\": 50}"),
                     (const char *const[]){tag, NULL});
    assert_int_equal(reply_int(&reply, "requests_per_second"), 1);
    assert_int_equal(reply_int(&reply, "requests_burst"), 50);
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"requests_burst\": 60}"),
                     (const char *const[]){tag, NULL});
    assert_problem(h, reply, 412, "precondition_failed", NULL);
    reply = look(h, key);
    assert_string_equal(reply_header(h->http, &reply, "ratelimit-policy"), "\"caller\";q=50;w=50");

    reply = api_call(h, t->admin, "PATCH", path,
                     "{\"requests_per_second\": null, \"requests_burst\": null}");
    assert_true(reply_is_null(&reply, "requests_per_second"));
    assert_true(reply_is_null(&reply, "requests_burst"));
    harness_restart_api(h); /* callers are known for some seconds */
    reply = look(h, key);
    assert_null(reply_header(h->http, &reply, "ratelimit-policy"));
    expect_refused(h, t->admin, http_text(h->http, "PATCH %s", path),
                   HK_STR("{\"requests_per_second\": -1}"), 422, "invalid_body",
                   "/requests_per_second");
    reply = api_call(h, other->admin, "PATCH", path, "{\"requests_per_second\": 1}");
    assert_problem(h, reply, 404, "not_found", NULL);
}

#define DEFAULTS                                                                                   \
    (const char *const[])                                                                          \
    {                                                                                              \
        "HOOKLINE_API_KEY_REQUESTS_PER_SECOND=1000",                                               \
            "HOOKLINE_API_TENANT_REQUESTS_PER_SECOND=2000", NULL                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_who_has_no_limit_sees_no_header),
        harness_test(test_a_key_gets_its_burst_and_then_429),
        harness_test(test_after_retry_after_the_next_request_passes),
        harness_test(test_the_tenant_s_limit_holds_for_all_its_keys_together),
        harness_test(test_defaults_come_from_the_settings, .env = DEFAULTS),
        harness_test(test_two_processes_keep_one_limit_together),
        harness_test(test_publishing_counts_as_well, .has_no_worker = true),
        harness_test(test_requests_at_once_wait_for_one_lease),
        harness_test(test_limits_are_checked),
        harness_test(test_a_tenant_s_limits_are_patched_one_by_one),
        harness_test(test_a_key_s_limits_are_patched_one_by_one),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
