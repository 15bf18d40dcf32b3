/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/ingest_keyed.h - publishing with an Idempotency-Key: a transaction of its own, not
 * gathered with others. Few run at a time, so that the others always find a connection.
 */
#ifndef API_INGEST_KEYED_H
#define API_INGEST_KEYED_H

#include "api/publish/ingest_request.h"
#include "hk/err.h"

struct hk_db;
struct keyed; /* private */

/* A thread's; those that wait, in order, and those whose transaction has begun. */
struct ingest_keyed {
    struct hk_db *db; /* role hookline_ingest */
    struct keyed *head, **tail;
    struct keyed *running;
    unsigned max_running;
};

void ingest_keyed_init(struct ingest_keyed *all, struct hk_db *db, unsigned n_connections);

/* The request has an event to store. */
void ingest_keyed_add(struct ingest_keyed *all, struct ingest_request *request);

/* Starts those that may run; whether there was one, which may have been replied to at once. */
bool ingest_keyed_flush(struct ingest_keyed *all);

/* Fails those that wait. */
void ingest_keyed_fail(struct ingest_keyed *all, enum hk_code code);

#endif
