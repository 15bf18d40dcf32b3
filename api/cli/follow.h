/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/follow.h - `hookline tail`: what is recorded, as it comes, over lost connections. */
#ifndef API_CLI_FOLLOW_H
#define API_CLI_FOLLOW_H

#include "api/cli/client.h"

/* Prints what `query` finds until options->limit of them (0: until Ctrl-C). The exit code. */
int follow(struct client *client, const char *query, const struct options *options);

#endif
