/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/terms.h - what a subscription says of how its messages are sent. It is read, and its
 * secrets are opened, once for all that a load brings of the subscription: the attempts hold it
 * together, and it is wiped with the last of them.
 */
#ifndef WORKER_TERMS_H
#define WORKER_TERMS_H

#include "hk/request.h"
#include "worker/retry.h"

struct attempt;

struct terms {
    unsigned n_holders;
    bool is_active; /* the subscription is */
    bool holds_on_failure;
    bool is_signature_known; /* else a newer schema's: nothing goes out unsigned */
    enum hk_signature_kind signature;
    unsigned timeout_ms;
    struct retry_policy policy;
    struct hk_egress egress;
    const char *fault; /* static: why nothing can be sent; NULL: it can */
    struct hk_str url, headers, secrets, username, password, token_url, scope;

    size_t n_data, max_data;
    char data[]; /* what the strings above point to */
};

/* Held once. `max_data` bytes for terms_keep(): each string needs one more than its length. */
struct terms *terms_new(size_t max_data);

/* Copies, with a NUL. NULL stays NULL. */
struct hk_str terms_keep(struct terms *terms, struct hk_str s);

/* What the attempt is sent by, until attempt_free(): it holds the terms from here on. */
void terms_apply(struct terms *terms, struct attempt *attempt);

/* Wipes and frees it when nobody else holds it. terms_release(NULL) does nothing. */
void terms_release(struct terms *terms);

#endif
