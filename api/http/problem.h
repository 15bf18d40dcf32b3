/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/problem.h - application/problem+json (RFC 9457) from a code of hk/errors.def. Pure. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "hk/buf.h"
#include "hk/err.h"

/*
 * Appends {"type", "title", "status", "detail", "instance"[, "errors"]}. `error->pointer` set:
 * errors has one element of it; else `errors_json` (a JSON array, or HK_STR_NULL) is taken as it
 * is. With 422 there are always errors: one with the pointer "" when it is about the body as a
 * whole or a query parameter. `instance` is the request id, or "" for none (a problem inside a
 * batch's reply).
 */
void problem_write(struct hk_buf *buf, const struct hk_error *error, struct hk_str errors_json,
                   const char *instance);

#endif
