/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/live/tail_feed.h - what live tails read: a feed is one query of one tenant (and partner),
 * read once for all of its listeners, up to the horizon: the moment before which every transaction
 * has ended, so that nothing can come to light behind a place that has been read.
 *
 *     tick -> ask who runs [wait] -> on_settled: the horizon -> read each feed [wait] -> on_page
 *
 * A listener that goes on from an earlier place has a feed of its own until that has caught up.
 */
#ifndef API_TAIL_FEED_H
#define API_TAIL_FEED_H

#include "hk/db.h"
#include "hk/loop.h"

struct api_cell;
struct feed;
struct feeds; /* of a cell, a thread's; opaque */

/* Between two rows: `us` is recorded_at; {us, "000...", 0} is before all that came then. */
#define FEED_PLACE_SIZE 96
struct feed_place {
    int64_t us;
    char message_id[HK_ID_TEXT_SIZE];
    int attempt_no; /* 0: the message itself */
};

/* "<us>.<message>.<attempt_no>", what tail_cursor() in SQL writes. */
void feed_place_write(const struct feed_place *place, char ret[FEED_PLACE_SIZE]);
HK_NODISCARD bool feed_place_parse(struct hk_str text, struct feed_place *ret);
/* Before all that came at that moment, in microseconds. */
struct feed_place feed_start_at(int64_t us);

/* Embedded in who listens. */
struct feed_listener {
    /* Text of server-sent events, how many are in it, and how many that match are not. Borrowed. */
    void (*on_lines)(struct feed_listener *listener, struct hk_str lines, unsigned n_lines,
                     uint64_t n_dropped);
    /* Rows are missing, nobody knows how many: the feed could not keep up. With `ends` it will not
     * try again: to be left. */
    void (*on_gap)(struct feed_listener *listener, bool ends);
    /* The tenant is not in this cell any more: to be left. */
    void (*on_away)(struct feed_listener *listener);
    /* Whether it has room: a feed that goes on from an earlier place waits until it has. */
    bool (*has_room)(struct feed_listener *listener);
    struct feed *feed; /* NULL: listens to none */
    struct feed_listener *next;
};

struct feed_query {
    const char *tenant_id;
    const char *partner;  /* "": all */
    struct hk_str filter; /* canonical JSON */
};

struct feeds *feeds_new(struct api_cell *cell);
void feeds_free(struct feeds *feeds);

/* Settles and reads, unless that is under way; to be called every FEED_TICK_MS. */
enum { FEED_TICK_MS = 500 };
void feeds_tick(struct feeds *feeds);

/*
 * Listens from `place` on. Without `resumes`, to the feed that others listen to already, if there
 * is one, from where that is. Copies the query.
 */
void feed_join(struct feeds *feeds, const struct feed_query *query, const struct feed_place *place,
               bool resumes, struct feed_listener *listener);
void feed_leave(struct feed_listener *listener);

/* Up to where all has been read. */
const struct feed_place *feed_place(const struct feed *feed);

#endif
