/* SPDX-License-Identifier: Apache-2.0 */
/* What a verification asks, and which answers are a consent: the edges that no receiver of ours
 * shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/receivers/handshake.h"

#define CHALLENGE "0123456789abcdef0123456789abcdef0123456789abcdef"

static struct handshake given(enum handshake_kind kind, const char *url)
{
    struct handshake handshake = {
        .kind = kind, .url = url, .topic = "order.paid,a b", .origin = "us.example"};

    memcpy(handshake.challenge, CHALLENGE, sizeof(CHALLENGE));
    return handshake;
}

static bool agrees(enum handshake_kind kind, int status, const char *headers, const char *body,
                   unsigned *ret_granted)
{
    struct handshake handshake = given(kind, "https://e.example/");
    struct hk_outcome outcome = {.kind = HK_OUTCOME_ANSWERED,
                                 .status = status,
                                 .response_headers = hk_str(headers),
                                 .response_body = hk_str(body)};
    char words[HANDSHAKE_WORDS_SIZE] = "";
    bool has_agreed = handshake_judge(&handshake, &outcome, ret_granted, words);

    assert_true(has_agreed || words[0] != '\0');
    return has_agreed;
}

static void test_the_target_keeps_its_query(void **state)
{
    static const struct {
        const char *url, *target;
    } cases[] = {
        {"https://e.example/h",
         "https://e.example/h?hub.mode=subscribe&hub.topic=order.paid%2Ca%20b"
         "&hub.challenge=" CHALLENGE},
        {"https://e.example/h?a=b", "https://e.example/h?a=b&hub.mode=subscribe&hub.topic="
                                    "order.paid%2Ca%20b&hub.challenge=" CHALLENGE},
    };
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct handshake handshake = given(HANDSHAKE_CHALLENGE_GET, cases[i].url);
        static struct hk_request request;
        const char *error;

        assert_true(handshake_build(&handshake, &request, &error));
        assert_string_equal(request.url, cases[i].target);
        assert_true(request.is_get);
        assert_null(request.verb);
        handshake_done(&handshake);
    }
}

static void test_options_has_our_origin_and_the_rate_when_there_is_one(void **state)
{
    struct handshake handshake = given(HANDSHAKE_CLOUDEVENTS_OPTIONS, "https://e.example/h");
    static struct hk_request request;
    const char *error;
    (void)state;

    handshake.rate_per_minute = 300;
    assert_true(handshake_build(&handshake, &request, &error));
    assert_string_equal(request.verb, "OPTIONS");
    assert_string_equal(request.url, "https://e.example/h");
    assert_string_equal(request.headers[request.n_headers - 2],
                        "webhook-request-origin: us.example");
    assert_string_equal(request.headers[request.n_headers - 1], "webhook-request-rate: 300");
    handshake_done(&handshake);
}

static void test_only_the_whole_challenge_is_a_consent(void **state)
{
    static const char *const others[] = {"",
                                         "x" CHALLENGE,
                                         CHALLENGE "x",
                                         "{}",
                                         "[\"" CHALLENGE "\"]",
                                         "{\"challenge\": 7}",
                                         "{\"Challenge\": \"" CHALLENGE "\"}",
                                         "{\"challenge\": \"" CHALLENGE "\"} x"};
    unsigned granted = 0;
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(others); i++) {
        assert_false(agrees(HANDSHAKE_URL_VERIFICATION, 200, "", others[i], &granted));
        assert_false(agrees(HANDSHAKE_CHALLENGE_GET, 200, "", others[i], &granted));
    }
    assert_true(agrees(HANDSHAKE_URL_VERIFICATION, 200, "", CHALLENGE, &granted));
    assert_false(agrees(HANDSHAKE_URL_VERIFICATION, 300, "", CHALLENGE, &granted));
    assert_true(agrees(HANDSHAKE_CHALLENGE_GET, 299, "", CHALLENGE, &granted));
    assert_int_equal(granted, 0);
}

static void test_whoever_did_not_answer_has_not_agreed(void **state)
{
    (void)state;

    for (int kind = HK_OUTCOME_ANSWERED + 1; kind < HK_OUTCOME_COUNT; kind++) {
        struct handshake handshake = given(HANDSHAKE_ECHO_SECRET, "https://e.example/");
        struct hk_outcome outcome = {.kind = (enum hk_outcome_kind)kind};
        char words[HANDSHAKE_WORDS_SIZE] = "";
        unsigned granted = 0;

        assert_false(handshake_judge(&handshake, &outcome, &granted, words));
        assert_true(words[0] != '\0');
    }
}

static void test_a_rate_is_granted_up_to_what_a_limit_can_be(void **state)
{
    unsigned granted = 0;
    (void)state;

    assert_true(agrees(HANDSHAKE_CLOUDEVENTS_OPTIONS, 500,
                       "WebHook-Allowed-Origin: US.example\r\nWebHook-Allowed-Rate: 61\r\n", "",
                       &granted));
    assert_int_equal(granted, 61);
    assert_true(agrees(HANDSHAKE_CLOUDEVENTS_OPTIONS, 200,
                       "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 99999999999\r\n", "",
                       &granted));
    assert_int_equal(granted, 60000);
    assert_false(agrees(HANDSHAKE_CLOUDEVENTS_OPTIONS, 200,
                        "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 1e9\r\n", "",
                        &granted));
    assert_false(agrees(HANDSHAKE_CLOUDEVENTS_OPTIONS, 200,
                        "webhook-allowed-origin: us.example.org\r\n", "", &granted));
}

static void test_the_origin_is_the_setting_or_the_issuers_host(void **state)
{
    static const struct {
        const char *setting, *issuer, *origin;
    } cases[] = {
        {"", "https://hooks.example:8443/x", "hooks.example"},
        {"", "http://localhost", "localhost"},
        {"events.example", "https://hooks.example", "events.example"},
    };
    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        assert_true(hk_str_eq(handshake_origin(cases[i].setting, cases[i].issuer),
                              hk_str(cases[i].origin)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_target_keeps_its_query),
        cmocka_unit_test(test_options_has_our_origin_and_the_rate_when_there_is_one),
        cmocka_unit_test(test_only_the_whole_challenge_is_a_consent),
        cmocka_unit_test(test_whoever_did_not_answer_has_not_agreed),
        cmocka_unit_test(test_a_rate_is_granted_up_to_what_a_limit_can_be),
        cmocka_unit_test(test_the_origin_is_the_setting_or_the_issuers_host),
    };

    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
