/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/webhook_plan.h - the request that a worker would send, out of the answer of a
 * statement that says what it is made of (test_message.sql, preview.sql): for tests, which send it,
 * and previews, which show it. Built by lib/envelope.c and lib/request.c, as a worker's is.
 */
#ifndef API_WEBHOOK_PLAN_H
#define API_WEBHOOK_PLAN_H

#include "hk/buf.h"
#include "hk/db.h"
#include "hk/id.h"
#include "hk/request.h"

struct call;

/* The columns of such a statement, in text. The first two stand alone when the code is not ''. */
enum {
    PLAN_CODE,
    PLAN_ERRORS,
    PLAN_PROFILE,
    PLAN_ENVELOPE,
    PLAN_SIGNATURE,
    PLAN_RESPONSES,
    PLAN_TIMEOUT_MS,
    PLAN_BASE_URL,
    PLAN_SUBSCRIPTION_ID, /* NULL: it goes to a URL that nobody has subscribed */
    PLAN_URL,
    PLAN_HEADERS, /* this and the secrets below as they are stored: hk/stored_secrets.h */
    PLAN_SECRET_OF,
    PLAN_SECRETS,
    PLAN_USERNAME,
    PLAN_PASSWORD,
    PLAN_TOKEN_URL, /* of OAuth 2.0: user name and password are the client's; NULL: none */
    PLAN_SCOPE,
    PLAN_CLIENT_CERTIFICATE,
    PLAN_CLIENT_KEY,
    PLAN_ALLOWS_HTTP, /* of the tenant, as the networks are: struct hk_egress */
    PLAN_ALLOWED_NETWORKS,
    PLAN_WEBHOOK_ORIGIN,
    PLAN_EVENT_TYPE,
    PLAN_PAYLOAD,
    /* Of a preview; a test has new ids and no more. */
    PLAN_EVENT_ID,
    PLAN_MESSAGE_ID,
    PLAN_COMPANY,
    PLAN_OCCURRED_AT,
    PLAN_CUSTOM_VALUES,
    PLAN_TRACEPARENT,
    PLAN_ORIGIN,
    PLAN_ILLUSTRATIVE,
    N_PLAN_COLUMNS
};

/* A row of the answer, and what is not in it. */
struct webhook_plan {
    const struct hk_db_result *result;
    unsigned row;
    const struct hk_str *kept; /* the row's values instead: webhook_plan_keep(); or NULL */
    bool is_preview;           /* it has the columns from PLAN_EVENT_ID on */

    /* Of a URL that nobody has subscribed. .p NULL: none. */
    struct hk_str secret, username, password, bearer_token;
    struct hk_str access_token; /* that was asked for; .p NULL: something stands in its place */
    /* Signed with new secrets of the same kinds: for what the stored ones must not vouch for. */
    bool signs_with_stand_ins;
};

struct webhook {
    struct hk_str event_type, company; /* borrowed from the answer */
    char event_id[HK_ID_TEXT_SIZE], message_id[HK_ID_TEXT_SIZE];
    struct hk_buf body; /* the request borrows it */
};

/* The row lives as long as the call from here on. */
void webhook_plan_keep(struct call *call, struct webhook_plan *plan);

struct hk_str webhook_plan_value(const struct webhook_plan *plan, unsigned column);

/* Appends what is stored for its client certificate and its OAuth 2.0 client, in clear; nothing
 * when there is none. False: it does not open. */
HK_NODISCARD bool webhook_open_client_key(struct call *call, const struct webhook_plan *plan,
                                          struct hk_buf *ret);
HK_NODISCARD bool webhook_open_client_secret(struct call *call, const struct webhook_plan *plan,
                                             struct hk_buf *ret);

void webhook_done(struct webhook *webhook);

/*
 * Fills both, `request` with a URL of the call's pool. Call webhook_done() in any case. False with
 * static words when no request can be made of it; the ids and the event type are set even so.
 */
HK_NODISCARD bool webhook_build(struct call *call, const struct webhook_plan *plan,
                                struct webhook *ret, struct hk_request *request,
                                const char **reterr);

#endif
