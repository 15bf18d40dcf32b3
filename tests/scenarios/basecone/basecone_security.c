/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basecone_security.c - the scenario Basecone: events go over HTTPS (BC-08) and with the partner's
 * credentials (BC-30).
 *
 * The receivers of BC-08 speak TLS with certificates that are made here, once: one that is trusted,
 * one that nobody has signed for, one that is trusted but speaks for another host.
 */
#include "tests/scenarios/basecone/basecone_story.h"

#include <stdio.h>
#include <stdlib.h>

#define USERNAME "erp user"
#define PASSWORD "s3cret:\u00e9-4711"
#define BASIC    "ZXJwIHVzZXI6czNjcmV0OsOpLTQ3MTE=" /* base64 of both with a colon between */

static struct {
    char directory[PROC_PATH_SIZE];
    char ca_file[PROC_PATH_SIZE + 16];     /* trusts "good" and "other" */
    char ca_variable[PROC_PATH_SIZE + 64]; /* for the worker */
} tls;

/* ---- certificates ---- */

static const char *file_of(char ret[PROC_PATH_SIZE + 32], const char *name, const char *kind)
{
    (void)snprintf(ret, PROC_PATH_SIZE + 32, "%s/%s.%s", tls.directory, name, kind);
    return ret;
}

/* Signed by itself; `names` are those that it speaks for. */
static void make_certificate(const char *name, const char *names)
{
    char cert[PROC_PATH_SIZE + 32], key[PROC_PATH_SIZE + 32];
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "2",
                                "-subj",
                                "/CN=receiver",
                                "-addext",
                                names,
                                "-keyout",
                                file_of(key, name, "key"),
                                "-out",
                                file_of(cert, name, "pem"),
                                NULL};

    assert_int_equal(proc_run("openssl", tls.directory, argv, NULL, NULL), 0);
}

static void trust(FILE *ca_file, const char *name)
{
    char path[PROC_PATH_SIZE + 32];
    char *certificate = proc_read_file(file_of(path, name, "pem"));

    assert_true(fputs(certificate, ca_file) >= 0);
    free(certificate);
}

static int make_certificates(void **state)
{
    FILE *ca_file;

    (void)state;
    make_certificate("good", "subjectAltName=IP:127.0.0.1,DNS:localhost");
    make_certificate("untrusted", "subjectAltName=IP:127.0.0.1,DNS:localhost");
    make_certificate("other", "subjectAltName=DNS:other.example");
    ca_file = fopen(tls.ca_file, "w");
    assert_non_null(ca_file);
    trust(ca_file, "good");
    trust(ca_file, "other");
    return fclose(ca_file);
}

static int remove_certificates(void **state)
{
    (void)state;
    proc_remove_directory(tls.directory);
    return 0;
}

/* The URL of a receiver with that certificate. */
static const char *start_receiver(struct harness *h, const char *name)
{
    char cert[PROC_PATH_SIZE + 32], key[PROC_PATH_SIZE + 32];
    const char *const options[] = {"--tls-cert", file_of(cert, name, "pem"), "--tls-key",
                                   file_of(key, name, "key"), NULL};

    return http_text(h->http, "%s/erp", h->sinker_urls[harness_start_sinker(h, options)]);
}

/* ---- BC-08: HTTPS ---- */

static void check_delivered_over_tls(struct harness *h, const char *url)
{
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/unused");
    struct subscription subscription = given_subscription_to(h, t, erp.app_id, url, "");
    const char *message_id = message_of(h, t, publish_document(h, t), subscription.id);
    struct reply attempt, got;

    message_wait(h, t, message_id, "succeeded");
    attempt = attempt_wait(h, t, message_id, 1);
    assert_string_equal(reply_text(&attempt, "remote_address"), "127.0.0.1");
    assert_true(reply_int(&attempt, "tls_us") > reply_int(&attempt, "connect_us"));

    http_trust(h->http, tls.ca_file);
    got = http_call(h->http, "GET", h->sinker_urls[1], "/_sinker/requests?path=/erp", NULL,
                    HK_STR_NULL, NULL);
    assert_status(got, 200);
    assert_string_equal(reply_text(&got, "requests.0.headers.webhook-id"), message_id);
}

