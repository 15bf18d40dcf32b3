/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tls.h - certificates made on the spot, and a receiver that speaks TLS, keeps its
 * connections and remembers who asked on which of them. It answers 200 to everything.
 */
#ifndef SUPPORT_TLS_H
#define SUPPORT_TLS_H

#include "hk/base.h"

#define TLS_PEM_SIZE  2048
#define TLS_NAME_SIZE 64

/* Signed by itself, for 127.0.0.1 and localhost. */
struct tls_identity {
    char certificate[TLS_PEM_SIZE], key[TLS_PEM_SIZE];
    char sha256[65]; /* of the certificate, hex */
    int64_t expires_s;
};

/* `days` from now; negative: it has expired. */
void tls_make(struct tls_identity *ret, const char *common_name, int days);

enum tls_asks { TLS_ASKS_NOBODY, TLS_ASKS_ALL }; /* ALL: no handshake without a certificate */

struct tls_receiver; /* opaque: tls.c */

struct tls_receiver *tls_receive(const struct tls_identity *identity, enum tls_asks asks);

/* One that speaks this version and no other: TLS1_1_VERSION of OpenSSL, ... */
struct tls_receiver *tls_receive_only(const struct tls_identity *identity, int version);

/* "https://127.0.0.1:PORT/tls" */
const char *tls_url(const struct tls_receiver *receiver);

/* Of the i-th request: its connection's number, and the common name of the client's certificate,
 * "" when there was none. False when there were not so many. */
bool tls_request(struct tls_receiver *receiver, unsigned i, unsigned *ret_connection,
                 char ret_client[TLS_NAME_SIZE]);

#endif
