/* SPDX-License-Identifier: Apache-2.0 */
/* api/inbound/inbound_check.h - whether a flow takes a request: its form, and who sent it. */
#ifndef API_INBOUND_CHECK_H
#define API_INBOUND_CHECK_H

#include "api/inbound/inbound_request.h"

/* The method, the size, the coding and the type. */
HK_NODISCARD enum hk_code inbound_check_form(const struct inbound_request *request,
                                             const struct inbound_flow *flow,
                                             struct hk_error *reterr);

/*
 * True: too many bad proofs have come from where the request does, and it has been replied to. What
 * can be guessed is guarded as keys are (docs/adr/0018): by a hash of what was sent to this flow,
 * so that who was let in once still is. A signature cannot be guessed, and providers send those of
 * all tenants from the same addresses: bad ones are counted only.
 */
HK_NODISCARD bool inbound_check_guards(const struct inbound_request *request,
                                       const struct inbound_flow *flow, struct call *call);

/* The credential. `ret_id` is the sender's id of the delivery, with HK_OK. */
HK_NODISCARD enum hk_code inbound_check_credential(struct inbound_request *request,
                                                   const struct inbound_flow *flow,
                                                   struct call *call, struct hk_inbound_id *ret_id,
                                                   struct hk_error *reterr);

#endif
