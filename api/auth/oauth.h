/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/oauth.h - tokens for OAuth clients: POST /oauth/token (client credentials, RFC
 * 6749, 4.4), and what tells others about it: the signing keys (RFC 7517) and the metadata (RFC
 * 8414).
 */
#ifndef API_OAUTH_H
#define API_OAUTH_H

#include "api/http/route.h"

extern const struct route oauth_routes[];
extern const struct route well_known_routes[];

#endif
