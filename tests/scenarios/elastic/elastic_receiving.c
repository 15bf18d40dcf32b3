/* SPDX-License-Identifier: Apache-2.0 */
/* elastic_receiving.c - the scenario elastic.io: what comes in at the URL of a flow. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

#define NONE       "{\"kind\": \"none\"}"

static const char *const as_json[] = {"Content-Type: application/json", NULL};

/* ---- HTTPS ---- */

static char directory[PROC_PATH_SIZE], certificate[PROC_PATH_SIZE + 16],
    cert_variable[PROC_PATH_SIZE + 64], key_variable[PROC_PATH_SIZE + 64];

/* A second API, which serves TLS with a certificate of its own. */
static void start_tls_api(struct harness *h)
{
    static const char *const env[] = {cert_variable, key_variable, NULL};
    static struct harness_options options;
    const struct harness_options *usual = h->options;
    char key[PROC_PATH_SIZE + 16];

    proc_make_directory("hookline-elastic", directory);
    (void)snprintf(certificate, sizeof(certificate), "%s/cert.pem", directory);
    (void)snprintf(key, sizeof(key), "%s/key.pem", directory);
    (void)snprintf(cert_variable, sizeof(cert_variable), "HOOKLINE_API_TLS_CERT_FILE=%s",
                   certificate);
    (void)snprintf(key_variable, sizeof(key_variable), "HOOKLINE_API_TLS_KEY_FILE=%s", key);
    assert_int_equal(proc_run("openssl", directory,
                              (const char *const[]){
                                  "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                                  "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                                  "-keyout", key, "-out", certificate, NULL},
                              NULL, NULL),
                     0);
    options = *usual;
    options.env = env;
    h->options = &options;
    harness_start_other_api(h);
    h->options = usual;
    http_trust(h->http, certificate);
}

static void test_EI_01_each_flow_has_a_url_of_its_own_by_http_and_https(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    struct inlet orders = given_inlet(h, t, app_id, NONE, NULL, "");
    struct inlet returns = given_inlet(h, t, app_id, NONE, NULL, "");
    struct reply reply;

    start_tls_api(h);
    assert_string_not_equal(orders.path, returns.path);
    assert_gives(202, inlet_post(h, &orders, HK_STR("{\"n\":1}"), as_json));
    reply = http_call(h->http, "POST", at(h, "https%s", h->other_api_url + strlen("http")),
                      orders.path, NULL, HK_STR("{\"n\":2}"), NULL);
    assert_status(reply, 202);
    assert_gives(202, inlet_post(h, &returns, HK_STR("{\"n\":3}"), as_json));
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", orders.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", returns.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
}

/* ---- bodies ---- */

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static const struct {
    const char *type, *query;
    struct hk_str body;
} bodies[] = {
    {"application/json", "", TEXT("{\"total\": 0.10, \"n\": 1.0e2 }")},
    {"application/xml; charset=utf-8", "",
     TEXT("<?xml version=\"1.0\"?>\r\n<order id=\"7\"><item>caf\xc3\xa9</item></order>")},
    {"application/x-www-form-urlencoded", "", TEXT("name=J%C3%BCrgen&a=1&a=2")},
    {"text/plain", "?name=J%C3%BCrgen&a=1", TEXT("")},
    {"application/octet-stream", "", TEXT("\x00\x01\xfe\xff raw \r\n")},
    {"multipart/form-data; boundary=b7", "?from=shop",
     TEXT("--b7\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--b7\r\n"
          "Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n"
          "Content-Type: application/octet-stream\r\n\r\n\x00\xff\x10\r\n--b7--\r\n")},
};

static void test_EI_02_anything_is_taken_and_kept_byte_for_byte(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet =
        given_inlet(h, t, given_app(h, t, "acme"), NONE, NULL, ", \"delivery\": \"pull\"");

    for (size_t i = 0; i < HK_COUNTOF(bodies); i++) {
        struct reply reply =
            api_send(h, NULL, "POST", at(h, "%s%s", inlet.path, bodies[i].query), bodies[i].body,
                     (const char *const[]){at(h, "Content-Type: %s", bodies[i].type), NULL});
        const char *event_id, *query = bodies[i].query[0] == '\0' ? "" : bodies[i].query + 1;

        assert_status(reply, 202);
        event_id = reply_header(h->http, &reply, "hookline-event-id");
        reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/events/%s", event_id), NULL);
        assert_string_equal(reply_text(&reply, "request.content_type"), bodies[i].type);
        assert_string_equal(reply_text(&reply, "request.query"), query);
        reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/events/%s/body", event_id), NULL);
        assert_string_equal(reply_header(h->http, &reply, "content-type"), bodies[i].type);
        assert_int_equal(reply.body_n, bodies[i].body.n);
        assert_memory_equal(reply.body, bodies[i].body.p, bodies[i].body.n);
        /* and passed on */
        reply = api_want(h, 200, t->admin, "POST", at(h, "/v1/flows/%s/receive", inlet.id),
                         "{\"max\": 1}");
        assert_int_equal(reply_count(&reply, "data"), 1);
        assert_string_equal(reply_text(&reply, "data.0.event_id"), event_id);
        assert_string_equal(reply_text(&reply, "data.0.request.content_type"), bodies[i].type);
        (void)api_want(h, 200, t->admin, "POST", at(h, "/v1/flows/%s/ack", inlet.id),
                       at(h, "{\"receipts\": [\"%s\"]}", reply_text(&reply, "data.0.receipt")));
    }
}

