/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/flow.h - flows and what comes to them. */
#ifndef SUPPORT_FLOW_H
#define SUPPORT_FLOW_H

#include "tests/support/harness.h"

/* A flow without a credential, with more members ("\"delivery\": \"pull\"", or ""); its id. */
const char *given_flow(struct harness *h, const struct tenant *t, const char *app_id,
                       const char *name, const char *members);

/* A request with that body (JSON) to a flow, as receiving stores it; the id of its run. */
const char *given_run(struct harness *h, const char *flow_id, const char *body);

/* The same with bytes of a type that is no JSON. */
const char *given_run_of(struct harness *h, const char *flow_id, const char *content_type,
                         const char *body);

#endif
