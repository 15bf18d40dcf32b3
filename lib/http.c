/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - libcurl's multi interface on hk_loop.
 *
 * libcurl tells which sockets to watch (on_socket_wanted) and when to call it next
 * (on_timer_wanted); the loop tells when a socket is ready (on_socket_ready) or that time has come
 * (on_timer_due); after either, collect() ends the transfers that are done. A transfer keeps its
 * easy handle for life and goes back to a free list: setting one up costs more than a request.
 */
#include "hk/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hk/addr.h"
#include "hk/clock.h"
#include "hk/loop.h"
#include "hk/retry_after.h"
#include "response.h"

#define MAX_IDLE_CONNECTIONS 1024L /* the default shrinks with the load, and keep-alive with it */
#define MAX_CONNECT_MS       5000L

struct transfer {
    struct hk_request request;
    struct hk_http *http;
    CURL *easy;
    struct transfer *next_free, *next_of_all;
    struct curl_slist headers[HK_REQUEST_MAX_HEADERS]; /* nodes point into `request` */
    hk_http_done_fn *done;
    void *done_arg;

    bool has_blocked_address;
    bool has_opened_socket;
    bool has_begun; /* the connection is there: from here on the request is written */
    struct response response;
};

/* One per file descriptor, made once: libcurl forgets and remembers a socket on every request. */
struct http_socket {
    struct hk_watch watch;
    struct hk_http *http;
};

struct hk_http {
    struct hk_http_options options;
    CURLM *multi;
    struct hk_timer timer;
    struct http_socket **sockets; /* by file descriptor */
    size_t n_sockets;
    struct transfer *free, *all;
};

static hk_watch_fn on_socket_ready;
static hk_timer_fn on_timer_due;

/* A libcurl that does not know an option that protects us must not run. */
static void must(CURLcode code)
{
    if (code != CURLE_OK) {
        (void)fprintf(stderr, "libcurl: %s\n", curl_easy_strerror(code));
        abort();
    }
}

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
        http->sockets[i]->http = http;
    }
    return http->sockets[i];
}

/* CURLMOPT_SOCKETFUNCTION */
static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct hk_http *http = arg;
    struct http_socket *socket = find_socket(http, fd);
    unsigned events = 0;

    (void)easy;
    (void)socket_arg;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= HK_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= HK_WRITABLE;
    hk_loop_watch(http->options.loop, &socket->watch, fd, events, on_socket_ready);
    return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    struct hk_http *http = arg;

    (void)multi;
    if (timeout_ms < 0)
        hk_loop_stop_timer(http->options.loop, &http->timer);
    else
        hk_loop_set_timer(http->options.loop, &http->timer, timeout_ms, on_timer_due);
    return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: the last word on where we connect. It sees the resolved address, so a
 * name that changes its mind, an odd spelling of an IP address or an IPv4-mapped one gains nothing.
 */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    int fd;

    if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM ||
        !hk_addr_may_call(&address->addr, transfer->http->options.allowed_networks)) {
        transfer->has_blocked_address = true;
        return CURL_SOCKET_BAD;
    }
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    transfer->has_opened_socket = true;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION: a watch must not outlive its file descriptor. */
static int on_close_socket(void *arg, curl_socket_t fd)
{
    struct hk_http *http = arg;

    hk_loop_unwatch(http->options.loop, &find_socket(http, fd)->watch);
    return close(fd);
}

/* CURLOPT_PREREQFUNCTION: after name, connection and TLS, before the first byte of the request. */
static int on_connected(void *arg, char *ip HK_UNUSED, char *own_ip HK_UNUSED, int port HK_UNUSED,
                        int own_port HK_UNUSED)
{
    ((struct transfer *)arg)->has_begun = true;
    return CURL_PREREQFUNC_OK;
}

static long status_of(const struct transfer *transfer)
{
    long status = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* CURLOPT_HEADERFUNCTION: one line. Taking less than it is given ends the transfer. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    struct hk_str line = {p, size * n};

    return response_add_line(&transfer->response, line, status_of(transfer)) ? line.n : 0;
}

