/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/http.h - sends requests with libcurl's multi interface on the loop. http.c is the only
 * file that knows libcurl.
 *
 * What every request is held to (the spec's threat model): only http and https, no redirects, no
 * proxies, TLS 1.2 with a verified certificate, an address that hk_addr_may_call(), a limit on the
 * time, and limits on how much of an answer is read and kept.
 */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include "worker/outcome.h"
#include "worker/request.h"

struct http; /* opaque */
struct hk_loop;
struct hk_networks;

/* `outcome` is borrowed. Never called before http_send() has returned. */
typedef void http_done_fn(void *done_arg, const struct outcome *outcome);

struct http_options {
    struct hk_loop *loop;
    const struct hk_networks *allowed_networks; /* borrowed */
    const char *ca_file;                        /* "": the system's; borrowed */
};

struct http *http_new(const struct http_options *options);

/* Aborts what is under way: done() is not called. */
void http_free(struct http *http);

/* A request to be filled; goes back by http_send() or http_give_back(). */
struct request *http_take(struct http *http);
void http_give_back(struct http *http, struct request *request);

/* Sends a request that http_take() gave; what it borrows must live until done(). */
void http_send(struct http *http, struct request *request, http_done_fn *done, void *done_arg);

#endif
