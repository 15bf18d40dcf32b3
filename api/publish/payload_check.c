/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload_check.c - in the order of events: check -> [ask -> (batcher.c) -> found] -> enqueue. What
 * is known is checked first; asked is for the rest.
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
    MAX_POINTER_BYTES = 320,
};

/* A request whose event types' rules are being asked for; in its call's pool. */
struct asking {
    struct ingest_request *request;
    unsigned n_left;      /* of its findings */
    enum hk_code failure; /* of one of them, or HK_OK */
};

/* One type's rule. */
struct finding {
    struct batch_item item;
    struct asking *asking;
    struct hk_str event_type;
};

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

/* Whether an event before the i-th waits for the same rule. */
static bool is_asked_already(const struct ingest_request *request, unsigned i)
{
    const struct event_input *events = request->batch.events;

    for (unsigned k = 0; k < i; k++) {
        if (request->results[k].awaits_rule &&
            hk_str_eq(events[k].event_type, events[i].event_type))
            return true;
    }
    return false;
}

/* Each of the types that are waited for, once. */
static void ask(struct ingest_request *request)
{
    struct call *call = request->call;
    struct asking *asking = call_alloc(call, sizeof(*asking));

    *asking = (struct asking){.request = request, .failure = HK_OK};
    for (unsigned i = 0; i < request->batch.n; i++) {
        struct finding *finding;

        if (!request->results[i].awaits_rule || is_asked_already(request, i))
            continue;
        finding = call_alloc(call, sizeof(*finding));
        finding->asking = asking;
        finding->event_type = request->batch.events[i].event_type;
        asking->n_left++;
        batcher_add(call->cell->batcher, &payload_rule_kind, &finding->item);
    }
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

static void add_type(struct batch_item *item, struct batch_rows *rows)
{
    const struct finding *finding = HK_CONTAINER_OF(item, struct finding, item);

    hk_pgarray_add_id(&rows->arrays[0], &finding->asking->request->call->caller.tenant_id);
    hk_pgarray_add_str(&rows->arrays[1], finding->event_type);
    rows->n++;
}

/* When it was the last one, the request goes on. */
static void finish(struct asking *asking)
{
    if (--asking->n_left > 0)
        return;
    if (asking->failure != HK_OK)
        call_fail_code(asking->request->call, asking->failure, HK_STR_NULL);
    else
        ingest_enqueue(asking->request);
}

/* What is no event type is not checked: the batch will say so. */
static void on_found(struct batch_item *item, const struct hk_db_result *result, unsigned row)
{
    enum { COLUMN_VALIDATION, COLUMN_SCHEMA, COLUMN_IS_AWAY };
    const struct finding *finding = HK_CONTAINER_OF(item, struct finding, item);
    struct hk_str validation = hk_db_value(result, row, COLUMN_VALIDATION);

    if (hk_str_eq(hk_db_value(result, row, COLUMN_IS_AWAY), HK_STR("1")))
        finding->asking->failure = HK_TENANT_MOVING;
    else
        apply(finding->asking->request, finding->event_type,
              validation.p == NULL ? VALIDATION_OFF : validation_from_name(validation),
              hk_db_value(result, row, COLUMN_SCHEMA));
    finish(finding->asking);
}

static void on_not_found(struct batch_item *item, enum hk_code code, bool is_refused)
{
    struct asking *asking = HK_CONTAINER_OF(item, struct finding, item)->asking;

    (void)is_refused;
    asking->failure = code;
    finish(asking);
}

static const struct batch_shape rule_shape = {
    .stmt = &stmt_payload_rules, .n_arrays = 2, .types = {HK_PG_UUID, HK_PG_TEXT}};

const struct batch_kind payload_rule_kind = {
    .shape = &rule_shape, .add = add_type, .stored = on_found, .failed = on_not_found};

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
