/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/authenticate.h - the stage that finds out who calls. One file for each kind of proof:
 * authenticate_key.c knows API keys, authenticate_token.c access tokens of our own,
 * authenticate_issuer.c those of issuers that a tenant trusts, authenticate_session.c the cookie of
 * who has signed in.
 */
#ifndef API_AUTHENTICATE_H
#define API_AUTHENTICATE_H

#include "api/http/call.h"

/* Sets call->caller and the tenant that the call acts for, or replies 401. Public routes pass. */
stage_fn authenticate_stage;

/*
 * The proofs, tried by authenticate_stage() by the look of the credentials. `proof` is what stands
 * behind "Bearer "; borrowed from the request.
 */
enum stage_result authenticate_key(struct call *call, struct hk_str proof);
enum stage_result authenticate_token(struct call *call, struct hk_str proof);
enum stage_result authenticate_issuer(struct call *call, struct hk_str token);

/* Hookline-Tenant-Id: with it, a token is one of the tenant's issuers. .p NULL: absent. */
struct hk_str authenticate_tenant_header(const struct call *call);

/*
 * For a proof that is good: remembers call->caller by call->key_sha256, and goes on. What it stands
 * on was true at `checked_at_ms` (monotonic): it is believed for so long from there.
 */
void authenticate_succeed(struct call *call, int64_t checked_at_ms);

/* For a token that is not: forgets it; 401. Why, in static words, is for the log alone. */
enum stage_result authenticate_refuse_token(struct call *call, const char *why);
enum stage_result authenticate_session(struct call *call, struct hk_str token);

/*
 * What the database says of a proof: the row (id, role, partner, scopes or NULL, five limits) is
 * the caller, and goes into the cache; its actor is "<kind>:<id>". False: it is not good, because
 * the row is not there or has no id, and has been replied to.
 */
HK_NODISCARD bool authenticate_take_caller(struct call *call, const char *kind,
                                           const struct hk_db_result *result, unsigned row);

/* Keys are looked up in batches: for the cell's batcher. */
extern const struct batch_kind key_find_kind;

/* False when a browser says that a page of another origin sent the request. */
HK_NODISCARD bool authenticate_is_same_origin(const struct call *call);

#endif
