/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on a socket that no HTTP library sends (standards 3.8): each gets one 400 and the end of
 * the connection, and what lies behind it is never taken for a second request.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hk/clock.h"
#include "tests/support/check.h"

#define HOST     "Host: a\r\n"
#define END      "\r\n"
#define SMUGGLED "GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"

enum { ANSWER_SIZE = 65536, QUIET_MS = 300, ANSWER_MS = 10000 };

static int connect_api(struct harness *h)
{
    int fd = http_raw_connect(h->api_url);

    assert_true(fd >= 0);
    return fd;
}

/* How many answers begin in these bytes. */
static unsigned count_answers(const char *bytes)
{
    unsigned n = 0;

    for (const char *at = bytes; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        n++;
    return n;
}

/* All that comes back until the server closes. */
static const char *exchange(struct harness *h, struct hk_str bytes, bool *ret_is_closed)
{
    static char answer[ANSWER_SIZE];
    int fd = connect_api(h);

    (void)http_raw_send(fd, bytes.p, bytes.n);
    (void)http_raw_read(fd, answer, sizeof(answer), ANSWER_MS, ret_is_closed);
    (void)close(fd);
    return answer;
}

static void expect_refused_with(struct harness *h, struct hk_str bytes, int status,
                                const char *slug)
{
    bool is_closed;
    const char *answer = exchange(h, bytes, &is_closed);
    struct reply reply = http_raw_reply(h->http, answer);

    if (http_raw_status(answer) != status || !is_closed || count_answers(answer) != 1)
        fail_msg("%.*s\n\ngot %u answers, %s:\n%s", (int)(bytes.n < 400 ? bytes.n : 400), bytes.p,
                 count_answers(answer), is_closed ? "closed" : "not closed", answer);
    assert_problem(h, reply, status, slug, NULL);
    assert_string_equal(reply_header(h->http, &reply, "connection"), "close");
}

static void expect_each_refused(struct harness *h, const struct hk_str *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect_refused_with(h, cases[i], 400, "bad_request");
}

#define EXPECT_EACH_REFUSED(h, cases) expect_each_refused((h), (cases), HK_COUNTOF(cases))

/* ---- where a request ends ---- */

#define POST "POST /v1/events HTTP/1.1\r\n"

static const struct hk_str framing[] = {
    HK_STR(POST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END
                     "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END
                     "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Content-Length: 3\r\nContent-Length: 5\r\n" END "abc" SMUGGLED),
    HK_STR(POST HOST "Content-Length: 3\r\nContent-Length: 3\r\n" END "abc" SMUGGLED),
    HK_STR(POST HOST "Content-Length: 0\r\nContent-Length: 44\r\n" END SMUGGLED),
    HK_STR(POST HOST "Content-Length: 3, 5\r\n" END "abc" SMUGGLED),
    HK_STR(POST HOST "Content-Length: +3\r\n" END "abc" SMUGGLED),
    HK_STR(POST HOST "Content-Length: 0x3\r\n" END "abc" SMUGGLED),
    HK_STR(POST HOST "Content-Length: -1\r\n" END SMUGGLED),
    HK_STR(POST HOST "Content-Length:\r\n" END SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" END
                     "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" END
                     "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: gzip, chunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked, chunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: xchunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding : chunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding\t: chunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "X: y\r\n Transfer-Encoding: chunked\r\n" END "0\r\n\r\n" SMUGGLED),
    HK_STR("POST /v1/events HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END
           "0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END
                     "00000000000000001\r\na\r\n0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "-1\r\na\r\n0\r\n\r\n" SMUGGLED),
    HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "zz\r\na\r\n0\r\n\r\n" SMUGGLED),
};

static void test_a_request_whose_end_is_in_doubt_is_refused(void **state)
{
    EXPECT_EACH_REFUSED(*state, framing);
}

/* ---- lines and headers ---- */

#define GET "GET /healthz HTTP/1.1\r\n"

static const struct hk_str headers[] = {
    HK_STR(GET HOST "X: a\r\n b\r\n" END SMUGGLED),        /* obs-fold */
    HK_STR(GET HOST "X: a\r\n\tb\r\n" END SMUGGLED),       /* obs-fold */
    HK_STR(GET " X: a\r\n" HOST END SMUGGLED),             /* before the first header */
    HK_STR("GET /healthz HTTP/1.1\nHost: a\n\n" SMUGGLED), /* bare LF */
    HK_STR(GET "Host: a\n" END SMUGGLED),
    HK_STR(GET HOST "X: a\r\n\n" SMUGGLED),
    HK_STR(GET HOST "X: a\rb\r\n" END SMUGGLED), /* bare CR */
    HK_STR(GET HOST "X: a\0b\r\n" END SMUGGLED),
    HK_STR(GET HOST "X: a\x01"
                    "b\r\n" END SMUGGLED),
    HK_STR(GET HOST "X: a\x7f"
                    "b\r\n" END SMUGGLED),
    HK_STR(GET HOST "X : a\r\n" END SMUGGLED),
    HK_STR(GET HOST "X\r\n" END SMUGGLED),
    HK_STR(GET HOST ": a\r\n" END SMUGGLED),
    HK_STR(GET HOST "X(y): a\r\n" END SMUGGLED),
    HK_STR(GET HOST HOST END SMUGGLED),
    HK_STR(GET HOST "Host: b\r\n" END SMUGGLED),
    HK_STR(GET END SMUGGLED), /* no Host */
    HK_STR(GET "Host:\r\n" END SMUGGLED),
    HK_STR(GET "Host: a/b\r\n" END SMUGGLED),
    HK_STR(GET "Host: a, b\r\n" END SMUGGLED),
    HK_STR(GET "Host: user@a\r\n" END SMUGGLED),
    HK_STR("POST /v1/events HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: something\r\n" END),
};

static void test_a_head_that_is_not_well_formed_is_refused(void **state)
{
    EXPECT_EACH_REFUSED(*state, headers);
}

/* ---- the request line ---- */

static const struct hk_str lines[] = {
    HK_STR("GET http://evil/healthz HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET https://a/healthz HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET healthz HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("OPTIONS * HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("CONNECT a:80 HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz HTTP/1.9\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz HTTP/1.2\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz HTTP/2.0\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz HTTP/0.9\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz http/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz\r\n" HOST END SMUGGLED),
    HK_STR("GET  /healthz HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /health z HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /a/%2e%2e/b%2Fc HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a%2fb HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a%00 HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a%0d%0aX:y HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a%0A HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a%zz HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/a% HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1\\event_types HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /v1/event_types/\xc3\xa9 HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("GET /healthz#x HTTP/1.1\r\n" HOST END SMUGGLED),
    HK_STR("G@T /healthz HTTP/1.1\r\n" HOST END SMUGGLED),
};

static void test_a_request_line_that_is_not_well_formed_is_refused(void **state)
{
    EXPECT_EACH_REFUSED(*state, lines);
}

static void test_a_head_that_is_too_large_is_431(void **state)
{
    struct harness *h = *state;
    char lines_of_65[65 * 8 + 1], long_line[17000];

    for (size_t i = 0; i < 65; i++)
        (void)snprintf(lines_of_65 + 8 * i, 9, "X%02zu: y\r\n", i);
    memset(long_line, 'x', sizeof(long_line));
    expect_refused_with(h, hk_str(http_text(h->http, GET HOST "%s" END SMUGGLED, lines_of_65)), 431,
                        "headers_too_large");
    expect_refused_with(h,
                        hk_str(http_text(h->http, GET HOST "X: %.*s\r\n" END SMUGGLED,
                                         (int)sizeof(long_line), long_line)),
                        431, "headers_too_large");
}

/* ---- what is right goes through, several on one connection ---- */

static const struct hk_str good[] = {
    HK_STR(GET HOST END GET HOST "Connection: close\r\n" END),
    HK_STR("POST /v1/none HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "abc" GET HOST
           "Connection: close\r\n" END),
    HK_STR("\r\n" GET HOST END GET HOST "Connection: close\r\n" END),
};

static void test_two_requests_in_one_packet_get_two_answers(void **state)
{
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(good); i++) {
        bool is_closed;
        const char *answer = exchange(h, good[i], &is_closed);

        if (!is_closed || count_answers(answer) != 2 ||
            strstr(answer, "{\"status\":\"alive\"}") == NULL)
            fail_msg("%zu: %s", i, answer);
    }
}

/* h2o takes bare LF between chunks, and nobody sees the framing after it: such a connection ends.
 */
static void test_nothing_behind_a_chunked_body_is_a_request(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "1\r\na\r\n0\r\n\r\n" SMUGGLED),
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END
                         "3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n" SMUGGLED),
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "1\na\r\n0\r\n\r\n" SMUGGLED),
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "1\r\na\n0\r\n\r\n" SMUGGLED),
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "1\r\na\r\n0\n\n" SMUGGLED),
        HK_STR(POST HOST "Transfer-Encoding: chunked\r\n" END "1;x\n=y\r\na\r\n0\r\n\r\n" SMUGGLED),
    };
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        bool is_closed;
        const char *answer = exchange(h, cases[i], &is_closed);

        if (!is_closed || count_answers(answer) != 1)
            fail_msg("%zu: %s", i, answer);
    }
}

