/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/token_fetch.h - one access token (OAuth 2.0 client credentials), asked for now and
 * kept by nobody: a test is to find out how the token endpoint answers, not how it did.
 */
#ifndef API_TOKEN_FETCH_H
#define API_TOKEN_FETCH_H

#include "hk/access_token.h"
#include "hk/outcome.h"

struct hk_http;

/* What it is asked for with; borrowed during the call, but for the networks. */
struct token_order {
    struct hk_str url, client_id, client_secret, scope;
    bool allows_http;
    struct hk_str allowed_networks; /* until the fetch is done */
};

struct token_fetch;
typedef void token_fetched_fn(struct token_fetch *fetch);

/* Zero-initialised it has fetched nothing. It must not move while a request is under way. */
struct token_fetch {
    struct hk_http *http;
    struct hk_request *request; /* under way, or NULL */
    token_fetched_fn *done;
    const char *url; /* as it was ordered */
    struct hk_buf body;
    struct hk_buf client_secret; /* to be masked in what is answered */

    struct hk_access_token token; /* .n == 0: there is none */
    const char *fault;            /* why not: static words */
    struct hk_buf described;      /* the whole exchange as JSON, without what is secret */
};

/*
 * `url` (of the order, NUL-terminated) must live as long as the fetch. Never calls done() before it
 * returns; false, with the fault, when no request can be made: then done() is not called at all.
 */
HK_NODISCARD bool token_fetch_begin(struct token_fetch *fetch, struct hk_http *http,
                                    const struct token_order *order, token_fetched_fn *done);

/* Gives up what is under way, and wipes what is secret. */
void token_fetch_done(struct token_fetch *fetch);

#endif
