/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/inlet.h - the URLs of flows: made, sent to, and signed for as providers do. */
#ifndef SUPPORT_INLET_H
#define SUPPORT_INLET_H

#include "hk/mac.h"
#include "tests/support/harness.h"

/* A flow, and where its requests go. */
struct inlet {
    const char *id;
    const char *path; /* "/in/<key>" */
};

/*
 * A running flow of the app. `credential` is JSON without the secret ("{\"kind\": \"github\"}"),
 * `secret` NULL for none; `members` is more of its body (", \"methods\": [\"GET\"]"), or "".
 */
struct inlet given_inlet(struct harness *h, const struct tenant *t, const char *app_id,
                         const char *credential, const char *secret, const char *members);

/* Changes it: a merge patch. */
void inlet_change(struct harness *h, const struct tenant *t, const struct inlet *inlet,
                  const char *patch);

/* assert_status() of what an expression gives. */
#define assert_gives(status, expression)                                                           \
    do {                                                                                           \
        struct reply given_reply = (expression);                                                   \
        assert_status(given_reply, (status));                                                      \
    } while (0)

/* POSTs the body, with headers ("Name: value", NULL-ended, or NULL). */
struct reply inlet_post(struct harness *h, const struct inlet *inlet, struct hk_str body,
                        const char *const headers[]);

/* The same of a content type, which is queued; the id of its run. */
const char *inlet_run(struct harness *h, const struct tenant *t, const struct inlet *inlet,
                      const char *content_type, const char *body);

/*
 * The same again and again while it is refused (4xx): by what was true up to a quarter of a second
 * ago, see docs/flows.md.
 */
struct reply inlet_post_patiently(struct harness *h, const struct inlet *inlet, struct hk_str body,
                                  const char *const headers[]);

/* The text of the HMAC over the three parts (or "") with the key. */
const char *inlet_hmac(struct harness *h, enum hk_hash hash, bool is_base64, struct hk_str key,
                       struct hk_str a, struct hk_str b, struct hk_str c);

/* How many events the flow has received. */
int64_t inlet_count(struct harness *h, const struct inlet *inlet);

#endif
