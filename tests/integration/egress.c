/* SPDX-License-Identifier: Apache-2.0 */
/* Standards 3.1: what a tenant may reach is its operator's to say, and no connection crosses it. */
#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

#define LOOPBACK "[\"127.0.0.0/8\"]"

/* The operator's change of a tenant. */
static struct reply patch_tenant(struct harness *h, const struct tenant *t, const char *body)
{
    return api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id), "%s",
                    body);
}

static struct reply set_tenant(struct harness *h, const struct tenant *t, const char *body)
{
    struct reply reply = patch_tenant(h, t, body);

    assert_status(reply, 200);
    return reply;
}

static void allow_loopback(struct harness *h, const struct tenant *t)
{
    struct reply reply = set_tenant(h, t, "{\"allowed_networks\": " LOOPBACK "}");

    assert_string_equal(reply_text(&reply, "allowed_networks.0"), "127.0.0.0/8");
}

/* How the first attempt on one more event ends. */
static struct reply attempt_one(struct harness *h, const struct tenant *t)
{
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);

    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void expect(struct harness *h, const struct tenant *t, const char *outcome)
{
    struct reply attempt = attempt_one(h, t);

    assert_string_equal(reply_text(&attempt, "outcome"), outcome);
}

/* ---- pools ---- */

static void test_a_kept_alive_connection_of_another_policy_is_never_used(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct reply attempt;

    allow_loopback(h, t);
    (void)given_story(h, t, "/hook"); /* the same host and port for both */
    (void)given_story(h, other, "/hook");
    for (unsigned i = 0; i < 3; i++) {
        expect(h, t, "succeeded");
        expect(h, other, "blocked_address");
    }
    assert_int_equal(sinker_count(h, "/hook"), 3);
    attempt = attempt_one(h, t);
    assert_true(reply_is_null(&attempt, "connect_us")); /* it was kept alive all the time */
}

static void test_a_list_that_is_taken_away_ends_its_connections_use(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    allow_loopback(h, t);
    (void)given_story(h, t, "/hook");
    expect(h, t, "succeeded");
    (void)set_tenant(h, t, "{\"allowed_networks\": [\"10.0.0.0/8\"]}");
    expect(h, t, "blocked_address");
    (void)set_tenant(h, t, "{\"allowed_networks\": null}");
    expect(h, t, "blocked_address");
    allow_loopback(h, t);
    expect(h, t, "succeeded");
    assert_int_equal(sinker_count(h, "/hook"), 2);
}

static void test_test_messages_go_by_the_same_list(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    struct tenant *both[] = {t, other};

    allow_loopback(h, t);
    for (unsigned i = 0; i < 4; i++) {
        const char *outcome = i % 2 == 0 ? "succeeded" : "blocked_address";
        struct reply reply;

        if (i < 2)
            assert_int_equal(api_call(h, both[i % 2]->admin, "POST", "/v1/event_types",
                                      "{\"name\": \"order.paid\", \"sample\": {}}")
                                 .status,
                             201);
        reply =
            api_call(h, both[i % 2]->admin, "POST", "/v1/test-messages",
                     "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]}", sinker_url(h, "/t"));
        assert_status(reply, 200);
        assert_string_equal(reply_text(&reply, "messages.0.outcome"), outcome);
    }
    assert_int_equal(sinker_count(h, "/t"), 2);
}

/* ---- who may set it ---- */

static void test_only_the_operator_sets_allowed_networks(void **state)
{
    static const struct {
        const char *body, *pointer;
    } bad[] = {
        {"{\"allowed_networks\": [\"10.0.0.1\"]}", "/allowed_networks/0"},
        {"{\"allowed_networks\": [\"10.0.0.0/8\", \"10.0.0.0/33\"]}", "/allowed_networks/1"},
        {"{\"allowed_networks\": [\"10.0.0.0/8,fd00::/8\"]}", "/allowed_networks/0"},
        {"{\"allowed_networks\": [\"\"]}", "/allowed_networks/0"},
        {"{\"allowed_networks\": \"10.0.0.0/8\"}", "/allowed_networks"},
        {"{\"allowed_networks\": [\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\","
         "\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\","
         "\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\",\"1.0.0.0/8\","
         "\"1.0.0.0/8\"]}",
         "/allowed_networks"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->admin, "GET", "/v1/tenant", NULL);

    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "allowed_networks"), 0);
    reply =
        api_call(h, t->admin, "PATCH", "/v1/tenant", "{\"allowed_networks\": [\"10.0.0.0/8\"]}");
    assert_problem(h, reply, 422, "invalid_body", "/allowed_networks");
    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        reply = patch_tenant(h, t, bad[i].body);
        assert_problem(h, reply, 422, "invalid_body", bad[i].pointer);
    }
    (void)set_tenant(h, t, "{\"allowed_networks\": [\"10.0.0.0/8\", \"fd00::/8\"]}");
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM audit_log WHERE tenant_id = '%s'"
                            " AND action = 'tenant.changed' AND detail::text LIKE '%%fd00%%'",
                            t->id),
                     1);
    reply = set_tenant(h, t, "{}");
    assert_int_equal(reply_count(&reply, "allowed_networks"), 2);
    reply = set_tenant(h, t, "{\"allowed_networks\": []}");
    assert_int_equal(reply_count(&reply, "allowed_networks"), 0);
}

