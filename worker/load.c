/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - one statement for all messages of a claim, and an attempt of each row.
 *
 *     load_add() -> claimed -> load_begin() -> begin_part() -> on_loaded() -> found()
 *                                                   ^-- two halves ---'
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
#include "hk/envelope.h"
#include "hk/log.h"
#include "hk/pgarray.h"
#include "worker/load.sql.h"
#include "worker/secrets.h"

#define MAX_ARRAY_BYTES    (64u << 10) /* CLAIM_MAX ids, with room */
#define MAX_BODY_BYTES     (32u << 20)
#define MAX_OPENED_BYTES   (64u << 10) /* ten secrets, a password, 4 KiB of header fields */
#define KEEP_SCRATCH_BYTES (256u << 10)
#define TIMEOUT_MS         10000
#define MAX_REST_MS        3600000 /* of a whole subscription, unless its receivers must be obeyed */
#define LEASE_MARGIN_MS    1000    /* of a lease: for recording what the request brought */
#define SLOW_DELAY_MS      30000   /* until what took too long is tried again */
#define MAX_PARTS          16      /* halves of halves of CLAIM_MAX, depth first */

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

/* The columns of message_load. */
enum {
    COLUMN_EVENT_ID,
    COLUMN_EVENT_TYPE,
    COLUMN_COMPANY,
    COLUMN_OCCURRED_AT,
    COLUMN_PAYLOAD,
    COLUMN_TRACEPARENT,
    COLUMN_CUSTOM_VALUES,
    COLUMN_ORIGIN,
    COLUMN_WEBHOOK_ID,
    COLUMN_IS_REVOKED,
    COLUMN_STATE, /* the subscription's from here on */
    COLUMN_URL,
    COLUMN_HEADERS,
    COLUMN_TIMEOUT_MS,
    COLUMN_RESPONSES,
    COLUMN_SCHEDULE,
    COLUMN_JITTER_PERCENT,
    COLUMN_RETRY_AFTER_CAP_MS,
    COLUMN_ENVELOPE,
    COLUMN_SIGNATURE,
    COLUMN_BASE_URL,
    COLUMN_SECRETS,
    COLUMN_USERNAME,
    COLUMN_PASSWORD,
    COLUMN_SECRET_OF,
    COLUMN_HOLDS_ON_FAILURE,
    COLUMN_ALLOWS_HTTP,
    COLUMN_ALLOWED_NETWORKS,
    COLUMN_CLIENT_CERTIFICATE,
    COLUMN_CLIENT_KEY,
    COLUMN_TOKEN_URL,
    COLUMN_SCOPE,
    COLUMN_WEBHOOK_ORIGIN,
    N_COLUMNS,
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
    struct hk_buf scratch; /* where bodies are built */
    struct hk_buf opened;  /* where secrets are opened */
};

/* A message's row, and that with its subscription's columns. */
struct row {
    const struct hk_db_result *result;
    unsigned own, of_subscription;
};

struct load *load_new(const struct load_options *options)
{
    struct load *load = calloc(1, sizeof(*load));

    if (load == NULL)
        abort();
    load->options = *options;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&load->arrays[i], array_types[i], MAX_ARRAY_BYTES);
    hk_buf_init(&load->scratch, MAX_BODY_BYTES);
    hk_buf_init(&load->opened, MAX_OPENED_BYTES);
    return load;
}

void load_free(struct load *load)
{
    if (load == NULL)
        return;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&load->arrays[i]);
    hk_buf_done(&load->scratch);
    hk_buf_done(&load->opened);
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

static struct hk_str value(const struct row *row, unsigned column)
{
    return hk_db_value(row->result, column < COLUMN_STATE ? row->own : row->of_subscription,
                       column);
}

static int64_t value_int(const struct row *row, unsigned column)
{
    return hk_db_int(row->result, column < COLUMN_STATE ? row->own : row->of_subscription, column);
}

/* False when the profile names an envelope that this program does not know. */
static bool read_envelope(const struct claimed *claimed, const struct row *row,
                          struct hk_envelope *ret)
{
    *ret = (struct hk_envelope){
        .tenant_id = claimed->tenant_id,
        .event_id = hk_db_id(row->result, row->own, COLUMN_EVENT_ID),
        .subscription_id = claimed->subscription_id,
        .event_type = value(row, COLUMN_EVENT_TYPE),
        .company = value(row, COLUMN_COMPANY),
        .occurred_at = value(row, COLUMN_OCCURRED_AT),
        .payload = value(row, COLUMN_PAYLOAD),
        .custom_values = value(row, COLUMN_CUSTOM_VALUES),
        .base_url = value(row, COLUMN_BASE_URL),
        .webhook_origin = value(row, COLUMN_WEBHOOK_ORIGIN),
    };
    return hk_envelope_kind_from_name(value(row, COLUMN_ENVELOPE), &ret->kind);
}

