/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - a library for LD_PRELOAD: looking up a name that begins with "tarpit." takes 20 s and
 * fails, as with a name server that does not answer; one that ends in ".bench.example" is
 * this machine, so that one receiver is as many hosts as are wanted. Other names are looked up as
 * ever.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_MS 20000

typedef int lookup_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *req,
                struct addrinfo **pai)
{
    lookup_fn *lookup;

    if (name != NULL && strncmp(name, "tarpit.", strlen("tarpit.")) == 0) {
        (void)poll(NULL, 0, SLOW_MS);
        return EAI_AGAIN;
    }
    *(void **)&lookup = dlsym(RTLD_NEXT, "getaddrinfo"); /* as POSIX has it */
    if (lookup == NULL)
        abort();
    return lookup(name != NULL && ends_in(name, ".bench.example") ? "127.0.0.1" : name, service,
                  req, pai);
}
