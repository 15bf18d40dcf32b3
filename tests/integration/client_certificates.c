/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers that want to know us by a certificate (mTLS): no connection speaks for two of them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/check.h"
#include "tests/support/message.h"
#include "tests/support/tls.h"

static struct tls_identity receiver_identity, alice, bob, expired;
static char directory[PROC_PATH_SIZE];
static char ca_variable[PROC_PATH_SIZE + 64];

/* A PEM as a JSON string without its quotes. */
static const char *json_of(struct harness *h, const char *pem)
{
    char text[2 * TLS_PEM_SIZE];
    size_t n = 0;

    for (; *pem != '\0'; pem++) {
        if (*pem == '\n') {
            text[n++] = '\\';
            text[n++] = 'n';
        } else {
            text[n++] = *pem;
        }
    }
    text[n] = '\0';
    return http_text(h->http, "%s", text);
}

static struct reply set_certificate(struct harness *h, const struct tenant *t, const char *id,
                                    const char *certificate, const char *key)
{
    return api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", id),
                    "{\"client_certificate\": {\"certificate\": \"%s\", \"private_key\": \"%s\"}}",
                    json_of(h, certificate), json_of(h, key));
}

/* A subscription of the tenant at the receiver, with that certificate or none. */
static struct subscription given_at(struct harness *h, struct tenant *t,
                                    struct tls_receiver *receiver, const struct tls_identity *who)
{
    struct subscription s = given_story(h, t, "/unused");
    struct reply reply =
        api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                 "{\"url\": \"%s\"}", tls_url(receiver));

    assert_status(reply, 200);
    if (who != NULL) {
        reply = set_certificate(h, t, s.id, who->certificate, who->key);
        assert_status(reply, 200);
    }
    return s;
}

static const char *outcome_of_one(struct harness *h, struct tenant *t)
{
    const char *path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    struct reply attempt;

    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    return reply_text(&attempt, "outcome");
}

static void test_no_connection_speaks_for_two_certificates(void **state)
{
    struct harness *h = *state;
    struct tenant *a = given_tenant(h), *b = given_tenant(h), *nobody = given_tenant(h);
    struct tls_receiver *receiver = tls_receive(&receiver_identity, TLS_ASKS_ALL);
    unsigned connections[2] = {0, 0}, connection;
    char client[TLS_NAME_SIZE];

    (void)given_at(h, a, receiver, &alice);
    (void)given_at(h, b, receiver, &bob);
    (void)given_at(h, nobody, receiver, NULL);
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(outcome_of_one(h, i % 2 == 0 ? a : b), "succeeded");
        assert_true(tls_request(receiver, i, &connection, client));
        assert_string_equal(client, i % 2 == 0 ? "alice" : "bob");
        if (i < 2)
            connections[i] = connection;
        else
            assert_int_equal(connection, connections[i % 2]); /* kept alive, each its own */
    }
    assert_int_not_equal(connections[0], connections[1]);
    assert_string_not_equal(outcome_of_one(h, nobody), "succeeded");
    assert_false(tls_request(receiver, 6, &connection, client));
}

static void test_another_certificate_is_another_connection_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct tls_receiver *receiver = tls_receive(&receiver_identity, TLS_ASKS_ALL);
    struct subscription s = given_at(h, t, receiver, &alice);
    unsigned connection;
    char client[TLS_NAME_SIZE];
    struct reply reply;

    assert_string_equal(outcome_of_one(h, t), "succeeded");
    reply = set_certificate(h, t, s.id, bob.certificate, bob.key);
    assert_status(reply, 200);
    assert_string_equal(outcome_of_one(h, t), "succeeded");
    assert_true(tls_request(receiver, 1, &connection, client));
    assert_string_equal(client, "bob");
    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                     "{\"client_certificate\": null}");
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "client_certificate"));
    assert_string_not_equal(outcome_of_one(h, t), "succeeded");
}

