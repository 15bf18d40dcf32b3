/* SPDX-License-Identifier: Apache-2.0 */
/* What people may see of a request: all of it but secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/describe.h"

static struct hk_request request; /* too large for a test's stack frame */
static struct hk_buf text;

static void build(void)
{
    struct hk_request_parts parts = {
        .url = "https://receiver.example/hook?a=1",
        .message_id = HK_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        .body = HK_STR("{\"test\": 2432232314}"),
        .secrets = HK_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        .username = HK_STR("shop"),
        .password = HK_STR("canary"),
        .headers = HK_STR("X-Api-Key: canary\nX-Region: eu"),
        .timestamp_s = INT64_C(1614265330),
        .timeout_ms = 15000,
    };
    const char *why;

    assert_true(hk_request_build(&parts, &request, &why));
}

static int set_up(void **state)
{
    (void)state;
    hk_buf_init(&text, 65536);
    build();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hk_buf_done(&text);
    return 0;
}

static void test_secrets_are_masked_and_signatures_are_not(void **state)
{
    (void)state;
    hk_describe_request(&request, &text);

    assert_string_equal(
        text.p, "{\"method\":\"POST\",\"url\":\"https://receiver.example/hook?a=1\",\"headers\":{"
                "\"content-type\":\"application/json\",\"user-agent\":\"Hookline/" HOOKLINE_VERSION
                "\",\"webhook-id\":\"msg_p5jXN8AQM9LWM0D4loKWxJek\","
                "\"webhook-timestamp\":\"1614265330\","
                "\"webhook-signature\":\"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\","
                "\"authorization\":\"***\",\"X-Api-Key\":\"***\",\"X-Region\":\"eu\"},"
                "\"body\":\"{\\\"test\\\": 2432232314}\"}");
}

static void test_a_command_quotes_and_masks(void **state)
{
    static const char *const bodies[][2] = {
        {"it's \\", "printf '%s' 'it'\\''s \\' |\n  curl "},
        {"\\'\r\n\x7f%", "printf '%b' '\\0134\\0047\\0015\\0012\\0177%' |\n  curl "},
        {"", "printf '%s' '' |\n  curl "},
    };

    (void)state;
    hk_describe_curl(&request, &text);
    assert_non_null(strstr(text.p,
                           "'{\"test\": 2432232314}' |\n  curl --include --http1.1 --globoff"
                           " \\\n  --header 'content-type: application/json' \\\n"));
    assert_non_null(strstr(text.p, " \\\n  --header 'accept:' \\\n  --header 'expect:' \\\n"));
    assert_non_null(strstr(text.p, "'authorization: ***' \\\n  --header 'X-Api-Key: ***' \\\n"
                                   "  --header 'X-Region: eu' \\\n"
                                   "  --data-binary @- 'https://receiver.example/hook?a=1'"));
    assert_null(strstr(text.p, "canary"));
    for (size_t i = 0; i < HK_COUNTOF(bodies); i++) {
        text.n = 0;
        request.body = hk_str(bodies[i][0]);
        hk_describe_curl(&request, &text);
        assert_memory_equal(text.p, bodies[i][1], strlen(bodies[i][1]));
    }
    text.n = 0;
    hk_describe_masked(&request, &text);
    assert_string_equal(text.p, "[\"authorization\",\"X-Api-Key\"]");
}

static void test_header_lines_have_no_secret_and_no_empty_field(void **state)
{
    (void)state;
    hk_describe_header_lines(&request, &text);

    assert_null(strstr(text.p, "canary"));
    assert_non_null(strstr(text.p, "\nauthorization: ***\nX-Api-Key: ***\nX-Region: eu\n"));
    assert_null(strstr(text.p, "expect"));
}

static void test_what_an_answer_says_again_is_masked(void **state)
{
    char answer[] = "Basic c2hvcDpjYW5hcnk= shop:canary; X-Api-Key: canary, eu, "
                    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    (void)state;
    hk_describe_mask(&request, answer, strlen(answer));
    assert_string_equal(answer, "Basic **************** shop:******; X-Api-Key: ******, eu, "
                                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_names_tell_what_is_secret(void **state)
{
    static const char *const secret[] = {"Authorization", "x-API-KEY",     "X-Auth",
                                         "My-Token",      "Client-Secret", "X-SIGNATURE"};
    static const char *const open[] = {"webhook-signature", "X-Delivery-Hmac-SHA256", "X-Region"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(secret); i++)
        assert_true(hk_header_is_sensitive(hk_str(secret[i])));
    for (size_t i = 0; i < HK_COUNTOF(open); i++)
        assert_false(hk_header_is_sensitive(hk_str(open[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secrets_are_masked_and_signatures_are_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_command_quotes_and_masks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_header_lines_have_no_secret_and_no_empty_field, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_an_answer_says_again_is_masked, set_up,
                                        tear_down),
        cmocka_unit_test(test_names_tell_what_is_secret),
    };

    return cmocka_run_group_tests_name("describe", tests, NULL, NULL);
}
