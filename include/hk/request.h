/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/request.h - an HTTP request: that of one attempt, with header fields and signatures, or a
 * plain GET. Pure: the time and the random span id come in as arguments.
 *
 * The header lines live inside the struct, so that sending allocates nothing for them.
 */
#ifndef HK_REQUEST_H
#define HK_REQUEST_H

#include "hk/base.h"

#define HK_REQUEST_MAX_HEADERS 9
#define HK_REQUEST_TEXT_SIZE   8192

/* What a request is made of. Borrowed; .p == NULL where there is none. */
struct hk_request_parts {
    const char *url;
    struct hk_str message_id; /* the same on every attempt */
    struct hk_str body;
    struct hk_str secrets; /* all live ones, separated by blanks */
    struct hk_str username;
    struct hk_str password;
    struct hk_str traceparent; /* of the event; one that is not valid is not passed on */
    int64_t timestamp_s;       /* Unix seconds of this attempt */
    uint64_t span_id;          /* of this attempt; not 0 */
    unsigned timeout_ms;
};

struct hk_request {
    const char *url; /* borrowed from the parts, as `body` is */
    struct hk_str body;
    bool is_get; /* else it is a POST */
    unsigned timeout_ms;
    size_t keep_body_bytes; /* of the response's body; 0: 4 KiB */
    unsigned n_headers;
    const char
        *headers[HK_REQUEST_MAX_HEADERS]; /* "name: value", NUL-terminated; point into `text` */
    size_t n_text;
    char text[HK_REQUEST_TEXT_SIZE];
};

/*
 * Fills `ret`, which must not move afterwards. False with static words in `reterr` when no request
 * can be made of the parts: a control byte in the URL or a header field, no valid secret, too long.
 * Nothing but `n_text` needs to be initialised before, nothing is to be freed after.
 */
HK_NODISCARD bool hk_request_build(const struct hk_request_parts *parts, struct hk_request *ret,
                                   const char **reterr);

/*
 * The same for a GET of `url` (borrowed), with what it accepts: "application/json". Of the answer's
 * body `keep_body_bytes` are kept (0: 4 KiB); beyond 64 KiB, or beyond that when it is more, it is
 * not even read.
 */
HK_NODISCARD bool hk_request_build_get(const char *url, const char *accept, unsigned timeout_ms,
                                       size_t keep_body_bytes, struct hk_request *ret,
                                       const char **reterr);

#endif
