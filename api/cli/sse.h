/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/sse.h - server-sent events out of bytes, however they come cut. Pure. */
#ifndef API_CLI_SSE_H
#define API_CLI_SSE_H

#include "hk/buf.h"

/* `type` is "" when the event names none, `data` without its last line end. False: enough. */
typedef bool sse_event_fn(void *arg, const char *type, const char *data);

#define SSE_ID_SIZE 256

struct sse {
    struct hk_buf line, type, data;
    char last_id[SSE_ID_SIZE]; /* "": none has come. Of events that have been given out */
    char next_id[SSE_ID_SIZE]; /* of the one that is being read */
    int retry_ms;              /* after which to come again; 0: it has not been said */
    bool has_data, has_cr;     /* the last byte was a CR */
};

/* No line and no event may be longer. */
void sse_init(struct sse *sse, size_t max_bytes);
void sse_done(struct sse *sse);

/* A connection has begun: forgets what was half read, keeps last_id. */
void sse_restart(struct sse *sse);

/* False: on_event() has had enough, or a line or an event was too long (is_full). */
HK_NODISCARD bool sse_feed(struct sse *sse, const char *p, size_t n, sse_event_fn *on_event,
                           void *arg);

#endif
