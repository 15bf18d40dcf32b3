/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/limits/limit.h - how much a caller and its tenant may ask for (docs/adr: limits). A thread
 * leases slices of buckets that are rows of the database, so that any number of threads and
 * processes keep one limit together; who has no limit pays nothing.
 *
 *     limit_stage -> take the caller's, take the tenant's -> (lease [wait]) -> headers, or 429
 */
#ifndef API_LIMIT_H
#define API_LIMIT_H

#include "api/http/call.h"
#include "api/limits/bucket.h"
#include "hk/config.h"

struct limits; /* of a cell, a thread's; opaque */

struct limits *limits_new(struct api_cell *cell);
void limits_free(struct limits *limits);

/*
 * Counts the request against the limits of call->caller. Beyond them: 429 `rate_limited`. When the
 * database does not answer, publishing goes on uncounted, and all else, which would need the
 * database anyway, fails.
 */
stage_fn limit_stage;

/* The caller's own limit alone, without header fields: limit_stage() goes on behind it. */
stage_fn limit_take_own;

/* For a handler that finds out by itself whose limits count: limit_stage() counts from here on. */
void limit_begin(struct call *call);

/*
 * Counts n events against the quota of the tenant's day: STAGE_NEXT. Or replies 429
 * `events_exceeded` to all of them; or waits, and the stage of the call runs again. While the
 * database does not answer nothing is counted.
 */
enum stage_result limit_take_events(struct call *call, int64_t n);

/* Forgets that the call waits for a lease; for call_dispose(). */
void limit_abandon(struct call *call);

/*
 * For authenticate_*.c: sets the caller's limits from five columns of a statement's row, from
 * `column` on: requests_per_second and requests_burst of the caller (NULL, NULL where it has none
 * of its own), those of its tenant, and the tenant's quota of events a day. NULL is the default of
 * the settings. Operators have none; the role must be set already.
 */
void limit_set_caller(struct caller *caller, const struct hk_config *config,
                      const struct hk_db_result *result, unsigned row, unsigned column);

#endif
