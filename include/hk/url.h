/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/url.h - which URLs a subscription may have. Syntax only: the address is judged when it is
 * connected (hk/addr.h). Parsed by libcurl, so that the check and the sender agree on the host.
 */
#ifndef HK_URL_H
#define HK_URL_H

#include "hk/err.h"

#define HK_URL_MAX_BYTES 2048

/*
 * HK_OK, or HK_INVALID_BODY with a sentence in `reterr->detail` (its pointer is untouched).
 * Refused:
 * - what is not absolute https; http too unless `allows_http` (a development tenant);
 * - credentials, a fragment, a blank, control, backslash or non-ASCII byte, more than 2048 bytes;
 * - names of one label, with a trailing dot, that begin with "metadata." or end in .local,
 *   .internal, .localhost or .onion;
 * - every spelling of an address other than a plain dotted quad or [IPv6] without a zone;
 * - ports other than 80, 443 and 1024 to 65535, and those of well-known other services.
 * The name "localhost", and addresses that are not public (hk_addr_may_call() with no networks),
 * are legal syntax only with `allows_http`; the worker still calls them only in an allowed network.
 */
HK_NODISCARD enum hk_code hk_url_check(struct hk_str url, bool allows_http,
                                       struct hk_error *reterr);

struct hk_networks;

/*
 * The same as static words, or NULL when nothing is wrong. Addresses that are not public are legal
 * in `networks` only, and "localhost" when 127.0.0.1 is; NULL: all are legal syntax.
 */
HK_NODISCARD const char *hk_url_fault(struct hk_str url, bool allows_http,
                                      const struct hk_networks *networks);

/* Whether it is http://[user:password@]host:port and nothing behind it: where a proxy is. */
HK_NODISCARD bool hk_url_is_proxy(const char *text);

#endif
