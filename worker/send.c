/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.c - in the order of events: send_start() -> [a token] -> the request -> on_outcome() ->
 * send_end(), which fires EVENT_OUTCOME.
 */
#include "worker/send.h"

#include <stdlib.h>

#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/http.h"
#include "hk/log.h"
#include "worker/lanes.h"
#include "worker/secrets.h"
#include "worker/step.h"
#include "worker/step_http.h"

struct send {
    struct hk_http *http;
    struct tokens *tokens;
    uint64_t random_state;
};

struct send *send_new(const struct send_options *options)
{
    struct send *send = calloc(1, sizeof(*send));

    if (send == NULL)
        abort();
    hk_random(&send->random_state, sizeof(send->random_state));
    send->http = hk_http_new(&(struct hk_http_options){
        .loop = options->loop,
        .allowed_networks = options->allowed_networks,
        .ca_file = options->config->worker_ca_file,
        .proxy_url = options->config->worker_proxy_url,
    });
    send->tokens = tokens_new(send->http);
    return send;
}

void send_free(struct send *send)
{
    if (send == NULL)
        return;
    hk_http_free(send->http);
    tokens_free(send->tokens);
    free(send);
}

/* splitmix64: for jitter and span ids, which nobody gains from guessing. */
static uint64_t next_random(struct send *send)
{
    uint64_t z = send->random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z == 0 ? 1 : z; /* a span id is not 0 */
}

static void log_failed(const struct attempt *attempt)
{
    char tenant_id[HK_ID_TEXT_SIZE], message_id[HK_ID_TEXT_SIZE], subscription_id[HK_ID_TEXT_SIZE];

    hk_id_format(&attempt->tenant_id, tenant_id);
    hk_id_format(&attempt->message_id, message_id);
    hk_id_format(&attempt->subscription_id, subscription_id);
    hk_log(HK_LOG_INFO, "message.failed", HK_CELL(attempt->cell), HK_CTEXT("tenant", tenant_id),
           HK_CTEXT("message_id", message_id), HK_CTEXT("subscription_id", subscription_id),
           HK_CTEXT("reason", attempt->verdict.reason), HK_I64("attempts", attempt->attempts + 1));
}

void send_end(struct attempt *attempt, const struct hk_outcome *outcome)
{
    unsigned nth = attempt->attempts + 1 - attempt->schedule_from;

    attempt_set_outcome(attempt, outcome);
    secrets_mask(attempt);
    attempt->failure_cost = lanes_failure_cost(outcome);
    attempt->request = NULL; /* the client takes it back itself */
    attempt->verdict =
        retry_judge(&attempt->policy, &attempt->outcome, nth, (uint32_t)next_random(attempt->send));
    if (attempt->verdict.kind == VERDICT_FAILED && attempt->verdict.stop == NULL &&
        attempt->holds_on_failure)
        attempt->verdict.stop = "held";
    if (attempt->run != NULL)
        step_judge_http(attempt);
    if (attempt->verdict.kind == VERDICT_FAILED)
        log_failed(attempt);
    (void)attempt_fire(attempt, EVENT_OUTCOME);
}

void send_refuse(struct attempt *attempt, enum hk_outcome_kind kind, const char *why)
{
    struct hk_outcome outcome = {
        .kind = kind,
        .error = why,
        .retry_after_ms = -1,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };

    if (attempt->started_us == 0)
        attempt->started_us = hk_wall_us();
    send_end(attempt, &outcome);
}

static hk_http_done_fn on_outcome;

static bool build_message(const struct attempt *attempt, struct hk_str token, uint64_t span_id,
                          struct hk_request *ret, const char **reterr)
{
    bool has_token = token.p != NULL, is_basic = !has_token && attempt->username.p != NULL;
    char webhook_id[HK_ID_TEXT_SIZE];
    struct hk_request_parts parts = {
        .url = attempt->url.p,
        .message_id = {webhook_id, HK_ID_TEXT_SIZE - 1},
        .body = attempt->body,
        .envelope_headers = attempt->envelope_headers,
        .signature = attempt->signature,
        .secrets = attempt->secrets,
        .username = is_basic ? attempt->username : HK_STR_NULL,
        .password = is_basic ? attempt->password : HK_STR_NULL,
        .bearer_token = has_token  ? token
                        : is_basic ? HK_STR_NULL
                                   : attempt->password,
        .headers = attempt->headers,
        .origin = attempt->origin,
        .traceparent = attempt->traceparent,
        .span_id = span_id,
        .timeout_ms = attempt->timeout_ms,
        .timestamp_s = attempt->started_us / 1000000,
    };

