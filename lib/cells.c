/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of words: NAME SCHEMA DSN of cells, NAME DSN of replicas. Cut where they stand, in a copy.
 */
#include "hk/cells.h"

#include <stdlib.h>

#define BLANKS   "\t\r "

#define CELLS    "HOOKLINE_CELLS"
#define REPLICAS "HOOKLINE_REPLICAS"

struct reader {
    const char *setting; /* for messages */
    unsigned line;       /* the last one that was read, from 1 */
    char *rest;
    FILE *errors;
    bool has_failed;
};

static void complain(struct reader *reader, const char *why)
{
    (void)fprintf(reader->errors, "%s: line %u: %s\n", reader->setting, reader->line, why);
    reader->has_failed = true;
}

/* The next line that has anything in it, without the blanks around it; NULL: there is none. */
static char *next_line(struct reader *reader)
{
    while (*reader->rest != '\0') {
        char *line = reader->rest;
        size_t n = strcspn(line, "\n");

        reader->rest += n + (line[n] != '\0');
        reader->line++;
        line[n] = '\0';
        line += strspn(line, BLANKS);
        n = strlen(line);
        while (n > 0 && strchr(BLANKS, line[n - 1]) != NULL)
            n--;
        line[n] = '\0';
        if (n > 0)
            return line;
    }
    return NULL;
}

/* Cuts the first word off; the rest may be empty. */
static const char *next_word(char **line)
{
    char *word = *line;
    size_t n = strcspn(word, BLANKS);

    *line = word + n;
    *line += strspn(*line, BLANKS);
    word[n] = '\0';
    return word;
}

static bool is_cell_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return n > 0 && n <= HK_CELLS_MAX_NAME && text[n] == '\0';
}

static struct hk_cell *find(const struct hk_cells *cells, const char *name)
{
    for (unsigned i = 0; i < cells->n; i++) {
        if (strcmp(cells->cells[i].name, name) == 0)
            return &cells->cells[i];
    }
    return NULL;
}

/* The same rows under two names would be delivered as two tenants' by nobody's wish. */
static bool has_place(const struct hk_cells *cells, const char *schema, const char *url)
{
    for (unsigned i = 0; i < cells->n; i++) {
        const struct hk_config *config = &cells->cells[i].config;

        if (strcmp(config->database_schema, schema) == 0 && strcmp(config->database_url, url) == 0)
            return true;
    }
    return false;
}

static void add_cell(struct hk_cells *cells, struct reader *reader, char *line)
{
    const struct hk_config *home = &cells->cells[0].config;
    const char *name = next_word(&line);
    const char *schema = next_word(&line);

    if (!is_cell_name(name)) {
        complain(reader, "the name is not 1 to 32 of a-z, 0-9, _ and -");
    } else if (find(cells, name) != NULL) {
        complain(reader, "there is a cell of this name already (the home cell is called default)");
    } else if (!hk_config_is_schema_name(schema)) {
        complain(reader, "the schema is not 1 to 63 lower-case letters, digits and underscores");
    } else if (*line == '\0') {
        complain(reader, "NAME SCHEMA DSN: there is no connection string");
    } else if (has_place(cells, schema, line)) {
        complain(reader, "another cell has this schema of this database");
    } else if (cells->n > HK_CELLS_MAX) {
        complain(reader, "more than 32 cells");
    } else {
        struct hk_cell *cell = &cells->cells[cells->n++];

        *cell = (struct hk_cell){.name = name, .config = *home};
        cell->config.database_schema = schema;
        cell->config.database_url = line;
        cell->config.cell = name;
        cells->cells[0].config.cell = HK_CELLS_HOME;
    }
}

static void add_replica(struct hk_cells *cells, struct reader *reader, char *line)
{
    struct hk_cell *cell = find(cells, next_word(&line));

    if (cell == NULL)
        complain(reader, "there is no cell of this name");
    else if (cell->replica_url != NULL)
        complain(reader, "the cell has a replica already");
    else if (*line == '\0')
        complain(reader, "NAME DSN: there is no connection string");
    else
        cell->replica_url = line;
}

bool hk_cells_load(struct hk_cells *ret, const struct hk_config *config, FILE *errors)
{
    size_t n_cells = strlen(config->cells) + 1;
    struct hk_cells cells = {.n = 1};
    struct reader cell_lines, replica_lines;
    char *line;

    /* One more than there may be further cells: the home cell. */
    cells.cells = calloc(HK_CELLS_MAX + 1, sizeof(*cells.cells));
    cells.text = malloc(n_cells + strlen(config->replicas) + 1);
    if (cells.cells == NULL || cells.text == NULL)
        abort();
    memcpy(cells.text, config->cells, n_cells);
    memcpy(cells.text + n_cells, config->replicas, strlen(config->replicas) + 1);
    cells.cells[0] = (struct hk_cell){.name = HK_CELLS_HOME, .config = *config};

    cell_lines = (struct reader){.setting = CELLS, .rest = cells.text, .errors = errors};
    while ((line = next_line(&cell_lines)) != NULL)
        add_cell(&cells, &cell_lines, line);
    replica_lines =
        (struct reader){.setting = REPLICAS, .rest = cells.text + n_cells, .errors = errors};
    while ((line = next_line(&replica_lines)) != NULL)
        add_replica(&cells, &replica_lines, line);

    *ret = cells;
    if (cell_lines.has_failed || replica_lines.has_failed) {
        hk_cells_done(ret);
        return false;
    }
    return true;
}

void hk_cells_done(struct hk_cells *cells)
{
    free(cells->cells);
    free(cells->text);
    *cells = (struct hk_cells){.n = 0};
}

const struct hk_cell *hk_cells_find(const struct hk_cells *cells, struct hk_str name)
{
    for (unsigned i = 0; i < cells->n; i++) {
        if (hk_str_eq(hk_str(cells->cells[i].name), name))
            return &cells->cells[i];
    }
    return NULL;
}
