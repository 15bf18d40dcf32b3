/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - a name server for the programs under test: preloaded (LD_PRELOAD), it answers
 * getaddrinfo() for names below "names.example" and leaves all others to the C library. So a test
 * has names with addresses that no test may depend on in a real DNS, and that change.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

typedef int getaddrinfo_fn(const char *node, const char *service, const struct addrinfo *hints,
                           struct addrinfo **ret);

enum { MAX_ADDRESSES = 2 };

static const struct name {
    const char *name;
    const char *addresses[MAX_ADDRESSES];
} names[] = {
    {"loopback.names.example", {"127.0.0.1"}},
    {"elsewhere-in-127.names.example", {"127.9.8.7"}},
    {"unspecified.names.example", {"0.0.0.0"}},
    {"private-a.names.example", {"10.0.0.1"}},
    {"private-b.names.example", {"172.16.0.1"}},
    {"private-c.names.example", {"192.168.0.1"}},
    {"shared.names.example", {"100.64.0.1"}},
    {"imds.names.example", {"169.254.169.254"}},
    {"broadcast.names.example", {"255.255.255.255"}},
    {"multicast.names.example", {"224.0.0.1"}},
    {"loopback6.names.example", {"::1"}},
    {"unspecified6.names.example", {"::"}},
    {"mapped.names.example", {"::ffff:127.0.0.1"}},
    {"compatible.names.example", {"::127.0.0.1"}},
    {"nat64.names.example", {"64:ff9b::7f00:1"}},
    {"6to4.names.example", {"2002:7f00:1::1"}},
    {"teredo.names.example", {"2001:0:4136:e378:8000:63bf:3fff:fdd2"}},
    {"link-local6.names.example", {"fe80::1"}},
    {"unique-local6.names.example", {"fd00:ec2::254"}},
    {"two-blocked.names.example", {"::1", "127.0.0.1"}},
    {"allowed-then-loopback.names.example", {"127.0.0.2", "127.0.0.1"}},
    {"allowed.names.example", {"127.0.0.2"}},
};

/* The first look-up of a process finds what may be called, all others the loopback address. */
static const char rebinding[] = "rebind.names.example";
static atomic_uint n_rebound;

static getaddrinfo_fn *next_getaddrinfo(void)
{
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    getaddrinfo_fn *fn;

    memcpy(&fn, &symbol, sizeof(fn)); /* ISO C has no cast for that */
    return fn;
}

/* glibc allocates and frees each entry by itself: lists can be put together. */
static int look_up(const char *const addresses[], const char *service, const struct addrinfo *hints,
                   struct addrinfo **ret)
{
    struct addrinfo numeric = hints == NULL ? (struct addrinfo){.ai_flags = 0} : *hints;
    struct addrinfo **end = ret;

    numeric.ai_flags = AI_NUMERICHOST;
    numeric.ai_family = AF_UNSPEC;
    *ret = NULL;
    for (size_t i = 0; i < MAX_ADDRESSES && addresses[i] != NULL; i++) {
        int error = next_getaddrinfo()(addresses[i], service, &numeric, end);

        if (error != 0)
            return error;
        while (*end != NULL)
            end = &(*end)->ai_next;
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has __name, ... */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    for (size_t i = 0; node != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(node, names[i].name) == 0)
            return look_up(names[i].addresses, service, hints, ret);
    }
    if (node != NULL && strcmp(node, rebinding) == 0) {
        const char *const addresses[MAX_ADDRESSES] = {
            atomic_fetch_add(&n_rebound, 1) == 0 ? "127.0.0.2" : "127.0.0.1"};

        return look_up(addresses, service, hints, ret);
    }
    return next_getaddrinfo()(node, service, hints, ret);
}
