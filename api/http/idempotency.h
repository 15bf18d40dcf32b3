/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/idempotency.h - a POST with an Idempotency-Key: what it makes and the reply that tells
 * of it are stored in one transaction, and whoever repeats the request gets that reply.
 *
 *     claim [wait] -> the call's own statements [wait] -> reply kept, commit [wait] -> reply sent
 *                  -> or the reply that is kept, or 409, or 422
 *
 * A refusal (4xx) is not kept: the transaction is rolled back, and the key is free again.
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "api/http/call.h"

/* The key is the call's: sends its statement with idempotency_continue(). */
typedef void idempotency_claimed_fn(struct call *call);

/* Whether the call is a POST with the header, to a route that knows it: not where passwords are
 * given. */
bool idempotency_is_asked(const struct call *call);

/* Claims the key in a new transaction on `db`, with call->query; waits, or has replied. */
enum stage_result idempotency_begin(struct call *call, struct hk_db *db,
                                    idempotency_claimed_fn *on_claimed);

/*
 * In done() of a query of the transaction, as long as `result` lives: what follows may continue the
 * transaction or reply. No-op for a call without a key.
 */
void idempotency_offer(struct call *call, const struct hk_db_result *result);

/* Sends call->query as the transaction's next statement; its done() is followed by another one. */
void idempotency_continue(struct call *call);

/*
 * For reply.c: keeps the reply, commits, and sends it then; false when the call has no key, or its
 * reply has been kept.
 */
HK_NODISCARD bool idempotency_keep(struct call *call, int status, const char *media_type,
                                   struct hk_str body);

#endif
