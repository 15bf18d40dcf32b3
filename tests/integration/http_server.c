/* SPDX-License-Identifier: Apache-2.0 */
/* The server around the requests: a graceful stop, and the TLS listener. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "hk/clock.h"
#include "tests/support/check.h"

#define GET "GET /healthz HTTP/1.1\r\nHost: a\r\n"

/* ---- readers ---- */

/* As many as there may be connections, and each is given more than the buffers hold. */
static void test_who_does_not_read_makes_room_for_others(void **state)
{
    static const char request[] = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
    struct harness *h = *state;
    int fds[4], other;
    char answer[sizeof("HTTP/1.1 200")];

    for (size_t i = 0; i < HK_COUNTOF(fds); i++) {
        fds[i] = http_raw_connect_small(h->api_url);
        assert_true(http_raw_send(fds[i], request, strlen(request)));
    }
    other = http_raw_connect(h->api_url);
    assert_true(http_raw_send(other, GET "\r\n", strlen(GET "\r\n")));
    (void)http_raw_read(other, answer, sizeof(answer), 15000, NULL);
    assert_int_equal(http_raw_status(answer), 200);
    for (size_t i = 0; i < HK_COUNTOF(fds); i++)
        (void)close(fds[i]);
    (void)close(other);
}

/* ---- who does not wait for the answer ---- */

static const char event[] =
    "{\"event_type\": \"order.paid\", \"company\": \"c1\", \"payload\": {}}";

