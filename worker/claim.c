/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.c - why and when to claim.
 *
 * There are two kinds of claims: of messages that are in no lane, and of those in lanes. Each has
 * its own reasons and its own timer, and when there are reasons for both they take turns.
 *
 * A reason is: the start, a notification, a timer, a claim that came back full or moved messages
 * into lanes; for lanes that one of their messages has ended, or that one of them becomes due. The
 * timer is short while there was work just now and long when idle. claim_turn() turns a reason into
 * a claim as soon as there are slots; on_claimed() hands over the messages and finds the next one.
 */
#include "worker/claim.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/clock.h"
#include "hk/db.h"
#include "hk/envelope.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/claim.sql.h"
#include "worker/secrets.h"

#define MAX_BODY_BYTES     (32u << 20)
#define MAX_OPENED_BYTES   (64u << 10) /* ten secrets, a password, 4 KiB of header fields */
#define KEEP_SCRATCH_BYTES (256u << 10)
#define FAILED_DELAY_MS    1000
#define STOP_CHANNEL       "hookline_stopped"
#define MAX_REST_MS        3600000 /* of a whole subscription, unless its receivers must be obeyed */
#define LEASE_MARGIN_MS    1000    /* of a lease: for recording what the request brought */

struct claim {
    struct claim_options options;
    struct hk_db *db;
    struct hk_db_query query;
    char limit_text[12], lease_text[12], lane_limit_text[12], trial_limit_text[12];
    struct hk_timer timer, lane_timer;
    struct hk_buf scratch; /* where bodies are built */
    struct hk_buf opened;  /* where secrets are opened */

    bool is_wanted;              /* there is a reason to claim */
    bool lanes_are_wanted;       /* ... from lanes */
    bool is_of_lanes;            /* the claim under way, or else the last one */
    bool is_stopped, has_failed; /* no more claims; the last one has failed */
    unsigned n_asked;
    int64_t asked_ms;
    int64_t linger_until_ms;
};

/* The columns of message_claim. */
enum {
    COLUMN_N_MOVED,
    COLUMN_N_LANES,
    COLUMN_LANE_DUE_MS,
    COLUMN_TENANT_ID,
    COLUMN_SUBSCRIPTION_ID,
    COLUMN_MESSAGE_ID,
    COLUMN_FENCE,
    COLUMN_ATTEMPTS,
    COLUMN_SCHEDULE_FROM,
    COLUMN_EVENT_ID,
    COLUMN_EVENT_TYPE,
    COLUMN_COMPANY,
    COLUMN_OCCURRED_AT,
    COLUMN_PAYLOAD,
    COLUMN_TRACEPARENT,
    COLUMN_CUSTOM_VALUES,
    COLUMN_SUBSCRIPTION_STATE,
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
    COLUMN_IS_ON_TRIAL,
    COLUMN_ALLOWS_HTTP,
    COLUMN_ALLOWED_NETWORKS,
    COLUMN_CLIENT_CERTIFICATE,
    COLUMN_CLIENT_KEY,
    COLUMN_TOKEN_URL,
    COLUMN_SCOPE,
    COLUMN_ORIGIN,
    COLUMN_WEBHOOK_ID,
    COLUMN_WEBHOOK_ORIGIN,
    N_COLUMNS,
};

/*
 * The payload is a tenant's id, or that and a subscription's (delivery_stop() in SQL). A claim that
 * did not see the change has come back before: the notification waits behind it on this connection.
 */
static void read_stop(struct claim *claim, const char *payload)
{
    struct hk_str tenant = {payload, strcspn(payload, " ")};
    struct hk_id tenant_id, subscription_id;

    if (!hk_id_parse(tenant, &tenant_id))
        return;
    if (payload[tenant.n] == '\0')
        claim->options.stopped(claim->options.found_arg, &tenant_id, NULL);
    else if (hk_id_parse(hk_str(payload + tenant.n + 1), &subscription_id))
        claim->options.stopped(claim->options.found_arg, &tenant_id, &subscription_id);
}

static void on_notified(void *notified_arg, const char *channel, const char *payload)
{
    struct claim *claim = notified_arg;

    if (strcmp(channel, STOP_CHANNEL) == 0) {
        read_stop(claim, payload);
        return;
    }
    claim->is_wanted = true;
    claim->linger_until_ms = hk_mono_ms() + CLAIM_LINGER_MS;
}

