/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standards 3.1 over REST: whatever is written as a URL, or stands behind a name, nothing reaches
 * the machine that the worker runs on. A canary listens on all of its addresses, IPv4 and IPv6.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/support/check.h"
#include "tests/support/message.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

enum { SUBSCRIPTIONS_OF_AN_APP = 50, MAX_APPS = 8 };

/* clang-format off */
/* Hosts, none of which an ordinary tenant may name. */
static const char *const hosts[] = {
    /* the loopback address and how else it is spelt */
    "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.255", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01", "00177.0.0.1", "017700000001", "127.1", "127.0.1", "127.0.0.01",
    "127.0.0.001", "127.000.000.001", "127.0.0.0x1", "127.0.0.1.", "%31%32%37.0.0.1", "127.0.0.%31", "127%2e0%2e0%2e1",
    "127.0.0.1%00.example.com", "127.0.0.1%20", "3232235777", "0xc0a80001", "0xBaaaaaaaaaaaaaaaaffffffff", "0377.0377.0377.0377",
    "1.1.1.1.1", "256.256.256.256", "8.8.2056", "0x8.0x8.0x8.0x8", "010.8.8.8",
    /* this network, and nobody's */
    "0", "0.0.0.0", "0.0.0", "0x0", "00", "0.1.2.3", "255.255.255.255", "240.0.0.1",
    /* private, shared, link-local, documentation, benchmarks, multicast */
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1",
    "100.127.255.255", "169.254.0.1", "169.254.169.254", "169.254.170.2", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376",
    "169.254.43518", "169.16689662",
    /* IPv6 */
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::2]", "[::127.0.0.1]",
    "[::7f00:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0.0.0.0]",
    "[::ffff:10.0.0.1]", "[::ffff:c0a8:102]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[100::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]",
    "[2002:a9fe:a9fe::1]", "[2002:c0a8:1::1]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]", "[fe80::1]",
    "[fe80::1%25lo]", "[fe80::1%lo]", "[::1%25lo]", "[feb0::1]", "[fec0::1]", "[feef::1]", "[ff02::1]", "[ff0e::1]", "[4000::1]",
    "[::1", "::1", "[]", "[::g]", "[127.0.0.1]", "[v1.x]", "[::1]x", "[[::1]]", "[::ffff:127.1]",
    /* names */
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain.", "a.localhost", "ip6-localhost", "intranet", "metadata",
    "metadata.google.internal", "metadata.google.internal.", "METADATA.google.internal", "instance-data.internal", "db.internal", "printer.local", "x.onion",
    "kubernetes.default.svc.cluster.local", "example.com.", "example..com", ".example.com", ".", "..", "example.123", "example.0x7f",
    "-", "exa$mple.com", "example.com,x", "a*.example.com", "%65xample.com", "127.0.0.1,example.com", "127.0.0.1;example.com",
    /* what others read as digits, dots and letters */
    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1", "\xe2\x93\x9bocalhost", "127\343\200\2020\343\200\2020\343\200\2021",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "loc\302\255alhost", "b\303\274cher.example", "\xd0\xb5xample.com",
};

