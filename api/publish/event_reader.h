/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/publish/event_reader.h - the body of POST /v1/events: one event, or {"events": [...]}. Pure.
 *
 * An event's payload is a slice of the body: the producer's own bytes (numbers beyond int64, key
 * order, duplicate names and blanks included), never parsed into anything and never written again.
 */
#ifndef API_EVENT_READER_H
#define API_EVENT_READER_H

#include "hk/err.h"
#include "hk/json_scan.h"

enum { EVENT_MAX_BATCH = 1000 };

/* Borrowed from the body or the memory of event_alloc_fn. */
struct event_input {
    struct hk_str event_type;
    struct hk_str company; /* the company's external id */
    struct hk_str payload;
    struct hk_str external_id; /* .p NULL: none */
    struct hk_str occurred_at; /* .p NULL: none */
    struct hk_error error; /* code HK_OK, or what is wrong; the pointer is relative to the event */
};

typedef void *event_alloc_fn(void *arg, size_t n);

struct event_batch {
    bool is_batch; /* the body was {"events": [...]} */
    unsigned n;
    struct event_input *events;
};

/* The object that a body is. HK_OK; or HK_MALFORMED_JSON, HK_INVALID_BODY. */
HK_NODISCARD enum hk_code event_scan(struct hk_str body, struct hk_json_span *ret,
                                     struct hk_error *reterr);

/*
 * HK_OK with at least one event, each good or with its own error; or HK_MALFORMED_JSON,
 * HK_INVALID_BODY for the body as a whole. `alloc` gives memory that lives as long as `ret`.
 */
HK_NODISCARD enum hk_code event_read(struct hk_str body, event_alloc_fn *alloc, void *alloc_arg,
                                     struct event_batch *ret, struct hk_error *reterr);

#endif
