/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/send.h - carries attempts out: the access token, the request, and what is judged of the
 * outcome. Owns the HTTP client. On the loop's thread.
 */
#ifndef WORKER_SEND_H
#define WORKER_SEND_H

#include "hk/addr.h"
#include "hk/config.h"
#include "worker/attempt.h"

struct send; /* opaque */
struct hk_loop;

struct send_options {
    struct hk_loop *loop;
    const struct hk_config *config;
    const struct hk_networks *allowed_networks;
};

struct send *send_new(const struct send_options *options);

/* Aborts what is under way. Before the attempts are freed: it borrows their bodies. */
void send_free(struct send *send);

/* Sends it; now or later EVENT_OUTCOME is fired, once, unless it is withdrawn. */
void send_start(struct send *send, struct attempt *attempt);

/* Judges what came of it, and fires EVENT_OUTCOME: it may free the attempt. */
void send_end(struct attempt *attempt, const struct hk_outcome *outcome);

/* The same for what is not sent; static words. */
void send_refuse(struct attempt *attempt, enum hk_outcome_kind kind, const char *why);

/* Whether no byte of it was written yet. */
bool send_can_be_withdrawn(const struct attempt *attempt);

/* Forgets the request, if there is one: nothing is fired. */
void send_withdraw(struct attempt *attempt);

#endif
