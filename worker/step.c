/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/step.h"

#include <stdio.h>

#include "hk/clock.h"
#include "hk/config.h"
#include "hk/document.h"
#include "hk/flow_scope.h"
#include "hk/json_member.h"
#include "hk/json_scan.h"
#include "hk/template.h"
#include "worker/emit.h"
#include "worker/step_http.h"

#define LATER_MS              5000 /* what could not be published is tried again after this */
#define MAX_FILTER_BYTES      (256 << 10) /* as filter_document() has it */
#define LEASE_MARGIN_MS       1000        /* as in load.c */
#define MAX_CONTENT_TYPE_SIZE 1024
#define MAX_QUERY_SIZE        8192

#define TOO_MUCH              "what the steps of the run have returned is too much"

static const char *const kind_names[] = {
    [HK_STEP_FILTER] = "filter", [HK_STEP_MAP] = "map",   [HK_STEP_HTTP] = "http",
    [HK_STEP_EMIT] = "emit",     [HK_STEP_WAIT] = "wait",
};
/* As the attempt's URL, when nothing was called. */
static const char *const kind_urls[] = {
    [HK_STEP_FILTER] = "filter:", [HK_STEP_MAP] = "map:",   [HK_STEP_HTTP] = "http:",
    [HK_STEP_EMIT] = "emit:",     [HK_STEP_WAIT] = "wait:",
};

/* ---- what it works on ------------------------------------------------------------------------ */

/* A member of a request that is a string, decoded into `buf`; empty when there is none. */
static struct hk_str decode_member(struct hk_str request, struct hk_str name, char *buf,
                                   size_t size)
{
    struct hk_str quoted = hk_json_member(request, name);
    size_t n;

    if (quoted.p == NULL || quoted.n < 2 || quoted.p[0] != '"' || quoted.n > size)
        return HK_STR("");
    n = hk_json_string_decode(quoted, buf);
    return (struct hk_str){buf, n == SIZE_MAX ? 0 : n};
}

/* The JSON of what came: as it is, or made of it in `buf`. False with words in `reterr`. */
static bool read_document(struct hk_str request, struct hk_str payload, struct hk_str body,
                          struct hk_buf *buf, struct hk_str *ret, const char **reterr)
{
    char type_text[MAX_CONTENT_TYPE_SIZE], query_text[MAX_QUERY_SIZE];
    struct hk_str type, query;

    if (body.p == NULL && payload.p == NULL) {
        *reterr = "the request's body is no longer kept";
        return false;
    }
    query = decode_member(request, HK_STR("query"), query_text, sizeof(query_text));
    if (body.p == NULL && !(hk_str_eq(payload, HK_STR("null")) && query.n > 0)) {
        *ret = payload;
        return true;
    }
    type = decode_member(request, HK_STR("content_type"), type_text, sizeof(type_text));
    if (body.p == NULL)
        body = HK_STR("");
    if (!hk_document_from_body(type, query, body, buf, reterr))
        return false;
    *ret = hk_buf_str(buf);
    return true;
}

static bool read_value(struct run *run, const char **reterr)
{
    const struct run_row *row = &run->row;

    if (row->value.p != NULL) {
        run->value = row->value;
        return true;
    }
    return read_document(row->request, row->payload, row->body, &run->document, &run->value,
                         reterr);
}

/* A step that needs no document does without one that cannot be read: it is null then. */
static bool does_without(struct run *run)
{
    bool does = run->step->body == HK_STEP_BODY_REQUEST || run->row.wait_key.p != NULL;

    if (does)
        run->value = HK_STR("null");
    return does;
}

static void write_scopes(struct attempt *attempt)
{
    struct run *run = attempt->run;
    char flow_id[HK_ID_TEXT_SIZE];

    hk_id_format(&attempt->subscription_id, flow_id);
    hk_buf_add_text(&run->flow, "{");
    hk_buf_add_json_member(&run->flow, "id", hk_str(flow_id));
    hk_buf_add_text(&run->flow, ",");
    hk_buf_add_json_member(&run->flow, "name", run->row.flow_name);
    hk_buf_add_text(&run->flow, "}");
    hk_flow_request_write(run->row.request, &run->request);
}

/* ---- preparing ------------------------------------------------------------------------------- */

static bool is_full(const struct hk_buf *buf, const char *why, const char **reterr)
{
    if (buf->is_full)
        *reterr = why;
    return buf->is_full;
}