static void test_BC_08_events_are_posted_over_https(void **state)
{
    struct harness *h = *state;
    const char *url = start_receiver(h, "good");

    assert_int_equal(strncmp(url, "https://127.0.0.1:", 18), 0);
    check_delivered_over_tls(h, url);
}

static void test_BC_08_events_are_posted_over_https_to_a_name(void **state)
{
    struct harness *h = *state;
    const char *port = strrchr(start_receiver(h, "good"), ':');

    check_delivered_over_tls(h, http_text(h->http, "https://localhost%s", port));
}

static void check_not_delivered(struct harness *h, const char *url)
{
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/unused");
    struct subscription subscription;
    struct reply attempt, message;
    const char *message_id;

    subscription = given_subscription_to(h, t, erp.app_id, url, ", \"profile\": \"basecone\"");
    message_id = message_of(h, t, publish_document(h, t), subscription.id);
    attempt = attempt_wait(h, t, message_id, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "tls");
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_true(strlen(reply_text(&attempt, "error")) > 0);
    message = message_get(h, t, message_id);
    assert_string_equal(reply_text(&message, "status"), "pending"); /* an hour from now */
}

static void test_BC_08_a_certificate_of_an_unknown_authority_is_a_failure(void **state)
{
    struct harness *h = *state;

    check_not_delivered(h, start_receiver(h, "untrusted"));
}

static void test_BC_08_a_certificate_for_another_host_is_a_failure(void **state)
{
    struct harness *h = *state;

    check_not_delivered(h, start_receiver(h, "other"));
}

static void check_refused(const struct reply *reply, const char *pointer)
{
    assert_status(*reply, 422);
    assert_string_equal(reply_text(reply, "type"), "/problems/invalid_body");
    assert_string_equal(reply_text(reply, "errors.0.pointer"), pointer);
}

static void test_BC_08_http_is_refused_unless_the_tenant_allows_it(void **state)
{
    static const char subscription[] = "{\"url\": \"%s://erp.example/hook\", "
                                       "\"event_types\": [\"document.uploaded\"]}";
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    const char *path = http_text(h->http, "/v1/apps/%s/subscriptions", given_app(h, t, "acme"));
    struct reply reply;

    reply = api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", t->id),
                     "{\"allow_http\": false}");
    assert_status(reply, 200);
    reply = api_call(h, t->partner, "POST", path, subscription, "http");
    check_refused(&reply, "/url");
    reply = api_call(h, t->partner, "POST", path, subscription, "HTTP");
    check_refused(&reply, "/url");
    reply = api_call(h, t->partner, "POST", "/v1/apps",
                     "{\"name\": \"ERP\", \"subscription\": {\"url\": \"http://erp.example/\", "
                     "\"event_types\": [\"document.uploaded\"]}}");
    check_refused(&reply, "/subscription/url");

    reply = api_call(h, t->partner, "POST", path, subscription, "https");
    assert_status(reply, 201);
    reply = api_call(h, t->partner, "PATCH", reply_header(h->http, &reply, "location"),
                     "{\"url\": \"http://erp.example/hook\"}");
    check_refused(&reply, "/url");
}

/* ---- BC-30: credentials ---- */

static struct registration given_app_with_credentials(struct harness *h, const struct tenant *t)
{
    struct registration erp = given_registration(h, t, "/unused", "");

    erp.subscription = given_subscription_to(h, t, erp.app_id, sinker_url(h, "/erp"),
                                             ", \"profile\": \"basecone\", "
                                             "\"credentials\": {\"username\": \"" USERNAME
                                             "\", \"password\": \"" PASSWORD "\"}");
    (void)given_connection(h, t, erp.app_id, "a");
    return erp;
}

static void test_BC_30_the_authorization_header_arrives(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_app_with_credentials(h, t);
    struct reply request, reply;

    (void)publish_document(h, t);
    sinker_wait(h, "/erp", 1, SOON_MS);
    request = sinker_request(h, "/erp", 0);
    assert_string_equal(reply_text(&request, "headers.authorization"), "Basic " BASIC);

    reply = api_call(h, t->partner, "PATCH",
                     http_text(h->http, "/v1/subscriptions/%s", erp.subscription.id),
                     "{\"credentials\": null}");
    assert_status(reply, 200);
    assert_true(reply_is_null(&reply, "username"));
    (void)publish_document(h, t);
    sinker_wait(h, "/erp", 2, SOON_MS);
    request = sinker_request(h, "/erp", 1);
    assert_false(reply_has(&request, "headers.authorization"));
}

