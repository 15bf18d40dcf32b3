/* SPDX-License-Identifier: Apache-2.0 */
/* What a naive check of credentials would let pass, or would refuse, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hk/inbound_credential.h"

enum { MAX_HEADERS = 3 };

struct attempt {
    const char *credential, *secret;
    struct hk_inbound_header headers[MAX_HEADERS];
    const char *url, *query, *body;
    int64_t now_s;
    enum hk_inbound_verdict verdict;
};

/* clang-format off */
#define H(name, value) {HK_STR(name), HK_STR(value)}
#define QUERY_KEY      .credential = "{\"kind\": \"api_key\", \"query\": \"key\"}"
#define X              .credential = "{\"kind\": \"x\"}", .secret = "key"
#define TWILIO         .credential = "{\"kind\": \"twilio\"}", .secret = "12345", .url = "https://a.example/"
#define STRIPE         .credential = "{\"kind\": \"stripe\"}", .secret = "whsec_test_secret", .body = "{\"id\":\"evt_test\"}", .now_s = 1614265330
#define STRIPE_MAC     "00cd8805b6dfb4317048892c492f8ff769e2075ec20013c6ed546e639a4e20ba"
#define STANDARD       .credential = "{\"kind\": \"standard_webhooks\"}", .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", \
                       .body = "{\"test\": 2432232314}", .now_s = 1614265330
