/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/buf.h - a growing buffer with a mandatory maximum.
 *
 * Appending past `max` sets `is_full` and changes nothing else, so that a caller may append many
 * times and ask once. Running out of memory ends the process. The bytes are followed by a NUL.
 */
#ifndef HK_BUF_H
#define HK_BUF_H

#include "hk/base.h"

struct hk_buf {
    char *p;
    size_t n;
    size_t capacity;
    size_t max;
    bool is_full;
};

void hk_buf_init(struct hk_buf *buf, size_t max);
void hk_buf_done(struct hk_buf *buf); /* also for HK_CLEANUP; leaves an initialised, empty buffer */
void hk_buf_clear(struct hk_buf *buf); /* keeps the memory */

void hk_buf_add(struct hk_buf *buf, const void *p, size_t n);
void hk_buf_add_str(struct hk_buf *buf, struct hk_str s);
void hk_buf_add_text(struct hk_buf *buf, const char *text);
void hk_buf_printf(struct hk_buf *buf, const char *format, ...) HK_PRINTF(2, 3);

/* Appends `s` as a JSON string with its quotes; `s` is valid UTF-8. */
void hk_buf_add_json_string(struct hk_buf *buf, struct hk_str s);

/* Appends "name":"value", or "name":null when value.p is NULL; `name` needs no escaping. */
void hk_buf_add_json_member(struct hk_buf *buf, const char *name, struct hk_str value);

static inline struct hk_str hk_buf_str(const struct hk_buf *buf)
{
    return (struct hk_str){buf->n == 0 ? "" : buf->p, buf->n};
}

#endif
