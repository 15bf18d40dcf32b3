/* SPDX-License-Identifier: Apache-2.0 */
/* A POST with an Idempotency-Key is done once, whoever is asked to repeat it. */
#include <string.h>

#include "tests/support/check.h"

#define COMPANY "{\"external_id\": \"c1\", \"name\": \"One\"}"

static struct reply post_at(struct harness *h, const char *base, const char *key, const char *path,
                            const char *idempotency_key, const char *body)
{
    const char *const headers[] = {http_text(h->http, "Idempotency-Key: %s", idempotency_key),
                                   NULL};

    return http_call(h->http, "POST", base, path, key, hk_str(body), headers);
}

static struct reply post(struct harness *h, const char *key, const char *path,
                         const char *idempotency_key, const char *body)
{
    return post_at(h, h->api_url, key, path, idempotency_key, body);
}

/* The very same answer, marked as one. */
static void assert_replay(struct harness *h, const struct reply *first, const struct reply *second)
{
    const char *location = reply_header(h->http, first, "location");

    assert_int_equal(second->status, first->status);
    assert_string_equal(second->body, first->body);
    assert_string_equal(reply_header(h->http, second, "idempotency-replayed"), "true");
    assert_null(reply_header(h->http, first, "idempotency-replayed"));
    assert_string_equal(reply_header(h->http, second, "content-type"),
                        reply_header(h->http, first, "content-type"));
    if (location != NULL)
        assert_string_equal(reply_header(h->http, second, "location"), location);
    assert_string_not_equal(reply_header(h->http, first, "x-request-id"),
                            reply_header(h->http, second, "x-request-id"));
}

static int64_t count(struct harness *h, const char *table)
{
    return db_int(h, "SELECT count(*) FROM hookline.%s", table);
}

static void test_a_repeated_post_gets_the_first_reply(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = post(h, t->admin, "/v1/companies", "k1", COMPANY), second;
    const char *rows;

    assert_status(first, 201);
    assert_non_null(reply_header(h->http, &first, "location"));
    rows = db_all_rows(h);
    second = post(h, t->admin, "/v1/companies", "k1", COMPANY);
    assert_replay(h, &first, &second);
    second = post(h, t->admin, "/v1/companies", "\"k1\"", COMPANY);
    assert_replay(h, &first, &second);
    harness_start_other_api(h);
    second = post_at(h, h->other_api_url, t->admin, "/v1/companies", "k1", COMPANY);
    assert_replay(h, &first, &second);
    harness_kill_api(h);
    harness_restart_api(h);
    second = post(h, t->admin, "/v1/companies", "k1", COMPANY);
    assert_replay(h, &first, &second);
    assert_string_equal(db_all_rows(h), rows);
}

static void test_without_the_key_each_post_is_one(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);

    assert_status(reply, 201);
    reply = api_call(h, t->admin, "POST", "/v1/companies", COMPANY);
    assert_problem(h, reply, 409, "conflict", "/external_id");
    reply = post(h, t->admin, "/v1/companies", "k2", COMPANY);
    assert_problem(h, reply, 409, "conflict", "/external_id");
}

static void test_another_request_with_the_key_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);

    assert_status(reply, 201);
    reply =
        post(h, t->admin, "/v1/companies", "k1", "{\"external_id\": \"c1\",  \"name\": \"One\"}");
    assert_problem(h, reply, 422, "idempotency_mismatch", NULL);
    reply = post(h, t->admin, "/v1/companies", "k1", "{\"external_id\": \"c2\", \"name\": \"x\"}");
    assert_problem(h, reply, 422, "idempotency_mismatch", NULL);
    assert_int_equal(count(h, "company"), 1);
}

/* The same text is another key on another path, of another caller, of another tenant. */
static void test_a_key_belongs_to_its_caller_and_path(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    const char *second_admin = given_key(h, t, "admin", NULL);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", COMPANY), repeated;

    assert_status(reply, 201);
    reply = post(h, t->admin, "/v1/event_types", "k1", "{\"name\": \"a.b\"}");
    assert_status(reply, 201);
    repeated = post(h, t->admin, "/v1/event_types", "k1", "{\"name\": \"a.b\"}");
    assert_replay(h, &reply, &repeated);
    reply = post(h, second_admin, "/v1/companies", "k1", COMPANY);
    assert_problem(h, reply, 409, "conflict", "/external_id"); /* judged afresh */
    reply = post(h, other->admin, "/v1/companies", "k1", COMPANY);
    assert_status(reply, 201);
    assert_null(reply_header(h->http, &reply, "idempotency-replayed"));
    assert_int_equal(count(h, "company"), 2);
}

static void test_a_refused_request_leaves_its_key_free(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", "{\"name\": \"One\"}");

    assert_problem(h, reply, 422, "invalid_body", NULL);
    reply = post(h, t->partner, "/v1/apps/00000000-0000-0000-0000-000000000001/subscriptions", "k1",
                 "{\"url\": \"https://example.com\", \"event_types\": [\"a\"]}");
    assert_problem(h, reply, 404, "not_found", NULL); /* by its statement */
    assert_int_equal(count(h, "idempotency_key"), 0);
    reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);
    assert_status(reply, 201);
    assert_null(reply_header(h->http, &reply, "idempotency-replayed"));
}

