/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - requests: libcurl's easy handles, with what each is held to.
 *
 * A transfer keeps its easy handle for its whole life and goes back to a free list: setting up a
 * handle costs more than a request. Its connections are http_pool.c's, its end http_outcome.c's.
 */
#include "hk/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "http_transfer.h"

#define MAX_CONNECT_MS 5000L
#define BUFFER_BYTES   1024L /* an answer as a rule: libcurl allocates it for each request */
#define CA_CACHE_S     3600L /* then the file of authorities is read again */

/* A libcurl that does not know an option that protects us must not run. */
static void must(CURLcode code)
{
    if (code != CURLE_OK) {
        (void)fprintf(stderr, "libcurl: %s\n", curl_easy_strerror(code));
        abort();
    }
}

static bool has_proxy(const struct hk_http *http)
{
    return http->options.proxy_url[0] != '\0';
}

/*
 * CURLOPT_OPENSOCKETFUNCTION: the last word on where we connect. It sees the resolved address, so a
 * name that changes its mind, an odd spelling of an IP address or an IPv4-mapped one gains nothing.
 * With a proxy nothing but the proxy is ever connected, and the proxy resolves and judges.
 */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    int fd;

    if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM ||
        (!has_proxy(transfer->http) &&
         !hk_addr_may_call(&address->addr, &transfer->pool->allowed_networks))) {
        transfer->has_blocked_address = true;
        return CURL_SOCKET_BAD;
    }
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    transfer->has_opened_socket = true;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static bool may_call(const char *ip, const struct hk_networks *networks)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, ip, &ipv4.sin_addr) == 1)
        return hk_addr_may_call((const struct sockaddr *)(const void *)&ipv4, networks);
    return inet_pton(AF_INET6, ip, &ipv6.sin6_addr) == 1 &&
           hk_addr_may_call((const struct sockaddr *)(const void *)&ipv6, networks);
}

static int64_t unix_time_of(const ASN1_TIME *time)
{
    struct tm tm;

    return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* What is known while the connection is the transfer's own: libcurl gives it up before the end. */
static void read_tls(struct transfer *transfer)
{
    struct curl_tlssessioninfo *session = NULL;
    const X509 *certificate;
    const SSL *ssl;

    transfer->tls = (struct hk_tls){.version = NULL};
    if (curl_easy_getinfo(transfer->easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK ||
        session == NULL || session->backend != CURLSSLBACKEND_OPENSSL || session->internals == NULL)
        return;
    ssl = session->internals;
    certificate = SSL_get0_peer_certificate(ssl);
    transfer->tls.version = SSL_get_version(ssl);
    transfer->tls.cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl));
    if (certificate != NULL)
        transfer->tls.certificate_expires_s = unix_time_of(X509_get0_notAfter(certificate));
}

/*
 * CURLOPT_PREREQFUNCTION: the connection stands, new or kept alive, and the request is about to go
 * out. It does so more than once when a kept-alive connection ends before a byte of an answer came:
 * libcurl then sends it again at once on another one.
 */
static int on_request_begins(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *transfer = arg;

    (void)local_ip;
    (void)port;
    (void)local_port;
    /* The pools see to it; a mistake there must not be enough. */
    if (!has_proxy(transfer->http) && !may_call(ip, &transfer->pool->allowed_networks)) {
        transfer->has_blocked_address = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->n_sent++;
    read_tls(transfer);
    return CURL_PREREQFUNC_OK;
}

/* CURLOPT_HEADERFUNCTION: one line. Taking less than it is given ends the transfer. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    struct hk_str line = {p, size * n};

    return response_add_line(&transfer->response, line, transfer_status(transfer)) ? line.n : 0;
}

/* CURLOPT_WRITEFUNCTION: the same, for a piece of the body. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    struct hk_str piece = {p, size * n};

    return response_add_body(&transfer->response, piece) ? piece.n : 0;
}

/* "" is no proxy: without it http_proxy would be honoured. No host goes past a proxy that is set.
 */
static void set_proxy(CURL *easy, const char *proxy_url)
{
    must(curl_easy_setopt(easy, CURLOPT_PROXY, proxy_url));
    must(curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy_url[0] == '\0' ? "*" : ""));
    must(curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L)); /* http:// too: CONNECT for all */
    must(curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE));
    must(curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L));
}

/*
 * The authorities of one file are read once and shared by all connections of a pool; of a
 * directory, which Debian's libcurl looks into besides, by each connection anew: 10 ms and 1 MB.
 * Who names a file trusts nobody else.
 */
static void set_authorities(CURL *easy, const char *ca_file)
{
    const char *system_file = NULL;

    if (ca_file[0] != '\0')
        must(curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file));
    (void)curl_easy_getinfo(easy, CURLINFO_CAINFO, &system_file);
    if (ca_file[0] != '\0' || system_file != NULL)
        must(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
    must(curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S));
}

/* What never changes from request to request. No Accept-Encoding: nothing is ever unpacked. */
static void set_fixed_options(struct transfer *transfer)
{
    CURL *easy = transfer->easy;

    must(curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer));
    must(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https"));
    must(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
    set_proxy(easy, transfer->http->options.proxy_url);
    must(curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
    must(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    /* Else a time-out waits for the thread that resolves a name, and every tenant with it. */
    must(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
    /* A slow HTTP/2 stream would hold up the others of its connection; there is no gain. */
    must(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    must(curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L));
    must(curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES));
    must(curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L));
    must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L));
    set_authorities(easy, transfer->http->options.ca_file);
    must(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket));
    must(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer));
    must(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, pool_on_close_socket));
    must(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->http));
    must(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request_begins));
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
    static const struct hk_egress usual;
    struct hk_http *http = calloc(1, sizeof(*http));

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    http->options = *options;
    if (http->options.proxy_url == NULL)
        http->options.proxy_url = "";
    (void)pool_find(http, &usual);
    return http;
}

