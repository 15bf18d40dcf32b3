/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_message.c - in the order in which it runs:
 *
 *     test_message_stage -> plan [wait] -> an access token, if they take one [wait]
 *                                       -> send all of them [wait for each] -> reply
 *                                          -> revive the subscription, or end its rest [wait]
 *                                          -> reply
 *
 * A test hangs off the request's pool and gives up its HTTP requests when that is cleared.
 */
#include "api/receivers/test_message.h"

#include <h2o.h>

#include "api/cells/tenant_cell.h"
#include "api/http/bind.h"
#include "api/http/server.h"
#include "api/receivers/test_exchange.h"
#include "api/receivers/test_message.sql.h"
#include "api/receivers/token_fetch.h"
#include "api/receivers/webhook_plan.h"
#include "hk/certificate.h"
#include "hk/describe.h"
#include "hk/http.h"
#include "hk/responses.h"
#include "hk/sign.h"
#include "hk/stored_secrets.h"

enum { MAX_EXCHANGE_BYTES = 2 << 20, MAX_REST_BYTES = 1 << 18, MAX_CLIENT_SECRET_BYTES = 4096 };

struct test;

struct test_message {
    struct test *test;
    struct webhook_plan plan;
    struct hk_request *request; /* under way, or NULL */
    struct webhook webhook;
    struct hk_buf exchange; /* its part of the reply, as far as it is known */
};

struct test {
    struct call *call;
    struct api_thread *thread;
    struct hk_http *http;
    struct webhook_plan plan;      /* what the body says: the messages' are copies, with a row */
    struct token_fetch token;      /* .http NULL: no access token is needed */
    struct hk_buf client_key;      /* PEM, in clear */
    struct hk_outcome fault;       /* why nothing can be sent; .error NULL: it can */
    struct hk_str subscription_id; /* stored, with its own secrets; .p NULL: none */
    bool has_ended_rest;
    bool has_made_secret;
    char made_secret[HK_SECRET_TEXT_SIZE];
    struct hk_str profile, responses;
    struct hk_egress egress;
    bool wants_revival;
    unsigned n_messages, n_pending, n_succeeded;
    struct test_message messages[TEST_MAX_MESSAGES];
};

static hk_db_done_fn on_planned;
static hk_http_done_fn on_outcome;
static void test_end_one(struct test *test);

enum stage_result test_message_stage(struct call *call)
{
    if (call->thread->n_tests >= TEST_MAX_CALLS)
        return call_stage_fail(call, HK_BUSY);
    return bind_and_ask(call, on_planned);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Makes the request. False when it cannot be made: then nothing is sent. */
static bool build_request(struct test_message *message, struct hk_request *ret, const char **reterr)
{
    struct webhook *webhook = &message->webhook;
    bool is_built = webhook_build(message->test->call, &message->plan, webhook, ret, reterr);

    hk_buf_add_text(&message->exchange, "{");
    hk_buf_add_json_member(&message->exchange, "event_type", webhook->event_type);
    hk_buf_printf(&message->exchange, ",\"event_id\":\"%s\",\"message_id\":\"%s\"",
                  webhook->event_id, webhook->message_id);
    ret->keep_body_bytes = TEST_EXCHANGE_MAX_ANSWER_BYTES;
    return is_built;
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
        webhook_done(&message->webhook);
        hk_buf_done(&message->exchange);
    }
    token_fetch_done(&test->token);
    if (test->client_key.p != NULL)
        explicit_bzero(test->client_key.p, test->client_key.capacity);
    hk_buf_done(&test->client_key);
    explicit_bzero(test->made_secret, sizeof(test->made_secret));
    test->thread->n_tests--;
}

/* Ends with a NUL; NULL stays NULL. */
static struct hk_str copy_to_pool(struct call *call, struct hk_str s)
{
    char *copy;

    if (s.p == NULL)
        return HK_STR_NULL;
    copy = call_alloc(call, s.n + 1);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return (struct hk_str){copy, s.n};
}

static struct test *test_new(struct call *call, const struct hk_db_result *plan)
{
    struct test *test = h2o_mem_alloc_shared(&call->req->pool, sizeof(*test), test_dispose);
    unsigned n = plan->n_rows < TEST_MAX_MESSAGES ? plan->n_rows : TEST_MAX_MESSAGES;