/* Who was stopped while nobody listened, only the database knows: a new claim asks it. */
static void on_listening(void *notified_arg)
{
    struct claim *claim = notified_arg;

    claim->options.stopped(claim->options.found_arg, NULL, NULL);
}

static void on_timer(struct hk_timer *timer)
{
    struct claim *claim = HK_CONTAINER_OF(timer, struct claim, timer);

    claim->is_wanted = true;
}

static void on_lane_timer(struct hk_timer *timer)
{
    struct claim *claim = HK_CONTAINER_OF(timer, struct claim, lane_timer);

    claim->lanes_are_wanted = true;
}

struct claim *claim_new(const struct claim_options *options)
{
    struct claim *claim = calloc(1, sizeof(*claim));
    struct hk_db_options db_options = {
        .url = options->config->database_url,
        .schema = options->config->database_schema,
        .user = "hookline_worker",
        .session_options = HK_DB_HOT_OPTIONS " -c enable_sort=off -c synchronous_commit=off",
        .name = "hookline-worker claim",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 2, /* the claim, and what the lanes are told */
        .listen_channels = {"hookline_due", STOP_CHANNEL},
        .on_notified = on_notified,
        .on_listening = on_listening,
        .notified_arg = claim,
    };

    if (claim == NULL)
        abort();
    claim->options = *options;
    claim->is_wanted = claim->lanes_are_wanted = true;
    hk_buf_init(&claim->scratch, MAX_BODY_BYTES);
    hk_buf_init(&claim->opened, MAX_OPENED_BYTES);
    claim->db = hk_db_new(options->loop, &db_options);
    return claim;
}

void claim_free(struct claim *claim)
{
    if (claim == NULL)
        return;
    hk_loop_stop_timer(claim->options.loop, &claim->timer);
    hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
    hk_db_free(claim->db);
    hk_buf_done(&claim->scratch);
    hk_buf_done(&claim->opened);
    free(claim);
}

static void claim_again_in(struct claim *claim, int64_t delay_ms)
{
    if (!claim->is_stopped)
        hk_loop_set_timer(claim->options.loop, &claim->timer, delay_ms, on_timer);
}

static void look_at_lanes_in(struct claim *claim, int64_t delay_ms)
{
    if (!claim->is_stopped)
        hk_loop_set_timer(claim->options.loop, &claim->lane_timer, delay_ms, on_lane_timer);
}

void claim_want_lanes(struct claim *claim)
{
    claim->lanes_are_wanted = true;
}

struct hk_db *claim_db(struct claim *claim)
{
    return claim->db;
}

static hk_db_done_fn on_claimed;
static void note_failure(struct claim *claim, enum hk_code code);

/* Of one kind; the other limit is 0: see claim.sql. */
static void submit(struct claim *claim, unsigned n, unsigned n_of_lanes, unsigned n_on_trial)
{
    const struct hk_config *config = claim->options.config;

    (void)snprintf(claim->limit_text, sizeof(claim->limit_text), "%u", n);
    (void)snprintf(claim->lease_text, sizeof(claim->lease_text), "%d",
                   (int)config->worker_lease_ms);
    (void)snprintf(claim->lane_limit_text, sizeof(claim->lane_limit_text), "%u", n_of_lanes);
    (void)snprintf(claim->trial_limit_text, sizeof(claim->trial_limit_text), "%u", n_on_trial);
    claim->query = (struct hk_db_query){
        .stmt = &stmt_message_claim,
        .params = {hk_str(claim->limit_text), hk_str(claim->lease_text),
                   hk_str(claim->lane_limit_text), hk_str(claim->trial_limit_text)},
        .wants_binary_result = true,
        .done = on_claimed,
        .timeout_ms = 10000,
    };
    claim->is_of_lanes = n_of_lanes > 0;
    claim->n_asked = n;
    claim->asked_ms = hk_mono_ms();
    if (claim->is_of_lanes) {
        claim->lanes_are_wanted = false;
        hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
    } else {
        claim->is_wanted = false;
        hk_loop_stop_timer(claim->options.loop, &claim->timer);
    }
    if (hk_db_submit(claim->db, &claim->query) != HK_OK)
        note_failure(claim, HK_BUSY);
}

