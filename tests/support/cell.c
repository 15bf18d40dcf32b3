/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/cell.h"

#include <stdio.h>
#include <stdlib.h>

static void allow_connections(const char *database, bool are_allowed)
{
    char sql[2 * PG_NAME_SIZE + 128];

    (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s", database,
                   are_allowed ? "true" : "false");
    free(pg_text("postgres", sql));
    if (are_allowed)
        return;
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE datname = '%s'",
                   database);
    free(pg_text("postgres", sql));
}

void cell_down(struct harness *h, unsigned i)
{
    assert_true(i < h->options->n_cells);
    allow_connections(h->cells[i], false);
}

void cell_up(struct harness *h, unsigned i)
{
    assert_true(i < h->options->n_cells);
    allow_connections(h->cells[i], true);
}

int64_t cell_int(struct harness *h, unsigned i, const char *sql_format, ...)
{
    char *sql, *text;
    int64_t value;
    va_list args;

    assert_true(i < h->options->n_cells);
    va_start(args, sql_format);
    assert_true(vasprintf(&sql, sql_format, args) >= 0);
    va_end(args);
    text = pg_text(h->cells[i], sql);
    if (text == NULL)
        fail_test("the statement gave no value: %s", sql);
    value = strtoll(text, NULL, 10);
    free(text);
    free(sql);
    return value;
}
