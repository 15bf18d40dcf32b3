/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t ipv4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const struct peer *peer)
{
    return memcmp(peer->address, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

struct peer peer_of(const struct sockaddr *address)
{
    struct peer peer;

    if (!hk_addr_bytes(address, peer.address))
        peer = (struct peer){{0}};
    return peer;
}

/* Without a port: "[...]:80" and "a.b.c.d:80", but not the colons of a bare IPv6 address. */
static struct hk_str without_port(struct hk_str text)
{
    const char *end;

    if (text.n > 0 && text.p[0] == '[') {
        end = memchr(text.p, ']', text.n);
        return end == NULL ? HK_STR_NULL : (struct hk_str){text.p + 1, (size_t)(end - text.p) - 1};
    }
    end = memchr(text.p, ':', text.n);
    if (end != NULL && memchr(end + 1, ':', text.n - (size_t)(end - text.p) - 1) == NULL)
        text.n = (size_t)(end - text.p);
    return text;
}

static bool parse(struct hk_str text, struct peer *ret)
{
    char copy[INET6_ADDRSTRLEN];

    text = hk_str_trim(text);
    if (text.n == 0)
        return false;
    text = without_port(text);
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET6, copy, ret->address) == 1)
        return true;
    memcpy(ret->address, ipv4_prefix, sizeof(ipv4_prefix));
    return inet_pton(AF_INET, copy, ret->address + sizeof(ipv4_prefix)) == 1;
}

bool peer_follow(struct peer *peer, struct hk_str field, const struct hk_networks *trusted)
{
    while (hk_networks_have(trusted, peer->address)) {
        const char *comma = field.n == 0 ? NULL : memrchr(field.p, ',', field.n);
        struct hk_str last = field;
        struct peer said;

        if (comma != NULL) {
            last.p = comma + 1;
            last.n = (size_t)(field.p + field.n - last.p);
        }
        if (!parse(last, &said))
            return false;
        *peer = said;
        if (comma == NULL)
            return true;
        field.n = (size_t)(comma - field.p);
    }
    return false;
}

void peer_source(const struct peer *peer, uint8_t ret[16])
{
    memcpy(ret, peer->address, 16);
    if (!is_ipv4(peer))
        memset(ret + 8, 0, 8);
}

static void write_address(const uint8_t address[16], bool ipv4, char ret[INET6_ADDRSTRLEN])
{
    size_t n_skipped = ipv4 ? sizeof(ipv4_prefix) : 0;

    if (inet_ntop(ipv4 ? AF_INET : AF_INET6, address + n_skipped, ret, INET6_ADDRSTRLEN) == NULL)
        ret[0] = '\0';
}

void peer_text(const struct peer *peer, char ret[PEER_TEXT_SIZE])
{
    write_address(peer->address, is_ipv4(peer), ret);
}

void peer_source_text(const struct peer *peer, char ret[PEER_TEXT_SIZE])
{
    char address[INET6_ADDRSTRLEN];
    uint8_t source[16];

    peer_source(peer, source);
    write_address(source, is_ipv4(peer), address);
    (void)snprintf(ret, PEER_TEXT_SIZE, "%s%s", address, is_ipv4(peer) ? "" : "/64");
}