void claim_turn(struct claim *claim, const struct claim_load *load)
{
    unsigned n_slots = (unsigned)claim->options.config->worker_max_in_flight;
    unsigned n = 0, n_of_lanes = 0, n_on_trial = 0;

    if (claim->is_stopped || claim_is_under_way(claim))
        return;
    if (claim->is_wanted)
        n = claim_size(n_slots, load);
    if (claim->lanes_are_wanted)
        n_of_lanes = claim_lane_size(n_slots, load, &n_on_trial);
    if (n > 0 && (n_of_lanes == 0 || claim->is_of_lanes))
        submit(claim, n, 0, 0);
    else if (n_of_lanes > 0)
        submit(claim, 0, n_of_lanes, n_on_trial);
}

/* False when the profile names an envelope that this program does not know. */
static bool read_envelope(const struct hk_db_result *result, unsigned row, struct hk_envelope *ret)
{
    *ret = (struct hk_envelope){
        .tenant_id = hk_db_id(result, row, COLUMN_TENANT_ID),
        .event_id = hk_db_id(result, row, COLUMN_EVENT_ID),
        .subscription_id = hk_db_id(result, row, COLUMN_SUBSCRIPTION_ID),
        .event_type = hk_db_value(result, row, COLUMN_EVENT_TYPE),
        .company = hk_db_value(result, row, COLUMN_COMPANY),
        .occurred_at = hk_db_value(result, row, COLUMN_OCCURRED_AT),
        .payload = hk_db_value(result, row, COLUMN_PAYLOAD),
        .custom_values = hk_db_value(result, row, COLUMN_CUSTOM_VALUES),
        .base_url = hk_db_value(result, row, COLUMN_BASE_URL),
        .webhook_origin = hk_db_value(result, row, COLUMN_WEBHOOK_ORIGIN),
    };
    return hk_envelope_kind_from_name(hk_db_value(result, row, COLUMN_ENVELOPE), &ret->kind);
}

/*
 * The body and, behind it in the same buffer, the envelope's header fields. Borrowed: valid until
 * the next one. The body's .p is NULL when it is too long, or the envelope unknown.
 */
static void build_message(struct claim *claim, const struct hk_db_result *result, unsigned row,
                          struct hk_str *ret_body, struct hk_str *ret_headers)
{
    struct hk_buf *scratch = &claim->scratch;
    struct hk_envelope envelope;
    size_t n_body;

    *ret_body = *ret_headers = HK_STR_NULL;
    if (scratch->capacity > KEEP_SCRATCH_BYTES)
        hk_buf_done(scratch); /* one large event must not cost memory for ever */
    hk_buf_clear(scratch);
    if (!read_envelope(result, row, &envelope))
        return;
    hk_envelope_build(&envelope, scratch);
    n_body = scratch->n;
    hk_envelope_add_headers(&envelope, scratch);
    if (scratch->is_full)
        return;
    *ret_body = (struct hk_str){scratch->p, n_body};
    *ret_headers = (struct hk_str){scratch->p + n_body, scratch->n - n_body};
}

static bool column_is(const struct hk_db_result *result, unsigned row, unsigned column,
                      struct hk_str text)
{
    return hk_str_eq(hk_db_value(result, row, column), text);
}

/*
 * The CloudEvents webhook specification demands that nothing more is sent for as long as the
 * receiver says. All others are asked again after a while whether they still mean it.
 */
static int64_t choose_rest_cap_ms(const struct hk_db_result *result, unsigned row)
{
    int64_t cap_ms = hk_db_int(result, row, COLUMN_RETRY_AFTER_CAP_MS);
    enum hk_envelope_kind kind;
    bool must_obey = hk_envelope_kind_from_name(hk_db_value(result, row, COLUMN_ENVELOPE), &kind) &&
                     (kind == HK_ENVELOPE_CLOUDEVENTS || kind == HK_ENVELOPE_CLOUDEVENTS_BINARY);

    return must_obey || cap_ms < MAX_REST_MS ? cap_ms : MAX_REST_MS;
}

