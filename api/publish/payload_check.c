/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload_check.c - in the order of events: check -> [ask -> rules known] -> enqueue. What is known
 * is checked first; asked is for the rest.
 */
#include "api/publish/payload_check.h"

#include <stdio.h>

#include "api/http/call.h"
#include "api/http/server.h"
#include "api/publish/payload_check.sql.h"
#include "hk/clock.h"

enum {
    MANY_EVENTS =
        100, /* in a batch of more, each is told its first fault only: replies are capped */
    MAX_NAMES_BYTES = EVENT_MAX_BATCH * 800,
    MAX_POINTER_BYTES = 320,
};

static hk_db_done_fn on_rules_known;

bool payload_matches(const struct payload_rule *rule, struct hk_str payload, unsigned max_faults,
                     struct schema_report *ret)
{
    struct schema_fault *fault = &ret->faults[0];

    ret->n = 0;
    if (rule->fault != NULL) {
        ret->n = 1;
        fault->pointer[0] = '\0';
        (void)snprintf(fault->detail, sizeof(fault->detail),
                       "cannot be checked: the schema of its event type %.200s",
                       rule->fault->detail);
        return false;
    }
    return rule->schema == NULL || schema_check(rule->schema, payload, max_faults, ret);
}

static void check_event(struct ingest_request *request, unsigned i, const struct payload_rule *rule)
{
    struct ingest_event *result = &request->results[i];
    const struct event_input *event = &request->batch.events[i];
    struct schema_report report;
    size_t size;

    result->awaits_rule = false;
    if (rule->validation == VALIDATION_OFF ||
        payload_matches(rule, event->payload,
                        request->batch.n > MANY_EVENTS ? 1 : SCHEMA_MAX_FAULTS, &report))
        return;

    size = report.n * sizeof(report.faults[0]);
    result->faults = call_alloc(request->call, size);
    result->n_faults = report.n;
    memcpy(result->faults, report.faults, size);
    result->is_to_be_refused = rule->validation == VALIDATION_ENFORCE;
}

void payload_refuse(struct ingest_request *request)
{
    for (unsigned i = 0; i < request->batch.n; i++) {
        struct ingest_event *result = &request->results[i];

        if (!result->is_to_be_refused)
            continue;
        result->is_to_be_refused = false;
        request->batch.events[i].error.code = HK_PAYLOAD_INVALID;
        result->kind = RESULT_FAILED;
        request->n_left--;
    }
}

/* The names of the types that are waited for, each once. */
static struct hk_str list_names(const struct ingest_request *request)
{
    const struct event_input *events = request->batch.events;
    struct hk_buf names HK_CLEANUP(hk_buf_done);
    char *copy;

    hk_buf_init(&names, MAX_NAMES_BYTES);
    for (unsigned i = 0; i < request->batch.n; i++) {
        unsigned k = 0;

        if (!request->results[i].awaits_rule)
            continue;
        while (k < i && !(request->results[k].awaits_rule &&
                          hk_str_eq(events[k].event_type, events[i].event_type)))
            k++;
        if (k < i)
            continue;
        hk_buf_add_text(&names, names.n == 0 ? "[" : ",");
        hk_buf_add_json_string(&names, events[i].event_type);
    }
    hk_buf_add_text(&names, "]");
    copy = call_alloc(request->call, names.n + 1);
    memcpy(copy, names.p, names.n + 1);
    return (struct hk_str){copy, names.n};
}

static void ask(struct ingest_request *request)
{
    struct call *call = request->call;

    call->state = request;
    call->query = (struct hk_db_query){
        .stmt = &stmt_payload_rules,
        .params = {hk_str(call->tenant_id), list_names(request)},
        .context = &call->context,
        .done = on_rules_known,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    if (hk_db_submit(call->cell->db, &call->query) != HK_OK)
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
}

void payload_check(struct ingest_request *request)
{
    const struct call *call = request->call;
    int64_t now_ms = hk_mono_ms();
    unsigned n_awaited = 0;

    for (unsigned i = 0; i < request->batch.n; i++) {
        const struct event_input *event = &request->batch.events[i];
        struct payload_rule rule;

        if (event->error.code != HK_OK)
            continue;
        if (schema_cache_find(call->thread->schema_cache, &call->caller.tenant_id,
                              event->event_type, now_ms, &rule)) {
            check_event(request, i, &rule);
        } else {
            request->results[i].awaits_rule = true;
            n_awaited++;
        }
    }
    if (n_awaited > 0)
        ask(request);
    else
        ingest_enqueue(request);
}

/* The rule may be pushed out of the cache by the next one: whoever waits for it is served first. */
static void apply(struct ingest_request *request, struct hk_str event_type,
                  enum validation validation, struct hk_str schema)
{
    const struct call *call = request->call;
    struct payload_rule rule;

    schema_cache_put(call->thread->schema_cache, &call->caller.tenant_id, event_type, hk_mono_ms(),
                     validation, schema, &rule);
    for (unsigned i = 0; i < request->batch.n; i++) {
        if (request->results[i].awaits_rule &&
            hk_str_eq(request->batch.events[i].event_type, event_type))
            check_event(request, i, &rule);
    }
}

static void on_rules_known(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    struct ingest_request *request = call->state;

    if (result->code != HK_OK) {
        call_fail_code(call, result->code, HK_STR_NULL);
        return;
    }
    for (unsigned row = 0; row < result->n_rows; row++)
        apply(request, hk_db_value(result, row, 0),
              validation_from_name(hk_db_value(result, row, 1)), hk_db_value(result, row, 2));
    for (unsigned i = 0; i < request->batch.n; i++) {
        if (request->results[i].awaits_rule) /* no event type: the batch will say so */
            apply(request, request->batch.events[i].event_type, VALIDATION_OFF, HK_STR_NULL);
    }
    ingest_enqueue(request);
}

void payload_faults_write(struct hk_buf *buf, const struct schema_fault *faults, unsigned n,
                          const char *prefix)
{
    char pointer[MAX_POINTER_BYTES];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(pointer, sizeof(pointer), "%s%s", prefix, faults[i].pointer);
        hk_buf_add_text(buf, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        hk_buf_add_json_string(buf, hk_str(pointer));
        hk_buf_add_text(buf, ",\"detail\":");
        hk_buf_add_json_string(buf, hk_str(faults[i].detail));
        hk_buf_add_text(buf, "}");
    }
}