/* Whole URLs that nobody may have. %P is the canary's port. */
static const char *const urls[] = {
    "", "http", "https:", "https:/", "https://", "https:///", "https:///127.0.0.1:%P/", "//127.0.0.1:%P/", "/127.0.0.1:%P/", "127.0.0.1:%P/",
    "https:127.0.0.1:%P/", "http:/127.0.0.1:%P/", "http://:%P/", "https://?", "https://#", "://127.0.0.1:%P/",
    "gopher://127.0.0.1:%P/_x", "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1:%P/", "dict://127.0.0.1:%P/x", "ldap://127.0.0.1:%P/",
    "tftp://127.0.0.1:%P/x", "smtp://127.0.0.1:%P/", "telnet://127.0.0.1:%P/", "ws://127.0.0.1:%P/", "unix:///run/x.sock", "data:text/plain,x",
    "javascript:alert(1)", "jar:http://127.0.0.1:%P!/", "httpss://127.0.0.1:%P/", "http%73://127.0.0.1:%P/",
    "https://user:pw@127.0.0.1:%P/", "https://user@127.0.0.1:%P/", "https://@127.0.0.1:%P/", "https://:@127.0.0.1:%P/",
    "https://example.com@127.0.0.1:%P/", "https://example.com:443@127.0.0.1:%P/", "https://127.0.0.1:%P@example.com/",
    "https://example.com%40127.0.0.1:%P/", "https://a@b@127.0.0.1:%P/", "https://example.com\\@127.0.0.1:%P/",
    "https://127.0.0.1:%P\\@example.com/", "https:\\\\127.0.0.1:%P\\", "https:/\\127.0.0.1:%P/", "http://example.com\\.127.0.0.1:%P/",
    "https://127.0.0.1:%P#@example.com/", "https://example.com#@127.0.0.1:%P/", "https://example.com/#x", "https://127.0.0.1:%P?@example.com/#",
    " http://127.0.0.1:%P/", "http://127.0.0.1:%P/ ", "http://127.0.0.1 :%P/", "http://127.0.0.1:%P /", "http:// 127.0.0.1:%P/",
    "\thttp://127.0.0.1:%P/", "http://127.0.0.1:%P/\n", "http://127.0.0.1\r\n:%P/", "http://127.0.0.1:%P/\r\nX-Injected: yes", "ht\ntp://127.0.0.1:%P/",
    "http://127.0.0.1:%P/\x01", "http://127.0.0.1:%P/\x7f", "http://127.0.0.1\xe2\x80\x8b:%P/", "\xef\xbb\xbfhttp://127.0.0.1:%P/",
    "https://example.com:0/", "https://example.com:22/", "https://example.com:25/", "https://example.com:65536/", "https://example.com:99999/",
    "https://example.com:4294967376/", "https://example.com:-80/", "https://example.com:+80/", "https://example.com:80x/", "https://example.com:0x50/",
    "https://example.com:5432/", "https://example.com:6379/", "https://example.com:11211/", "https://example.com:2375/", "https://example.com: 80/",
    "https://example.com:80:%P/", "https://[::1]:%P:80/",
};

static const char *const legal[] = {
    "https://example.com/", "https://example.com", "https://example.com:8443/a/b%20c?d=e&f=@g", "https://EXAMPLE.com:443/", "https://xn--bcher-kva.example/",
    "https://my_app.eu-west-1.example.com/", "https://1.example.com/", "https://localhost.example.com/", "https://metadata-store.example.com/",
    "https://127.0.0.1.example.com/", "https://8.8.8.8/", "https://1.1.1.1:8443/", "https://9.255.255.255/", "https://11.0.0.0/", "https://100.63.255.254/",
    "https://100.128.0.1/", "https://126.255.255.255/", "https://128.0.0.1/", "https://169.253.255.255/", "https://172.15.255.255/", "https://172.32.0.0/",
    "https://192.0.1.1/", "https://192.167.255.255/", "https://198.20.0.0/", "https://223.255.255.255/", "https://[2606:4700:4700::1111]/",
    "https://[2001:4860:4860::8888]:8443/", "https://[64:ff9c::1]/", "https://[::ffff:8.8.8.8]/", "https://hooks.zapier.com/hooks/catch/1/a/?x=http://127.0.0.1/",
};

/* Names that are legal, and lead where nothing may be sent: see names.c. */
static const char *const leading_astray[] = {
    "loopback", "elsewhere-in-127", "unspecified", "private-a", "private-b", "private-c", "shared", "imds", "broadcast", "multicast", "loopback6",
    "unspecified6", "mapped", "compatible", "nat64", "6to4", "teredo", "link-local6", "unique-local6", "two-blocked",
};
/* clang-format on */

