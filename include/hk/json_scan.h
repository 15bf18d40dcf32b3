/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/json_scan.h - a strict one-pass JSON validator (RFC 8259) that finds where values lie.
 *
 * For publishing and for flows: payloads keep the producer's own bytes, and a parser that builds a
 * tree costs more than everything else a request does (docs/adr/0004). Pure, no allocation. Refused
 * besides bad syntax: invalid UTF-8, a byte order mark, raw control characters, a lone surrogate
 * escape, more than HK_JSON_MAX_DEPTH levels. Legal in a payload: numbers of any size, duplicate
 * names, "\u0000" escapes.
 */
#ifndef HK_JSON_SCAN_H
#define HK_JSON_SCAN_H

#include "hk/base.h"

#define HK_JSON_MAX_DEPTH 64

enum hk_json_kind {
    HK_JSON_OBJECT = 1,
    HK_JSON_ARRAY,
    HK_JSON_STRING,
    HK_JSON_NUMBER,
    HK_JSON_TRUE,
    HK_JSON_FALSE,
    HK_JSON_NULL
};

/* A value: its bytes in the text; a string's include its quotes. */
struct hk_json_span {
    enum hk_json_kind kind;
    struct hk_str bytes;
};

/* Validates all of `text` as one value with blanks around it. False: not JSON; `ret_at` is where.
 */
HK_NODISCARD bool hk_json_scan(struct hk_str text, struct hk_json_span *ret, size_t *ret_at);

/*
 * Walks the members of an object, or the elements of an array, of text that hk_json_scan()
 * accepted. Start with `cursor` zero-initialised but for `bytes`. False: no more. `ret_name` is a
 * string's bytes with quotes (.p NULL in an array).
 */
struct hk_json_cursor {
    struct hk_str bytes; /* of the object or array */
    size_t at;           /* private */
};
bool hk_json_next(struct hk_json_cursor *cursor, struct hk_str *ret_name,
                  struct hk_json_span *ret_value);

/* A value by its bytes, without blanks around them, in text that hk_json_scan() accepted. */
struct hk_json_span hk_json_of(struct hk_str bytes);

/* Whether a string's bytes (with quotes) spell `text`, escapes included. */
bool hk_json_string_eq(struct hk_str quoted, const char *text);

/*
 * Decodes a string's bytes (with quotes) into `ret`, which has room for quoted.n bytes. Returns the
 * length, or SIZE_MAX when it holds U+0000, which PostgreSQL's text cannot.
 */
size_t hk_json_string_decode(struct hk_str quoted, char *ret);

#endif
