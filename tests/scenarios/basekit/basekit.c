/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basekit.c - the scenario BaseKit: a site builder whose partners subscribe one event and a URL
 * over REST, often Zapier's, and get raw payloads under an HMAC of the tenant's secret (BK-01 to
 * BK-07).
 */
#include <string.h>

#include "hk/encode.h"
#include "hk/sign.h"
#include "tests/scenarios/data.h"
#include "tests/support/message.h"

#define ZAP "/hooks/catch/1234567/3abcdefg"

/* The tenant with its catalogue, company "site-1", and a secret unless the story makes its own. */
static struct tenant *given_basekit(struct harness *h)
{
    struct tenant *t = given_tenant(h);

    given_catalogue(h, t, "basekit");
    (void)given_company(h, t, "site-1");
    return t;
}

static const char *given_secret(struct harness *h, const struct tenant *t, const char *body)
{
    struct reply reply = api_send(h, t->admin, "POST", "/v1/tenant/secrets", hk_str(body), NULL);

    assert_status(reply, 201);
    return reply_text(&reply, "secret");
}

static struct reply subscribe(struct harness *h, const struct tenant *t, const char *event,
                              const char *path)
{
    struct reply reply =
        api_call(h, t->partner, "POST", "/v1/hooks", "{\"target_url\": \"%s\", \"event\": \"%s\"}",
                 sinker_url(h, path), event);

    assert_status(reply, 201);
    return reply;
}

/* Subscribes and connects the company; the subscription's id. */
static const char *given_hook(struct harness *h, const struct tenant *t, const char *event,
                              const char *path)
{
    struct reply hook = subscribe(h, t, event, path);

    (void)given_connection(h, t, reply_text(&hook, "app_id"), "site-1");
    return reply_text(&hook, "id");
}

static const char *hmac_hex(struct harness *h, const char *secret, const char *body)
{
    uint8_t mac[32];
    char text[65];

    hk_sign_body(hk_str(secret), hk_str(body), mac);
    hk_hex_encode(mac, sizeof(mac), text);
    return http_text(h->http, "%s", text);
}

static void assert_signed(struct harness *h, const char *path, unsigned i, const char *secret)
{
    struct reply request = sinker_request(h, path, i);

    assert_string_equal(reply_text(&request, "headers.x-delivery-hmac-sha256"),
                        hmac_hex(h, secret, reply_text(&request, "body")));
}

static void test_BK_01_one_event_and_a_url_make_a_subscription(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    struct reply hook = subscribe(h, t, "site.publish", "/a"), found;
    const char *path = http_text(h->http, "/v1/subscriptions/%s", reply_text(&hook, "id"));

    found = api_call(h, t->partner, "GET", path, NULL);
    assert_status(found, 200);
    assert_string_equal(reply_text(&found, "event_types.0"), "site.publish");
    assert_string_equal(reply_text(&found, "profile"), "basekit");
    found = api_call(h, t->partner, "DELETE",
                     http_text(h->http, "/v1/hooks/%s", reply_text(&hook, "id")), NULL);
    assert_status(found, 204);
    found = api_call(h, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&found, "state"), "archived");
}

static void test_BK_01_several_subscriptions_to_one_url_each_get_theirs(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);

    (void)given_secret(h, t, NULL);
    (void)given_hook(h, t, "site.publish", "/a");
    (void)subscribe(h, t, "site.publish", "/a");
    (void)subscribe(h, t, "site.first_publish", "/a");
    (void)publish(h, t, "site.publish", "site-1", "{\"n\":1}");
    (void)publish(h, t, "site.first_publish", "site-1", "{\"n\":2}");
    sinker_wait(h, "/a", 3, 20000);
}

static const char *const names[] = {"account_holder.created", "account_holder.package_change",
                                    "booking.updated",        "site.first_publish",
                                    "site.publish",           "store.order_updated"};

static void test_BK_02_the_catalogue_can_be_loaded_with_a_sample_each(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    struct reply list = api_call(h, t->partner, "GET", "/v1/event_types", NULL);

    assert_status(list, 200);
    assert_int_equal(reply_count(&list, "data"), HK_COUNTOF(names));
    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        assert_string_equal(reply_text(&list, http_text(h->http, "data.%zu.name", i)), names[i]);
        assert_true(strlen(sample_of(h, t, names[i])) > 2);
    }
    given_catalogue(h, t, "basekit"); /* again: nothing becomes double */
    list = api_call(h, t->partner, "GET", "/v1/event_types", NULL);
    assert_int_equal(reply_count(&list, "data"), HK_COUNTOF(names));
}