/* The value goes on as it is without a template. */
static bool render_value(struct run *run, const struct hk_template_scope *scope,
                         const char **reterr)
{
    if (run->step->template.p != NULL)
        return hk_template_render(run->step->template, scope, &run->made, reterr);
    hk_buf_add_str(&run->made, run->value);
    return !is_full(&run->made, "the value is too large for an event", reterr);
}

/* False with the words why the step cannot be carried out. */
static bool prepare(struct attempt *attempt, const char **reterr)
{
    struct run *run = attempt->run;
    struct hk_template_scope scope;
    size_t n_read = 0;

    if (!read_value(run, reterr) && !does_without(run))
        return false;
    write_scopes(attempt);
    scope = (struct hk_template_scope){.value = run->value,
                                       .request = hk_buf_str(&run->request),
                                       .steps = run->row.outputs,
                                       .flow = hk_buf_str(&run->flow),
                                       .n_read = &n_read};
    switch (run->step->kind) {
    case HK_STEP_FILTER:
        return true;
    case HK_STEP_MAP:
        return hk_template_render(run->step->template, &scope, &run->made, reterr);
    case HK_STEP_HTTP:
        return step_http_prepare(attempt, &scope, reterr);
    case HK_STEP_EMIT:
        return hk_template_render_text(run->step->company, HK_TEMPLATE_KEY, &scope, &run->key,
                                       reterr) &&
               render_value(run, &scope, reterr);
    case HK_STEP_WAIT:
        if (run->row.wait_key.p != NULL) {
            hk_buf_add_str(&run->key, run->row.wait_key);
            return true;
        }
        return hk_template_render_text(run->step->key, HK_TEMPLATE_KEY, &scope, &run->key, reterr);
    }
    *reterr = "this version does not know its kind";
    return false;
}

/* The step alone, as an array of one. */
static void read_step(struct attempt *attempt)
{
    struct run *run = attempt->run;
    struct hk_buf array HK_CLEANUP(hk_buf_done);
    struct hk_error error = {0};

    hk_buf_init(&array, HK_FLOW_MAX_STEPS_BYTES);
    hk_buf_add_text(&array, "[");
    hk_buf_add_str(&array, run->row.step);
    hk_buf_add_text(&array, "]");
    if (array.is_full)
        return;
    run->step_json = array; /* the steps borrow it */
    hk_buf_init(&array, 1);
    if (hk_flow_steps_parse(hk_buf_str(&run->step_json), "/steps", attempt->egress.allows_http,
                            &run->steps, &error) == HK_OK &&
        run->steps.n == 1)
        run->step = &run->steps.step[0];
}

void step_prepare(struct attempt *attempt, const struct hk_config *config,
                  const struct hk_vault *vault)
{
    struct run *run = attempt->run;
    int64_t most_ms = config->worker_lease_ms - LEASE_MARGIN_MS;

    attempt->timeout_ms = 0;
    if (!run->row.has_steps) {
        run->fault = "the steps of its version are gone";
        return;
    }
    if (run->row.step.p == NULL) /* a flow without steps has done all of them */
        return;
    read_step(attempt);
    if (run->step == NULL) {
        run->fault = "the step cannot be read: a newer version may have written it";
        return;
    }
    if (run->step->kind == HK_STEP_HTTP)
        step_http_open(attempt, vault);
    if (run->step->kind == HK_STEP_HTTP)
        attempt->timeout_ms =
            (unsigned)(run->step->timeout_ms < most_ms ? run->step->timeout_ms : most_ms);
    (void)(prepare(attempt, &run->fault) && (run->fault = NULL));
    if (run->fault == NULL && run->step->kind == HK_STEP_HTTP)
        attempt->url = hk_buf_str(&run->url);
}

bool step_is_http(const struct attempt *attempt)
{
    return attempt->run->fault == NULL && attempt->run->step != NULL &&
           attempt->run->step->kind == HK_STEP_HTTP;
}

/* ---- carrying out ---------------------------------------------------------------------------- */

