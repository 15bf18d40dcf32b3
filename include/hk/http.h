/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/http.h - sends requests with libcurl's multi interface on the loop; lib/http.c is the only
 * file that knows it. The worker delivers through this, the API sends test messages and fetches.
 *
 * What every request is held to (the spec's threat model): a URL without hk_url_fault(), no
 * redirects, no proxy but ours, TLS 1.2 with a verified certificate, an address that
 * hk_addr_may_call(), a limit on the time, and limits on how much of an answer is read and kept.
 * Requests of different hk_egress never share a connection.
 */
#ifndef HK_HTTP_H
#define HK_HTTP_H

#include "hk/outcome.h"
#include "hk/request.h"

struct hk_http; /* opaque */
struct hk_loop;
struct hk_networks;

/* `outcome` is borrowed. Never called before hk_http_send() has returned. */
typedef void hk_http_done_fn(void *done_arg, const struct hk_outcome *outcome);

struct hk_http_options {
    struct hk_loop *loop;
    const struct hk_networks *allowed_networks; /* borrowed */
    const char *ca_file;                        /* "": the system's; borrowed */
    const char *proxy_url;                      /* hk_url_is_proxy(); NULL or "": none; borrowed */
};

struct hk_http *hk_http_new(const struct hk_http_options *options);

/* Aborts what is under way: done() is not called. */
void hk_http_free(struct hk_http *http);

/* A request to be filled; goes back by hk_http_send() or hk_http_give_back(). */
struct hk_request *hk_http_take(struct hk_http *http);
void hk_http_give_back(struct hk_http *http, struct hk_request *request);

/* Sends a request that hk_http_take() gave; what it borrows must live until done(). */
void hk_http_send(struct hk_http *http, struct hk_request *request, hk_http_done_fn *done,
                  void *done_arg);

/* Whether a byte of a request that was sent may have been written. Until then its name is looked
 * up, or its connection made: it can be abandoned, and the receiver has seen nothing of it. */
bool hk_http_has_begun(struct hk_request *request);

/* Forgets a request that was sent: done() is not called, and `request` is gone. */
void hk_http_abandon(struct hk_http *http, struct hk_request *request);

#endif
