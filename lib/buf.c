/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer. `capacity` counts the NUL behind the bytes, `max` does not. Once full it stays
 * as it is until it is cleared: what it holds is always the whole of the first appends.
 */
#include "hk/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 128

void hk_buf_init(struct hk_buf *buf, size_t max)
{
    assert(max < SIZE_MAX / 2);
    *buf = (struct hk_buf){.max = max};
}

void hk_buf_done(struct hk_buf *buf)
{
    free(buf->p);
    *buf = (struct hk_buf){.max = buf->max};
}

static void cut(struct hk_buf *buf, size_t n)
{
    buf->n = n;
    if (buf->p != NULL)
        buf->p[n] = '\0';
}

void hk_buf_clear(struct hk_buf *buf)
{
    cut(buf, 0);
    buf->is_full = false;
}

static void grow(struct hk_buf *buf, size_t wanted)
{
    size_t capacity = buf->capacity == 0 ? FIRST_CAPACITY : buf->capacity;
    char *p;

    while (capacity < wanted)
        capacity *= 2;
    if (capacity > buf->max + 1)
        capacity = buf->max + 1;

    p = realloc(buf->p, capacity);
    if (p == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    buf->p = p;
    buf->capacity = capacity;
}

/* Makes room for `n` bytes more and their NUL; false, and full, when that is past the maximum. */
static bool reserve(struct hk_buf *buf, size_t n)
{
    if (buf->is_full || n > buf->max - buf->n) {
        buf->is_full = true;
        return false;
    }
    if (buf->n + n + 1 > buf->capacity)
        grow(buf, buf->n + n + 1);
    return true;
}

void hk_buf_add(struct hk_buf *buf, const void *p, size_t n)
{
    if (!reserve(buf, n))
        return;

    if (n > 0)
        memcpy(buf->p + buf->n, p, n);
    cut(buf, buf->n + n);
}

void hk_buf_add_str(struct hk_buf *buf, struct hk_str s)
{
    hk_buf_add(buf, s.p, s.n);
}

void hk_buf_add_text(struct hk_buf *buf, const char *text)
{
    hk_buf_add(buf, text, strlen(text));
}

void hk_buf_printf(struct hk_buf *buf, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);

    if (!reserve(buf, (size_t)n))
        return;

    va_start(args, format);
    (void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
    va_end(args);
    buf->n += (size_t)n;
}

/* The letter of a two-character escape, or 0. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void add_escaped(struct hk_buf *buf, char c)
{
    char letter = short_escape(c);

    if (letter != 0)
        hk_buf_add(buf, (const char[]){'\\', letter}, 2);
    else
        hk_buf_printf(buf, "\\u%04x", (unsigned)(unsigned char)c);
}

void hk_buf_add_json_string(struct hk_buf *buf, struct hk_str s)
{
    size_t n_before = buf->n;
    size_t done = 0;

    hk_buf_add(buf, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x20 && s.p[i] != '"' && s.p[i] != '\\')
            continue;
        hk_buf_add(buf, s.p + done, i - done);
        add_escaped(buf, s.p[i]);
        done = i + 1;
    }
    if (s.n > done)
        hk_buf_add(buf, s.p + done, s.n - done);
    hk_buf_add(buf, "\"", 1);

    if (buf->is_full)
        cut(buf, n_before);
}

void hk_buf_add_json_member(struct hk_buf *buf, const char *name, struct hk_str value)
{
    hk_buf_printf(buf, "\"%s\":", name);
    if (value.p == NULL)
        hk_buf_add_text(buf, "null");
    else
        hk_buf_add_json_string(buf, value);
}
