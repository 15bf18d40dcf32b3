/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/ids.h - ids among the words of a command: they become part of a path. */
#ifndef API_CLI_IDS_H
#define API_CLI_IDS_H

#include "api/cli/options.h"

/* Whether there are `n` words and the last one is an id; else the reason is on stderr. */
HK_NODISCARD bool ids_check(const struct options *options, int n);

bool ids_is_one(const char *word);

#endif
