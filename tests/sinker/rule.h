/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/sinker/rule.h - how a path answers, as a test scripted it. No I/O.
 *
 *     {"secret": "whsec_..." | "secrets": [...],
 *      "replies": [{"status": 500, "delay_ms": 0, "headers": {"Retry-After": "5"}, "body": "",
 *                   "hang": true | "reset": true, "times": 2}, ...],
 *      "then": {...}}
 *
 * Replies are used up in order, each for `times` requests; afterwards `then` answers for ever.
 */
#ifndef SINKER_RULE_H
#define SINKER_RULE_H

#include <jansson.h>

#include "hk/base.h"

#define RULE_MAX_SECRETS  10
#define RULE_MAX_REPLIES  1000
#define RULE_MAX_HEADERS  16
#define RULE_MAX_DELAY_MS 600000

enum reply_kind {
    REPLY_ANSWER,
    REPLY_HANG,  /* no answer, until the client goes away */
    REPLY_RESET, /* the connection ends with a TCP reset */
};

struct reply_spec {
    enum reply_kind kind;
    int status;
    int delay_ms;
    int times;
    unsigned n_headers;
    struct {
        char *name; /* lower case */
        char *value;
    } headers[RULE_MAX_HEADERS];
    char *body; /* NULL: empty */
    size_t body_n;
};

struct rule {
    unsigned n_secrets;
    char *secrets[RULE_MAX_SECRETS];
    unsigned n_replies;
    struct reply_spec *replies;
    unsigned next; /* of replies */
    int used;      /* of replies[next].times */
    struct reply_spec then;
};

/* A rule that answers 200 and checks no signature. */
void rule_init(struct rule *rule);
void rule_done(struct rule *rule);

/*
 * Reads a rule into `ret` (initialised here). On failure nothing is left to free, and `ret_detail`
 * says why. Secrets are left out when the JSON names none.
 */
HK_NODISCARD bool rule_read(json_t *json, struct rule *ret, char ret_detail[128]);

/* Adds a secret; false when it is not one or there are too many. The same one twice is fine. */
HK_NODISCARD bool rule_add_secret(struct rule *rule, const char *secret);

/* The reply to the next request; counts it. Borrowed: valid until the rule changes. */
const struct reply_spec *rule_next_reply(struct rule *rule);

#endif
