/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live/tail_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/server.h"
#include "api/live/tail.sql.h"
#include "hk/buf.h"
#include "hk/clock.h"
#include "hk/log.h"

enum {
    MAX_RUNNING_BYTES = 1 << 20,
    CATCH_UP_FACTOR = 5, /* so much faster does a feed go that has to catch up */
    SECOND_MS = 1000,
    MAX_TOO_SLOW = 3, /* pages in a row; then it ends */
    MAX_BEHIND_US = 30000000,
    MAX_BEHIND = 10, /* pages in a row that did not come to the horizon from so far behind */
    /* recorded_at is set an instant before the transaction shows: by how much it may be ahead. */
    MARGIN_US = 1000000,
};

struct feed {
    struct feeds *feeds;
    struct feed *next;
    struct feed_listener *listeners;
    char tenant_id[HK_ID_TEXT_SIZE];
    char partner[129];
    char *filter;
    bool is_live; /* has come to the horizon: others may join, and what is too much is dropped */
    struct feed_place place;
    int64_t second_ms; /* when the second began that n_in_second are of */
    unsigned n_in_second;
    unsigned n_too_slow, n_behind;
    struct hk_db_context context;
    struct hk_db_query query;
    struct {
        char from_us[24], from_no[16], until_us[24], limit[16];
    } text;
};

struct feeds {
    struct api_cell *cell;
    struct feed *first;
    struct hk_db_query settle;
    struct hk_buf running; /* who ran at mark_us */
    bool has_mark;
    int64_t mark_us;
    int64_t horizon_us;
};

static hk_db_done_fn on_settled;
static hk_db_done_fn on_page;

/* ---- places --------------------------------------------------------------------------------- */

void feed_place_write(const struct feed_place *place, char ret[FEED_PLACE_SIZE])
{
    (void)snprintf(ret, FEED_PLACE_SIZE, "%" PRId64 ".%s.%d", place->us, place->message_id,
                   place->attempt_no);
}

/* Digits up to `end`; false when there is anything else, or too many. */
static bool parse_number(const char *p, const char *end, int max_digits, int64_t *ret)
{
    *ret = 0;
    if (p == end || end - p > max_digits)
        return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;
        *ret = *ret * 10 + (*p - '0');
    }
    return true;
}

bool feed_place_parse(struct hk_str text, struct feed_place *ret)
{
    const char *end = text.p + text.n, *dot = memchr(text.p, '.', text.n);
    const char *second = dot == NULL ? NULL : memchr(dot + 1, '.', (size_t)(end - dot - 1));
    struct hk_id id;
    int64_t attempt_no;

    if (second == NULL || !parse_number(text.p, dot, 16, &ret->us) ||
        !hk_id_parse((struct hk_str){dot + 1, (size_t)(second - dot - 1)}, &id) ||
        !parse_number(second + 1, end, 9, &attempt_no))
        return false;
    hk_id_format(&id, ret->message_id);
    ret->attempt_no = (int)attempt_no;
    return true;
}

struct feed_place feed_start_at(int64_t us)
{
    return (struct feed_place){.us = us, .message_id = "00000000-0000-0000-0000-000000000000"};
}

static bool is_same_place(const struct feed_place *a, const struct feed_place *b)
{
    return a->us == b->us && a->attempt_no == b->attempt_no &&
           strcmp(a->message_id, b->message_id) == 0;
}

/* ---- feeds ---------------------------------------------------------------------------------- */

struct feeds *feeds_new(struct api_cell *cell)
{
    struct feeds *feeds = calloc(1, sizeof(*feeds));

    if (feeds == NULL)
        abort();
    feeds->cell = cell;
    hk_buf_init(&feeds->running, MAX_RUNNING_BYTES);
    return feeds;
}

static void free_feed(struct feed *feed)
{
    struct feed **link = &feed->feeds->first;

    while (*link != feed)
        link = &(*link)->next;
    *link = feed->next;
    hk_db_abandon(&feed->query);
    free(feed->filter);
    free(feed);
}

void feeds_free(struct feeds *feeds)
{
    if (feeds == NULL)
        return;
    while (feeds->first != NULL)
        free_feed(feeds->first);
    hk_db_abandon(&feeds->settle);
    hk_buf_done(&feeds->running);
    free(feeds);
}

static struct feed *find_live(const struct feeds *feeds, const struct feed_query *query)
{
    for (struct feed *feed = feeds->first; feed != NULL; feed = feed->next) {
        if (feed->is_live && strcmp(feed->tenant_id, query->tenant_id) == 0 &&
            strcmp(feed->partner, query->partner) == 0 &&
            hk_str_eq(hk_str(feed->filter), query->filter))
            return feed;
    }
    return NULL;
}

