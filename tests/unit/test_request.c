/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields and signatures of a request (standards 1.1 to 1.3, 3.3; BC-30). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/request.h"
#include "hk/sign.h"

#define SW1_SECRET    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SW1_ID        "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SW1_BODY      "{\"test\": 2432232314}"
#define SW1_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SW1_TIME      INT64_C(1614265330)

#define SW3_SECRET                                                                                 \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SW3_SIGNATURE                                                                              \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

#define SW2_SECRET "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

static struct hk_request request; /* too large for a test's stack frame */
static const char *why;

static struct hk_request_parts example(void)
{
    return (struct hk_request_parts){
        .url = "https://receiver.example/hook",
        .message_id = HK_STR(SW1_ID),
        .body = HK_STR(SW1_BODY),
        .secrets = HK_STR(SW1_SECRET),
        .timestamp_s = SW1_TIME,
        .span_id = UINT64_C(0x00f067aa0ba902b7),
        .timeout_ms = 15000,
    };
}

/* The value of a header field; NULL when there is none. */
static const char *header(const char *name)
{
    size_t n = strlen(name);

    for (unsigned i = 0; i < request.n_headers; i++) {
        if (strncmp(request.headers[i], name, n) == 0 && request.headers[i][n] == ':')
            return request.headers[i] + n + (request.headers[i][n + 1] == ' ' ? 2 : 1);
    }
    return NULL;
}

static void build(const struct hk_request_parts *parts)
{
    assert_true(hk_request_build(parts, &request, &why));
}

static void assert_refused(const struct hk_request_parts *parts, const char *expected)
{
    assert_false(hk_request_build(parts, &request, &why));
    assert_string_equal(why, expected);
}

static void test_SW1_the_reference_message_has_the_reference_signature(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    build(&parts);
    assert_string_equal(header("webhook-id"), SW1_ID);
    assert_string_equal(header("webhook-timestamp"), "1614265330");
    assert_string_equal(header("webhook-signature"), SW1_SIGNATURE);
}

