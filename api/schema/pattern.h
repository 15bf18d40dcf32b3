/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/pattern.h - regular expressions of ECMA-262 that can be matched in linear time: no
 * back-references, no look-around, no \p (docs/json-schema.md has the list, docs/adr the reason).
 * Pure.
 *
 * Users write them and the event loop runs them: a text of n characters costs at most n times the
 * number of operations, whatever the expression.
 */
#ifndef API_SCHEMA_PATTERN_H
#define API_SCHEMA_PATTERN_H

#include "api/schema/value.h"

enum { PATTERN_MAX_CHARACTERS = 512, PATTERN_MAX_OPS = 2000, PATTERN_MAX_RANGES = 1000 };

struct pattern; /* opaque; one block of memory */

typedef void *pattern_alloc_fn(void *arg, size_t n);

/*
 * `inside` is the expression as it stands between the quotes of a JSON string. NULL with a reason,
 * a whole sentence, when it is not one or not one of these.
 */
struct pattern *pattern_compile(struct hk_str inside, pattern_alloc_fn *alloc, void *alloc_arg,
                                const char **ret_reason);

/* Whether it matches anywhere in the text (between quotes, too). */
bool pattern_matches(const struct pattern *pattern, struct hk_str inside, struct budget *budget);

/* Operations: what it costs to keep. */
unsigned pattern_n_ops(const struct pattern *pattern);

#endif
