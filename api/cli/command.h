/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/command.h - the commands that ask the API: what each takes, and how it is run. */
#ifndef API_CLI_COMMAND_H
#define API_CLI_COMMAND_H

#include "hk/config.h"

typedef int command_fn(const struct hk_config *config, int argc, char **argv);

/* NULL-ended, names of options.c. */
extern const char *const logs_options[], *const tail_options[], *const explain_options[],
                                                                    *const replay_options[],
                                                                        *const message_options[],
                                                                            *const resend_options[];

/* logs.c: what the delivery log has; tail: what comes to it from now on. */
command_fn logs_run, tail_run;

/* explain.c: why an event was or was not sent, subscription by subscription. */
command_fn explain_run;

/* replay.c: a query, or a verb and the id of a replay. */
command_fn replay_run;

/* messages.c: one message. */
command_fn message_retry, message_resend;

#endif
