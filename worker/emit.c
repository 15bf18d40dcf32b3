/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit.c - emit_add() -> waiting -> emit_turn() -> batch -> on_published() -> step_end...()
 */
#include "worker/emit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/publish/event_kinds.h"
#include "api/publish/ingest.sql.h"
#include "api/schema/schema_cache.h"
#include "hk/clock.h"
#include "hk/db.h"
#include "hk/pgarray.h"
#include "worker/step.h"

#define MAX_BATCH       64
#define MAX_ARRAY_BYTES ((size_t)MAX_BATCH * (RUN_MAX_VALUE_BYTES + 64)) /* payloads */
#define MAX_ID_SIZE     (HK_ID_TEXT_SIZE + 16) /* "run/<message>/<step>" */

/* The parameters of ingest_events, in order. */
enum {
    PARAM_TENANT_ID, /* this and the next two: of the kinds */
    PARAM_EVENT_TYPE,
    PARAM_COMPANY,
    PARAM_KIND,
    PARAM_ID,
    PARAM_EXTERNAL_ID,
    PARAM_OCCURRED_AT,
    PARAM_PAYLOAD,
    PARAM_TRACEPARENT,
    N_ARRAYS,
    PARAM_NOTIFY = N_ARRAYS
};

static const enum hk_pgtype array_types[N_ARRAYS] = {
    [PARAM_TENANT_ID] = HK_PG_UUID,   [PARAM_EVENT_TYPE] = HK_PG_TEXT,
    [PARAM_COMPANY] = HK_PG_TEXT,     [PARAM_KIND] = HK_PG_INT4,
    [PARAM_ID] = HK_PG_UUID,          [PARAM_EXTERNAL_ID] = HK_PG_TEXT,
    [PARAM_OCCURRED_AT] = HK_PG_TEXT, [PARAM_PAYLOAD] = HK_PG_TEXT,
    [PARAM_TRACEPARENT] = HK_PG_TEXT,
};

/* Its columns. */
enum { COLUMN_CODE, COLUMN_ID, COLUMN_IS_DUPLICATE };

struct emit {
    struct hk_db *db;
    struct hk_db_query query;
    unsigned timeout_ms;
    struct hk_pgarray arrays[N_ARRAYS];
    struct event_kinds kinds;
    struct hk_id_source ids;
    struct schema_cache *schemas;
    struct attempt *first, *last; /* waiting */
    unsigned n_waiting, n_alone;  /* so many of the first go one by one */
    struct attempt *batch[MAX_BATCH];
    unsigned n_batch;
};

struct emit *emit_new(struct hk_loop *loop, const struct hk_config *config)
{
    struct emit *emit = calloc(1, sizeof(*emit));
    struct hk_db_options db_options = {
        .url = config->database_url,
        .cell = config->cell,
        .schema = config->database_schema,
        .user = "hookline_worker",
        .role = "hookline_ingest",
        .session_options = HK_DB_INGEST_OPTIONS,
        .name = "hookline-worker emit",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 1,
    };

    if (emit == NULL)
        abort();
    /* As the API's: whoever reads events by their ids waits for so long. */
    emit->timeout_ms = (unsigned)config->api_query_timeout_ms;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&emit->arrays[i], array_types[i], MAX_ARRAY_BYTES);
    emit->schemas = schema_cache_new();
    emit->db = hk_db_new(loop, &db_options);
    return emit;
}

void emit_free(struct emit *emit)
{
    if (emit == NULL)
        return;
    hk_db_free(emit->db);
    schema_cache_free(emit->schemas);
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&emit->arrays[i]);
    free(emit);
}

/* As publishing does; what only warns there says nothing here. */
static bool is_valid(struct emit *emit, const struct attempt *attempt)
{
    const struct run *run = attempt->run;
    struct schema_report report;
    struct payload_rule rule;

    if (!hk_str_eq(run->row.validation, HK_STR("enforce")))
        return true;
    schema_cache_put(emit->schemas, &attempt->tenant_id, run->step->event_type, hk_mono_ms(),
                     VALIDATION_ENFORCE, run->row.schema, &rule);
    if (rule.fault != NULL)
        return false;
    return rule.schema == NULL || schema_check(rule.schema, hk_buf_str(&run->made), 1, &report);
}

static void push(struct emit *emit, struct attempt *attempt)
{
    attempt->next_waiting = NULL;
    if (emit->last == NULL)
        emit->first = attempt;
    else
        emit->last->next_waiting = attempt;
    emit->last = attempt;
    emit->n_waiting++;
}

void emit_add(struct emit *emit, struct attempt *attempt)
{
    if (is_valid(emit, attempt))
        push(emit, attempt);
    else
        step_end_failed(attempt, "payload_invalid",
                        "the payload is not what the schema of its event type asks for");
}