/* ---- no HTTP/2 ---- */

static void test_an_upgrade_to_http_2_is_not_taken(void **state)
{
    static const struct hk_str request =
        HK_STR(GET HOST "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n"
                        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n" END);
    struct harness *h = *state;
    bool is_closed;
    const char *answer = exchange(h, request, &is_closed);

    assert_int_equal(http_raw_status(answer), 200);
    assert_int_equal(count_answers(answer), 1);
}

static void test_the_preface_of_http_2_is_refused(void **state)
{
    static const struct hk_str preface =
        HK_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
    struct harness *h = *state;
    bool is_closed;
    const char *answer = exchange(h, preface, &is_closed);

    assert_true(is_closed);
    assert_int_equal(http_raw_status(answer), 400);
    assert_int_equal(count_answers(answer), 1);
}

/* ---- time and number ---- */

static void expect_cut(struct harness *h, const char *bytes)
{
    char answer[4096];
    int fd = connect_api(h);
    int64_t began_ms = hk_mono_ms();
    bool is_closed;

    assert_true(http_raw_send(fd, bytes, strlen(bytes)));
    (void)http_raw_read(fd, answer, sizeof(answer), ANSWER_MS, &is_closed);
    (void)close(fd);
    assert_true(is_closed);
    assert_true(hk_mono_ms() - began_ms < 5000);
    assert_true(http_raw_status(answer) != 200);
}

static void test_a_client_that_is_too_slow_is_cut(void **state)
{
    struct harness *h = *state;

    expect_cut(h, "");
    expect_cut(h, "GET /heal");
    expect_cut(h, GET HOST "X: y\r\n");
    expect_cut(h, POST HOST "Content-Length: 10\r\n" END "abc");
    expect_cut(h, POST HOST "Transfer-Encoding: chunked\r\n" END "5\r\nabc");
}

/* Each byte comes in time; the request as a whole does not. */
static void test_a_client_that_drips_is_cut(void **state)
{
    struct harness *h = *state;
    int fd = connect_api(h);
    int64_t until_ms = hk_mono_ms() + 5000;
    bool is_closed = false;
    char byte[2];

    (void)http_raw_send(fd, GET "X: ", strlen(GET "X: "));
    while (!is_closed && hk_mono_ms() < until_ms) {
        is_closed = !http_raw_send(fd, "x", 1);
        if (!is_closed)
            (void)http_raw_read(fd, byte, sizeof(byte), 20, &is_closed);
    }
    (void)close(fd);
    assert_true(is_closed);
}

/* The status of the answer that is to come; 0: none came in time. */
static int read_status(int fd, int timeout_ms)
{
    char answer[sizeof("HTTP/1.1 200")];

    (void)http_raw_read(fd, answer, sizeof(answer), timeout_ms, NULL);
    return http_raw_status(answer);
}

static void test_more_connections_than_the_cap_wait(void **state)
{
    struct harness *h = *state;
    int fds[5];

    for (int i = 0; i < 5; i++) {
        fds[i] = connect_api(h);
        assert_true(http_raw_send(fds[i], GET HOST END, strlen(GET HOST END)));
        if (i < 4)
            assert_int_equal(read_status(fds[i], ANSWER_MS), 200);
    }
    assert_int_equal(read_status(fds[4], QUIET_MS), 0);
    (void)close(fds[0]);
    assert_int_equal(read_status(fds[4], ANSWER_MS), 200);
    for (int i = 1; i < 5; i++)
        (void)close(fds[i]);
}

#define ENV(...)                                                                                   \
    .env = (const char *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_request_whose_end_is_in_doubt_is_refused, .has_no_worker = true),
        harness_test(test_a_head_that_is_not_well_formed_is_refused, .has_no_worker = true),
        harness_test(test_a_request_line_that_is_not_well_formed_is_refused, .has_no_worker = true),
        harness_test(test_a_head_that_is_too_large_is_431, .has_no_worker = true),
        harness_test(test_two_requests_in_one_packet_get_two_answers, .has_no_worker = true),
        harness_test(test_nothing_behind_a_chunked_body_is_a_request, .has_no_worker = true),
        harness_test(test_an_upgrade_to_http_2_is_not_taken, .has_no_worker = true),
        harness_test(test_the_preface_of_http_2_is_refused, .has_no_worker = true),
        harness_test(test_a_client_that_is_too_slow_is_cut, .has_no_worker = true,
                     ENV("HOOKLINE_API_REQUEST_TIMEOUT_MS=300")),
        harness_test(test_a_client_that_drips_is_cut, .has_no_worker = true,
                     ENV("HOOKLINE_API_REQUEST_TIMEOUT_MS=300")),
        harness_test(test_more_connections_than_the_cap_wait, .has_no_worker = true,
                     ENV("HOOKLINE_API_MAX_CONNECTIONS=4")),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
