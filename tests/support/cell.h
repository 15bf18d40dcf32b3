/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/cell.h - the cells of a test with `.n_cells`: "b" is number 0, "c" number 1, ... */
#ifndef SUPPORT_CELL_H
#define SUPPORT_CELL_H

#include "tests/support/harness.h"

/* Nobody can connect to its database any more, and who had is thrown out; or all can again. */
void cell_down(struct harness *h, unsigned i);
void cell_up(struct harness *h, unsigned i);

/* db_int() of its database. */
int64_t cell_int(struct harness *h, unsigned i, const char *sql_format, ...) HK_PRINTF(3, 4);

#endif
