/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_message.c - in the order in which it runs:
 *
 *     test_message_stage -> plan [wait] -> send all of them [wait for each] -> reply
 *
 * A test hangs off the request's pool and gives up its HTTP requests when that is cleared.
 */
#include "api/test_message.h"

#include <h2o.h>

#include "api/bind.h"
#include "api/server.h"
#include "hk/clock.h"
#include "hk/describe.h"
#include "hk/encode.h"
#include "hk/envelope.h"
#include "hk/http.h"
#include "hk/responses.h"
#include "hk/sign.h"
#include "hk/utf8.h"

enum { MAX_BODY_BYTES = 1 << 18, MAX_EXCHANGE_BYTES = 2 << 20, KEEP_RESPONSE_BYTES = 16384 };

/* The columns of the plan. */
enum {
    PLAN_CODE,
    PLAN_ERRORS,
    PLAN_PROFILE,
    PLAN_ENVELOPE,
    PLAN_SIGNATURE,
    PLAN_RESPONSES,
    PLAN_TIMEOUT_MS,
    PLAN_BASE_URL,
    PLAN_HEADERS,
    PLAN_EVENT_TYPE,
    PLAN_SAMPLE,
    PLAN_ALLOWS_HTTP,
    PLAN_ALLOWED_NETWORKS,
};

struct test;

struct test_message {
    struct test *test;
    struct hk_request *request; /* under way, or NULL */
    struct hk_buf body;
    struct hk_buf exchange; /* its part of the reply, as far as it is known */
};

struct test {
    struct call *call;
    struct api_thread *thread;
    struct hk_http *http;
    struct hk_str url, secret, username, password, token;
    bool has_made_secret;
    char made_secret[HK_SECRET_TEXT_SIZE];
    struct hk_str profile, responses;
    struct hk_egress egress;
    unsigned n_messages, n_pending;
    struct test_message messages[TEST_MAX_MESSAGES];
};

static hk_db_done_fn on_planned;
static hk_http_done_fn on_outcome;
static void test_end_one(struct test *test);

enum stage_result test_message_stage(struct call *call)
{
    struct hk_error error = {0};

