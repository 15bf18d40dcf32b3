/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/inbound/inbound_request.h - a request to a flow as its credential is checked with, and as it
 * is stored: with all header fields, but without what proves who sent it.
 */
#ifndef API_INBOUND_REQUEST_H
#define API_INBOUND_REQUEST_H

#include "api/http/gate.h"
#include "api/inbound/inbound_flow.h"

struct call;

enum {
    INBOUND_MAX_HEADERS = GATE_MAX_HEADERS + 1, /* and Host */
    INBOUND_MAX_REQUEST_BYTES = 16 * GATE_MAX_HEAD_BYTES,
    INBOUND_MAX_TEXT_BYTES = 4 * GATE_MAX_HEAD_BYTES, /* of what is made of parts of a head */
};

struct inbound_request {
    struct hk_inbound_header headers[INBOUND_MAX_HEADERS];
    struct hk_inbound_request raw; /* borrows the headers and the call's request */
    struct hk_str path;
};

/* Borrows from the call's request. */
void inbound_request_read(struct inbound_request *ret, const struct call *call);

/* A header field by its name in lower case; .p NULL when it is not there. */
struct hk_str inbound_request_header(const struct inbound_request *request, const char *name);

/*
 * Verifies it against the flow's credential. The address that a signature covers (Twilio's) is
 * tried as the flow shows it, and as the request has it with https and http: which one the sender
 * called only a proxy knows.
 */
HK_NODISCARD enum hk_inbound_verdict inbound_request_verify(struct inbound_request *request,
                                                            const struct inbound_flow *flow,
                                                            struct call *call,
                                                            struct hk_inbound_id *ret_id);

/*
 * Appends the JSON of event.request. `wait_key` may be .p NULL. In the path the flow's id stands
 * for the key; "***" for the values that prove who sent it, or whose session it is.
 */
void inbound_request_write(const struct inbound_request *request, const struct inbound_flow *flow,
                           struct call *call, struct hk_str wait_key, struct hk_buf *buf);

#endif
