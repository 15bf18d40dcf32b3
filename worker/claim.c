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
#include "hk/log.h"
#include "hk/loop.h"
#include "worker/claim.sql.h"
#include "worker/load.h"

#define FAILED_DELAY_MS   1000
#define LOOK_AGAIN_MS     1000 /* at what is due before `from_us` */
#define MAX_LOOKING_SHARE 50   /* and no more than one part in so many of the time, but... */
#define MAX_LOOK_AGAIN_MS 15000
#define STOP_CHANNEL      "hookline_stopped"

struct claim {
    struct claim_options options;
    struct hk_db *db;
    struct hk_db_query query;
    struct load *load; /* of what the last claim found */
    char limit_text[12], lease_text[12], trial_limit_text[12], from_text[24];
    struct hk_timer timer, lane_timer;

    bool is_wanted;              /* there is a reason to claim */
    bool lanes_are_wanted;       /* ... from lanes */
    bool is_of_lanes;            /* the claim under way, or else the last one */
    bool is_stopped, has_failed; /* no more claims; the last one has failed */
    bool is_put_off;             /* to be claimed when the timer says */
    bool looks_at_all;           /* so does the claim under way, or did the last one */
    bool wants_more[2];          /* of no lane, of lanes: the last one found all it asked for */
    unsigned n_asked, n_under_way;
    int64_t asked_ms, asked_us, took_us; /* the second is of the wall clock */
    int64_t linger_until_ms;
    int64_t claimed_ms;    /* the last time, what is in no lane */
    int64_t from_us;       /* all that is due before it has been looked at; 0: nothing */
    int64_t look_again_ms; /* at all of it, then; 0: at once */
};

/* The columns of both claims. */
enum {
    COLUMN_N, /* messages moved into lanes, or lanes looked at */
    COLUMN_LANE_DUE_MS,
    COLUMN_TENANT_ID,
    COLUMN_SUBSCRIPTION_ID,
    COLUMN_MESSAGE_ID,
    COLUMN_FENCE,
    COLUMN_ATTEMPTS,
    COLUMN_SCHEDULE_FROM,
    COLUMN_IS_ON_TRIAL,
    COLUMN_LOOKED_UNTIL_US, /* not of lanes */
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
    if (payload[0] != '\0') /* what came was due before now: tenant_queue_return() in SQL */
        claim->look_again_ms = 0;
    claim->is_wanted = true;
    claim->linger_until_ms = hk_mono_ms() + CLAIM_LINGER_MS;
}

/* Who was stopped while nobody listened, only the database knows: a new claim asks it. */
static void on_listening(void *notified_arg)
{
    struct claim *claim = notified_arg;

    claim->options.stopped(claim->options.found_arg, NULL, NULL);
    claim->look_again_ms = 0; /* a claim that was not durable may have been lost */
}

static void on_timer(struct hk_timer *timer)
{
    struct claim *claim = HK_CONTAINER_OF(timer, struct claim, timer);

    claim->is_wanted = true;
    claim->is_put_off = false;
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
        .cell = options->config->cell,
        .schema = options->config->database_schema,
        .user = "hookline_worker",
        /* The server's timeout is the first: its answer keeps the connection, and says what it was.
         */
        .session_options = HK_DB_HOT_OPTIONS
        " -c enable_sort=off -c synchronous_commit=off -c statement_timeout=8s",
        .name = "hookline-worker claim",
        .schema_version = HOOKLINE_SCHEMA_VERSION,
        .n_connections = 1,
        .max_queued = 3, /* the claim or its load, and what the lanes are told */
        .listen_channels = {"hookline_due", STOP_CHANNEL},
        .on_notified = on_notified,
        .on_listening = on_listening,
        .notified_arg = claim,
    };

    if (claim == NULL)
        abort();
    claim->options = *options;
    claim->is_wanted = claim->lanes_are_wanted = true;
    claim->db = hk_db_new(options->loop, &db_options);
    claim->load = load_new(&(struct load_options){
        .config = options->config,
        .vault = options->vault,
        .db = claim->db,
        .found = options->found,
        .found_arg = options->found_arg,
    });
    return claim;
}

