/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/cells.h - the cells of the installation: HOOKLINE_CELLS and HOOKLINE_REPLICAS as a table.
 *
 * A cell is a database and a schema in it, with everything of a group of tenants. The home cell is
 * that of HOOKLINE_DATABASE_URL; it is there always, and keeps the directory besides.
 */
#ifndef HK_CELLS_H
#define HK_CELLS_H

#include "hk/config.h"

#define HK_CELLS_HOME     "default"
#define HK_CELLS_MAX      32
#define HK_CELLS_MAX_NAME 32 /* bytes */

struct hk_cell {
    const char *name;
    const char *replica_url; /* libpq connection string of its read replica; NULL: it has none */
    struct hk_config config; /* the process's, with the cell's database_url and database_schema */
};

/* Immutable after hk_cells_load(): threads share it. */
struct hk_cells {
    unsigned n; /* at least 1 */
    struct hk_cell
        *cells; /* cells[0] is the home cell, the others are as HOOKLINE_CELLS has them */
    char *text; /* private: what names and URLs point into */
};

/*
 * Prints every line that is not valid on `errors`, without what may be secret in it; false when
 * there was one, and `ret` is empty then. Texts of `config` are borrowed for as long as `ret` is
 * used.
 */
HK_NODISCARD bool hk_cells_load(struct hk_cells *ret, const struct hk_config *config, FILE *errors);

void hk_cells_done(struct hk_cells *cells);

/* NULL when there is no cell of that name. */
const struct hk_cell *hk_cells_find(const struct hk_cells *cells, struct hk_str name);

#endif