static struct feed *new_feed(struct feeds *feeds, const struct feed_query *query,
                             const struct feed_place *place, bool is_live)
{
    struct feed *feed = calloc(1, sizeof(*feed));

    if (feed == NULL)
        abort();
    feed->feeds = feeds;
    (void)snprintf(feed->tenant_id, sizeof(feed->tenant_id), "%s", query->tenant_id);
    (void)snprintf(feed->partner, sizeof(feed->partner), "%s", query->partner);
    feed->filter = strndup(query->filter.p, query->filter.n);
    if (feed->filter == NULL)
        abort();
    feed->place = *place;
    feed->is_live = is_live;
    feed->context = (struct hk_db_context){.tenant_id = hk_str(feed->tenant_id)}; /* sees masks */
    if (feeds->first == NULL) { /* what is known of the horizon may be old: begin anew */
        feeds->has_mark = false;
        feeds->horizon_us = 0;
    }
    feed->next = feeds->first;
    feeds->first = feed;
    return feed;
}

static void add_listener(struct feed *feed, struct feed_listener *listener)
{
    listener->feed = feed;
    listener->next = feed->listeners;
    feed->listeners = listener;
}

void feed_join(struct feeds *feeds, const struct feed_query *query, const struct feed_place *place,
               bool resumes, struct feed_listener *listener)
{
    struct feed *feed = resumes ? NULL : find_live(feeds, query);

    add_listener(feed == NULL ? new_feed(feeds, query, place, !resumes) : feed, listener);
}

void feed_leave(struct feed_listener *listener)
{
    struct feed_listener **link;
    struct feed *feed = listener->feed;

    if (feed == NULL)
        return;
    for (link = &feed->listeners; *link != listener;)
        link = &(*link)->next;
    *link = listener->next;
    listener->feed = NULL;
    if (feed->listeners == NULL)
        free_feed(feed);
}

const struct feed_place *feed_place(const struct feed *feed)
{
    return &feed->place;
}

/* ---- the horizon ---------------------------------------------------------------------------- */

/* A full queue is none of its business: the next tick tries again. */
static void submit(struct feeds *feeds, struct hk_db_query *query)
{
    enum hk_code code = hk_db_submit(feeds->cell->db, query);

    (void)code;
}

void feeds_tick(struct feeds *feeds)
{
    if (feeds->first == NULL || feeds->settle.slot != NULL)
        return;
    feeds->settle = (struct hk_db_query){
        .stmt = &stmt_tail_settle,
        .params = {feeds->has_mark ? hk_buf_str(&feeds->running) : HK_STR_NULL},
        .done = on_settled,
        .timeout_ms = (unsigned)feeds->cell->thread->config->api_query_timeout_ms,
    };
    submit(feeds, &feeds->settle);
}

static int64_t number_at(const struct hk_db_result *result, unsigned column)
{
    struct hk_str value = hk_db_value(result, 0, column);

    return value.p == NULL ? 0 : strtoll(value.p, NULL, 10);
}

/* How many rows the feed may show now. */
static unsigned room_of(struct feed *feed)
{
    unsigned max = (unsigned)feed->feeds->cell->thread->config->api_tail_rows_per_second;
    int64_t now_ms = hk_mono_ms();

    if (!feed->is_live)
        max *= CATCH_UP_FACTOR;
    if (now_ms - feed->second_ms >= SECOND_MS) {
        feed->second_ms = now_ms;
        feed->n_in_second = 0;
    }
    return feed->n_in_second >= max ? 0 : max - feed->n_in_second;
}

static bool waits_for_listeners(const struct feed *feed)
{
    for (struct feed_listener *l = feed->listeners; l != NULL; l = l->next) {
        if (!feed->is_live && !l->has_room(l))
            return true;
    }
    return false;
}

static void read_feed(struct feed *feed)
{
    struct feeds *feeds = feed->feeds;
    unsigned room = room_of(feed);

    if (feed->query.slot != NULL || room == 0 || feed->place.us >= feeds->horizon_us ||
        waits_for_listeners(feed))
        return;
    (void)snprintf(feed->text.from_us, sizeof(feed->text.from_us), "%" PRId64, feed->place.us);
    (void)snprintf(feed->text.from_no, sizeof(feed->text.from_no), "%d", feed->place.attempt_no);
    (void)snprintf(feed->text.until_us, sizeof(feed->text.until_us), "%" PRId64, feeds->horizon_us);
    (void)snprintf(feed->text.limit, sizeof(feed->text.limit), "%u", room);
    feed->query = (struct hk_db_query){
        .stmt = &stmt_tail_read,
        .params = {hk_str(feed->tenant_id),
                   feed->partner[0] == '\0' ? HK_STR_NULL : hk_str(feed->partner),
                   hk_str(feed->filter), hk_str(feed->text.from_us), hk_str(feed->place.message_id),
                   hk_str(feed->text.from_no), hk_str(feed->text.until_us),
                   hk_str(feed->text.limit), feed->is_live ? HK_STR("true") : HK_STR("false")},
        .context = &feed->context,
        .done = on_page,
        .timeout_ms = (unsigned)feeds->cell->thread->config->api_query_timeout_ms,
        .is_slow = true,
    };
    submit(feeds, &feed->query);
}