static void test_a_key_that_is_none_is_refused(void **state)
{
    static const char *const headers[][3] = {
        {"Idempotency-Key: a b", NULL},  {"Idempotency-Key: \"a", NULL},
        {"Idempotency-Key: \"\"", NULL}, {"Idempotency-Key: a", "Idempotency-Key: a", NULL},
        {"Idempotency-Key;", NULL}, /* empty */
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(headers); i++) {
        struct reply reply =
            api_send(h, t->admin, "POST", "/v1/companies", HK_STR(COMPANY), headers[i]);

        assert_problem(h, reply, 400, "invalid_idempotency_key", NULL);
    }
    assert_int_equal(count(h, "company"), 0);
}

static void test_other_methods_do_not_look_at_it(void **state)
{
    static const char *const headers[] = {"Idempotency-Key: \"a", NULL};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = http_text(h->http, "/v1/companies/%s", given_company(h, t, "c1"));
    struct reply reply = api_send(h, t->admin, "GET", path, HK_STR_NULL, headers);

    assert_status(reply, 200);
    reply = api_send(h, t->admin, "PATCH", path, HK_STR("{\"name\": \"x\"}"), headers);
    assert_status(reply, 200);
    assert_int_equal(count(h, "idempotency_key"), 0);
}

static void test_an_action_without_a_body_is_repeated_too(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription subscription = given_story(h, t, "/hook");
    const char *path = http_text(h->http, "/v1/subscriptions/%s", subscription.id);
    struct reply first = post(h, t->partner, http_text(h->http, "%s/pause", path), "k1", NULL);
    struct reply second;

    assert_status(first, 200);
    assert_string_equal(reply_text(&first, "state"), "paused");
    second = api_call(h, t->partner, "POST", http_text(h->http, "%s/resume", path), NULL);
    assert_status(second, 200);
    second = post(h, t->partner, http_text(h->http, "%s/pause", path), "k1", NULL);
    assert_replay(h, &first, &second);
    second = api_call(h, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&second, "state"), "active"); /* the action was not */
}

/* The installation's operators act for a tenant that each request makes anew. */
static void test_a_tenant_is_made_once(void **state)
{
    struct harness *h = *state;
    struct reply first = post(h, h->operator_key, "/v1/tenants", "k1", "{\"name\": \"T\"}"), second;
    int64_t n_tenants = count(h, "tenant");

    assert_status(first, 201);
    assert_non_null(reply_text(&first, "admin_key"));
    second = post(h, h->operator_key, "/v1/tenants", "k1", "{\"name\": \"T\"}");
    assert_replay(h, &first, &second);
    assert_int_equal(count(h, "tenant"), n_tenants);
}

static void test_neither_key_nor_secret_is_in_the_database(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    const char *path = http_text(h->http, "/v1/apps/%s/subscriptions", app_id);
    const char *body = "{\"url\": \"https://example.com/\", \"event_types\": [\"order.paid\"]}";
    struct reply first, second;

    given_event_type(h, t, "order.paid");
    first = post(h, t->partner, path, "secret-key", body);
    assert_status(first, 201);
    assert_memory_equal(reply_text(&first, "secret"), "whsec_", 6);
    second = post(h, t->partner, path, "secret-key", body);
    assert_replay(h, &first, &second);
    assert_int_equal(count(h, "idempotency_key"), 1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.idempotency_key k"
                               " WHERE length(k.reply) < 100 OR k::text LIKE '%%'"
                               "    || encode('whsec_', 'hex') || '%%'"
                               "    OR k::text LIKE '%%' || encode('secret-key', 'hex') || '%%'"),
                     0);
}

static void test_after_a_day_the_key_is_free(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);

    assert_status(reply, 201);
    (void)db_text(h, "UPDATE hookline.idempotency_key SET created_at = now() - interval '23 h'");
    reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);
    assert_string_equal(reply_header(h->http, &reply, "idempotency-replayed"), "true");
    (void)db_text(h, "UPDATE hookline.idempotency_key SET created_at = now() - interval '25 h'");
    reply = post(h, t->admin, "/v1/companies", "k1", "{\"external_id\": \"c2\", \"name\": \"x\"}");
    assert_status(reply, 201);
    assert_null(reply_header(h->http, &reply, "idempotency-replayed"));
    assert_int_equal(count(h, "idempotency_key"), 1);
    assert_int_equal(count(h, "company"), 2);
}

static bool has_no_key_left(void *arg)
{
    return count(arg, "idempotency_key") == 0;
}

static void test_a_worker_removes_old_keys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = post(h, t->admin, "/v1/companies", "k1", COMPANY);

    assert_status(reply, 201);
    (void)db_text(h, "UPDATE hookline.idempotency_key SET created_at = now() - interval '25 h'");
    (void)db_text(h, "INSERT INTO hookline.idempotency_key (tenant_id, id, fingerprint, created_at)"
                     " SELECT tenant_id, sha256(n::text::bytea), fingerprint, created_at"
                     "   FROM hookline.idempotency_key, generate_series(1, 2500) n");
    (void)harness_start_worker(h);
    assert_true(wait_until(has_no_key_left, h, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_repeated_post_gets_the_first_reply),
        harness_test(test_without_the_key_each_post_is_one),
        harness_test(test_another_request_with_the_key_is_refused),
        harness_test(test_a_key_belongs_to_its_caller_and_path),
        harness_test(test_a_refused_request_leaves_its_key_free),
        harness_test(test_a_key_that_is_none_is_refused),
        harness_test(test_other_methods_do_not_look_at_it),
        harness_test(test_an_action_without_a_body_is_repeated_too),
        harness_test(test_a_tenant_is_made_once),
        harness_test(test_neither_key_nor_secret_is_in_the_database),
        harness_test(test_after_a_day_the_key_is_free),
        harness_test(test_a_worker_removes_old_keys, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
