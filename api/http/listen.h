/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/listen.h - the listening sockets and the TLS context. */
#ifndef API_LISTEN_H
#define API_LISTEN_H

#include <openssl/ssl.h>

#include "hk/base.h"

/*
 * A listening, non-blocking socket with SO_REUSEPORT on "address:port" or "[address]:port"; -1
 * after a line on the log. `*port` 0 takes the text's port; otherwise overrides it; set to the port
 * bound.
 */
int listen_open(const char *address, int *port);

/*
 * TLS 1.2 and 1.3, ALPN http/1.1 only (h2o 2.2.5's HTTP/2 has no fix for CVE-2023-44487), no early
 * data, no tickets. NULL after a line on the log.
 */
SSL_CTX *listen_tls_context(const char *cert_file, const char *key_file);

#endif
