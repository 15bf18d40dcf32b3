/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/output.h - what people and machines read on stdout. Whatever the API says may have come
 * from a payload or a receiver: no byte of it reaches a terminal that the terminal would act on.
 */
#ifndef API_CLI_OUTPUT_H
#define API_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "hk/buf.h"

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_WAIT, COLOUR_DIM };

/* Once, before all others: where stdout goes, how wide it is, whether it takes colours. */
void output_init(void);

/* Columns of the terminal; 0: any number, it is no terminal. */
int output_width(void);

/*
 * Appends `text` as it may be shown: what is not printable (control characters, what changes the
 * direction of text, bytes that are no UTF-8) as \n, \x1b or \u202e. A `width` other than 0 cuts
 * it at so many columns, with an ellipsis. Returns its columns.
 */
int output_add_clean(struct hk_buf *buf, const char *text, int width);

/* The marks of a colour and of its end; "" where there are none. */
const char *output_begin(enum colour colour);
const char *output_end(enum colour colour);

/* How a message's status, or an attempt's outcome, is shown. */
enum colour output_colour_of(const char *status);

/* The text, clean, and what stands around it, as printf() has it. */
void output_print_clean(FILE *out, const char *text);

/* One line, or indented over several with `is_pretty`; JSON with the same escapes. */
void output_json(const json_t *json, bool is_pretty);

/* A member's text; "" when it is absent, null or something else. */
const char *output_text(const json_t *object, const char *name);
/* A member's whole number; 0. */
int64_t output_int(const json_t *object, const char *name);

/* "2026-11-22 06:28:00" of a time of the API. */
#define OUTPUT_TIME_SIZE 20
void output_time(const char *text, char ret[OUTPUT_TIME_SIZE]);

#endif