/* ---- the canary ---- */

struct canary {
    int fd;
    unsigned port;
};

static void listen_or_fail(int fd, const void *address, socklen_t size)
{
    if (bind(fd, address, size) != 0 || listen(fd, 64) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        fail_test("the canary does not listen: errno %d", errno);
}

/* On every address of the machine, IPv4 and IPv6. */
static struct canary canary_anywhere(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    struct canary canary = {.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    socklen_t size = sizeof(any);
    int v6_only = 0;

    if (canary.fd < 0)
        fail_test("no IPv6 here");
    (void)setsockopt(canary.fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
    listen_or_fail(canary.fd, &any, size);
    (void)getsockname(canary.fd, (struct sockaddr *)&any, &size);
    canary.port = ntohs(any.sin6_port);
    return canary;
}

static struct canary canary_at(const char *ipv4)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct canary canary = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    socklen_t size = sizeof(address);

    assert_int_equal(inet_pton(AF_INET, ipv4, &address.sin_addr), 1);
    listen_or_fail(canary.fd, &address, size);
    (void)getsockname(canary.fd, (struct sockaddr *)&address, &size);
    canary.port = ntohs(address.sin_port);
    return canary;
}

/* Nobody has so much as connected. */
static void canary_is_alive(struct canary canary)
{
    int fd = accept(canary.fd, NULL, NULL);

    if (fd >= 0)
        fail_test("somebody connected to the canary");
    (void)close(canary.fd);
}

/* It would have noticed. */
static void test_the_canary_notices_a_connection_to_either_loopback_address(void **state)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct canary canary = canary_anywhere();
    int fds[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_STREAM, 0)};

    (void)state;
    ipv4.sin_port = ipv6.sin6_port = htons((uint16_t)canary.port);
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&ipv4, sizeof(ipv4)), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&ipv6, sizeof(ipv6)), 0);
    for (size_t i = 0; i < 2; i++) {
        int fd = accept(canary.fd, NULL, NULL);

        assert_true(fd >= 0);
        (void)close(fd);
        (void)close(fds[i]);
    }
    canary_is_alive(canary);
}

/* ---- subscribing ---- */

struct world {
    struct harness *h;
    struct tenant *t;
    const char *app_ids[MAX_APPS];
    unsigned n_subscriptions;
};

static struct world given_world(struct harness *h, bool allows_http)
{
    struct world w = {.h = h, .t = given_tenant(h)};

    if (!allows_http)
        (void)api_want(h, 200, h->operator_key, "PATCH", at(h, "/v1/tenants/%s", w.t->id),
                       "{\"allow_http\": false}");
    (void)given_company(h, w.t, "c1");
    given_event_type(h, w.t, "order.paid");
    return w;
}

/* An app with room for one more. */
static const char *next_app(struct world *w)
{
    unsigned i = w->n_subscriptions / SUBSCRIPTIONS_OF_AN_APP;

    assert_true(i < MAX_APPS);
    if (w->app_ids[i] == NULL) {
        w->app_ids[i] = given_app(w->h, w->t, "acme");
        (void)given_connection(w->h, w->t, w->app_ids[i], "c1");
    }
    return w->app_ids[i];
}

/* Whether the URL was taken; the test fails when it was refused for anything else than itself. */
static bool subscribe(struct world *w, const char *url)
{
    struct harness *h = w->h;
    json_t *string = json_stringn_nocheck(url, strlen(url));
    char *text = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    struct reply reply =
        api_call(h, w->t->admin, "POST", at(h, "/v1/apps/%s/subscriptions", next_app(w)),
                 "{\"url\": %s, \"event_types\": [\"order.paid\"]}", text);

    free(text);
    json_decref(string);
    if (reply.status == 201) {
        w->n_subscriptions++;
        return true;
    }
    assert_problem(h, reply, 422, "invalid_body", "/url");
    return false;
}