    *test = (struct test){
        .call = call,
        .thread = call->thread,
        .http = server_http(call->thread),
        .plan = {.secret = call_body_string(call, "secret"),
                 .username = call_body_string(call, "credentials/username"),
                 .password = call_body_string(call, "credentials/password"),
                 .bearer_token = call_body_string(call, "credentials/token")},
        .subscription_id = copy_to_pool(call, hk_db_value(plan, 0, PLAN_SUBSCRIPTION_ID)),
        .wants_revival = hk_str_eq(call_body_json(call, "revive"), HK_STR("true")),
        .profile = copy_to_pool(call, hk_db_value(plan, 0, PLAN_PROFILE)),
        .responses = copy_to_pool(call, hk_db_value(plan, 0, PLAN_RESPONSES)),
        .egress = {.allows_http = hk_str_eq(hk_db_value(plan, 0, PLAN_ALLOWS_HTTP), HK_STR("t")),
                   .allowed_networks =
                       copy_to_pool(call, hk_db_value(plan, 0, PLAN_ALLOWED_NETWORKS)),
                   .certificate =
                       copy_to_pool(call, hk_db_value(plan, 0, PLAN_CLIENT_CERTIFICATE))},
        .n_messages = n,
        .n_pending = n + 1, /* until all are sent: an outcome may come at once */
    };
    call->thread->n_tests++;
    if (test->subscription_id.p == NULL && test->plan.secret.p == NULL) {
        test->has_made_secret = true;
        hk_secret_new(HK_SECRET_V1, test->made_secret);
        test->plan.secret = hk_str(test->made_secret);
    }
    for (unsigned i = 0; i < n; i++) {
        test->messages[i].test = test;
        hk_buf_init(&test->messages[i].webhook.body, 0);
        hk_buf_init(&test->messages[i].exchange, MAX_EXCHANGE_BYTES);
    }
    return test;
}

static struct hk_outcome refusal(enum hk_outcome_kind kind, const char *why)
{
    return (struct hk_outcome){
        .kind = kind,
        .error = why,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };
}

static void send_one(struct test_message *message)
{
    struct test *test = message->test;
    struct hk_request *request = hk_http_take(test->http);
    struct hk_outcome fault = refusal(HK_OUTCOME_REQUEST_INVALID, NULL);
    bool is_built = build_request(message, request, &fault.error);

    if (is_built && test->fault.error == NULL) {
        hk_buf_add_text(&message->exchange, ",\"request\":");
        hk_describe_request(request, &message->exchange);
        message->request = request;
        request->egress = test->egress;
        hk_http_send(test->http, request, on_outcome, message);
        return;
    }
    hk_buf_add_text(&message->exchange, ",\"request\":null");
    hk_http_give_back(test->http, request);
    on_outcome(message, is_built ? &test->fault : &fault);
}

/* Last: the test may be gone with its call's reply. */
static void send_all(struct test *test)
{
    for (unsigned i = 0; i < test->n_messages; i++) {
        test->messages[i].plan.access_token =
            test->token.token.n == 0 ? HK_STR_NULL
                                     : (struct hk_str){test->token.token.text, test->token.token.n};
        send_one(&test->messages[i]);
    }
    test_end_one(test);
}

/* ---- as whom --------------------------------------------------------------------------------- */

static void on_token(struct token_fetch *fetch)
{
    struct test *test = HK_CONTAINER_OF(fetch, struct test, token);

    if (fetch->fault != NULL)
        test->fault = refusal(HK_OUTCOME_CREDENTIALS, fetch->fault);
    send_all(test);
}

/* What the token is asked for with: the subscription's, or what the body says. */
static bool read_order(struct test *test, struct hk_buf *secret, struct token_order *ret)
{
    const struct webhook_plan *plan = &test->messages[0].plan;
    struct call *call = test->call;

    *ret = (struct token_order){.allows_http = test->egress.allows_http,
                                .allowed_networks = test->egress.allowed_networks};
    if (test->subscription_id.p == NULL) {
        ret->url = copy_to_pool(call, call_body_string(call, "credentials/token_url"));
        ret->client_id = call_body_string(call, "credentials/client_id");
        ret->client_secret = call_body_string(call, "credentials/client_secret");
        ret->scope = call_body_string(call, "credentials/scope");
        return true;
    }
    ret->url = copy_to_pool(call, webhook_plan_value(plan, PLAN_TOKEN_URL));
    ret->client_id = webhook_plan_value(plan, PLAN_USERNAME);
    ret->scope = webhook_plan_value(plan, PLAN_SCOPE);
    if (!webhook_open_client_secret(call, plan, secret))
        return false;
    ret->client_secret = hk_buf_str(secret);
    return true;
}

/* True: on_token() comes. False: there is nothing to wait for. */
static bool begin_token(struct test *test)
{
    struct token_order order;
    struct hk_buf secret HK_CLEANUP(hk_buf_done);
    bool is_open, is_begun = false;

    hk_buf_init(&secret, MAX_CLIENT_SECRET_BYTES);
    is_open = read_order(test, &secret, &order);
    if (!is_open) {
        test->fault = refusal(HK_OUTCOME_REQUEST_INVALID, HK_STORED_SECRET_FAULT);
    } else if (order.url.p != NULL) {
        for (unsigned i = 0; i < test->n_messages; i++)
            webhook_plan_keep(test->call, &test->messages[i].plan);
        is_begun = token_fetch_begin(&test->token, test->http, &order, on_token);
        if (!is_begun)
            test->fault = refusal(HK_OUTCOME_CREDENTIALS, test->token.fault);
    }
    if (secret.p != NULL)
        explicit_bzero(secret.p, secret.capacity);
    return is_begun;
}

