/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/load_read.h"

#include "hk/db.h"
#include "hk/envelope.h"
#include "worker/secrets.h"
#include "worker/terms.h"

#define MAX_BODY_BYTES     (32u << 20)
#define MAX_OPENED_BYTES   (64u << 10) /* ten secrets, a password, 4 KiB of header fields */
#define KEEP_SCRATCH_BYTES (256u << 10)
#define MAX_REST_MS        3600000 /* of a whole subscription, unless its receivers must be obeyed */
#define LEASE_MARGIN_MS    1000    /* of a lease: for recording what the request brought */

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
    COLUMN_IS_FLOW,
    N_COLUMNS,
};

void load_reader_init(struct load_reader *reader, const struct hk_config *config,
                      const struct hk_vault *vault)
{
    reader->config = config;
    reader->vault = vault;
    memset(reader->terms, 0, sizeof(reader->terms));
    hk_buf_init(&reader->scratch, MAX_BODY_BYTES);
    hk_buf_init(&reader->opened, MAX_OPENED_BYTES);
}

void load_reader_done(struct load_reader *reader)
{
    load_reader_forget(reader);
    hk_buf_done(&reader->scratch);
    hk_buf_done(&reader->opened);
}

struct attempt *load_attempt_new(const struct claimed *claimed, bool is_of_lanes,
                                 int64_t lease_ends_ms, size_t n_data)
{
    struct attempt *attempt = attempt_new(n_data);

    attempt->tenant_id = claimed->tenant_id;
    attempt->subscription_id = claimed->subscription_id;
    attempt->message_id = claimed->message_id;
    attempt->fence = claimed->fence;
    attempt->attempts = claimed->attempts;
    attempt->schedule_from = claimed->schedule_from;
    attempt->is_laned = is_of_lanes;
    attempt->is_on_trial = claimed->is_on_trial;
    attempt->lease_ends_ms = lease_ends_ms;
    return attempt;
}

static struct hk_str value(const struct load_row *row, unsigned column)
{
    return hk_db_value(row->result, column < COLUMN_STATE ? row->own : row->of_subscription,
                       column);
}

static int64_t value_int(const struct load_row *row, unsigned column)
{
    return hk_db_int(row->result, column < COLUMN_STATE ? row->own : row->of_subscription, column);
}

