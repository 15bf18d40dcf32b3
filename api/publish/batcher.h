/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/batcher.h - what comes in one by one and is stored many at a time: gathers what waits
 * while a batch is in flight, and stores it in one statement. For what is published (ingest.c) and
 * what flows receive (inbound.c), which take turns on the same connections.
 *
 *     batcher_add -> (queue) -> batcher_flush, once per turn of the loop: an idle connection takes
 *     what waits -> committed -> stored() or failed() of each item
 *
 * A batch that fails for its data is tried again item by item, so that a bad one never fails its
 * neighbours.
 */
#ifndef API_BATCHER_H
#define API_BATCHER_H

#include "api/publish/batch_rows.h"
#include "hk/err.h"

struct api_cell;
struct batcher; /* opaque; one per cell of a thread */

/* Embedded in what is to be stored, which has to stay where it is until it is stored or failed. */
struct batch_item {
    struct batch_item *next; /* private */
    bool is_solo;            /* failed together with others: it comes a second time, alone */
};

/* What one of the users of a batcher wants to be done with its items. */
struct batch_kind {
    const struct batch_shape *shape;
    bool notifies; /* what it stores is work for the workers */
    /* Adds the item's row, and counts it. */
    void (*add)(struct batch_item *item, struct batch_rows *rows);
    /* The batch is committed; the item's row is `row`. The item may be freed, as below. */
    void (*stored)(struct batch_item *item, const struct hk_db_result *result, unsigned row);
    /* `is_refused`: the database refuses this item, for what is in it; else it is not to be had. */
    void (*failed)(struct batch_item *item, enum hk_code code, bool is_refused);
};

/* `kinds` ends with a NULL; borrows it. */
struct batcher *batcher_new(struct api_cell *cell, const struct batch_kind *const *kinds);
void batcher_free(struct batcher *batcher);

/* Puts the item in the queue of its kind. */
void batcher_add(struct batcher *batcher, const struct batch_kind *kind, struct batch_item *item);

/* Sends what waits, when a connection is idle; fails it when the database is away. */
void batcher_flush(struct batcher *batcher);

/* Whether the database can be reached. */
bool batcher_is_up(const struct batcher *batcher);

/*
 * Whether more may be taken in now: HK_OK; HK_DB_UNAVAILABLE; or HK_QUEUE_TOO_OLD while delivery
 * lags behind by more than api_max_queue_age_ms.
 */
HK_NODISCARD enum hk_code batcher_refusal(const struct batcher *batcher);

/* The connections, of the role hookline_ingest, and how many they are. */
struct hk_db *batcher_db(struct batcher *batcher);
unsigned batcher_n_connections(const struct batcher *batcher);

#endif
