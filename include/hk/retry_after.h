/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/retry_after.h - the header field Retry-After. Pure.
 */
#ifndef HK_RETRY_AFTER_H
#define HK_RETRY_AFTER_H

#include "hk/base.h"

/*
 * The value of a Retry-After field in milliseconds from `now_s` (Unix seconds): whole seconds,
 * seconds with a fraction (rounded up), or an HTTP-date in any of the three forms of RFC 9110;
 * the past is 0. -1 when it is none of these.
 */
int64_t hk_retry_after_parse(struct hk_str value, int64_t now_s);

#endif