/* ---- queued, then answered ---- */

static void test_EI_03_what_is_answered_is_queued_for_its_flow_and_survives(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *event_id;
    struct inlet inlet = given_inlet(h, t, app_id, NONE, NULL, "");
    struct inlet other = given_inlet(h, t, app_id, NONE, NULL, "");
    struct reply reply = inlet_post(h, &inlet, HK_STR("{\"n\":1}"), as_json);

    assert_status(reply, 202); /* and there is no worker that could have processed it */
    event_id = reply_header(h->http, &reply, "hookline-event-id");
    harness_kill_api(h);
    harness_restart_api(h);
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", inlet.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 1);
    assert_string_equal(reply_text(&reply, "data.0.event_id"), event_id);
    assert_string_equal(reply_text(&reply, "data.0.status"), "pending");
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", other.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

/* ---- credentials ---- */

static void test_EI_05_four_credentials_and_a_wrong_one_queues_nothing(void **state)
{
    static const struct hk_str body = TEXT("{\"blog\":\"post\"}");
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    const struct {
        const char *credential, *secret, *right, *wrong;
    } cases[] = {
        {NONE, NULL, "X-Nothing: 1", NULL},
        {"{\"kind\": \"basic\", \"username\": \"blog\"}", "pw",
         "Authorization: Basic YmxvZzpwdw==", "Authorization: Basic YmxvZzpweA=="},
        {"{\"kind\": \"api_key\", \"header\": \"X-Api-Key\"}", "k-123", "X-Api-Key: k-123",
         "X-Api-Key: k-124"},
        {"{\"kind\": \"hmac\", \"header\": \"X-Signature\", \"hash\": \"sha256\","
         " \"encoding\": \"hex\", \"prefix\": \"sha256=\"}",
         "s3cret",
         at(h, "X-Signature: sha256=%s",
            inlet_hmac(h, HK_SHA256, false, HK_STR("s3cret"), body, HK_STR(""), HK_STR(""))),
         at(h, "X-Signature: sha256=%s",
            inlet_hmac(h, HK_SHA256, false, HK_STR("s3cres"), body, HK_STR(""), HK_STR("")))},
    };

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct inlet inlet = given_inlet(h, t, app_id, cases[i].credential, cases[i].secret, "");
        struct reply reply;

        assert_gives(202, inlet_post(h, &inlet, body, (const char *const[]){cases[i].right, NULL}));
        if (cases[i].wrong != NULL) {
            reply = inlet_post(h, &inlet, body, (const char *const[]){cases[i].wrong, NULL});
            assert_problem(h, reply, 401, "unauthenticated", NULL);
            reply = inlet_post(h, &inlet, body, as_json);
            assert_problem(h, reply, 401, "unauthenticated", NULL);
        }
        reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", inlet.id), NULL);
        assert_int_equal(reply_count(&reply, "data"), 1);
    }
}

/* ---- answers ---- */

static void test_EI_06_unknown_and_stopped_flows_are_404_others_answer_as_they_say(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet = given_inlet(
        h, t, given_app(h, t, "acme"), NONE, NULL,
        ", \"answer\": {\"status\": 200, \"content_type\": \"text/xml\", \"body\": \"<ok/>\"}");
    struct inlet unknown = {.path = at(h, "%.*sAAAA", (int)strlen(inlet.path) - 4, inlet.path)};
    struct reply reply = inlet_post(h, &inlet, HK_STR("{}"), as_json);

    assert_status(reply, 200);
    assert_string_equal(reply_header(h->http, &reply, "content-type"), "text/xml");
    assert_string_equal(reply.body, "<ok/>");
    reply = inlet_post(h, &unknown, HK_STR("{}"), as_json);
    assert_problem(h, reply, 404, "not_found", NULL);
    (void)api_want(h, 200, t->admin, "POST", at(h, "/v1/flows/%s/stop", inlet.id), NULL);
    reply = inlet_post(h, &inlet, HK_STR("{}"), as_json);
    assert_problem(h, reply, 404, "not_found", NULL);
    (void)api_want(h, 200, t->admin, "POST", at(h, "/v1/flows/%s/start", inlet.id), NULL);
    assert_gives(200, inlet_post_patiently(h, &inlet, HK_STR("{}"), as_json));
    reply = api_want(h, 200, t->admin, "GET", at(h, "/v1/flows/%s/runs", inlet.id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_EI_01_each_flow_has_a_url_of_its_own_by_http_and_https,
                     .has_no_worker = true),
        harness_test(test_EI_02_anything_is_taken_and_kept_byte_for_byte, .has_no_worker = true),
        harness_test(test_EI_03_what_is_answered_is_queued_for_its_flow_and_survives,
                     .has_no_worker = true),
        harness_test(test_EI_05_four_credentials_and_a_wrong_one_queues_nothing,
                     .has_no_worker = true),
        harness_test(test_EI_06_unknown_and_stopped_flows_are_404_others_answer_as_they_say,
                     .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