static void read_policy(struct attempt *attempt, const struct hk_config *config,
                        const struct hk_db_result *result, unsigned row)
{
    attempt->policy = (struct retry_policy){
        .responses = attempt_keep(attempt, hk_db_value(result, row, COLUMN_RESPONSES)),
        .schedule = attempt_keep(attempt, hk_db_value(result, row, COLUMN_SCHEDULE)),
        .jitter_percent = (unsigned)hk_db_int(result, row, COLUMN_JITTER_PERCENT),
        .retry_after_cap_ms = hk_db_int(result, row, COLUMN_RETRY_AFTER_CAP_MS),
        .rest_cap_ms = choose_rest_cap_ms(result, row),
        .divisor = config->worker_schedule_divisor,
    };
}

/* No request may outlive its lease. */
static unsigned choose_timeout_ms(int64_t timeout_ms, int64_t lease_ms)
{
    int64_t most_ms = lease_ms - LEASE_MARGIN_MS;

    return (unsigned)(timeout_ms < most_ms ? timeout_ms : most_ms);
}

static void read_secrets(struct claim *claim, struct attempt *attempt,
                         const struct hk_db_result *result, unsigned row)
{
    secrets_open(attempt, claim->options.vault, &claim->opened,
                 &(struct stored_secrets){
                     .secrets = hk_db_value(result, row, COLUMN_SECRETS),
                     .headers = hk_db_value(result, row, COLUMN_HEADERS),
                     .password = hk_db_value(result, row, COLUMN_PASSWORD),
                     .client_key = hk_db_value(result, row, COLUMN_CLIENT_KEY),
                     .is_client_secret = attempt->token_url.p != NULL,
                     .are_tenants = column_is(result, row, COLUMN_SECRET_OF, HK_STR("tenant")),
                 });
}

static void read_egress(struct attempt *attempt, const struct hk_db_result *result, unsigned row)
{
    struct hk_str networks = hk_db_value(result, row, COLUMN_ALLOWED_NETWORKS);
    struct hk_str certificate = hk_db_value(result, row, COLUMN_CLIENT_CERTIFICATE);

    attempt->egress.allows_http = hk_db_int(result, row, COLUMN_ALLOWS_HTTP) != 0;
    attempt->egress.allowed_networks = attempt_keep(attempt, networks);
    attempt->egress.certificate = attempt_keep(attempt, certificate);
    attempt->token_url = attempt_keep(attempt, hk_db_value(result, row, COLUMN_TOKEN_URL));
    attempt->scope = attempt_keep(attempt, hk_db_value(result, row, COLUMN_SCOPE));
}

static struct attempt *read_row(struct claim *claim, const struct hk_db_result *result,
                                unsigned row)
{
    const struct hk_config *config = claim->options.config;
    struct hk_str body, envelope_headers;
    struct attempt *attempt;
    size_t n_data;

    build_message(claim, result, row, &body, &envelope_headers);
    n_data = body.n + envelope_headers.n + hk_db_value(result, row, COLUMN_TRACEPARENT).n + 3;
    for (unsigned column = COLUMN_URL; column < N_COLUMNS; column++) /* no long ones among them */
        n_data += hk_db_value(result, row, column).n + 1;
    attempt = attempt_new(n_data);
    attempt->tenant_id = hk_db_id(result, row, COLUMN_TENANT_ID);
    attempt->subscription_id = hk_db_id(result, row, COLUMN_SUBSCRIPTION_ID);
    attempt->message_id = hk_db_id(result, row, COLUMN_MESSAGE_ID);
    attempt->webhook_id = hk_db_value(result, row, COLUMN_WEBHOOK_ID).p != NULL
                              ? hk_db_id(result, row, COLUMN_WEBHOOK_ID)
                              : attempt->message_id;
    attempt->fence = (int32_t)hk_db_int(result, row, COLUMN_FENCE);
    attempt->attempts = (unsigned)hk_db_int(result, row, COLUMN_ATTEMPTS);
    attempt->schedule_from = (unsigned)hk_db_int(result, row, COLUMN_SCHEDULE_FROM);
    attempt->is_active = column_is(result, row, COLUMN_SUBSCRIPTION_STATE, HK_STR("active"));
    attempt->is_laned = claim->is_of_lanes;
    attempt->is_on_trial = hk_db_int(result, row, COLUMN_IS_ON_TRIAL) != 0;
    attempt->holds_on_failure = hk_db_int(result, row, COLUMN_HOLDS_ON_FAILURE) != 0;
    attempt->timeout_ms =
        choose_timeout_ms(hk_db_int(result, row, COLUMN_TIMEOUT_MS), config->worker_lease_ms);
    attempt->lease_ends_ms = claim->asked_ms + config->worker_lease_ms;
    read_policy(attempt, config, result, row);
    attempt->url = attempt_keep(attempt, hk_db_value(result, row, COLUMN_URL));
    attempt->username = attempt_keep(attempt, hk_db_value(result, row, COLUMN_USERNAME));
    attempt->traceparent = attempt_keep(attempt, hk_db_value(result, row, COLUMN_TRACEPARENT));
    read_egress(attempt, result, row);
    attempt->origin = attempt_keep(attempt, hk_db_value(result, row, COLUMN_ORIGIN));
    attempt->envelope_headers = attempt_keep(attempt, envelope_headers);
    read_secrets(claim, attempt, result, row);
    attempt->body = attempt_keep(attempt, body);
    if (!hk_signature_kind_from_name(hk_db_value(result, row, COLUMN_SIGNATURE),
                                     &attempt->signature))
        attempt->body = HK_STR_NULL; /* a newer schema's: nothing goes out unsigned */
    return attempt;
}

