/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/tenants.h - what an operator does with a tenant from a shell. */
#ifndef API_CLI_TENANTS_H
#define API_CLI_TENANTS_H

#include "hk/config.h"

/* hookline tenants move TENANT_ID --to CELL [--max-hold SECONDS] [--abort] */
int tenants_move(const struct hk_config *config, int argc, char **argv);

#endif
