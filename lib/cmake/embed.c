/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed - the build's tool that turns .sql and other files into C.
 *
 *     embed sql api/publish/ingest.sql OUT            -> OUT.h, OUT.c with struct hk_stmt
 * stmt_<name> embed files ARRAY OUT FILE...           -> OUT.h, OUT.c with struct hk_file ARRAY[]
 *
 * A statement runs from its `-- name: x` line to the next one; its comments are kept, so that they
 * show in pg_stat_activity's neighbours, psql and logs alike. Ends the build on any surprise.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/base.h"

static HK_NORETURN void die(const char *what, const char *name)
{
    (void)fprintf(stderr, "embed: %s: %s\n", what, name);
    exit(1);
}

static char *read_file(const char *name, size_t *ret_n)
{
    FILE *f = fopen(name, "rb");
    char *p;
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET) != 0)
        die("cannot read", name);
    p = malloc((size_t)size + 1);
    if (p == NULL || fread(p, 1, (size_t)size, f) != (size_t)size)
        die("cannot read", name);
    p[size] = '\0';
    (void)fclose(f);
    *ret_n = (size_t)size;
    return p;
}

static FILE *create(const char *out, const char *extension)
{
    char name[1024];
    FILE *f;

    (void)snprintf(name, sizeof(name), "%s.%s", out, extension);
    f = fopen(name, "w");
    if (f == NULL)
        die("cannot write", name);
    return f;
}

/* Writes text as adjacent C string literals, a line each. */
static void write_literal(FILE *f, const char *p, size_t n)
{
    (void)fputs("\n    \"", f);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c == '\n')
            (void)fputs(i + 1 < n ? "\\n\"\n    \"" : "\\n", f);
        else if (c == '"' || c == '\\')
            (void)fprintf(f, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f || c == '?')
            (void)fprintf(f, "\\%03o", c);
        else
            (void)fputc(c, f);
    }
    (void)fputc('"', f);
}

/* The largest n of $n in the statement. */
static unsigned count_params(const char *p, size_t n)
{
    unsigned most = 0;

    for (size_t i = 0; i + 1 < n; i++) {
        unsigned number = 0;

        if (p[i] != '$' || !isdigit((unsigned char)p[i + 1]))
            continue;
        for (size_t d = i + 1; d < n && isdigit((unsigned char)p[d]); d++)
            number = number * 10 + (unsigned)(p[d] - '0');
        most = number > most ? number : most;
    }
    return most;
}

static const char *find_next_statement(const char *p)
{
    static const char marker[] = "-- name: ";

    while (p != NULL && strncmp(p, marker, sizeof(marker) - 1) != 0) {
        p = strchr(p, '\n');
        p = p == NULL ? NULL : p + 1;
    }
    return p;
}

static unsigned line_of(const char *text, const char *p)
{
    unsigned line = 1;

    for (; text < p; text++)
        line += *text == '\n';
    return line;
}

static void embed_sql(const char *source, const char *out)
{
    size_t n;
    char *text = read_file(source, &n);
    FILE *h = create(out, "h"), *c = create(out, "c");
    const char *at = find_next_statement(text);

    (void)fprintf(h, "/* Made from %s by embed. */\n#pragma once\n#include \"hk/db.h\"\n", source);
    (void)fprintf(c, "/* Made from %s by embed. */\n#include \"%s.h\"\n", source, source);
    if (at == NULL)
        die("no `-- name:` line", source);
    while (at != NULL) {
        const char *name = at + 9, *end = name, *body, *next;
        size_t body_n;

        while (isalnum((unsigned char)*end) || *end == '_')
            end++;
        body = strchr(end, '\n');
        if (end == name || body == NULL)
            die("a statement without a name or a text", source);
        next = find_next_statement(body + 1);
        body_n = next == NULL ? strlen(body + 1) : (size_t)(next - body - 1);
        (void)fprintf(h, "extern const struct hk_stmt stmt_%.*s;\n", (int)(end - name), name);
        (void)fprintf(c, "const struct hk_stmt stmt_%.*s = {\n    \"%.*s\",", (int)(end - name),
                      name, (int)(end - name), name);
        write_literal(c, body + 1, body_n);
        (void)fprintf(c, ",\n    %u,\n    \"%s:%u\",\n};\n", count_params(body + 1, body_n), source,
                      line_of(text, at));
        at = next;
    }
    (void)fclose(h);
    (void)fclose(c);
    free(text);
}

static void embed_files(const char *array, const char *out, char **files, int n_files)
{
    FILE *h = create(out, "h"), *c = create(out, "c");

    (void)fprintf(h, "#pragma once\n#include \"hk/file.h\"\nextern const struct hk_file %s[];\n",
                  array);
    (void)fprintf(c,
                  "#include \"hk/file.h\"\nextern const struct hk_file %s[];\nconst struct hk_file "
                  "%s[] = {\n",
                  array, array);
    for (int i = 0; i < n_files; i++) {
        size_t n;
        char *text = read_file(files[i], &n);
        const char *slash = strrchr(files[i], '/');

        (void)fprintf(c, "{\"%s\", {", slash == NULL ? files[i] : slash + 1);
        write_literal(c, text, n);
        (void)fprintf(c, ", %zu}},\n", n);
        free(text);
    }
    (void)fputs("{NULL, {NULL, 0}},\n};\n", c);
    (void)fclose(h);
    (void)fclose(c);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "sql") == 0)
        embed_sql(argv[2], argv[3]);
    else if (argc >= 5 && strcmp(argv[1], "files") == 0)
        embed_files(argv[2], argv[3], argv + 4, argc - 4);
    else
        die("usage", "embed sql FILE OUT | embed files ARRAY OUT FILE...");
    return 0;
}
