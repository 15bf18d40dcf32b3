/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/target.h - subscriptions with settings of the test's own, made by the partner. */
#ifndef SUPPORT_TARGET_H
#define SUPPORT_TARGET_H

#include "tests/support/harness.h"

/* assert_problem() for a reply that is an expression. */
void expect_problem(struct harness *h, struct reply reply, int status, const char *slug,
                    const char *pointer);

/* Company "c1", event type "order.paid", an app of "acme" connected to c1: where its subscriptions
 * are made. */
const char *given_target(struct harness *h, struct tenant *t);

/* Subscribes the sinker's path to order.paid; `more` are members: ", \"profile\": \"cloudevents\"".
 * The subscription's path. */
const char *target_subscribe(struct harness *h, const struct tenant *t, const char *target,
                             const char *path, const char *more);

/* POST of "verify", "pause", ... to a subscription's path. */
struct reply target_act(struct harness *h, const struct tenant *t, const char *path,
                        const char *action);

void target_wait_active(struct harness *h, const struct tenant *t, const char *path);

#endif