    if (call->thread->n_tests >= TEST_MAX_CALLS)
        return call_stage_fail(call, HK_BUSY);
    call->query = (struct hk_db_query){
        .stmt = call->match.route->stmt,
        .context = &call->context,
        .done = on_planned,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    if (bind_params(call, &error) != HK_OK) {
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    return hk_db_submit(call->thread->db, &call->query) == HK_OK ? STAGE_WAIT
                                                                 : call_stage_fail(call, HK_BUSY);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct hk_id new_id(struct test *test)
{
    return hk_id_new(&test->call->thread->ids, hk_wall_us() / 1000);
}

static bool read_envelope(struct test *test, const struct hk_db_result *plan, unsigned row,
                          struct hk_envelope *ret)
{
    *ret = (struct hk_envelope){
        .tenant_id = test->call->caller.tenant_id,
        .event_id = new_id(test),
        .subscription_id = new_id(test),
        .event_type = hk_db_value(plan, row, PLAN_EVENT_TYPE),
        .company = HK_STR("test"),
        .payload = hk_db_value(plan, row, PLAN_SAMPLE),
        .base_url = hk_db_value(plan, row, PLAN_BASE_URL),
    };
    return hk_envelope_kind_from_name(hk_db_value(plan, row, PLAN_ENVELOPE), &ret->kind);
}

static unsigned read_timeout_ms(const struct hk_db_result *plan, unsigned row)
{
    unsigned ms = 0;
    struct hk_str text = hk_db_value(plan, row, PLAN_TIMEOUT_MS);

    for (size_t i = 0; i < text.n; i++)
        ms = ms * 10 + (unsigned)(text.p[i] - '0');
    return ms;
}

/* Makes the request of a row of the plan. False when it cannot be made: then nothing is sent. */
static bool build_request(struct test_message *message, const struct hk_db_result *plan,
                          unsigned row, struct hk_request *ret, const char **reterr)
{
    struct test *test = message->test;
    struct hk_buf headers HK_CLEANUP(hk_buf_done);
    char message_id[HK_ID_TEXT_SIZE], event_id[HK_ID_TEXT_SIZE];
    struct hk_id id = new_id(test);
    struct hk_envelope envelope;
    struct hk_request_parts parts = {
        .url = test->url.p,
        .message_id = {message_id, HK_ID_TEXT_SIZE - 1},
        .secrets = test->secret,
        .username = test->username,
        .password = test->username.p == NULL ? HK_STR_NULL : test->password,
        .bearer_token = test->token,
        .headers = hk_db_value(plan, row, PLAN_HEADERS),
        .timestamp_s = hk_wall_us() / 1000000,
        .timeout_ms = read_timeout_ms(plan, row),
    };
    bool is_known =
        read_envelope(test, plan, row, &envelope) &&
        hk_signature_kind_from_name(hk_db_value(plan, row, PLAN_SIGNATURE), &parts.signature);

    hk_id_format(&id, message_id);
    hk_id_format(&envelope.event_id, event_id);
    hk_buf_add_text(&message->exchange, "{");
    hk_buf_add_json_member(&message->exchange, "event_type", envelope.event_type);
    hk_buf_printf(&message->exchange, ",\"event_id\":\"%s\",\"message_id\":\"%s\"", event_id,
                  message_id);
    hk_buf_init(&headers, HK_REQUEST_TEXT_SIZE);
    *reterr = "the profile is not known here";
    if (!is_known)
        return false;
    hk_envelope_build(&envelope, &message->body);
    hk_envelope_add_headers(&envelope, &headers);
    parts.body = hk_buf_str(&message->body);
    parts.envelope_headers = hk_buf_str(&headers);
    *reterr = "the request is too long";
    if (message->body.is_full || headers.is_full || !hk_request_build(&parts, ret, reterr))
        return false;
    ret->keep_body_bytes = KEEP_RESPONSE_BYTES;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* h2o clears the request's pool. */
static void test_dispose(void *p)
{
    struct test *test = p;

    for (unsigned i = 0; i < test->n_messages; i++) {
        struct test_message *message = &test->messages[i];

        if (message->request != NULL)
            hk_http_abandon(test->http, message->request);
        hk_buf_done(&message->body);
        hk_buf_done(&message->exchange);
    }
    explicit_bzero(test->made_secret, sizeof(test->made_secret));
    test->thread->n_tests--;
}

static struct test *test_new(struct call *call, unsigned n_messages)
{
    struct test *test = h2o_mem_alloc_shared(&call->req->pool, sizeof(*test), test_dispose);

    *test = (struct test){
        .call = call,
        .thread = call->thread,
        .http = server_http(call->thread),
        .url = call_body_string(call, "url"),
        .secret = call_body_string(call, "secret"),
        .username = call_body_string(call, "credentials/username"),
        .password = call_body_string(call, "credentials/password"),
        .token = call_body_string(call, "credentials/token"),
        .n_messages = n_messages,
        .n_pending = n_messages,
    };
    call->thread->n_tests++;
    if (test->secret.p == NULL) {
        test->has_made_secret = true;
        hk_secret_new(HK_SECRET_V1, test->made_secret);
        test->secret = hk_str(test->made_secret);
    }
    for (unsigned i = 0; i < n_messages; i++) {
        test->messages[i].test = test;
        hk_buf_init(&test->messages[i].body, MAX_BODY_BYTES);
        hk_buf_init(&test->messages[i].exchange, MAX_EXCHANGE_BYTES);
    }
    return test;
}

static void send_one(struct test_message *message, const struct hk_db_result *plan, unsigned row)
{
    struct hk_http *http = message->test->http;
    struct hk_request *request = hk_http_take(http);
    struct hk_outcome invalid = {
        .kind = HK_OUTCOME_REQUEST_INVALID,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };

    if (!build_request(message, plan, row, request, &invalid.error)) {
        hk_buf_add_text(&message->exchange, ",\"request\":null");
        hk_http_give_back(http, request);
        on_outcome(message, &invalid);
        return;
    }
    hk_buf_add_text(&message->exchange, ",\"request\":");
    hk_describe_request(request, &message->exchange);
    message->request = request;
    request->egress = message->test->egress;
    hk_http_send(http, request, on_outcome, message);
}

static struct hk_str copy_to_pool(struct call *call, struct hk_str s)
{
    char *copy = call_alloc(call, s.n + 1);

    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return (struct hk_str){copy, s.n};
}

static void on_planned(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct hk_str code = result->code == HK_OK ? hk_db_value(result, 0, PLAN_CODE) : HK_STR_NULL;
    struct test *test;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    if (code.n > 0) {
        call_fail_code(call, hk_code_from_slug(code), hk_db_value(result, 0, PLAN_ERRORS));
        return;
    }
    test = test_new(call, result->n_rows < TEST_MAX_MESSAGES ? result->n_rows : TEST_MAX_MESSAGES);
    test->n_pending++; /* until all are sent: an outcome may come at once */
    test->profile = copy_to_pool(call, hk_db_value(result, 0, PLAN_PROFILE));
    test->responses = copy_to_pool(call, hk_db_value(result, 0, PLAN_RESPONSES));
    test->egress = (struct hk_egress){
        .allows_http = hk_str_eq(hk_db_value(result, 0, PLAN_ALLOWS_HTTP), HK_STR("t")),
        .allowed_networks = copy_to_pool(call, hk_db_value(result, 0, PLAN_ALLOWED_NETWORKS)),
    };
    for (unsigned i = 0; i < test->n_messages; i++)
        send_one(&test->messages[i], result, i);
    test_end_one(test);
}

/* ---- answers --------------------------------------------------------------------------------- */

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
    char encoded[HK_B64_SIZE(KEEP_RESPONSE_BYTES)];

    if (hk_utf8_is_valid(body) && memchr(body.p, '\0', body.n) == NULL) {
        hk_buf_add_json_member(ret, "body", body);
        hk_buf_add_text(ret, ",\"body_encoding\":\"text\"");
        return;
    }
    hk_buf_add_json_member(ret, "body",
                           (struct hk_str){encoded, hk_b64_encode(body.p, body.n, encoded)});
    hk_buf_add_text(ret, ",\"body_encoding\":\"base64\"");
}

static void describe_response(const struct hk_outcome *outcome, struct hk_buf *ret)
{
    char headers[16384];
    size_t n = outcome->response_headers.n < sizeof(headers) ? outcome->response_headers.n
                                                             : sizeof(headers);

    if (outcome->status == 0) {
        hk_buf_add_text(ret, ",\"response\":null");
        return;
    }
    if (n > 0)
        memcpy(headers, outcome->response_headers.p, n);
    hk_utf8_scrub(headers, n);
    hk_buf_printf(ret, ",\"response\":{\"status_code\":%d,", outcome->status);
    hk_buf_add_json_member(ret, "headers", (struct hk_str){headers, n});
    hk_buf_add_text(ret, ",");
    describe_body(outcome->response_body.p == NULL ? HK_STR("") : outcome->response_body, ret);
    hk_buf_printf(ret, ",\"truncated\":%s}", outcome->is_truncated ? "true" : "false");
}

static void reply(struct test *test)
{
    struct call *call = test->call;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, TEST_MAX_MESSAGES * (MAX_EXCHANGE_BYTES + 1) + MAX_BODY_BYTES);
    hk_buf_add_text(&buf, "{");
    hk_buf_add_json_member(&buf, "profile", test->profile);
    hk_buf_add_text(&buf, ",");
    hk_buf_add_json_member(&buf, "secret", test->has_made_secret ? test->secret : HK_STR_NULL);
    hk_buf_add_text(&buf, ",\"messages\":[");
    for (unsigned i = 0; i < test->n_messages; i++) {
        hk_buf_add_text(&buf, i == 0 ? "" : ",");
        hk_buf_add_str(&buf, hk_buf_str(&test->messages[i].exchange));
        buf.is_full |= test->messages[i].exchange.is_full;
    }
    hk_buf_add_text(&buf, "]}");
    if (buf.is_full)
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
    else
        call_reply(call, call->match.route->ok_status, hk_buf_str(&buf));
}

/* Last: the test may be gone with its call's reply. */
static void test_end_one(struct test *test)
{
    if (--test->n_pending == 0)
        reply(test);
}

static bool is_success(const struct test_message *message, const struct hk_outcome *outcome)
{
    return outcome->kind == HK_OUTCOME_ANSWERED &&
           hk_responses_find(message->test->responses, outcome->status).kind == HK_RESPONSE_SUCCESS;
}

static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct test_message *message = done_arg;
    struct hk_buf *buf = &message->exchange;

    message->request = NULL; /* the client takes it back itself */
    hk_buf_printf(buf, ",\"outcome\":\"%s\"",
                  is_success(message, outcome) ? "succeeded" : hk_outcome_name(outcome->kind));
    hk_buf_add_text(buf, ",");
    hk_buf_add_json_member(buf, "error", hk_str(outcome->error));
    describe_response(outcome, buf);
    add_time(buf, "duration_us", outcome->duration_us);
    add_time(buf, "dns_us", outcome->dns_us);
    add_time(buf, "connect_us", outcome->connect_us);
    add_time(buf, "tls_us", outcome->tls_us);
    add_time(buf, "first_byte_us", outcome->first_byte_us);
    hk_describe_connection(outcome, buf);
    hk_buf_add_text(buf, "}");
    test_end_one(message->test);
}
