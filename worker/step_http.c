/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/step_http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/encode.h"
#include "hk/form.h"
#include "hk/json_member.h"
#include "hk/json_scan.h"
#include "hk/media_type.h"
#include "hk/stored_secrets.h"
#include "hk/utf8.h"

#define KEEP_BODY_BYTES (64u << 10) /* of an answer: what the steps behind it see */
#define LOG_BODY_BYTES  (16u << 10) /* what its attempt shows, as that of a message */
#define MAX_NAME_BYTES  80          /* "step." and the step's name */

/* ---- opening --------------------------------------------------------------------------------- */

static void open_secret(struct attempt *attempt, const struct hk_vault *vault)
{
    struct run *run = attempt->run;
    char tenant_id[HK_ID_TEXT_SIZE], flow_id[HK_ID_TEXT_SIZE], name[MAX_NAME_BYTES];
    struct hk_vault_place place;

    hk_id_format(&attempt->tenant_id, tenant_id);
    hk_id_format(&attempt->subscription_id, flow_id);
    (void)snprintf(name, sizeof(name), "step.%.*s", (int)run->step->name.n, run->step->name.p);
    place = hk_place_of_flow_secret(hk_str(tenant_id), hk_str(flow_id), hk_str(name));
    if (run->row.secret.p == NULL)
        attempt->fault = "the step's secret is gone";
    else if (!hk_vault_open(vault, &place, run->row.secret, &run->secret))
        attempt->fault = HK_STORED_SECRET_FAULT;
}

/* Tokens are kept by whose they are: a step's, here. */
static struct hk_id find_token_owner(const struct attempt *attempt)
{
    uint8_t hashes[2][HK_SHA256_SIZE] = {{0}}, hash[HK_SHA256_SIZE];
    struct hk_id id;

    memcpy(hashes[0], attempt->subscription_id.bytes, sizeof(attempt->subscription_id.bytes));
    hk_sha256(attempt->run->step->name.p, attempt->run->step->name.n, hashes[1]);
    hk_sha256(hashes, sizeof(hashes), hash);
    memcpy(id.bytes, hash, sizeof(id.bytes));
    return id;
}

void step_http_open(struct attempt *attempt, const struct hk_vault *vault)
{
    const struct hk_flow_step *step = attempt->run->step;

    if (step->schedule.p != NULL)
        attempt->policy.schedule = step->schedule;
    attempt->token_url = attempt->scope = attempt->username = HK_STR_NULL;
    if (step->credentials == HK_STEP_ANONYMOUS)
        return;
    open_secret(attempt, vault);
    if (step->credentials != HK_STEP_OAUTH2)
        return;
    attempt->token_url = step->token_url;
    attempt->username = step->client_id;
    attempt->scope = step->scope;
    attempt->run->token_owner = find_token_owner(attempt);
}

/* ---- preparing ------------------------------------------------------------------------------- */

static bool prepare_body(struct run *run, const struct hk_template_scope *scope,
                         const char **reterr)
{
    const struct hk_flow_step *step = run->step;
    enum hk_template_use use = hk_media_type_is(step->content_type, HK_FORM_MEDIA_TYPE)
                                   ? HK_TEMPLATE_FORM
                                   : HK_TEMPLATE_PLAIN;

    switch (step->body) {
    case HK_STEP_BODY_VALUE:
        run->call_body = run->value;
        return true;
    case HK_STEP_BODY_REQUEST:
        run->call_body = run->row.body.p != NULL ? run->row.body : run->row.payload;
        if (run->call_body.p == NULL)
            *reterr = "the request's body is no longer kept";
        return run->call_body.p != NULL;
    case HK_STEP_BODY_JSON:
        if (!hk_template_render(step->template, scope, &run->made, reterr))
            return false;
        run->call_body = hk_buf_str(&run->made);
        return true;
    case HK_STEP_BODY_TEXT:
        if (!hk_template_render_text(step->template, use, scope, &run->made, reterr))
            return false;
        run->call_body = hk_buf_str(&run->made);
        return true;
    case HK_STEP_BODY_NONE:
        run->call_body = HK_STR_NULL;
        return true;
    }
    return false;
}

