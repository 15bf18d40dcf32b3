/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - starting, serving and stopping the API's threads.
 *
 * hk_loop (libpq's sockets, timers) is a guest of h2o's loop: its epoll descriptor is one readable
 * socket to h2o. A turn: h2o's events, then the guest's if it has any, then the events that wait to
 * be stored.
 */
#include "api/http/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/auth/auth_cache.h"
#include "api/auth/auth_guard.h"
#include "api/auth/issuer_keys.h"
#include "api/auth/signing_keys.h"
#include "api/cells/directory.h"
#include "api/http/call.h"
#include "api/http/error_filter.h"
#include "api/http/head_parser.h"
#include "api/http/listen.h"
#include "api/http/read_pause.h"
#include "api/inbound/inbound_cache.h"
#include "api/receivers/verification.h"
#include "api/schema/schema_cache.h"
#include "hk/addr.h"
#include "hk/clock.h"
#include "hk/http.h"
#include "hk/log.h"
#include "hk/offload.h"
#include "hk/process.h"

enum {
    MAX_ACCEPTS_PER_EVENT = 16,
    ACCEPT_PAUSE_MS = 100,
    MAX_TURN_MS = 1000,
    MAX_OFFLOADED_JOBS = 16, /* a password takes some 30 ms: the last one waits half a second */
    MAX_SPARE_BUFFERS = 64,  /* as many requests as come and are answered in a turn, or so */
    UNACKED_SEND_TIMEOUT_MS =
        30000, /* a client that is gone, or reads nothing at all: see reply_start_timer(), too */
    ERROR_BODY_SLACK_BYTES =
        4 << 20, /* up to here a body too large gets our own reply, above h2o's */
};

/* All for the process's life: signal handlers and LeakSanitizer find everything from here. */
static struct {
    h2o_globalconf_t h2o;
    SSL_CTX *ssl;
    struct hk_networks allowed_networks; /* that the API may call */
    struct hk_networks trusted_proxies;
    struct api_thread *threads;
    const struct hk_vault *vault;
    size_t n_threads; /* that server_stop() has to wake */
    atomic_bool is_stopping;
    sem_t drained; /* once by each thread but the first */
} server;

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    read_pause_begin(req);
    call_start(HK_CONTAINER_OF(req->conn->ctx, struct api_thread, h2o), req);
    return 0;
}

