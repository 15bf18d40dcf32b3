/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/listen.h"

#include <errno.h>
#include <h2o.h>
#include <netdb.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hk/log.h"

static int fail(const char *address, const char *why)
{
    hk_log(HK_LOG_ERROR, "listen.failed", HK_CTEXT("address", address), HK_CTEXT("why", why));
    return -1;
}

/* "[::1]:8080" and "127.0.0.1:8080"; false when it is neither. */
static bool split(const char *address, char host[256], char port[16])
{
    const char *colon = strrchr(address, ':');
    size_t host_n;

    if (colon == NULL || colon == address || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
        return false;
    host_n = (size_t)(colon - address);
    if (address[0] == '[') {
        if (host_n < 3 || address[host_n - 1] != ']')
            return false;
        address++;
        host_n -= 2;
    }
    if (host_n > 255)
        return false;
    (void)snprintf(host, 256, "%.*s", (int)host_n, address);
    (void)snprintf(port, 16, "%s", colon + 1);
    return true;
}

static int open_socket(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char service[16];

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) != 0)
        return 0;
    return (int)strtol(service, NULL, 10);
}

int listen_open(const char *address, int *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *info;
    char host[256], service[16];
    int fd;

    if (!split(address, host, service))
        return fail(address, "must be address:port or [address]:port");
    if (*port != 0)
        (void)snprintf(service, sizeof(service), "%d", *port);
    if (getaddrinfo(host, service, &hints, &info) != 0)
        return fail(address, "the address must be numeric");
    fd = open_socket(info);
    freeaddrinfo(info);
    if (fd < 0)
        return fail(address, strerror(errno));
    *port = bound_port(fd);
    return fd;
}

SSL_CTX *listen_tls_context(const char *cert_file, const char *key_file)
{
    static char http11[] = "http/1.1";
    static const h2o_iovec_t protocols[] = {{http11, sizeof(http11) - 1}, {NULL, 0}};
    static const unsigned char session_context[] = "hookline";
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());

    if (ssl != NULL && SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_chain_file(ssl, cert_file) == 1 &&
        SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(ssl) == 1 &&
        SSL_CTX_set_session_id_context(ssl, session_context, sizeof(session_context) - 1) == 1) {
        (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_NO_RENEGOTIATION);
        (void)SSL_CTX_set_max_early_data(ssl, 0);
        h2o_ssl_register_alpn_protocols(ssl, protocols);
        return ssl;
    }
    (void)fail(cert_file, ERR_reason_error_string(ERR_peek_last_error()));
    SSL_CTX_free(ssl);
    return NULL;
}