/* CURLOPT_WRITEFUNCTION: the same, for a piece of the body. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    struct hk_str piece = {p, size * n};

    return response_add_body(&transfer->response, piece) ? piece.n : 0;
}

/* What never changes from request to request. No Accept-Encoding: nothing is ever unpacked. */
static void set_fixed_options(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const char *ca_file = transfer->http->options.ca_file;

    must(curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer));
    must(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https"));
    must(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
    must(curl_easy_setopt(easy, CURLOPT_PROXY, "")); /* or http_proxy would be honoured */
    must(curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"));
    must(curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
    must(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    /* Else a time-out waits for the thread that resolves a name, and every tenant with it. */
    must(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
    /* A slow HTTP/2 stream would hold up the others of its connection; there is no gain. */
    must(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    must(curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L));
    must(curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L));
    must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L));
    if (ca_file[0] != '\0')
        must(curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file));
    must(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket));
    must(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer));
    must(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket));
    must(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->http));
    must(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected));
    must(curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer));
    must(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
    must(curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
    must(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
    must(curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
}

static struct transfer *new_transfer(struct hk_http *http)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer == NULL)
        abort();
    transfer->http = http;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL)
        abort();
    set_fixed_options(transfer);
    transfer->next_of_all = http->all;
    http->all = transfer;
    return transfer;
}

struct hk_http *hk_http_new(const struct hk_http_options *options)
{
    struct hk_http *http = calloc(1, sizeof(*http));

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    http->options = *options;
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        abort();
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNECTIONS);
    (void)curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return http;
}

void hk_http_free(struct hk_http *http)
{
    if (http == NULL)
        return;
    while (http->all != NULL) {
        struct transfer *transfer = http->all;

        http->all = transfer->next_of_all;
        (void)curl_multi_remove_handle(http->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        explicit_bzero(transfer->request.text, sizeof(transfer->request.text));
        response_done(&transfer->response);
        free(transfer);
    }
    (void)curl_multi_cleanup(http->multi); /* closes connections: needs the sockets below */
    hk_loop_stop_timer(http->options.loop, &http->timer);
    for (size_t i = 0; i < http->n_sockets; i++) {
        if (http->sockets[i] != NULL)
            hk_loop_unwatch(http->options.loop, &http->sockets[i]->watch);
        free(http->sockets[i]);
    }
    free(http->sockets);
    curl_global_cleanup();
    free(http);
}

struct hk_request *hk_http_take(struct hk_http *http)
{
    struct transfer *transfer = http->free;

    if (transfer == NULL)
        transfer = new_transfer(http);
    else
        http->free = transfer->next_free;
    return &transfer->request;
}

void hk_http_give_back(struct hk_http *http, struct hk_request *request)
{
    struct transfer *transfer = HK_CONTAINER_OF(request, struct transfer, request);

    explicit_bzero(request->text, request->n_text); /* may hold a password */
    response_done(&transfer->response);
    transfer->next_free = http->free;
    http->free = transfer;
}

static void link_headers(struct transfer *transfer)
{
    const struct hk_request *request = &transfer->request;

    for (unsigned i = 0; i < request->n_headers; i++) {
        transfer->headers[i].data = (char *)(uintptr_t)request->headers[i]; /* libcurl only reads */
        transfer->headers[i].next = i + 1 < request->n_headers ? &transfer->headers[i + 1] : NULL;
    }
}

void hk_http_send(struct hk_http *http, struct hk_request *request, hk_http_done_fn *done,
                  void *done_arg)
{
    struct transfer *transfer = HK_CONTAINER_OF(request, struct transfer, request);
    CURL *easy = transfer->easy;
    long timeout_ms = (long)request->timeout_ms;

    transfer->done = done;
    transfer->done_arg = done_arg;
    transfer->has_blocked_address = transfer->has_opened_socket = transfer->has_begun = false;
    response_reset(&transfer->response, request->keep_body_bytes);
    link_headers(transfer);
    must(curl_easy_setopt(easy, CURLOPT_URL, request->url));
    must(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers));
    if (request->is_get) {
        must(curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L));
    } else {
        must(curl_easy_setopt(easy, CURLOPT_POST, 1L));
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n));
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.p));
    }
    must(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms));
    must(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                          timeout_ms < MAX_CONNECT_MS ? timeout_ms : MAX_CONNECT_MS));
    if (curl_multi_add_handle(http->multi, easy) != CURLM_OK)
        abort(); /* out of memory, or a handle that is in use: our fault */
}