/* What ran at the mark has ended: all that began before it can be seen. A new mark is set. */
static void on_settled(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct feeds *feeds = HK_CONTAINER_OF(query, struct feeds, settle);

    if (result->code != HK_OK || result->n_rows != 1)
        return; /* the next tick asks again */
    if (!feeds->has_mark || number_at(result, 0) == 1) {
        if (feeds->has_mark)
            feeds->horizon_us = feeds->mark_us - MARGIN_US;
        feeds->mark_us = number_at(result, 1);
        hk_buf_clear(&feeds->running);
        hk_buf_add_str(&feeds->running, hk_db_value(result, 0, 2));
        hk_buf_add(&feeds->running, "", 1); /* NUL-terminated, as parameters are */
        feeds->running.n--;
        feeds->has_mark = !feeds->running.is_full;
    }
    for (struct feed *feed = feeds->first; feed != NULL; feed = feed->next)
        read_feed(feed);
}

/* ---- a page --------------------------------------------------------------------------------- */

static void take_place(struct feed *feed, const struct hk_db_result *result)
{
    struct hk_str id = hk_db_value(result, 0, 4);

    feed->place.us = number_at(result, 3);
    feed->place.attempt_no = (int)number_at(result, 5);
    (void)snprintf(feed->place.message_id, sizeof(feed->place.message_id), "%s", id.p);
}

/* It has caught up: from here on it is as any other, and goes with one that is as far. */
static void become_live(struct feed *feed)
{
    struct feed_query query = {feed->tenant_id, feed->partner, hk_str(feed->filter)};
    struct feed *live = find_live(feed->feeds, &query);
    struct feed_listener *listener;

    if (live == NULL) {
        feed->is_live = true;
        return;
    }
    if (!is_same_place(&live->place, &feed->place))
        return;
    while ((listener = feed->listeners) != NULL) {
        feed->listeners = listener->next;
        add_listener(live, listener);
    }
    free_feed(feed);
}

static bool is_behind(struct feed *feed, bool has_come_to_horizon)
{
    bool is_far =
        feed->is_live && feed->feeds->horizon_us - feed->place.us > (int64_t)MAX_BEHIND_US;

    feed->n_behind = has_come_to_horizon || !is_far ? 0 : feed->n_behind + 1;
    return feed->n_behind >= MAX_BEHIND;
}

/*
 * It cannot keep up with its tenant: goes on at the horizon, and says that something is missing, or
 * ends when that has not helped. Frees the feed, perhaps.
 */
static void fall_behind(struct feed *feed)
{
    bool ends = feed->n_too_slow >= MAX_TOO_SLOW;

    hk_log(HK_LOG_WARN, "tail.fell_behind", HK_CTEXT("tenant_id", feed->tenant_id),
           HK_I64("behind_ms", (feed->feeds->horizon_us - feed->place.us) / 1000),
           HK_CTEXT("then", ends ? "ends" : "goes on at the end"));
    feed->n_behind = 0;
    feed->place = feed_start_at(feed->feeds->horizon_us);
    for (struct feed_listener *l = feed->listeners, *next; l != NULL; l = next) {
        next = l->next;
        l->on_gap(l, ends);
    }
    if (!ends && !feed->is_live)
        become_live(feed);
}

/* Frees the feed. */
static void end_away(struct feed *feed)
{
    for (struct feed_listener *l = feed->listeners, *next; l != NULL; l = next) {
        next = l->next;
        l->on_away(l);
    }
}

static void on_page(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct feed *feed = HK_CONTAINER_OF(query, struct feed, query);
    unsigned n_lines;
    int64_t n_dropped;

    if (result->code == HK_SEARCH_TOO_SLOW) {
        feed->n_too_slow++;
        fall_behind(feed);
        return;
    }
    if (result->code == HK_TENANT_MOVING) {
        end_away(feed);
        return;
    }
    if (result->code != HK_OK || result->n_rows != 1)
        return; /* the next tick reads it again */
    feed->n_too_slow = 0;
    n_lines = (unsigned)number_at(result, 1);
    n_dropped = number_at(result, 2);
    feed->n_in_second += n_lines;
    take_place(feed, result);
    if (n_lines > 0 || n_dropped > 0) {
        for (struct feed_listener *l = feed->listeners; l != NULL; l = l->next)
            l->on_lines(l, hk_db_value(result, 0, 0), n_lines, (uint64_t)n_dropped);
    }
    if (is_behind(feed, number_at(result, 6) == 1))
        fall_behind(feed);
    else if (!feed->is_live && number_at(result, 6) == 1)
        become_live(feed);
}
