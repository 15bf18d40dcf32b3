/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever goes wrong is a problem document, also what h2o finds before there is a request: heads
 * that it cannot parse, bodies that it does not read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"

#define HOST "Host: a\r\n"

enum { ANSWER_SIZE = 65536, ANSWER_MS = 10000 };

/* Sends the bytes, and then nothing more; the last answer of those that come back. */
static struct reply send_raw(struct harness *h, struct hk_str bytes, bool *ret_is_closed)
{
    static char answer[ANSWER_SIZE];
    int fd = http_raw_connect(h->api_url);
    const char *last = answer;

    assert_true(fd >= 0);
    (void)http_raw_send(fd, bytes.p, bytes.n);
    (void)http_raw_read(fd, answer, sizeof(answer), ANSWER_MS, ret_is_closed);
    (void)close(fd);
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        last = at;
    return http_raw_reply(h->http, last);
}

static void expect_problem(struct harness *h, struct hk_str bytes, int status, const char *slug)
{
    bool is_closed = false;
    struct reply reply = send_raw(h, bytes, &is_closed);

    assert_problem(h, reply, status, slug, NULL);
    assert_true(is_closed);
    assert_string_equal(reply_header(h->http, &reply, "connection"), "close");
    assert_string_equal(reply_header(h->http, &reply, "cache-control"), "no-store");
}

static void test_a_head_that_cannot_be_parsed_is_a_problem(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("hello\r\n\r\n"),
        HK_STR("GET\r\n\r\n"),
        HK_STR("GET /v1/apps\r\n\r\n"),
        HK_STR("GET / HTTP/2.0\r\n" HOST "\r\n"),
        HK_STR("GET / HTTP/1.12\r\n" HOST "\r\n"),
        HK_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Name : blank\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
        HK_STR("GET /\x01 HTTP/1.1\r\n" HOST "\r\n"),
        HK_STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Expect: the-unexpected\r\nContent-Length: 1\r\n\r\nx"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnot hex\r\n"),
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++)
        expect_problem(h, cases[i], 400, "bad_request");
    assert_true(proc_is_running(&h->api));
}

static void test_it_is_one_after_good_requests_on_the_connection_too(void **state)
{
    static const struct hk_str bytes = HK_STR("GET /healthz HTTP/1.1\r\n" HOST "\r\n"
                                              "GET /healthz HTTP/1.1\r\n" HOST "\r\n"
                                              "what is this thing\r\n\r\n");
    struct harness *h = *state;

    expect_problem(h, bytes, 400, "bad_request");
}

/* Text of `n` times 'x' between two others. */
static struct hk_str padded(struct harness *h, const char *before, size_t n, const char *behind)
{
    char *padding = malloc(n + 1);
    const char *text;

    assert_non_null(padding);
    memset(padding, 'x', n);
    padding[n] = '\0';
    text = http_text(h->http, "%s%s%s", before, padding, behind);
    free(padding);
    return hk_str(text);
}

static void test_414_for_a_target_that_is_too_long(void **state)
{
    struct harness *h = *state;
    struct reply reply;
    bool is_closed;

    expect_problem(h, padded(h, "GET /", 8192, " HTTP/1.1\r\n" HOST "\r\n"), 414, "uri_too_long");
    expect_problem(h, padded(h, "GET /", 15000, " HTTP/1.1\r\n" HOST "\r\n"), 414, "uri_too_long");
    expect_problem(h, padded(h, "GET /", 20000, " HTTP/1.1\r\n" HOST "\r\n"), 414, "uri_too_long");
    expect_problem(h, padded(h, "GET /", 20000, ""), 414, "uri_too_long"); /* it does not wait */
    reply = send_raw(h, padded(h, "GET /", 8191, " HTTP/1.1\r\nConnection: close\r\n" HOST "\r\n"),
                     &is_closed);
    assert_problem(h, reply, 404, "not_found", NULL);
}

static void test_431_for_a_head_that_does_not_end(void **state)
{
    struct harness *h = *state;

    expect_problem(h, padded(h, "GET / HTTP/1.1\r\n" HOST "X: ", 17000, ""), 431,
                   "headers_too_large");
    expect_problem(h, padded(h, "GET / HTTP/1.1\r\n" HOST "X: ", 17000, "\r\n\r\n"), 431,
                   "headers_too_large");
}

/* More than h2o reads at all, announced and not. */
static void test_413_for_a_body_that_is_too_large(void **state)
{
    struct harness *h = *state;

    expect_problem(h,
                   HK_STR("POST /v1/events HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\n"),
                   413, "body_too_large");
    expect_problem(
        h,
        HK_STR("POST /v1/events HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n"),
        400, "bad_request");
}

static void test_HEAD_gets_no_body_of_an_error_either(void **state)
{
    struct harness *h = *state;
    bool is_closed;
    struct reply reply =
        send_raw(h, HK_STR("HEAD /v1/apps HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\n"),
                 &is_closed);

    assert_status(reply, 413);
    assert_int_equal(reply.body_n, 0);
    assert_true(is_closed);
}

static void test_the_rest_has_the_headers_that_belong_to_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, NULL, "GET", "/v1/apps", NULL);

    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_memory_equal(reply_header(h->http, &reply, "www-authenticate"), "Bearer", 6);
    reply = api_call(h, t->admin, "PUT", "/v1/apps", "{}");
    assert_problem(h, reply, 405, "method_not_allowed", NULL);
    assert_non_null(reply_header(h->http, &reply, "allow"));
    reply = api_call(h, t->producer, "GET", "/v1/apps", NULL);
    assert_problem(h, reply, 403, "forbidden", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_head_that_cannot_be_parsed_is_a_problem, .has_no_worker = true),
        harness_test(test_it_is_one_after_good_requests_on_the_connection_too,
                     .has_no_worker = true),
        harness_test(test_414_for_a_target_that_is_too_long, .has_no_worker = true),
        harness_test(test_431_for_a_head_that_does_not_end, .has_no_worker = true),
        harness_test(test_413_for_a_body_that_is_too_large, .has_no_worker = true),
        harness_test(test_HEAD_gets_no_body_of_an_error_either, .has_no_worker = true),
        harness_test(test_the_rest_has_the_headers_that_belong_to_it, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
