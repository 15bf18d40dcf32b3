/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/http_transfer.h - what the parts of the HTTP client share: http.c (requests), http_pool.c
 * (connections), http_outcome.c (how a request ended).
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>

#include "hk/addr.h"
#include "hk/encode.h"
#include "hk/http.h"
#include "hk/loop.h"
#include "http_urls.h"
#include "response.h"

struct transfer {
    struct hk_request request;
    struct hk_http *http;
    struct pool *pool; /* while it is sent */
    CURL *easy;
    struct transfer *next_free, *next_of_all;
    struct curl_slist headers[HK_REQUEST_MAX_HEADERS]; /* nodes point into `request` */
    hk_http_done_fn *done;
    void *done_arg;

    struct hk_timer refusal; /* set: it is not sent, and this says so */
    const char *fault;       /* why it is not sent; static words */
    struct known_url *url;   /* the request's, while it is sent; NULL: it is not remembered */
    bool has_certificate;    /* the handle has the client's */
    bool has_blocked_address;
    bool has_opened_socket;
    unsigned n_sent; /* how often the request went out: see on_request_begins() */
    struct hk_tls tls;
    struct response response;
};

/* The connections of one egress policy: requests of different policies never share one. */
struct pool {
    struct pool *next;
    struct hk_http *http;
    CURLM *multi;
    struct hk_timer timer;               /* libcurl's */
    struct hk_timer idle;                /* set: nothing is under way */
    unsigned n_running;                  /* transfers */
    uint8_t key[HK_SHA256_SIZE];         /* of the policy; zeros: the usual one */
    struct hk_networks allowed_networks; /* the client's and the policy's */
    struct urls urls;
};

struct http_socket;

struct hk_http {
    struct hk_http_options options;
    struct pool *pools; /* the usual one is the last, and always there */
    unsigned n_pools;
    struct http_socket **sockets; /* by file descriptor */
    size_t n_sockets;
    struct transfer *free, *all;
};

/* http_pool.c */

/* The pool of the request's policy, made when there is none. */
struct pool *pool_find(struct hk_http *http, const struct hk_egress *egress);

void pool_begin(struct pool *pool, struct transfer *transfer);
void pool_end(struct pool *pool, struct transfer *transfer); /* sent or given up */

void pools_free(struct hk_http *http);

/* CURLOPT_CLOSESOCKETFUNCTION: a watch must not outlive its file descriptor. */
int pool_on_close_socket(void *http_arg, curl_socket_t fd);

/* http_outcome.c */

/* What became of a transfer that libcurl ended with `code`; borrows from the transfer. */
struct hk_outcome transfer_outcome(const struct transfer *transfer, CURLcode code);

/* The same for one whose `fault` is set: nothing was sent. */
struct hk_outcome transfer_refusal(const struct transfer *transfer);

long transfer_status(const struct transfer *transfer);

/* http.c: ends a transfer of which pool_end() was not called yet. */
void transfer_finish(struct transfer *transfer, CURLcode code);

#endif