/* On a connection that is kept. */
static const char *publish_request(struct harness *h, const struct tenant *t)
{
    return http_text(h->http,
                     "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     t->producer, strlen(event), event);
}

/* The API has looked at what was sent before. */
static void pass_a_turn(struct harness *h)
{
    struct reply reply = api_call(h, NULL, "GET", "/healthz", NULL);

    assert_status(reply, 200);
}

/* More than one buffer holds, in pieces, while the first of them is not answered. */
static void test_requests_that_come_early_are_answered_in_their_order(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int fd = http_raw_connect(h->api_url);
    static char answers[65536];
    const char *request, *health = GET "Connection: close\r\n\r\n", *first, *last;
    struct pg_conn *holder;
    unsigned n = 0;

    (void)given_story(h, t, "/a");
    request = publish_request(h, t);
    holder = db_lock(h, "company");
    assert_true(http_raw_send(fd, request, strlen(request)));
    assert_true(wait_until(db_has_waiting, h, 10000));
    for (int i = 0; i < 40; i++)
        assert_true(http_raw_send(fd, request, strlen(request)));
    assert_true(http_raw_send(fd, health, 10));
    pass_a_turn(h);
    assert_true(http_raw_send(fd, health + 10, strlen(health) - 10));
    db_unlock(holder);
    (void)http_raw_read(fd, answers, sizeof(answers), 20000, NULL);
    (void)close(fd);
    first = strstr(answers, "HTTP/1.1 202");
    last = strstr(answers, "HTTP/1.1 200");
    assert_ptr_equal(first, answers);
    assert_non_null(last);
    for (const char *at = answers; (at = strstr(at, "HTTP/1.1 202")) != NULL && at < last; at++)
        n++;
    assert_int_equal(n, 41);
    assert_null(strstr(last + 1, "HTTP/1.1"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 41);
}

static void test_who_has_said_all_is_answered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    int fd = http_raw_connect(h->api_url);
    char answer[4096];
    struct pg_conn *holder;
    const char *request;
    bool is_closed;

    (void)given_story(h, t, "/a");
    request = publish_request(h, t);
    holder = db_lock(h, "company");
    assert_true(http_raw_send(fd, request, strlen(request)));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(wait_until(db_has_waiting, h, 10000));
    pass_a_turn(h);
    db_unlock(holder);
    (void)http_raw_read(fd, answer, sizeof(answer), 10000, &is_closed);
    (void)close(fd);
    assert_int_equal(http_raw_status(answer), 202);
    assert_true(is_closed);
}

/* ---- stopping ---- */

static bool is_refusing(void *arg)
{
    struct harness *h = arg;
    int fd = http_raw_connect(h->api_url);

    if (fd >= 0)
        (void)close(fd);
    return fd < 0;
}

static void test_a_stop_answers_what_is_under_way(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct pg_conn *holder;
    struct reply published, listed;
    int publishing, listing;

    (void)given_story(h, t, "/a");
    holder = db_lock(h, "company");
    publishing = raw_start(h, t->producer, "POST", "/v1/events", event);
    listing = raw_start(h, t->admin, "GET", "/v1/companies", NULL);
    assert_true(wait_until(db_has_waiting, h, 10000));
    proc_signal(&h->api, SIGTERM);
    assert_true(wait_until(is_refusing, h, 5000)); /* nobody new is let in */
    assert_true(proc_is_running(&h->api));
    db_unlock(holder);
    published = raw_finish(h, publishing);
    listed = raw_finish(h, listing);
    assert_status(published, 202);
    assert_status(listed, 200);
    assert_int_equal(proc_wait(&h->api, 10000), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 1);
}

static void test_a_stop_does_not_wait_for_idle_connections(void **state)
{
    struct harness *h = *state;
    int64_t began_ms;
    char answer[sizeof("HTTP/1.1 200")];
    int used = http_raw_connect(h->api_url), unused = http_raw_connect(h->api_url);

    assert_true(used >= 0 && unused >= 0);
    assert_true(http_raw_send(used, GET "\r\n", strlen(GET "\r\n")));
    (void)http_raw_read(used, answer, sizeof(answer), 10000, NULL);
    assert_int_equal(http_raw_status(answer), 200);
    began_ms = hk_mono_ms();
    assert_int_equal(proc_stop(&h->api, 10000), 0);
    assert_true(hk_mono_ms() - began_ms < 5000);
    (void)close(used);
    (void)close(unused);
}

static void test_a_stop_waits_only_so_long(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct pg_conn *holder;
    int64_t began_ms;
    int fd;

    (void)given_story(h, t, "/a");
    holder = db_lock(h, "company");
    fd = raw_start(h, t->producer, "POST", "/v1/events", event);
    assert_true(wait_until(db_has_waiting, h, 10000));
    began_ms = hk_mono_ms();
    assert_int_equal(proc_stop(&h->api, 10000), 0);
    assert_in_range(hk_mono_ms() - began_ms, 300, 5000);
    db_unlock(holder);
    assert_int_not_equal(raw_finish(h, fd).status, 202);
}

static void test_a_restart_keeps_what_was_accepted(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;
    const char *id;

    (void)given_story(h, t, "/a");
    id = publish(h, t, "order.paid", "c1", "{}");
    harness_restart_api(h);
    reply = api_call(h, t->admin, "GET", http_text(h->http, "/v1/events/%s", id), NULL);
    assert_status(reply, 200);
}

/* ---- TLS ---- */

static char directory[PROC_PATH_SIZE], cert_variable[PROC_PATH_SIZE + 64],
    key_variable[PROC_PATH_SIZE + 64];

static void make_certificate(void)
{
    char cert[PROC_PATH_SIZE + 16], key[PROC_PATH_SIZE + 16];

    proc_make_directory("hookline-tls", directory);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", directory);
    (void)snprintf(key, sizeof(key), "%s/key.pem", directory);
    (void)snprintf(cert_variable, sizeof(cert_variable), "HOOKLINE_API_TLS_CERT_FILE=%s", cert);
    (void)snprintf(key_variable, sizeof(key_variable), "HOOKLINE_API_TLS_KEY_FILE=%s", key);
    if (proc_run("openssl", directory,
                 (const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                                       "-subj", "/CN=localhost", "-addext",
                                       "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
                                       NULL},
                 NULL, NULL) != 0)
        proc_print_directory(directory);
}

/* A client that offers versions up to `version` and these protocols (as ALPN has them, or NULL). */
struct client {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    bool is_connected;
};

static struct client connect_tls(struct harness *h, int version, const char *protocols)
{
    struct client c = {.context = SSL_CTX_new(TLS_client_method()),
                       .fd = http_raw_connect(h->api_url)};

    assert_true(c.fd >= 0);
    /* Without this OpenSSL would not offer TLS 1.1, and the server's refusal would be untested. */
    assert_int_equal(SSL_CTX_set_cipher_list(c.context, "ALL:@SECLEVEL=0"), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(c.context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c.context, version), 1);
    c.ssl = SSL_new(c.context);
    if (protocols != NULL)
        assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)protocols,
                                             (unsigned)strlen(protocols)),
                         0);
    assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
    c.is_connected = SSL_connect(c.ssl) == 1;
    return c;
}

static void disconnect(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    (void)close(c->fd);
}

static int get_status(struct client *c)
{
    static const char request[] = GET "Connection: close\r\n\r\n";
    char answer[4096] = "";
    int n = 0, got;

    assert_int_equal(SSL_write(c->ssl, request, sizeof(request) - 1), sizeof(request) - 1);
    while ((got = SSL_read(c->ssl, answer + n, (int)sizeof(answer) - 1 - n)) > 0)
        n += got;
    answer[n] = '\0';
    return http_raw_status(answer);
}

