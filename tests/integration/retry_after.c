/* SPDX-License-Identifier: Apache-2.0 */
/*
 * what a receiver asks for with Retry-After. Nobody waits here: the API says when the next
 * attempt is due. The schedule of profile standard begins with 5 s and adds up to 20 %.
 */
#include <stdio.h>
#include <time.h>

#include "hk/clock.h"
#include "tests/support/message.h"

#define FIRST_DELAY_S 5
#define CAP_S         86400
#define THROTTLE_S    60   /* of a 429 that names no time */
#define SLACK_MS      5000 /* from the beginning of the attempt to its record */

struct asked {
    int status;
    const char *retry_after;
    int64_t delay_s; /* what has to follow */
};

static const char *http_date(struct harness *h, int64_t from_now_s)
{
    time_t at = (time_t)(hk_wall_us() / 1000000 + from_now_s);
    struct tm tm;
    char text[64];

    (void)gmtime_r(&at, &tm);
    (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return http_text(h->http, "%s", text);
}

/* Milliseconds from the first attempt to the second. */
static int64_t delay_ms(struct harness *h, const struct tenant *t, const char *path)
{
    struct reply message, attempt;

    message_wait_attempts(h, t, path, 1);
    message = message_get(h, t, path);
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&message, "status"), "pending");
    assert_string_equal(reply_text(&attempt, "outcome"), "http_status");
    return message_time_ms(reply_text(&message, "next_attempt_at")) -
           message_time_ms(reply_text(&attempt, "started_at"));
}

/* Each receiver of one event asks for something else. */
static void check_delays(struct harness *h, const struct asked *asked, size_t n)
{
    struct tenant *t = given_tenant(h);
    struct subscription subscriptions[8] = {0};
    const char *app_id, *event_id;

    assert_true(n <= HK_COUNTOF(subscriptions));
    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, "acme");
    (void)given_connection(h, t, app_id, "c1");
    for (size_t i = 0; i < n; i++) {
        const char *path = http_text(h->http, "/receiver-%zu", i);

        subscriptions[i] = given_subscription(h, t, app_id, path, "order.paid");
        sinker_rule(h, path, "{\"then\": {\"status\": %d, \"headers\": {\"Retry-After\": \"%s\"}}}",
                    asked[i].status, asked[i].retry_after);
    }
    event_id = publish(h, t, "order.paid", "c1", "{}");
    for (size_t i = 0; i < n; i++) {
        int64_t ms = delay_ms(h, t, message_path(h, t, event_id, subscriptions[i].id));
        int64_t least_ms = asked[i].delay_s * 1000, most_ms = least_ms * 6 / 5 + SLACK_MS;

        if (ms < least_ms || ms > most_ms)
            fail_msg("Retry-After \"%s\": %lld ms are not in %lld to %lld", asked[i].retry_after,
                     (long long)ms, (long long)least_ms, (long long)most_ms);
    }
}

static void test_R_10_no_attempt_comes_earlier_than_asked(void **state)
{
    struct harness *h = *state;
    const struct asked asked[] = {
        {429, "30", 30}, {503, "120", 120}, {429, "30.5", 31}, {503, http_date(h, 60), 59},
        {500, "40", 40},
    };

    check_delays(h, asked, HK_COUNTOF(asked));
}

static void test_R_10_what_is_asked_counts_up_to_the_cap(void **state)
{
    static const struct asked asked[] = {
        {429, "86401", CAP_S},
        {503, "99999999999999999999999999999999", CAP_S},
        {503, "Fri, 01 Jan 2100 00:00:00 GMT", CAP_S},
    };

    check_delays(*state, asked, HK_COUNTOF(asked));
}

static void test_R_10_garbage_and_the_past_leave_the_schedule_as_it_is(void **state)
{
    struct harness *h = *state;
    const struct asked asked[] = {
        {429, "soon", THROTTLE_S},
        {503, "-30", FIRST_DELAY_S},
        {503, "30 seconds", FIRST_DELAY_S},
        {429, "0", FIRST_DELAY_S},
        {503, http_date(h, -3600), FIRST_DELAY_S},
        {503, "Sunday, 06-Nov-94 08:49:37 GMT", FIRST_DELAY_S},
        {503, "Sun Nov  6 08:49:37 1994", FIRST_DELAY_S},
        {503, "", FIRST_DELAY_S},
    };

    check_delays(h, asked, HK_COUNTOF(asked));
}

static void test_R_10_the_schedule_scales_what_is_asked_too(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;

    (void)given_story(h, t, "/hook");
    sinker_rule(h, "/hook",
                "{\"replies\": [{\"status\": 503, \"headers\": {\"Retry-After\": \"3600\"}}]}");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait(h, t, path, "succeeded"); /* an hour later, or 3.6 s */
    assert_int_equal(message_n_attempts(h, t, path), 2);
}

static const char *const thousandth[] = {"HOOKLINE_WORKER_SCHEDULE_DIVISOR=1000", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_10_no_attempt_comes_earlier_than_asked),
        harness_test(test_R_10_what_is_asked_counts_up_to_the_cap),
        harness_test(test_R_10_garbage_and_the_past_leave_the_schedule_as_it_is),
        harness_test(test_R_10_the_schedule_scales_what_is_asked_too, .env = thousandth),
    };

    return cmocka_run_group_tests_name("retry_after", tests, NULL, NULL);
}
