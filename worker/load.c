/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - one statement for all messages of a claim, and an attempt of each row.
 *
 *     load_add() -> claimed -> load_begin() -> begin_part() -> on_loaded() -> found()
 *                                                   ^-- two halves ---'  run_load.c -> found()
 *
 * What is a subscription's comes with the first of its messages only. What can go wrong, and what
 * follows:
 *     database away           all are given back: others claim them at once
 *     data at fault           in halves, until it is one row: that is an attempt that fails
 *     it takes too long       the same; the one row is given back, and is due later
 *     anything else           would fail again: all wait for the end of their leases
 */
#include "worker/load.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/pgarray.h"
#include "worker/load.sql.h"
#include "worker/load_read.h"
#include "worker/run_load.h"

#define MAX_ARRAY_BYTES (64u << 10) /* CLAIM_MAX ids, with room */
#define TIMEOUT_MS      10000
#define SLOW_DELAY_MS   30000 /* until what took too long is tried again */
#define MAX_PARTS       16    /* halves of halves of CLAIM_MAX, depth first */

/* Of what cannot be loaded nobody knows its profile. */
#define FAULT          "what is to be sent, or how, cannot be read from the database"
#define FAULT_SCHEDULE "5s 5m 30m 2h 5h 10h 14h 20h 24h"

/* The parameters of message_load, in order. */
enum {
    PARAM_TENANT_ID,
    PARAM_SUBSCRIPTION_ID,
    PARAM_MESSAGE_ID,
    PARAM_IS_FIRST,
    N_ARRAYS,
    PARAM_FROM_ID = N_ARRAYS,
    PARAM_TO_ID,
    N_PARAMS
};

static const enum hk_pgtype array_types[N_ARRAYS] = {
    [PARAM_TENANT_ID] = HK_PG_UUID,
    [PARAM_SUBSCRIPTION_ID] = HK_PG_UUID,
    [PARAM_MESSAGE_ID] = HK_PG_UUID,
    [PARAM_IS_FIRST] = HK_PG_BOOL,
};

/* Some of those that were claimed. */
struct part {
    unsigned begin, end;
};

struct load {
    struct load_options options;
    struct hk_db_query query;
    struct hk_pgarray arrays[N_ARRAYS];
    struct claimed claimed[CLAIM_MAX];
    unsigned first[CLAIM_MAX]; /* the first of the same subscription in the part */
    unsigned n;
    struct part part, parts[MAX_PARTS]; /* under way; what is left to do, the next one last */
    unsigned n_parts;
    struct hk_id_span span; /* of the messages' ids in the part */
    bool is_of_lanes;
    int64_t lease_ends_ms;
    struct load_reader reader;
    struct run_load *runs;
};

struct load *load_new(const struct load_options *options)
{
    struct load *load = calloc(1, sizeof(*load));

    if (load == NULL)
        abort();
    load->options = *options;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&load->arrays[i], array_types[i], MAX_ARRAY_BYTES);
    load_reader_init(&load->reader, options->config, options->vault);
    load->runs = run_load_new(&(struct run_load_options){
        .config = options->config,
        .vault = options->vault,
        .db = options->db,
        .found = options->found,
        .found_arg = options->found_arg,
    });
    return load;
}

void load_free(struct load *load)
{
    if (load == NULL)
        return;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&load->arrays[i]);
    load_reader_done(&load->reader);
    run_load_free(load->runs);
    free(load);
}

void load_add(struct load *load, const struct claimed *claimed)
{
    assert(load->n < CLAIM_MAX && !load_is_under_way(load));
    load->claimed[load->n++] = *claimed;
}

/* The first of the same subscription in the part; itself when there is none before. */
static unsigned find_first(const struct load *load, unsigned i)
{
    const struct claimed *claimed = &load->claimed[i];

    for (unsigned j = i; j-- > load->part.begin;) {
        const struct claimed *other = &load->claimed[j];

        if (memcmp(&other->subscription_id, &claimed->subscription_id, sizeof(struct hk_id)) == 0 &&
            memcmp(&other->tenant_id, &claimed->tenant_id, sizeof(struct hk_id)) == 0)
            return load->first[j];
    }
    return i;
}

static void fill_arrays(struct load *load)
{
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_clear(&load->arrays[i]);
    hk_id_span_init(&load->span);
    for (unsigned i = load->part.begin; i < load->part.end; i++) {
        const struct claimed *claimed = &load->claimed[i];

        load->first[i] = find_first(load, i);
        hk_pgarray_add_id(&load->arrays[PARAM_TENANT_ID], &claimed->tenant_id);
        hk_pgarray_add_id(&load->arrays[PARAM_SUBSCRIPTION_ID], &claimed->subscription_id);
        hk_pgarray_add_id(&load->arrays[PARAM_MESSAGE_ID], &claimed->message_id);
        hk_pgarray_add_int(&load->arrays[PARAM_IS_FIRST], load->first[i] == i);
        hk_id_span_add(&load->span, &claimed->message_id);
    }
}

