/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/table.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CELL_BYTES = 4096, GAP = 2, MIN_FLEXIBLE = 8 };

struct table_cell {
    char *text;
    int width;
    enum colour colour;
};

/* The text as it may be shown, to be freed; its columns. */
static char *clean(const char *text, int width, int *ret_width)
{
    struct hk_buf buf;

    hk_buf_init(&buf, MAX_CELL_BYTES);
    *ret_width = output_add_clean(&buf, text, width);
    hk_buf_add(&buf, "", 1);
    return buf.p;
}

void table_init(struct table *table, const struct table_column *columns)
{
    *table = (struct table){.columns = columns};
    for (size_t i = 0; columns[i].title != NULL; i++) {
        int n_title = (int)strlen(columns[i].title);

        table->widths[i] = n_title > columns[i].usual ? n_title : columns[i].usual;
        table->n_columns++;
    }
}

static void clear(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    table->n_cells = 0;
}

void table_done(struct table *table)
{
    clear(table);
    free(table->cells);
    *table = (struct table){0};
}

void table_add(struct table *table, const char *text, enum colour colour)
{
    struct table_cell *cell;

    if (table->n_cells == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
        table->cells = realloc(table->cells, table->capacity * sizeof(*table->cells));
        if (table->cells == NULL)
            abort();
    }
    cell = &table->cells[table->n_cells++];
    cell->text = clean(text, 0, &cell->width);
    cell->colour = colour;
}

/* Takes columns away from the widest that may be cut, until a line fits. */
static void fit(const struct table *table, int widths[TABLE_MAX_COLUMNS])
{
    int total = (int)(table->n_columns - 1) * GAP;

    for (size_t i = 0; i < table->n_columns; i++)
        total += widths[i];
    for (; output_width() > 0 && total > output_width(); total--) {
        int *widest = NULL;

        for (size_t i = 0; i < table->n_columns; i++) {
            if (table->columns[i].is_flexible && widths[i] > MIN_FLEXIBLE &&
                (widest == NULL || widths[i] > *widest))
                widest = &widths[i];
        }
        if (widest == NULL)
            return;
        --*widest;
    }
}

static void print_cell(const struct table *table, size_t column, const char *text, int width,
                       enum colour colour, int columns)
{
    bool is_last = column + 1 == table->n_columns, is_right = table->columns[column].is_right;
    char *cut = width > columns ? clean(text, columns, &width) : NULL;
    int pad = columns > width ? columns - width : 0;

    (void)printf("%*s%s%s%s", is_right ? pad : 0, "", output_begin(colour),
                 cut == NULL ? text : cut, output_end(colour));
    if (is_last)
        (void)putchar('\n');
    else
        (void)printf("%*s", (is_right ? 0 : pad) + GAP, "");
    free(cut);
}

void table_print(struct table *table)
{
    int widths[TABLE_MAX_COLUMNS];

    for (size_t i = 0; i < table->n_cells; i++) {
        int *width = &table->widths[i % table->n_columns];

        if (table->cells[i].width > *width)
            *width = table->cells[i].width;
    }
    memcpy(widths, table->widths, sizeof(widths));
    fit(table, widths);

    for (size_t i = 0; !table->has_head && i < table->n_columns; i++)
        print_cell(table, i, table->columns[i].title, (int)strlen(table->columns[i].title),
                   COLOUR_DIM, widths[i]);
    table->has_head = true;
    for (size_t i = 0; i < table->n_cells; i++)
        print_cell(table, i % table->n_columns, table->cells[i].text, table->cells[i].width,
                   table->cells[i].colour, widths[i % table->n_columns]);
    clear(table);
}
