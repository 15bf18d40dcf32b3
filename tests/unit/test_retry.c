/* SPDX-License-Identifier: Apache-2.0 */
/* What happens after an attempt: BC-20 to BC-23, R-08 to R-10, the shipped profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/retry.h"

#define SECOND      INT64_C(1000)
#define HOUR        (3600 * SECOND)
#define DAY         (24 * HOUR)

#define MOST_JITTER 1000u /* of `random`: the largest remainder */

static struct retry_policy standard(void)
{
    return (struct retry_policy){
        .responses = HK_STR("2xx success,410 disable,429 throttle 60s,502 throttle 5s,"
                            "503 throttle 5s,504 throttle 5s"),
        .schedule = HK_STR("5s 5m 30m 2h 5h 10h 14h 20h 24h"),
        .jitter_percent = 20,
        .retry_after_cap_ms = DAY,
        .rest_cap_ms = HOUR,
        .divisor = 1,
    };
}

static struct retry_policy basecone(void)
{
    return (struct retry_policy){
        .responses = HK_STR("200 success,401 unsubscribe"),
        .schedule = HK_STR("1h*168"),
        .retry_after_cap_ms = HOUR,
        .rest_cap_ms = HOUR,
        .divisor = 1,
    };
}

static struct hk_outcome answered(int status)
{
    return (struct hk_outcome){.kind = HK_OUTCOME_ANSWERED, .status = status, .retry_after_ms = -1};
}

static struct hk_outcome answered_after(int status, int64_t retry_after_ms)
{
    struct hk_outcome outcome = answered(status);

    outcome.retry_after_ms = retry_after_ms;
    return outcome;
}

static struct verdict judge(struct retry_policy policy, struct hk_outcome outcome, unsigned nth)
{
    return retry_judge(&policy, &outcome, nth, 0);
}

static void assert_retry(struct verdict verdict, int64_t delay_ms)
{
    assert_int_equal(verdict.kind, VERDICT_RETRY);
    assert_int_equal(verdict.delay_ms, delay_ms);
    assert_string_equal(verdict.reason, "");
    assert_null(verdict.stop);
}

static void assert_failed(struct verdict verdict, const char *reason)
{
    assert_int_equal(verdict.kind, VERDICT_FAILED);
    assert_string_equal(verdict.reason, reason);
    assert_int_equal(verdict.delay_ms, 0);
}

static void test_any_2xx_is_a_success_under_the_standard_profile(void **state)
{
    (void)state;

    for (int status = 200; status <= 299; status++) {
        struct verdict verdict = judge(standard(), answered(status), 1);

        assert_int_equal(verdict.kind, VERDICT_SUCCEEDED);
        assert_string_equal(verdict.reason, "");
    }
}

static void test_1xx_3xx_4xx_and_5xx_are_failures(void **state)
{
    static const int statuses[] = {100, 199, 300, 301, 308, 400, 404, 500, 501, 599, 0};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(statuses); i++)
        assert_retry(judge(standard(), answered(statuses[i]), 1), 5 * SECOND);
}

static void test_BC_20_only_200_is_a_success(void **state)
{
    (void)state;

    assert_int_equal(judge(basecone(), answered(200), 1).kind, VERDICT_SUCCEEDED);
    for (int status = 201; status <= 399; status++)
        assert_retry(judge(basecone(), answered(status), 1), HOUR);
}

static void test_BC_21_no_answer_in_time_is_a_failure(void **state)
{
    struct hk_outcome outcome = {.kind = HK_OUTCOME_TIMEOUT, .retry_after_ms = -1};

    (void)state;

    assert_retry(judge(basecone(), outcome, 1), HOUR);
}

static void test_a_status_counts_only_when_the_answer_is_complete(void **state)
{
    struct retry_policy policy = standard();
    struct hk_outcome outcome = {.kind = HK_OUTCOME_RESET, .status = 200, .retry_after_ms = -1};

    (void)state;

    assert_false(retry_is_success(&policy, &outcome));
    assert_retry(judge(standard(), outcome, 1), 5 * SECOND);
    outcome.status = 410;
    assert_retry(judge(standard(), outcome, 1), 5 * SECOND);
}

