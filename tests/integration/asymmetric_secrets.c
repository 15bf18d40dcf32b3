/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures v1a: who receives knows a public key only. Subscriptions that begin with one, or with
 * one of each kind, and those that change over.
 */
#include <string.h>

#include "tests/support/check.h"

#define SW3_SECRET                                                                                 \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SW3_UNPADDED                                                                               \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg"
#define SW3_PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define MIXED_HALVES                                                                               \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw=="

struct story {
    struct tenant *t;
    struct reply made; /* the subscription, as its creation answered */
    const char *path;  /* of its secrets */
};

/* A subscription of /hook that has `members` besides. */
static struct story given(struct harness *h, const char *members)
{
    struct story s = {.t = given_tenant(h)};
    const char *app_id;

    (void)given_company(h, s.t, "c1");
    given_event_type(h, s.t, "order.paid");
    app_id = given_app(h, s.t, "acme");
    (void)given_connection(h, s.t, app_id, "c1");
    s.made = api_want(h, 201, s.t->partner, "POST",
                      http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                      http_text(h->http, "{\"url\": \"%s\", \"event_types\": [\"order.paid\"]%s}",
                                sinker_url(h, "/hook"), members));
    s.path = http_text(h->http, "/v1/subscriptions/%s/secrets", reply_text(&s.made, "id"));
    return s;
}

static struct reply create(struct harness *h, const struct story *s, const char *body)
{
    return api_want(h, 201, s->t->partner, "POST", s->path, body);
}

/* Publishes an event; what the sinker, which knows `key` alone, says of its signatures. */
static const char *send_one(struct harness *h, const struct story *s, const char *key)
{
    unsigned n = sinker_count(h, "/hook");
    struct reply request;

    sinker_rule(h, "/hook", "{\"secret\": \"%s\"}", key);
    (void)publish(h, s->t, "order.paid", "c1", "{\"total\": 0.1}");
    sinker_wait(h, "/hook", n + 1, 10000);
    request = sinker_request(h, "/hook", n);
    return reply_text(&request, "signature");
}

/* "v1 v1a": the versions in the newest request's header. */
static const char *versions(struct harness *h)
{
    struct reply request = sinker_request(h, "/hook", sinker_count(h, "/hook") - 1);
    const char *at = reply_text(&request, "headers.webhook-signature");
    const char *text = "";

    for (; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ' ? 1 : 0;
        text = http_text(h->http, "%s%s%.*s", text, text[0] == '\0' ? "" : " ",
                         (int)strcspn(at, ","), at);
    }
    return text;
}

static void assert_no_private_key_is_told(struct harness *h)
{
    assert_null(strstr(harness_logs(h), "whsk_"));
    assert_int_equal(
        db_int(h, "SELECT count(*) FROM audit_log WHERE detail::text LIKE '%%whsk_%%'"), 0);
}

static void test_the_public_key_alone_verifies_and_the_private_one_is_never_shown(void **state)
{
    struct harness *h = *state;
    struct story s = given(h, ", \"overrides\": {\"signature\": \"standard_v1a\"}");
    const char *public_key = reply_text(&s.made, "public_key");
    struct reply list;

    assert_true(reply_is_null(&s.made, "secret"));
    assert_int_equal(strlen(public_key), strlen(SW3_PUBLIC));
    assert_null(strstr(s.made.body, "whsk_"));
    assert_string_equal(send_one(h, &s, public_key), "valid");
    assert_string_equal(versions(h), "v1a");
    assert_string_equal(send_one(h, &s, SW3_PUBLIC), "invalid");

    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    assert_int_equal(reply_count(&list, "data"), 1);
    assert_string_equal(reply_text(&list, "data.0.kind"), "v1a");
    assert_string_equal(reply_text(&list, "data.0.public_key"), public_key);
    list = api_want(h, 200, s.t->partner, "GET",
                    http_text(h->http, "%s/%s", s.path, reply_text(&list, "data.0.id")), NULL);
    assert_string_equal(reply_text(&list, "public_key"), public_key);
    assert_null(strstr(list.body, "whsk_"));
    assert_no_private_key_is_told(h);
}

