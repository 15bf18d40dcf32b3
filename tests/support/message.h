/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/message.h - what became of an event, asked through the API with the admin's key. */
#ifndef SUPPORT_MESSAGE_H
#define SUPPORT_MESSAGE_H

#include "tests/support/harness.h"

/* The path of an event's message to a subscription (NULL: its only one): "/v1/messages/<id>". */
const char *message_path(struct harness *h, const struct tenant *t, const char *event_id,
                         const char *subscription_id);

/* Waits until the message has that status. */
void message_wait(struct harness *h, const struct tenant *t, const char *path, const char *status);

/* Waits until so many attempts are recorded. */
void message_wait_attempts(struct harness *h, const struct tenant *t, const char *path, unsigned n);

struct reply message_get(struct harness *h, const struct tenant *t, const char *path);

/* Its attempt with that number; the test fails when there is none. */
struct reply message_attempt(struct harness *h, const struct tenant *t, const char *path,
                             unsigned attempt_no);

/* How many attempts are recorded. */
unsigned message_n_attempts(struct harness *h, const struct tenant *t, const char *path);

/* How many messages of the tenant have that status. */
unsigned message_count(struct harness *h, const struct tenant *t, const char *status);

/* "2026-11-22T06:28:00.123456+00:00" in milliseconds since the epoch. */
int64_t message_time_ms(const char *rfc3339);

/* Publishes `n` events ("order.paid", company c1) in batches of at most 1000; all are accepted. */
void publish_many(struct harness *h, const struct tenant *t, unsigned n);

#endif
