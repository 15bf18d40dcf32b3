/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.c - see proxy.h. */
#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PROXIES 8

struct proxy {
    int listener, status;
    unsigned port;

    pthread_mutex_t lock; /* of what follows */
    unsigned n_connects;
    char target[PROXY_TEXT_SIZE];
    char head[1024];
};

struct tunnel {
    struct proxy *proxy;
    int fd;
};

/* Found from here, so that no leak checker takes them for lost. */
static struct proxy *proxies[MAX_PROXIES];
static unsigned n_proxies;

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Byte by byte: what comes behind the head is the tunnel's. */
static bool read_head(int fd, char ret[1024])
{
    size_t n = 0;

    while (n < 1023 && recv(fd, ret + n, 1, 0) == 1) {
        ret[++n] = '\0';
        if (n >= 4 && memcmp(ret + n - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

/* Every name is this machine. */
static int connect_to(const char *target)
{
    const char *colon = strrchr(target, ':');
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void pass(int a, int b)
{
    struct pollfd both[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    char bytes[4096];

    while (poll(both, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t n = both[i].revents == 0 ? 0 : recv(both[i].fd, bytes, sizeof(bytes), 0);

            if (both[i].revents != 0 && (n <= 0 || !send_all(both[1 - i].fd, bytes, (size_t)n)))
                return;
        }
    }
}

static void serve(struct proxy *proxy, int fd)
{
    char head[1024] = "", target[PROXY_TEXT_SIZE] = "", line[64];
    int peer = -1, status = proxy->status;

    if (!read_head(fd, head) || sscanf(head, "CONNECT %255s HTTP/1.1", target) != 1)
        return;
    (void)pthread_mutex_lock(&proxy->lock);
    proxy->n_connects++;
    memcpy(proxy->target, target, sizeof(target));
    memcpy(proxy->head, head, sizeof(head));
    (void)pthread_mutex_unlock(&proxy->lock);
    if (status == 200)
        peer = connect_to(target);
    if (status == 200 && peer < 0)
        status = 502;
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d x\r\nretry-after: 77\r\n\r\n", status);
    if (send_all(fd, line, strlen(line)) && peer >= 0)
        pass(fd, peer);
    if (peer >= 0)
        (void)close(peer);
}

static void *tunnel_main(void *arg)
{
    struct tunnel *tunnel = arg;

    serve(tunnel->proxy, tunnel->fd);
    (void)close(tunnel->fd);
    free(tunnel);
    return NULL;
}

static void *proxy_main(void *arg)
{
    struct proxy *proxy = arg;
    pthread_t thread;
    int fd;

    while ((fd = accept(proxy->listener, NULL, NULL)) >= 0) {
        struct tunnel *tunnel = malloc(sizeof(*tunnel));

        assert(tunnel != NULL);
        *tunnel = (struct tunnel){proxy, fd};
        if (pthread_create(&thread, NULL, tunnel_main, tunnel) != 0 || pthread_detach(thread) != 0)
            abort();
    }
    return NULL;
}

struct proxy *proxy_start(int status)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    socklen_t size = sizeof(address);
    pthread_t thread;

    assert(proxy != NULL && n_proxies < MAX_PROXIES);
    proxies[n_proxies++] = proxy;
    proxy->status = status;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(proxy->listener, 64) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    proxy->port = ntohs(address.sin_port);
    (void)pthread_mutex_init(&proxy->lock, NULL);
    if (pthread_create(&thread, NULL, proxy_main, proxy) != 0 || pthread_detach(thread) != 0)
        abort();
    return proxy;
}

unsigned proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

unsigned proxy_count(struct proxy *proxy)
{
    unsigned n;

    (void)pthread_mutex_lock(&proxy->lock);
    n = proxy->n_connects;
    (void)pthread_mutex_unlock(&proxy->lock);
    return n;
}

void proxy_last(struct proxy *proxy, char ret_target[PROXY_TEXT_SIZE], char ret_head[1024])
{
    (void)pthread_mutex_lock(&proxy->lock);
    memcpy(ret_target, proxy->target, PROXY_TEXT_SIZE);
    memcpy(ret_head, proxy->head, sizeof(proxy->head));
    (void)pthread_mutex_unlock(&proxy->lock);
}