/* What arrived: {"event_id", "request", "body"}. */
static void take_signal(struct attempt *attempt)
{
    struct run *run = attempt->run;
    struct hk_buf document HK_CLEANUP(hk_buf_done), output HK_CLEANUP(hk_buf_done);
    char event_id[HK_ID_TEXT_SIZE];
    struct hk_str body = HK_STR("null");
    const char *why = NULL;

    hk_buf_init(&document, RUN_MAX_DOCUMENT_BYTES);
    hk_buf_init(&output, RUN_MAX_OUTPUT_BYTES);
    (void)read_document(run->row.signal_request, run->row.signal_payload, run->row.signal_body,
                        &document, &body, &why);
    hk_id_format(&run->row.signal_id, event_id);
    hk_buf_printf(&output, "{\"event_id\":\"%s\",\"request\":", event_id);
    hk_flow_request_write(run->row.signal_request, &output);
    hk_buf_add_text(&output, ",\"body\":");
    hk_buf_add_str(&output, why == NULL ? body : HK_STR("null"));
    hk_buf_add_text(&output, "}");
    if (output.is_full) {
        hk_buf_clear(&output);
        output.is_full = false;
        hk_buf_printf(&output, "{\"event_id\":\"%s\",\"request\":null,\"body\":null}", event_id);
    }
    step_end(attempt, hk_buf_str(&output));
}

static void wait_on(struct attempt *attempt)
{
    struct run *run = attempt->run;

    if (run->row.has_signal) {
        take_signal(attempt);
    } else if (!run->row.is_over) {
        attempt->verdict = (struct verdict){.kind = VERDICT_WAIT};
        (void)attempt_fire(attempt, EVENT_OUTCOME);
    } else if (run->step->goes_on) {
        step_end(attempt, HK_STR_NULL);
    } else {
        step_end_failed(attempt, "wait_timed_out", "no request with its key has come in time");
    }
}

