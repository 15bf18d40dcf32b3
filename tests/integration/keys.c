/* SPDX-License-Identifier: Apache-2.0 */
/* API keys as callers feel them: garbled, revoked, expired ones are all the same 401. */
#include <string.h>

#include "tests/support/check.h"

enum { REVOKED_WITHIN_MS = 5000 };

static int status_of(struct harness *h, const char *key, const char *path)
{
    return api_call(h, key, "GET", path, NULL).status;
}

static void test_a_garbled_key_is_401(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *other = given_tenant(h)->admin;
    const char *const keys[] = {
        "x",
        "hk_",
        http_text(h->http, "%.*s", (int)strlen(t->admin) - 1, t->admin),
        http_text(h->http, "%sx", t->admin),
        http_text(h->http, "%s ", t->admin + 1),
        http_text(h->http, "%.30s%c%s", t->admin, t->admin[30] == 'a' ? 'b' : 'a', t->admin + 31),
        http_text(h->http, "%.26s%s", other, t->admin + 26), /* the tenant of another key */
        http_text(h->http, "%s%s", t->admin, t->admin),
        "hk_0000000000000000000000_000000000000000000000000000000000000",
    };

    assert_int_equal(status_of(h, t->admin, "/v1/apps"), 200);
    for (size_t i = 0; i < HK_COUNTOF(keys); i++) {
        struct reply reply = api_call(h, keys[i], "GET", "/v1/apps", NULL);

        assert_problem(h, reply, 401, "unauthenticated", NULL);
        assert_memory_equal(reply_header(h->http, &reply, "www-authenticate"), "Bearer", 6);
    }
}

static void test_two_authorization_headers_are_no_way_in(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const headers[] = {"Authorization: Bearer x",
                                   http_text(h->http, "Authorization: Bearer %s", t->admin), NULL};
    struct reply reply = api_send(h, NULL, "GET", "/v1/apps", HK_STR_NULL, headers);

    assert_problem(h, reply, 401, "unauthenticated", NULL);
}

struct awaited {
    struct harness *h;
    const char *key, *path;
};

static bool is_refused(void *arg)
{
    struct awaited *awaited = arg;

    return status_of(awaited->h, awaited->key, awaited->path) == 401;
}

/* Twenty connections are spread over both threads. */
static bool is_refused_by_both_threads(void *arg)
{
    struct awaited *awaited = arg;
    int n_refused = 0;

    for (int i = 0; i < 20; i++) {
        int fd = raw_start(awaited->h, awaited->key, "GET", awaited->path, NULL);

        n_refused += raw_finish(awaited->h, fd).status == 401;
    }
    return n_refused == 20;
}

static const char *key_id(struct harness *h, const struct tenant *t)
{
    struct reply reply = api_call(h, t->admin, "GET", "/v1/keys?limit=1", NULL);

    assert_status(reply, 200);
    return reply_text(&reply, "data.0.id"); /* the newest */
}

/* The key is in use all the time: it is in the cache of both threads. */
static void test_a_revoked_key_ends_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct awaited awaited = {h, given_key(h, t, "support", NULL), "/v1/apps"};
    const char *path = http_text(h->http, "/v1/keys/%s", key_id(h, t));
    struct reply reply;

    assert_int_equal(status_of(h, awaited.key, "/v1/apps"), 200);
    assert_false(is_refused_by_both_threads(&awaited));
    reply = api_call(h, t->admin, "DELETE", path, NULL);
    assert_status(reply, 204);
    assert_true(wait_until(is_refused_by_both_threads, &awaited, REVOKED_WITHIN_MS));
}

