/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_pool.c - libcurl's multi interface on hk_loop, one multi handle for each egress policy.
 *
 * libcurl tells which sockets to watch (on_socket_wanted) and when to call it next
 * (on_timer_wanted); the loop tells when a socket is ready (on_socket_ready) or that time has come
 * (on_timer_due); after either, collect() ends the transfers that are done.
 *
 * A connection that is kept alive is used again without a question to on_open_socket(): were there
 * one pool for all, what was opened for a tenant that may call 10.0.0.1 would serve one that may
 * not. A pool of its own is closed when it was idle for a while.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_transfer.h"

#define MAX_IDLE_CONNECTIONS     1024L /* the default shrinks with the load, and keep-alive with it */
#define MAX_OWN_IDLE_CONNECTIONS 8L    /* of a pool other than the usual one */
#define POOL_IDLE_MS             30000
#define MAX_POOLS                64 /* more only while all of them are busy */
#define KNOWN_URLS               2048u
#define OWN_KNOWN_URLS           16u /* of a pool other than the usual one */

/* One per file descriptor, made once. */
struct http_socket {
    struct hk_watch watch;
    struct pool *pool; /* whose multi handle asked for it last */
    bool is_idle;      /* libcurl does not want it now, and is still watched */
};

static hk_watch_fn on_socket_ready;
static hk_timer_fn on_timer_due;

static struct http_socket *find_socket(struct hk_http *http, curl_socket_t fd)
{
    size_t i = (size_t)fd;

    if (i >= http->n_sockets) {
        size_t n = i + 64;

        http->sockets = reallocarray(http->sockets, n, sizeof(struct http_socket *));
        if (http->sockets == NULL)
            abort();
        for (size_t j = http->n_sockets; j < n; j++)
            http->sockets[j] = NULL;
        http->n_sockets = n;
    }
    if (http->sockets[i] == NULL) {
        http->sockets[i] = calloc(1, sizeof(*http->sockets[i]));
        if (http->sockets[i] == NULL)
            abort();
    }
    return http->sockets[i];
}

static struct transfer *transfer_of(CURL *easy)
{
    char *transfer = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return (struct transfer *)(void *)transfer;
}

/*
 * Whether `easy` is done with a connection that was there before it, and stays: its next request
 * will watch the same socket for the same. Of others libcurl may have closed it without a word.
 */
static bool keeps_connection(CURL *easy)
{
    const struct transfer *transfer = transfer_of(easy);

    return transfer != NULL && !transfer->has_opened_socket && transfer->response.has_whole_head;
}

/* CURLMOPT_SOCKETFUNCTION */
static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct pool *pool = arg;
    struct http_socket *socket = find_socket(pool->http, fd);
    unsigned events = 0;

    (void)socket_arg;
    /* It forgets and remembers a connection on every request: two system calls, were we to follow.
     */
    socket->is_idle = what == CURL_POLL_REMOVE && keeps_connection(easy);
    if (socket->is_idle)
        return 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= HK_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= HK_WRITABLE;
    socket->pool = pool;
    hk_loop_watch(pool->http->options.loop, &socket->watch, fd, events, on_socket_ready);
    return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    struct pool *pool = arg;

    (void)multi;
    if (timeout_ms < 0)
        hk_loop_stop_timer(pool->http->options.loop, &pool->timer);
    else
        hk_loop_set_timer(pool->http->options.loop, &pool->timer, timeout_ms, on_timer_due);
    return 0;
}

int pool_on_close_socket(void *http_arg, curl_socket_t fd)
{
    struct hk_http *http = http_arg;
    struct http_socket *socket = find_socket(http, fd);

    hk_loop_unwatch(http->options.loop, &socket->watch);
    socket->is_idle = false;
    return close(fd);
}

/* Beside the client's own; what has no room is not allowed. */
static void add_networks(struct hk_networks *networks, struct hk_str list)
{
    struct hk_networks own = {.n = 0};
    char text[HK_EGRESS_MAX_NETWORKS_BYTES];

    if (list.n == 0 || list.n >= sizeof(text))
        return;
    memcpy(text, list.p, list.n);
    text[list.n] = '\0';
    if (!hk_networks_parse(text, &own))
        return;
    for (unsigned i = 0; i < own.n && networks->n < HK_MAX_NETWORKS; i++)
        networks->list[networks->n++] = own.list[i];
}

static struct pool *new_pool(struct hk_http *http, const uint8_t key[HK_SHA256_SIZE],
                             const struct hk_egress *egress)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    bool is_first = http->pools == NULL;

    if (pool == NULL)
        abort();
    pool->http = http;
    pool->multi = curl_multi_init();
    if (pool->multi == NULL)
        abort();
    memcpy(pool->key, key, sizeof(pool->key));
    pool->allowed_networks = *http->options.allowed_networks;
    add_networks(&pool->allowed_networks, egress->allowed_networks);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS,
                            is_first ? MAX_IDLE_CONNECTIONS : MAX_OWN_IDLE_CONNECTIONS);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    urls_init(&pool->urls, is_first ? KNOWN_URLS : OWN_KNOWN_URLS);
    pool->next = http->pools;
    http->pools = pool;
    http->n_pools++;
    return pool;
}