bool hk_http_has_begun(struct hk_request *request)
{
    return HK_CONTAINER_OF(request, struct transfer, request)->has_begun;
}

void hk_http_abandon(struct hk_http *http, struct hk_request *request)
{
    struct transfer *transfer = HK_CONTAINER_OF(request, struct transfer, request);

    (void)curl_multi_remove_handle(http->multi, transfer->easy);
    hk_http_give_back(http, request);
}

/* clang-format off */
static const struct failure {
    CURLcode code;
    enum hk_outcome_kind kind;
    const char *error;
} failures[] = {
    {CURLE_OPERATION_TIMEDOUT,        HK_OUTCOME_TIMEOUT,         "no answer within the time limit"},
    {CURLE_COULDNT_RESOLVE_HOST,      HK_OUTCOME_DNS,             "the host name has no address"},
    {CURLE_COULDNT_CONNECT,           HK_OUTCOME_CONNECT,         "no connection"},
    {CURLE_SSL_CONNECT_ERROR,         HK_OUTCOME_TLS,             "the TLS handshake failed"},
    {CURLE_PEER_FAILED_VERIFICATION,  HK_OUTCOME_TLS,             "the certificate is not trusted"},
    {CURLE_SSL_ISSUER_ERROR,          HK_OUTCOME_TLS,             "the certificate is not trusted"},
    {CURLE_SSL_INVALIDCERTSTATUS,     HK_OUTCOME_TLS,             "the certificate is not trusted"},
    {CURLE_SSL_CIPHER,                HK_OUTCOME_TLS,             "the TLS handshake failed"},
    {CURLE_SSL_CACERT_BADFILE,        HK_OUTCOME_TLS,             "the file of authorities cannot be read"},
    {CURLE_SEND_ERROR,                HK_OUTCOME_RESET,           "the connection was closed while sending"},
    {CURLE_RECV_ERROR,                HK_OUTCOME_RESET,           "the connection was closed before the answer was complete"},
    {CURLE_GOT_NOTHING,               HK_OUTCOME_RESET,           "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE,              HK_OUTCOME_RESET,           "the connection was closed before the answer was complete"},
    {CURLE_URL_MALFORMAT,             HK_OUTCOME_REQUEST_INVALID, "the URL is not valid"},
};
/* clang-format on */

/* What a code means that says different things at different moments. */
static struct failure explain(const struct transfer *transfer, CURLcode code, bool is_connected)
{
    static const struct failure answered = {.kind = HK_OUTCOME_ANSWERED};
    static const struct failure blocked = {.kind = HK_OUTCOME_BLOCKED_ADDRESS,
                                           .error = "the address may not be called"};
    static const struct failure too_large = {.kind = HK_OUTCOME_PROTOCOL,
                                             .error = "the header section is too large"};
    static const struct failure invalid = {.kind = HK_OUTCOME_REQUEST_INVALID,
                                           .error = "the URL is not valid"};
    static const struct failure cut_off = {
        .kind = HK_OUTCOME_RESET,
        .error = "the connection was closed before the answer was complete"};

    if (code == CURLE_OK) /* also when the peer hangs up within the header section */
        return transfer->response.has_whole_head ? answered : cut_off;
    if (transfer->response.is_head_too_large)
        return too_large;
    /* We stopped reading, or the body came too slowly: the status had arrived in time (BC-21). */
    if (transfer->response.has_whole_head &&
        (code == CURLE_WRITE_ERROR || code == CURLE_OPERATION_TIMEDOUT))
        return answered;
    if (transfer->has_blocked_address && !transfer->has_opened_socket)
        return blocked;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && !is_connected)
        return invalid; /* else the answer is HTTP/0.9 */
    for (size_t i = 0; i < HK_COUNTOF(failures); i++) {
        if (failures[i].code == code)
            return failures[i];
    }
    return (struct failure){.kind = HK_OUTCOME_PROTOCOL,
                            .error = "the answer is not valid HTTP/1.1"};
}