void claim_free(struct claim *claim)
{
    if (claim == NULL)
        return;
    hk_loop_stop_timer(claim->options.loop, &claim->timer);
    hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
    hk_db_free(claim->db);
    load_free(claim->load);
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

void claim_want(struct claim *claim)
{
    claim->is_wanted = true;
    claim->linger_until_ms = hk_mono_ms() + CLAIM_LINGER_MS;
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

/* `n_on_trial` is of lanes only. */
static void submit(struct claim *claim, unsigned n, bool is_of_lanes, unsigned n_on_trial)
{
    claim->asked_ms = hk_mono_ms();
    claim->asked_us = hk_wall_us();
    claim->looks_at_all = !is_of_lanes && claim->asked_ms >= claim->look_again_ms;
    (void)snprintf(claim->from_text, sizeof(claim->from_text), "%lld",
                   claim->looks_at_all ? 0LL : (long long)claim->from_us);
    if (claim->looks_at_all)
        claim->look_again_ms = claim->asked_ms + MAX_LOOK_AGAIN_MS;
    (void)snprintf(claim->limit_text, sizeof(claim->limit_text), "%u", n);
    (void)snprintf(claim->lease_text, sizeof(claim->lease_text), "%d",
                   (int)claim->options.config->worker_lease_ms);
    (void)snprintf(claim->trial_limit_text, sizeof(claim->trial_limit_text), "%u", n_on_trial);
    claim->query = (struct hk_db_query){
        .stmt = is_of_lanes ? &stmt_lane_claim : &stmt_message_claim,
        .params = {hk_str(claim->limit_text), hk_str(claim->lease_text),
                   hk_str(is_of_lanes ? claim->trial_limit_text : claim->from_text)},
        .wants_binary_result = true,
        .done = on_claimed,
        .timeout_ms = 10000,
    };
    claim->is_of_lanes = is_of_lanes;
    claim->n_asked = claim->n_under_way = n;
    if (is_of_lanes) {
        claim->lanes_are_wanted = false;
        hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
    } else {
        claim->is_wanted = claim->is_put_off = false;
        claim->claimed_ms = claim->asked_ms;
        hk_loop_stop_timer(claim->options.loop, &claim->timer);
    }
    if (hk_db_submit(claim->db, &claim->query) != HK_OK)
        note_failure(claim, HK_BUSY);
}

/* The more there is, the longer it is gathered; what is known to wait has been gathered. */
static bool is_too_soon(struct claim *claim, unsigned apart_ms)
{
    int64_t rest_ms = claim->claimed_ms + apart_ms - hk_mono_ms();

    if (claim->wants_more[false] || rest_ms <= 0)
        return false;
    if (!claim->is_put_off)
        claim_again_in(claim, rest_ms);
    claim->is_put_off = true;
    return true;
}

void claim_turn(struct claim *claim, unsigned n_slots, const struct claim_load *load)
{
    struct claim_load of_no_lane = *load;
    unsigned n = 0, n_of_lanes = 0, n_on_trial = 0;

    if (claim->is_stopped || claim_is_under_way(claim))
        return;
    if (claim->lanes_are_wanted)
        of_no_lane.n_ahead = 0; /* or there would be no slot for lanes */
    if (claim->is_wanted && !is_too_soon(claim, load->apart_ms))
        n = claim_size(n_slots, &of_no_lane);
    if (claim->lanes_are_wanted)
        n_of_lanes = claim_lane_size(n_slots, load, &n_on_trial);
    if (n > 0 && (n_of_lanes == 0 || claim->is_of_lanes))
        submit(claim, n, false, 0);
    else if (n_of_lanes > 0)
        submit(claim, n_of_lanes, true, n_on_trial);
}

/*
 * To look at all of it takes a while when there are dead rows that may not be removed yet. 0: the
 * connection was lost meanwhile, and it is to be done again.
 */
static void note_looked(struct claim *claim)
{
    int64_t now_ms = hk_mono_ms(), rest_ms = (now_ms - claim->asked_ms) * MAX_LOOKING_SHARE;

    if (!claim->looks_at_all || claim->look_again_ms == 0)
        return;
    rest_ms = rest_ms > LOOK_AGAIN_MS ? rest_ms : LOOK_AGAIN_MS;
    claim->look_again_ms = now_ms + (rest_ms < MAX_LOOK_AGAIN_MS ? rest_ms : MAX_LOOK_AGAIN_MS);
}

static void note_failure(struct claim *claim, enum hk_code code)
{
    if (!claim->has_failed)
        hk_log(HK_LOG_WARN, "claim.failed", HK_CELL(claim->options.config->cell),
               HK_CTEXT("code", hk_code_info(code)->slug));
    claim->has_failed = true;
    note_looked(claim); /* it may take too long: what came since can be claimed meanwhile */
    claim->n_under_way = 0;
    claim->wants_more[true] = claim->wants_more[false] = false;
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

    if (hk_db_int(result, 0, COLUMN_N) > 0)
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

    claim->took_us = hk_wall_us() - claim->asked_us;
    if (result->code != HK_OK) {
        note_failure(claim, result->code);
        return;
    }
    if (claim->has_failed)
        hk_log(HK_LOG_INFO, "claim.recovered", HK_CELL(claim->options.config->cell));
    claim->has_failed = false;

    for (unsigned row = 0; row < result->n_rows; row++) {
        if (hk_db_value(result, row, COLUMN_MESSAGE_ID).p == NULL)
            continue;
        n_messages++;
        load_add(claim->load,
                 &(struct claimed){
                     .tenant_id = hk_db_id(result, row, COLUMN_TENANT_ID),
                     .subscription_id = hk_db_id(result, row, COLUMN_SUBSCRIPTION_ID),
                     .message_id = hk_db_id(result, row, COLUMN_MESSAGE_ID),
                     .fence = (int32_t)hk_db_int(result, row, COLUMN_FENCE),
                     .attempts = (unsigned)hk_db_int(result, row, COLUMN_ATTEMPTS),
                     .schedule_from = (unsigned)hk_db_int(result, row, COLUMN_SCHEDULE_FROM),
                     .is_on_trial = hk_db_int(result, row, COLUMN_IS_ON_TRIAL) != 0,
                 });
    }
    claim->n_under_way = n_messages;
    claim->wants_more[claim->is_of_lanes] = n_messages == claim->n_asked;
    if (n_messages > 0)
        load_begin(claim->load, claim->is_of_lanes,
                   claim->asked_ms + claim->options.config->worker_lease_ms);
    if (claim->is_of_lanes) {
        find_next_lane(claim, result);
    } else {
        note_looked(claim);
        claim->from_us = hk_db_int(result, 0, COLUMN_LOOKED_UNTIL_US);
        find_next(claim, n_messages, hk_db_int(result, 0, COLUMN_N) > 0);
    }
}

void claim_stop(struct claim *claim)
{
    claim->is_stopped = true;
    hk_loop_stop_timer(claim->options.loop, &claim->timer);
    hk_loop_stop_timer(claim->options.loop, &claim->lane_timer);
}

bool claim_is_under_way(const struct claim *claim)
{
    return claim->query.slot != NULL || load_is_under_way(claim->load);
}

unsigned claim_n_under_way(const struct claim *claim)
{
    return claim_is_under_way(claim) ? claim->n_under_way : 0;
}

int64_t claim_took_us(const struct claim *claim)
{
    return claim->took_us;
}

bool claim_wants_more(const struct claim *claim)
{
    return !claim->is_stopped && (claim->wants_more[true] || claim->wants_more[false]);
}