/* Closes its connections. It is in no list any more. */
static void free_pool(struct pool *pool)
{
    struct hk_http *http = pool->http;

    (void)curl_multi_cleanup(pool->multi);
    hk_loop_stop_timer(http->options.loop, &pool->timer);
    hk_loop_stop_timer(http->options.loop, &pool->idle);
    for (size_t i = 0; i < http->n_sockets; i++) {
        struct http_socket *socket = http->sockets[i];

        if (socket != NULL && socket->pool == pool) {
            hk_loop_unwatch(http->options.loop, &socket->watch);
            socket->pool = NULL;
        }
    }
    urls_done(&pool->urls);
    free(pool);
}

static void on_idle(struct hk_timer *timer)
{
    struct pool *pool = HK_CONTAINER_OF(timer, struct pool, idle);
    struct pool **link = &pool->http->pools;

    while (*link != pool)
        link = &(*link)->next;
    *link = pool->next;
    pool->http->n_pools--;
    free_pool(pool);
}

/* All that makes a difference to whom a connection may serve. */
static void make_key(const struct hk_egress *egress, uint8_t ret[HK_SHA256_SIZE])
{
    const struct hk_str parts[] = {egress->allowed_networks, egress->certificate,
                                   egress->private_key};
    uint8_t hashes[HK_COUNTOF(parts)][HK_SHA256_SIZE];

    for (size_t i = 0; i < HK_COUNTOF(parts); i++)
        hk_sha256(parts[i].n == 0 ? "" : parts[i].p, parts[i].n, hashes[i]);
    hk_sha256(hashes, sizeof(hashes), ret);
}

static bool is_usual(const struct hk_egress *egress)
{
    return egress->allowed_networks.n == 0 && egress->certificate.n == 0;
}

/* The one that is idle for longest makes room, by its timer: it may be what calls us. */
static void make_room(struct hk_http *http)
{
    struct pool *oldest = NULL;

    for (struct pool *pool = http->pools; pool != NULL; pool = pool->next) {
        if (pool->idle.is_set && (oldest == NULL || pool->idle.due_ms < oldest->idle.due_ms))
            oldest = pool;
    }
    if (http->n_pools >= MAX_POOLS && oldest != NULL)
        hk_loop_set_timer(http->options.loop, &oldest->idle, 0, on_idle);
}

struct pool *pool_find(struct hk_http *http, const struct hk_egress *egress)
{
    uint8_t key[HK_SHA256_SIZE] = {0};

    if (!is_usual(egress))
        make_key(egress, key);
    for (struct pool *pool = http->pools; pool != NULL; pool = pool->next) {
        if (memcmp(pool->key, key, sizeof(key)) == 0)
            return pool;
    }
    make_room(http);
    return new_pool(http, key, egress);
}

void pool_begin(struct pool *pool, struct transfer *transfer)
{
    hk_loop_stop_timer(pool->http->options.loop, &pool->idle);
    transfer->pool = pool;
    pool->n_running++;
    if (curl_multi_add_handle(pool->multi, transfer->easy) != CURLM_OK)
        abort(); /* out of memory, or a handle that is in use: our fault */
}

void pool_end(struct pool *pool, struct transfer *transfer)
{
    (void)curl_multi_remove_handle(pool->multi, transfer->easy);
    transfer->pool = NULL;
    if (--pool->n_running == 0 && pool->next != NULL)
        hk_loop_set_timer(pool->http->options.loop, &pool->idle, POOL_IDLE_MS, on_idle);
}

void pools_free(struct hk_http *http)
{
    for (struct pool *pool = http->pools, *next; pool != NULL; pool = next) {
        next = pool->next;
        free_pool(pool);
    }
    for (size_t i = 0; i < http->n_sockets; i++)
        free(http->sockets[i]);
    free(http->sockets);
}

static void collect(CURLM *multi)
{
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(multi, &n_left)) != NULL) {
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        transfer_finish(transfer_of(message->easy_handle), code); /* `message` is gone now */
    }
}

static void on_socket_ready(struct hk_watch *watch, unsigned events)
{
    struct http_socket *socket = HK_CONTAINER_OF(watch, struct http_socket, watch);
    CURLM *multi = socket->pool->multi;
    int flags = ((events & HK_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
                ((events & HK_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
    int n_running;

    if (socket->is_idle) { /* hung up, as a rule: libcurl finds out when it wants it again */
        hk_loop_unwatch(socket->pool->http->options.loop, watch);
        return;
    }
    (void)curl_multi_socket_action(multi, watch->fd, flags, &n_running);
    collect(multi);
}

static void on_timer_due(struct hk_timer *timer)
{
    CURLM *multi = HK_CONTAINER_OF(timer, struct pool, timer)->multi;
    int n_running;

    (void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    collect(multi);
}
