/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/explain.h - what became of an event at a subscription, as support is told it. */
#ifndef SUPPORT_EXPLAIN_H
#define SUPPORT_EXPLAIN_H

#include "tests/support/harness.h"

/* GET /v1/events/{id}/explain?subscription_id=; the test fails unless there is one entry. */
struct reply explain(struct harness *h, const char *key, const char *event_id,
                     const char *subscription_id);

/* The same, when its reason has become that one. */
struct reply explain_wait(struct harness *h, const char *key, const char *event_id,
                          const char *subscription_id, const char *reason);

/* A member of that entry, as a path: "data.0.<name>" of the reply. */
#define EXPLAINED "data.0."

/* The entry has that reason, and `words` stand in its sentence. */
#define assert_explained(reply, reason, words)                                                     \
    explain_check(&(reply), (reason), (words), __FILE__, __LINE__)
void explain_check(const struct reply *reply, const char *reason, const char *words,
                   const char *file, int line);

/* "2026-11-22T06:28:00.123456+00:00" as sentences have it: "2026-11-22 06:28 UTC". */
const char *explain_time(struct harness *h, const char *rfc3339);

#endif