/* False when the profile names an envelope that this program does not know. */
static bool read_envelope(const struct load_row *row, struct hk_envelope *ret)
{
    *ret = (struct hk_envelope){
        .tenant_id = row->claimed->tenant_id,
        .event_id = hk_db_id(row->result, row->own, COLUMN_EVENT_ID),
        .subscription_id = row->claimed->subscription_id,
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
static void build_message(struct load_reader *reader, const struct load_row *row,
                          struct hk_str *ret_body, struct hk_str *ret_headers)
{
    struct hk_buf *scratch = &reader->scratch;
    struct hk_envelope envelope;
    size_t n_body;

    *ret_body = *ret_headers = HK_STR_NULL;
    if (scratch->capacity > KEEP_SCRATCH_BYTES)
        hk_buf_done(scratch); /* one large event must not cost memory for ever */
    hk_buf_clear(scratch);
    if (!read_envelope(row, &envelope))
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
static int64_t choose_rest_cap_ms(const struct load_row *row)
{
    int64_t cap_ms = value_int(row, COLUMN_RETRY_AFTER_CAP_MS);
    enum hk_envelope_kind kind;
    bool must_obey = hk_envelope_kind_from_name(value(row, COLUMN_ENVELOPE), &kind) &&
                     (kind == HK_ENVELOPE_CLOUDEVENTS || kind == HK_ENVELOPE_CLOUDEVENTS_BINARY);

    return must_obey || cap_ms < MAX_REST_MS ? cap_ms : MAX_REST_MS;
}

static void read_policy(struct terms *terms, const struct hk_config *config,
                        const struct load_row *row)
{
    terms->policy = (struct retry_policy){
        .responses = terms_keep(terms, value(row, COLUMN_RESPONSES)),
        .schedule = terms_keep(terms, value(row, COLUMN_SCHEDULE)),
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

static void read_secrets(struct load_reader *reader, struct terms *terms,
                         const struct load_row *row)
{
    secrets_open(terms, reader->vault, &reader->opened,
                 &(struct stored_secrets){
                     .tenant_id = row->claimed->tenant_id,
                     .subscription_id = row->claimed->subscription_id,
                     .secrets = value(row, COLUMN_SECRETS),
                     .headers = value(row, COLUMN_HEADERS),
                     .password = value(row, COLUMN_PASSWORD),
                     .client_key = value(row, COLUMN_CLIENT_KEY),
                     .is_client_secret = terms->token_url.p != NULL,
                     .are_tenants = hk_str_eq(value(row, COLUMN_SECRET_OF), HK_STR("tenant")),
                 });
}

static void read_egress(struct terms *terms, const struct load_row *row)
{
    terms->egress.allows_http = value_int(row, COLUMN_ALLOWS_HTTP) != 0;
    terms->egress.allowed_networks = terms_keep(terms, value(row, COLUMN_ALLOWED_NETWORKS));
    terms->egress.certificate = terms_keep(terms, value(row, COLUMN_CLIENT_CERTIFICATE));
    terms->token_url = terms_keep(terms, value(row, COLUMN_TOKEN_URL));
    terms->scope = terms_keep(terms, value(row, COLUMN_SCOPE));
}

bool load_row_is_gone(const struct load_row *row)
{
    return value(row, COLUMN_EVENT_ID).p == NULL || value(row, COLUMN_STATE).p == NULL;
}

bool load_row_is_run(const struct load_row *row)
{
    return value_int(row, COLUMN_IS_FLOW) != 0;
}

static struct terms *read_terms(struct load_reader *reader, const struct load_row *row)
{
    struct terms *terms;
    size_t n = 0;

    for (unsigned column = COLUMN_URL; column < N_COLUMNS; column++) /* no long ones among them */
        n += value(row, column).n + 1;
    terms = terms_new(n);
    terms->is_active = hk_str_eq(value(row, COLUMN_STATE), HK_STR("active"));
    terms->holds_on_failure = value_int(row, COLUMN_HOLDS_ON_FAILURE) != 0;
    terms->timeout_ms =
        choose_timeout_ms(value_int(row, COLUMN_TIMEOUT_MS), reader->config->worker_lease_ms);
    terms->url = terms_keep(terms, value(row, COLUMN_URL));
    read_policy(terms, reader->config, row);
    read_egress(terms, row);
    if (load_row_is_run(row)) /* its secrets are the flow's */
        return terms;
    terms->username = terms_keep(terms, value(row, COLUMN_USERNAME));
    terms->is_signature_known =
        hk_signature_kind_from_name(value(row, COLUMN_SIGNATURE), &terms->signature);
    read_secrets(reader, terms, row);
    return terms;
}

/* Read with the first of its messages. */
static struct terms *find_terms(struct load_reader *reader, const struct load_row *row)
{
    struct terms **terms = &reader->terms[row->of_subscription];

    if (*terms == NULL)
        *terms = read_terms(reader, row);
    return *terms;
}

void load_reader_forget(struct load_reader *reader)
{
    for (unsigned i = 0; i < CLAIM_MAX; i++) {
        terms_release(reader->terms[i]);
        reader->terms[i] = NULL;
    }
}

/* What a message and a run have in common. `n_more`: bytes that the caller will keep. */
static struct attempt *read_common(struct load_reader *reader, const struct load_row *row,
                                   size_t n_more)
{
    struct hk_str traceparent = value(row, COLUMN_TRACEPARENT);
    struct hk_str origin = value(row, COLUMN_ORIGIN);
    struct attempt *attempt = load_attempt_new(row->claimed, row->is_of_lanes, row->lease_ends_ms,
                                               n_more + traceparent.n + 1 + origin.n + 1);

    terms_apply(find_terms(reader, row), attempt);
    attempt->webhook_id = value(row, COLUMN_WEBHOOK_ID).p != NULL
                              ? hk_db_id(row->result, row->own, COLUMN_WEBHOOK_ID)
                              : attempt->message_id;
    attempt->is_active = attempt->terms->is_active && value_int(row, COLUMN_IS_REVOKED) == 0;
    attempt->traceparent = attempt_keep(attempt, traceparent);
    attempt->origin = attempt_keep(attempt, origin);
    return attempt;
}

struct attempt *load_read_message(struct load_reader *reader, const struct load_row *row)
{
    struct hk_str body, envelope_headers;
    struct attempt *attempt;

    build_message(reader, row, &body, &envelope_headers);
    attempt = read_common(reader, row, body.n + envelope_headers.n + 2);
    attempt->envelope_headers = attempt_keep(attempt, envelope_headers);
    if (attempt->terms->is_signature_known)
        attempt->body = attempt_keep(attempt, body);
    return attempt;
}

struct attempt *load_read_run(struct load_reader *reader, const struct load_row *row)
{
    struct hk_str payload = value(row, COLUMN_PAYLOAD);
    struct attempt *attempt = read_common(reader, row, payload.n + 1);

    attempt->body = attempt_keep(attempt, payload);
    return attempt;
}
