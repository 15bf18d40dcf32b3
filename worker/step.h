/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/step.h - one step of a run: prepared when it is loaded, carried out, and what is recorded
 * of it. See docs/adr/0039-flows.md.
 *
 *     step_prepare() -> step_start() -> [the call, the event] -> step_end_*() -> EVENT_OUTCOME
 *
 * All but the call and the event is pure and needs no time: templates are rendered when the step is
 * loaded, so that a slot is asked for with the host of the call. Filters are evaluated by
 * step_record. What a step has not in itself but cannot do is the run's failure, never the batch's.
 */
#ifndef WORKER_STEP_H
#define WORKER_STEP_H

#include "worker/attempt.h"
#include "worker/run.h"

struct emit;
struct hk_config;
struct hk_vault;

/* Of an attempt whose run has its row: reads the step and renders what it is made of. */
void step_prepare(struct attempt *attempt, const struct hk_config *config,
                  const struct hk_vault *vault);

/* Carries out what is no http call (see step_http.h): EVENT_OUTCOME is fired now, or later. */
void step_start(struct attempt *attempt, struct emit *emit);

bool step_is_http(const struct attempt *attempt);

/* The step is done. `output` is JSON, .p NULL: null. Fires EVENT_OUTCOME. */
void step_end(struct attempt *attempt, struct hk_str output);

/* It cannot be done, ever: the run fails with `reason`. Static words. Fires EVENT_OUTCOME. */
void step_end_failed(struct attempt *attempt, const char *reason, const char *why);

/* Not now, but soon. Fires EVENT_OUTCOME. */
void step_end_later(struct attempt *attempt, const char *why);

/* An http step with its outcome and the verdict on it: fits the verdict to runs, writes the output.
 */
void step_judge_http(struct attempt *attempt);

/* For the record: the step as step_record has it, and attempt.outcome. */
struct hk_str step_text(const struct attempt *attempt);
const char *step_outcome_name(const struct attempt *attempt);

/* The database refused what it made: the run fails, and nothing that the step made is recorded. */
void step_fail_bare(struct attempt *attempt);

#endif
