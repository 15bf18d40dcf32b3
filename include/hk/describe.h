/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/describe.h - a request as people may see it: everything that goes out, but no secret. Pure.
 */
#ifndef HK_DESCRIBE_H
#define HK_DESCRIBE_H

#include "hk/buf.h"
#include "hk/outcome.h"
#include "hk/request.h"

/*
 * Whether a header field's value is a secret, by its name in any case ("X-Api-Key"). Our own
 * signatures are none: they prove that somebody knows one. Another field of that name may be
 * anything.
 */
HK_NODISCARD bool hk_header_is_sensitive(struct hk_str name);

/* Appends the header section as it goes out, "name: value\n" each; what is secret as "***". */
void hk_describe_header_lines(const struct hk_request *request, struct hk_buf *ret);

/*
 * The same without what the row of an attempt says already, and what nearly every request has:
 * webhook-id, webhook-timestamp and "content-type: application/json".
 */
void hk_describe_own_header_lines(const struct hk_request *request, struct hk_buf *ret);

/*
 * A receiver may answer with what it got: in the `n` bytes of its answer, stars take the place of
 * what is secret in the request's header fields, and of the password in HTTP Basic's.
 */
void hk_describe_mask(const struct hk_request *request, char *text, size_t n);

/* Appends {"method","url","headers":{"name":"value",...},"body"}; what is secret as "***". */
void hk_describe_request(const struct hk_request *request, struct hk_buf *ret);

/*
 * Appends the request, a POST, as a command for a POSIX shell with curl, whatever bytes but NUL it
 * is made of: the body arrives as it is. What is secret is "***": put it in before it is run.
 */
void hk_describe_curl(const struct hk_request *request, struct hk_buf *ret);

/* Appends the names of the header fields that are shown as "***", a JSON array. */
void hk_describe_masked(const struct hk_request *request, struct hk_buf *ret);

/*
 * Appends members on the connection, as attempts have them, each after a comma: remote_address,
 * requests_sent, http_version, tls_version, tls_cipher, certificate_expires_at.
 */
void hk_describe_connection(const struct hk_outcome *outcome, struct hk_buf *ret);

#endif