void step_start(struct attempt *attempt, struct emit *emit)
{
    struct run *run = attempt->run;

    attempt->started_us = hk_wall_us();
    if (run->step != NULL)
        attempt->url = hk_str(kind_urls[run->step->kind]);
    if (run->fault != NULL) {
        step_end_failed(attempt, "step_failed", run->fault);
    } else if (run->step == NULL) {
        step_end(attempt, HK_STR_NULL);
    } else if (run->step->kind == HK_STEP_EMIT) {
        emit_add(emit, attempt);
    } else if (run->step->kind == HK_STEP_WAIT) {
        wait_on(attempt);
    } else {
        run->changes_value = run->step->kind == HK_STEP_MAP;
        step_end(attempt, run->changes_value ? hk_buf_str(&run->made) : HK_STR_NULL);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* No request was made: of the attempt only the words are recorded. */
static void set_outcome(struct attempt *attempt, const char *why)
{
    attempt->outcome = (struct hk_outcome){
        .kind = HK_OUTCOME_REQUEST_INVALID,
        .error = why,
        .retry_after_ms = -1,
        .duration_us = hk_wall_us() - attempt->started_us,
        .dns_us = -1,
        .connect_us = -1,
        .tls_us = -1,
        .first_byte_us = -1,
    };
    if (attempt->outcome.duration_us < 0)
        attempt->outcome.duration_us = 0;
    attempt->run->outcome = why == NULL ? "succeeded" : "step_failed";
    attempt->failure_cost = -1;
}

void step_end_failed(struct attempt *attempt, const char *reason, const char *why)
{
    set_outcome(attempt, why);
    attempt->verdict = (struct verdict){.kind = VERDICT_FAILED};
    (void)snprintf(attempt->verdict.reason, sizeof(attempt->verdict.reason), "%s", reason);
    (void)attempt_fire(attempt, EVENT_OUTCOME);
}

void step_end_later(struct attempt *attempt, const char *why)
{
    set_outcome(attempt, why);
    attempt->verdict =
        (struct verdict){.kind = VERDICT_RETRY, .delay_ms = LATER_MS / attempt->policy.divisor};
    (void)attempt_fire(attempt, EVENT_OUTCOME);
}

static bool fits(const struct run *run, struct hk_str output)
{
    return run->row.outputs.n + output.n < RUN_MAX_OUTPUTS_BYTES;
}

void step_end(struct attempt *attempt, struct hk_str output)
{
    struct run *run = attempt->run;

    if (!fits(run, output)) {
        step_end_failed(attempt, "step_failed", TOO_MUCH);
        return;
    }
    set_outcome(attempt, NULL);
    hk_buf_add_str(&run->output, output.p == NULL ? HK_STR("null") : output);
    attempt->verdict = (struct verdict){.kind = VERDICT_SUCCEEDED};
    (void)attempt_fire(attempt, EVENT_OUTCOME);
}

void step_judge_http(struct attempt *attempt)
{
    struct run *run = attempt->run;
    struct verdict *verdict = &attempt->verdict;

    verdict->stop = NULL; /* a flow is stopped by who has it */
    if (verdict->kind == VERDICT_FAILED && strncmp(verdict->reason, "schedule", 8) != 0)
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "step_failed");
    if (verdict->kind == VERDICT_FAILED && run->step->goes_on)
        verdict->kind = VERDICT_SUCCEEDED;
    if (verdict->kind == VERDICT_SUCCEEDED) {
        verdict->reason[0] = '\0';
        step_http_write_output(attempt);
        if (!fits(run, hk_buf_str(&run->output))) {
            hk_buf_clear(&run->output);
            verdict->kind = VERDICT_FAILED;
            (void)snprintf(verdict->reason, sizeof(verdict->reason), "step_failed");
            attempt->outcome.error = TOO_MUCH;
        }
    }
    step_http_cut(attempt);
}

/* ---- the record ------------------------------------------------------------------------------ */

static void add_json(struct hk_buf *text, const char *name, struct hk_str json)
{
    hk_buf_printf(text, ",\"%s\":", name);
    hk_buf_add_str(text, json);
}

static void add_text(struct hk_buf *text, const char *name, struct hk_str s)
{
    hk_buf_add_text(text, ",");
    hk_buf_add_json_member(text, name, s);
}

static void add_wait(const struct run *run, struct hk_buf *text)
{
    char signal_id[HK_ID_TEXT_SIZE];

    add_text(text, "wait_key", hk_buf_str(&run->key));
    hk_buf_printf(text, ",\"wait_ms\":%lld", (long long)run->step->timeout_s * 1000);
    if (run->row.has_signal) {
        hk_id_format(&run->row.signal_id, signal_id);
        add_text(text, "signal_id", hk_str(signal_id));
    }
}

static void add_filter(const struct run *run, struct hk_buf *text)
{
    add_text(text, "condition", run->step->condition);
    if (run->value.n <= MAX_FILTER_BYTES)
        add_text(text, "document", run->value);
}

/* What the step has made, unless it failed: JSON as strings, so that the statement's JSON has
 * neither its escapes (there is no \u0000 in PostgreSQL's text) nor a null of its own. */
static void add_results(const struct run *run, struct hk_buf *text)
{
    if (run->changes_value)
        add_text(text, "value", hk_buf_str(&run->made));
    if (run->output.n > 0)
        add_text(text, "output", hk_buf_str(&run->output));
    if (run->step != NULL && run->step->kind == HK_STEP_WAIT)
        add_wait(run, text);
    if (run->step != NULL && run->step->kind == HK_STEP_FILTER)
        add_filter(run, text);
}

/* Of a step that cannot be read, too. */
static void add_name(const struct run *run, struct hk_buf *text)
{
    struct hk_str name = hk_json_member(run->row.step, HK_STR("name"));

    add_json(text, "name", name.p == NULL || name.p[0] != '"' ? HK_STR("null") : name);
    add_text(text, "kind", run->step == NULL ? HK_STR_NULL : hk_str(kind_names[run->step->kind]));
}

static void write_text(const struct attempt *attempt, struct hk_buf *text)
{
    const struct run *run = attempt->run;
    bool has_results =
        attempt->verdict.kind == VERDICT_SUCCEEDED || attempt->verdict.kind == VERDICT_WAIT;

    hk_buf_printf(text, "{\"no\":%u,\"n_steps\":%u,\"version\":%lld", run->row.step_no,
                  run->row.n_steps, (long long)run->row.version);
    add_name(run, text);
    if (has_results)
        add_results(run, text);
    hk_buf_add_text(text, "}");
}

struct hk_str step_text(const struct attempt *attempt)
{
    struct hk_buf *text = &attempt->run->text;

    if (text->n == 0)
        write_text(attempt, text);
    return hk_buf_str(text);
}

const char *step_outcome_name(const struct attempt *attempt)
{
    const char *outcome = attempt->run->outcome;

    return outcome != NULL ? outcome : retry_outcome_name(&attempt->policy, &attempt->outcome);
}

void step_fail_bare(struct attempt *attempt)
{
    hk_buf_clear(&attempt->run->text);
    attempt->verdict = (struct verdict){.kind = VERDICT_FAILED, .reason = "step_failed"};
    attempt->run->outcome = "step_failed";
    attempt->outcome.error = "the database cannot hold what the step has made";
}
