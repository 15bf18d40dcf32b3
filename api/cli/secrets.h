/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/secrets.h - `hookline secrets`: what is sealed at rest, and with which master key. */
#ifndef API_CLI_SECRETS_H
#define API_CLI_SECRETS_H

#include <libpq-fe.h>

#include "hk/config.h"
#include "hk/vault.h"

/*
 * No options. How many texts each key has sealed, and whether the old one may be dropped. EXIT_OK
 * when all are under the current key; EXIT_FAILED when some are not.
 */
int secrets_status(const struct hk_config *config, int argc, char **argv);

/*
 * Whether the vault has the master keys of all that is sealed in this database, or of one tenant's
 * (NULL: all); says on stderr which one it has not, and of which cell.
 */
HK_NODISCARD bool secrets_open(const struct hk_vault *vault, PGconn *connection,
                               const char *tenant_id, const char *cell);

#endif
