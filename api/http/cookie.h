/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/cookie.h - the session cookie, and what tells a request of our own pages from one that
 * another site made a browser send. Pure.
 */
#ifndef API_COOKIE_H
#define API_COOKIE_H

#include "hk/encode.h"
#include "hk/id.h"

/* "hks_<tenant: 22 base62>_<256 random bits: 43 base64url>": it leads to its tenant, as a key does.
 */
#define SESSION_TOKEN_SIZE (4 + 22 + 1 + 43 + 1) /* with the NUL */
#define CSRF_TOKEN_SIZE    (43 + 1)

/* "__Host-": only over TLS (or localhost), only of this host, for all of its paths. */
#define SESSION_COOKIE_NAME "__Host-hookline_session"

/* The cookie of that name in a Cookie header's value; .p is NULL when it is not there. Borrowed. */
struct hk_str cookie_find(struct hk_str header, struct hk_str name);

/* A new token for the tenant. */
void session_token_new(const struct hk_id *tenant_id, char ret[SESSION_TOKEN_SIZE]);

/* Takes the tenant and the SHA-256 from a token. False when it cannot be one. */
HK_NODISCARD bool session_token_parse(struct hk_str token, struct hk_id *ret_tenant_id,
                                      uint8_t ret_sha256[HK_SHA256_SIZE]);

/*
 * What X-CSRF-Token must hold for that session: another site can make a browser send the cookie but
 * cannot read the token from which this is derived.
 */
void csrf_token_of(struct hk_str session_token, char ret[CSRF_TOKEN_SIZE]);

/* In constant time. */
HK_NODISCARD bool csrf_token_is_valid(struct hk_str session_token, struct hk_str given);

/*
 * Whether the browser says that a page of our own origin sent the request. Headers that are absent
 * (.p NULL) say nothing: no browser, or an old one. `origin` is compared by its host and port:
 * which scheme the client used, a proxy that ends TLS knows.
 */
bool origin_is_ours(struct hk_str origin, struct hk_str sec_fetch_site, struct hk_str host);

#endif
