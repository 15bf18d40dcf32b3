/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/reply.h - what goes back: JSON, lists with their cursor, problems; and the headers of
 * all. */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "hk/base.h"

struct call;

/* The statement's row as a list: {"data": ..., "next_cursor": ...} and a Link header (RFC 8288). */
void reply_list(struct call *call);

/* The statement's row as an object, with Location where the route has one and the row a key. */
void reply_object(struct call *call, int status);

/* Sends at once, and keeps nothing for an Idempotency-Key: see call_reply() for all the rest. */
void reply_send(struct call *call, int status, const char *media_type, struct hk_str body);

/* `name` is a lower-case constant; copies `value`, which has no control characters. */
void reply_add_header(struct call *call, const char *name, struct hk_str value);

/*
 * From now on the client has so long to take `n` bytes; then its connection is ended. h2o has no
 * time limit for writing, and who takes a byte now and then keeps its place for ever.
 */
void reply_start_timer(struct call *call, size_t n);

#endif