/* That which is said, or of the request's own bytes their own. */
static void add_content_type(struct run *run)
{
    char text[1024];
    struct hk_str type = run->step->content_type;
    struct hk_str quoted = hk_json_member(run->row.request, HK_STR("content_type"));
    size_t n;

    if (run->call_body.p == NULL)
        return;
    if (type.p == NULL && run->step->body == HK_STEP_BODY_REQUEST && quoted.n >= 2 &&
        quoted.p[0] == '"' && quoted.n <= sizeof(text) &&
        (n = hk_json_string_decode(quoted, text)) != SIZE_MAX)
        type = (struct hk_str){text, n};
    if (type.p == NULL)
        type = HK_STR("application/json");
    hk_buf_add_text(&run->headers, "content-type: ");
    hk_buf_add_str(&run->headers, type);
    hk_buf_add_text(&run->headers, "\n");
}

/* So that a receiver can tell a repetition: steps are repeated after a crash, and retried. */
static void add_idempotency_key(const struct attempt *attempt)
{
    struct run *run = attempt->run;
    char message_id[HK_ID_TEXT_SIZE];

    hk_id_format(&attempt->message_id, message_id);
    hk_buf_printf(&run->headers, "idempotency-key: %s-%u\n", message_id, run->row.step_no);
}

