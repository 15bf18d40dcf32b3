/* SPDX-License-Identifier: Apache-2.0 */
/* hk/traceparent.h - the traceparent header of W3C Trace Context. Pure. */
#ifndef HK_TRACEPARENT_H
#define HK_TRACEPARENT_H

#include "hk/base.h"

#define HK_TRACEPARENT_SIZE 55

/* Version 00 with lower-case hex and no all-zero id; an invalid one counts as none. */
bool hk_traceparent_is_valid(struct hk_str value);

#endif
