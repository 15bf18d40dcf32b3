/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/cells.h - `hookline cells`, and what other commands that talk to databases do with all
 * cells of the installation, or with the one of a tenant.
 */
#ifndef API_CLI_CELLS_H
#define API_CLI_CELLS_H

#include "hk/cells.h"

/* With the settings of one cell; the exit code: EXIT_OK, EXIT_FAILED or EXIT_UNAVAILABLE. */
typedef int cells_run_fn(const struct hk_config *config, void *arg);

/*
 * Runs it for each cell, whatever became of those before; when there are several, names each on
 * stdout before, and on stderr if it failed. EXIT_FAILED if one did, else EXIT_UNAVAILABLE if one
 * was; EXIT_CONFIG when the settings of the cells are not valid.
 */
int cells_each(const struct hk_config *config, cells_run_fn *run, void *arg);

/*
 * In *ret_cell the cell that the tenant lives in, as the directory has it. The exit code: with the
 * reason on stderr unless EXIT_OK. With one cell nobody is asked.
 */
int cells_find_tenant(const struct hk_cells *cells, const char *tenant_id,
                      const struct hk_cell **ret_cell);

/* Lists the cells: whether each is to be reached and up to date, and how many tenants it has. */
int cells_list(const struct hk_config *config, int argc, char **argv);

#endif