static void test_a_profile_may_begin_with_both_kinds_and_a_rotation_is_of_one(void **state)
{
    struct harness *h = *state;
    struct story s = given(h, "");
    const char *subscriptions =
        http_text(h->http, "/v1/apps/%s/subscriptions", reply_text(&s.made, "app_id"));
    const char *secret, *public_key;
    struct reply made;

    (void)api_want(h, 201, s.t->admin, "POST", "/v1/profiles",
                   "{\"name\": \"both\", \"signature\": \"standard_both\"}");
    (void)api_want(h, 204, s.t->partner, "DELETE",
                   http_text(h->http, "/v1/subscriptions/%s", reply_text(&s.made, "id")), NULL);
    s.made = api_want(h, 201, s.t->partner, "POST", subscriptions,
                      http_text(h->http,
                                "{\"url\": \"%s\", \"event_types\": [\"order.paid\"],"
                                " \"profile\": \"both\"}",
                                sinker_url(h, "/hook")));
    s.path = http_text(h->http, "/v1/subscriptions/%s/secrets", reply_text(&s.made, "id"));
    secret = reply_text(&s.made, "secret");
    public_key = reply_text(&s.made, "public_key");
    assert_string_equal(send_one(h, &s, secret), "valid");
    assert_string_equal(send_one(h, &s, public_key), "valid");
    assert_int_equal(strlen(versions(h)), strlen("v1 v1a"));

    made = create(h, &s, "{\"kind\": \"v1a\", \"overlap_s\": 0}");
    assert_string_equal(reply_text(&made, "kind"), "v1a");
    assert_true(reply_is_null(&made, "secret"));
    assert_string_equal(send_one(h, &s, public_key), "invalid");
    assert_string_equal(send_one(h, &s, reply_text(&made, "public_key")), "valid");
    assert_string_equal(send_one(h, &s, secret), "valid");
}

static void test_a_receiver_changes_over_while_both_kinds_sign(void **state)
{
    struct harness *h = *state;
    struct story s = given(h, "");
    struct reply list = api_want(h, 200, s.t->partner, "GET", s.path, NULL), made;
    const char *old = http_text(h->http, "%s/%s", s.path, reply_text(&list, "data.0.id"));

    assert_true(reply_is_null(&s.made, "public_key"));
    assert_true(reply_is_null(&list, "data.0.public_key"));
    assert_string_equal(reply_text(&list, "data.0.kind"), "v1");
    made = create(h, &s, "{\"kind\": \"v1a\"}");
    assert_string_equal(send_one(h, &s, reply_text(&s.made, "secret")), "valid");
    assert_string_equal(send_one(h, &s, reply_text(&made, "public_key")), "valid");
    assert_string_equal(versions(h), "v1a v1"); /* the newest first */
    list = api_want(h, 200, s.t->partner, "GET", s.path, NULL);
    assert_true(reply_is_null(&list, "data.1.expires_at")); /* the other kind does not end it */

    (void)api_want(h, 204, s.t->partner, "DELETE", old, NULL);
    assert_string_equal(send_one(h, &s, reply_text(&made, "public_key")), "valid");
    assert_string_equal(versions(h), "v1a");
}

static void test_what_nobody_names_is_of_the_profiles_kind(void **state)
{
    struct harness *h = *state;
    struct story s = given(h, ", \"overrides\": {\"signature\": \"standard_v1a\"}");
    struct reply made = create(h, &s, "{}");

    assert_string_equal(reply_text(&made, "kind"), "v1a");
    assert_string_equal(send_one(h, &s, reply_text(&made, "public_key")), "valid");
    assert_string_equal(send_one(h, &s, reply_text(&s.made, "public_key")), "valid");
}

