/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/table.h - rows for people: aligned columns, cut where a terminal ends.
 *
 *     table_init(&table, columns);
 *     table_add(&table, text, COLOUR_NONE);  for each cell, row by row; texts are copied
 *     table_print(&table);                   what was added; the head once, before the first
 *     table_done(&table);
 */
#ifndef API_CLI_TABLE_H
#define API_CLI_TABLE_H

#include "api/cli/output.h"

#define TABLE_MAX_COLUMNS 10

struct table_column {
    const char *title;
    int usual;        /* columns that it has at least: rows may come one by one */
    bool is_right;    /* numbers */
    bool is_flexible; /* may be cut */
};

struct table {
    const struct table_column *columns; /* borrowed; ends with a NULL title */
    size_t n_columns;
    int widths[TABLE_MAX_COLUMNS];
    struct table_cell *cells;
    size_t n_cells, capacity;
    bool has_head; /* it has been printed */
};

void table_init(struct table *table, const struct table_column *columns);
void table_done(struct table *table);
void table_add(struct table *table, const char *text, enum colour colour);
void table_print(struct table *table);

#endif
