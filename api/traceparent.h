/* SPDX-License-Identifier: Apache-2.0 */
/* api/traceparent.h - the traceparent header of W3C Trace Context. Pure. */
#ifndef API_TRACEPARENT_H
#define API_TRACEPARENT_H

#include "hk/base.h"

/* Version 00 with lower-case hex and no all-zero id; an invalid one counts as none. */
bool traceparent_is_valid(struct hk_str value);

#endif
