/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/keys.h - `hookline keys`: API keys from a shell, and master keys. The operator's first
 * key can come from nowhere else: every route that makes keys needs one.
 */
#ifndef API_CLI_KEYS_H
#define API_CLI_KEYS_H

#include "hk/config.h"

/* --role operator, or --role admin --tenant UUID; --name N. The key alone goes to stdout. */
int keys_create(const struct hk_config *config, int argc, char **argv);

/* No options. Prints a new value for HOOKLINE_MASTER_KEY; nothing is stored. */
int keys_master(const struct hk_config *config, int argc, char **argv);

#endif