static void test_BK_03_the_events_own_payload_is_what_is_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *secret = given_secret(h, t, NULL);
    struct reply request;

    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        const char *path = http_text(h->http, "/%s", names[i]);

        (void)given_hook(h, t, names[i], path);
        (void)publish(h, t, names[i], "site-1", sample_of(h, t, names[i]));
        sinker_wait(h, path, 1, 20000);
        assert_body(h, path, 0, http_text(h->http, "basekit/expected/%s.json", names[i]), NULL);
        assert_signed(h, path, 0, secret);
    }
    request = sinker_request(h, "/store.order_updated", 0);
    assert_non_null(strstr(reply_text(&request, "body"), "19.90")); /* a parser would say 19.9 */
    assert_string_equal(reply_text(&request, "headers.content-type"), "application/json");
}

static void test_BK_04_zapiers_catch_raw_hook_is_a_destination(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *secret = given_secret(h, t, NULL);
    struct reply request;

    (void)given_hook(h, t, "booking.updated", ZAP "/silent/?token=a%2Fb&standard=1");
    (void)publish(h, t, "booking.updated", "site-1", "{ \"id\":9001 , \"n\":1e2}");
    sinker_wait(h, ZAP "/silent/", 1, 20000);
    request = sinker_request(h, ZAP "/silent/", 0);
    assert_string_equal(reply_text(&request, "headers.:query"), "token=a%2Fb&standard=1");
    assert_string_equal(reply_text(&request, "body"), "{ \"id\":9001 , \"n\":1e2}");
    assert_signed(h, ZAP "/silent/", 0, secret);
}

static void test_BK_05_every_webhook_carries_an_hmac_on_every_attempt(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *secret = given_secret(h, t, NULL);
    struct reply request;

    (void)given_hook(h, t, "site.publish", "/a");
    sinker_rule(h, "/a", "{\"replies\": [{\"status\": 500}]}");
    (void)publish(h, t, "site.publish", "site-1", "{\"name\":\"caf\\u00e9 \xe2\x82\xac\"}");
    sinker_wait(h, "/a", 2, 20000);
    for (unsigned i = 0; i < 2; i++)
        assert_signed(h, "/a", i, secret);
    request = sinker_request(h, "/a", 0);
    assert_int_equal(strlen(reply_text(&request, "headers.x-delivery-hmac-sha256")), 64);
    assert_true(reply_has(&request, "headers.webhook-id"));
    assert_true(reply_has(&request, "headers.webhook-timestamp"));
    assert_false(reply_has(&request, "headers.webhook-signature"));
}

static void test_BK_05_base64_can_be_chosen(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *secret = given_secret(h, t, NULL);
    uint8_t mac[32];
    char text[64];
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/profiles",
                 "{\"name\": \"kit64\", \"base\": \"basekit\", \"signature\": \"hmac_base64\"}");

    assert_status(reply, 201);
    reply =
        api_call(h, t->partner, "PATCH",
                 http_text(h->http, "/v1/subscriptions/%s", given_hook(h, t, "site.publish", "/a")),
                 "{\"profile\": \"kit64\"}");
    assert_status(reply, 200);
    (void)publish(h, t, "site.publish", "site-1", "{\"n\":1}");
    sinker_wait(h, "/a", 1, 20000);
    reply = sinker_request(h, "/a", 0);
    hk_sign_body(hk_str(secret), HK_STR("{\"n\":1}"), mac);
    (void)hk_b64_encode(mac, sizeof(mac), text);
    assert_string_equal(reply_text(&reply, "headers.x-delivery-hmac-sha256"), text);
}