/* Microseconds, or -1 when the phase was not reached: libcurl says 0. */
static int64_t read_time_us(CURL *easy, CURLINFO which)
{
    curl_off_t us = 0;

    (void)curl_easy_getinfo(easy, which, &us);
    return us > 0 ? (int64_t)us : -1;
}

static struct hk_outcome make_outcome(const struct transfer *transfer, CURLcode code)
{
    const struct response *response = &transfer->response;
    CURL *easy = transfer->easy;
    struct hk_outcome outcome = {
        .retry_after_ms = -1,
        .dns_us = read_time_us(easy, CURLINFO_NAMELOOKUP_TIME_T),
        .connect_us = read_time_us(easy, CURLINFO_CONNECT_TIME_T),
        .tls_us = read_time_us(easy, CURLINFO_APPCONNECT_TIME_T),
        .first_byte_us = read_time_us(easy, CURLINFO_STARTTRANSFER_TIME_T),
        .duration_us = read_time_us(easy, CURLINFO_TOTAL_TIME_T),
        .response_headers = {response->head, response->n_head},
        .response_body = {response->body, response->n_body},
        .is_truncated = response->is_truncated || (code != CURLE_OK && response->has_whole_head),
    };
    struct failure failure;
    const char *address = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    (void)snprintf(outcome.remote_address, HK_OUTCOME_ADDRESS_SIZE, "%s", address ? address : "");
    failure = explain(transfer, code, outcome.remote_address[0] != '\0');
    outcome.kind = failure.kind;
    outcome.error = failure.error;
    outcome.status = response->has_whole_head ? (int)status_of(transfer) : 0;
    if (outcome.duration_us < 0)
        outcome.duration_us = 0;
    if (response->n_retry_after > 0)
        outcome.retry_after_ms =
            hk_retry_after_parse((struct hk_str){response->retry_after, response->n_retry_after},
                                 hk_wall_us() / 1000000);
    if (outcome.kind == HK_OUTCOME_BLOCKED_ADDRESS) { /* not a word on what is where */
        outcome.remote_address[0] = '\0';
        outcome.dns_us = outcome.connect_us = -1;
    }
    return outcome;
}

static void finish(struct transfer *transfer, CURLcode code)
{
    struct hk_http *http = transfer->http;
    struct hk_outcome outcome = make_outcome(transfer, code);

    (void)curl_multi_remove_handle(http->multi, transfer->easy);
    transfer->done(transfer->done_arg, &outcome);
    hk_http_give_back(http, &transfer->request);
}

static void collect(struct hk_http *http)
{
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(http->multi, &n_left)) != NULL) {
        char *transfer = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish((struct transfer *)(void *)transfer, code); /* `message` is gone now */
    }
}

static void on_socket_ready(struct hk_watch *watch, unsigned events)
{
    struct hk_http *http = HK_CONTAINER_OF(watch, struct http_socket, watch)->http;
    int flags = ((events & HK_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
                ((events & HK_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
    int n_running;

    (void)curl_multi_socket_action(http->multi, watch->fd, flags, &n_running);
    collect(http);
}

static void on_timer_due(struct hk_timer *timer)
{
    struct hk_http *http = HK_CONTAINER_OF(timer, struct hk_http, timer);
    int n_running;

    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    collect(http);
}
