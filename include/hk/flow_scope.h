/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/flow_scope.h - what the steps of a flow see of the request that began the run. Pure.
 */
#ifndef HK_FLOW_SCOPE_H
#define HK_FLOW_SCOPE_H

#include "hk/buf.h"

/*
 * Appends what $request leads into, of `request` as event.request has it (valid JSON, or .p NULL:
 * null): the same members, but "headers" is an object, {"lower case name": "value"}. Of several
 * fields of one name the first counts, as in hk/template.h.
 */
void hk_flow_request_write(struct hk_str request, struct hk_buf *buf);

#endif