static void test_BC_22_401_unsubscribes_whichever_attempt_it_came_on(void **state)
{
    static const unsigned nths[] = {1, 2, 100, 168, 169, 500};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(nths); i++) {
        struct verdict verdict = judge(basecone(), answered(401), nths[i]);

        assert_failed(verdict, "unsubscribed_by_401");
        assert_string_equal(verdict.stop, "unsubscribed");
    }
}

static void test_401_is_a_plain_failure_under_the_standard_profile(void **state)
{
    (void)state;

    assert_retry(judge(standard(), answered(401), 1), 5 * SECOND);
}

static void test_R_09_410_disables_under_the_standard_profile_only(void **state)
{
    struct verdict verdict = judge(standard(), answered(410), 3);

    (void)state;

    assert_failed(verdict, "disabled_by_410");
    assert_string_equal(verdict.stop, "disabled");
    assert_retry(judge(basecone(), answered(410), 3), HOUR);
}

static void test_BC_23_a_failure_is_sent_once_and_168_times_more(void **state)
{
    struct verdict verdict;

    (void)state;

    for (unsigned nth = 1; nth <= 168; nth++)
        assert_retry(judge(basecone(), answered(500), nth), HOUR);
    verdict = judge(basecone(), answered(500), 169);
    assert_failed(verdict, "schedule_exhausted");
    assert_null(verdict.stop);
}

static void test_BC_23_every_kind_of_failure_is_retried(void **state)
{
    (void)state;

    for (int kind = HK_OUTCOME_TIMEOUT; kind < HK_OUTCOME_COUNT; kind++) {
        struct hk_outcome outcome = {.kind = (enum hk_outcome_kind)kind, .retry_after_ms = -1};

        assert_retry(judge(basecone(), outcome, 1), HOUR);
    }
}

static void test_each_attempt_waits_for_the_delay_of_its_place(void **state)
{
    static const int64_t delays_ms[] = {5 * SECOND, 300 * SECOND, 1800 * SECOND, 2 * HOUR, 5 * HOUR,
                                        10 * HOUR,  14 * HOUR,    20 * HOUR,     24 * HOUR};

    (void)state;

    for (unsigned i = 0; i < HK_COUNTOF(delays_ms); i++)
        assert_retry(judge(standard(), answered(500), i + 1), delays_ms[i]);
    assert_failed(judge(standard(), answered(500), HK_COUNTOF(delays_ms) + 1),
                  "schedule_exhausted");
}

static void test_jitter_only_adds_and_stays_within_its_percentage(void **state)
{
    struct retry_policy policy = standard();
    struct hk_outcome outcome = answered(500);

    (void)state;

    for (uint32_t random = 0; random < 5000; random++) {
        int64_t delay_ms = retry_judge(&policy, &outcome, 2, random).delay_ms;

        assert_in_range(delay_ms, 300 * SECOND, 360 * SECOND);
    }
    assert_int_equal(retry_judge(&policy, &outcome, 2, MOST_JITTER).delay_ms, 360 * SECOND);
}

static void test_equal_arguments_give_an_equal_verdict(void **state)
{
    struct retry_policy policy = standard();
    struct hk_outcome outcome = answered(500);

    (void)state;

    assert_int_equal(retry_judge(&policy, &outcome, 4, 12345).delay_ms,
                     retry_judge(&policy, &outcome, 4, 12345).delay_ms);
}

static void test_R_10_retry_after_is_honoured_up_to_its_cap(void **state)
{
    (void)state;

    assert_retry(judge(standard(), answered_after(429, 30 * SECOND), 1), 30 * SECOND);
    assert_retry(judge(standard(), answered_after(503, 2 * HOUR), 1), 2 * HOUR);
    assert_int_equal(judge(standard(), answered_after(503, INT64_MAX), 1).delay_ms, DAY);
    assert_int_equal(judge(standard(), answered_after(503, DAY + HOUR), 1).delay_ms, DAY);
    assert_retry(judge(standard(), answered_after(500, 30 * SECOND), 1), 30 * SECOND);
}

static void test_R_10_retry_after_never_shortens_the_schedule(void **state)
{
    (void)state;

    assert_retry(judge(standard(), answered_after(503, 0), 2), 300 * SECOND);
    assert_retry(judge(standard(), answered_after(503, SECOND), 2), 300 * SECOND);
    assert_retry(judge(basecone(), answered_after(503, 12 * HOUR), 1), HOUR);
}

