/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_load.c - run_load_add() -> attempts -> run_load_begin() -> on_loaded() -> step_prepare() ->
 * found(). A row that the database cannot read is found alone: its step fails.
 */
#include "worker/run_load.h"

#include <assert.h>
#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/pgarray.h"
#include "worker/flow.sql.h"
#include "worker/run.h"
#include "worker/step.h"

#define MAX_ARRAY_BYTES (64u << 10) /* CLAIM_MAX ids, with room */
#define TIMEOUT_MS      10000
#define SLOW_DELAY_MS   30000 /* as in load.c */
#define AWAY_DELAY_MS   1000  /* the database may be full, or starting */

/* The parameters of run_load, in order. */
enum {
    PARAM_TENANT_ID,
    PARAM_FLOW_ID,
    PARAM_MESSAGE_ID,
    N_ARRAYS,
    PARAM_FROM_ID = N_ARRAYS,
    PARAM_TO_ID,
    N_PARAMS
};

/* Its columns. */
enum {
    COLUMN_REQUEST,
    COLUMN_BODY,
    COLUMN_VERSION,
    COLUMN_STEP_NO,
    COLUMN_VALUE,
    COLUMN_OUTPUTS,
    COLUMN_WAIT_KEY,
    COLUMN_IS_OVER,
    COLUMN_FLOW_NAME,
    COLUMN_N_STEPS,
    COLUMN_STEP,
    COLUMN_SECRET,
    COLUMN_VALIDATION,
    COLUMN_SCHEMA,
    COLUMN_SIGNAL_ID,
    COLUMN_SIGNAL_PAYLOAD,
    COLUMN_SIGNAL_BODY,
    COLUMN_SIGNAL_REQUEST,
    N_COLUMNS
};

struct run_load {
    struct run_load_options options;
    struct hk_db_query query;
    struct hk_pgarray arrays[N_ARRAYS];
    struct hk_id_span span;
    struct attempt *attempts[CLAIM_MAX];
    unsigned n, n_done; /* those before are found */
    unsigned n_asked;   /* of the statement under way */
    unsigned n_most;    /* of one: fewer when one of them cannot be read, or takes too long */
};

struct run_load *run_load_new(const struct run_load_options *options)
{
    struct run_load *load = calloc(1, sizeof(*load));

    if (load == NULL)
        abort();
    load->options = *options;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&load->arrays[i], HK_PG_UUID, MAX_ARRAY_BYTES);
    return load;
}

void run_load_free(struct run_load *load)
{
    if (load == NULL)
        return;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&load->arrays[i]);
    for (unsigned i = load->n_done; i < load->n; i++)
        attempt_free(load->attempts[i]);
    free(load);
}

void run_load_add(struct run_load *load, struct attempt *attempt)
{
    assert(load->n < CLAIM_MAX && !run_load_is_under_way(load));
    load->attempts[load->n++] = attempt;
}

static void read_row(const struct hk_db_result *result, unsigned i, struct attempt *attempt)
{
    size_t n_data = attempt->body.n;
    struct run_row *row;

    for (unsigned column = 0; column < N_COLUMNS; column++)
        n_data += hk_db_value(result, i, column).n;
    attempt->run = run_new(n_data);
    row = &attempt->run->row;
    row->payload = attempt->body;
    attempt->body = HK_STR_NULL;

#define KEEP(COLUMN) run_keep(attempt->run, hk_db_value(result, i, COLUMN))
    *row = (struct run_row){
        .request = KEEP(COLUMN_REQUEST),
        .body = KEEP(COLUMN_BODY),
        .payload = row->payload,
        .version = hk_db_int(result, i, COLUMN_VERSION),
        .step_no = (unsigned)hk_db_int(result, i, COLUMN_STEP_NO),
        .value = KEEP(COLUMN_VALUE),
        .outputs = KEEP(COLUMN_OUTPUTS),
        .wait_key = KEEP(COLUMN_WAIT_KEY),
        .is_over = hk_db_int(result, i, COLUMN_IS_OVER) != 0,
        .flow_name = KEEP(COLUMN_FLOW_NAME),
        .n_steps = (unsigned)hk_db_int(result, i, COLUMN_N_STEPS),
        .has_steps = hk_db_value(result, i, COLUMN_N_STEPS).p != NULL,
        .step = KEEP(COLUMN_STEP),
        .secret = KEEP(COLUMN_SECRET),
        .validation = KEEP(COLUMN_VALIDATION),
        .schema = KEEP(COLUMN_SCHEMA),
        .has_signal = hk_db_value(result, i, COLUMN_SIGNAL_ID).p != NULL,
        .signal_payload = KEEP(COLUMN_SIGNAL_PAYLOAD),
        .signal_body = KEEP(COLUMN_SIGNAL_BODY),
        .signal_request = KEEP(COLUMN_SIGNAL_REQUEST),
    };
#undef KEEP
    if (row->has_signal)
        row->signal_id = hk_db_id(result, i, COLUMN_SIGNAL_ID);
}

