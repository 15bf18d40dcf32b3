/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses may be called (standards 3.1). Everything is decided on 16 bytes: an IPv4 address
 * is the IPv6 address that maps it, so that ::ffff:127.0.0.1 and 127.0.0.1 cannot be told apart.
 */
#include "hk/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* 128 bits on two numbers: the tables below are compared by masks. */
struct range {
    uint64_t high, low;
    unsigned prefix_bits;
};

#define V4(a, b, c, d, bits)                                                                       \
    {                                                                                              \
        0, UINT64_C(0xffff00000000) | UINT64_C(a) << 24 | (b) << 16 | (c) << 8 | (d), 96 + (bits)  \
    }
#define V6(a, b, c, d, bits)                                                                       \
    {                                                                                              \
        UINT64_C(a) << 48 | UINT64_C(b) << 32 | UINT64_C(c) << 16 | UINT64_C(d), 0, (bits)         \
    }

/* clang-format off */
static const struct range public_ranges[] = {
    V4(0, 0, 0, 0, 0),                   /* all of IPv4, but for what is below */
    V6(0x2000, 0, 0, 0, 3),              /* IPv6: what is given out as global unicast */
    V6(0x0064, 0xff9c, 0, 0, 32),        /* beside NAT64's prefix, but not it */
};

static const struct range denied_ranges[] = {
    V4(0, 0, 0, 0, 8),                   /* this network */
    V4(10, 0, 0, 0, 8),                  /* private */
    V4(100, 64, 0, 0, 10),               /* carrier-grade NAT */
    V4(127, 0, 0, 0, 8),                 /* loopback */
    V4(169, 254, 0, 0, 16),              /* link-local, metadata services */
    V4(172, 16, 0, 0, 12),               /* private */
    V4(192, 0, 0, 0, 24),                /* protocol assignments */
    V4(192, 0, 2, 0, 24),                /* documentation */
    V4(192, 88, 99, 0, 24),              /* 6to4 relays */
    V4(192, 168, 0, 0, 16),              /* private */
    V4(198, 18, 0, 0, 15),               /* benchmarks */
    V4(198, 51, 100, 0, 24),             /* documentation */
    V4(203, 0, 113, 0, 24),              /* documentation */
    V4(224, 0, 0, 0, 4),                 /* multicast */
    V4(240, 0, 0, 0, 4),                 /* reserved, broadcast */
    V6(0x2001, 0, 0, 0, 32),             /* Teredo: holds an IPv4 address */
    V6(0x2001, 0x0db8, 0, 0, 32),        /* documentation */
    V6(0x2002, 0, 0, 0, 16),             /* 6to4: holds an IPv4 address */
    V6(0x3fff, 0, 0, 0, 20),             /* documentation */
};
/* clang-format on */

static struct range range_of_bytes(const uint8_t bytes[16], unsigned prefix_bits)
{
    struct range range = {.prefix_bits = prefix_bits};

    for (unsigned i = 0; i < 8; i++) {
        range.high = range.high << 8 | bytes[i];
        range.low = range.low << 8 | bytes[8 + i];
    }
    return range;
}

/* The first `bits` of 64; shifting by 64 is undefined. */
static uint64_t mask(unsigned bits)
{
    return bits == 0 ? 0 : UINT64_MAX << (64 - (bits > 64 ? 64 : bits));
}

static bool contains(const struct range *range, const struct range *address)
{
    uint64_t high = mask(range->prefix_bits);
    uint64_t low = range->prefix_bits > 64 ? mask(range->prefix_bits - 64) : 0;

    return ((range->high ^ address->high) & high) == 0 && ((range->low ^ address->low) & low) == 0;
}

static bool is_in(const struct range *ranges, size_t n, const struct range *address)
{
    for (size_t i = 0; i < n; i++) {
        if (contains(&ranges[i], address))
            return true;
    }
    return false;
}

static bool is_mapped_ipv4(const struct range *address)
{
    return address->high == 0 && address->low >> 32 == 0xffff;
}

static bool is_allowed(const struct hk_networks *allowed, const struct range *address)
{
    for (unsigned i = 0; i < allowed->n; i++) {
        const struct hk_network *network = &allowed->list[i];
        struct range range = range_of_bytes(network->address, network->prefix_bits);

        /* ::/0 means every IPv6 address, not every IPv4 address as well. */
        if (network->prefix_bits < 96 && is_mapped_ipv4(address))
            continue;
        if (contains(&range, address))
            return true;
    }
    return false;
}

static void map_ipv4(const void *address, uint8_t ret[16])
{
    memset(ret, 0, 10);
    memset(ret + 10, 0xff, 2);
    memcpy(ret + 12, address, 4);
}

/* sockaddr's alignment is not that of its families: the bytes are copied out. */
bool hk_addr_bytes(const struct sockaddr *address, uint8_t ret[16])
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    if (address->sa_family == AF_INET) {
        memcpy(&ipv4, address, sizeof(ipv4));
        map_ipv4(&ipv4.sin_addr, ret);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&ipv6, address, sizeof(ipv6));
        memcpy(ret, &ipv6.sin6_addr, 16);
        return true;
    }
    return false;
}

bool hk_networks_have(const struct hk_networks *networks, const uint8_t address[16])
{
    struct range wanted = range_of_bytes(address, 128);

    return is_allowed(networks, &wanted);
}

bool hk_addr_may_call(const struct sockaddr *address, const struct hk_networks *allowed)
{
    uint8_t bytes[16];
    struct range wanted;

    if (!hk_addr_bytes(address, bytes))
        return false;

    wanted = range_of_bytes(bytes, 128);
    if (is_allowed(allowed, &wanted))
        return true;

    return is_in(public_ranges, HK_COUNTOF(public_ranges), &wanted) &&
           !is_in(denied_ranges, HK_COUNTOF(denied_ranges), &wanted);
}

/* One to three digits, at most `max`. */
static bool parse_prefix_bits(struct hk_str text, unsigned max, unsigned *ret)
{
    unsigned bits = 0;

    if (text.n == 0 || text.n > 3)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret = bits;
    return bits <= max;
}

static bool parse_network(struct hk_str text, struct hk_network *ret)
{
    const char *slash = memchr(text.p, '/', text.n);
    char address[INET6_ADDRSTRLEN];
    uint8_t ipv4[4];
    struct hk_str bits;
    size_t n;

    if (slash == NULL)
        return false;

    n = (size_t)(slash - text.p);
    if (n >= sizeof(address))
        return false;
    memcpy(address, text.p, n);
    address[n] = '\0';
    bits = (struct hk_str){slash + 1, text.n - n - 1};

    if (inet_pton(AF_INET6, address, ret->address) == 1)
        return parse_prefix_bits(bits, 128, &ret->prefix_bits);
    if (inet_pton(AF_INET, address, ipv4) != 1 || !parse_prefix_bits(bits, 32, &ret->prefix_bits))
        return false;

    map_ipv4(ipv4, ret->address);
    ret->prefix_bits += 96;
    return true;
}

bool hk_networks_parse(const char *text, struct hk_networks *ret)
{
    struct hk_networks networks = {.n = 0};
    const char *p = text;

    while (*text != '\0') {
        struct hk_str network;

        p += strspn(p, " ");
        network = (struct hk_str){p, strcspn(p, ", ")};
        if (networks.n == HK_MAX_NETWORKS || !parse_network(network, &networks.list[networks.n]))
            return false;
        networks.n++;

        p += network.n;
        p += strspn(p, " ");
        if (*p == '\0')
            break;
        if (*p++ != ',')
            return false;
    }
    *ret = networks;
    return true;
}
