/* SPDX-License-Identifier: Apache-2.0 */
/* api/schema/pattern_op.h - a compiled pattern. Private to pattern_compile.c and pattern_match.c.
 */
#ifndef API_SCHEMA_PATTERN_OP_H
#define API_SCHEMA_PATTERN_OP_H

#include "api/schema/pattern.h"

enum pattern_code {
    OP_MATCH,     /* the end of the pattern */
    OP_CHARACTER, /* x */
    OP_ANY,       /* all but line ends */
    OP_OF,        /* in one of the ranges x to x + y */
    OP_NOT_OF,
    OP_SPLIT, /* goes on at both this + x and this + y */
    OP_JUMP,  /* goes on at this + x */
    OP_START, /* of the text */
    OP_END,
    OP_EDGE, /* of a word */
    OP_NO_EDGE,
};

/* Jumps are relative, so that a piece can be copied and moved. */
struct pattern_op {
    enum pattern_code code;
    int32_t x, y;
};

struct pattern_range {
    int32_t low, high;
};

struct pattern {
    unsigned n_ops;
    const struct pattern_op *ops;
    const struct pattern_range *ranges;
};

#endif
