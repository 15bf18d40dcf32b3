/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/resources/flow_body.h - the body that makes or changes a flow: its credential and steps are
 * checked, written as they are stored, and their secrets sealed apart. For prepare().
 */
#ifndef API_RESOURCES_FLOW_BODY_H
#define API_RESOURCES_FLOW_BODY_H

#include "hk/err.h"

struct call;

/*
 * Of the flow `flow_id`, a UUID; with another text nothing is done, as it can be none of a row.
 * Changes call->body, in which no secret is left, and sets "=derived": {"secrets": {"credential":
 * sealed, "step.<name>": sealed}, "needs_secret": whether the credential that is given does,
 * "url_faults": [{"pointer", "detail"}]: of URLs that a tenant may have if it may call http:// or
 * networks of its own}. HK_OK, or HK_INVALID_BODY with the pointer of what is wrong.
 */
HK_NODISCARD enum hk_code flow_body_prepare(struct call *call, struct hk_str flow_id,
                                            struct hk_error *reterr);

#endif