/*
 * The body and, behind it in the same buffer, the envelope's header fields. Borrowed: valid until
 * the next one. The body's .p is NULL when it is too long, or the envelope unknown.
 */
static void build_message(struct load *load, const struct claimed *claimed, const struct row *row,
                          struct hk_str *ret_body, struct hk_str *ret_headers)
{
    struct hk_buf *scratch = &load->scratch;
    struct hk_envelope envelope;
    size_t n_body;

    *ret_body = *ret_headers = HK_STR_NULL;
    if (scratch->capacity > KEEP_SCRATCH_BYTES)
        hk_buf_done(scratch); /* one large event must not cost memory for ever */
    hk_buf_clear(scratch);
    if (!read_envelope(claimed, row, &envelope))
        return;
    hk_envelope_build(&envelope, scratch);
    n_body = scratch->n;
    hk_envelope_add_headers(&envelope, scratch);
    if (scratch->is_full)
        return;
    *ret_body = (struct hk_str){scratch->p, n_body};
    *ret_headers = (struct hk_str){scratch->p + n_body, scratch->n - n_body};
}

/*
 * The CloudEvents webhook specification demands that nothing more is sent for as long as the
 * receiver says. All others are asked again after a while whether they still mean it.
 */
static int64_t choose_rest_cap_ms(const struct row *row)
{
    int64_t cap_ms = value_int(row, COLUMN_RETRY_AFTER_CAP_MS);
    enum hk_envelope_kind kind;
    bool must_obey = hk_envelope_kind_from_name(value(row, COLUMN_ENVELOPE), &kind) &&
                     (kind == HK_ENVELOPE_CLOUDEVENTS || kind == HK_ENVELOPE_CLOUDEVENTS_BINARY);

    return must_obey || cap_ms < MAX_REST_MS ? cap_ms : MAX_REST_MS;
}

static void read_policy(struct attempt *attempt, const struct hk_config *config,
                        const struct row *row)
{
    attempt->policy = (struct retry_policy){
        .responses = attempt_keep(attempt, value(row, COLUMN_RESPONSES)),
        .schedule = attempt_keep(attempt, value(row, COLUMN_SCHEDULE)),
        .jitter_percent = (unsigned)value_int(row, COLUMN_JITTER_PERCENT),
        .retry_after_cap_ms = value_int(row, COLUMN_RETRY_AFTER_CAP_MS),
        .rest_cap_ms = choose_rest_cap_ms(row),
        .divisor = config->worker_schedule_divisor,
    };
}

/* No request may outlive its lease. */
static unsigned choose_timeout_ms(int64_t timeout_ms, int64_t lease_ms)
{
    int64_t most_ms = lease_ms - LEASE_MARGIN_MS;

    return (unsigned)(timeout_ms < most_ms ? timeout_ms : most_ms);
}

static void read_secrets(struct load *load, struct attempt *attempt, const struct row *row)
{
    secrets_open(attempt, load->options.vault, &load->opened,
                 &(struct stored_secrets){
                     .secrets = value(row, COLUMN_SECRETS),
                     .headers = value(row, COLUMN_HEADERS),
                     .password = value(row, COLUMN_PASSWORD),
                     .client_key = value(row, COLUMN_CLIENT_KEY),
                     .is_client_secret = attempt->token_url.p != NULL,
                     .are_tenants = hk_str_eq(value(row, COLUMN_SECRET_OF), HK_STR("tenant")),
                 });
}

static void read_egress(struct attempt *attempt, const struct row *row)
{
    attempt->egress.allows_http = value_int(row, COLUMN_ALLOWS_HTTP) != 0;
    attempt->egress.allowed_networks = attempt_keep(attempt, value(row, COLUMN_ALLOWED_NETWORKS));
    attempt->egress.certificate = attempt_keep(attempt, value(row, COLUMN_CLIENT_CERTIFICATE));
    attempt->token_url = attempt_keep(attempt, value(row, COLUMN_TOKEN_URL));
    attempt->scope = attempt_keep(attempt, value(row, COLUMN_SCOPE));
}

