/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/addr.h - which addresses may be called (SSRF). Pure. Decides on the binary address that is
 * about to be connected, so that a name cannot change its mind in between. Default: deny.
 */
#ifndef HK_ADDR_H
#define HK_ADDR_H

#include "hk/base.h"

#define HK_MAX_NETWORKS 64

struct sockaddr;

/* Networks that are called although they are not public. */
struct hk_networks {
    unsigned n;
    struct hk_network {
        uint8_t address[16];  /* IPv4 as ::ffff:a.b.c.d */
        unsigned prefix_bits; /* of 128 */
    } list[HK_MAX_NETWORKS];
};

/* "10.0.0.0/8,fd00::/8"; empty is legal. False when an element is not CIDR or there are too many.
 */
HK_NODISCARD bool hk_networks_parse(const char *text, struct hk_networks *ret);

/* The address in 16 bytes, as above. Families other than INET and INET6: false. */
HK_NODISCARD bool hk_addr_bytes(const struct sockaddr *address, uint8_t ret[16]);

/* Whether one of the networks has such an address. */
HK_NODISCARD bool hk_networks_have(const struct hk_networks *networks, const uint8_t address[16]);

/* Whether the address is public, or in `allowed`. Families other than INET and INET6: false. */
HK_NODISCARD bool hk_addr_may_call(const struct sockaddr *address,
                                   const struct hk_networks *allowed);

#endif
