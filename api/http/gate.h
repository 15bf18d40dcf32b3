/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/gate.h - the strict HTTP/1.1 request gate: what h2o 2.2.5 lets pass and RFC 9112
 * forbids.
 *
 * h2o accepts Content-Length together with Transfer-Encoding, duplicates of both and of Host,
 * obs-fold, bare LF and more: behind a proxy that is request smuggling. The gate reads the raw head
 * again. Pure.
 */
#ifndef API_GATE_H
#define API_GATE_H

#include "hk/err.h"

#define GATE_MAX_HEAD_BYTES   16384
#define GATE_MAX_TARGET_BYTES 8192
#define GATE_MAX_HEADERS      64

/*
 * `raw` begins with the request line; bytes behind the head are not looked at. HK_OK,
 * HK_BAD_REQUEST, HK_URI_TOO_LONG, or HK_HEADERS_TOO_LARGE; `reterr->detail` says why. The
 * connection must be closed after anything but HK_OK; and after a chunked body (`ret_is_chunked`,
 * may be NULL), whose framing h2o has taken with bare LF and all: nothing behind it may count as a
 * second request.
 */
HK_NODISCARD enum hk_code gate_check(struct hk_str raw, bool *ret_is_chunked,
                                     struct hk_error *reterr);

#endif