static void test_BK_06_one_secret_of_the_tenant_signs_for_all(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h), *other = given_basekit(h);
    const char *secret = given_secret(h, t, NULL), *others = given_secret(h, other, NULL);

    assert_string_not_equal(secret, others);
    (void)given_hook(h, t, "site.publish", "/a");
    (void)subscribe(h, t, "site.publish", "/b");
    (void)given_hook(h, other, "site.publish", "/other");
    (void)publish(h, t, "site.publish", "site-1", "{\"n\":1}");
    (void)publish(h, other, "site.publish", "site-1", "{\"n\":1}");
    sinker_wait(h, "/a", 1, 20000);
    sinker_wait(h, "/b", 1, 20000);
    sinker_wait(h, "/other", 1, 20000);
    assert_signed(h, "/a", 0, secret);
    assert_signed(h, "/b", 0, secret);
    assert_signed(h, "/other", 0, others);
}

static void test_BK_06_the_newest_secret_signs(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *first = given_secret(h, t, NULL), *second;

    (void)given_hook(h, t, "site.publish", "/a");
    (void)publish(h, t, "site.publish", "site-1", "{\"n\":1}");
    sinker_wait(h, "/a", 1, 20000);
    second = given_secret(h, t, "{\"overlap_s\": 3600}");
    (void)publish(h, t, "site.publish", "site-1", "{\"n\":2}");
    sinker_wait(h, "/a", 2, 20000);
    assert_signed(h, "/a", 0, first);
    assert_signed(h, "/a", 1, second);
}

static void test_BK_06_nothing_goes_out_before_there_is_a_secret(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *message, *secret;
    struct reply attempt;

    (void)given_hook(h, t, "site.publish", "/a");
    message = message_path(h, t, publish(h, t, "site.publish", "site-1", "{\"n\":1}"), NULL);
    message_wait_attempts(h, t, message, 1);
    attempt = message_attempt(h, t, message, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "request_invalid");
    assert_string_equal(reply_text(&attempt, "error"), "there is no valid signing secret");
    secret = given_secret(h, t, NULL);
    message_wait(h, t, message, "succeeded"); /* the schedule goes on */
    assert_int_equal(sinker_count(h, "/a"), 1);
    assert_signed(h, "/a", 0, secret);
}

/* Runs docs/verify/zapier.js on a request that came; its exit code. */
static int verify(struct harness *h, const struct reply *request, const char *secret)
{
    static const char program[] = HOOKLINE_SOURCE_DIR "/tests/verify/zapier.js";
    const char *const argv[] = {HOOKLINE_NODE,
                                program,
                                reply_text(request, "body"),
                                reply_text(request, "headers.x-delivery-hmac-sha256"),
                                secret,
                                NULL};

    return proc_run("node", h->directory, argv, (const char *const[]){NULL}, NULL);
}

static void test_BK_07_a_zapier_step_verifies_what_it_got(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basekit(h);
    const char *secret = given_secret(h, t, NULL);
    struct reply request;

    if (strstr(HOOKLINE_NODE, "NOTFOUND") != NULL)
        skip();
    (void)given_hook(h, t, "site.publish", "/a");
    (void)publish(h, t, "site.publish", "site-1", "{\"name\":\"\xe2\x82\xac\", \"n\":1.50}");
    sinker_wait(h, "/a", 1, 20000);
    request = sinker_request(h, "/a", 0);
    assert_int_equal(verify(h, &request, secret), 0);
    assert_int_equal(verify(h, &request, "whsec_RVhBTVBMRUVYQU1QTEVFWEFNUExFRVhBTVBMRUVYQU0="), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_BK_01_one_event_and_a_url_make_a_subscription),
        harness_test(test_BK_01_several_subscriptions_to_one_url_each_get_theirs),
        harness_test(test_BK_02_the_catalogue_can_be_loaded_with_a_sample_each),
        harness_test(test_BK_03_the_events_own_payload_is_what_is_sent),
        harness_test(test_BK_04_zapiers_catch_raw_hook_is_a_destination),
        harness_test(test_BK_05_every_webhook_carries_an_hmac_on_every_attempt,
                     .env = (const char *const[]){"HOOKLINE_WORKER_SCHEDULE_DIVISOR=100", NULL}),
        harness_test(test_BK_05_base64_can_be_chosen),
        harness_test(test_BK_06_one_secret_of_the_tenant_signs_for_all),
        harness_test(test_BK_06_the_newest_secret_signs),
        harness_test(test_BK_06_nothing_goes_out_before_there_is_a_secret),
        harness_test(test_BK_07_a_zapier_step_verifies_what_it_got),
    };

    return cmocka_run_group_tests_name("basekit", tests, NULL, NULL);
}
