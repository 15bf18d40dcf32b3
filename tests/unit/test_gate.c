/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/http/gate.h"

#define HOST "Host: a\r\n"
#define END  "\r\n"

/* In memory of its own size, so that a sanitizer sees a read behind the end. */
static enum hk_code check(struct hk_str raw)
{
    struct hk_error error = {.code = HK_OK};
    char *copy = malloc(raw.n == 0 ? 1 : raw.n);
    enum hk_code code;

    assert_non_null(copy);
    if (raw.n > 0)
        memcpy(copy, raw.p, raw.n);
    code = gate_check((struct hk_str){copy, raw.n}, NULL, &error);
    free(copy);

    assert_int_equal(error.code, code);
    assert_int_equal(error.detail[0] == '\0', code == HK_OK);
    assert_string_equal(error.pointer, "");
    return code;
}

static void assert_each(const struct hk_str *cases, size_t n, enum hk_code code)
{
    for (size_t i = 0; i < n; i++) {
        if (check(cases[i]) != code)
            fail_msg("case %zu: %.*s", i, (int)cases[i].n, cases[i].p);
    }
}

#define ASSERT_EACH_IS(code, cases) assert_each(cases, HK_COUNTOF(cases), code)

static void test_ordinary_requests_pass(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\r\n" HOST END),
        HK_STR("GET / HTTP/1.0\r\n" END),
        HK_STR("GET / HTTP/1.0\r\n" HOST END),
        HK_STR("POST /v1/events HTTP/1.1\r\nhost: api.example.com:8080\r\n"
               "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"),
        HK_STR("POST /v1/events HTTP/1.1\r\nHOST: a\r\nTRANSFER-ENCODING: Chunked\r\n\r\n"
               "2\r\n{}\r\n0\r\n\r\n"),
        HK_STR("POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:\t chunked \t\r\n\r\n"),
        HK_STR("POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n"),
        HK_STR("GET /v1/apps?limit=50&cursor=ab%2Bc_d HTTP/1.1\r\n" HOST END),
        HK_STR("GET /v1/companies?external_id=a%2Fb HTTP/1.1\r\n" HOST END),
        HK_STR("GET /v1/event_types/a%20b HTTP/1.1\r\n" HOST END),
        HK_STR("GET / HTTP/1.1\r\nHost: [::1]:8080\r\nX-Empty:\r\nX-Text: caf\xc3\xa9\tx\r\n" END),
        HK_STR("M-SEARCH / HTTP/1.1\r\n" HOST END),
        HK_STR("DELETE /v1/keys/1 HTTP/1.1\r\nHost: a\r\nContent-Lengths: 1\r\nX-Host: b\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_OK, cases);
}

static void test_bytes_behind_the_head_are_not_looked_at(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\r\n" HOST END "GET / HTTP/1.1\nHost: b\n\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST END "GET / HTTP/1.1\r\nHost: b\r\n\r\n"),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END
               "Host: b\r\nContent-Length: 3\r\n\r\n"),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n" END "\0\1\2\n\n\r\n\xff\x7f"),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n" END "\r\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST END "\n"),
    };

    (void)state;
    ASSERT_EACH_IS(HK_OK, cases);
}

