/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - one batch at a time; what finishes meanwhile is the next batch, so that batches grow
 * with the load by themselves. Under load successes are gathered for some milliseconds more: a
 * batch costs as much as ten messages before its first one.
 *
 *     record_add() -> waiting -> record_turn() -> batch -> on_recorded() -> fire, or waiting again
 *
 * What can go wrong with a batch, and what follows:
 *     database away       the same rows again, until their leases end
 *     a row is refused    the rows again one by one; the bad one without its response, then never
 *     fewer rows applied  their fences are old: somebody else has claimed them; nothing to do
 */
#include "worker/record.h"

#include <assert.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "hk/pgarray.h"
#include "hk/utf8.h"
#include "worker/flow.sql.h"
#include "worker/record.sql.h"
#include "worker/step.h"

#define RETRY_DELAY_MS  250
#define MAX_ARRAY_BYTES (16u << 20) /* a batch of the largest rows is far below */
#define MAX_STEP_BYTES  (4u << 20)  /* of a batch; the largest one fits behind it */

/* What is recorded by one statement. */
enum batch_kind { BATCH_SUCCESSES, BATCH_OTHERS, BATCH_STEPS };

/* The arrays of attempt_record, in order; success_record has no verdicts, step_record has steps
 * where others have stops. */
enum {
    PARAM_TENANT_ID,
    PARAM_SUBSCRIPTION_ID,
    PARAM_MESSAGE_ID,
    PARAM_FENCE,
    PARAM_VERDICT,
    PARAM_REASON,
    PARAM_DELAY_MS,
    PARAM_STOP,
    PARAM_ATTEMPT_NO,
    PARAM_STARTED_AT,
    PARAM_URL,
    PARAM_OUTCOME,
    PARAM_STATUS_CODE,
    PARAM_DURATION_US,
    PARAM_DNS_US,
    PARAM_CONNECT_US,
    PARAM_TLS_US,
    PARAM_FIRST_BYTE_US,
    PARAM_REMOTE_ADDRESS,
    PARAM_ERROR,
    PARAM_RESPONSE_HEADERS,
    PARAM_RESPONSE_BODY,
    PARAM_RESPONSE_TRUNCATED,
    PARAM_N_SENT,
    PARAM_HTTP_VERSION,
    PARAM_TLS_VERSION,
    PARAM_TLS_CIPHER,
    PARAM_CERTIFICATE_EXPIRES_AT,
    PARAM_REQUEST_HEADERS,
    N_ARRAYS
};

static const enum hk_pgtype array_types[N_ARRAYS] = {
    [PARAM_TENANT_ID] = HK_PG_UUID,
    [PARAM_SUBSCRIPTION_ID] = HK_PG_UUID,
    [PARAM_MESSAGE_ID] = HK_PG_UUID,
    [PARAM_FENCE] = HK_PG_INT4,
    [PARAM_VERDICT] = HK_PG_TEXT,
    [PARAM_REASON] = HK_PG_TEXT,
    [PARAM_DELAY_MS] = HK_PG_INT8,
    [PARAM_STOP] = HK_PG_TEXT,
    [PARAM_ATTEMPT_NO] = HK_PG_INT4,
    [PARAM_STARTED_AT] = HK_PG_INT8,
    [PARAM_URL] = HK_PG_TEXT,
    [PARAM_OUTCOME] = HK_PG_TEXT,
    [PARAM_STATUS_CODE] = HK_PG_INT4,
    [PARAM_DURATION_US] = HK_PG_INT8,
    [PARAM_DNS_US] = HK_PG_INT8,
    [PARAM_CONNECT_US] = HK_PG_INT8,
    [PARAM_TLS_US] = HK_PG_INT8,
    [PARAM_FIRST_BYTE_US] = HK_PG_INT8,
    [PARAM_REMOTE_ADDRESS] = HK_PG_TEXT,
    [PARAM_ERROR] = HK_PG_TEXT,
    [PARAM_RESPONSE_HEADERS] = HK_PG_TEXT,
    [PARAM_RESPONSE_BODY] = HK_PG_BYTEA,
    [PARAM_RESPONSE_TRUNCATED] = HK_PG_BOOL,
    [PARAM_N_SENT] = HK_PG_INT4,
    [PARAM_HTTP_VERSION] = HK_PG_TEXT,
    [PARAM_TLS_VERSION] = HK_PG_TEXT,
    [PARAM_TLS_CIPHER] = HK_PG_TEXT,
    [PARAM_CERTIFICATE_EXPIRES_AT] = HK_PG_INT8,
    [PARAM_REQUEST_HEADERS] = HK_PG_TEXT,
};

