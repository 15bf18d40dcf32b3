/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/proxy.h - a forward proxy that knows CONNECT and nothing else, in threads of its
 * own. It resolves names itself: "receiver.invalid" is 127.0.0.1 to it, and to nobody else.
 */
#ifndef SUPPORT_PROXY_H
#define SUPPORT_PROXY_H

#include "hk/base.h"

#define PROXY_TEXT_SIZE 256

struct proxy; /* opaque: proxy.c */

/* Listens on a free port. `status` answers CONNECT: 200 connects, anything else refuses. */
struct proxy *proxy_start(int status);

unsigned proxy_port(const struct proxy *proxy);

/* How many CONNECTs came so far; the last one's target ("host:port") and its head. */
unsigned proxy_count(struct proxy *proxy);
void proxy_last(struct proxy *proxy, char ret_target[PROXY_TEXT_SIZE], char ret_head[1024]);

#endif