static void test_an_expired_key_ends_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct awaited awaited = {.h = h, .path = "/v1/apps"};
    struct reply reply;

    reply = api_call(h, t->admin, "POST", "/v1/keys",
                     "{\"name\": \"short\", \"role\": \"support\", \"expires_at\": \"%s\"}",
                     db_text(h, "SELECT to_char((now() + interval '2 s') AT TIME ZONE 'UTC',"
                                "               'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"));
    assert_status(reply, 201);
    awaited.key = reply_text(&reply, "key");
    assert_int_equal(status_of(h, awaited.key, "/v1/apps"), 200);
    assert_true(wait_until(is_refused, &awaited, 2000 + REVOKED_WITHIN_MS));
}

static void test_a_suspended_tenants_keys_end_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct awaited awaited = {h, t->support, "/v1/apps"};
    struct reply reply;

    assert_int_equal(status_of(h, t->support, "/v1/apps"), 200);
    reply = api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id),
                     "{\"state\": \"suspended\"}");
    assert_status(reply, 200);
    assert_true(wait_until(is_refused, &awaited, REVOKED_WITHIN_MS));
}

static void test_a_key_revoked_on_one_process_ends_on_another_within_5_seconds(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct awaited awaited = {h, given_key(h, t, "support", NULL), "/v1/apps"};
    const char *path = http_text(h->http, "/v1/keys/%s", key_id(h, t));
    struct reply reply;

    harness_start_other_api(h);
    harness_swap_apis(h);
    assert_int_equal(status_of(h, awaited.key, "/v1/apps"), 200); /* in its cache */
    harness_swap_apis(h);
    reply = api_call(h, t->admin, "DELETE", path, NULL);
    assert_status(reply, 204);
    harness_swap_apis(h);
    assert_true(wait_until(is_refused, &awaited, REVOKED_WITHIN_MS));
}

static void test_a_tenant_has_at_most_1000_good_keys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char body[] = "{\"name\": \"x\", \"role\": \"support\"}";
    struct reply reply;

    (void)db_text(h,
                  "INSERT INTO hookline.api_key (tenant_id, name, role, key_sha256, hint)"
                  " SELECT '%s', 'x', 'support', sha256(n::text::bytea), 'xxxx'"
                  "   FROM generate_series(1, 999 - (SELECT count(*) FROM hookline.api_key"
                  "                                   WHERE tenant_id = '%s')) n",
                  t->id, t->id);
    reply = api_call(h, t->admin, "POST", "/v1/keys", "%s", body);
    assert_status(reply, 201);
    reply = api_call(h, t->admin, "POST", "/v1/keys", "%s", body);
    assert_problem(h, reply, 409, "conflict", "");
    reply = api_call(h, t->admin, "DELETE", http_text(h->http, "/v1/keys/%s", key_id(h, t)), NULL);
    assert_status(reply, 204);
    reply = api_call(h, t->admin, "POST", "/v1/keys", "%s", body);
    assert_status(reply, 201);
}

static void test_a_key_is_stored_as_its_hash_only(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.api_key"
                            " WHERE key_sha256 = sha256('%s'::bytea)",
                            t->admin),
                     1);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.api_key k"
                            " WHERE strpos(k::text, '%s') > 0",
                            t->admin + 26),
                     0);
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.audit_log a"
                            " WHERE strpos(a::text, '%s') > 0",
                            t->admin + 26),
                     0);
    assert_null(strstr(harness_logs(h), t->admin + 26));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_garbled_key_is_401, .has_no_worker = true),
        harness_test(test_two_authorization_headers_are_no_way_in, .has_no_worker = true),
        harness_test(test_a_revoked_key_ends_within_5_seconds, .has_no_worker = true,
                     .env = (const char *const[]){"HOOKLINE_API_THREADS=2", NULL}),
        harness_test(test_a_key_revoked_on_one_process_ends_on_another_within_5_seconds,
                     .has_no_worker = true),
        harness_test(test_a_tenant_has_at_most_1000_good_keys, .has_no_worker = true),
        harness_test(test_an_expired_key_ends_within_5_seconds, .has_no_worker = true),
        harness_test(test_a_suspended_tenants_keys_end_within_5_seconds, .has_no_worker = true),
        harness_test(test_a_key_is_stored_as_its_hash_only, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
