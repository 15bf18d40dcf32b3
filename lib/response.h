/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/response.h - gathers what is kept of an answer, within limits. Pure.
 *
 * A receiver may send as much as it likes and as slowly as it likes: what is kept is the first
 * bytes, what is read has an end, and the status decides as soon as the header section is complete.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "hk/base.h"

#define RESPONSE_KEEP_HEAD_BYTES 8192
#define RESPONSE_MAX_HEAD_BYTES  32768 /* more is a protocol failure */
#define RESPONSE_KEEP_BODY_BYTES 16384 /* unless the request asks for more */
#define RESPONSE_MAX_BODY_BYTES  65536 /* reading ends here; the status decides all the same */

struct response {
    bool has_whole_head; /* the final header section is complete, not one of a 1xx */
    bool is_head_too_large;
    bool is_truncated; /* what is kept is not all */
    size_t n_head_read, n_body_read;
    size_t n_head, n_body, n_retry_after;
    char retry_after[64]; /* the field's value; n_retry_after is 0 when there is none */
    size_t keep_body_bytes;
    char *body; /* `small_body`, or memory of its own when more is to be kept */
    char head[RESPONSE_KEEP_HEAD_BYTES];
    char small_body[RESPONSE_KEEP_BODY_BYTES];
};

/* Makes it ready for an answer, the first or the next. `keep_body_bytes` 0: the usual. */
void response_reset(struct response *response, size_t keep_body_bytes);

/* Gives back the memory of a large body. All zero bytes are a response that may be done away with.
 */
void response_done(struct response *response);

/*
 * One line of the header section: status line, field, or the empty line at its end. `status` is
 * the status code so far. False when enough was read.
 */
HK_NODISCARD bool response_add_line(struct response *response, struct hk_str line, long status);

/* A piece of the body. False when enough was read. */
HK_NODISCARD bool response_add_body(struct response *response, struct hk_str piece);

#endif