/* What is known of it before the load. */
static struct attempt *new_attempt(const struct load *load, unsigned i)
{
    return load_attempt_new(&load->claimed[i], load->is_of_lanes, load->lease_ends_ms, 0);
}

static void read_messages(struct load *load, const struct hk_db_result *result)
{
    unsigned begin = load->part.begin, n_gone = 0;

    assert(result->n_rows == load->part.end - begin);
    for (unsigned i = 0; i < result->n_rows; i++) {
        struct load_row row = {.claimed = &load->claimed[begin + i],
                               .result = result,
                               .own = i,
                               .of_subscription = load->first[begin + i] - begin,
                               .is_of_lanes = load->is_of_lanes,
                               .lease_ends_ms = load->lease_ends_ms};

        if (load_row_is_gone(&row))
            n_gone++;
        else if (load_row_is_run(&row))
            run_load_add(load->runs, load_read_run(&load->reader, &row));
        else
            load->options.found(load->options.found_arg, load_read_message(&load->reader, &row));
    }
    load_reader_forget(&load->reader);
    if (n_gone > 0)
        hk_log(HK_LOG_ERROR, "load.gone", HK_CELL(load->options.config->cell),
               HK_I64("messages", n_gone));
}

/* An attempt that is withheld is given back, to be claimed again at once or after a while. */
static void give_back(struct load *load, unsigned i, int64_t delay_ms)
{
    struct attempt *attempt = new_attempt(load, i);

    attempt->due_again_ms = delay_ms / load->options.config->worker_schedule_divisor;
    load->options.found(load->options.found_arg, attempt);
}

/* What nobody can read fails as an attempt does: seen by who asks, and tried again for a while. */
static void fail(struct load *load, unsigned i)
{
    struct attempt *attempt = new_attempt(load, i);

    attempt->is_active = true; /* as far as anybody knows */
    attempt->url = HK_STR("");
    attempt->fault = FAULT;
    attempt->policy = (struct retry_policy){
        .responses = HK_STR(""),
        .schedule = HK_STR(FAULT_SCHEDULE),
        .divisor = load->options.config->worker_schedule_divisor,
    };
    load->options.found(load->options.found_arg, attempt);
}

static void halve(struct load *load)
{
    struct part part = load->part;
    unsigned middle = part.begin + (part.end - part.begin) / 2;

    assert(load->n_parts + 2 <= MAX_PARTS);
    load->parts[load->n_parts++] = (struct part){middle, part.end};
    load->parts[load->n_parts++] = (struct part){part.begin, middle};
}

static void handle_failure(struct load *load, const struct hk_db_result *result)
{
    struct part part = load->part;

    hk_log(HK_LOG_WARN, "load.failed", HK_CELL(load->options.config->cell),
           HK_CTEXT("code", hk_code_info(result->code)->slug),
           HK_I64("messages", part.end - part.begin), HK_I64("is_timeout", result->is_timeout),
           HK_I64("is_data_error", result->is_data_error));
    if (!result->is_data_error && !result->is_timeout) {
        load->n_parts = 0;
        for (unsigned i = part.begin; i < load->n && result->code == HK_DB_UNAVAILABLE; i++)
            give_back(load, i, 0);
    } else if (part.end - part.begin > 1) {
        halve(load);
    } else if (result->is_data_error) {
        fail(load, part.begin);
    } else {
        give_back(load, part.begin, SLOW_DELAY_MS);
    }
}

static void begin_part(struct load *load);

static void on_loaded(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct load *load = HK_CONTAINER_OF(query, struct load, query);

    if (result->code == HK_OK)
        read_messages(load, result);
    else
        handle_failure(load, result);
    if (load->n_parts > 0) {
        begin_part(load);
    } else {
        load->n = 0;
        run_load_begin(load->runs);
    }
}

/* Of parts that are left, the last one is the next: behind what was begun before, without gaps. */
static void begin_part(struct load *load)
{
    static const struct hk_db_result busy = {.code = HK_DB_UNAVAILABLE};

    load->part = load->parts[--load->n_parts];
    fill_arrays(load);
    load->query = (struct hk_db_query){
        .stmt = &stmt_message_load,
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

void load_begin(struct load *load, bool is_of_lanes, int64_t lease_ends_ms)
{
    load->is_of_lanes = is_of_lanes;
    load->lease_ends_ms = lease_ends_ms;
    load->parts[load->n_parts++] = (struct part){0, load->n};
    begin_part(load);
}

bool load_is_under_way(const struct load *load)
{
    return load->query.slot != NULL || run_load_is_under_way(load->runs);
}
