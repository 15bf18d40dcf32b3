/* SPDX-License-Identifier: Apache-2.0 */
/* R-28 and standards 3.1, 3.2: receivers that lie, stall, flood, or must not be called at all. */
#include <stdlib.h>

#include "hk/clock.h"
#include "tests/support/message.h"
#include "tests/support/raw.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"

/* Subscribes the URL to "order.paid" of company c1 and publishes one event; its message's path. */
static const char *send_to(struct harness *h, struct tenant *t, const char *url)
{
    const char *app_id;
    struct reply reply;

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, "acme");
    (void)given_connection(h, t, app_id, "c1");
    reply =
        api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                 "{\"url\": \"%s\", \"event_types\": [\"order.paid\"], \"timeout_ms\": 1000}", url);
    assert_status(reply, 201);
    return message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
}

/* The first attempt on a receiver that ends each connection so. */
static struct reply attempt_on(struct harness *h, struct raw_answer answer)
{
    struct tenant *t = given_tenant(h);
    const char *path = send_to(h, t, raw_url(raw_receive(&answer, 1)));

    message_wait_attempts(h, t, path, 1);
    return message_attempt(h, t, path, 1);
}

static void expect(struct harness *h, struct raw_answer answer, const char *outcome)
{
    struct reply attempt = attempt_on(h, answer);

    assert_string_equal(reply_text(&attempt, "outcome"), outcome);
}

static void test_R_28_an_endless_body_is_cut_and_the_status_decides(void **state)
{
    struct reply attempt =
        attempt_on(*state, (struct raw_answer){HK_STR(OK_HEAD "\r\n"), RAW_ENDLESS});

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_int_equal(reply_int(&attempt, "status_code"), 200);
    assert_true(reply_bool(&attempt, "response_truncated"));
}

static void test_R_28_a_body_that_drips_is_cut_at_the_timeout_and_the_status_decides(void **state)
{
    struct reply attempt =
        attempt_on(*state, (struct raw_answer){HK_STR(OK_HEAD "\r\n"), RAW_DRIP});

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_true(reply_int(&attempt, "duration_us") < 2000000);
    assert_true(reply_bool(&attempt, "response_truncated"));
}

static void test_R_28_a_reset_in_the_body_is_a_failure(void **state)
{
    expect(*state,
           (struct raw_answer){HK_STR(OK_HEAD "content-length: 100\r\n\r\nhalf"), RAW_RESET},
           "reset");
}

static void test_R_28_a_body_shorter_than_announced_is_a_failure(void **state)
{
    expect(*state,
           (struct raw_answer){HK_STR(OK_HEAD "content-length: 100\r\n\r\nhalf"), RAW_CLOSE},
           "reset");
}

static void test_R_28_a_connection_that_closes_without_an_answer_is_a_failure(void **state)
{
    expect(*state, (struct raw_answer){HK_STR(""), RAW_CLOSE}, "reset");
}

static void test_R_28_a_connection_that_closes_at_once_is_a_failure(void **state)
{
    expect(*state, (struct raw_answer){HK_STR(""), RAW_REFUSE}, "reset");
}

static void test_R_28_half_a_head_is_a_failure(void **state)
{
    expect(*state, (struct raw_answer){HK_STR("HTTP/1.1 200 OK\r\ncontent-"), RAW_CLOSE}, "reset");
}

static void test_R_28_silence_ends_with_the_timeout(void **state)
{
    struct reply attempt = attempt_on(*state, (struct raw_answer){HK_STR(""), RAW_SILENT});

    assert_string_equal(reply_text(&attempt, "outcome"), "timeout");
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_true(reply_int(&attempt, "duration_us") >= 950000);
    assert_true(reply_int(&attempt, "duration_us") < 3000000);
}

static void test_R_28_a_garbage_status_line_is_no_answer(void **state)
{
    expect(*state, (struct raw_answer){HK_STR("HELLO 200 OK\r\n\r\n"), RAW_CLOSE}, "protocol");
}

static void test_R_28_an_HTTP_0_9_answer_is_no_answer(void **state)
{
    expect(*state, (struct raw_answer){HK_STR("<html>200 OK</html>"), RAW_CLOSE}, "protocol");
}