static void test_R_10_retry_after_does_not_lengthen_the_schedule_beyond_its_end(void **state)
{
    (void)state;

    assert_failed(judge(basecone(), answered_after(503, SECOND), 169), "schedule_exhausted");
}

static void test_R_10_a_throttling_answer_rests_the_whole_subscription(void **state)
{
    (void)state;

    assert_int_equal(judge(standard(), answered(429), 1).throttle_ms, 60 * SECOND);
    assert_int_equal(judge(standard(), answered(502), 1).throttle_ms, 5 * SECOND);
    assert_int_equal(judge(standard(), answered_after(429, 7 * SECOND), 1).throttle_ms, 7 * SECOND);
    assert_int_equal(judge(standard(), answered_after(503, HOUR), 4).throttle_ms, HOUR);
    assert_int_equal(judge(standard(), answered_after(504, 0), 1).throttle_ms, 0);
    assert_int_equal(judge(standard(), answered_after(500, HOUR), 1).throttle_ms, 0);
    assert_int_equal(judge(standard(), answered(429), 10).throttle_ms, 60 * SECOND); /* exhausted */
}

static void test_R_10_the_subscription_rests_shorter_than_the_message_waits(void **state)
{
    struct retry_policy policy = standard();
    struct verdict verdict = judge(policy, answered_after(429, 12 * HOUR), 1);

    (void)state;

    assert_retry(verdict, 12 * HOUR);
    assert_int_equal(verdict.throttle_ms, HOUR);
    policy.rest_cap_ms = 7 * DAY;
    assert_int_equal(judge(policy, answered_after(429, 12 * HOUR), 1).throttle_ms, 12 * HOUR);
    assert_int_equal(judge(policy, answered_after(429, 12 * DAY), 1).throttle_ms, DAY);
}

static void test_R_10_a_rule_of_ones_own_may_let_a_subscription_rest_for_longer(void **state)
{
    struct retry_policy policy = standard();

    (void)state;

    policy.responses = HK_STR("2xx success,429 throttle 6h");
    assert_int_equal(judge(policy, answered(429), 1).throttle_ms, 6 * HOUR);
    assert_int_equal(judge(policy, answered_after(429, 5 * HOUR), 1).throttle_ms, 5 * HOUR);
    assert_int_equal(judge(policy, answered_after(429, 12 * HOUR), 1).throttle_ms, 6 * HOUR);
}

static void test_R_10_429_without_retry_after_waits_a_minute_at_least(void **state)
{
    (void)state;

    assert_retry(judge(standard(), answered(429), 1), 60 * SECOND);
    assert_retry(judge(standard(), answered(429), 2), 300 * SECOND);
    assert_retry(judge(standard(), answered_after(429, 7 * SECOND), 1), 7 * SECOND);
}

static void test_the_hourly_schedule_never_throttles(void **state)
{
    static const int statuses[] = {429, 500, 502, 503, 504};

    (void)state;

    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        struct verdict verdict = judge(basecone(), answered_after(statuses[i], 30 * HOUR), 1);

        assert_retry(verdict, HOUR);
        assert_int_equal(verdict.throttle_ms, 0);
    }
}

static void test_a_dropped_message_fails_at_once_and_alone(void **state)
{
    struct retry_policy policy = standard();
    struct verdict verdict;

    (void)state;

    policy.responses = HK_STR("4xx drop,404 retry,2xx success");
    verdict = judge(policy, answered(415), 1);
    assert_failed(verdict, "dropped_by_415");
    assert_null(verdict.stop);
    assert_retry(judge(policy, answered(404), 1), 5 * SECOND);
}

static void test_any_status_can_stop_a_subscription(void **state)
{
    struct retry_policy policy = standard();

    (void)state;

    policy.responses = HK_STR("2xx success,404 unsubscribe,5xx disable");
    assert_failed(judge(policy, answered(404), 1), "unsubscribed_by_404");
    assert_string_equal(judge(policy, answered(404), 1).stop, "unsubscribed");
    assert_failed(judge(policy, answered(599), 1), "disabled_by_599");
    assert_retry(judge(policy, answered(410), 1), 5 * SECOND);
}