static int subscribe(struct harness *h, const struct tenant *t, const char *app_id, const char *url)
{
    return api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                    "{\"url\": \"%s\", \"event_types\": [\"*\"]}", url)
        .status;
}

static void test_an_allowed_address_may_stand_in_an_https_url(void **state)
{
    static const struct {
        const char *url;
        int status, status_with_list;
    } cases[] = {
        {"https://10.1.2.3/hook", 422, 201},
        {"HTTPS://10.1.2.3:8443", 422, 201},
        {"https://[fd00::7]:8443/x", 422, 201},
        {"https://[fd00::7]?a=b", 422, 201},
        {"https://10.2.2.3/hook", 422, 422},
        {"http://10.1.2.3/hook", 422, 422},
        {"https://[fe00::7]/x", 422, 422},
        {"https://localhost/", 422, 422},
        {"https://10.1.2.3:22/hook", 422, 422},
        {"https://169.254.169.254/", 422, 422},
        {"https://host.internal/10.1.2.3", 422, 422},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");

    (void)set_tenant(h, t, "{\"allow_http\": false}");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_int_equal(subscribe(h, t, app_id, cases[i].url), cases[i].status);
    (void)set_tenant(h, t, "{\"allowed_networks\": [\"10.1.0.0/16\", \"fd00::/8\"]}");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        if (subscribe(h, t, app_id, cases[i].url) != cases[i].status_with_list)
            fail_test("%s", cases[i].url);
    }
}

/* ---- at send ---- */

/* Rows that today's rules would not let in, as an older version or a hand may have left them. */
static void test_a_url_that_would_be_refused_today_is_not_called(void **state)
{
    static const struct {
        const char *change, *words;
    } cases[] = {
        {"allows_http = false", "http"},
        {"url = 'http://127.0.0.1:22/'", "port"},
        {"url = 'http://user:pw@127.0.0.1:8080/'", "credentials"},
        {"url = 'gopher://127.0.0.1:8080/'", "https"},
        {"url = 'http://0x7f.1/'", "host"},
        {"url = 'http://metadata.google.internal/'", "local"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_story(h, t, "/hook");
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct reply attempt;

        (void)db_text(h, "UPDATE subscription SET %s", cases[i].change);
        attempt = attempt_one(h, t);
        assert_string_equal(reply_text(&attempt, "outcome"), "blocked_address");
        assert_non_null(strstr(reply_text(&attempt, "error"), cases[i].words));
        assert_true(reply_is_null(&attempt, "remote_address"));
        (void)db_text(h, "UPDATE subscription SET allows_http = true");
    }
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void test_a_new_subscription_goes_by_its_tenants_settings(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    allow_loopback(h, t);
    (void)given_story(h, t, "/hook"); /* made behind the change */
    expect(h, t, "succeeded");
    (void)set_tenant(h, t, "{\"allow_http\": false}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription WHERE allows_http"), 0);
    (void)set_tenant(h, t, "{\"allow_http\": true}");
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription WHERE allows_http"), 1);
}

static const char *const nothing_allowed[] = {
    "HOOKLINE_WORKER_ALLOWED_NETWORKS=", "HOOKLINE_API_ALLOWED_NETWORKS=", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_kept_alive_connection_of_another_policy_is_never_used,
                     .env = nothing_allowed),
        harness_test(test_a_list_that_is_taken_away_ends_its_connections_use,
                     .env = nothing_allowed),
        harness_test(test_test_messages_go_by_the_same_list, .env = nothing_allowed,
                     .has_no_worker = true),
        harness_test(test_only_the_operator_sets_allowed_networks, .has_no_worker = true),
        harness_test(test_an_allowed_address_may_stand_in_an_https_url, .has_no_worker = true),
        harness_test(test_a_url_that_would_be_refused_today_is_not_called),
        harness_test(test_a_new_subscription_goes_by_its_tenants_settings, .env = nothing_allowed),
    };

    return cmocka_run_group_tests_name("egress", tests, NULL, NULL);
}
