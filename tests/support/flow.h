/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/flow.h - flows and their runs, without the URL where requests come in: what it
 * stores is put there by SQL, so that a test says exactly what the steps are given.
 */
#ifndef SUPPORT_FLOW_H
#define SUPPORT_FLOW_H

#include "tests/support/harness.h"

/* A running flow of the app with these steps (a JSON array); its id. */
const char *given_flow(struct harness *h, const struct tenant *t, const char *app_id,
                       const char *steps);

/* The steps that runs begin with from here on: the next version. */
void flow_change_steps(struct harness *h, const struct tenant *t, const char *flow_id,
                       const char *steps);

/* A request with a JSON body is queued; the run's id. */
const char *flow_request(struct harness *h, const struct tenant *t, const char *flow_id,
                         const char *payload);

/* One with any other body (bytes as SQL has them: "'\\x00ff'::bytea") and content type. */
const char *flow_request_body(struct harness *h, const struct tenant *t, const char *flow_id,
                              const char *content_type, const char *bytea);

/* A request with a JSON body comes at the wait URL of the key. */
void flow_signal(struct harness *h, const struct tenant *t, const char *flow_id, const char *key,
                 const char *payload);

/* Waits until the run has ended so; `reason` NULL: with none. */
void run_wait_ended(struct harness *h, const char *run_id, const char *status, const char *reason);

/* Waits until the run waits for a signal. */
void run_wait_waiting(struct harness *h, const char *run_id);

/* "filter:succeeded http:http_status http:succeeded ...": its attempts, by step and outcome. */
const char *run_story(struct harness *h, const char *run_id);

/* The output of the last attempt of the step. */
const char *run_output(struct harness *h, const char *run_id, const char *step_name);

#endif