struct record {
    struct record_options options;
    struct hk_db *db;
    struct hk_db_query query;
    struct hk_timer timer; /* set: no batch before it is due */
    struct hk_timer apart_timer;
    int64_t begun_ms; /* the last batch */
    struct hk_pgarray arrays[N_ARRAYS];
    struct hk_id_span span; /* of the messages' ids */

    struct attempt *first, *last; /* waiting */
    unsigned n_waiting;
    unsigned n_hurried; /* of them: somebody waits for what becomes of them */
    unsigned n_alone;   /* so many of the first go one by one */
    struct attempt *batch[RECORD_MAX];
    unsigned n_batch; /* 0: none is under way */
    enum batch_kind kind;
    bool has_failed; /* the last batch */
};

struct record *record_new(const struct record_options *options)
{
    struct record *record = calloc(1, sizeof(*record));
    struct hk_db_options db_options = {
        .url = options->config->database_url,
        .cell = options->config->cell,
        .schema = options->config->database_schema,
        .user = "hookline_worker",
        .session_options = HK_DB_HOT_OPTIONS,
        .name = "hookline-worker record",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 4,
    };

    if (record == NULL)
        abort();
    record->options = *options;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&record->arrays[i], array_types[i], MAX_ARRAY_BYTES);
    record->db = hk_db_new(options->loop, &db_options);
    return record;
}

void record_free(struct record *record)
{
    if (record == NULL)
        return;
    hk_loop_stop_timer(record->options.loop, &record->timer);
    hk_loop_stop_timer(record->options.loop, &record->apart_timer);
    hk_db_free(record->db);
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&record->arrays[i]);
    free(record);
}

static enum batch_kind kind_of(const struct attempt *attempt)
{
    if (attempt->run != NULL && attempt->verdict.kind != VERDICT_RELEASE)
        return BATCH_STEPS;
    return attempt->verdict.kind == VERDICT_SUCCEEDED ? BATCH_SUCCESSES : BATCH_OTHERS;
}

/* Lanes go on when it is recorded, retries wait from then on. */
static bool is_hurried(const struct attempt *attempt)
{
    return attempt->is_laned || kind_of(attempt) != BATCH_SUCCESSES;
}

void record_add(struct record *record, struct attempt *attempt)
{
    if (attempt->response != NULL)
        hk_utf8_scrub(attempt->response, attempt->outcome.response_headers.n);
    attempt->next_waiting = NULL;
    if (record->last == NULL)
        record->first = attempt;
    else
        record->last->next_waiting = attempt;
    record->last = attempt;
    record->n_waiting++;
    record->n_hurried += is_hurried(attempt);
}

void record_add_again(struct record *record, struct attempt *attempt)
{
    attempt->next_waiting = record->first;
    record->first = attempt;
    if (record->last == NULL)
        record->last = attempt;
    record->n_waiting++;
    record->n_hurried += is_hurried(attempt);
}

/* The first, and what waits behind it for the same statement. */
static void take_batch(struct record *record)
{
    unsigned max = record->n_alone > 0 ? 1 : RECORD_MAX;
    struct attempt *left = NULL, *next;
    size_t n_step_bytes = 0;

    record->kind = kind_of(record->first);
    for (struct attempt *attempt = record->first; attempt != NULL; attempt = next) {
        next = attempt->next_waiting;
        if (record->n_batch == max || kind_of(attempt) != record->kind ||
            n_step_bytes > MAX_STEP_BYTES) {
            left = attempt;
            continue;
        }
        if (left == NULL)
            record->first = next;
        else
            left->next_waiting = next;
        attempt->next_waiting = NULL;
        if (record->kind == BATCH_STEPS)
            n_step_bytes += step_text(attempt).n;
        record->batch[record->n_batch++] = attempt;
        record->n_waiting--;
        record->n_hurried -= is_hurried(attempt);
    }
    record->last = left;
    if (record->n_alone > 0)
        record->n_alone--;
}