static void check_silent(const char *what, const char *text)
{
    if (strstr(text, PASSWORD) != NULL || strstr(text, BASIC) != NULL ||
        strstr(text, "s3cret") != NULL)
        fail_msg("%s shows the password: %s", what, text);
}

static struct reply check_call(struct harness *h, const char *method, const char *path,
                               const char *body)
{
    struct reply reply;

    reply = api_send(h, h->tenants[0].admin, method, path, hk_str(body), NULL);
    check_silent(reply.request, reply.body);
    check_silent(reply.request, reply.headers);
    return reply;
}

static void test_BC_30_the_password_is_in_no_reply_and_no_log(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_app_with_credentials(h, t);
    const char *subscription = http_text(h->http, "/v1/subscriptions/%s", erp.subscription.id);
    const char *event_id = publish_document(h, t);
    const char *message_id = message_of(h, t, event_id, erp.subscription.id);
    struct reply reply;

    message_wait(h, t, message_id, "succeeded");
    reply = check_call(h, "GET", subscription, NULL);
    assert_string_equal(reply_text(&reply, "username"), USERNAME);
    (void)check_call(h, "GET", "/v1/subscriptions", NULL);
    (void)check_call(h, "PATCH", subscription, "{\"description\": \"x\"}");
    (void)check_call(h, "PATCH", subscription,
                     "{\"credentials\": {\"username\": \"\", \"password\": \"" PASSWORD "\"}}");
    (void)check_call(h, "GET", http_text(h->http, "/v1/apps/%s", erp.app_id), NULL);
    (void)check_call(h, "GET", http_text(h->http, "/v1/events/%s", event_id), NULL);
    (void)check_call(h, "GET", http_text(h->http, "/v1/messages/%s", message_id), NULL);
    (void)check_call(h, "GET", http_text(h->http, "/v1/messages/%s/attempts", message_id), NULL);
    check_silent("the log", harness_logs(h));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE detail::text LIKE '%%s3cret%%'"), 0);
}

static void test_BC_30_the_reply_that_stores_the_password_does_not_show_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct reply reply;

    (void)t;
    reply = check_call(h, "POST", "/v1/apps",
                       http_text(h->http,
                                 "{\"name\": \"ERP\", \"partner\": \"acme\", \"subscription\": "
                                 "{\"url\": \"%s\", \"event_types\": [\"document.uploaded\"], "
                                 "\"credentials\": {\"username\": \"erp\", \"password\": \"%s\"}}}",
                                 sinker_url(h, "/erp"), PASSWORD));
    assert_status(reply, 201);
    assert_string_equal(reply_text(&reply, "subscription.username"), "erp");
    assert_false(reply_has(&reply, "subscription.password"));
    assert_false(reply_has(&reply, "subscription.credentials"));
}

int main(void)
{
    const char *const trusting[] = {tls.ca_variable, NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_BC_08_events_are_posted_over_https, .env = trusting),
        harness_test(test_BC_08_events_are_posted_over_https_to_a_name, .env = trusting),
        harness_test(test_BC_08_a_certificate_of_an_unknown_authority_is_a_failure,
                     .env = trusting),
        harness_test(test_BC_08_a_certificate_for_another_host_is_a_failure, .env = trusting),
        harness_test(test_BC_08_http_is_refused_unless_the_tenant_allows_it),
        harness_test(test_BC_30_the_authorization_header_arrives),
        harness_test(test_BC_30_the_password_is_in_no_reply_and_no_log,
                     .env = (const char *const[]){"HOOKLINE_LOG_LEVEL=debug", NULL}),
        harness_test(test_BC_30_the_reply_that_stores_the_password_does_not_show_it),
    };

    proc_make_directory("hookline-tls", tls.directory);
    (void)snprintf(tls.ca_file, sizeof(tls.ca_file), "%s/ca.pem", tls.directory);
    (void)snprintf(tls.ca_variable, sizeof(tls.ca_variable), "HOOKLINE_WORKER_CA_FILE=%s",
                   tls.ca_file);
    return cmocka_run_group_tests_name("basecone_security", tests, make_certificates,
                                       remove_certificates);
}