static void test_tls_1_2_and_1_3_are_served(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(versions); i++) {
        struct client c = connect_tls(h, versions[i], NULL);

        assert_true(c.is_connected);
        assert_int_equal(SSL_version(c.ssl), versions[i]);
        assert_int_equal(get_status(&c), 200);
        disconnect(&c);
    }
}

static void test_tls_1_1_and_older_are_refused(void **state)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(versions); i++) {
        struct client c = connect_tls(h, versions[i], NULL);

        assert_false(c.is_connected);
        disconnect(&c);
    }
}

static void test_alpn_knows_http_1_1_only(void **state)
{
    static const char *const offers[] = {"\x02h2\x08http/1.1", "\x08http/1.1\x02h2", "\x02h2"};
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(offers); i++) {
        struct client c = connect_tls(h, TLS1_3_VERSION, offers[i]);
        const unsigned char *protocol = NULL;
        unsigned n = 0;

        SSL_get0_alpn_selected(c.ssl, &protocol, &n);
        if (i < 2) {
            assert_true(c.is_connected);
            assert_int_equal(n, 8);
            assert_memory_equal(protocol, "http/1.1", 8);
            assert_int_equal(get_status(&c), 200);
        } else {
            assert_int_equal(n, 0);
        }
        disconnect(&c);
    }
}

static void test_the_preface_of_http_2_is_refused_under_tls(void **state)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    struct harness *h = *state;
    struct client c = connect_tls(h, TLS1_3_VERSION, NULL);
    char answer[4096] = "";

    assert_true(c.is_connected);
    assert_int_equal(SSL_write(c.ssl, preface, sizeof(preface) - 1), sizeof(preface) - 1);
    (void)SSL_read(c.ssl, answer, sizeof(answer) - 1);
    assert_int_equal(http_raw_status(answer), 400);
    disconnect(&c);
}

static void test_plain_http_gets_nothing_from_the_tls_listener(void **state)
{
    struct harness *h = *state;
    int fd = http_raw_connect(h->api_url);
    char answer[4096];
    bool is_closed;

    assert_true(fd >= 0 && http_raw_send(fd, GET "\r\n", strlen(GET "\r\n")));
    (void)http_raw_read(fd, answer, sizeof(answer), 10000, &is_closed);
    assert_true(is_closed);
    assert_int_equal(http_raw_status(answer), 0);
    (void)close(fd);
}

static void test_the_rest_api_is_the_same_under_tls(void **state)
{
    struct harness *h = *state;
    struct reply reply;

    (void)snprintf(h->api_url, sizeof(h->api_url), "https://127.0.0.1%s",
                   strrchr(http_text(h->http, "%s", h->api_url), ':'));
    http_trust(h->http, strchr(cert_variable, '=') + 1);
    reply = api_call(h, given_tenant(h)->admin, "GET", "/v1/apps", NULL);
    assert_status(reply, 200);
}

#define ENV(...)                                                                                   \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define TLS_TEST(fn) harness_test(fn, .has_no_worker = true, ENV(cert_variable, key_variable))

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_who_does_not_read_makes_room_for_others, .has_no_worker = true,
                     ENV("HOOKLINE_API_REPLY_TIMEOUT_MS=500", "HOOKLINE_API_MAX_CONNECTIONS=4")),
        harness_test(test_requests_that_come_early_are_answered_in_their_order,
                     .has_no_worker = true),
        harness_test(test_who_has_said_all_is_answered, .has_no_worker = true),
        harness_test(test_a_stop_answers_what_is_under_way, .has_no_worker = true),
        harness_test(test_a_stop_does_not_wait_for_idle_connections, .has_no_worker = true),
        harness_test(test_a_stop_waits_only_so_long, .has_no_worker = true,
                     ENV("HOOKLINE_API_DRAIN_MS=300")),
        harness_test(test_a_restart_keeps_what_was_accepted, .has_no_worker = true),
        TLS_TEST(test_tls_1_2_and_1_3_are_served),
        TLS_TEST(test_tls_1_1_and_older_are_refused),
        TLS_TEST(test_alpn_knows_http_1_1_only),
        TLS_TEST(test_the_preface_of_http_2_is_refused_under_tls),
        TLS_TEST(test_plain_http_gets_nothing_from_the_tls_listener),
        TLS_TEST(test_the_rest_api_is_the_same_under_tls),
    };
    int n_failed;

    (void)signal(SIGPIPE, SIG_IGN); /* a refused handshake may end while the client writes */
    make_certificate();
    n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    proc_remove_directory(directory);
    return n_failed;
}
