/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/peer.h - the address that a request comes from: the socket's, or what proxies that we
 * trust say of it in X-Forwarded-For. Pure.
 *
 *     struct peer peer = peer_of(address);
 *     for each X-Forwarded-For field, the last one first
 *         if (!peer_follow(&peer, field, trusted)) break;
 */
#ifndef API_PEER_H
#define API_PEER_H

#include "hk/addr.h"

#define PEER_TEXT_SIZE 64

/* All zero: not known, as for a socket that is neither IPv4 nor IPv6. */
struct peer {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct peer peer_of(const struct sockaddr *address);

/*
 * While the peer is a trusted proxy, what it says stands for it: the field's addresses from the
 * right to the left, each as in 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80. False
 * when it is found: not trusted, or what is said is no address.
 */
bool peer_follow(struct peer *peer, struct hk_str field, const struct hk_networks *trusted);

/* The address itself, as text. */
void peer_text(const struct peer *peer, char ret[PEER_TEXT_SIZE]);

/* What is counted as one: an IPv4 address, the /64 of an IPv6 address. And its text. */
void peer_source(const struct peer *peer, uint8_t ret[16]);
void peer_source_text(const struct peer *peer, char ret[PEER_TEXT_SIZE]);

#endif