/* What is known of it before the load. */
static struct attempt *new_attempt(const struct load *load, const struct claimed *claimed,
                                   size_t n_data)
{
    struct attempt *attempt = attempt_new(n_data);

    attempt->tenant_id = claimed->tenant_id;
    attempt->subscription_id = claimed->subscription_id;
    attempt->message_id = claimed->message_id;
    attempt->fence = claimed->fence;
    attempt->attempts = claimed->attempts;
    attempt->schedule_from = claimed->schedule_from;
    attempt->is_laned = load->is_of_lanes;
    attempt->is_on_trial = claimed->is_on_trial;
    attempt->lease_ends_ms = load->lease_ends_ms;
    return attempt;
}

/* How many bytes read_message() keeps, but for those of the body and the envelope. */
static size_t count_data(const struct row *row)
{
    size_t n = value(row, COLUMN_TRACEPARENT).n + 1 + value(row, COLUMN_ORIGIN).n + 1;

    for (unsigned column = COLUMN_URL; column < N_COLUMNS; column++) /* no long ones among them */
        n += value(row, column).n + 1;
    return n;
}

static struct attempt *read_message(struct load *load, const struct claimed *claimed,
                                    const struct row *row)
{
    const struct hk_config *config = load->options.config;
    struct hk_str body, envelope_headers;
    struct attempt *attempt;

    build_message(load, claimed, row, &body, &envelope_headers);
    attempt = new_attempt(load, claimed, body.n + envelope_headers.n + 2 + count_data(row));
    attempt->webhook_id = value(row, COLUMN_WEBHOOK_ID).p != NULL
                              ? hk_db_id(row->result, row->own, COLUMN_WEBHOOK_ID)
                              : attempt->message_id;
    attempt->is_active = value_int(row, COLUMN_IS_REVOKED) == 0 &&
                         hk_str_eq(value(row, COLUMN_STATE), HK_STR("active"));
    attempt->holds_on_failure = value_int(row, COLUMN_HOLDS_ON_FAILURE) != 0;
    attempt->timeout_ms =
        choose_timeout_ms(value_int(row, COLUMN_TIMEOUT_MS), config->worker_lease_ms);
    read_policy(attempt, config, row);
    attempt->url = attempt_keep(attempt, value(row, COLUMN_URL));
    attempt->username = attempt_keep(attempt, value(row, COLUMN_USERNAME));
    attempt->traceparent = attempt_keep(attempt, value(row, COLUMN_TRACEPARENT));
    read_egress(attempt, row);
    attempt->origin = attempt_keep(attempt, value(row, COLUMN_ORIGIN));
    attempt->envelope_headers = attempt_keep(attempt, envelope_headers);
    read_secrets(load, attempt, row);
    attempt->body = attempt_keep(attempt, body);
    if (!hk_signature_kind_from_name(value(row, COLUMN_SIGNATURE), &attempt->signature))
        attempt->body = HK_STR_NULL; /* a newer schema's: nothing goes out unsigned */
    return attempt;
}

static void read_messages(struct load *load, const struct hk_db_result *result)
{
    unsigned begin = load->part.begin, n_gone = 0;

    assert(result->n_rows == load->part.end - begin);
    for (unsigned i = 0; i < result->n_rows; i++) {
        const struct claimed *claimed = &load->claimed[begin + i];
        struct row row = {result, i, load->first[begin + i] - begin};

        if (value(&row, COLUMN_EVENT_ID).p == NULL || value(&row, COLUMN_STATE).p == NULL)
            n_gone++;
        else
            load->options.found(load->options.found_arg, read_message(load, claimed, &row));
    }
    if (n_gone > 0)
        hk_log(HK_LOG_ERROR, "load.gone", HK_I64("messages", n_gone));
}

/* An attempt that is withheld is given back, to be claimed again at once or after a while. */
static void give_back(struct load *load, unsigned i, int64_t delay_ms)
{
    struct attempt *attempt = new_attempt(load, &load->claimed[i], 0);

    attempt->due_again_ms = delay_ms / load->options.config->worker_schedule_divisor;
    load->options.found(load->options.found_arg, attempt);
}

/* What nobody can read fails as an attempt does: seen by who asks, and tried again for a while. */
static void fail(struct load *load, unsigned i)
{
    struct attempt *attempt = new_attempt(load, &load->claimed[i], 0);

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

    hk_log(HK_LOG_WARN, "load.failed", HK_CTEXT("code", hk_code_info(result->code)->slug),
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
    if (load->n_parts > 0)
        begin_part(load);
    else
        load->n = 0;
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
    return load->query.slot != NULL;
}
