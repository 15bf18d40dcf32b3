/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the sinker's options, listener, TLS and loop.
 *
 *     sinker [--listen 127.0.0.1:0] [--record N] [--body-bytes N] [--tls-cert FILE --tls-key FILE]
 *
 * Prints {"listening":"127.0.0.1:PORT"} on stdout when it is ready; SIGTERM and SIGINT end it.
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/sinker/sinker.h"

#define MAX_BODY_BYTES (16L << 20)
#define KEEP_ALIVE_MS  300000
#define MAX_WAIT_MS    250 /* a signal between two turns is seen at the latest then */
#define ACCEPT_AT_ONCE 64
#define DEFAULT_N_KEPT 100000
#define MAX_N_KEPT     10000000
#define LISTEN_BACKLOG 4096

struct options {
    char *listen;
    const char *tls_cert;
    const char *tls_key;
    long n_kept;
    long n_body;
};

static struct {
    struct sinker sinker;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener; /* epoll alone would hide it from LeakSanitizer */
} self;

static volatile sig_atomic_t wants_stop;

static void on_signal(int number)
{
    (void)number;
    wants_stop = 1;
}

static HK_NORETURN void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "sinker: %s: %s\n", what, why);
    exit(2);
}

static long read_number(const char *option, const char *text, long max)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < 0 || number > max)
        die(option, "a number is wanted that is not too large");
    return number;
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'},     {"record", required_argument, NULL, 'r'},
        {"body-bytes", required_argument, NULL, 'b'}, {"tls-cert", required_argument, NULL, 'c'},
        {"tls-key", required_argument, NULL, 'k'},    {NULL, 0, NULL, 0},
    };
    static char default_listen[] = "127.0.0.1:0";
    struct options options = {
        .listen = default_listen, .n_kept = DEFAULT_N_KEPT, .n_body = STORE_BODY_BYTES};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'l') {
            options.listen = optarg;
        } else if (option == 'r') {
            options.n_kept = read_number("--record", optarg, MAX_N_KEPT);
        } else if (option == 'b') {
            options.n_body = read_number("--body-bytes", optarg, MAX_BODY_BYTES);
        } else if (option == 'c') {
            options.tls_cert = optarg;
        } else if (option == 'k') {
            options.tls_key = optarg;
        } else {
            die("usage", "sinker [--listen ADDRESS:PORT] [--record N] [--body-bytes N] "
                         "[--tls-cert F --tls-key F]");
        }
    }
    if (optind != argc || (options.tls_cert == NULL) != (options.tls_key == NULL))
        die("usage", "no arguments but options; --tls-cert goes with --tls-key");
    return options;
}

/* "127.0.0.1:0" or "[::1]:0" */
static int open_listener(char *text)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *address;
    char *colon = strrchr(text, ':'), *host = text;
    int fd, on = 1;

    if (colon == NULL)
        die("--listen", "ADDRESS:PORT is wanted");
    *colon = '\0';
    if (host[0] == '[' && colon[-1] == ']') {
        host++;
        colon[-1] = '\0';
    }
    if (getaddrinfo(host, colon + 1, &hints, &address) != 0)
        die("--listen", "not an address and port");
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        die("--listen", strerror(errno));
    freeaddrinfo(address);
    return fd;
}

static void announce(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof(address);
    char host[64], port[16];
    bool is_v6;

    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0 ||
        getnameinfo((struct sockaddr *)&address, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        die("getsockname", strerror(errno));
    is_v6 = address.ss_family == AF_INET6;
    (void)printf("{\"listening\":\"%s%s%s:%s\"}\n", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    (void)fflush(stdout);
}

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                   const unsigned char *offered, unsigned n_offered, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned i = 0; i + 8 < n_offered; i += offered[i] + 1u) {
        if (offered[i] == 8 && memcmp(offered + i + 1, "http/1.1", 8) == 0) {
            *ret = offered + i + 1;
            *ret_n = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *tls_new(const struct options *options)
{
    SSL_CTX *tls;

    if (options->tls_cert == NULL)
        return NULL;
    tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
        die("TLS", "cannot be set up");
    if (SSL_CTX_use_certificate_chain_file(tls, options->tls_cert) != 1)
        die(options->tls_cert, "not a certificate chain in PEM");
    if (SSL_CTX_use_PrivateKey_file(tls, options->tls_key, SSL_FILETYPE_PEM) != 1)
        die(options->tls_key, "not the private key of that certificate in PEM");
    SSL_CTX_set_alpn_select_cb(tls, on_alpn, NULL);
    return tls;
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    size_t path_n = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    struct hk_str path = {req->path.base, path_n}, query = {"", 0};

    (void)handler;
    if (req->query_at != SIZE_MAX)
        query = (struct hk_str){req->path.base + path_n + 1, req->path.len - path_n - 1};
    if (path.n > 9 && memcmp(path.p, "/_sinker/", 9) == 0)
        control(&self.sinker, req, path, query);
    else
        receive(&self.sinker, req, path, query);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    if (error != NULL)
        return;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);

        if (socket == NULL)
            return;
        h2o_accept(&self.accept, socket);
    }
}

static void set_up_h2o(SSL_CTX *tls)
{
    h2o_hostconf_t *host;
    h2o_pathconf_t *root;

    h2o_config_init(&self.config);
    self.config.server_name = h2o_iovec_init(H2O_STRLIT("sinker"));
    self.config.max_request_entity_size = MAX_BODY_BYTES;
    self.config.http1.req_timeout = KEEP_ALIVE_MS;
    self.config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&self.config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    root = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(root, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&self.context, h2o_evloop_create(), &self.config);
    self.accept =
        (h2o_accept_ctx_t){.ctx = &self.context, .hosts = self.config.hosts, .ssl_ctx = tls};
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct sigaction stop = {.sa_handler = on_signal};
    int fd = open_listener(options.listen);

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    store_init(&self.sinker.store, (size_t)options.n_kept, (size_t)options.n_body);
    self.sinker.timers = hk_loop_new();
    set_up_h2o(tls_new(&options));
    self.listener = h2o_evloop_socket_create(self.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(self.listener, on_accept);
    announce(fd);

    while (!wants_stop) {
        int wait_ms = hk_loop_wait_ms(self.sinker.timers, MAX_WAIT_MS);

        (void)h2o_evloop_run(self.context.loop, wait_ms);
        if (hk_loop_wait_ms(self.sinker.timers, MAX_WAIT_MS) == 0)
            hk_loop_turn(self.sinker.timers, 0);
    }
    return 0; /* the kernel closes what is open: nobody is owed an answer */
}