static void test_a_pair_can_be_imported_and_is_judged(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"secret\": \"" MIXED_HALVES "\"}", "/secret"},
        {"{\"secret\": \"" SW3_PUBLIC "\"}", "/secret"},
        {"{\"secret\": \"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}", "/secret"},
        {"{\"secret\": \"" SW3_SECRET "\", \"kind\": \"v1\"}", "/kind"},
        {"{\"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \"kind\": \"v1a\"}", "/kind"},
        {"{\"kind\": \"v2\"}", "/kind"},
    };
    struct harness *h = *state;
    struct story s = given(h, "");
    struct reply made;

    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        expect_refused(h, s.t->partner, http_text(h->http, "POST %s", s.path), hk_str(wrong[i][0]),
                       422, "invalid_body", wrong[i][1]);
    made = create(h, &s, "{\"secret\": \"" SW3_UNPADDED "\"}");
    assert_string_equal(reply_text(&made, "public_key"), SW3_PUBLIC);
    assert_true(reply_is_null(&made, "secret"));
    assert_null(strstr(made.body, "whsk_"));
    assert_string_equal(send_one(h, &s, SW3_PUBLIC), "valid");
    assert_no_private_key_is_told(h);
}

static void test_a_tenant_has_both_kinds_and_the_plain_hmac_takes_the_shared_one(void **state)
{
    struct harness *h = *state;
    struct story s = given(h, ", \"overrides\": {\"secret_of\": \"tenant\"}");
    struct reply shared = api_call(h, s.t->admin, "POST", "/v1/tenant/secrets", NULL), pair, list;
    const char *subscription =
        http_text(h->http, "/v1/subscriptions/%s", reply_text(&s.made, "id"));

    pair = api_call(h, s.t->admin, "POST", "/v1/tenant/secrets", "{\"kind\": \"v1a\"}");
    assert_status(pair, 201);
    assert_true(reply_is_null(&pair, "secret"));
    assert_string_equal(send_one(h, &s, reply_text(&pair, "public_key")), "valid");
    assert_string_equal(send_one(h, &s, reply_text(&shared, "secret")), "valid");
    assert_string_equal(send_one(h, &s, reply_text(&s.made, "secret")), "invalid");
    list = api_call(h, s.t->admin, "GET", "/v1/tenant/secrets", NULL);
    assert_int_equal(reply_count(&list, "data"), 2);
    assert_string_equal(reply_text(&list, "data.0.public_key"), reply_text(&pair, "public_key"));
    assert_true(reply_is_null(&list, "data.1.expires_at"));

    (void)api_want(h, 200, s.t->partner, "PATCH", subscription,
                   "{\"overrides\": {\"signature\": \"hmac_hex\", \"envelope\": \"raw\"}}");
    (void)send_one(h, &s, reply_text(&shared, "secret"));
    list = sinker_request(h, "/hook", sinker_count(h, "/hook") - 1);
    assert_string_equal(reply_text(&list, "body"), "{\"total\": 0.1}");
    assert_int_equal(strlen(reply_text(&list, "headers.x-delivery-hmac-sha256")), 64);
    assert_false(reply_has(&list, "headers.webhook-signature"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_the_public_key_alone_verifies_and_the_private_one_is_never_shown),
        harness_test(test_a_profile_may_begin_with_both_kinds_and_a_rotation_is_of_one),
        harness_test(test_a_receiver_changes_over_while_both_kinds_sign),
        harness_test(test_what_nobody_names_is_of_the_profiles_kind),
        harness_test(test_a_pair_can_be_imported_and_is_judged),
        harness_test(test_a_tenant_has_both_kinds_and_the_plain_hmac_takes_the_shared_one),
    };

    return cmocka_run_group_tests_name("asymmetric_secrets", tests, NULL, NULL);
}