static void test_the_divisor_divides_the_whole_delay(void **state)
{
    struct retry_policy policy = standard();

    (void)state;

    policy.divisor = 1000;
    assert_retry(judge(policy, answered(500), 1), 5);
    assert_int_equal(judge(policy, answered_after(503, 2 * HOUR), 1).delay_ms, 7200);
    assert_int_equal(judge(policy, answered_after(503, 2 * HOUR), 1).throttle_ms, 3600);
    policy.divisor = 1000000;
    assert_retry(judge(policy, answered(500), 1), 0);
}

static void test_a_schedule_that_is_none_fails_and_says_so(void **state)
{
    struct retry_policy policy = standard();

    (void)state;

    policy.schedule = HK_STR("soon");
    assert_failed(judge(policy, answered(500), 1), "schedule_invalid");
    assert_int_equal(judge(policy, answered(200), 1).kind, VERDICT_SUCCEEDED);
}

static void test_names_are_those_of_the_database(void **state)
{
    struct retry_policy policy = standard();
    struct hk_outcome outcome = answered(204);

    (void)state;

    assert_string_equal(retry_verdict_name(VERDICT_SUCCEEDED), "succeeded");
    assert_string_equal(retry_verdict_name(VERDICT_RETRY), "retry");
    assert_string_equal(retry_verdict_name(VERDICT_FAILED), "failed");
    assert_string_equal(retry_verdict_name(VERDICT_RELEASE), "release");
    assert_string_equal(retry_outcome_name(&policy, &outcome), "succeeded");
    policy.responses = HK_STR("200 success");
    assert_string_equal(retry_outcome_name(&policy, &outcome), "http_status");
    outcome.kind = HK_OUTCOME_BLOCKED_ADDRESS;
    assert_string_equal(retry_outcome_name(&policy, &outcome), "blocked_address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_2xx_is_a_success_under_the_standard_profile),
        cmocka_unit_test(test_1xx_3xx_4xx_and_5xx_are_failures),
        cmocka_unit_test(test_BC_20_only_200_is_a_success),
        cmocka_unit_test(test_BC_21_no_answer_in_time_is_a_failure),
        cmocka_unit_test(test_a_status_counts_only_when_the_answer_is_complete),
        cmocka_unit_test(test_BC_22_401_unsubscribes_whichever_attempt_it_came_on),
        cmocka_unit_test(test_401_is_a_plain_failure_under_the_standard_profile),
        cmocka_unit_test(test_R_09_410_disables_under_the_standard_profile_only),
        cmocka_unit_test(test_BC_23_a_failure_is_sent_once_and_168_times_more),
        cmocka_unit_test(test_BC_23_every_kind_of_failure_is_retried),
        cmocka_unit_test(test_each_attempt_waits_for_the_delay_of_its_place),
        cmocka_unit_test(test_jitter_only_adds_and_stays_within_its_percentage),
        cmocka_unit_test(test_equal_arguments_give_an_equal_verdict),
        cmocka_unit_test(test_R_10_retry_after_is_honoured_up_to_its_cap),
        cmocka_unit_test(test_R_10_retry_after_never_shortens_the_schedule),
        cmocka_unit_test(test_R_10_retry_after_does_not_lengthen_the_schedule_beyond_its_end),
        cmocka_unit_test(test_R_10_a_throttling_answer_rests_the_whole_subscription),
        cmocka_unit_test(test_R_10_the_subscription_rests_shorter_than_the_message_waits),
        cmocka_unit_test(test_R_10_a_rule_of_ones_own_may_let_a_subscription_rest_for_longer),
        cmocka_unit_test(test_R_10_429_without_retry_after_waits_a_minute_at_least),
        cmocka_unit_test(test_the_hourly_schedule_never_throttles),
        cmocka_unit_test(test_a_dropped_message_fails_at_once_and_alone),
        cmocka_unit_test(test_any_status_can_stop_a_subscription),
        cmocka_unit_test(test_the_divisor_divides_the_whole_delay),
        cmocka_unit_test(test_a_schedule_that_is_none_fails_and_says_so),
        cmocka_unit_test(test_names_are_those_of_the_database),
    };

    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
