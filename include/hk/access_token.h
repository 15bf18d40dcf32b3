/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/access_token.h - OAuth 2.0 client credentials (RFC 6749, 4.4), the client's side: the request
 * to a token endpoint, and what it answered. Pure.
 */
#ifndef HK_ACCESS_TOKEN_H
#define HK_ACCESS_TOKEN_H

#include "hk/buf.h"
#include "hk/outcome.h"
#include "hk/request.h"

#define HK_ACCESS_TOKEN_MAX_BYTES 4096

struct hk_access_token {
    char text[HK_ACCESS_TOKEN_MAX_BYTES + 1];
    size_t n;
    int64_t lifetime_s; /* 300 when the endpoint did not say; at most a day */
};

/*
 * Fills `ret`: a POST with the client's id and secret as Basic credentials, each form-encoded
 * (2.3.1). `body` gets the form, and must live as long as the request; .scope.n == 0: none is asked
 * for. False, with static words, when no request can be made of it.
 */
struct hk_token_parts {
    const char *url; /* borrowed by the request */
    struct hk_str client_id, client_secret, scope;
    unsigned timeout_ms;
};
HK_NODISCARD bool hk_token_request_build(const struct hk_token_parts *parts, struct hk_buf *body,
                                         struct hk_request *ret, const char **reterr);

/* What the endpoint answered. NULL and `ret`, or why there is no token: static words. */
HK_NODISCARD const char *hk_access_token_read(const struct hk_outcome *outcome,
                                              struct hk_access_token *ret);

#endif