/* The URL with the canary's port for each %P. */
static const char *with_port(struct harness *h, const char *url, unsigned port)
{
    const char *place = strstr(url, "%P");

    if (place == NULL)
        return url;
    return with_port(h, at(h, "%.*s%u%s", (int)(place - url), url, port, place + 2), port);
}

/* Publishes one event and waits until each subscription's first attempt is recorded: blocked. */
static void expect_all_blocked(struct world *w)
{
    struct harness *h = w->h;

    (void)publish(h, w->t, "order.paid", "c1", "{}");
    for (unsigned i = 0; i < MAX_APPS && w->app_ids[i] != NULL; i++) {
        struct reply list =
            api_want(h, 200, w->t->admin, "GET",
                     at(h, "/v1/messages?app_id=%s&limit=250", w->app_ids[i]), NULL);

        for (size_t k = 0; k < reply_count(&list, "data"); k++) {
            const char *path = at(h, "/v1/messages/%s", reply_text(&list, at(h, "data.%zu.id", k)));
            struct reply attempt;

            message_wait_attempts(h, w->t, path, 1);
            attempt = message_attempt(h, w->t, path, 1);
            if (strcmp(reply_text(&attempt, "outcome"), "blocked_address") != 0)
                fail_test("%s: %s", reply_text(&attempt, "url"), reply_text(&attempt, "outcome"));
            assert_true(reply_is_null(&attempt, "remote_address"));
        }
    }
}

/* ---- the tests ---- */

static void test_an_ordinary_tenant_cannot_write_a_url_of_any_of_them(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, false);
    unsigned n = 0;
    char long_host[1100];

    (void)snprintf(long_host, sizeof(long_host), "https://%01024d.example.com/", 1);
    if (subscribe(&w, long_host))
        fail_test("a host of 1 kB was taken");
    for (size_t i = 0; i < HK_COUNTOF(hosts); i++, n++) {
        if (subscribe(&w, at(h, "https://%s/hook", hosts[i])))
            fail_test("the host %s was taken", hosts[i]);
    }
    for (size_t i = 0; i < HK_COUNTOF(urls); i++, n++) {
        if (subscribe(&w, with_port(h, urls[i], 8080)))
            fail_test("%s was taken", urls[i]);
    }
    assert_true(n >= 120);
}

static void test_what_is_public_is_legal(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, false);

    for (size_t i = 0; i < HK_COUNTOF(legal); i++) {
        if (!subscribe(&w, legal[i]))
            fail_test("%s was refused", legal[i]);
    }
}

/* A development tenant may name local addresses, over http: the worker looks where it connects. */
static void test_whatever_a_development_tenant_can_write_is_blocked_at_send(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, true);
    struct canary canary = canary_anywhere();

    for (size_t i = 0; i < HK_COUNTOF(hosts); i++)
        (void)subscribe(&w, at(h, "http://%s:%u/hook", hosts[i], canary.port));
    assert_true(w.n_subscriptions >= 40);
    for (size_t i = 0; i < HK_COUNTOF(urls); i++) {
        if (subscribe(&w, with_port(h, urls[i], canary.port)))
            fail_test("%s was taken", urls[i]);
    }
    expect_all_blocked(&w);
    canary_is_alive(canary);
}

static void test_a_name_is_blocked_by_what_it_leads_to(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, true);
    struct canary canary = canary_anywhere();

    for (size_t i = 0; i < HK_COUNTOF(leading_astray); i++) {
        if (!subscribe(&w, at(h, "http://%s.names.example:%u/", leading_astray[i], canary.port)))
            fail_test("%s was refused", leading_astray[i]);
    }
    expect_all_blocked(&w);
    canary_is_alive(canary);
}

