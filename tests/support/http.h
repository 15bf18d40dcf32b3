/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/http.h - an HTTP client for tests (libcurl), and sockets for requests that no
 * client would send. Replies belong to the client: nothing is freed one by one.
 */
#ifndef SUPPORT_HTTP_H
#define SUPPORT_HTTP_H

#include <jansson.h>

#include "hk/base.h"

struct http; /* opaque: http.c */

/* Valid until http_free() of its client. */
struct reply {
    int status;          /* 0: no answer; `body` says why */
    const char *request; /* "POST /v1/apps", for messages */
    const char *headers; /* as they came, without the status line */
    const char *body;    /* followed by a NUL */
    size_t body_n;
    json_t *json; /* NULL when the body is not JSON */
};

struct http *http_new(void);
void http_free(struct http *http);

/* Trust this certificate authority (a PEM file, borrowed) for https:// from now on. */
void http_trust(struct http *http, const char *ca_file);

/*
 * Sends a request and waits for the answer (60 s at most). `key` (or NULL) becomes the
 * Authorization header; a body (.p not NULL) is application/json unless a header says otherwise;
 * `headers` is a NULL-ended list of "Name: value", or NULL. The path is sent as it is.
 */
struct reply http_call(struct http *http, const char *method, const char *base, const char *path,
                       const char *key, struct hk_str body, const char *const headers[]);

/* A header's value by its name in any case (the first one), to the end of the line; NULL: absent.
 */
const char *reply_header(struct http *http, const struct reply *reply, const char *name);

/* The value at a dotted path, "data.0.id"; NULL when there is none. Borrowed. */
json_t *reply_json(const struct reply *reply, const char *path);

/* Memory that lives as long as the client's replies; printf's arguments. */
const char *http_text(struct http *http, const char *format, ...) HK_PRINTF(2, 3);

/* A TCP connection to "http://127.0.0.1:PORT" for bytes of the test's own making; -1: refused. */
int http_raw_connect(const char *base);

/* The same with buffers so small that the peer cannot get rid of more than some 64 KiB unread. */
int http_raw_connect_small(const char *base);

/* Sends all bytes; false when the peer has closed. */
bool http_raw_send(int fd, const void *p, size_t n);

/*
 * Reads until the peer closes, `capacity - 1` bytes are there, or nothing came for `timeout_ms`;
 * ends it with a NUL. Returns the number of bytes; `ret_is_closed` (may be NULL): the peer closed.
 */
size_t http_raw_read(int fd, char *ret, size_t capacity, int timeout_ms, bool *ret_is_closed);

/* An answer as http_call() gives it; all behind its head is its body. */
struct reply http_raw_reply(struct http *http, const char *answer);

/* The status of an HTTP/1.1 answer's first line, 0 when it is none. */
int http_raw_status(const char *answer);

#endif
