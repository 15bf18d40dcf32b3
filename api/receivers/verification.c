/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verification.c - in the order in which it runs:
 *
 *     verification_stage, or verification_on_ok -> begin (after the commit)
 *         -> plan [wait] -> on_planned -> ask [wait] -> on_outcome -> record [wait] -> on_recorded
 *
 * A verification belongs to its thread. A call that waits for it may go; then it goes on alone.
 */
#include "api/receivers/verification.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cells/tenant_cell.h"
#include "api/http/bind.h"
#include "api/http/server.h"
#include "api/receivers/handshake.h"
#include "api/receivers/verification.sql.h"
#include "hk/certificate.h"
#include "hk/encode.h"
#include "hk/http.h"
#include "hk/log.h"
#include "hk/stored_secrets.h"

/* The columns of the plan. */
enum {
    PLAN_CODE,
    PLAN_ERRORS,
    PLAN_SUBSCRIPTION_ID,
    PLAN_VERIFICATION,
    PLAN_URL,
    PLAN_TOPIC,
    PLAN_RATE_PER_MINUTE,
    PLAN_ALLOWS_HTTP,
    PLAN_ALLOWED_NETWORKS,
    PLAN_CLIENT_CERTIFICATE,
    PLAN_CLIENT_KEY,
};

struct verification {
    struct api_thread *thread;
    struct api_cell *cell;
    struct verification *previous, *next; /* the thread's */
    struct call *call;                    /* waits for the answer; or NULL */

    char tenant_id[HK_ID_TEXT_SIZE], request_id[HK_ID_TEXT_SIZE];
    char actor[sizeof(((struct caller *)0)->actor)];
    struct hk_db_context context;
    struct hk_db_query query;
    char id[HK_ID_TEXT_SIZE]; /* of the subscription; before the plan, perhaps of its app */
    char *name, *url, *topic, *origin, *allowed_networks;
    char *client_certificate;
    struct hk_buf client_key; /* PEM, in clear */
    bool allows_http;
    struct handshake handshake;
    struct hk_request *request; /* under way, or NULL */
    char words[HANDSHAKE_WORDS_SIZE], granted[12];
};

static hk_db_done_fn on_planned;
static hk_http_done_fn on_outcome;
static hk_db_done_fn on_recorded;

static struct verification *verification_new(struct call *call, struct hk_str id)
{
    struct api_thread *thread = call->thread;
    struct verification *own = calloc(1, sizeof(*own));

    if (own == NULL)
        abort();
    own->thread = thread;
    own->cell = call->cell;
    (void)snprintf(own->tenant_id, sizeof(own->tenant_id), "%s", call->tenant_id);
    (void)snprintf(own->request_id, sizeof(own->request_id), "%s", call->request_id);
    (void)snprintf(own->actor, sizeof(own->actor), "%s", call->caller.actor);
    (void)snprintf(own->id, sizeof(own->id), "%.*s", (int)id.n, id.p);
    own->context = (struct hk_db_context){
        .tenant_id = hk_str(own->tenant_id),
        .actor = hk_str(own->actor),
        .request_id = hk_str(own->request_id),
    };
    own->next = thread->verifications;
    if (own->next != NULL)
        own->next->previous = own;
    thread->verifications = own;
    thread->n_verifications++;
    return own;
}

static void verification_free(struct verification *own)
{
    struct api_thread *thread = own->thread;

    if (own->call != NULL)
        own->call->abandon = NULL;
    hk_db_abandon(&own->query);
    if (own->request != NULL)
        hk_http_abandon(thread->http, own->request);
    if (own->previous == NULL)
        thread->verifications = own->next;
    else
        own->previous->next = own->next;
    if (own->next != NULL)
        own->next->previous = own->previous;
    thread->n_verifications--;
    handshake_done(&own->handshake);
    free(own->name);
    free(own->url);
    free(own->topic);
    free(own->origin);
    free(own->allowed_networks);
    free(own->client_certificate);
    if (own->client_key.p != NULL)
        explicit_bzero(own->client_key.p, own->client_key.capacity);
    hk_buf_done(&own->client_key);
    free(own);
}

void verification_free_all(struct api_thread *thread)
{
    struct verification *next;

    for (struct verification *own = thread->verifications; own != NULL; own = next) {
        next = own->next;
        verification_free(own);
    }
}