static void note_failure(struct claim *claim, enum hk_code code)
{
    if (!claim->has_failed)
        hk_log(HK_LOG_WARN, "claim.failed", HK_CTEXT("code", hk_code_info(code)->slug));
    claim->has_failed = true;
    if (claim->is_of_lanes)
        look_at_lanes_in(claim, FAILED_DELAY_MS);
    else
        claim_again_in(claim, FAILED_DELAY_MS);
}

/* While lanes were due just now, more may be; then when the next one is, as far as can be told. */
static void find_next_lane(struct claim *claim, const struct hk_db_result *result)
{
    int64_t poll_ms = claim->options.config->worker_poll_ms;
    int64_t due_ms = hk_db_int(result, 0, COLUMN_LANE_DUE_MS);
    bool is_known = hk_db_value(result, 0, COLUMN_LANE_DUE_MS).p != NULL && due_ms < poll_ms;

    if (hk_db_int(result, 0, COLUMN_N_LANES) > 0)
        look_at_lanes_in(claim, CLAIM_BURST_MS);
    else
        look_at_lanes_in(claim, is_known ? due_ms : poll_ms);
}

static void find_next(struct claim *claim, unsigned n_messages, bool has_moved)
{
    int64_t now_ms = hk_mono_ms();

    if (n_messages > 0 || has_moved)
        claim->linger_until_ms = now_ms + CLAIM_LINGER_MS;
    if (n_messages == claim->n_asked || has_moved)
        claim->is_wanted = true;
    if (has_moved)
        claim->lanes_are_wanted = true;
    claim_again_in(claim, now_ms < claim->linger_until_ms ? CLAIM_BURST_MS
                                                          : claim->options.config->worker_poll_ms);
}

static void on_claimed(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct claim *claim = HK_CONTAINER_OF(query, struct claim, query);
    unsigned n_messages = 0;

    if (result->code != HK_OK) {
        note_failure(claim, result->code);
        return;
    }
    if (claim->has_failed)
        hk_log(HK_LOG_INFO, "claim.recovered");
    claim->has_failed = false;

    for (unsigned row = 0; row < result->n_rows; row++) {
        if (hk_db_value(result, row, COLUMN_MESSAGE_ID).p == NULL)
            continue;
        n_messages++;
        claim->options.found(claim->options.found_arg, read_row(claim, result, row));
    }
    if (claim->is_of_lanes)
        find_next_lane(claim, result);
    else
        find_next(claim, n_messages, hk_db_int(result, 0, COLUMN_N_MOVED) > 0);
}

void claim_stop(struct claim *claim)
{
    claim->is_stopped = true;
    hk_loop_stop_timer(claim->options.loop, &claim->timer);
    hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
}

bool claim_is_under_way(const struct claim *claim)
{
    return claim->query.slot != NULL;
}
