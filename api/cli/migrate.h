/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/migrate.h - `hookline migrate`: brings a cell's schema to what this program needs.
 *
 * The files of migrations/ travel inside the program. Numbered ones are applied once, in order,
 * each in a transaction of its own; one that has changed since, or that this program does not know,
 * is an error. Those in repeatable/ are applied after them, again whenever they change. Forward
 * only. All of it for each cell: one that cannot be reached, or fails, is named, and the others go
 * on.
 */
#ifndef API_CLI_MIGRATE_H
#define API_CLI_MIGRATE_H

#include "hk/config.h"

/* Makes the schema when it is missing, applies what is pending, makes the next partitions. */
int migrate_up(const struct hk_config *config, int argc, char **argv);

/* Lists every file: applied and when, pending, changed. */
int migrate_status(const struct hk_config *config, int argc, char **argv);

/* EXIT_FAILED, with the list on stderr, unless every file is applied as it is. */
int migrate_check(const struct hk_config *config, int argc, char **argv);

#endif
