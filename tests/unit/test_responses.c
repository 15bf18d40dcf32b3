/* SPDX-License-Identifier: Apache-2.0 */
/* The table that says what follows from an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hk/responses.h"

static enum hk_response_kind kind_of(const char *responses, int status)
{
    return hk_responses_find(hk_str(responses), status).kind;
}

static void test_a_status_goes_before_its_class_wherever_it_stands(void **state)
{
    static const char *const texts[] = {"410 disable,4xx drop", "4xx drop,410 disable"};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(texts); i++) {
        assert_int_equal(kind_of(texts[i], 410), HK_RESPONSE_DISABLE);
        assert_int_equal(kind_of(texts[i], 411), HK_RESPONSE_DROP);
        assert_int_equal(kind_of(texts[i], 510), HK_RESPONSE_RETRY);
    }
}

static void test_what_stands_further_left_goes_first(void **state)
{
    (void)state;

    assert_int_equal(kind_of("2xx retry,200 success,2xx success", 204), HK_RESPONSE_RETRY);
    assert_int_equal(kind_of("2xx retry,200 success,2xx success", 200), HK_RESPONSE_SUCCESS);
    assert_int_equal(kind_of("410 retry,2xx success,410 disable", 410), HK_RESPONSE_RETRY);
}

static void test_what_no_rule_names_is_tried_again(void **state)
{
    (void)state;

    assert_int_equal(kind_of("", 200), HK_RESPONSE_RETRY);
    assert_int_equal(kind_of("2xx success", 0), HK_RESPONSE_RETRY);
    assert_int_equal(kind_of("2xx success", 100), HK_RESPONSE_RETRY);
    assert_int_equal(kind_of("2xx success,error throttle", 0), HK_RESPONSE_THROTTLE);
    assert_int_equal(kind_of("2xx success,410 explode", 410), HK_RESPONSE_RETRY);
    assert_int_equal(hk_responses_find(HK_STR_NULL, 200).kind, HK_RESPONSE_RETRY);
}

static void test_a_throttle_says_for_how_long(void **state)
{
    struct hk_response response;

    (void)state;

    assert_int_equal(hk_responses_find(HK_STR("429 throttle,2xx success"), 429).throttle_ms, 60000);
    assert_int_equal(hk_responses_find(HK_STR("429 throttle 5m"), 429).throttle_ms, 300000);
    assert_true(hk_response_read(HK_STR("throttle 24h"), &response));
    assert_int_equal(response.throttle_ms, 86400000);
}

static void test_what_is_no_response_is_refused(void **state)
{
    static const char *const texts[] = {
        "",          "Retry",        "fail",         "retry ",      "retry 5s",
        "throttle ", "throttle 5",   "throttle 25h", "throttle 0s", "throttle 5s ",
        " success",  "success,drop", "throttle  5s"};
    struct hk_response response;

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(texts); i++)
        assert_false(hk_response_read(hk_str(texts[i]), &response));
}

static void test_statuses_classes_and_error_are_keys(void **state)
{
    static const char *const right[] = {"200", "299", "410", "599", "2xx", "5xx", "error"};
    static const char *const wrong[] = {"",    "100", "1xx", "600",  "6xx",   "42x",
                                        "4x1", "2XX", "20",  "2000", "Error", "*"};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(right); i++)
        assert_true(hk_response_key_is_valid(hk_str(right[i])));
    for (size_t i = 0; i < HK_COUNTOF(wrong); i++)
        assert_false(hk_response_key_is_valid(hk_str(wrong[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_status_goes_before_its_class_wherever_it_stands),
        cmocka_unit_test(test_what_stands_further_left_goes_first),
        cmocka_unit_test(test_what_no_rule_names_is_tried_again),
        cmocka_unit_test(test_a_throttle_says_for_how_long),
        cmocka_unit_test(test_what_is_no_response_is_refused),
        cmocka_unit_test(test_statuses_classes_and_error_are_keys),
    };

    return cmocka_run_group_tests_name("responses", tests, NULL, NULL);
}
