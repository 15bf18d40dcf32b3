/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/attempt.h - one claimed message, from the claim until its outcome is durable.
 *
 * All changes of state are rows of one table in attempt.c; what an action does is up to the ops.
 * No state is ever left to a timer of our own: the lease in the database ends by itself.
 */
#ifndef WORKER_ATTEMPT_H
#define WORKER_ATTEMPT_H

#include <stdio.h>

#include "hk/id.h"
#include "hk/outcome.h"
#include "hk/request.h"
#include "worker/retry.h"
#include "worker/share.h"
#include "worker/tokens.h"

enum attempt_state {
    ATTEMPT_LEASED,    /* ours until the lease ends; nothing was sent */
    ATTEMPT_SENDING,   /* the request is under way */
    ATTEMPT_RECORDING, /* there is a verdict; it is not durable yet */
    ATTEMPT_FINISHED,
    ATTEMPT_STATE_COUNT
};

enum attempt_event {
    EVENT_STARTED,       /* may be sent now */
    EVENT_WITHHELD,      /* not sent: subscription not active, no slot, or the claim came late */
    EVENT_DRAINED,       /* the worker is about to stop */
    EVENT_CROWDED,       /* too many of its kind are being sent */
    EVENT_STOPPED,       /* the subscription was: only for what has not begun to be sent */
    EVENT_OUTCOME,       /* `outcome` and `verdict` are set */
    EVENT_RECORDED,      /* the verdict is durable */
    EVENT_RECORD_FAILED, /* the database could not be asked */
    EVENT_LEASE_LOST,    /* the lease has ended, and the verdict is not recorded */
    EVENT_ABANDONED,     /* the worker stops now */
    ATTEMPT_EVENT_COUNT
};

struct attempt;
struct run;
struct send;
struct terms;

struct attempt_ops {
    void (*moved)(struct attempt *attempt, enum attempt_state from, const char *why);
    void (*send)(struct attempt *attempt);
    void (*give_back)(struct attempt *attempt);  /* records the verdict `release`, no attempt */
    void (*enter_lane)(struct attempt *attempt); /* has it wait in its subscription's lane */
    void (*withdraw)(struct attempt *attempt);   /* the same, after the request is abandoned */
    void (*record)(struct attempt *attempt);
    void (*record_later)(struct attempt *attempt);
    void (*release)(struct attempt *attempt); /* frees it */
};

/* One calloc, plus one for the response and one for the run when there are such; its subscription's
 * terms are shared. */
struct attempt {
    enum attempt_state state;
    const struct attempt_ops *ops;
    void *owner;                     /* of the ops */
    const char *cell;                /* hk_config.cell, for logs */
    struct send *send;               /* while it is being sent */
    struct attempt *next_waiting;    /* to be sent, recorded or to enter a lane */
    struct attempt *previous, *next; /* the owner's list of all */
    struct hk_request *request;      /* the client has it; else NULL */

    struct hk_id tenant_id, subscription_id, message_id;
    struct hk_id webhook_id; /* the message's, or that of the one that it repeats */
    int32_t fence;
    unsigned attempts;      /* recorded before this one: this one's number is one more */
    unsigned schedule_from; /* attempts when the schedule (re)started */
    bool is_active;         /* the subscription is */
    bool is_laned;          /* comes out of its subscription's lane */
    bool is_on_trial;       /* ... which has not succeeded lately */
    bool is_entering;       /* goes into it instead of being sent */
    bool is_proven;         /* ... although its subscription answers well */
    bool holds_on_failure;  /* ordered: what is behind it must not overtake it when it fails */
    unsigned timeout_ms;
    int64_t lease_ends_ms; /* monotonic; not later than the database has it */
    int64_t due_again_ms;  /* when it is given back: after so long */
    struct retry_policy policy;

    struct terms *terms; /* what the strings of the subscription below point to; NULL: none */
    struct hk_str url;   /* these end with a NUL */
    struct hk_str body;  /* .p == NULL: too long to build */
    const char *fault;   /* why no request can be made of it, in words; NULL: it can */
    struct hk_str envelope_headers, secrets, traceparent;
    struct hk_str username, password; /* .p == NULL: none; a password alone is a bearer token */
    struct hk_str headers; /* of the subscription: "Name: value" lines; .p == NULL: none */
    struct hk_str origin;  /* .p == NULL: live */
    enum hk_signature_kind signature;
    struct hk_egress egress;

    struct hk_str token_url, scope; /* .p == NULL: no OAuth 2.0, else `username` is the client */
    struct hk_wait token_wait;
    uint64_t token_number;     /* of the token that it was sent with; 0: none */
    bool has_waited_for_token; /* a refusal of the token is no news then */
    unsigned n_sent_before;    /* with a token that was refused */

    int64_t started_us; /* wall clock; 0: nothing was tried */
    struct hk_outcome outcome;
    struct verdict verdict;
    struct hk_str request_headers; /* as sent, what is secret masked; .n == 0: nothing was sent */
    struct share_hold hold;        /* while it is being sent */
    int64_t parked_until_ms;       /* monotonic: how long it may wait to be sent */
    int failure_cost; /* see lanes_failure_cost(); of an attempt in no lane: since the last answer
                       */
    bool is_bare;     /* recorded without the response: the database refused it with */
    char *response;
    struct run *run; /* of a flow (worker/run.h); NULL: it is a message */

    size_t n_data, max_data;
    char data[]; /* what the others point to */
};

/* `max_data` bytes for attempt_keep(): each string needs one more than its length. */
struct attempt *attempt_new(size_t max_data);
void attempt_free(struct attempt *attempt);

/* The answer to a claim may be late: a request that could outlive its lease is not begun. */
bool attempt_fits_lease(const struct attempt *attempt, int64_t now_ms);

/* Copies into the attempt. NULL stays NULL. */
struct hk_str attempt_keep(struct attempt *attempt, struct hk_str s);

/* Copies the outcome with its response, and the headers of the request when it was sent. */
void attempt_set_outcome(struct attempt *attempt, const struct hk_outcome *outcome);

/* Does what the table says; false, and nothing done, when it has no such row. May free `attempt`.
 */
bool attempt_fire(struct attempt *attempt, enum attempt_event event);

bool attempt_rule_exists(enum attempt_state state, enum attempt_event event);
const char *attempt_state_name(enum attempt_state state);

/* The table as a Mermaid diagram: docs/attempt-states.md. */
void attempt_print_states(FILE *out);

#endif