static void test_the_key_is_never_shown(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    char middle[33];
    struct reply reply = set_certificate(h, t, s.id, alice.certificate, alice.key);

    (void)snprintf(middle, sizeof(middle), "%.32s", strchr(alice.key, '\n') + 9);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "client_certificate.sha256"), alice.sha256);
    assert_int_equal(message_time_ms(reply_text(&reply, "client_certificate.expires_at")) / 1000 /
                         10,
                     alice.expires_s / 10);
    assert_int_equal(reply_count(&reply, "client_certificate"), 2);
    assert_null(strstr(reply.body, "PRIVATE"));
    assert_null(strstr(harness_logs(h), middle));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM subscription s WHERE s::text LIKE '%%%s%%'", middle), 0);
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription WHERE client_key LIKE 'v1.%%'"),
                     1);
    assert_int_equal(db_int(h, "SELECT count(*) FROM audit_log a WHERE a::text ~ 'PRIVATE|v1[.]'"),
                     0);
}

static void test_what_cannot_be_used_is_refused(void **state)
{
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    const struct {
        const char *certificate, *key, *pointer;
    } bad[] = {
        {alice.certificate, bob.key, "/client_certificate/private_key"},
        {expired.certificate, expired.key, "/client_certificate/certificate"},
        {"hello", alice.key, "/client_certificate/certificate"},
        {alice.key, alice.key, "/client_certificate/certificate"},
        {alice.certificate, "hello", "/client_certificate/private_key"},
        {alice.certificate, alice.certificate, "/client_certificate/private_key"},
        {alice.certificate, encrypted, "/client_certificate/private_key"},
        {alice.certificate, "", "/client_certificate/private_key"},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(bad); i++) {
        reply = set_certificate(h, t, s.id, bad[i].certificate, bad[i].key);
        assert_problem(h, reply, 422, "invalid_body", bad[i].pointer);
        assert_null(strstr(reply.body, "BEGIN"));
    }
    reply = api_call(h, t->admin, "PATCH", http_text(h->http, "/v1/subscriptions/%s", s.id),
                     "{\"client_certificate\": {\"certificate\": \"%s\"}}",
                     json_of(h, alice.certificate));
    assert_problem(h, reply, 422, "invalid_body", "/client_certificate/private_key");
    assert_int_equal(db_int(h, "SELECT count(*) FROM subscription WHERE client_key IS NOT NULL"),
                     0);
}

static void test_a_new_subscription_can_have_one(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    struct reply reply = api_call(
        h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
        "{\"url\": \"https://a.example/\", \"event_types\": [\"*\"], \"client_certificate\":"
        " {\"private_key\": \"%s\", \"certificate\": \"%s%s\"}}",
        json_of(h, alice.key), json_of(h, alice.certificate), json_of(h, bob.certificate));

    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "client_certificate.sha256"), alice.sha256);
}

int main(void)
{
    const char *const trusting[] = {ca_variable, NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_no_connection_speaks_for_two_certificates, .env = trusting),
        harness_test(test_another_certificate_is_another_connection_at_once, .env = trusting),
        harness_test(test_the_key_is_never_shown, .has_no_worker = true),
        harness_test(test_what_cannot_be_used_is_refused, .has_no_worker = true),
        harness_test(test_a_new_subscription_can_have_one, .has_no_worker = true),
    };
    char path[PROC_PATH_SIZE + 16];
    FILE *file;
    int code;

    proc_make_directory("hookline-mtls", directory);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", directory);
    (void)snprintf(ca_variable, sizeof(ca_variable), "HOOKLINE_WORKER_CA_FILE=%s", path);
    tls_make(&receiver_identity, "receiver", 30);
    tls_make(&alice, "alice", 30);
    tls_make(&bob, "bob", 30);
    tls_make(&expired, "old", -1);
    file = fopen(path, "w");
    if (file == NULL || fputs(receiver_identity.certificate, file) < 0 || fclose(file) != 0)
        return 1;
    code = cmocka_run_group_tests_name("client_certificates", tests, NULL, NULL);
    proc_remove_directory(directory);
    return code;
}