/* Last: both may be gone afterwards. */
static void end(struct verification *own, enum hk_code code, struct hk_str body)
{
    struct call *call = own->call;

    if (call == NULL) {
        verification_free(own);
        return;
    }
    call->abandon = NULL;
    own->call = NULL;
    if (code == HK_OK)
        call_reply(call, call->match.route->ok_status, body);
    else
        call_fail_code(call, code, body);
    verification_free(own);
}

/* ---- beginning ---- */

static enum hk_code submit(struct verification *own, struct hk_db_query query)
{
    own->query = query;
    own->query.context = &own->context;
    own->query.timeout_ms = (unsigned)own->thread->config->api_query_timeout_ms;
    return hk_db_submit(own->cell->db, &own->query);
}

/* call->abandon */
static void leave(struct call *call)
{
    struct verification *own = call->state;

    own->call = NULL;
    if (own->url == NULL) /* the plan's parameters are the call's */
        verification_free(own);
}

enum stage_result verification_stage(struct call *call)
{
    struct hk_error error = {0};
    struct verification *own;
    struct hk_db_query query = {.stmt = call->match.route->stmt, .done = on_planned};

    call_set_param(call, "=is_asked", HK_STR("true"));
    if (call->thread->n_verifications >= VERIFICATION_MAX)
        return call_stage_fail(call, HK_BUSY);
    if (bind_params(call, &error) != HK_OK) {
        call_fail(call, &error);
        return STAGE_REPLIED;
    }
    own = verification_new(call, HK_STR(""));
    memcpy(query.params, call->query.params, sizeof(query.params));
    if (submit(own, query) != HK_OK) {
        verification_free(own);
        return call_stage_fail(call, HK_BUSY);
    }
    own->call = call;
    call->state = own;
    call->abandon = leave;
    return STAGE_WAIT;
}

/* call->after_commit. What was made has its id in the reply, also an app with a subscription in it;
 * what was changed, in the path. */
static void begin(struct call *call)
{
    struct hk_str id = call->reply_key.p != NULL ? call->reply_key : call->match.params[0].value;
    struct verification *own;

    if (call->thread->n_verifications >= VERIFICATION_MAX) {
        hk_log(HK_LOG_WARN, "verification.skipped", HK_CTEXT("request_id", call->request_id));
        return;
    }
    own = verification_new(call, id);
    if (submit(own, (struct hk_db_query){
                        .stmt = &stmt_verification_plan,
                        .params = {hk_str(own->tenant_id), HK_STR_NULL, hk_str(own->id),
                                   HK_STR("false")},
                        .done = on_planned,
                    }) != HK_OK)
        verification_free(own);
}

void verification_on_ok(struct call *call)
{
    static const char pending[] = "\"pending\"";

    if (memmem(call->reply_body.p, call->reply_body.n, pending, sizeof(pending) - 1) == NULL)
        return;
    call->after_commit = begin;
}

/* ---- asking ---- */

static char *copy(struct hk_str s)
{
    char *text = strndup(s.p == NULL ? "" : s.p, s.n);

    if (text == NULL)
        abort();
    return text;
}

static unsigned read_number(struct hk_str text)
{
    return text.p == NULL ? 0 : (unsigned)strtoul(text.p, NULL, 10);
}

/* What a receiver that asks for a certificate would not even answer without. */
static bool open_client_key(struct verification *own, const struct hk_db_result *plan)
{
    struct hk_str stored = hk_db_value(plan, 0, PLAN_CLIENT_KEY);

    hk_buf_init(&own->client_key, HK_CERTIFICATE_KEY_MAX_BYTES);
    return stored.p == NULL || hk_stored_client_key_open(own->thread->vault, hk_str(own->tenant_id),
                                                         hk_str(own->id), stored, &own->client_key);
}