#define STANDARD_MAC   "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static const struct attempt attempts[] = {
    /* Keys in a query are decoded, and there once. */
    {QUERY_KEY, .secret = "a+b", .query = "x=1&key=a%2Bb", .verdict = HK_INBOUND_OK},
    {QUERY_KEY, .secret = "a+b", .query = "key=a+b", .verdict = HK_INBOUND_WRONG},
    {QUERY_KEY, .secret = "a", .query = "key=a&key=a", .verdict = HK_INBOUND_WRONG},
    {QUERY_KEY, .secret = "a", .query = "Key=a", .verdict = HK_INBOUND_MISSING},
    {QUERY_KEY, .secret = "a", .query = "key", .verdict = HK_INBOUND_WRONG},
    {QUERY_KEY, .secret = "a", .query = "key=", .verdict = HK_INBOUND_WRONG},
    {QUERY_KEY, .secret = "", .query = "key=", .verdict = HK_INBOUND_WRONG},
    /* A header field that is there goes before the query. */
    {.credential = "{\"kind\": \"cloudevents\"}", .secret = "a", .query = "access_token=a", .verdict = HK_INBOUND_OK},
    {.credential = "{\"kind\": \"cloudevents\"}", .secret = "a", .query = "access_token=a",
     .headers = {H("Authorization", "Basic a")}, .verdict = HK_INBOUND_WRONG},
    {.credential = "{\"kind\": \"none\"}", .body = "anything", .verdict = HK_INBOUND_OK},
    /* Basic credentials that are not: no base64, no colon, the name alone. */
    {.credential = "{\"kind\": \"basic\", \"username\": \"u\"}", .secret = "p", .headers = {H("Authorization", "Basic dTpw")}, .verdict = HK_INBOUND_OK},
    {.credential = "{\"kind\": \"basic\", \"username\": \"u\"}", .secret = "p", .headers = {H("Authorization", "Basic dTp")}, .verdict = HK_INBOUND_WRONG},
    {.credential = "{\"kind\": \"basic\", \"username\": \"u\"}", .secret = "p", .headers = {H("Authorization", "Basic %")}, .verdict = HK_INBOUND_WRONG},
    {.credential = "{\"kind\": \"basic\", \"username\": \"u\"}", .secret = "p", .headers = {H("Authorization", "Bearer dTpw")}, .verdict = HK_INBOUND_WRONG},
    /* X signs what anyone asks it to: what looks like that is no delivery. */
    {X, .headers = {H("X-Twitter-Webhooks-Signature", "sha256=IFyU87AiLjtGTDPakCoa4bOgSkSU3PcUXkIorSMzMlg=")}, .body = "true", .verdict = HK_INBOUND_WRONG},
    /* A URL's signature says nothing of a body that is neither a form nor hashed there. */
    {TWILIO, .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo=")}, .body = "", .verdict = HK_INBOUND_OK},
    {TWILIO, .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo="), H("Content-Type", "application/json")}, .body = "{}", .verdict = HK_INBOUND_WRONG},
    {TWILIO, .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo=")}, .body = "{}", .verdict = HK_INBOUND_WRONG},
    {TWILIO, .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo=")}, .query = "bodySHA256=", .body = "", .verdict = HK_INBOUND_WRONG},
    {TWILIO, .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo="), H("Content-Type", "application/x-www-form-urlencoded")}, .body = "a=%", .verdict = HK_INBOUND_WRONG},
    {.credential = "{\"kind\": \"twilio\"}", .secret = "12345", .url = "no URL", .headers = {H("X-Twilio-Signature", "GDqU+MaaVBJb4yQ2BF3OdZkFDHo=")}, .verdict = HK_INBOUND_WRONG},
    /* The time of a list is what was signed, there once, and a number. */
    {STRIPE, .headers = {H("Stripe-Signature", "t=1614265330,v1=" STRIPE_MAC ",t=1714265330")}, .verdict = HK_INBOUND_WRONG},
    {STRIPE, .headers = {H("Stripe-Signature", "v1=" STRIPE_MAC)}, .verdict = HK_INBOUND_MISSING},
    {STRIPE, .headers = {H("Stripe-Signature", "t=1614265330,v0=" STRIPE_MAC)}, .verdict = HK_INBOUND_MISSING},
    {STRIPE, .headers = {H("Stripe-Signature", "t=+1614265330,v1=" STRIPE_MAC)}, .verdict = HK_INBOUND_WRONG},
    {STRIPE, .headers = {H("Stripe-Signature", "t=9999999999999999999,v1=" STRIPE_MAC)}, .verdict = HK_INBOUND_WRONG},
    {STRIPE, .headers = {H("Stripe-Signature", ",,,=,v1=,t=")}, .verdict = HK_INBOUND_WRONG},
    {STANDARD, .headers = {H("webhook-signature", "v1,"), H("webhook-timestamp", "1614265330"), H("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")},
     .verdict = HK_INBOUND_WRONG},
    {STANDARD, .headers = {H("webhook-signature", STANDARD_MAC), H("webhook-timestamp", "hello"), H("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")},
     .verdict = HK_INBOUND_WRONG},
    {STANDARD, .headers = {H("webhook-signature", STANDARD_MAC), H("webhook-timestamp", "1614265330"), H("webhook-id", "")},
     .verdict = HK_INBOUND_WRONG},
};
/* clang-format on */

static enum hk_inbound_verdict verify(const struct attempt *attempt, struct hk_inbound_id *ret_id)
{
    struct hk_inbound_secrets secrets = {{hk_str(attempt->secret)}, 1};
    struct hk_inbound_request request = {.method = HK_STR("POST"),
                                         .url = hk_str(attempt->url),
                                         .query = hk_str(attempt->query),
                                         .headers = attempt->headers,
                                         .body = hk_str(attempt->body)};
    struct hk_inbound_credential credential;
    enum hk_inbound_verdict verdict;

    while (request.n_headers < MAX_HEADERS && attempt->headers[request.n_headers].name.p != NULL)
        request.n_headers++;
    assert_int_equal(
        hk_inbound_credential_parse(hk_str(attempt->credential), "", &credential, NULL), HK_OK);
    verdict = hk_inbound_verify(&credential, &secrets, &request, attempt->now_s, ret_id);
    hk_inbound_credential_done(&credential);
    return verdict;
}

static void each_attempt_is_judged(void **state)
{
    struct hk_inbound_id id;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(attempts); i++) {
        enum hk_inbound_verdict got = verify(&attempts[i], &id);

        if (got != attempts[i].verdict)
            fail_msg("attempt %zu: %d instead of %d", i, (int)got, (int)attempts[i].verdict);
    }
}

/* ---- ids ------------------------------------------------------------------------------------- */

#define WITH_ID "{\"kind\": \"api_key\", \"header\": \"X-Key\", \"id_header\": \"X-Id\"}"

static void an_id_is_as_it_came_or_a_hash(void **state)
{
    static const struct {
        const char *id, *wanted;
    } cases[] = {
        {"", ""},
        {"a/b:c", "a/b:c"},
        {"a b", "sha256."},
        {"\303\251", "sha256."},
        {"0123456789012345678901234567890123456789012345678901234567890123"
         "01234567890123456789012345678901",
         "0123456789012345678901234567890123456789012345678901234567890123"
         "01234567890123456789012345678901"},
        {"0123456789012345678901234567890123456789012345678901234567890123"
         "012345678901234567890123456789012",
         "sha256."},
    };
    struct hk_inbound_id id;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct attempt attempt = {
            .credential = WITH_ID,
            .secret = "k",
            .headers = {H("X-Key", "k"), {HK_STR("X-Id"), hk_str(cases[i].id)}}};

        assert_int_equal(verify(&attempt, &id), HK_INBOUND_OK);
        if (strcmp(cases[i].wanted, "sha256.") != 0) {
            assert_string_equal(id.n == 0 ? "" : id.text, cases[i].wanted);
            assert_int_equal(id.n, strlen(cases[i].wanted));
        } else {
            assert_int_equal(id.n, 7 + 64);
            assert_memory_equal(id.text, "sha256.", 7);
        }
    }
}

static void an_id_in_a_body_is_a_member_of_its_object(void **state)
{
    static const struct {
        const char *body, *wanted;
    } cases[] = {
        {"{\"id\": \"evt_1\", \"source\": \"s\"}", "sha256."},
        {"{\"id\": \"evt_1\"}", ""},
        {"{\"data\": {\"id\": \"evt_1\", \"source\": \"s\"}}", ""},
        {"[\"id\"]", ""},
        {"{\"id\": \"evt_1\", \"source\": \"s\"", ""},
        {"", ""},
    };
    struct hk_inbound_id id;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct attempt attempt = {.credential = "{\"kind\": \"cloudevents\"}",
                                  .secret = "k",
                                  .headers = {H("Authorization", "Bearer k")},
                                  .body = cases[i].body};

        assert_int_equal(verify(&attempt, &id), HK_INBOUND_OK);
        assert_int_equal(id.n, cases[i].wanted[0] == '\0' ? 0 : 71);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attempt_is_judged),
        cmocka_unit_test(an_id_is_as_it_came_or_a_hash),
        cmocka_unit_test(an_id_in_a_body_is_a_member_of_its_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