static void configure_h2o(const struct hk_config *config)
{
    h2o_hostconf_t *host;
    h2o_pathconf_t *path;
    h2o_handler_t *handler;

    h2o_config_init(&server.h2o);
    server.h2o.server_name = h2o_iovec_init(H2O_STRLIT(""));
    server.h2o.max_request_entity_size =
        (size_t)config->api_max_body_bytes + ERROR_BODY_SLACK_BYTES;
    server.h2o.http1.req_timeout = (uint64_t)config->api_request_timeout_ms;
    server.h2o.http1.upgrade_to_http2 = 0;
    server.h2o.handshake_timeout = 5000;
    host = h2o_config_register_host(&server.h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    handler = h2o_create_handler(path, sizeof(*handler));
    handler->on_req = on_request;
    error_filter_register(path);
    error_filter_register(&host->fallback_path);
}

/* ---- accepting ------------------------------------------------------------------------------ */

static void on_acceptable(h2o_socket_t *listener, const char *error);

static bool accepts(const struct api_thread *thread)
{
    return thread->listener != NULL && !thread->accept_pause.is_set &&
           thread->n_connections < (unsigned)thread->config->api_max_connections;
}

static void update_accepting(struct api_thread *thread)
{
    if (thread->listener == NULL)
        return;
    if (accepts(thread) && !h2o_socket_is_reading(thread->listener))
        h2o_socket_read_start(thread->listener, on_acceptable);
    else if (!accepts(thread) && h2o_socket_is_reading(thread->listener))
        h2o_socket_read_stop(thread->listener);
}

struct api_connection *server_connection(const h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static void on_connection_closed(void *data)
{
    struct api_connection *connection = data;
    struct api_thread *thread = connection->thread;

    explicit_bzero(connection, sizeof(*connection));
    free(connection);
    thread->n_connections--;
    update_accepting(thread);
}

static void keep_connection(struct api_thread *thread, h2o_socket_t *sock)
{
    struct api_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        abort();
    connection->thread = thread;
    sock->on_close.cb = on_connection_closed;
    sock->on_close.data = connection;
    thread->n_connections++;
}

static void on_pause_over(struct hk_timer *timer)
{
    update_accepting(HK_CONTAINER_OF(timer, struct api_thread, accept_pause));
}

static void on_acceptable(h2o_socket_t *listener, const char *error)
{
    struct api_thread *thread = listener->data;

    if (error != NULL)
        return;
    for (int i = 0; i < MAX_ACCEPTS_PER_EVENT && accepts(thread); i++) {
        static const int timeout_ms = UNACKED_SEND_TIMEOUT_MS;
        h2o_socket_t *sock;

        errno = 0;
        sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL) {
            /* Out of descriptors: the listener stays readable, so look away for a moment. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                hk_loop_set_timer(thread->loop, &thread->accept_pause, ACCEPT_PAUSE_MS,
                                  on_pause_over);
            break;
        }
        (void)setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                         sizeof(timeout_ms));
        keep_connection(thread, sock);
        h2o_accept(&thread->accept, sock);
    }
    update_accepting(thread);
}

/* ---- a thread ------------------------------------------------------------------------------- */

static void on_guest_ready(h2o_socket_t *sock, const char *error)
{
    struct api_thread *thread = sock->data;

    (void)error;
    hk_loop_turn(thread->loop, 0);
}

static void start_guest(struct api_thread *thread)
{
    thread->guest = h2o_evloop_socket_create(thread->h2o.loop, hk_loop_fd(thread->loop),
                                             H2O_SOCKET_FLAG_DONT_READ);
    thread->guest->data = thread;
    h2o_socket_read_start(thread->guest, on_guest_ready);
}

static void start_cells(struct api_thread *thread, const struct hk_cells *cells)
{
    thread->n_cells = cells->n;
    thread->directory = cells->n == 1 ? NULL : directory_new();
    thread->cells = thread->home = calloc(cells->n, sizeof(*thread->cells));
    if (thread->cells == NULL)
        abort();
    for (unsigned i = 0; i < cells->n; i++)
        cell_start(&thread->cells[i], thread, &cells->cells[i]);
}

static void start_thread_state(struct api_thread *thread, const struct hk_cells *cells,
                               int listen_fd)
{
    const struct hk_config *config = &cells->cells[0].config;

    thread->config = config;
    thread->vault = server.vault;
    thread->started_at_ms = hk_mono_ms();
    h2o_context_init(&thread->h2o, h2o_evloop_create(), &server.h2o);
    thread->accept =
        (h2o_accept_ctx_t){.ctx = &thread->h2o, .hosts = server.h2o.hosts, .ssl_ctx = server.ssl};
    thread->loop = hk_loop_new();
    start_guest(thread);
    start_cells(thread, cells);
    thread->inbound_cache = inbound_cache_new();
    thread->auth_cache = auth_cache_new();
    thread->auth_guard =
        auth_guard_new(config->api_auth_failures_per_minute, &server.trusted_proxies);
    thread->schema_cache = schema_cache_new();
    thread->signing_keys = signing_keys_new();
    thread->issuer_keys = issuer_keys_new(thread);
    thread->listener =
        h2o_evloop_socket_create(thread->h2o.loop, listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    thread->listener->data = thread;
    update_accepting(thread);
}

struct hk_http *server_http(struct api_thread *thread)
{
    if (thread->http == NULL)
        thread->http = hk_http_new(&(struct hk_http_options){
            .loop = thread->loop,
            .allowed_networks = &server.allowed_networks,
            .ca_file = thread->config->api_ca_file,
            .proxy_url = thread->config->api_proxy_url,
        });
    return thread->http;
}

struct hk_offload *server_offload(struct api_thread *thread)
{
    if (thread->offload == NULL)
        thread->offload = hk_offload_new(thread->loop, MAX_OFFLOADED_JOBS);
    return thread->offload;
}

/*
 * h2o completes what is written within its turn; after it, only when the next event comes. So the
 * timers that are due run in the guest's next turn, which the wake brings about, and not here.
 */
static void run_turn(struct api_thread *thread)
{
    (void)h2o_evloop_run(thread->h2o.loop, hk_loop_wait_ms(thread->loop, MAX_TURN_MS));
    if (hk_loop_wait_ms(thread->loop, 1) == 0)
        hk_loop_wake(thread->loop);
    for (unsigned i = 0; i < thread->n_cells; i++)
        cell_flush(&thread->cells[i]);
}

/* No new connections; those that are open end with their reply, or with the process. */
static void drain(struct api_thread *thread)
{
    int64_t deadline_ms = hk_mono_ms() + thread->config->api_drain_ms;

    h2o_socket_close(thread->listener);
    thread->listener = NULL;
    run_turn(thread); /* h2o frees a closed socket at the end of a turn */
    for (unsigned i = 0; i < thread->n_cells; i++)
        cell_end(&thread->cells[i]);
    h2o_context_request_shutdown(&thread->h2o);
    while (thread->n_calls > 0 && hk_mono_ms() < deadline_ms)
        run_turn(thread);
}

static void *thread_main(void *arg)
{
    struct api_thread *thread = arg;

    /* h2o would take twice as much for each connection; nearly all requests fit into this. */
    h2o_socket_buffer_prototype._initial_buf.capacity = H2O_SOCKET_INITIAL_INPUT_BUFFER_SIZE;
    h2o_socket_buffer_prototype.allocator.max = MAX_SPARE_BUFFERS;
    while (!atomic_load(&server.is_stopping))
        run_turn(thread);
    drain(thread);
    return NULL;
}

/* Stays to the end of the process: h2o keeps freed memory in lists of the thread. */
static HK_NORETURN void *other_thread_main(void *arg)
{
    (void)thread_main(arg);
    (void)sem_post(&server.drained);
    for (;;)
        (void)pause();
}

static void free_thread_state(struct api_thread *thread)
{
    verification_free_all(thread);
    hk_http_free(thread->http);
    hk_offload_free(thread->offload);
    for (unsigned i = 0; i < thread->n_cells; i++)
        cell_free(&thread->cells[i]);
    free(thread->cells);
    directory_free(thread->directory);
    inbound_cache_free(thread->inbound_cache);
    auth_cache_free(thread->auth_cache);
    auth_guard_free(thread->auth_guard);
    schema_cache_free(thread->schema_cache);
    signing_keys_free(thread->signing_keys);
    issuer_keys_free(thread->issuer_keys);
}

/* ---- the process ---------------------------------------------------------------------------- */

static bool start_threads(const struct hk_cells *cells)
{
    const struct hk_config *config = &cells->cells[0].config;
    size_t n = (size_t)config->api_threads;
    int port = 0;

    server.threads = calloc(n, sizeof(*server.threads));
    if (server.threads == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        int fd = listen_open(config->api_listen, &port);

        if (fd < 0)
            return false;
        start_thread_state(&server.threads[i], cells, fd);
        server.n_threads++;
    }
    hk_log(HK_LOG_INFO, "api.listening", HK_CTEXT("address", config->api_listen),
           HK_I64("port", port), HK_I64("threads", server.n_threads),
           HK_CTEXT("tls", server.ssl == NULL ? "no" : "yes"));
    return true;
}

int server_run(const struct hk_cells *cells, const struct hk_vault *vault)
{
    const struct hk_config *config = &cells->cells[0].config;

    if (!head_parser_init()) {
        hk_log(HK_LOG_ERROR, "h2o.unknown"); /* another build of it: see docs/adr/0013 */
        return 1;
    }
    server.vault = vault;
    configure_h2o(config);
    if (!hk_networks_parse(config->api_allowed_networks, &server.allowed_networks) ||
        !hk_networks_parse(config->api_trusted_proxies, &server.trusted_proxies))
        return 1;
    if (config->api_tls_cert_file[0] != '\0' || config->api_tls_key_file[0] != '\0') {
        server.ssl = listen_tls_context(config->api_tls_cert_file, config->api_tls_key_file);
        if (server.ssl == NULL)
            return 1;
    }
    if (sem_init(&server.drained, 0, 0) != 0)
        abort();
    if (!start_threads(cells))
        return 1;
    for (size_t i = 1; i < server.n_threads; i++) {
        if (pthread_create(&server.threads[i].thread, NULL, other_thread_main,
                           &server.threads[i]) != 0)
            abort();
    }
    hk_process_drop_code();
    (void)thread_main(&server.threads[0]);
    for (size_t i = 1; i < server.n_threads; i++) {
        while (sem_wait(&server.drained) != 0)
            continue; /* EINTR */
    }
    for (size_t i = 0; i < server.n_threads; i++)
        free_thread_state(&server.threads[i]);
    hk_log(HK_LOG_INFO, "api.stopped");
    return 0;
}

void server_stop(void)
{
    atomic_store(&server.is_stopping, true); /* a thread that starts only now sees it too */
    for (size_t i = 0; i < server.n_threads; i++)
        hk_loop_wake(server.threads[i].loop);
}