static void test_R_28_an_answer_ahead_of_its_request_is_not_taken(void **state)
{
    static const struct raw_answer answers[] = {
        {HK_STR(OK_HEAD "content-length: 0\r\n\r\n" OK_HEAD "content-length: 0\r\n\r\n"),
         RAW_SILENT},
        {HK_STR("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), RAW_CLOSE},
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = send_to(h, t, raw_url(raw_receive(answers, HK_COUNTOF(answers))));
    struct reply attempt;

    message_wait(h, t, path, "succeeded");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_string_not_equal(reply_text(&attempt, "outcome"), "succeeded");
}

static void test_R_28_a_flood_of_1xx_ends(void **state)
{
    expect(*state,
           (struct raw_answer){HK_STR("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"), RAW_FLOOD},
           "protocol");
}

static size_t put(char *to, struct hk_str s)
{
    memcpy(to, s.p, s.n);
    return s.n;
}

static void test_R_28_a_flood_of_headers_ends(void **state)
{
    static char head[60000];

    memset(head, 'x', sizeof(head));
    for (size_t i = put(head, HK_STR("HTTP/1.1 200 OK\r\n")); i + 100 <= sizeof(head); i += 100) {
        head[i + 4] = ':';
        head[i + 98] = '\r';
        head[i + 99] = '\n';
    }
    expect(*state, (struct raw_answer){{head, sizeof(head)}, RAW_CLOSE}, "protocol");
}

static void test_headers_of_20_kilobytes_are_recorded_truncated(void **state)
{
    static char head[20000] = "HTTP/1.1 200 OK\r\nx-long: ";
    struct reply attempt;
    size_t n = strlen(head);

    memset(head + n, 'z', sizeof(head) - n - 4);
    (void)put(head + sizeof(head) - 4, HK_STR("\r\n\r\n"));
    attempt = attempt_on(*state, (struct raw_answer){{head, sizeof(head)}, RAW_CLOSE});
    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_int_equal(strlen(reply_text(&attempt, "response_headers")), 8192);
    assert_true(reply_bool(&attempt, "response_truncated"));
}

static void test_an_interim_answer_is_not_the_answer(void **state)
{
    struct reply attempt = attempt_on(
        *state, (struct raw_answer){HK_STR("HTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n" OK_HEAD
                                           "content-length: 0\r\n\r\n"),
                                    RAW_CLOSE});

    assert_int_equal(reply_int(&attempt, "status_code"), 200);
    assert_null(strstr(reply_text(&attempt, "response_headers"), "x-early"));
}

static void test_bytes_that_are_no_text_can_be_recorded(void **state)
{
    struct reply attempt = attempt_on(
        *state, (struct raw_answer){
                    HK_STR(OK_HEAD "x-odd: \xff\xfe\x01\r\ncontent-length: 3\r\n\r\n\xff\x00\xfe"),
                    RAW_CLOSE});

    assert_string_equal(reply_text(&attempt, "outcome"), "succeeded");
    assert_string_equal(reply_text(&attempt, "response_body"), "/wD+");
    assert_string_equal(reply_text(&attempt, "response_body_encoding"), "base64");
}

static void test_a_name_without_an_address_is_a_failure(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = send_to(h, t, "http://receiver.invalid:8080/");
    struct reply attempt;

    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "dns");
    assert_true(reply_is_null(&attempt, "remote_address"));
}

static void test_a_port_where_nobody_listens_is_a_failure(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = send_to(h, t, "http://127.0.0.1:1024/");
    struct reply attempt;

    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "connect");
}

/* A slow receiver delays its own messages only. */
static void test_a_silent_receiver_does_not_hold_up_another(void **state)
{
    struct raw_answer silence = {HK_STR(""), RAW_SILENT};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h), *other = given_tenant(h);
    int64_t start_ms;
    const char *path;

    (void)send_to(h, t, raw_url(raw_receive(&silence, 1)));
    (void)given_story(h, other, "/hook");
    start_ms = hk_mono_ms();
    path = message_path(h, other, publish(h, other, "order.paid", "c1", "{}"), NULL);
    message_wait(h, other, path, "succeeded");
    assert_true(hk_mono_ms() - start_ms < 900);
}

/* ---- the destination guard ---- */

static void test_a_private_address_is_refused_unless_it_is_allowed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply attempt;
    const char *path;

    (void)given_story(h, t, "/hook");
    path = message_path(h, t, publish(h, t, "order.paid", "c1", "{}"), NULL);
    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "blocked_address");
    assert_true(reply_is_null(&attempt, "remote_address"));
    assert_true(reply_is_null(&attempt, "connect_us"));
    assert_true(reply_is_null(&attempt, "status_code"));
    assert_int_equal(sinker_count(h, "/hook"), 0);
    message_wait(h, t, path, "pending"); /* it is tried again, as after any failure */
}

static void test_a_name_that_leads_to_a_private_address_is_refused(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *port = strrchr(h->sinker_urls[0], ':');
    const char *path = send_to(h, t, http_text(h->http, "http://localhost%s/hook", port));
    struct reply attempt;

    message_wait_attempts(h, t, path, 1);
    attempt = message_attempt(h, t, path, 1);
    assert_string_equal(reply_text(&attempt, "outcome"), "blocked_address");
    assert_int_equal(sinker_count(h, "/hook"), 0);
}

static const char *const nothing_allowed[] = {"HOOKLINE_WORKER_ALLOWED_NETWORKS=", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_R_28_an_endless_body_is_cut_and_the_status_decides),
        harness_test(test_R_28_a_body_that_drips_is_cut_at_the_timeout_and_the_status_decides),
        harness_test(test_R_28_a_reset_in_the_body_is_a_failure),
        harness_test(test_R_28_a_body_shorter_than_announced_is_a_failure),
        harness_test(test_R_28_a_connection_that_closes_without_an_answer_is_a_failure),
        harness_test(test_R_28_a_connection_that_closes_at_once_is_a_failure),
        harness_test(test_R_28_half_a_head_is_a_failure),
        harness_test(test_R_28_silence_ends_with_the_timeout),
        harness_test(test_R_28_a_garbage_status_line_is_no_answer),
        harness_test(test_R_28_an_HTTP_0_9_answer_is_no_answer),
        harness_test(test_R_28_an_answer_ahead_of_its_request_is_not_taken),
        harness_test(test_R_28_a_flood_of_1xx_ends),
        harness_test(test_R_28_a_flood_of_headers_ends),
        harness_test(test_headers_of_20_kilobytes_are_recorded_truncated),
        harness_test(test_an_interim_answer_is_not_the_answer),
        harness_test(test_bytes_that_are_no_text_can_be_recorded),
        harness_test(test_a_name_without_an_address_is_a_failure),
        harness_test(test_a_port_where_nobody_listens_is_a_failure),
        harness_test(test_a_silent_receiver_does_not_hold_up_another),
        harness_test(test_a_private_address_is_refused_unless_it_is_allowed,
                     .env = nothing_allowed),
        harness_test(test_a_name_that_leads_to_a_private_address_is_refused,
                     .env = nothing_allowed),
    };

    return cmocka_run_group_tests_name("hostile_receivers", tests, NULL, NULL);
}