static void take_batch(struct emit *emit)
{
    unsigned max = emit->n_alone > 0 ? 1 : MAX_BATCH;

    while (emit->first != NULL && emit->n_batch < max) {
        struct attempt *attempt = emit->first;

        emit->first = attempt->next_waiting;
        attempt->next_waiting = NULL;
        emit->n_waiting--;
        emit->batch[emit->n_batch++] = attempt;
    }
    if (emit->first == NULL)
        emit->last = NULL;
    if (emit->n_alone > 0)
        emit->n_alone--;
}

static void add_row(struct emit *emit, const struct attempt *attempt)
{
    const struct run *run = attempt->run;
    struct hk_pgarray *arrays = emit->arrays;
    struct hk_id id = hk_id_new(&emit->ids, hk_wall_us() / 1000);
    struct event_kind kind = {attempt->tenant_id, run->step->event_type, hk_buf_str(&run->key)};
    char message_id[HK_ID_TEXT_SIZE], external_id[MAX_ID_SIZE];

    hk_id_format(&attempt->message_id, message_id);
    (void)snprintf(external_id, sizeof(external_id), "run/%s/%u", message_id, run->row.step_no);
    hk_pgarray_add_int(&arrays[PARAM_KIND], event_kinds_place(&emit->kinds, &kind, arrays));
    hk_pgarray_add_id(&arrays[PARAM_ID], &id);
    hk_pgarray_add_str(&arrays[PARAM_EXTERNAL_ID], hk_str(external_id));
    hk_pgarray_add_null(&arrays[PARAM_OCCURRED_AT]);
    hk_pgarray_add_str(&arrays[PARAM_PAYLOAD], hk_buf_str(&run->made));
    hk_pgarray_add_str(&arrays[PARAM_TRACEPARENT], attempt->traceparent);
}

static hk_db_done_fn on_published;

void emit_turn(struct emit *emit)
{
    static const struct hk_db_result busy = {.code = HK_BUSY};

    if (emit->n_batch > 0 || emit->first == NULL)
        return;
    take_batch(emit);
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_clear(&emit->arrays[i]);
    event_kinds_clear(&emit->kinds);
    for (unsigned i = 0; i < emit->n_batch; i++)
        add_row(emit, emit->batch[i]);
    emit->query = (struct hk_db_query){
        .stmt = &stmt_ingest_events,
        .binary_params = (1u << N_ARRAYS) - 1,
        .done = on_published,
        .timeout_ms = emit->timeout_ms,
    };
    for (unsigned i = 0; i < N_ARRAYS; i++) {
        assert(!emit->arrays[i].buf.is_full);
        emit->query.params[i] = hk_pgarray_param(&emit->arrays[i]);
    }
    emit->query.params[PARAM_NOTIFY] = HK_STR("t");
    if (hk_db_submit(emit->db, &emit->query) != HK_OK)
        on_published(&emit->query, &busy);
}

static void end_published(struct attempt *attempt, const struct hk_db_result *result, unsigned i)
{
    struct hk_str code = hk_db_value(result, i, COLUMN_CODE);
    struct hk_str id = hk_db_value(result, i, COLUMN_ID);
    bool is_repeated = hk_str_eq(hk_db_value(result, i, COLUMN_IS_DUPLICATE), HK_STR("t"));
    char output[128];

    if (hk_str_eq(code, HK_STR("unknown_company"))) {
        step_end_failed(attempt, "unknown_company", "the tenant has no such company");
    } else if (hk_str_eq(code, HK_STR("tenant_moving"))) {
        step_end_later(attempt, "the tenant is being moved");
    } else if (code.n > 0) {
        step_end_failed(attempt, "unknown_event_type", "the tenant has no such event type");
    } else {
        (void)snprintf(output, sizeof(output), "{\"event_id\":\"%.*s\",\"is_duplicate\":%s}",
                       (int)id.n, id.p, is_repeated ? "true" : "false");
        step_end(attempt, hk_str(output));
    }
}

/* hk_db_done_fn */
static void on_published(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct emit *emit = HK_CONTAINER_OF(query, struct emit, query);
    unsigned n = emit->n_batch;
    struct attempt *batch[MAX_BATCH];

    for (unsigned i = 0; i < n; i++)
        batch[i] = emit->batch[i];
    emit->n_batch = 0;
    for (unsigned i = 0; i < n; i++) {
        if (result->code == HK_OK)
            end_published(batch[i], result, i);
        else if (result->is_data_error && n > 1)
            push(emit, batch[i]);
        else if (result->is_data_error)
            step_end_failed(batch[i], "step_failed", "the database cannot hold the event");
        else
            step_end_later(batch[i], "nothing can be published now");
    }
    if (result->is_data_error && n > 1)
        emit->n_alone = emit->n_waiting; /* one of them is not to be stored */
}