static void read_plan(struct verification *own, const struct hk_db_result *plan)
{
    const struct hk_config *config = own->thread->config;
    uint8_t random[(HANDSHAKE_CHALLENGE_SIZE - 1) / 2];

    (void)snprintf(own->id, sizeof(own->id), "%s", hk_db_value(plan, 0, PLAN_SUBSCRIPTION_ID).p);
    own->name = copy(hk_db_value(plan, 0, PLAN_VERIFICATION));
    own->url = copy(hk_db_value(plan, 0, PLAN_URL));
    own->topic = copy(hk_db_value(plan, 0, PLAN_TOPIC));
    own->allowed_networks = copy(hk_db_value(plan, 0, PLAN_ALLOWED_NETWORKS));
    own->client_certificate = copy(hk_db_value(plan, 0, PLAN_CLIENT_CERTIFICATE));
    own->allows_http = hk_str_eq(hk_db_value(plan, 0, PLAN_ALLOWS_HTTP), HK_STR("t"));
    own->origin = copy(handshake_origin(config->api_origin, config->api_issuer));
    own->handshake = (struct handshake){
        .url = own->url,
        .topic = own->topic,
        .origin = own->origin,
        .rate_per_minute = read_number(hk_db_value(plan, 0, PLAN_RATE_PER_MINUTE)),
    };
    hk_random(random, sizeof(random));
    hk_hex_encode(random, sizeof(random), own->handshake.challenge);
}

static void record(struct verification *own, bool has_agreed, unsigned granted)
{
    bool has_origin = has_agreed && own->handshake.kind == HANDSHAKE_CLOUDEVENTS_OPTIONS;

    (void)snprintf(own->granted, sizeof(own->granted), "%u", granted);
    if (submit(own, (struct hk_db_query){
                        .stmt = &stmt_verification_record,
                        .params = {hk_str(own->tenant_id), hk_str(own->id), hk_str(own->url),
                                   hk_str(own->name), has_agreed ? HK_STR_NULL : hk_str(own->words),
                                   has_origin ? hk_str(own->origin) : HK_STR_NULL,
                                   granted > 0 ? hk_str(own->granted) : HK_STR_NULL},
                        .done = on_recorded,
                    }) != HK_OK)
        end(own, HK_BUSY, HK_STR_NULL);
}

static void on_planned(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct verification *own = HK_CONTAINER_OF(query, struct verification, query);
    struct hk_str code = result->code == HK_OK ? hk_db_value(result, 0, PLAN_CODE) : HK_STR_NULL;
    const char *error = "The verification is not known here.";
    struct hk_http *http;
    bool is_open;

    if (result->code != HK_OK) {
        end(own, result->code, HK_STR_NULL);
        return;
    }
    if (code.n > 0) {
        end(own, hk_code_from_slug(code), hk_db_value(result, 0, PLAN_ERRORS));
        return;
    }
    read_plan(own, result);
    is_open = open_client_key(own, result);
    if (!is_open)
        error = "The client certificate's key does not open.";
    http = server_http(own->thread);
    own->request = hk_http_take(http);
    if (is_open && handshake_kind_from_name(hk_str(own->name), &own->handshake.kind) &&
        handshake_build(&own->handshake, own->request, &error)) {
        own->request->egress = (struct hk_egress){
            .allows_http = own->allows_http,
            .allowed_networks = hk_str(own->allowed_networks),
            .certificate = hk_str(own->client_certificate),
            .private_key = hk_buf_str(&own->client_key),
        };
        if (own->call != NULL)
            tenant_cell_stay(own->call); /* the receiver will have seen it */
        hk_http_send(http, own->request, on_outcome, own);
        return;
    }
    hk_http_give_back(http, own->request);
    own->request = NULL;
    (void)snprintf(own->words, sizeof(own->words), "%s", error);
    record(own, false, 0);
}

static void on_outcome(void *done_arg, const struct hk_outcome *outcome)
{
    struct verification *own = done_arg;
    unsigned granted = 0;
    bool has_agreed = handshake_judge(&own->handshake, outcome, &granted, own->words);

    own->request = NULL; /* the client takes it back itself */
    record(own, has_agreed, granted);
}

static void on_recorded(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct verification *own = HK_CONTAINER_OF(query, struct verification, query);
    struct hk_str code;

    if (result->code != HK_OK) {
        end(own, result->code, HK_STR_NULL);
        return;
    }
    code = hk_db_value(result, 0, 0);
    end(own, code.n == 0 ? HK_OK : hk_code_from_slug(code), hk_db_value(result, 0, 1));
}