/* The outcome of the first attempt at that URL. */
static const char *outcome_at(struct world *w, const char *url)
{
    struct harness *h = w->h;
    struct reply made, attempt;
    const char *path;

    made = api_call(h, w->t->admin, "POST", at(h, "/v1/apps/%s/subscriptions", next_app(w)),
                    "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]}", url);
    assert_status(made, 201);
    path =
        message_path(h, w->t, publish(h, w->t, "order.paid", "c1", "{}"), reply_text(&made, "id"));
    message_wait_attempts(h, w->t, path, 1);
    attempt = message_attempt(h, w->t, path, 1);
    (void)api_want(h, 204, w->t->admin, "DELETE",
                   at(h, "/v1/subscriptions/%s", reply_text(&made, "id")), NULL);
    return reply_text(&attempt, "outcome");
}

/* 127.0.0.2 is allowed here, and stands for what is public. */
static void test_a_name_that_changes_to_a_loopback_address_is_blocked(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, true);
    struct canary canary = canary_at("127.0.0.1"), before = canary_at("127.0.0.2");

    /* Looked up once a host and port. The first time it leads to where nobody answers. */
    assert_string_equal(outcome_at(&w, at(h, "http://rebind.names.example:%u/", canary.port)),
                        "connect");
    assert_string_equal(outcome_at(&w, at(h, "http://rebind.names.example:%u/", before.port)),
                        "blocked_address");
    canary_is_alive(canary);
    canary_is_alive(before);
}

/* Nobody listens at the first address; the second is not tried in its place. */
static void test_a_name_with_a_loopback_address_behind_an_allowed_one_is_not_followed(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, true);
    struct canary canary = canary_at("127.0.0.1");

    assert_string_equal(
        outcome_at(&w, at(h, "http://allowed-then-loopback.names.example:%u/", canary.port)),
        "connect");
    canary_is_alive(canary);
}

static void test_test_messages_reach_it_no_more_than_deliveries_do(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h, true);
    struct canary canary = canary_anywhere();
    static const char *const some[] = {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost",
                                       "loopback.names.example"};

    (void)api_want(h, 200, w.t->admin, "PATCH", "/v1/event_types/order.paid", "{\"sample\": {}}");
    for (size_t i = 0; i < HK_COUNTOF(some); i++) {
        struct reply reply =
            api_call(h, w.t->admin, "POST", "/v1/test-messages",
                     "{\"url\": \"http://%s:%u/\", \"event_types\": [\"order.paid\"]}", some[i],
                     canary.port);

        assert_status(reply, 200);
        assert_string_equal(reply_text(&reply, "messages.0.outcome"), "blocked_address");
    }
    canary_is_alive(canary);
}

static const char name_server[] = "LD_PRELOAD=" HOOKLINE_BIN_DIR "/libnames.so";
static const char preloaded[] = "ASAN_OPTIONS=verify_asan_link_order=0";

static const char *const nothing_allowed[] = {
    name_server, preloaded,
    "HOOKLINE_WORKER_ALLOWED_NETWORKS=", "HOOKLINE_API_ALLOWED_NETWORKS=", NULL};
static const char *const one_allowed[] = {name_server, preloaded,
                                          "HOOKLINE_WORKER_ALLOWED_NETWORKS=127.0.0.2/32", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_canary_notices_a_connection_to_either_loopback_address),
        harness_test(test_an_ordinary_tenant_cannot_write_a_url_of_any_of_them),
        harness_test(test_what_is_public_is_legal, .has_no_worker = true),
        harness_test(test_whatever_a_development_tenant_can_write_is_blocked_at_send,
                     .env = nothing_allowed),
        harness_test(test_a_name_is_blocked_by_what_it_leads_to, .env = nothing_allowed),
        harness_test(test_a_name_that_changes_to_a_loopback_address_is_blocked, .env = one_allowed),
        harness_test(test_a_name_with_a_loopback_address_behind_an_allowed_one_is_not_followed,
                     .env = one_allowed),
        harness_test(test_test_messages_reach_it_no_more_than_deliveries_do,
                     .env = nothing_allowed),
    };

    return cmocka_run_group_tests_name("hostile_urls", tests, NULL, NULL);
}