/* Of what is measured or answered, -1 and 0 stand for "there is none". */
static void add_int_or_null(struct hk_pgarray *array, int64_t value, int64_t none)
{
    if (value == none)
        hk_pgarray_add_null(array);
    else
        hk_pgarray_add_int(array, value);
}

static void add_text_or_null(struct hk_pgarray *array, const char *text)
{
    hk_pgarray_add_str(array, text == NULL || text[0] == '\0' ? HK_STR_NULL : hk_str(text));
}

static void add_verdict(struct record *record, const struct attempt *attempt)
{
    struct hk_pgarray *arrays = record->arrays;
    const struct verdict *verdict = &attempt->verdict;

    hk_pgarray_add_id(&arrays[PARAM_TENANT_ID], &attempt->tenant_id);
    hk_pgarray_add_id(&arrays[PARAM_SUBSCRIPTION_ID], &attempt->subscription_id);
    hk_pgarray_add_id(&arrays[PARAM_MESSAGE_ID], &attempt->message_id);
    hk_pgarray_add_int(&arrays[PARAM_FENCE], attempt->fence);
    add_text_or_null(&arrays[PARAM_VERDICT], retry_verdict_name(verdict->kind));
    add_text_or_null(&arrays[PARAM_REASON], verdict->reason);
    hk_pgarray_add_int(&arrays[PARAM_DELAY_MS], verdict->delay_ms);
    if (record->kind == BATCH_STEPS)
        hk_pgarray_add_str(&arrays[PARAM_STOP], step_text(attempt));
    else
        add_text_or_null(&arrays[PARAM_STOP], verdict->stop);
    hk_id_span_add(&record->span, &attempt->message_id);
}

static void add_response(struct record *record, const struct attempt *attempt)
{
    static const struct hk_str none = {NULL, 0};
    const struct hk_outcome *outcome = &attempt->outcome;
    struct hk_pgarray *arrays = record->arrays;
    bool has_headers = outcome->response_headers.n > 0 && !attempt->is_bare;
    bool has_body = outcome->kind == HK_OUTCOME_ANSWERED && !attempt->is_bare;

    hk_pgarray_add_str(&arrays[PARAM_RESPONSE_HEADERS],
                       has_headers ? outcome->response_headers : none);
    hk_pgarray_add_str(&arrays[PARAM_RESPONSE_BODY], !has_body ? none
                                                     : outcome->response_body.n == 0
                                                         ? HK_STR("")
                                                         : outcome->response_body);
    hk_pgarray_add_int(&arrays[PARAM_RESPONSE_TRUNCATED],
                       outcome->is_truncated || attempt->is_bare);
}

/* What is the usual is not stored: one request, HTTP/1.1, no TLS. */
static void add_exchange(struct record *record, const struct attempt *attempt)
{
    const struct hk_outcome *outcome = &attempt->outcome;
    struct hk_pgarray *arrays = record->arrays;
    bool is_shown = attempt->request_headers.n > 0 && !attempt->is_bare;

    add_int_or_null(&arrays[PARAM_N_SENT], outcome->n_sent, 1);
    add_text_or_null(&arrays[PARAM_HTTP_VERSION], outcome->http_version == 10 ? "1.0" : NULL);
    add_text_or_null(&arrays[PARAM_TLS_VERSION], outcome->tls.version);
    add_text_or_null(&arrays[PARAM_TLS_CIPHER], outcome->tls.cipher);
    add_int_or_null(&arrays[PARAM_CERTIFICATE_EXPIRES_AT], outcome->tls.certificate_expires_s, 0);
    hk_pgarray_add_str(&arrays[PARAM_REQUEST_HEADERS],
                       is_shown ? attempt->request_headers : HK_STR_NULL);
}

