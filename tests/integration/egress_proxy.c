/* SPDX-License-Identifier: Apache-2.0 */
/* A forward proxy: all requests go through it, and what it says is not the receiver's answer. */
#include <stdio.h>

#include "tests/support/message.h"
#include "tests/support/proxy.h"

/* Its first start is before the harness's: its address is a setting. */
static struct proxy *good, *refusing, *failing;

static const char *port_of_sinker(struct harness *h)
{
    return strrchr(h->sinker_urls[0], ':');
}

/* An app with a subscription of that URL; what one event's first attempt says. */
static struct reply attempt_at(struct harness *h, struct tenant *t, const char *url)
{
    struct subscription s = given_story(h, t, "/hook");
    const char *path;

    (void)db_text(h, "UPDATE subscription SET url = '%s' WHERE id = '%s'", url, s.id);
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void test_http_goes_through_a_tunnel_and_the_proxy_resolves(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *url = http_text(h->http, "http://receiver.invalid%s/hook", port_of_sinker(h));
    struct reply attempt = attempt_at(h, t, url);
    struct reply request;
    char target[PROXY_TEXT_SIZE], head[1024];

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_true(reply_is_null(&attempt, "remote_address")); /* the proxy's is nobody's business */
    proxy_last(good, target, head);
    assert_string_equal(target, http_text(h->http, "receiver.invalid%s", port_of_sinker(h)));
    assert_non_null(strstr(head, "Proxy-Authorization: Basic aG9vazpsaW5l\r\n"));
    assert_null(strcasestr(head, "webhook-"));
    request = sinker_request(h, "/hook", 0);
    assert_false(reply_has(&request, "headers.proxy-authorization"));
    message_wait(h, t, message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL),
                 "succeeded");
    assert_int_equal(proxy_count(good), 1); /* the tunnel is kept alive */
    assert_null(strstr(harness_logs(h), "hook:line"));
}

static void test_addresses_that_stand_in_the_url_are_judged_all_the_same(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",       "localhost",          "10.0.0.1",
                                        "169.254.169.254", "[::ffff:127.0.0.1]", "[fd00:ec2::254]"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    unsigned n = proxy_count(good);
    struct subscription s = given_story(h, t, "/hook");

    for (size_t i = 0; i < HK_COUNTOF(hosts); i++) {
        const char *path;
        struct reply attempt;

        (void)db_text(h, "UPDATE subscription SET url = 'http://%s%s/hook' WHERE id = '%s'",
                      hosts[i], port_of_sinker(h), s.id);
        path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
        message_wait_attempts(h, t, path, 1);
        attempt = message_attempt(h, t, path, 1);
        assert_string_equal(reply_text(&attempt, "outcome"), "blocked_address");
    }
    assert_int_equal(proxy_count(good), n);
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static void expect_proxy_failure(struct harness *h, const char *words)
{
    struct tenant *t = given_tenant(h);
    struct reply attempt = attempt_at(h, t, "http://receiver.invalid:8080/");

    assert_string_equal(reply_text(&attempt, "outcome"), "proxy");
    assert_string_equal(reply_text(&attempt, "error"), words);
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_true(reply_is_null(&attempt, "response_headers"));
    assert_true(reply_is_null(&attempt, "remote_address"));
}

static void test_a_proxy_that_refuses_is_told_from_the_receiver(void **state)
{
    expect_proxy_failure(*state, "the proxy refused the connection");
}

static void test_a_proxy_that_cannot_connect_is_told_from_the_receiver(void **state)
{
    expect_proxy_failure(*state, "the proxy did not make a connection");
}

static void test_a_proxy_that_is_away_is_told_from_the_receiver(void **state)
{
    expect_proxy_failure(*state, "the proxy cannot be reached");
}

static void test_test_messages_go_through_the_apis_proxy(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    unsigned n = proxy_count(good);
    struct reply reply = api_call(h, t->admin, "POST", "/v1/event_types",
                                  "{\"name\": \"order.paid\", \"sample\": {}}");

    assert_status(reply, 201);
    reply =
        api_call(h, t->admin, "POST", "/v1/test-messages",
                 "{\"url\": \"http://receiver.invalid%s/t\", \"event_types\": [\"order.paid\"]}",
                 port_of_sinker(h));
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "messages.0.outcome"), "succeeded");
    assert_int_equal(proxy_count(good), n + 1);
}

int main(void)
{
    static char worker[4][96], api[96];
    static const char *env[4][4];
    const struct CMUnitTest tests[] = {
        harness_test(test_http_goes_through_a_tunnel_and_the_proxy_resolves, .env = env[0]),
        harness_test(test_addresses_that_stand_in_the_url_are_judged_all_the_same, .env = env[0]),
        harness_test(test_test_messages_go_through_the_apis_proxy, .env = env[0],
                     .has_no_worker = true),
        harness_test(test_a_proxy_that_refuses_is_told_from_the_receiver, .env = env[1]),
        harness_test(test_a_proxy_that_cannot_connect_is_told_from_the_receiver, .env = env[2]),
        harness_test(test_a_proxy_that_is_away_is_told_from_the_receiver, .env = env[3]),
    };
    unsigned ports[4];

    good = proxy_start(200);
    refusing = proxy_start(403);
    failing = proxy_start(502);
    ports[0] = proxy_port(good);
    ports[1] = proxy_port(refusing);
    ports[2] = proxy_port(failing);
    ports[3] = 1; /* nobody listens there */
    for (size_t i = 0; i < HK_COUNTOF(ports); i++) {
        (void)snprintf(worker[i], sizeof(worker[i]),
                       "HOOKLINE_WORKER_PROXY_URL=http://hook:line@127.0.0.1:%u", ports[i]);
        env[i][0] = worker[i];
        env[i][1] = "HOOKLINE_WORKER_ALLOWED_NETWORKS=";
    }
    (void)snprintf(api, sizeof(api), "HOOKLINE_API_PROXY_URL=http://127.0.0.1:%u", ports[0]);
    env[0][2] = api;
    return cmocka_run_group_tests_name("egress_proxy", tests, NULL, NULL);
}
