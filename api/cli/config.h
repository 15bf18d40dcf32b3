/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/config.h - `hookline config`: the settings, as they are and as they are documented. */
#ifndef API_CLI_CONFIG_H
#define API_CLI_CONFIG_H

#include "hk/config.h"

/* Prints each setting's value and where it comes from; secrets starred. Returns the exit code. */
int config_show(const struct hk_config *config, int argc, char **argv);

/* Prints docs/configuration.md. */
int config_docs(const struct hk_config *config, int argc, char **argv);

#endif
