/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/signing_keys.h - the installation's signing keys as a thread knows them: read from the
 * database every few seconds, so that a rotation reaches every process within 5 s. The first keys
 * of all are made by whoever finds none.
 */
#ifndef API_SIGNING_KEYS_H
#define API_SIGNING_KEYS_H

#include "api/auth/own_token.h"
#include "hk/buf.h"
#include "hk/err.h"

struct call;
struct hk_vault;
struct signing_keys; /* opaque, one per thread */

struct signing_keys *signing_keys_new(void);
void signing_keys_free(struct signing_keys *keys);

/* Whether what is known is young enough to be used. */
HK_NODISCARD bool signing_keys_are_fresh(const struct signing_keys *keys, int64_t now_ms);

/* The same; or the home cell, which has the keys, cannot be asked: other cells' tenants go on. */
HK_NODISCARD bool signing_keys_are_usable(const struct call *call);

/* When that was asked, monotonic. */
int64_t signing_keys_read_at_ms(const struct signing_keys *keys);

/*
 * Whether a kid that is not known is worth asking for: at most once in SIGNING_KEYS_RETRY_MS,
 * whatever strangers make up.
 */
enum { SIGNING_KEYS_RETRY_MS = 1000 };
HK_NODISCARD bool signing_keys_may_ask_again(const struct signing_keys *keys, int64_t now_ms);

/* By kid, or NULL. Borrowed until the next read. */
const struct own_key *signing_keys_find(const struct signing_keys *keys, const char *kid);

/* The one that signs; NULL when the keys have never been read. */
const struct own_key *signing_keys_current(const struct signing_keys *keys);

/* Appends the JWK Set (RFC 7517) of all. */
void signing_keys_write_set(const struct signing_keys *keys, struct hk_buf *buf);

/*
 * Reads the keys; then `ready` is called once, with HK_OK or why not. HK_BUSY: it never will be.
 * Uses call->query.
 */
typedef void signing_keys_ready_fn(struct call *call, enum hk_code code);
HK_NODISCARD enum hk_code signing_keys_ask(struct call *call, signing_keys_ready_fn *ready);

/* {"kid", "x", "y", "public_key", "private_key"}: a new pair for a statement; the private key
 * sealed. */
void signing_keys_write_pair(const struct hk_vault *vault, struct hk_buf *buf);

#endif
