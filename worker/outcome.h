/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/outcome.h - how an attempt ended, as the sender saw it.
 */
#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include "hk/base.h"

#define OUTCOME_ADDRESS_SIZE 46 /* the longest IPv6 address as text, and a NUL */

/* Coarse on purpose: a tenant must not be able to map our network by what its attempts say. */
enum outcome_kind {
    OUTCOME_ANSWERED,        /* the header section is complete: `status` decides */
    OUTCOME_TIMEOUT,         /* no header section in time */
    OUTCOME_DNS,             /* the name has no address */
    OUTCOME_CONNECT,         /* no TCP connection */
    OUTCOME_TLS,             /* no trusted TLS connection */
    OUTCOME_RESET,           /* the receiver hung up before its answer was complete */
    OUTCOME_BLOCKED_ADDRESS, /* the address is not one that we call: nothing was sent */
    OUTCOME_PROTOCOL,        /* the answer is not HTTP/1.1, or its header section is too large */
    OUTCOME_REQUEST_INVALID, /* the message cannot be made into a request: nothing was sent */
    OUTCOME_COUNT
};

struct outcome {
    enum outcome_kind kind;
    int status;             /* 100..599; 0: no answer */
    int64_t retry_after_ms; /* what the receiver asked for; -1: nothing */

    int64_t duration_us;
    int64_t dns_us; /* ends of the phases, from the start; -1: not reached */
    int64_t connect_us;
    int64_t tls_us;
    int64_t first_byte_us;

    const char *error;                         /* static words; NULL: none */
    char remote_address[OUTCOME_ADDRESS_SIZE]; /* "": not connected */
    struct hk_str response_headers;            /* the first bytes; borrowed */
    struct hk_str response_body;
    bool is_truncated; /* one of the two is not all that was sent */
};

#endif