static void open_client_key(struct test *test)
{
    hk_buf_init(&test->client_key, HK_CERTIFICATE_KEY_MAX_BYTES);
    if (!webhook_open_client_key(test->call, &test->messages[0].plan, &test->client_key))
        test->fault = refusal(HK_OUTCOME_REQUEST_INVALID, HK_STORED_SECRET_FAULT);
    test->egress.private_key = hk_buf_str(&test->client_key);
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
    tenant_cell_stay(call); /* receivers will have seen it */
    test = test_new(call, result);
    for (unsigned i = 0; i < test->n_messages; i++) {
        test->messages[i].plan = test->plan;
        test->messages[i].plan.result = result;
        test->messages[i].plan.row = i;
    }
    open_client_key(test);
    if (!begin_token(test))
        send_all(test);
}

/* ---- the reply --------------------------------------------------------------------------------
 */

/* `revived`: the subscription as it is now, or HK_STR_NULL. */
static void reply(struct test *test, struct hk_str revived)
{
    struct call *call = test->call;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    hk_buf_init(&buf, TEST_MAX_MESSAGES * (MAX_EXCHANGE_BYTES + 1) + MAX_REST_BYTES);
    hk_buf_add_text(&buf, "{");
    hk_buf_add_json_member(&buf, "profile", test->profile);
    hk_buf_add_text(&buf, ",");
    hk_buf_add_json_member(&buf, "secret", test->has_made_secret ? test->plan.secret : HK_STR_NULL);
    hk_buf_add_text(&buf, ",\"token\":");
    hk_buf_add_str(&buf,
                   test->token.http == NULL ? HK_STR("null") : hk_buf_str(&test->token.described));
    hk_buf_add_text(&buf, ",\"messages\":[");
    for (unsigned i = 0; i < test->n_messages; i++) {
        hk_buf_add_text(&buf, i == 0 ? "" : ",");
        hk_buf_add_str(&buf, hk_buf_str(&test->messages[i].exchange));
        buf.is_full |= test->messages[i].exchange.is_full;
    }
    hk_buf_add_text(&buf, "]");
    if (call->match.route->stmt == &stmt_subscription_test_plan) {
        hk_buf_printf(&buf,
                      ",\"rest_ended\":%s,\"revived\":", test->has_ended_rest ? "true" : "false");
        hk_buf_add_str(&buf, revived.p == NULL ? HK_STR("null") : revived);
    }
    hk_buf_add_text(&buf, "}");
    if (buf.is_full)
        call_fail_code(call, HK_INTERNAL, HK_STR_NULL);
    else
        call_reply(call, call->match.route->ok_status, hk_buf_str(&buf));
}

/* Somebody else may have changed its state meanwhile: then it is not revived. */
static void on_revived(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct test *test = call->state;

    if (result->code != HK_OK)
        call_fail_code(call, result->code, HK_STR_NULL);
    else
        reply(test, hk_db_value(result, 0, PLAN_CODE).n > 0
                        ? HK_STR_NULL
                        : hk_db_value(result, 0, PLAN_ERRORS)); /* which is the body here */
}

/* The parameters are those of the plan: tenant, partner, subscription, body. */
static void revive(struct test *test)
{
    struct call *call = test->call;

    call->state = test;
    call->query.stmt = &stmt_test_message_revive;
    call->query.done = on_revived;
    if (hk_db_submit(call->cell->db, &call->query) != HK_OK)
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
}

static void on_passed(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct test *test = call->state;

    test->has_ended_rest =
        result->code == HK_OK && hk_str_eq(hk_db_value(result, 0, PLAN_ERRORS), HK_STR("true"));
    if (result->code != HK_OK)
        call_fail_code(call, result->code, HK_STR_NULL);
    else
        reply(test, HK_STR_NULL);
}

/* The receiver of a stored subscription answers well: it need not rest any longer. */
static void end_rest(struct test *test)
{
    struct call *call = test->call;

    call->state = test;
    call->query.stmt = &stmt_test_message_passed;
    call->query.params[2] = test->subscription_id;
    call->query.done = on_passed;
    if (hk_db_submit(call->cell->db, &call->query) != HK_OK)
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
}

/* Last: the test may be gone with its call's reply. */
static void test_end_one(struct test *test)
{
    bool has_passed = test->subscription_id.p != NULL && test->n_succeeded == test->n_messages;

    if (--test->n_pending > 0)
        return;
    if (has_passed && test->wants_revival)
        revive(test);
    else if (has_passed && auth_may(&test->call->caller, SCOPE_SUBSCRIPTIONS_WRITE))
        end_rest(test);
    else
        reply(test, HK_STR_NULL);
}

static bool is_success(const struct test_message *message, const struct hk_outcome *outcome)
{
    return outcome->kind == HK_OUTCOME_ANSWERED &&
           hk_responses_find(message->test->responses, outcome->status).kind == HK_RESPONSE_SUCCESS;
}

static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct test_message *message = done_arg;
    const struct hk_request *request = message->request;
    bool has_succeeded = is_success(message, outcome);

    message->request = NULL; /* the client takes it back itself, behind us */
    message->test->n_succeeded += has_succeeded;
    test_exchange_add_answer(&message->exchange, request, outcome, has_succeeded);
    hk_buf_add_text(&message->exchange, "}");
    test_end_one(message->test);
}
