/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_names.c - a library for LD_PRELOAD: looking up a name that begins with "tarpit." takes 20 s
 * and fails, as with a name server that does not answer. Other names are looked up as ever.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_MS 20000

typedef int lookup_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

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
    return lookup(name, service, req, pai);
}
