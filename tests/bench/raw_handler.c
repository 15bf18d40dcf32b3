/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_handler - the least that an h2o program can do with a POST: answer 202. The bench's yardstick
 * for hookline-api, configured like it (HTTP/1.1 only, one thread).
 *
 *     raw_handler PORT
 */
#include <h2o.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_context;

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    static const char body[] = "{\"id\":\"00000000-0000-0000-0000-000000000000\"}";

    (void)self;
    req->res.status = 202;
    req->res.reason = "Accepted";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    req->res.content_length = sizeof(body) - 1;
    h2o_send_inline(req, H2O_STRLIT(body));
    return 0;
}

static void on_acceptable(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *sock = error == NULL ? h2o_evloop_socket_accept(listener) : NULL;

    if (sock != NULL)
        h2o_accept(&accept_context, sock);
}

static int open_listener(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0) {
        perror("raw_handler");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    h2o_socket_t *listener;
    h2o_hostconf_t *host;
    int fd;

    if (argc != 2)
        return 2;
    fd = open_listener(argv[1]);
    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
        on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_acceptable);
    for (;;)
        (void)h2o_evloop_run(context.loop, INT32_MAX);
}
