/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - see raw.h. */
#include "tests/support/raw.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ANSWERS   8
#define MAX_RECEIVERS 64
#define N_FILLERS     2
#define DRIP_MS       50

struct raw_receiver {
    int listener;
    char url[RAW_URL_SIZE];
    struct raw_answer answers[MAX_ANSWERS];
    unsigned n_answers;
    int fillers[N_FILLERS]; /* connections of our own that fill the queue of the listener */

    pthread_mutex_t lock; /* of what follows */
    unsigned n_done;
    char request[RAW_REQUEST_SIZE];
};

/* Found from here, so that no leak checker takes them for lost. */
static struct raw_receiver *receivers[MAX_RECEIVERS];
static unsigned n_receivers;

/* ---- one connection ---- */

static bool send_all(int fd, struct hk_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return true;
}

/* The end of a request: the body is as long as its head says. */
static bool is_whole(const char *request, size_t n)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\ncontent-length:");

    if (end == NULL || length == NULL)
        return end != NULL;
    return n >= (size_t)(end + 4 - request) + strtoul(length + 17, NULL, 10);
}

/* False when the peer left without having asked. */
static bool read_request(struct raw_receiver *raw, int fd)
{
    char request[RAW_REQUEST_SIZE] = "";
    size_t n = 0;

    while (n + 1 < sizeof(request) && !is_whole(request, n)) {
        ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);

        if (got <= 0)
            break;
        n += (size_t)got;
        request[n] = '\0';
    }
    (void)pthread_mutex_lock(&raw->lock);
    memcpy(raw->request, request, sizeof(request));
    (void)pthread_mutex_unlock(&raw->lock);
    return n > 0;
}

static bool peer_has_left(int fd, int timeout_ms)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&readable, 1, timeout_ms) > 0 && recv(fd, &byte, 1, MSG_PEEK) <= 0;
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void answer(int fd, const struct raw_answer *answer)
{
    static const char filler[4096] = "xxxxxxxxxxxxxxxx";
    char ignored[4096];

    if (answer->end != RAW_REFUSE && !send_all(fd, answer->bytes))
        return;
    switch (answer->end) {
    case RAW_CLOSE:
    case RAW_BLURT:
    case RAW_REFUSE:
        return;
    case RAW_RESET:
        reset(fd);
        return;
    case RAW_RESET_NEXT:
        if (recv(fd, ignored, sizeof(ignored), 0) > 0)
            reset(fd);
        return;
    case RAW_ENDLESS:
        while (send_all(fd, (struct hk_str){filler, sizeof(filler)}))
            ;
        return;
    case RAW_FLOOD:
        while (send_all(fd, answer->bytes))
            ;
        return;
    case RAW_DRIP:
        while (!peer_has_left(fd, DRIP_MS) && send_all(fd, HK_STR("x")))
            ;
        return;
    case RAW_SILENT:
        while (recv(fd, ignored, sizeof(ignored), 0) > 0)
            ;
        return;
    }
}

static void serve(struct raw_receiver *raw, int fd)
{
    unsigned i = raw->n_done < raw->n_answers ? raw->n_done : raw->n_answers - 1;
    const struct raw_answer *chosen = &raw->answers[i];
    char ignored[4096];
    bool has_asked = chosen->end == RAW_REFUSE ||
                     (chosen->end == RAW_BLURT && recv(fd, ignored, sizeof(ignored), 0) > 0) ||
                     (chosen->end != RAW_BLURT && read_request(raw, fd));

    answer(fd, chosen);
    (void)close(fd);
    (void)pthread_mutex_lock(&raw->lock);
    raw->n_done += has_asked;
    (void)pthread_mutex_unlock(&raw->lock);
}

static void *thread_main(void *arg)
{
    struct raw_receiver *raw = arg;
    int fd;

    while ((fd = accept(raw->listener, NULL, NULL)) >= 0)
        serve(raw, fd);
    return NULL;
}

/* ---- receivers ---- */

static struct raw_receiver *listen_on_free_port(int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct raw_receiver *raw = calloc(1, sizeof(*raw));
    socklen_t size = sizeof(address);

    assert(raw != NULL && n_receivers < MAX_RECEIVERS);
    receivers[n_receivers++] = raw;
    raw->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(raw->listener >= 0);
    if (bind(raw->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(raw->listener, backlog) != 0 ||
        getsockname(raw->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    (void)snprintf(raw->url, sizeof(raw->url), "http://127.0.0.1:%u/raw",
                   (unsigned)ntohs(address.sin_port));
    (void)pthread_mutex_init(&raw->lock, NULL);
    return raw;
}

static void start_thread(struct raw_receiver *raw)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_main, raw) != 0 || pthread_detach(thread) != 0)
        abort();
}

struct raw_receiver *raw_receive(const struct raw_answer *answers, unsigned n_answers)
{
    struct raw_receiver *raw = listen_on_free_port(64);

    assert(n_answers >= 1 && n_answers <= MAX_ANSWERS);
    memcpy(raw->answers, answers, n_answers * sizeof(*answers));
    raw->n_answers = n_answers;
    start_thread(raw);
    return raw;
}

struct raw_receiver *raw_receive_behind_gate(void)
{
    struct raw_receiver *raw = listen_on_free_port(0);
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    /* One fits into the queue; the next stays outside, as will everybody after it. */
    (void)getsockname(raw->listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < N_FILLERS; i++) {
        raw->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(raw->fillers[i], (struct sockaddr *)&address, size);
    }
    return raw;
}

void raw_open_gate(struct raw_receiver *raw)
{
    raw->answers[0] = (struct raw_answer){
        .bytes = HK_STR("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")};
    raw->n_answers = 1;
    for (int i = 0; i < N_FILLERS; i++)
        (void)close(raw->fillers[i]);
    if (listen(raw->listener, 64) != 0)
        abort();
    start_thread(raw);
}

const char *raw_url(const struct raw_receiver *raw)
{
    return raw->url;
}

unsigned raw_count(struct raw_receiver *raw)
{
    unsigned n;

    (void)pthread_mutex_lock(&raw->lock);
    n = raw->n_done;
    (void)pthread_mutex_unlock(&raw->lock);
    return n;
}

void raw_last_request(struct raw_receiver *raw, char ret[RAW_REQUEST_SIZE])
{
    (void)pthread_mutex_lock(&raw->lock);
    memcpy(ret, raw->request, RAW_REQUEST_SIZE);
    (void)pthread_mutex_unlock(&raw->lock);
}
