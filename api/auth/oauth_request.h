/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/oauth_request.h - reading a token request (RFC 6749, 3.2 and 4.4): a form, and the
 * client's credentials in the form or as HTTP Basic, one of them. Pure.
 */
#ifndef API_OAUTH_REQUEST_H
#define API_OAUTH_REQUEST_H

#include "hk/err.h"

/* Decoded; "" where there is none: a parameter without a value counts as not sent. */
struct oauth_request {
    char grant_type[64];
    char scope[2048];
    char client_id[128];
    char client_secret[128]; /* clear it after use */
};

/*
 * `authorization` is the header's value, .p NULL when there is none. HK_OK, or HK_INVALID_REQUEST,
 * HK_INVALID_CLIENT or HK_UNSUPPORTED_GRANT_TYPE with a sentence in `reterr->detail`.
 */
HK_NODISCARD enum hk_code oauth_request_read(struct hk_str form, struct hk_str authorization,
                                             struct oauth_request *ret, struct hk_error *reterr);

#endif