static void free_transfer(struct transfer *transfer)
{
    hk_loop_stop_timer(transfer->http->options.loop, &transfer->refusal);
    if (transfer->pool != NULL)
        pool_end(transfer->pool, transfer);
    curl_easy_cleanup(transfer->easy);
    explicit_bzero(transfer->request.text, sizeof(transfer->request.text));
    response_done(&transfer->response);
    free(transfer);
}

void hk_http_free(struct hk_http *http)
{
    if (http == NULL)
        return;
    while (http->all != NULL) {
        struct transfer *transfer = http->all;

        http->all = transfer->next_of_all;
        free_transfer(transfer);
    }
    pools_free(http);
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

/* PEM, borrowed until the end. libcurl takes pointers that it does not write to. */
static struct curl_blob blob_of(struct hk_str pem)
{
    return (struct curl_blob){
        .data = (void *)(uintptr_t)pem.p, .len = pem.n, .flags = CURL_BLOB_NOCOPY};
}

static void set_certificate(struct transfer *transfer)
{
    const struct hk_egress *egress = &transfer->request.egress;
    struct curl_blob certificate = blob_of(egress->certificate);
    struct curl_blob key = blob_of(egress->private_key);
    bool has_one = egress->certificate.n > 0;

    if (!has_one && !transfer->has_certificate)
        return;
    must(curl_easy_setopt(transfer->easy, CURLOPT_SSLCERT_BLOB, has_one ? &certificate : NULL));
    must(curl_easy_setopt(transfer->easy, CURLOPT_SSLKEY_BLOB, has_one ? &key : NULL));
    transfer->has_certificate = has_one;
}

static void set_request(struct transfer *transfer)
{
    const struct hk_request *request = &transfer->request;
    CURL *easy = transfer->easy;
    long timeout_ms = (long)request->timeout_ms;
    bool is_head = request->verb != NULL && strcmp(request->verb, "HEAD") == 0;

    link_headers(transfer);
    /* The text, too: libcurl reads it when it sends the request again on another connection. */
    must(curl_easy_setopt(easy, CURLOPT_URL, request->url));
    must(curl_easy_setopt(easy, CURLOPT_CURLU,
                          transfer->url == NULL ? NULL : transfer->url->parsed));
    must(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers));
    must(curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->verb));
    must(curl_easy_setopt(easy, CURLOPT_NOBODY, is_head ? 1L : 0L));
    if (request->is_get && !is_head) {
        must(curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L));
    } else if (!is_head) {
        must(curl_easy_setopt(easy, CURLOPT_POST, 1L));
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n));
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.p));
    }
    must(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms));
    must(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                          timeout_ms < MAX_CONNECT_MS ? timeout_ms : MAX_CONNECT_MS));
    set_certificate(transfer);
}

/*
 * What the rules for URLs say today, whatever they said when this one was stored. Where a proxy
 * connects, we never see an address: those that stand in the URL are judged here.
 */
static void find_url(struct transfer *transfer, struct pool *pool)
{
    const struct hk_request *request = &transfer->request;
    bool is_judged_later = request->egress.allows_http && !has_proxy(transfer->http);

    transfer->url = urls_take(&pool->urls, hk_str(request->url), request->egress.allows_http,
                              is_judged_later ? NULL : &pool->allowed_networks, &transfer->fault);
}

static void on_refused(struct hk_timer *timer)
{
    struct transfer *transfer = HK_CONTAINER_OF(timer, struct transfer, refusal);
    struct hk_outcome outcome = transfer_refusal(transfer);

    transfer->done(transfer->done_arg, &outcome);
    hk_http_give_back(transfer->http, &transfer->request);
}

void hk_http_send(struct hk_http *http, struct hk_request *request, hk_http_done_fn *done,
                  void *done_arg)
{
    struct transfer *transfer = HK_CONTAINER_OF(request, struct transfer, request);
    struct pool *pool = pool_find(http, &request->egress);

    transfer->done = done;
    transfer->done_arg = done_arg;
    transfer->has_blocked_address = transfer->has_opened_socket = false;
    transfer->n_sent = 0;
    transfer->tls = (struct hk_tls){.version = NULL};
    response_reset(&transfer->response, request->keep_body_bytes);
    find_url(transfer, pool);
    if (transfer->fault != NULL) {
        hk_loop_set_timer(http->options.loop, &transfer->refusal, 0, on_refused);
        return;
    }
    set_request(transfer);
    pool_begin(pool, transfer);
}

/* Whatever the handle borrowed is given back. */
static void end(struct transfer *transfer)
{
    hk_loop_stop_timer(transfer->http->options.loop, &transfer->refusal);
    if (transfer->pool == NULL)
        return;
    urls_give_back(transfer->url);
    transfer->url = NULL;
    pool_end(transfer->pool, transfer);
    transfer->request.egress = (struct hk_egress){.allows_http = false};
    set_certificate(transfer);
}

bool hk_http_has_begun(struct hk_request *request)
{
    return HK_CONTAINER_OF(request, struct transfer, request)->n_sent > 0;
}

void hk_http_abandon(struct hk_http *http, struct hk_request *request)
{
    end(HK_CONTAINER_OF(request, struct transfer, request));
    hk_http_give_back(http, request);
}

void transfer_finish(struct transfer *transfer, CURLcode code)
{
    struct hk_outcome outcome = transfer_outcome(transfer, code);

    end(transfer);
    transfer->done(transfer->done_arg, &outcome);
    hk_http_give_back(transfer->http, &transfer->request);
}
