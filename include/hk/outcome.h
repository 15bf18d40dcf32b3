/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/outcome.h - how a request ended, as the sender saw it.
 */
#ifndef HK_OUTCOME_H
#define HK_OUTCOME_H

#include "hk/base.h"

#define HK_OUTCOME_ADDRESS_SIZE 46 /* the longest IPv6 address as text, and a NUL */

/* Coarse on purpose: a tenant must not be able to map our network by what its attempts say. */
enum hk_outcome_kind {
    HK_OUTCOME_ANSWERED,        /* the header section is complete: `status` decides */
    HK_OUTCOME_TIMEOUT,         /* no header section in time */
    HK_OUTCOME_DNS,             /* the name has no address */
    HK_OUTCOME_CONNECT,         /* no TCP connection */
    HK_OUTCOME_TLS,             /* no trusted TLS connection */
    HK_OUTCOME_RESET,           /* the receiver hung up before its answer was complete */
    HK_OUTCOME_BLOCKED_ADDRESS, /* the address or URL is not one that we call: nothing was sent */
    HK_OUTCOME_PROTOCOL,        /* the answer is not HTTP/1.1, or its header section is too large */
    HK_OUTCOME_REQUEST_INVALID, /* the message cannot be made into a request: nothing was sent */
    HK_OUTCOME_PROXY,           /* our own proxy made no connection */
    HK_OUTCOME_CREDENTIALS,     /* no access token to send with: nothing was sent */
    HK_OUTCOME_COUNT
};

/* Of the connection that the request was sent on, kept alive or new. */
struct hk_tls {
    const char *version;           /* static: "TLSv1.3"; NULL: no TLS */
    const char *cipher;            /* static: its standard name */
    int64_t certificate_expires_s; /* the receiver's, Unix time; 0: not known */
};

struct hk_outcome {
    enum hk_outcome_kind kind;
    int status;             /* 100..599; 0: no answer */
    int64_t retry_after_ms; /* what the receiver asked for; -1: nothing */

    int64_t duration_us;
    int64_t dns_us; /* ends of the phases, from the start; -1: not reached */
    int64_t connect_us;
    int64_t tls_us;
    int64_t first_byte_us;

    unsigned n_sent;  /* 2: again at once, because a kept-alive connection ended unanswered */
    int http_version; /* 11 for HTTP/1.1, 10; 0: no answer */
    struct hk_tls tls;

    const char *error;                            /* static words; NULL: none */
    char remote_address[HK_OUTCOME_ADDRESS_SIZE]; /* "": not connected */
    struct hk_str response_headers;               /* the first bytes; borrowed */
    struct hk_str response_body;
    bool is_truncated; /* one of the two is not all that was sent */
};

/* As attempt logs have it: "timeout", "dns", ...; what was answered is "http_status". */
const char *hk_outcome_name(enum hk_outcome_kind kind);

/*
 * The value of the first such field among the kept `response_headers`, without the blanks around
 * it; .p is NULL when there is none. `name` in any case.
 */
struct hk_str hk_outcome_header(const struct hk_outcome *outcome, const char *name);

#endif
