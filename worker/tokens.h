/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/tokens.h - access tokens for subscriptions with OAuth 2.0 client credentials: one for each
 * subscription, kept until shortly before it ends. However many attempts want one, one request
 * asks.
 */
#ifndef WORKER_TOKENS_H
#define WORKER_TOKENS_H

#include "hk/id.h"
#include "hk/request.h"
#include "hk/wait_list.h"

struct tokens; /* opaque */
struct token_entry;
struct hk_http;

/* What a token is asked for with; borrowed during the call. */
struct token_order {
    struct hk_id subscription_id;
    struct hk_str token_url, client_id, client_secret, scope;
    struct hk_egress egress; /* its networks are the token endpoint's too; not its certificate */
};

enum token_state {
    TOKEN_READY,
    TOKEN_WAIT,   /* wait->ready is called, never before tokens_get() has returned */
    TOKEN_FAILED, /* now, and for half a second */
};

/* Borrows `http`, which must be freed before: no answer comes then. */
struct tokens *tokens_new(struct hk_http *http);
void tokens_free(struct tokens *tokens);

struct token {
    struct hk_str text; /* with TOKEN_READY; valid until the next call */
    uint64_t number;    /* the same as long as the text is; not 0 */
    const char *fault;  /* with TOKEN_FAILED; static words */
};

/* An order that has changed since the last one of its subscription is asked for anew. */
enum token_state tokens_get(struct tokens *tokens, const struct token_order *order,
                            struct hk_wait *wait, struct token *ret);

/* The receiver refused the token of that number: one is asked for anew, if it was not already. */
void tokens_forget(struct tokens *tokens, const struct hk_id *subscription_id, uint64_t number);

#endif
