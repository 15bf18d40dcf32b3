/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines on stderr: {"time":..,"level":..,"program":..,"event":..,<fields>}. A line is built in
 * memory and leaves in one write(2), so that lines of several threads and processes do not mix.
 */
#include "hk/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "hk/buf.h"
#include "hk/clock.h"
#include "hk/utf8.h"

#define MAX_TEXT_BYTES 1024
#define MAX_LINE_BYTES 65536
#define TAIL           ",\"cut\":true}\n"

/* Written before threads start, read by all. */
static const char *program_name = "hookline";
static enum hk_level least_level = HK_LOG_INFO;

void hk_log_init(const char *program, enum hk_level level)
{
    program_name = program;
    least_level = level;
}

static const char *level_name(enum hk_level level)
{
    switch (level) {
    case HK_LOG_DEBUG:
        return "debug";
    case HK_LOG_INFO:
        return "info";
    case HK_LOG_WARN:
        return "warn";
    case HK_LOG_ERROR:
        return "error";
    }
    return "error";
}

enum hk_level hk_log_level_from_name(const char *name)
{
    for (enum hk_level level = HK_LOG_DEBUG; level <= HK_LOG_ERROR; level++) {
        if (strcmp(name, level_name(level)) == 0)
            return level;
    }
    return HK_LOG_INFO;
}

/* DEL and the C1 controls drive terminals as ESC does; JSON would let them through. */
static bool is_terminal_control(const unsigned char *p, size_t size)
{
    return (size == 1 && p[0] == 0x7f) || (size == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

static void add_text(struct hk_buf *line, struct hk_str text)
{
    char clean[MAX_TEXT_BYTES * sizeof("\\xff")];
    size_t n = 0;
    size_t size;

    if (text.p == NULL) {
        hk_buf_add_text(line, "null");
        return;
    }

    for (size_t i = 0; i < text.n; i += size) {
        const unsigned char *p = (const unsigned char *)text.p + i;

        size = hk_utf8_size(text.p + i, text.n - i);
        if (i + (size == 0 ? 1 : size) > MAX_TEXT_BYTES)
            break;

        if (size > 0 && !is_terminal_control(p, size)) {
            memcpy(clean + n, p, size);
            n += size;
        } else {
            size = 1;
            n += (size_t)snprintf(clean + n, sizeof(clean) - n, "\\x%02x", p[0]);
        }
    }
    hk_buf_add_json_string(line, (struct hk_str){clean, n});
}

static void add_field(struct hk_buf *line, const struct hk_log_field *field)
{
    if (field->type == HK_FIELD_NONE)
        return;
    hk_buf_add_text(line, ",");
    hk_buf_add_json_string(line, hk_str(field->name));
    hk_buf_add_text(line, ":");

    switch (field->type) {
    case HK_FIELD_I64:
        hk_buf_printf(line, "%" PRId64, field->i64);
        return;
    case HK_FIELD_TEXT:
        add_text(line, field->text);
        return;
    case HK_FIELD_NONE:
    case HK_FIELD_END:
        return;
    }
}

/* Adds the fields that fit whole, and says so when one did not. */
static void add_fields(struct hk_buf *line, const struct hk_log_field *fields)
{
    size_t n_whole = line->n;

    for (; fields->type != HK_FIELD_END; fields++) {
        add_field(line, fields);
        if (line->is_full)
            break;
        n_whole = line->n;
    }

    line->max += sizeof(TAIL);
    if (!line->is_full) {
        hk_buf_add_text(line, "}\n");
        return;
    }
    line->is_full = false;
    line->n = n_whole;
    hk_buf_add_text(line, TAIL);
}

void hk_log_write(enum hk_level level, const char *event, const struct hk_log_field *fields)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf line = {0};
    int saved_errno = errno;
    char time[25];

    if (level < least_level)
        return;

    hk_format_rfc3339(hk_wall_us(), time);
    hk_buf_init(&line, MAX_LINE_BYTES - sizeof(TAIL));
    hk_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":", time, level_name(level));
    hk_buf_add_json_string(&line, hk_str(program_name));
    hk_buf_add_text(&line, ",\"event\":");
    hk_buf_add_json_string(&line, hk_str(event));
    add_fields(&line, fields);

    /* A line that cannot be written is lost: there is nowhere to complain. */
    while (write(STDERR_FILENO, line.p, line.n) < 0 && errno == EINTR)
        continue;
    errno = saved_errno;
}
