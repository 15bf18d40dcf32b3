/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/replica.h - the read replica of a cell, as one thread sees it: its connections, how far
 * it is behind, and the calls that it answers in the primary's place (reads_log in route.h).
 *
 * It is asked while it is up and at most HOOKLINE_API_MAX_REPLICA_LAG_MS behind. What it cannot
 * answer the primary is asked, once: it has gone away, recovery has cancelled the query, or it
 * finds a fault with the request, as with the id of what it has not heard of yet. Each change is
 * logged: "replica.joined", "replica.left".
 */
#ifndef API_REPLICA_H
#define API_REPLICA_H

#include "api/http/call.h"

struct api_cell;
struct hk_buf;
struct replica;

/* NULL when the cell has none. Its thread and its database are there. */
struct replica *replica_new(struct api_cell *cell);
void replica_free(struct replica *replica); /* after the cell's database */

/* Adds {"state": "serves", "behind_ms": 12}, as the thread sees it, or null when there is none. */
void replica_describe(const struct replica *replica, struct hk_buf *buf);

/*
 * Submits the call's query, whose parameters are bound: to the replica of the call's cell when it
 * may answer it, else to the primary. As hk_db_submit().
 */
HK_NODISCARD enum hk_code replica_submit(struct call *call);

/*
 * For done() of that query: true when the primary is being asked now, and `result` does not count.
 */
bool replica_asks_primary(struct call *call, const struct hk_db_result *result);

/* Slow queries of the call's tenant that wait or run there: see hk_db_n_slow(). */
unsigned replica_n_slow(const struct call *call);

#endif
