/* SPDX-License-Identifier: Apache-2.0 */
/* tests/integration/tail_stream.h - a client of GET /v1/tail: its server-sent events, read as they
 * come. */
#ifndef INTEGRATION_TAIL_STREAM_H
#define INTEGRATION_TAIL_STREAM_H

#include "tests/support/check.h"

struct stream {
    int fd;
    char *text; /* what has come, without the chunks' marks */
    size_t n;
    char *raw;
    size_t raw_n;
    bool is_closed;
};

/* Opens it, and waits until it is open. `last_id` (or NULL) is where to go on. */
struct stream stream_open(struct harness *h, const char *key, const char *path,
                          const char *last_id);
/* Reads until `part` has come so often; the test fails when it has not in time. */
void stream_wait(struct stream *stream, const char *part, size_t count, int timeout_ms);
/* How often it has come so far. */
size_t stream_count(const struct stream *stream, const char *part);
/* The last id that came, or of the i-th event of that kind ("attempt"); NULL: none. Memory of `h`.
 */
const char *stream_last_id(struct harness *h, const struct stream *stream);
const char *stream_id(struct harness *h, const struct stream *stream, const char *kind, size_t i);
void stream_close(struct stream *stream);

#endif