static void test_content_length_and_transfer_encoding_exclude_each_other(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "tRANSFER-eNCODING: chunked\r\ncontent-LENGTH: 0\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_framing_header_comes_once(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 5\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Host: b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST HOST END),
        HK_STR("GET / HTTP/1.0\r\n" HOST "hOsT: a\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_transfer_encoding_other_than_chunked_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n" END),
        HK_STR("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_content_length_is_digits(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1.5\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_host_is_needed_and_is_a_host(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nX-Host: a\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost:\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: \t \r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: a b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: a, b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: a/b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: u@a\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: a\\b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_folded_header_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST " X: a\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n Host: a\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST " \r\n" END),
        HK_STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_bare_lf_or_cr_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\nHost: a\n\n"),
        HK_STR("GET / HTTP/1.1\n" HOST END),
        HK_STR("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "\n"),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\r\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "\r\r\n" END),
        HK_STR("GET / HTTP/1.1\r\r\n" HOST END),
        /* h2o ends this head at the empty line of LF alone; what follows is its body */
        HK_STR("POST / HTTP/1.1\r\n" HOST
               "Content-Length: 28\r\n\nGET /x HTTP/1.1\r\nHost: b\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_header_line_is_a_token_a_colon_and_a_value(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "Content-Length\t: 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X Y: 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST ": 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X\0: 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X(y): 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "caf\xc3\xa9: 3\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\x1f\r\n" END),
        HK_STR("GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n" END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_version_other_than_1_0_and_1_1_is_refused(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET / HTTP/1.9\r\n" HOST END),  HK_STR("GET / HTTP/1.2\r\n" HOST END),
        HK_STR("GET / HTTP/2.0\r\n" HOST END),  HK_STR("GET / HTTP/0.9\r\n" HOST END),
        HK_STR("GET / HTTP/1\r\n" HOST END),    HK_STR("GET / HTTP/1.10\r\n" HOST END),
        HK_STR("GET / http/1.1\r\n" HOST END),  HK_STR("GET / HTTP/1.1 \r\n" HOST END),
        HK_STR("GET / HTTPS/1.1\r\n" HOST END), HK_STR("GET /\r\n" HOST END),
        HK_STR("GET / \r\n" HOST END),          HK_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_request_line_is_three_words(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("\r\n" END),
        HK_STR("GET\r\n" HOST END),
        HK_STR(" GET / HTTP/1.1\r\n" HOST END),
        HK_STR("GET  / HTTP/1.1\r\n" HOST END),
        HK_STR("GET /  HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a b HTTP/1.1\r\n" HOST END),
        HK_STR("GET\t/ HTTP/1.1\r\n" HOST END),
        HK_STR("G(T / HTTP/1.1\r\n" HOST END),
        HK_STR("G\0T / HTTP/1.1\r\n" HOST END),
        HK_STR("/ HTTP/1.1\r\n" HOST END),
        HK_STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), /* TLS on the wrong port */
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_a_target_is_a_clean_path(void **state)
{
    static const struct hk_str cases[] = {
        HK_STR("GET http://evil/x HTTP/1.1\r\n" HOST END),
        HK_STR("GET HTTP://a/ HTTP/1.1\r\n" HOST END),
        HK_STR("GET a HTTP/1.1\r\n" HOST END),
        HK_STR("OPTIONS * HTTP/1.1\r\n" HOST END),
        HK_STR("CONNECT a:443 HTTP/1.1\r\n" HOST END),
        HK_STR("GET ?x HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a\\b HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b\\c HTTP/1.1\r\n" HOST END),
        HK_STR("GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b=\xff HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a#b HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a\0b HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a\tb HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a\x7f HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%00 HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b=%00 HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%0d HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b=%0D HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%0a HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b=%0A HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%2fb HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a/%2e%2e/b%2Fc HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a% HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%2 HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a%zz HTTP/1.1\r\n" HOST END),
        HK_STR("GET /a?b=%4 HTTP/1.1\r\n" HOST END),
    };

    (void)state;
    ASSERT_EACH_IS(HK_BAD_REQUEST, cases);
}

static void test_one_empty_line_before_the_request_is_legal(void **state)
{
    (void)state;

    assert_int_equal(check(HK_STR("\r\nGET / HTTP/1.1\r\n" HOST END)), HK_OK);
    assert_int_equal(check(HK_STR("\r\n\r\nGET / HTTP/1.1\r\n" HOST END)), HK_BAD_REQUEST);
    assert_int_equal(check(HK_STR("\nGET / HTTP/1.1\r\n" HOST END)), HK_BAD_REQUEST);
}

static void test_a_head_without_an_end_is_refused(void **state)
{
    static const char head[] = "POST /v1/events?x=%41 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                               "X: y\r\n\r\n";

    (void)state;

    assert_int_equal(check(hk_str(head)), HK_OK);
    assert_int_equal(check(HK_STR_NULL), HK_BAD_REQUEST);
    for (size_t n = 0; n < sizeof(head) - 1; n++)
        assert_int_equal(check((struct hk_str){head, n}), HK_BAD_REQUEST);
}

/* A request of `head_bytes` in all, with `n_behind` bytes of body. */
static enum hk_code check_sized(size_t head_bytes, size_t n_behind)
{
    static const char end[] = {'\r', '\n', '\r', '\n'};
    size_t n = head_bytes + n_behind;
    char *raw = malloc(n);
    size_t n_start;
    enum hk_code code;

    assert_non_null(raw);
    n_start = (size_t)snprintf(raw, n, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(raw + n_start, 'x', n - n_start);
    memcpy(raw + head_bytes - sizeof(end), end, sizeof(end));
    code = check((struct hk_str){raw, n});
    free(raw);
    return code;
}

static void test_a_head_has_a_largest_size(void **state)
{
    (void)state;

    assert_int_equal(check_sized(GATE_MAX_HEAD_BYTES, 0), HK_OK);
    assert_int_equal(check_sized(GATE_MAX_HEAD_BYTES, 100000), HK_OK);
    assert_int_equal(check_sized(GATE_MAX_HEAD_BYTES + 1, 0), HK_HEADERS_TOO_LARGE);
    assert_int_equal(check_sized(GATE_MAX_HEAD_BYTES + 1, 100000), HK_HEADERS_TOO_LARGE);
    assert_int_equal(check_sized(400000, 0), HK_HEADERS_TOO_LARGE);
}

/* "GET /xxx... HTTP/1.1" with so many bytes of target, with or without an end. */
static enum hk_code check_target_size(size_t n, bool has_end)
{
    char *raw = malloc(n + 64);
    size_t raw_n = (size_t)snprintf(raw, 64, "GET /");
    enum hk_code code;

    memset(raw + raw_n, 'x', n - 1);
    raw_n += n - 1;
    if (has_end)
        raw_n += (size_t)snprintf(raw + raw_n, 64, " HTTP/1.1\r\nHost: a\r\n\r\n");
    code = check((struct hk_str){raw, raw_n});
    free(raw);
    return code;
}

static void test_a_target_has_a_largest_size(void **state)
{
    (void)state;
    assert_int_equal(check_target_size(GATE_MAX_TARGET_BYTES, true), HK_OK);
    assert_int_equal(check_target_size(GATE_MAX_TARGET_BYTES + 1, true), HK_URI_TOO_LONG);
    assert_int_equal(check_target_size(GATE_MAX_HEAD_BYTES + 1, true), HK_URI_TOO_LONG);
    assert_int_equal(check_target_size(GATE_MAX_HEAD_BYTES + 1, false), HK_URI_TOO_LONG);
}

static enum hk_code check_counted(unsigned n_headers)
{
    char raw[8192];
    size_t n = (size_t)snprintf(raw, sizeof(raw), "GET / HTTP/1.1\r\nHost: a\r\n");

    for (unsigned i = 1; i < n_headers; i++)
        n += (size_t)snprintf(raw + n, sizeof(raw) - n, "X-%u: y\r\n", i);
    n += (size_t)snprintf(raw + n, sizeof(raw) - n, "\r\n");
    return check((struct hk_str){raw, n});
}

static void test_a_head_has_a_largest_number_of_headers(void **state)
{
    (void)state;

    assert_int_equal(check_counted(GATE_MAX_HEADERS), HK_OK);
    assert_int_equal(check_counted(GATE_MAX_HEADERS + 1), HK_HEADERS_TOO_LARGE);
}

static void test_the_sentence_may_be_left_out(void **state)
{
    (void)state;

    assert_int_equal(gate_check(HK_STR("GET / HTTP/1.1\r\n" END), NULL, NULL), HK_BAD_REQUEST);
    assert_int_equal(gate_check(HK_STR("GET / HTTP/1.1\r\n" HOST END), NULL, NULL), HK_OK);
}

static void test_a_chunked_body_is_told(void **state)
{
    static const char *const heads[] = {"Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(heads); i++) {
        char raw[128];
        bool is_chunked = i == 0;
        int n = snprintf(raw, sizeof(raw), "POST / HTTP/1.1\r\n" HOST "%s" END, heads[i]);

        assert_int_equal(gate_check((struct hk_str){raw, (size_t)n}, &is_chunked, NULL), HK_OK);
        assert_int_equal(is_chunked, i == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_requests_pass),
        cmocka_unit_test(test_bytes_behind_the_head_are_not_looked_at),
        cmocka_unit_test(test_content_length_and_transfer_encoding_exclude_each_other),
        cmocka_unit_test(test_a_framing_header_comes_once),
        cmocka_unit_test(test_a_transfer_encoding_other_than_chunked_is_refused),
        cmocka_unit_test(test_a_content_length_is_digits),
        cmocka_unit_test(test_a_host_is_needed_and_is_a_host),
        cmocka_unit_test(test_a_folded_header_is_refused),
        cmocka_unit_test(test_a_bare_lf_or_cr_is_refused),
        cmocka_unit_test(test_a_header_line_is_a_token_a_colon_and_a_value),
        cmocka_unit_test(test_a_version_other_than_1_0_and_1_1_is_refused),
        cmocka_unit_test(test_a_request_line_is_three_words),
        cmocka_unit_test(test_a_target_is_a_clean_path),
        cmocka_unit_test(test_one_empty_line_before_the_request_is_legal),
        cmocka_unit_test(test_a_head_without_an_end_is_refused),
        cmocka_unit_test(test_a_head_has_a_largest_size),
        cmocka_unit_test(test_a_target_has_a_largest_size),
        cmocka_unit_test(test_a_head_has_a_largest_number_of_headers),
        cmocka_unit_test(test_the_sentence_may_be_left_out),
        cmocka_unit_test(test_a_chunked_body_is_told),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