    hk_id_format(&attempt->webhook_id, webhook_id);
    return hk_request_build(&parts, ret, reterr);
}

/* `token` .p == NULL: with the subscription's own credentials, if it has any. */
static void send_now(struct attempt *attempt, struct hk_str token)
{
    struct send *send = attempt->send;
    struct hk_request *request = hk_http_take(send->http);
    uint64_t span_id = next_random(send);
    const char *why;
    bool is_built;

    attempt->started_us = hk_wall_us();
    is_built = attempt->run != NULL ? step_http_build(attempt, token, span_id, request, &why)
                                    : build_message(attempt, token, span_id, request, &why);
    if (is_built) {
        attempt->request = request;
        request->egress = attempt->egress;
        hk_http_send(send->http, request, on_outcome, attempt);
        return;
    }
    hk_http_give_back(send->http, request);
    send_refuse(attempt, HK_OUTCOME_REQUEST_INVALID, why); /* last: the attempt moves on */
}

static const struct hk_id *token_owner(const struct attempt *attempt)
{
    return attempt->run != NULL ? &attempt->run->token_owner : &attempt->subscription_id;
}

/* Sends it with a token, now or when there is one. */
static void send_with_token(struct attempt *attempt)
{
    struct send *send = attempt->send;
    struct token_order order = {
        .subscription_id = *token_owner(attempt),
        .token_url = attempt->token_url,
        .client_id = attempt->username,
        .client_secret =
            attempt->run != NULL ? hk_buf_str(&attempt->run->secret) : attempt->password,
        .scope = attempt->scope,
        .egress = attempt->egress,
    };
    struct token token;

    switch (tokens_get(send->tokens, &order, &attempt->token_wait, &token)) {
    case TOKEN_WAIT:
        attempt->has_waited_for_token = true;
        return;
    case TOKEN_FAILED:
        send_refuse(attempt, HK_OUTCOME_CREDENTIALS, token.fault);
        return;
    case TOKEN_READY:
        attempt->token_number = token.number;
        if (attempt_fits_lease(attempt, hk_mono_ms()))
            send_now(attempt, token.text);
        else
            send_refuse(attempt, HK_OUTCOME_CREDENTIALS,
                        "the token came too late for this attempt");
        return;
    }
}

static void on_token_ready(struct hk_wait *wait)
{
    send_with_token(HK_CONTAINER_OF(wait, struct attempt, token_wait));
}

/*
 * hk_http_done_fn. A token may end before its time: when one that others have used is refused, the
 * request goes out once more, with a new one, within the same attempt.
 */
static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct attempt *attempt = done_arg;
    struct send *send = attempt->send;
    bool is_refused = attempt->token_number != 0 && outcome->kind == HK_OUTCOME_ANSWERED &&
                      outcome->status == 401;

    if (is_refused)
        tokens_forget(send->tokens, token_owner(attempt), attempt->token_number);
    if (!is_refused || attempt->has_waited_for_token ||
        !attempt_fits_lease(attempt, hk_mono_ms())) {
        send_end(attempt, outcome);
        return;
    }
    attempt->request = NULL; /* the client takes it back itself */
    attempt->n_sent_before = outcome->n_sent;
    attempt->has_waited_for_token = true; /* once */
    send_with_token(attempt);
}

void send_start(struct send *send, struct attempt *attempt)
{
    attempt->send = send;
    attempt->token_wait.ready = on_token_ready;
    if (attempt->fault != NULL)
        send_refuse(attempt, HK_OUTCOME_REQUEST_INVALID, attempt->fault);
    else if (attempt->body.p == NULL && attempt->run == NULL)
        send_refuse(attempt, HK_OUTCOME_REQUEST_INVALID,
                    "the body is too long, or the profile is not known here");
    else if (attempt->token_url.p != NULL)
        send_with_token(attempt);
    else
        send_now(attempt, HK_STR_NULL);
}

/* No byte of it was written yet. */
bool send_can_be_withdrawn(const struct attempt *attempt)
{
    if (attempt->request == NULL)
        return hk_wait_is_waiting(&attempt->token_wait) && attempt->n_sent_before == 0;
    return attempt->n_sent_before == 0 && !hk_http_has_begun(attempt->request);
}

void send_withdraw(struct attempt *attempt)
{
    hk_wait_abandon(&attempt->token_wait);
    if (attempt->request != NULL)
        hk_http_abandon(attempt->send->http, attempt->request);
    attempt->request = NULL;
}
