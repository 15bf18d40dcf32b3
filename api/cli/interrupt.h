/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/interrupt.h - Ctrl-C, for commands that have something to say when it comes. */
#ifndef API_CLI_INTERRUPT_H
#define API_CLI_INTERRUPT_H

#include "hk/base.h"

/* From now on SIGINT and SIGTERM are noted; before, they end the program. */
void interrupt_catch(void);

bool interrupt_has_come(void);

/* Waits so long, or until one comes. */
void interrupt_wait(int milliseconds);

#endif
