/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/output.h"

#include <locale.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "hk/utf8.h"

enum { MAX_TEXT_BYTES = 1 << 20, MAX_CHARACTER_BYTES = 16 };

static struct {
    bool has_colours;
    int width;
} output;

void output_init(void)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size;
    bool is_terminal = isatty(STDOUT_FILENO) == 1;

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* wcwidth() knows by it what can be printed */
    output.has_colours = is_terminal && (no_colour == NULL || no_colour[0] == '\0') &&
                         term != NULL && strcmp(term, "dumb") != 0;
    if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        output.width = size.ws_col;
}

int output_width(void)
{
    return output.width;
}

/* ---- clean text ----------------------------------------------------------------------------- */

/* What turns the direction of text around it, hides, or ends lines where no line ends. */
static bool is_deceptive(wchar_t c)
{
    return c == 0xAD || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

/* The character at `p` (of `n` bytes, not 0); how many columns it takes, -1: not to be shown. */
static int measure(const char *p, size_t n, wchar_t *ret)
{
    mbstate_t state = {0};

    *ret = (unsigned char)*p;
    if (n == 0 || mbrtowc(ret, p, n, &state) != n || is_deceptive(*ret))
        return -1;
    return wcwidth(*ret);
}

/* As it is to be shown, with a NUL; its columns. `size` is 0 for a byte that is no UTF-8. */
static int show(const char *p, size_t size, char ret[MAX_CHARACTER_BYTES])
{
    wchar_t c;
    int width = measure(p, size, &c);

    if (width >= 0) {
        memcpy(ret, p, size);
        ret[size] = '\0';
        return width;
    }
    if (size == 0)
        return snprintf(ret, MAX_CHARACTER_BYTES, "\\x%02x", (unsigned)(unsigned char)*p);
    if (c == '\n' || c == '\t' || c == '\r')
        return snprintf(ret, MAX_CHARACTER_BYTES, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    if (c < 0x80)
        return snprintf(ret, MAX_CHARACTER_BYTES, "\\x%02x", (unsigned)c);
    return snprintf(ret, MAX_CHARACTER_BYTES, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

int output_add_clean(struct hk_buf *buf, const char *text, int width)
{
    size_t n = strlen(text), fits_n = buf->n;
    int columns = 0, fits = 0;

    for (const char *end = text + n; text < end;) {
        size_t size = hk_utf8_size(text, (size_t)(end - text));
        char shown[MAX_CHARACTER_BYTES];
        int w = show(text, size, shown);

        if (width > 0 && columns + w > width) {
            buf->n = fits_n; /* what leaves a column for the ellipsis */
            hk_buf_add_text(buf, "\u2026");
            return fits + 1;
        }
        hk_buf_add_text(buf, shown);
        columns += w;
        if (columns < width) {
            fits_n = buf->n;
            fits = columns;
        }
        text += size == 0 ? 1 : size;
    }
    return columns;
}

void output_print_clean(FILE *out, const char *text)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf buf;

    hk_buf_init(&buf, MAX_TEXT_BYTES);
    (void)output_add_clean(&buf, text, 0);
    (void)fputs(buf.n == 0 ? "" : buf.p, out);
}

/* ---- colours -------------------------------------------------------------------------------- */

const char *output_begin(enum colour colour)
{
    static const char *const marks[] = {"", "\033[32m", "\033[31m", "\033[33m", "\033[2m"};

    return output.has_colours ? marks[colour] : "";
}

const char *output_end(enum colour colour)
{
    return output.has_colours && colour != COLOUR_NONE ? "\033[0m" : "";
}

enum colour output_colour_of(const char *status)
{
    static const char *const waiting[] = {"pending", "sending", "held"};

    if (strcmp(status, "succeeded") == 0)
        return COLOUR_GOOD;
    if (strcmp(status, "cancelled") == 0)
        return COLOUR_DIM;
    for (size_t i = 0; i < HK_COUNTOF(waiting); i++) {
        if (strcmp(status, waiting[i]) == 0)
            return COLOUR_WAIT;
    }
    return COLOUR_BAD;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/*
 * jansson writes what is below a blank as an escape. DEL, C1 and what deceives remain: all of them
 * stand in strings, where their escape says the same.
 */
static void print_escaped(const char *text)
{
    for (const char *end = text + strlen(text); text < end;) {
        size_t size = hk_utf8_size(text, (size_t)(end - text));
        wchar_t c;

        if (size == 0 || *text == '\n' || measure(text, size, &c) >= 0)
            (void)fwrite(text, 1, size == 0 ? 1 : size, stdout);
        else if (c < 0x10000)
            (void)printf("\\u%04x", (unsigned)c);
        else
            (void)printf("\\u%04x\\u%04x", 0xD7C0U + ((unsigned)c >> 10),
                         0xDC00U + ((unsigned)c & 0x3FFU));
        text += size == 0 ? 1 : size;
    }
}

void output_json(const json_t *json, bool is_pretty)
{
    char *text = json_dumps(json, JSON_ENCODE_ANY | (is_pretty ? JSON_INDENT(2) : JSON_COMPACT));

    if (text == NULL)
        abort();
    print_escaped(text);
    (void)putchar('\n');
    free(text);
}

const char *output_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

int64_t output_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void output_time(const char *text, char ret[OUTPUT_TIME_SIZE])
{
    (void)snprintf(ret, OUTPUT_TIME_SIZE, "%s", text);
    if (strlen(ret) > 10 && ret[10] == 'T')
        ret[10] = ' ';
}
