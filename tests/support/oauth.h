/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/oauth.h - OAuth clients and tokens in tests. */
#ifndef SUPPORT_OAUTH_H
#define SUPPORT_OAUTH_H

#include "tests/support/check.h"

struct client {
    const char *id;        /* UUID: of the path */
    const char *client_id; /* "hkc_..." */
    const char *secret;
};

/* `body`: the members of the creation, without braces. */
struct client given_client(struct harness *h, const struct tenant *t, const char *body);

/* POST /oauth/token; `authorization` (or NULL) is the whole header. */
struct reply ask_token(struct harness *h, const char *authorization, const char *form);

/* "Authorization: Basic ...". */
const char *basic(struct harness *h, const char *id, const char *secret);

/* The access token of the client with all its scopes. */
const char *given_token(struct harness *h, const struct client *client);

/* The text of a part of a token: 0 header, 1 claims. */
const char *token_part(struct harness *h, const char *token, int part);

#endif
