/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/secrets.h - `hookline secrets`: what is sealed at rest, and with which master key. */
#ifndef API_CLI_SECRETS_H
#define API_CLI_SECRETS_H

#include "hk/config.h"

/*
 * No options. How many texts each key has sealed, and whether the old one may be dropped. EXIT_OK
 * when all are under the current key; EXIT_FAILED when some are not.
 */
int secrets_status(const struct hk_config *config, int argc, char **argv);

#endif
