/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor goes on in the list that gave it out, on every process, and is good for nothing else. */
#include <stdio.h>
#include <string.h>

#include "hk/encode.h"
#include "tests/support/check.h"

/* A list of three companies or more, and what its first page's cursor is. */
static const char *cursor_of(struct harness *h, const char *key, const char *path)
{
    struct reply reply = api_call(h, key, "GET", path, NULL);

    assert_status(reply, 200);
    if (reply_is_null(&reply, "next_cursor"))
        fail_test("%s has one page only", path);
    return reply_text(&reply, "next_cursor");
}

static void expect_refused_cursor(struct harness *h, const char *key, const char *path,
                                  const char *cursor)
{
    const char *separator = strchr(path, '?') == NULL ? "?" : "&";
    struct reply reply =
        api_call(h, key, "GET", http_text(h->http, "%s%scursor=%s", path, separator, cursor), NULL);

    if (reply.status != 400)
        print_error("%s accepted %s\n", path, cursor);
    assert_problem(h, reply, 400, "bad_cursor", NULL);
}

static void expect_next_page(struct harness *h, const char *key, const char *path,
                             const char *cursor)
{
    const char *separator = strchr(path, '?') == NULL ? "?" : "&";
    struct reply reply =
        api_call(h, key, "GET", http_text(h->http, "%s%scursor=%s", path, separator, cursor), NULL);

    assert_status(reply, 200);
    assert_true(reply_count(&reply, "data") > 0);
}

struct world {
    struct tenant *t;
    const char *apps[2];
};

/* Three connections to each of two apps of "acme" and one of "other". */
static struct world given_world(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};
    const char *foreign;

    w.apps[0] = given_app(h, w.t, "acme");
    w.apps[1] = given_app(h, w.t, "acme");
    foreign = given_app(h, w.t, "other");
    for (unsigned i = 0; i < 3; i++) {
        const char *company = http_text(h->http, "c%u", i);

        (void)given_company(h, w.t, company);
        (void)given_connection(h, w.t, w.apps[0], company);
        (void)given_connection(h, w.t, w.apps[1], company);
        (void)given_connection(h, w.t, foreign, company);
    }
    return w;
}

static void test_a_cursor_of_another_filter_is_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *all = "/v1/connections?limit=1";
    const char *of_app = http_text(h->http, "%s&app_id=%s", all, w.apps[0]);
    const char *of_other_app = http_text(h->http, "%s&app_id=%s", all, w.apps[1]);
    const char *active = http_text(h->http, "%s&state=active", of_app);
    const char *cursor = cursor_of(h, w.t->admin, of_app);

    expect_next_page(h, w.t->admin, of_app, cursor);
    expect_refused_cursor(h, w.t->admin, all, cursor);
    expect_refused_cursor(h, w.t->admin, of_other_app, cursor);
    expect_refused_cursor(h, w.t->admin, active, cursor);
    expect_refused_cursor(h, w.t->admin, of_app, cursor_of(h, w.t->admin, all));
    expect_refused_cursor(h, w.t->admin, "/v1/companies", cursor);
}

static void test_the_limit_and_the_spelling_of_a_filter_may_change(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *cursor =
        cursor_of(h, w.t->admin,
                  http_text(h->http, "/v1/connections?limit=1&state=active&app_id=%s", w.apps[0]));

    expect_next_page(
        h, w.t->admin,
        http_text(h->http, "/v1/connections?app_id=%s&state=%%61ctive&limit=2", w.apps[0]), cursor);
}

static void test_a_cursor_of_another_tenant_partner_or_role_is_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    struct tenant *other = given_tenant(h);
    const char *path = "/v1/connections?limit=1";
    const char *stranger = given_key(h, w.t, "partner", "other");
    const char *of_admin = cursor_of(h, w.t->admin, path);
    const char *of_partner = cursor_of(h, w.t->partner, path);

    expect_refused_cursor(h, other->admin, path, of_admin);
    expect_refused_cursor(h, w.t->partner, path, of_admin);
    expect_refused_cursor(h, stranger, path, of_partner);
    expect_refused_cursor(h, w.t->admin, path, of_partner);
    expect_next_page(h, w.t->support, path, of_admin); /* who sees the same */
}

static void test_a_forged_or_cut_cursor_is_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *path = "/v1/companies?limit=1";
    const char *good = cursor_of(h, w.t->admin, path);
    uint8_t bytes[256];
    char forged[HK_B64_SIZE(sizeof(bytes))];
    size_t n;

    for (size_t cut = 1; cut < 4; cut++)
        expect_refused_cursor(h, w.t->admin, path,
                              http_text(h->http, "%.*s", (int)(strlen(good) - cut), good));
    expect_refused_cursor(h, w.t->admin, path, http_text(h->http, "%sA", good));
    assert_true(hk_b64url_decode(hk_str(good), bytes, sizeof(bytes), &n));
    for (size_t i = 0; i < n; i++) { /* the version, the MAC, the key */
        bytes[i] ^= 1;
        (void)hk_b64url_encode(bytes, n, forged);
        expect_refused_cursor(h, w.t->admin, path, forged);
        bytes[i] ^= 1;
    }
    /* The form of the first version: the tenant and the key. */
    assert_int_equal(n, 1 + 16 + 36);
    (void)hk_b64url_encode(bytes + 1, n - 1, forged);
    expect_refused_cursor(h, w.t->admin, path, forged);
    expect_refused_cursor(h, w.t->admin, path, "'%20OR%201=1--");
    expect_next_page(h, w.t->admin, path, good);
}

static void test_a_cursor_survives_a_restart(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);
    const char *path = "/v1/companies?limit=1";
    const char *cursor = cursor_of(h, w.t->admin, path);

    harness_restart_api(h);
    expect_next_page(h, w.t->admin, path, cursor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_cursor_of_another_filter_is_refused),
        harness_test(test_the_limit_and_the_spelling_of_a_filter_may_change),
        harness_test(test_a_cursor_of_another_tenant_partner_or_role_is_refused),
        harness_test(test_a_forged_or_cut_cursor_is_refused),
        harness_test(test_a_cursor_survives_a_restart),
    };

    return cmocka_run_group_tests_name("cursors", tests, NULL, NULL);
}
