/* SPDX-License-Identifier: Apache-2.0 */
/* token_fetch.c - token_fetch_begin -> [wait] -> on_outcome -> done() */
#include "api/receivers/token_fetch.h"

#include "hk/describe.h"
#include "hk/http.h"
#include "hk/json_member.h"

enum { TIMEOUT_MS = 10000, MAX_BYTES = 4096, MAX_DESCRIBED_BYTES = 16384, MAX_WORDS_BYTES = 256 };

static hk_http_done_fn on_outcome;

static void wipe(struct hk_buf *buf)
{
    if (buf->p != NULL)
        explicit_bzero(buf->p, buf->capacity);
    hk_buf_done(buf);
}

/* Without an answer `outcome` is NULL. */
static void begin_description(struct token_fetch *fetch, const struct hk_outcome *outcome)
{
    struct hk_buf *buf = &fetch->described;
    const char *name = outcome == NULL ? hk_outcome_name(HK_OUTCOME_REQUEST_INVALID)
                                       : hk_outcome_name(outcome->kind);

    hk_buf_add_text(buf, "{");
    hk_buf_add_json_member(buf, "url", hk_str(fetch->url));
    hk_buf_printf(buf, ",\"outcome\":\"%s\",", fetch->fault == NULL ? "succeeded" : name);
    hk_buf_add_json_member(buf, "error", fetch->fault == NULL ? HK_STR_NULL : hk_str(fetch->fault));
    if (outcome == NULL || outcome->status == 0)
        hk_buf_add_text(buf, ",\"status_code\":null");
    else
        hk_buf_printf(buf, ",\"status_code\":%d", outcome->status);
}

static void add_duration(struct token_fetch *fetch, int64_t us)
{
    hk_buf_printf(&fetch->described, ",\"duration_us\":%lld}", (long long)us);
}

bool token_fetch_begin(struct token_fetch *fetch, struct hk_http *http,
                       const struct token_order *order, token_fetched_fn *done)
{
    struct hk_request *request = hk_http_take(http);
    struct hk_token_parts parts = {
        .url = order->url.p,
        .client_id = order->client_id,
        .client_secret = order->client_secret,
        .scope = order->scope,
        .timeout_ms = TIMEOUT_MS,
    };

    fetch->http = http;
    fetch->done = done;
    fetch->url = order->url.p;
    hk_buf_init(&fetch->body, MAX_BYTES);
    hk_buf_init(&fetch->client_secret, MAX_BYTES);
    hk_buf_init(&fetch->described, MAX_DESCRIBED_BYTES);
    hk_buf_add_str(&fetch->client_secret, order->client_secret);
    if (!hk_token_request_build(&parts, &fetch->body, request, &fetch->fault)) {
        hk_http_give_back(http, request);
        begin_description(fetch, NULL);
        hk_buf_add_text(&fetch->described,
                        ",\"oauth_error\":null,\"oauth_error_description\":null");
        add_duration(fetch, 0);
        return false;
    }
    request->egress = (struct hk_egress){.allows_http = order->allows_http,
                                         .allowed_networks = order->allowed_networks};
    fetch->request = request;
    hk_http_send(http, request, on_outcome, fetch);
    return true;
}

/* ---- the answer ---- */

/* As RFC 6749, 5.2, has them: such a text needs no escapes. */
static bool are_plain_words(struct hk_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < ' ' || text.p[i] > '~' || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    }
    return text.n > 0;
}

static void mask_word(char *text, size_t n, struct hk_str secret)
{
    char *found = text;

    if (secret.n < 4)
        return;
    while ((found = memmem(found, n - (size_t)(found - text), secret.p, secret.n)) != NULL) {
        memset(found, '*', secret.n);
        found += secret.n;
    }
}

/* A string of a refusal, or null: a success, or half of one, may hold a token. */
static void add_words(struct token_fetch *fetch, struct hk_str body, const char *member,
                      const char *shown_as)
{
    struct hk_str words = hk_json_member(body, hk_str(member));

    words = words.n >= 2 && words.p[0] == '"' && words.p[words.n - 1] == '"'
                ? (struct hk_str){words.p + 1, words.n - 2}
                : HK_STR_NULL;
    if (words.n > MAX_WORDS_BYTES)
        words.n = MAX_WORDS_BYTES;
    hk_buf_add_text(&fetch->described, ",");
    hk_buf_add_json_member(&fetch->described, shown_as,
                           are_plain_words(words) ? words : HK_STR_NULL);
}

static void describe(struct token_fetch *fetch, const struct hk_outcome *outcome)
{
    char masked[MAX_BYTES];
    struct hk_str body = {masked, 0};

    if (fetch->fault != NULL && outcome->status >= 400)
        body.n =
            outcome->response_body.n < sizeof(masked) ? outcome->response_body.n : sizeof(masked);
    if (body.n > 0)
        memcpy(masked, outcome->response_body.p, body.n);
    hk_describe_mask(fetch->request, masked, body.n);
    mask_word(masked, body.n, hk_buf_str(&fetch->client_secret));
    begin_description(fetch, outcome);
    add_words(fetch, body, "error", "oauth_error");
    add_words(fetch, body, "error_description", "oauth_error_description");
    add_duration(fetch, outcome->duration_us);
    explicit_bzero(masked, sizeof(masked));
}

static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct token_fetch *fetch = done_arg;

    fetch->fault = hk_access_token_read(outcome, &fetch->token);
    if (fetch->fault != NULL)
        fetch->token.n = 0;
    describe(fetch, outcome);
    fetch->request = NULL; /* the client takes it back itself, behind us */
    fetch->done(fetch);    /* last: it may be gone */
}

void token_fetch_done(struct token_fetch *fetch)
{
    if (fetch->http == NULL)
        return;
    if (fetch->request != NULL)
        hk_http_abandon(fetch->http, fetch->request);
    fetch->request = NULL;
    wipe(&fetch->client_secret);
    hk_buf_done(&fetch->body);
    hk_buf_done(&fetch->described);
    explicit_bzero(&fetch->token, sizeof(fetch->token));
}
