/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/server.h - the API's threads: one h2o loop each, with its own listener (SO_REUSEPORT),
 * pools of connections and batches of events in each cell, and caches. They share the configuration
 * and the master keys, which nobody writes.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <h2o.h>

#include "api/auth/auth.h"
#include "api/auth/cursor_key.h"
#include "api/cells/cell.h"
#include "hk/loop.h"

struct auth_cache;
struct auth_guard;
struct signing_keys;
struct directory;
struct issuer_keys;
struct hk_http;
struct hk_offload;
struct inbound_cache;
struct schema_cache;
struct export;
struct hk_vault;
struct verification;

struct api_thread {
    const struct hk_config *config;
    const struct hk_vault *vault;
    h2o_context_t h2o; /* a request leads here: HK_CONTAINER_OF(req->conn->ctx, ...) */
    struct hk_loop *loop;
    h2o_socket_t *guest; /* h2o's view of `loop` */
    unsigned n_cells;
    struct api_cell *cells, *home; /* the home cell is the first */
    struct directory *directory;   /* NULL with one cell: see tenant_cell.h */
    struct inbound_cache *inbound_cache;
    struct auth_cache *auth_cache;
    struct auth_guard *auth_guard;
    struct schema_cache *schema_cache;
    struct signing_keys *signing_keys;
    struct issuer_keys *issuer_keys;
    unsigned n_tests;                   /* test messages' calls under way */
    struct verification *verifications; /* under way, in a list */
    unsigned n_verifications;
    struct hk_http *http; /* NULL until server_http() is asked for it */
    struct cursor_key cursor_key;
    struct hk_offload *offload; /* NULL until server_offload() is asked for it */
    struct export *exports;     /* under way, in a list */
    struct hk_id_source ids;
    int64_t started_at_ms; /* monotonic */
    unsigned n_calls;      /* requests that have not been replied to */

    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    struct hk_timer accept_pause; /* set while file descriptors are short */
    unsigned n_connections;
    pthread_t thread;
};

/* What is kept of a client's connection as long as it lasts. */
struct api_connection {
    struct api_thread *thread;
    struct auth_key key; /* the last that it brought */
};

/* That on which a request came. */
struct api_connection *server_connection(const h2o_req_t *req);

/* The thread's client for what the API itself calls: made on first use. */
struct hk_http *server_http(struct api_thread *thread);

/* The thread's helper for the hashes of passwords: made on first use. */
struct hk_offload *server_offload(struct api_thread *thread);

/* Serves until server_stop(). The exit status of the process: 0, or 1 when it could not listen. */
int server_run(const struct hk_cells *cells, const struct hk_vault *vault);

/* Ends server_run() gracefully. Async-signal-safe. */
void server_stop(void);

#endif
