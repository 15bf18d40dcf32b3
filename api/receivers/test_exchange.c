/* SPDX-License-Identifier: Apache-2.0 */
#include "api/receivers/test_exchange.h"

#include "hk/describe.h"
#include "hk/encode.h"
#include "hk/utf8.h"

enum { MAX_HEADERS_BYTES = 16384 };

static void add_time(struct hk_buf *buf, const char *name, int64_t us)
{
    if (us < 0)
        hk_buf_printf(buf, ",\"%s\":null", name);
    else
        hk_buf_printf(buf, ",\"%s\":%lld", name, (long long)us);
}

/* Text when it is text, else base64, as attempts have it. */
static void describe_body(struct hk_str body, struct hk_buf *ret)
{
    char encoded[HK_B64_SIZE(TEST_EXCHANGE_MAX_ANSWER_BYTES)];

    if (hk_utf8_is_valid(body) && memchr(body.p, '\0', body.n) == NULL) {
        hk_buf_add_json_member(ret, "body", body);
        hk_buf_add_text(ret, ",\"body_encoding\":\"text\"");
        return;
    }
    hk_buf_add_json_member(ret, "body",
                           (struct hk_str){encoded, hk_b64_encode(body.p, body.n, encoded)});
    hk_buf_add_text(ret, ",\"body_encoding\":\"base64\"");
}

static void describe_response(const struct hk_request *request, const struct hk_outcome *outcome,
                              struct hk_buf *ret)
{
    char headers[MAX_HEADERS_BYTES], body[TEST_EXCHANGE_MAX_ANSWER_BYTES];
    size_t n_body =
        outcome->response_body.n < sizeof(body) ? outcome->response_body.n : sizeof(body);
    size_t n = outcome->response_headers.n < sizeof(headers) ? outcome->response_headers.n
                                                             : sizeof(headers);

    if (outcome->status == 0) {
        hk_buf_add_text(ret, ",\"response\":null");
        return;
    }
    if (n > 0)
        memcpy(headers, outcome->response_headers.p, n);
    if (n_body > 0)
        memcpy(body, outcome->response_body.p, n_body);
    hk_describe_mask(request, headers, n);
    hk_describe_mask(request, body, n_body);
    hk_utf8_scrub(headers, n);
    hk_buf_printf(ret, ",\"response\":{\"status_code\":%d,", outcome->status);
    hk_buf_add_json_member(ret, "headers", (struct hk_str){headers, n});
    hk_buf_add_text(ret, ",");
    describe_body((struct hk_str){body, n_body}, ret);
    hk_buf_printf(ret, ",\"truncated\":%s}", outcome->is_truncated ? "true" : "false");
}

void test_exchange_add_answer(struct hk_buf *ret, const struct hk_request *request,
                              const struct hk_outcome *outcome, bool is_success)
{
    hk_buf_printf(ret, ",\"outcome\":\"%s\"",
                  is_success ? "succeeded" : hk_outcome_name(outcome->kind));
    hk_buf_add_text(ret, ",");
    hk_buf_add_json_member(ret, "error", hk_str(outcome->error));
    describe_response(request, outcome, ret);
    add_time(ret, "duration_us", outcome->duration_us);
    add_time(ret, "dns_us", outcome->dns_us);
    add_time(ret, "connect_us", outcome->connect_us);
    add_time(ret, "tls_us", outcome->tls_us);
    add_time(ret, "first_byte_us", outcome->first_byte_us);
    hk_describe_connection(outcome, ret);
}
