/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/json_scan.h - a strict one-pass JSON validator (RFC 8259) that finds where values lie.
 *
 * For publishing only: payloads keep the producer's own bytes, and a parser that builds a tree
 * costs more than everything else a request does (docs/adr/0004). Pure, no allocation. Refused
 * besides bad syntax: invalid UTF-8, a byte order mark, raw control characters, a lone surrogate
 * escape, more than JSON_SCAN_MAX_DEPTH levels. Legal in a payload: numbers of any size, duplicate
 * names,
 * "\u0000" escapes.
 */
#ifndef API_JSON_SCAN_H
#define API_JSON_SCAN_H

#include "hk/base.h"

#define JSON_SCAN_MAX_DEPTH 64

enum json_kind {
    JSON_KIND_OBJECT = 1,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL
};

/* A value: its bytes in the text; a string's include its quotes. */
struct json_span {
    enum json_kind kind;
    struct hk_str bytes;
};

/* Validates all of `text` as one value with blanks around it. False: not JSON; `ret_at` is where.
 */
HK_NODISCARD bool json_scan(struct hk_str text, struct json_span *ret, size_t *ret_at);

/*
 * Walks the members of an object, or the elements of an array, of text that json_scan() accepted.
 * Start with `cursor` zero-initialised but for `bytes`. False: no more. `ret_name` is a string's
 * bytes with quotes (.p NULL in an array).
 */
struct json_cursor {
    struct hk_str bytes; /* of the object or array */
    size_t at;           /* private */
};
bool json_next(struct json_cursor *cursor, struct hk_str *ret_name, struct json_span *ret_value);

/* Whether a string's bytes (with quotes) spell `text`, escapes included. */
bool json_string_eq(struct hk_str quoted, const char *text);

/*
 * Decodes a string's bytes (with quotes) into `ret`, which has room for quoted.n bytes. Returns the
 * length, or SIZE_MAX when it holds U+0000, which PostgreSQL's text cannot.
 */
size_t json_string_decode(struct hk_str quoted, char *ret);

#endif