static void add_attempt(struct record *record, const struct attempt *attempt)
{
    const struct hk_outcome *outcome = &attempt->outcome;
    struct hk_pgarray *arrays = record->arrays;

    hk_pgarray_add_int(&arrays[PARAM_ATTEMPT_NO], (int64_t)attempt->attempts + 1);
    hk_pgarray_add_int(&arrays[PARAM_STARTED_AT], attempt->started_us);
    hk_pgarray_add_str(&arrays[PARAM_URL], attempt->url);
    add_text_or_null(&arrays[PARAM_OUTCOME], attempt->run != NULL
                                                 ? step_outcome_name(attempt)
                                                 : retry_outcome_name(&attempt->policy, outcome));
    add_int_or_null(&arrays[PARAM_STATUS_CODE], outcome->status, 0);
    hk_pgarray_add_int(&arrays[PARAM_DURATION_US], outcome->duration_us);
    add_int_or_null(&arrays[PARAM_DNS_US], outcome->dns_us, -1);
    add_int_or_null(&arrays[PARAM_CONNECT_US], outcome->connect_us, -1);
    add_int_or_null(&arrays[PARAM_TLS_US], outcome->tls_us, -1);
    add_int_or_null(&arrays[PARAM_FIRST_BYTE_US], outcome->first_byte_us, -1);
    add_text_or_null(&arrays[PARAM_REMOTE_ADDRESS], outcome->remote_address);
    add_text_or_null(&arrays[PARAM_ERROR], outcome->error);
    add_response(record, attempt);
    add_exchange(record, attempt);
}

static void fill_arrays(struct record *record)
{
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_clear(&record->arrays[i]);
    hk_id_span_init(&record->span);
    for (unsigned row = 0; row < record->n_batch; row++) {
        const struct attempt *attempt = record->batch[row];

        add_verdict(record, attempt);
        if (attempt->verdict.kind != VERDICT_RELEASE && attempt->verdict.kind != VERDICT_WAIT) {
            add_attempt(record, attempt);
            continue;
        }
        for (unsigned i = PARAM_ATTEMPT_NO; i < N_ARRAYS; i++)
            hk_pgarray_add_null(&record->arrays[i]);
    }
}

/* Of a success everything goes without saying that its verdict says. */
static void set_params(struct record *record, struct hk_db_query *query)
{
    unsigned n = 0;

    for (unsigned i = 0; i < N_ARRAYS; i++) {
        assert(!record->arrays[i].buf.is_full);
        if (record->kind != BATCH_SUCCESSES || i < PARAM_VERDICT || i >= PARAM_ATTEMPT_NO)
            query->params[n++] = hk_pgarray_param(&record->arrays[i]);
    }
    if (record->kind != BATCH_SUCCESSES) {
        query->params[n++] = hk_id_str(&record->span.from);
        query->params[n++] = hk_id_str(&record->span.to);
    }
    query->binary_params = (UINT32_C(1) << n) - 1;
    query->params[n] = hk_str(record->options.worker);
}

static hk_db_done_fn on_recorded;

static void on_timer(struct hk_timer *timer)
{
    (void)timer; /* record_turn() sees that it is no longer set, or that the time is over */
}

static bool is_too_soon(struct record *record, unsigned apart_ms)
{
    int64_t rest_ms = record->begun_ms + apart_ms - hk_mono_ms();

    if (rest_ms <= 0 || record->n_hurried > 0 || record->n_waiting >= RECORD_MAX)
        return false;
    if (!record->apart_timer.is_set)
        hk_loop_set_timer(record->options.loop, &record->apart_timer, rest_ms, on_timer);
    return true;
}

void record_turn(struct record *record, unsigned apart_ms)
{
    static const struct hk_db_result busy = {.code = HK_BUSY};
    static const struct hk_stmt *const statements[] = {
        [BATCH_SUCCESSES] = &stmt_success_record,
        [BATCH_OTHERS] = &stmt_attempt_record,
        [BATCH_STEPS] = &stmt_step_record,
    };

    if (record->n_batch > 0 || record->n_waiting == 0 || record->timer.is_set ||
        is_too_soon(record, apart_ms))
        return;
    record->begun_ms = hk_mono_ms();
    take_batch(record);
    fill_arrays(record);
    record->query = (struct hk_db_query){
        .stmt = statements[record->kind],
        .wants_binary_result = true,
        .done = on_recorded,
        .timeout_ms = 10000,
    };
    set_params(record, &record->query);
    if (hk_db_submit(record->db, &record->query) != HK_OK)
        on_recorded(&record->query, &busy);
}