/* What nobody can read fails as a step does. */
static void read_unreadable(struct attempt *attempt)
{
    attempt->run = run_new(0);
    attempt->run->fault = "it cannot be read from the database";
    attempt->body = HK_STR_NULL;
}

static void read_attempt(struct run_load *load, const struct hk_db_result *result, unsigned i)
{
    struct attempt *attempt = load->attempts[load->n_done + i];

    if (result->code == HK_OK) {
        read_row(result, i, attempt);
        step_prepare(attempt, load->options.config, load->options.vault);
    } else if (result->is_data_error) {
        read_unreadable(attempt);
    } else {
        attempt->is_active = false; /* it is given back */
        attempt->due_again_ms = result->code == HK_DB_UNAVAILABLE && !result->is_timeout
                                    ? AWAY_DELAY_MS
                                    : SLOW_DELAY_MS;
        attempt->due_again_ms /= load->options.config->worker_schedule_divisor;
    }
}

static void begin(struct run_load *load);

/* hk_db_done_fn */
static void on_loaded(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct run_load *load = HK_CONTAINER_OF(query, struct run_load, query);
    unsigned n = load->n_asked, first = load->n_done;

    assert(result->code != HK_OK || result->n_rows == n);
    if (result->code != HK_OK)
        hk_log(HK_LOG_WARN, "run_load.failed", HK_CELL(load->options.config->cell),
               HK_CTEXT("code", hk_code_info(result->code)->slug), HK_I64("messages", n),
               HK_I64("is_data_error", result->is_data_error));
    if ((result->is_data_error || result->is_timeout) && n > 1) {
        load->n_most = n / 2;
    } else {
        for (unsigned i = 0; i < n; i++)
            read_attempt(load, result, i);
        load->n_done += n;
        for (unsigned i = 0; i < n; i++)
            load->options.found(load->options.found_arg, load->attempts[first + i]);
    }
    if (load->n_done < load->n)
        begin(load);
    else
        load->n = load->n_done = 0;
}

static void fill_arrays(struct run_load *load)
{
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_clear(&load->arrays[i]);
    hk_id_span_init(&load->span);
    for (unsigned i = 0; i < load->n_asked; i++) {
        const struct attempt *attempt = load->attempts[load->n_done + i];

        hk_pgarray_add_id(&load->arrays[PARAM_TENANT_ID], &attempt->tenant_id);
        hk_pgarray_add_id(&load->arrays[PARAM_FLOW_ID], &attempt->subscription_id);
        hk_pgarray_add_id(&load->arrays[PARAM_MESSAGE_ID], &attempt->message_id);
        hk_id_span_add(&load->span, &attempt->message_id);
    }
}

static void begin(struct run_load *load)
{
    static const struct hk_db_result busy = {.code = HK_DB_UNAVAILABLE};

    load->n_asked = load->n - load->n_done;
    if (load->n_asked > load->n_most)
        load->n_asked = load->n_most;
    fill_arrays(load);
    load->query = (struct hk_db_query){
        .stmt = &stmt_run_load,
        .binary_params = (1u << N_PARAMS) - 1,
        .wants_binary_result = true,
        .done = on_loaded,
        .timeout_ms = TIMEOUT_MS,
    };
    for (unsigned i = 0; i < N_ARRAYS; i++)
        load->query.params[i] = hk_pgarray_param(&load->arrays[i]);
    load->query.params[PARAM_FROM_ID] = hk_id_str(&load->span.from);
    load->query.params[PARAM_TO_ID] = hk_id_str(&load->span.to);
    if (hk_db_submit(load->options.db, &load->query) != HK_OK)
        on_loaded(&load->query, &busy);
}

void run_load_begin(struct run_load *load)
{
    load->n_most = CLAIM_MAX;
    if (load->n > 0)
        begin(load);
}

bool run_load_is_under_way(const struct run_load *load)
{
    return load->query.slot != NULL;
}