static bool has_header(const struct hk_flow_step *step, const char *name)
{
    for (unsigned i = 0; i < step->n_headers; i++) {
        if (step->headers[i].name.n == strlen(name) &&
            strncasecmp(step->headers[i].name.p, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

bool step_http_prepare(struct attempt *attempt, const struct hk_template_scope *scope,
                       const char **reterr)
{
    struct run *run = attempt->run;
    const struct hk_flow_step *step = run->step;

    if (!hk_template_render_text(step->url, HK_TEMPLATE_URL, scope, &run->url, reterr) ||
        !prepare_body(run, scope, reterr))
        return false;
    for (unsigned i = 0; i < step->n_headers; i++) {
        hk_buf_add_str(&run->headers, step->headers[i].name);
        hk_buf_add_text(&run->headers, ": ");
        if (!hk_template_render_text(step->headers[i].value, HK_TEMPLATE_HEADER, scope,
                                     &run->headers, reterr))
            return false;
        hk_buf_add_text(&run->headers, "\n");
    }
    if (!has_header(step, "content-type"))
        add_content_type(run);
    if (!has_header(step, "idempotency-key"))
        add_idempotency_key(attempt);
    if (run->url.is_full || run->headers.is_full)
        *reterr = "the URL or the header section is too long";
    return !run->url.is_full && !run->headers.is_full;
}

/* ---- building -------------------------------------------------------------------------------- */

/* Static, as a request wants it. */
static const char *find_method(struct hk_str name)
{
    static const char *const methods[] = {"POST", "GET", "PUT", "PATCH", "DELETE", "HEAD"};

    for (size_t i = 0; i < HK_COUNTOF(methods); i++) {
        if (hk_str_eq(name, hk_str(methods[i])))
            return methods[i];
    }
    return NULL;
}

bool step_http_build(const struct attempt *attempt, struct hk_str token, uint64_t span_id,
                     struct hk_request *ret, const char **reterr)
{
    const struct run *run = attempt->run;
    const struct hk_flow_step *step = run->step;
    struct hk_str secret = hk_buf_str(&run->secret);
    bool is_basic = step->credentials == HK_STEP_BASIC;
    bool is_header = step->credentials == HK_STEP_HEADER;
    struct hk_request_plain plain = {
        .url = run->url.p,
        .method = find_method(step->method),
        .headers = hk_buf_str(&run->headers),
        .body = run->call_body,
        .username = is_basic ? step->username : HK_STR_NULL,
        .password = is_basic ? secret : HK_STR_NULL,
        .bearer_token = step->credentials == HK_STEP_BEARER ? secret : token,
        .secret_name = is_header ? step->header : HK_STR_NULL,
        .secret_value = is_header ? secret : HK_STR_NULL,
        .traceparent = attempt->traceparent,
        .span_id = span_id,
        .timeout_ms = attempt->timeout_ms,
        .keep_body_bytes = KEEP_BODY_BYTES,
    };

    if (plain.method == NULL) {
        *reterr = "its method is not known here";
        return false;
    }
    return hk_request_build_plain(&plain, ret, reterr);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool is_json(const struct hk_outcome *outcome)
{
    struct hk_str type = hk_outcome_header(outcome, "content-type");
    struct hk_json_span span;
    size_t at;

    return type.p != NULL && memmem(type.p, type.n, "json", 4) != NULL && !outcome->is_truncated &&
           hk_json_scan(outcome->response_body, &span, &at);
}

/* Whatever bytes they are: as text. */
static void add_text(struct hk_buf *output, struct hk_str s)
{
    char *copy = malloc(s.n + 1);

    if (copy == NULL)
        abort();
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    hk_utf8_scrub(copy, s.n);
    hk_buf_add_json_string(output, (struct hk_str){copy, s.n});
    free(copy);
}

/* Takes a line off the front; without its end. */
static struct hk_str next_line(struct hk_str *lines)
{
    const char *end = memchr(lines->p, '\n', lines->n);
    size_t n = end == NULL ? lines->n : (size_t)(end - lines->p);
    struct hk_str line = {lines->p, n};

    lines->p += n + (end != NULL);
    lines->n -= n + (end != NULL);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static void add_headers(struct hk_buf *output, struct hk_str lines)
{
    const char *comma = "";

    hk_buf_add_text(output, "{");
    while (lines.n > 0) {
        struct hk_str line = next_line(&lines);
        const char *colon = line.n == 0 ? NULL : memchr(line.p, ':', line.n);
        char name[128];
        size_t n_name = colon == NULL ? 0 : (size_t)(colon - line.p), n_skipped = n_name + 1;

        if (n_name == 0 || n_name > sizeof(name))
            continue;
        for (size_t i = 0; i < n_name; i++)
            name[i] = (char)tolower((unsigned char)line.p[i]);
        while (n_skipped < line.n && (line.p[n_skipped] == ' ' || line.p[n_skipped] == '\t'))
            n_skipped++;
        hk_buf_add_text(output, comma);
        add_text(output, (struct hk_str){name, n_name});
        hk_buf_add_text(output, ":");
        add_text(output, (struct hk_str){line.p + n_skipped, line.n - n_skipped});
        comma = ",";
    }
    hk_buf_add_text(output, "}");
}

/* False when that does not fit. */
static bool write_answer(const struct hk_outcome *outcome, size_t max_body, struct hk_buf *output)
{
    struct hk_str body = outcome->response_body;
    bool is_cut = outcome->is_truncated || body.n > max_body;

    hk_buf_clear(output);
    output->is_full = false;
    hk_buf_printf(output, "{\"status\":%d,\"headers\":", outcome->status);
    add_headers(output, outcome->response_headers);
    hk_buf_add_text(output, ",\"body\":");
    if (!is_cut && is_json(outcome))
        hk_buf_add_str(output, body);
    else
        add_text(output, (struct hk_str){body.p, body.n < max_body ? body.n : max_body});
    hk_buf_add_text(output, is_cut ? ",\"truncated\":true}" : "}");
    return !output->is_full;
}

void step_http_write_output(struct attempt *attempt)
{
    const struct hk_outcome *outcome = &attempt->outcome;
    struct hk_buf *output = &attempt->run->output;

    if (outcome->kind != HK_OUTCOME_ANSWERED)
        hk_buf_printf(output, "{\"error\":\"%s\"}", hk_outcome_name(outcome->kind));
    else if (!write_answer(outcome, KEEP_BODY_BYTES, output))
        (void)write_answer(outcome, LOG_BODY_BYTES, output); /* of six bytes as text each */
}

void step_http_cut(struct attempt *attempt)
{
    struct hk_outcome *outcome = &attempt->outcome;

    if (outcome->response_body.n <= LOG_BODY_BYTES)
        return;
    outcome->response_body.n = LOG_BODY_BYTES;
    outcome->is_truncated = true;
}