static void test_SW2_the_reference_message_has_the_reference_signature(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.message_id = HK_STR("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
    parts.timestamp_s = 1649367553;
    parts.body = HK_STR("{\"email\":\"test@example.com\",\"username\":\"test_user\"}");
    parts.secrets = HK_STR(SW2_SECRET);
    build(&parts);
    assert_string_equal(header("webhook-signature"),
                        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

static void test_each_live_secret_signs(void **state)
{
    struct hk_request_parts parts = example();
    struct hk_str signatures;

    (void)state;

    parts.secrets = HK_STR(SW2_SECRET " " SW1_SECRET);
    build(&parts);
    signatures = hk_str(header("webhook-signature"));
    assert_int_equal(signatures.n, 2 * strlen(SW1_SIGNATURE) + 1);
    assert_true(
        hk_verify_v1(HK_STR(SW1_SECRET), parts.message_id, SW1_TIME, parts.body, signatures));
    assert_true(
        hk_verify_v1(HK_STR(SW2_SECRET), parts.message_id, SW1_TIME, parts.body, signatures));
}

static void test_secrets_of_both_kinds_sign_side_by_side(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.secrets = HK_STR(SW3_SECRET " " SW1_SECRET);
    build(&parts);
    assert_string_equal(header("webhook-signature"), SW3_SIGNATURE " " SW1_SIGNATURE);
}

static void test_a_plain_hmac_is_by_the_newest_secret_that_is_shared(void **state)
{
    struct hk_request_parts parts = example();
    char expected[65];

    (void)state;

    parts.signature = HK_SIGNATURE_HMAC_HEX;
    parts.secrets = HK_STR(SW1_SECRET);
    build(&parts);
    (void)snprintf(expected, sizeof(expected), "%s", header("X-Delivery-Hmac-SHA256"));
    parts.secrets = HK_STR(SW3_SECRET " " SW1_SECRET " " SW2_SECRET);
    build(&parts);
    assert_string_equal(header("X-Delivery-Hmac-SHA256"), expected);
    parts.secrets = HK_STR(SW3_SECRET);
    assert_refused(&parts, "there is no valid signing secret");
}

static void test_a_secret_that_is_none_is_passed_over(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.secrets = HK_STR("whsec_% " SW1_SECRET);
    build(&parts);
    assert_string_equal(header("webhook-signature"), SW1_SIGNATURE);
}

static void test_nothing_is_sent_unsigned(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.secrets = HK_STR("whsec_%");
    assert_refused(&parts, "there is no valid signing secret");
    parts.secrets = HK_STR_NULL;
    assert_refused(&parts, "there is no valid signing secret");
}

static void test_the_fixed_fields_are_there(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    build(&parts);
    assert_string_equal(header("content-type"), "application/json");
    assert_string_equal(header("user-agent"), "Hookline/" HOOKLINE_VERSION);
    assert_string_equal(header("accept"), "");
    assert_string_equal(header("expect"), "");
    assert_null(header("authorization"));
    assert_null(header("traceparent"));
    assert_int_equal(request.n_headers, 7);
    assert_ptr_equal(request.body.p, parts.body.p);
}

static void test_BC_30_credentials_become_basic_authorization(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.username = HK_STR("Aladdin");
    parts.password = HK_STR("open sesame");
    build(&parts);
    assert_string_equal(header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");

    parts.username = HK_STR("test");
    parts.password = HK_STR("123\xc2\xa3"); /* RFC 7617, section 2.1 */
    build(&parts);
    assert_string_equal(header("authorization"), "Basic dGVzdDoxMjPCow==");

    parts.password = HK_STR("");
    build(&parts);
    assert_string_equal(header("authorization"), "Basic dGVzdDo=");
}

static void test_a_line_break_in_credentials_cannot_reach_the_wire(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.username = HK_STR("a\r\nX-Injected: yes");
    parts.password = HK_STR("b\n");
    build(&parts);
    assert_null(strpbrk(header("authorization"), "\r\n"));
    assert_null(header("X-Injected"));
}

static void test_the_trace_goes_on_with_a_span_of_its_own(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.traceparent = HK_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    build(&parts);
    assert_string_equal(header("traceparent"),
                        "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
}

static void test_a_trace_that_is_not_valid_is_not_passed_on(void **state)
{
    static const char *const values[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\n",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Injected: yes",
    };
    struct hk_request_parts parts = example();

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(values); i++) {
        parts.traceparent = hk_str(values[i]);
        build(&parts);
        assert_null(header("traceparent"));
        assert_null(header("X-Injected"));
    }
}

static void test_only_what_is_not_live_says_where_it_comes_from(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    build(&parts);
    assert_null(header("webhook-origin"));
    parts.origin = HK_STR("backfill");
    build(&parts);
    assert_string_equal(header("webhook-origin"), "backfill");
}

static void test_a_control_byte_in_a_header_field_is_refused(void **state)
{
    static const struct hk_str ids[] = {
        {"a\rb", 3}, {"a\nb", 3}, {"a\0b", 3}, {"a\r\nX-Injected: yes", 18}, {"\x7f", 1}};
    struct hk_request_parts parts = example();

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(ids); i++) {
        parts.message_id = ids[i];
        assert_refused(&parts, "a header field has a control byte");
    }
}

static void test_a_url_with_blanks_or_control_bytes_is_refused(void **state)
{
    static const char *const urls[] = {"", "http://a/ b", "http://a/\r\nX: y", "http://a/\tb",
                                       "http://a/\x7f"};
    static char long_url[4096];
    struct hk_request_parts parts = example();

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(urls); i++) {
        parts.url = urls[i];
        assert_refused(&parts, "the URL is not valid");
    }
    memset(long_url, 'a', sizeof(long_url) - 1);
    parts.url = long_url;
    assert_refused(&parts, "the URL is not valid");
}

static void test_what_does_not_fit_is_refused_whole(void **state)
{
    static char many[400 * sizeof(SW1_SECRET)];
    static char password[4096];
    struct hk_request_parts parts = example();

    (void)state;

    memset(password, 'p', sizeof(password));
    parts.username = HK_STR("u");
    parts.password = (struct hk_str){password, sizeof(password)};
    assert_refused(&parts, "the header section is too long");

    parts = example();
    for (size_t i = 0; i < 400; i++)
        memcpy(many + i * sizeof(SW1_SECRET), SW1_SECRET " ", sizeof(SW1_SECRET));
    parts.secrets = (struct hk_str){many, sizeof(many)};
    assert_refused(&parts, "the header section is too long");
}

static void test_BK_05_a_plain_hmac_is_over_the_body_by_the_newest_secret(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.signature = HK_SIGNATURE_HMAC_HEX;
    parts.secrets = HK_STR(SW1_SECRET " " SW2_SECRET);
    build(&parts);
    assert_string_equal(header("X-Delivery-Hmac-SHA256"),
                        "80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c");
    assert_string_equal(header("webhook-id"), SW1_ID);
    assert_string_equal(header("webhook-timestamp"), "1614265330");
    assert_null(header("webhook-signature"));

    parts.signature = HK_SIGNATURE_HMAC_BASE64;
    build(&parts);
    assert_string_equal(header("X-Delivery-Hmac-SHA256"),
                        "gOyKic480iEzoQZsrstNBP6nRnZXyFFNcX7ELDilyUw=");
    parts.secrets = HK_STR_NULL;
    assert_refused(&parts, "there is no valid signing secret");
}

static void test_a_bearer_token_goes_out_as_it_is(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.bearer_token = HK_STR("mF_9.B5f-4.1JqM");
    build(&parts);
    assert_string_equal(header("authorization"), "Bearer mF_9.B5f-4.1JqM");
    parts.bearer_token = HK_STR("a\r\nX-Injected: yes");
    assert_refused(&parts, "a header field has a control byte");
}

static void test_the_envelope_says_what_the_body_is(void **state)
{
    struct hk_request_parts parts = example();

    (void)state;

    parts.envelope_headers =
        HK_STR("content-type: application/cloudevents+json; charset=UTF-8\nce-id: 1\n");
    build(&parts);
    assert_string_equal(header("content-type"), "application/cloudevents+json; charset=UTF-8");
    assert_string_equal(header("ce-id"), "1");
}

static void test_a_subscription_has_fields_of_its_own_and_none_of_ours(void **state)
{
    struct hk_request_parts parts = example();
    unsigned n_ours;

    (void)state;

    build(&parts);
    n_ours = request.n_headers;
    parts.headers =
        HK_STR("X-Tenant: acme\nWebhook-ID: 1\nHOST: b\nwebhook-Signature: x\n"
               "Content-Type: text/plain\nX-Forwarded-For: 1\nAccept: a\nTransfer-Encoding: b\n"
               "authorization: mine\nx-tenant: again\n: no\nno colon");
    build(&parts);
    assert_int_equal(request.n_headers, n_ours + 2);
    assert_string_equal(header("X-Tenant"), "acme");
    assert_string_equal(header("authorization"), "mine");
    assert_string_equal(header("content-type"), "application/json");

    parts.username = parts.password = HK_STR("u");
    build(&parts);
    assert_string_equal(header("authorization"), "Basic dTp1");
    parts.headers = HK_STR("X-A: b\rX-Injected: yes");
    assert_refused(&parts, "a header field has a control byte");
}

static void test_a_get_has_no_body_and_says_what_it_accepts(void **state)
{
    (void)state;

    assert_true(hk_request_build_get("https://issuer.example/jwks", "application/json", 5000, 9000,
                                     &request, &why));
    assert_true(request.is_get);
    assert_int_equal(request.keep_body_bytes, 9000);
    assert_string_equal(header("accept"), "application/json");
    assert_null(header("webhook-id"));
    assert_false(hk_request_build_get("https://a /", "*/*", 1, 0, &request, &why));
    assert_string_equal(why, "the URL is not valid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_SW1_the_reference_message_has_the_reference_signature),
        cmocka_unit_test(test_SW2_the_reference_message_has_the_reference_signature),
        cmocka_unit_test(test_each_live_secret_signs),
        cmocka_unit_test(test_secrets_of_both_kinds_sign_side_by_side),
        cmocka_unit_test(test_a_plain_hmac_is_by_the_newest_secret_that_is_shared),
        cmocka_unit_test(test_a_secret_that_is_none_is_passed_over),
        cmocka_unit_test(test_nothing_is_sent_unsigned),
        cmocka_unit_test(test_the_fixed_fields_are_there),
        cmocka_unit_test(test_BC_30_credentials_become_basic_authorization),
        cmocka_unit_test(test_a_line_break_in_credentials_cannot_reach_the_wire),
        cmocka_unit_test(test_the_trace_goes_on_with_a_span_of_its_own),
        cmocka_unit_test(test_a_trace_that_is_not_valid_is_not_passed_on),
        cmocka_unit_test(test_only_what_is_not_live_says_where_it_comes_from),
        cmocka_unit_test(test_a_control_byte_in_a_header_field_is_refused),
        cmocka_unit_test(test_a_url_with_blanks_or_control_bytes_is_refused),
        cmocka_unit_test(test_what_does_not_fit_is_refused_whole),
        cmocka_unit_test(test_BK_05_a_plain_hmac_is_over_the_body_by_the_newest_secret),
        cmocka_unit_test(test_a_bearer_token_goes_out_as_it_is),
        cmocka_unit_test(test_the_envelope_says_what_the_body_is),
        cmocka_unit_test(test_a_subscription_has_fields_of_its_own_and_none_of_ours),
        cmocka_unit_test(test_a_get_has_no_body_and_says_what_it_accepts),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
