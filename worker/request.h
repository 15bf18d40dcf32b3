/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/request.h - the HTTP request of one attempt: header fields and signatures. Pure: the time
 * and the random span id come in as arguments.
 *
 * The header lines live inside the struct, so that sending allocates nothing for them.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "hk/base.h"

#define REQUEST_MAX_HEADERS 9
#define REQUEST_TEXT_SIZE   8192

/* What a request is made of. Borrowed; .p == NULL where there is none. */
struct request_parts {
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

struct request {
    const char *url; /* borrowed from the parts, as `body` is */
    struct hk_str body;
    unsigned timeout_ms;
    unsigned n_headers;
    const char *headers[REQUEST_MAX_HEADERS]; /* "name: value", NUL-terminated; point into `text` */
    size_t n_text;
    char text[REQUEST_TEXT_SIZE];
};

/*
 * Fills `ret`, which must not move afterwards. False with static words in `reterr` when no request
 * can be made of the parts: a control byte in the URL or a header field, no valid secret, too long.
 * Nothing but `n_text` needs to be initialised before, nothing is to be freed after.
 */
HK_NODISCARD bool request_build(const struct request_parts *parts, struct request *ret,
                                const char **reterr);

#endif
