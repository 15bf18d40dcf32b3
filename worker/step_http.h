/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/step_http.h - the call of an http step: what it is made of, and what is kept of its
 * answer. send.c sends it as it sends messages: the same client, guard, windows, tokens and judge.
 */
#ifndef WORKER_STEP_HTTP_H
#define WORKER_STEP_HTTP_H

#include "hk/template.h"
#include "worker/attempt.h"
#include "worker/run.h"

struct hk_vault;

/* Opens the step's secret and sets what goes by the step: its schedule, its token. */
void step_http_open(struct attempt *attempt, const struct hk_vault *vault);

/* Renders URL, header fields and body. False with static words. */
HK_NODISCARD bool step_http_prepare(struct attempt *attempt, const struct hk_template_scope *scope,
                                    const char **reterr);

/* As hk_request_build() for messages. `token` .p == NULL: with the step's own credentials. */
HK_NODISCARD bool step_http_build(const struct attempt *attempt, struct hk_str token,
                                  uint64_t span_id, struct hk_request *ret, const char **reterr);

/* Writes {"status", "headers", "body"} of the outcome, or {"error"}, as the run's output. */
void step_http_write_output(struct attempt *attempt);

/* Leaves of the answer what the log of attempts keeps. */
void step_http_cut(struct attempt *attempt);

#endif
