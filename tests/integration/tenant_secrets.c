/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that a tenant's subscriptions share (BK-06): generated, shown once, replaced, ended. */
#include <string.h>

#include "hk/sign.h"
#include "tests/support/check.h"

static const char *path_of(struct harness *h, const char *id)
{
    return http_text(h->http, "/v1/tenant/secrets/%s", id);
}

static struct reply generate(struct harness *h, const struct tenant *t, const char *body)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/tenant/secrets", body == NULL ? NULL : "%s", body);

    assert_status(reply, 201);
    return reply;
}

static void expect(struct harness *h, struct reply reply, int status, const char *slug,
                   const char *pointer)
{
    assert_problem(h, reply, status, slug, pointer);
}

static struct reply list(struct harness *h, const struct tenant *t)
{
    struct reply reply = api_call(h, t->admin, "GET", "/v1/tenant/secrets", NULL);

    assert_status(reply, 200);
    return reply;
}

static void test_a_secret_is_shown_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply made = generate(h, t, NULL), found;
    const char *secret = reply_text(&made, "secret");

    assert_true(hk_secret_is_valid(hk_str(secret)));
    assert_true(reply_is_null(&made, "expires_at"));
    found = api_call(h, t->admin, "GET", path_of(h, reply_text(&made, "id")), NULL);
    assert_status(found, 200);
    assert_string_equal(reply_text(&found, "id"), reply_text(&made, "id"));
    assert_null(strstr(found.body, "whsec_"));
    found = list(h, t);
    assert_int_equal(reply_count(&found, "data"), 1);
    assert_null(strstr(found.body, "whsec_"));
    assert_null(strstr(harness_logs(h), secret + strlen("whsec_")));
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM audit_log WHERE action = 'tenant_secret.created'"
                            " AND object_id = '%s' AND detail::text NOT LIKE '%%whsec%%'",
                            reply_text(&made, "id")),
                     1);
}

static void test_older_ones_live_on_for_the_overlap(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = generate(h, t, NULL), second = generate(h, t, "{\"overlap_s\": 60}");
    struct reply found = list(h, t);

    assert_int_equal(reply_count(&found, "data"), 2);
    assert_string_equal(reply_text(&found, "data.0.id"), reply_text(&second, "id"));
    assert_true(reply_is_null(&found, "data.0.expires_at"));
    assert_string_equal(reply_text(&found, "data.1.id"), reply_text(&first, "id"));
    assert_in_range(db_int(h,
                           "SELECT extract(epoch FROM expires_at - now())::integer"
                           "  FROM tenant_secret WHERE id = '%s'",
                           reply_text(&first, "id")),
                    50, 60);

    (void)generate(h, t, "{\"overlap_s\": 0}"); /* at once */
    found = list(h, t);
    assert_int_equal(reply_count(&found, "data"), 1);
    expect(h, api_call(h, t->admin, "GET", path_of(h, reply_text(&second, "id")), NULL), 404,
           "not_found", NULL);
}

static void test_at_most_ten_are_live(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply found;

    for (int i = 0; i < 10; i++)
        (void)generate(h, t, NULL);
    expect(h, api_call(h, t->admin, "POST", "/v1/tenant/secrets", NULL), 409, "conflict", "");
    found = list(h, t);
    assert_int_equal(reply_count(&found, "data"), 10);
    assert_true(reply_is_null(&found, "data.0.expires_at")); /* what was refused changed nothing */
    (void)generate(h, given_tenant(h), NULL);
}

static void test_one_can_be_ended_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply made = generate(h, t, NULL);

    path = path_of(h, reply_text(&made, "id"));
    assert_int_equal(api_call(h, t->admin, "DELETE", path, NULL).status, 204);
    expect(h, api_call(h, t->admin, "DELETE", path, NULL), 404, "not_found", NULL);
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE action = 'tenant_secret.deleted'"), 1);
}

static void test_only_a_tenant_admin_makes_them(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const keys[] = {t->partner, t->support, t->producer, t->receiver, h->operator_key};

    for (size_t i = 0; i < HK_COUNTOF(keys); i++)
        expect(h, api_call(h, keys[i], "POST", "/v1/tenant/secrets", NULL), 403, "forbidden", NULL);
    expect(h, api_call(h, t->admin, "POST", "/v1/tenant/secrets", "{\"overlap_s\": -1}"), 422,
           "invalid_body", "/overlap_s");
    expect(h, api_call(h, t->admin, "POST", "/v1/tenant/secrets", "{\"secret\": \"x\"}"), 422,
           "invalid_body", "/secret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_secret_is_shown_once),
        harness_test(test_older_ones_live_on_for_the_overlap),
        harness_test(test_at_most_ten_are_live),
        harness_test(test_one_can_be_ended_at_once),
        harness_test(test_only_a_tenant_admin_makes_them),
    };

    return cmocka_run_group_tests_name("tenant_secrets", tests, NULL, NULL);
}