static void log_message(enum hk_level level, const char *event, const struct attempt *attempt)
{
    char tenant_id[HK_ID_TEXT_SIZE], message_id[HK_ID_TEXT_SIZE];

    hk_id_format(&attempt->tenant_id, tenant_id);
    hk_id_format(&attempt->message_id, message_id);
    hk_log(level, event, HK_CELL(attempt->cell), HK_CTEXT("tenant", tenant_id),
           HK_CTEXT("message_id", message_id), HK_I64("attempt_no", attempt->attempts + 1));
}

static void finish_batch(struct record *record, unsigned n_applied)
{
    unsigned n = record->n_batch;

    /* Which ones is not worth a column: their attempts are missing from the log. */
    if (n_applied < n)
        hk_log(HK_LOG_WARN, "lease.lost", HK_CELL(record->options.config->cell),
               HK_I64("n_messages", n - n_applied));
    record->n_batch = 0;
    for (unsigned i = 0; i < n; i++)
        (void)attempt_fire(record->batch[i], EVENT_RECORDED);
}

/* The database is away: each row again while its lease lives. */
static void put_back(struct record *record)
{
    int64_t now_ms = hk_mono_ms();
    unsigned n = record->n_batch;

    record->n_batch = 0;
    hk_loop_set_timer(record->options.loop, &record->timer, RETRY_DELAY_MS, on_timer);
    for (unsigned i = n; i-- > 0;) { /* backwards: each goes before the others */
        struct attempt *attempt = record->batch[i];

        if (now_ms < attempt->lease_ends_ms) {
            (void)attempt_fire(attempt, EVENT_RECORD_FAILED);
            continue;
        }
        log_message(HK_LOG_WARN, "lease.lost", attempt);
        (void)attempt_fire(attempt, EVENT_LEASE_LOST);
    }
}

/* One row that can never succeed must not block its neighbours. */
static void isolate(struct record *record, enum hk_code code)
{
    struct attempt *attempt = record->batch[0];
    unsigned n = record->n_batch;

    record->n_batch = 0;
    if (n > 1) {
        record->n_alone = n;
        while (n-- > 0)
            (void)attempt_fire(record->batch[n], EVENT_RECORD_FAILED);
    } else if (code == HK_CONFLICT) {
        /* A batch whose answer was lost had been applied after all. */
        log_message(HK_LOG_INFO, "attempt.recorded_before", attempt);
        (void)attempt_fire(attempt, EVENT_RECORDED);
    } else if (!attempt->is_bare) {
        log_message(HK_LOG_ERROR, "response.refused", attempt);
        attempt->is_bare = true;
        if (attempt->run != NULL)
            step_fail_bare(attempt);
        record->n_alone++;
        (void)attempt_fire(attempt, EVENT_RECORD_FAILED);
    } else {
        log_message(HK_LOG_ERROR, "attempt.refused", attempt);
        (void)attempt_fire(attempt, EVENT_LEASE_LOST);
    }
}

static void on_recorded(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct record *record = HK_CONTAINER_OF(query, struct record, query);

    if (result->code == HK_OK) {
        assert(result->n_rows == 1); /* it counts */
        if (record->has_failed)
            hk_log(HK_LOG_INFO, "record.recovered", HK_CELL(record->options.config->cell));
        record->has_failed = false;
        finish_batch(record, (unsigned)hk_db_int(result, 0, 0));
        return;
    }
    if (result->is_data_error) {
        isolate(record, result->code);
        return;
    }
    if (!record->has_failed)
        hk_log(HK_LOG_WARN, "record.failed", HK_CELL(record->options.config->cell),
               HK_CTEXT("code", hk_code_info(result->code)->slug),
               HK_I64("n_messages", record->n_batch));
    record->has_failed = true;
    put_back(record);
}

unsigned record_n_unrecorded(const struct record *record)
{
    return record->n_waiting + record->n_batch;
}

struct hk_db *record_db(struct record *record)
{
    return record->db;
}
