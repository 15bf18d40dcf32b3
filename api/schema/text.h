/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/text.h - the characters of JSON strings, read where they lie: between the quotes of a
 * text that hk_json_scan() accepted, escapes and all. U+0000 is a character like any other. Pure.
 */
#ifndef API_SCHEMA_TEXT_H
#define API_SCHEMA_TEXT_H

#include "hk/base.h"

/* What stands between the quotes of a string's bytes. */
struct hk_str text_inside(struct hk_str quoted);

/* The code point at `*at`, which moves behind it. `*at` is below inside.n. */
int32_t text_next(struct hk_str inside, size_t *at);

/* The same of plain UTF-8, where a backslash stands for itself. */
int32_t text_next_plain(struct hk_str plain, size_t *at);

/* In code points. */
size_t text_length(struct hk_str inside);

/* Whether two spell the same, whatever is escaped in either. */
bool text_eq(struct hk_str inside_a, struct hk_str inside_b);
bool text_eq_plain(struct hk_str inside, struct hk_str plain);

/* Equal texts have equal hashes. */
uint32_t text_hash(struct hk_str inside);

/* Writes a code point as UTF-8; the number of bytes. */
size_t text_encode(int32_t code_point, char ret[4]);

#endif
