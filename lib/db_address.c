/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_address.c - the loop's thread fills a struct db_address and hands it to a thread of its own,
 * which gives it back through an eventfd. Both hold it, and who lets it go last frees it: a thread
 * that waits for a name server cannot be ended.
 *
 * Names that stand in a service file (service=...) are libpq's to look up.
 */
#include "db_address.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "hk/buf.h"

enum { MAX_HOSTS = 16, MAX_LIST_BYTES = 65536 };

struct db_address {
    atomic_uint n_holders;

    /* Of the loop's thread. */
    struct hk_loop *loop;
    struct hk_watch watch;
    db_address_done_fn *done;
    void *done_arg;

    /* The thread's, until it has written to the eventfd. */
    int fd;
    char *host, *port; /* as given: words between commas */
    unsigned n_found;
    struct hk_buf hosts, addresses, ports;
};

static void let_go(struct db_address *address)
{
    if (atomic_fetch_sub(&address->n_holders, 1) > 1)
        return;
    (void)close(address->fd);
    free(address->host);
    free(address->port);
    hk_buf_done(&address->hosts);
    hk_buf_done(&address->addresses);
    hk_buf_done(&address->ports);
    free(address);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void add(struct hk_buf *list, bool is_first, const char *word, size_t n)
{
    if (!is_first)
        hk_buf_add_text(list, ",");
    hk_buf_add(list, word, n);
}

/* `numeric` may be "": a directory of sockets. */
static void add_found(struct db_address *address, struct hk_str host, const char *numeric,
                      struct hk_str port)
{
    bool is_first = address->n_found++ == 0;

    add(&address->hosts, is_first, host.p, host.n);
    add(&address->addresses, is_first, numeric, strlen(numeric));
    add(&address->ports, is_first, port.p, port.n);
}

static bool is_path(const char *host)
{
    return host[0] == '/' || host[0] == '@' || host[0] == '\0';
}

static void look_up(struct db_address *address, struct hk_str host, struct hk_str port)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char name[NI_MAXHOST], numeric[INET6_ADDRSTRLEN + 16];
    struct addrinfo *list = NULL;

    if (host.n >= sizeof(name))
        return;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    if (is_path(name)) {
        add_found(address, host, "", port);
        return;
    }
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, numeric, sizeof(numeric), NULL, 0,
                        NI_NUMERICHOST) == 0)
            add_found(address, host, numeric, port);
    }
    freeaddrinfo(list);
}

/* The n-th word, from 0; the last one when there are fewer: one port may be that of all hosts. */
static struct hk_str word_of(const char *list, unsigned n)
{
    size_t length = strcspn(list, ",");

    while (n-- > 0 && list[length] == ',') {
        list += length + 1;
        length = strcspn(list, ",");
    }
    return (struct hk_str){list, length};
}

static unsigned count_words(const char *list)
{
    unsigned n = 1;

    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

static void *thread_main(void *arg)
{
    struct db_address *address = arg;
    unsigned n_hosts = count_words(address->host);
    uint64_t one = 1;

    for (unsigned i = 0; i < n_hosts && i < MAX_HOSTS; i++)
        look_up(address, word_of(address->host, i), word_of(address->port, i));
    (void)!write(address->fd, &one, sizeof(one));
    let_go(address);
    return NULL;
}

/* Signals are for the threads that have a loop. */
static bool start_thread(struct db_address *address)
{
    sigset_t all, before;
    pthread_t thread;
    bool has_started;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    has_started = pthread_create(&thread, NULL, thread_main, address) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (has_started)
        (void)pthread_detach(thread);
    return has_started;
}

/* ---- the loop's thread ----------------------------------------------------------------------- */

static bool is_numeric(struct hk_str word)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char bytes[sizeof(struct in6_addr)];

    if (word.n >= sizeof(text))
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    return is_path(text) || inet_pton(AF_INET, text, bytes) == 1 ||
           inet_pton(AF_INET6, text, bytes) == 1;
}

static bool has_name(const char *hosts)
{
    unsigned n = count_words(hosts);

    for (unsigned i = 0; i < n; i++) {
        if (!is_numeric(word_of(hosts, i)))
            return true;
    }
    return false;
}

/* What the string says, or else the environment; "" when neither does. To be freed. */
static char *option_of(const PQconninfoOption *options, const PQconninfoOption *defaults,
                       const char *keyword)
{
    const PQconninfoOption *const lists[] = {options, defaults};
    const char *value = NULL;
    char *copy;

    for (size_t i = 0; i < HK_COUNTOF(lists) && value == NULL; i++) {
        for (const PQconninfoOption *at = lists[i]; at != NULL && at->keyword != NULL; at++) {
            if (strcmp(at->keyword, keyword) == 0 && at->val != NULL && at->val[0] != '\0')
                value = at->val;
        }
    }
    copy = strdup(value == NULL ? "" : value);
    if (copy == NULL)
        abort();
    return copy;
}

/* False when there is nothing to look up. */
static bool read_url(const char *url, char **ret_host, char **ret_port)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL), *defaults = PQconndefaults();
    char *host, *address;
    bool is_needed;

    host = option_of(options, defaults, "host");
    address = option_of(options, defaults, "hostaddr");
    is_needed = address[0] == '\0' && host[0] != '\0' && has_name(host);
    if (is_needed) {
        *ret_host = host;
        *ret_port = option_of(options, defaults, "port");
    } else {
        free(host);
    }
    free(address);
    PQconninfoFree(options);
    PQconninfoFree(defaults);
    return is_needed;
}

static void on_found(struct hk_watch *watch, unsigned events)
{
    struct db_address *address = HK_CONTAINER_OF(watch, struct db_address, watch);
    struct db_address_found found;
    bool is_good;
    uint64_t one;

    (void)events;
    if (read(address->fd, &one, sizeof(one)) < 0)
        return; /* the thread has not written yet: what it finds is its own */
    found = (struct db_address_found){
        .hosts = hk_buf_str(&address->hosts).p,
        .addresses = hk_buf_str(&address->addresses).p,
        .ports = hk_buf_str(&address->ports).p,
    };
    is_good = address->n_found > 0 && !address->hosts.is_full && !address->addresses.is_full &&
              !address->ports.is_full;
    hk_loop_unwatch(address->loop, watch);
    address->done(address->done_arg, is_good ? &found : NULL);
    let_go(address);
}

struct db_address *db_address_find(struct hk_loop *loop, const char *url, db_address_done_fn *done,
                                   void *done_arg)
{
    struct db_address *address;
    char *host, *port;

    if (!read_url(url, &host, &port))
        return NULL;
    address = calloc(1, sizeof(*address));
    if (address == NULL)
        abort();
    *address = (struct db_address){
        .loop = loop,
        .done = done,
        .done_arg = done_arg,
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .host = host,
        .port = port,
    };
    atomic_store(&address->n_holders, 2);
    hk_buf_init(&address->hosts, MAX_LIST_BYTES);
    hk_buf_init(&address->addresses, MAX_LIST_BYTES);
    hk_buf_init(&address->ports, MAX_LIST_BYTES);
    if (address->fd >= 0 && start_thread(address)) {
        hk_loop_watch(loop, &address->watch, address->fd, HK_READABLE, on_found);
        return address;
    }
    atomic_store(&address->n_holders, 1);
    let_go(address);
    return NULL;
}

void db_address_abandon(struct db_address *address)
{
    if (address == NULL)
        return;
    hk_loop_unwatch(address->loop, &address->watch);
    let_go(address);
}
